"""Classes of bugs in what a container's words do to a page, a terminal and a notebook's file."""

from __future__ import annotations

import html
import io
import json
from contextlib import redirect_stdout
from html.parser import HTMLParser
from typing import Any

import pytest
from IPython.lib.pretty import pretty

from ipycontainer.engine.engine import Engine
from kernel_ext import cards, output
from kernel_ext.output import CELL_BYTES, Output
from tests.system.security.rules import either

pytestmark = pytest.mark.usefixtures("busybox_image")

HOSTILE = "\"'><script>alert(1)</script><img src=x onerror=alert(1)>"


class _Page(HTMLParser):
    """What a browser would make of some HTML: elements, attributes, text."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.elements: set[str] = set()
        self.handlers: set[str] = set()
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.add(tag)
        self.handlers |= {name for name, _ in attrs if name.startswith("on")}

    @property
    def harmless(self) -> bool:
        """Tell whether nothing in it runs."""
        return not self.handlers and not self.elements & {"script", "img", "iframe", "svg"}


@either
def test_markup_in_names_labels_and_environment(
    engine: Engine, monkeypatch: pytest.MonkeyPatch, holds: bool
) -> None:
    """No word of a container, an image or a volume becomes an element or a handler of a page."""
    from ipycontainer.commands import grammar
    from kernel_ext.display import show
    from kernel_ext.options import Options

    if not holds:
        monkeypatch.setattr(html, "escape", _Plain.escape)
    container = engine.containers.create(
        "busybox",
        ["echo", HOSTILE],
        name="plain",
        network="none",
        labels={HOSTILE: HOSTILE},
        environment={"X": HOSTILE},
        working_dir=f"/{HOSTILE}",
    )
    pages = [cards.FORMS["ipycontainer.engine.container.Container"]["text/html"](container)]
    for words in (["ps", "-a"], ["inspect", "plain"], ["history", "busybox"], ["images"]):
        outcome = grammar.invoke(lambda: engine, words)
        value: Any = show(outcome, Options(), words, quiet=False).value
        render = getattr(value, "_repr_html_", lambda: "")
        pages.append(render() or "")
    assert sum(bool(page) for page in pages) >= 4
    assert all(_Page(page).harmless for page in pages) == holds
    container.remove()


class _Plain:
    """Escaping that changes nothing."""

    @staticmethod
    def escape(text: str, quote: bool = True) -> str:
        return text


@either
def test_sequences_that_a_terminal_acts_on(
    engine: Engine, monkeypatch: pytest.MonkeyPatch, holds: bool
) -> None:
    """Clipboard (OSC 52), links (OSC 8), titles, DCS and C1: none gets into a cell; colours do."""
    if not holds:
        monkeypatch.setattr(output, "TerminalText", _Decoder)
    script = (
        r"printf '\033]52;c;ZXZpbA==\007\033]8;;http://evil\033\\link\033]8;;\033\\'; "
        r"printf '\033]0;title\007\033Pq#0\033\\\302\2332J\033[2J\033[31mred\033[m\n'"
    )
    result = engine.run("busybox", ["sh", "-c", script], network="none", remove=True)
    shown = io.StringIO()
    with redirect_stdout(shown):
        cell = Output()
        cell.add("stdout", result.stdout, 0.0)
        cell.end()
    assert (shown.getvalue() == "link\x1b[31mred\x1b[m\n") == holds
    assert ("\x1b]52" in shown.getvalue()) == (not holds)


class _Decoder:
    """Bytes as text, with all that is in them."""

    def feed(self, data: bytes) -> str:
        return data.decode()

    def end(self) -> str:
        return ""


@either
def test_a_flood_of_output(engine: Engine, monkeypatch: pytest.MonkeyPatch, holds: bool) -> None:
    """A cell takes 256 KiB, a log what its options say, however much is written."""
    from ipycontainer.commands import grammar

    if not holds:
        monkeypatch.setattr(output, "CELL_BYTES", 1 << 40)
    bounds = ["--log-opt", "max-size=64k", "--log-opt", "max-file=2"] if holds else []
    flood = ["busybox", "sh", "-c", "yes | head -c 4000000"]
    grammar.invoke(lambda: engine, ["run", "-d", "--network", "none", *bounds, *flood])
    (container,) = engine.containers.list(all=True)
    container.wait(timeout=60)
    directory = engine.home.container(container.id) / "log"
    logged = sum(path.stat().st_size for path in directory.iterdir())
    assert (0 < logged < 200_000) == holds
    container.remove()
    shown = io.StringIO()
    with redirect_stdout(shown):
        cell = Output()
        for _ in range(5):
            cell.add("stdout", b"y\n" * 500_000, 0.0)
        cell.end()
    assert (len(shown.getvalue()) <= CELL_BYTES) == holds


@either
def test_secrets_in_a_saved_notebook(
    engine: Engine, monkeypatch: pytest.MonkeyPatch, holds: bool
) -> None:
    """What a cell shows of `inspect` hides values that are called secret; the value has them."""
    from ipycontainer.commands import grammar
    from kernel_ext import values
    from kernel_ext.display import show
    from kernel_ext.options import Options

    if not holds:
        monkeypatch.setattr(values, "_without_secret", lambda entry: entry)
    hidden = dict.fromkeys(("TOKEN", "DB_PASSWORD", "AWS_SECRET_ACCESS_KEY"), "hunter2")
    container = engine.containers.create(
        "busybox", ["true"], network="none", name="plain", environment={**hidden, "PLAIN": "seen"}
    )
    words = ["inspect", "plain"]
    found = show(grammar.invoke(lambda: engine, words), Options(), words, quiet=False).value
    page, text = json.dumps(found._repr_json_()), str(pretty(found))  # type: ignore[no-untyped-call]
    assert "PLAIN=seen" in page
    assert "PLAIN=seen" in text
    assert ("hunter2" not in page and "hunter2" not in text) == holds
    assert "TOKEN=hunter2" in found[0]["Config"]["Env"]
    container.remove()


@either
def test_options_that_come_out_of_data(
    engine: Engine, monkeypatch: pytest.MonkeyPatch, holds: bool
) -> None:
    """A value in a magic's line is no flag, whatever it begins with; in a list it may be one."""
    from ipycontainer.commands import flags, grammar
    from ipycontainer.errors import UsageError
    from kernel_ext.expand import expand
    from kernel_ext.split import split

    if not holds:
        monkeypatch.setattr(flags, "Value", type("Nothing", (str,), {}))
    names = {"name": "--privileged", "wanted": ["--rm"], "argument": "-1"}
    line = "create --network none {wanted} {name} busybox echo {argument}"
    words = expand(split(line), names)
    if holds:
        with pytest.raises(UsageError, match="'--privileged' is a value"):
            grammar.invoke(lambda: engine, words)
        words.remove("--privileged")
    grammar.invoke(lambda: engine, words)
    (container,) = engine.containers.list(all=True)
    assert container.attrs["HostConfig"]["Privileged"] == (not holds)
    assert container.attrs["Args"] == ["-1"]
    container.remove()
