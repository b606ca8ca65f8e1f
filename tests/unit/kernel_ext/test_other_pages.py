"""What we show keeps its meaning on pages that run nothing of ours: VS Code, Colab, GitHub.

By rule: those pages are not tried here, what they are known to take out is.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from functools import partial
from html.parser import HTMLParser

import pytest

from ipycontainer.commands.grammar import cli
from ipycontainer.commands.verb import Verb
from ipycontainer.model.config import ContainerConfig
from kernel_ext.cards import FORMS
from kernel_ext.help_page import HelpPage
from kernel_ext.live import stills
from kernel_ext.live.chart import Chart, picture
from kernel_ext.scrolling import scrolling
from kernel_ext.start_page import StartPage
from tests.fakes import FakeContainer, FakeEngine
from tests.unit.kernel_ext.test_every_frame import MAKERS, made

# github.com/gjtorikian/html-pipeline, SanitizationFilter: elements that GitHub keeps.
# `style` is not among them, nor is `data:` for the source of an image.
GITHUB_TAGS = frozenset(
    "a b bdi blockquote br caption code dd del details div dl dt em h1 h2 h3 h4 h5 h6 hr i img ins "
    "kbd li ol p pre q s samp small span strong sub summary sup table tbody td tfoot th thead tr "
    "tt ul var".split()
)
# packages/apputils/src/sanitizer.ts of JupyterLab 4: what an untrusted notebook keeps of these.
LAB_TAGS = GITHUB_TAGS | {"meter", "progress"}
RUNS = re.compile(r"\bon\w+\s*=|javascript:|expression\(|@import|url\(", re.IGNORECASE)


class Seen(HTMLParser):
    """The tags, attributes and words of a page; the words are what is left without any style."""

    def __init__(self, markup: str) -> None:
        super().__init__()
        self.tags: set[str] = set()
        self.attributes: list[tuple[str, str]] = []
        self.words = ""
        self.feed(markup)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.add(tag)
        self.attributes += [(name, value or "") for name, value in attrs]
        self.words += "".join(f" {value} " for name, value in attrs if name == "alt")

    def handle_data(self, data: str) -> None:
        self.words += data


def container(code: int | None = None) -> FakeContainer:
    """Return a container that runs, or has ended."""
    config = ContainerConfig("busybox", command=("sleep", "60"))
    one = FakeEngine().containers.create_from(config, "web")
    one.start()
    if code is not None:
        one.ends(code)
    return one


def card(code: int | None = None) -> str:
    """Return a container's card."""
    return str(FORMS["ipycontainer.engine.container.Container"]["text/html"](container(code)))


def still() -> str:
    """Return what stands beside a live view: a table and a chart."""
    chart = Chart("cpu", lambda value: f"{value:.0f}%", {"web": [(0.0, 1.0), (1.0, 42.0)]})
    rows = [[stills.word("web"), stills.number("42%")]]
    return scrolling(stills.table(("container", "cpu"), rows) + picture(chart))


def frame_of(verb: str) -> str:
    """Return the frame of a verb, with three rows."""
    return str(made(verb, 3)._repr_html_())


def usage() -> str:
    """Return the help of a verb with many options."""
    verb = cli.commands["run"]
    assert isinstance(verb, Verb)
    return HelpPage(verb.usage())._repr_html_()


# What is shown, and the words that must be there without any colour or picture.
PAGES: dict[str, tuple[Callable[[], str], tuple[str, ...]]] = {
    **{f"frame of {verb}": (partial(frame_of, verb), ()) for verb in MAKERS},
    "card, running": (card, ("web", "running", "busybox")),
    "card, failed": (lambda: card(3), ("exited",)),
    "start page": (lambda: StartPage([container()])._repr_html_(), ("1 running", "%container")),
    "help": (usage, ("--publish", "Publish a port")),
    "still picture": (still, ("web", "cpu: web 42%")),
    "diff's kinds": (lambda: str(made("diff", 1)._repr_html_()), ("added",)),
    "a state": (lambda: str(made("ps", 1)._repr_html_()), ("running",)),
    "a start's steps": (lambda: str(made("explain", 1)._repr_html_()), ("1 steps in", "init")),
}
EACH = pytest.mark.parametrize("name", PAGES)


@EACH
def test_nothing_runs_loads_or_needs_a_class(name: str) -> None:
    """Tags that all pages keep, styles inline, no event, address or class that looks hang on."""
    markup = PAGES[name][0]()
    seen = Seen(markup)
    assert seen.tags <= LAB_TAGS
    assert {attribute for attribute, _ in seen.attributes}.isdisjoint({"class", "id", "srcdoc"})
    assert not RUNS.search(markup)
    for attribute, value in seen.attributes:
        if attribute == "src":
            assert re.match(r"data:image/(svg\+xml|png);base64,", value)
        if attribute == "href":
            assert re.match(r"https?://", value)


@EACH
def test_the_words_are_there_without_styles_and_pictures(name: str) -> None:
    """As on GitHub, which takes both out: every value, every state and every title is text."""
    make, words = PAGES[name]
    seen = Seen(make())
    assert seen.tags <= GITHUB_TAGS
    for word in words:
        assert word in seen.words
    verb = name.removeprefix("frame of ")
    if verb in MAKERS:
        frame = made(verb, 3)
        assert all(column in seen.words for column in frame.columns)
        for column in ("name", "path", "step", "repository"):
            values = frame[column].dropna() if column in frame else ()
            assert all(str(value) in seen.words for value in values)


def test_no_colour_of_text_is_set() -> None:
    """A page's own colour is the only one that suits its theme; backgrounds are see-through."""
    for make, _ in PAGES.values():
        styles = [value for name, value in Seen(make()).attributes if name == "style"]
        assert not [style for style in styles if re.search(r"(^|;)\s*color:", style)]
        backgrounds = [s for style in styles for s in re.findall(r"background:([^;]+)", style)]
        assert all(re.fullmatch(r"rgba\([\d,]+,\.25\)", each) for each in backgrounds)
