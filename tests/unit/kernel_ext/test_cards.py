"""A container that a cell returns is shown as a card, and as one line where there is no HTML."""

from __future__ import annotations

from dataclasses import replace

from IPython.lib.pretty import PrettyPrinter

from ipycontainer.model.config import ContainerConfig
from ipycontainer.model.state import ContainerState, Status
from kernel_ext.cards import CONTAINER_TYPE, container_html, container_text
from tests.fakes import FakeContainer, FakeEngine
from tests.unit.kernel_ext.test_frames import Page


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
    page = Page(container_html(made))
    assert page.harmless
    for text in ("web", made.short_id, "running", "busybox", "sleep 60"):
        assert text in page.text


def test_a_failed_start_says_why() -> None:
    """The error of a start stands on the card."""
    made = container()
    made.record = replace(made.record, state=ContainerState(Status.CREATED, error="no such <file>"))
    assert "no such <file>" in Page(container_html(made)).text


def test_hostile_words_are_only_text() -> None:
    """What a user of another container wrote cannot act in the page."""
    made = container(label="<script>alert(1)</script>\"' onload=x")
    page = Page(container_html(made))
    assert page.harmless
    assert "<script>" in page.text


def text_of(made: FakeContainer) -> str:
    """Return what IPython would print."""
    from io import StringIO

    out = StringIO()
    printer = PrettyPrinter(out)  # type: ignore[no-untyped-call]
    container_text(made, printer, False)
    printer.flush()  # type: ignore[no-untyped-call]
    return out.getvalue()


def test_the_line_has_the_same_facts() -> None:
    """Text shows name, short id, image and state in one line."""
    made = container(code=3)
    assert text_of(made) == f"web  {made.short_id}  busybox  exited (3)"


def test_the_type_is_the_engines() -> None:
    """The name that is registered is the engine's class: formatters match by it."""
    from ipycontainer.engine.container import Container

    assert f"{Container.__module__}.{Container.__qualname__}" == CONTAINER_TYPE
