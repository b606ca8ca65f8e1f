"""What cells print on a machine that lacks nothing is recorded for those that do."""

from __future__ import annotations

from typing import Any

import nbformat
import pytest

from scripts.run_notebook import record, recorded

CELL = 'RECORDED = "9 children"\n\nif where_limits_work(RECORDED):\n    %container run host true'


def notebook(printed: str) -> Any:
    """Return a notebook of one cell, which has printed this."""
    output = nbformat.v4.new_output("stream", text=printed)
    return nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(CELL, outputs=[output])])


@pytest.mark.parametrize("printed", ["8 children", "20 MB\n40 MB", 'say "so"\\n', 'a\n"b"'])
def test_what_is_printed_now_takes_its_place(printed: str) -> None:
    """In the source, whatever characters it has, and where a saved output shows it."""
    kept = notebook("Not here. Recorded elsewhere:\n\n9 children\n")
    record(kept, notebook(printed + "\n"))
    (cell,) = kept.cells
    assert recorded(cell.source) == printed
    assert cell.source.endswith("%container run host true")
    assert cell.outputs[0].text == f"Not here. Recorded elsewhere:\n\n{printed}\n"


def test_a_machine_that_lacks_something_records_nothing() -> None:
    """What was only shown is not recorded again as if it had been seen."""
    kept = notebook("")
    with pytest.raises(ValueError, match="something is missing here: Not here"):
        record(kept, notebook("Not here. Recorded elsewhere:\n\n9 children"))
    assert kept.cells[0].source == CELL
    assert recorded("x = 1") is None
