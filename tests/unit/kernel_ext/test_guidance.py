"""What leads on: the start page, help as a page, questions, and names that were meant."""

from __future__ import annotations

import pytest

from ipycontainer.errors import ImageNotFound, NoSuchContainer, RegistryError, UsageError
from kernel_ext import help_page
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
    assert image.value.hint == "Did you mean busybox:latest?"


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
