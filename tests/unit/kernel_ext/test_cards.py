"""A container that a cell returns is shown as a card, and as one line where there is no HTML."""

from __future__ import annotations

from dataclasses import replace

from IPython.lib.pretty import PrettyPrinter

from ipycontainer.model.config import ContainerConfig
from ipycontainer.model.network import PublishedPort
from ipycontainer.model.state import ContainerState, Status
from kernel_ext.cards import FORMS
from tests.fakes import FakeContainer, FakeEngine
from tests.unit.kernel_ext.test_frames import Page

CONTAINER = "ipycontainer.engine.container.Container"


def html_of(made: FakeContainer) -> str:
    """Return a container's card."""
    return str(FORMS[CONTAINER]["text/html"](made))


def container(name: str = "web", *, label: str = "", code: int | None = None) -> FakeContainer:
    """Return a container of the engine in memory."""
    config = ContainerConfig("busybox", command=("sleep", "60", label), labels={"l": label})
    made = FakeEngine().containers.create_from(config, name)
    made.start()
    if code is not None:
        made.ends(code)
    return made


def test_the_card_names_the_container() -> None:
    """The card has name, id, state, image and command."""
    made = container()
    page = Page(html_of(made))
    assert page.harmless
    for text in ("web", made.short_id, "running", "busybox", "sleep 60"):
        assert text in page.text


def test_a_failed_start_says_why() -> None:
    """The error of a start stands on the card."""
    made = container()
    made.record = replace(made.record, state=ContainerState(Status.CREATED, error="no such <file>"))
    assert "no such <file>" in Page(html_of(made)).text


def test_hostile_words_are_only_text() -> None:
    """What a user of another container wrote cannot act in the page."""
    made = container(label="<script>alert(1)</script>\"' onload=x")
    page = Page(html_of(made))
    assert page.harmless
    assert "<script>" in page.text


def text_of(made: FakeContainer) -> str:
    """Return what IPython would print."""
    from io import StringIO

    out = StringIO()
    printer = PrettyPrinter(out)  # type: ignore[no-untyped-call]
    FORMS[CONTAINER]["text/plain"](made, printer, False)
    printer.flush()  # type: ignore[no-untyped-call]
    return out.getvalue()


def test_the_line_has_the_same_facts() -> None:
    """Text shows name, short id, image and state in one line."""
    made = container(code=3)
    assert text_of(made) == f"web  {made.short_id}  busybox  exited (3)"


def test_the_type_is_the_engines() -> None:
    """The names that are registered are the engine's classes: formatters match by them."""
    from ipycontainer.engine.container import Container
    from ipycontainer.engine.image import Image
    from ipycontainer.engine.networks import Network
    from ipycontainer.engine.volumes import Volume

    kinds = (Container, Image, Network, Volume)
    assert {f"{kind.__module__}.{kind.__qualname__}" for kind in kinds} == set(FORMS)


def test_ports_are_links() -> None:
    """A port of tcp leads to who answers there; one of udp is text."""
    made = container()
    config = replace(made.record.config, publish_all=True)
    made.record = replace(made.record, config=config)
    made.published = [
        PublishedPort("tcp", "0.0.0.0", 8080, 80),
        PublishedPort("udp", "127.0.0.1", 53, 53),
    ]
    shown = html_of(made)
    assert '<a href="http://localhost:8080/" target="_blank" rel="noopener">8080</a>' in shown
    assert "53 → 53/udp" in shown
