"""What leads on: the start page, help as a page, questions, and names that were meant."""

from __future__ import annotations

import pytest

from ipycontainer.commands.suggesting import suggest
from ipycontainer.errors import (
    ContainerNotRunning,
    EngineError,
    ImageNotFound,
    NoSuchContainer,
    RegistryError,
    UsageError,
)
from kernel_ext import help_page
from kernel_ext.wording import spoken
from tests.fake_transfers import FakeTransfer
from tests.unit.kernel_ext.conftest import Cells


def test_the_bare_magic_tells_what_runs_and_what_to_type_next(cells: Cells) -> None:
    """Empty at first; then names, escaped, and steps for what is there."""
    first = cells.forms(cells.run("%container"))
    assert first["text/plain"].startswith("no containers yet\n\nNext:\n  %%container run --rm host")
    cells.run("%container create --name old busybox")
    assert "%container diff old" in cells.forms(cells.run("%container"))["text/plain"]
    cells.run("%container run -d --name web busybox sleep 9")
    page = cells.forms(cells.run("%container"))
    assert page["text/plain"].startswith("1 running, 1 stopped\n  web  busybox  running\n")
    assert "%container logs web" in page["text/html"]
    assert "<script" not in page["text/html"]


def test_help_is_a_page(cells: Cells) -> None:
    """--help lists all verbs, or the options of one, as text and as a table."""
    everything = cells.forms(cells.run("%container --help"))
    assert "Commands:" in everything["text/plain"]
    assert "<code>python</code>" in everything["text/html"]
    one = cells.forms(cells.run("%container run --help"))
    assert one["text/plain"].startswith("Usage:  %container run [OPTIONS] IMAGE")
    assert "--workdir" in one["text/plain"]
    table = one["text/html"]
    assert "<code>-w, --workdir</code> <em>string</em>" in table
    assert "<code>--explain</code></td>" in table
    assert "Run in background and print container ID" in table


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("%container run?", "%container run --help\n"),
        ("%container volume ls??\n", "%container volume ls --help\n"),
        ("%%container python ?", "%container python --help\n"),
        ("%container?", "%container?"),
        ("%container run -d web?", "%container run -d web?"),
        ("x?", "x?"),
    ],
)
def test_a_question_about_a_verb_is_its_help(line: str, expected: str) -> None:
    """`?` after a verb asks for its help; other questions stay IPython's."""
    assert help_page.questions([line]) == [expected]
    assert help_page.questions([line, "1 + 1"]) == [line, "1 + 1"]


def test_a_question_works_in_a_cell(cells: Cells) -> None:
    """The transformer stands once, however often the extension is loaded."""
    help_page.register(cells.shell)
    help_page.register(cells.shell)
    assert cells.shell.input_transformers_cleanup.count(help_page.questions) == 1
    try:
        assert "--workdir" in str(cells.run("%container run?"))
    finally:
        help_page.unregister(cells.shell)


def test_a_name_that_was_meant_is_said(cells: Cells) -> None:
    """A close name, else how to list them; for containers, images, and one of several."""
    cells.run("%container create --name web busybox")
    with pytest.raises(NoSuchContainer) as close:
        cells.run("%container logs wbe")
    assert close.value._render_traceback_() == ["No such container: wbe", "Did you mean web?"]
    with pytest.raises(NoSuchContainer) as none:
        cells.run("%container rm web nothing_like_it")
    assert none.value.hint == "%container ps -a lists all containers"
    with pytest.raises(ImageNotFound) as image:
        cells.run("%container image rm busybo")
    assert image.value.hint == "Did you mean busybox?"


def test_a_wrong_number_of_arguments_shows_the_usage(cells: Cells) -> None:
    """In the words of a cell: what was typed, and how it goes."""
    with pytest.raises(UsageError) as wrong:
        cells.run("%container checkpoint web")
    assert wrong.value._render_traceback_() == [
        '"%container checkpoint" requires exactly 2 arguments.',
        "Usage: %container checkpoint [OPTIONS] CONTAINER NAME",
    ]


def test_an_image_that_does_not_come_leads_to_those_that_are_here(
    cells: Cells, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A machine without a registry has the host image still."""
    transfer = FakeTransfer([RegistryError("dial tcp: no such host")], None)
    monkeypatch.setattr(type(cells.engine.images), "pulling", lambda *_, **__: transfer)
    with pytest.raises(RegistryError) as gone:
        cells.run("%container run --rm nothing true")
    step = "%container images lists those that are here; host always is"
    assert gone.value._render_traceback_() == ["dial tcp: no such host", step]


@pytest.mark.parametrize(
    ("line", "shown"),
    [
        ("network rm shp", ["network shp not found", "Did you mean shop?"]),
        ("volume rm dta", ["get dta: no such volume", "Did you mean data?"]),
        (
            "volume inspect nowhere",
            ["get nowhere: no such volume", "%container volume ls lists them"],
        ),
        (
            "strat web",
            ["%container: 'strat' is not a %container command.", "Did you mean stats or start?"],
        ),
        (
            "frobnicate",
            [
                "%container: 'frobnicate' is not a %container command.",
                "%container --help lists the verbs",
            ],
        ),
        ("build .", ["%container build is not supported yet", None]),
    ],
)
def test_what_a_wrong_line_is_told(cells: Cells, line: str, shown: list[str | None]) -> None:
    """One line says what is wrong, the next what was meant or what to type, in a cell's words."""
    cells.run("%container network create shop")
    cells.run("%container volume create data")
    with pytest.raises(EngineError) as wrong:
        cells.run(f"%container {line}")
    said = wrong.value._render_traceback_()
    assert len(said) == len(shown)
    assert all(expected in (None, text) for text, expected in zip(said, shown, strict=True))


def test_what_stands_in_the_way_is_told_with_what_takes_it_away(cells: Cells) -> None:
    """A name that is taken, a container that is stopped or running: the line that helps."""
    cells.run("%container create --name idle busybox")
    with pytest.raises(EngineError) as taken:
        cells.run("%container create --name idle busybox")
    assert taken.value.hint == "%container rm idle, or take another name"
    stopped = ContainerNotRunning(f"container {cells.container('idle').id} is not running")
    suggest(stopped, lambda: cells.engine)
    assert stopped.hint == "ipycontainer start idle"


def test_a_group_alone_is_its_help(cells: Cells) -> None:
    """Its name asks for its verbs; a wrong one after it shows them too, and what was meant."""
    assert "connect" in cells.forms(cells.run("%container network"))["text/html"]
    with pytest.raises(UsageError) as wrong:
        cells.run("%container network conect shop web")
    first, *_, last = wrong.value._render_traceback_()
    assert first.startswith("Usage:  %container network COMMAND")
    assert last == "Did you mean connect or disconnect?"


def test_steps_are_said_as_a_cell_has_them() -> None:
    """Except those that name the shell."""
    assert spoken("see the log, and run: ipycontainer doctor") == (
        "see the log, and run: %container doctor"
    )
    assert spoken("pip install 'x[data]', or a file") == "%pip install 'x[data]', or a file"
    assert spoken("export IPYCONTAINER_HOME=/x") == "%env IPYCONTAINER_HOME=/x"
    for text in ("bsdtar -cf - @A | ipycontainer import - N", "in a shell: ipycontainer run -it"):
        assert spoken(text) == text
