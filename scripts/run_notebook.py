"""Run a notebook top to bottom and print its cells with their outputs as text.

    run_notebook.py NOTEBOOK [--save FILE] [--record]

The kernel is this interpreter's, its working directory the notebook's own. The first cell that
raises ends it with exit code 1. Used by scripts/demo and by the tests of the notebooks.

Some cells show, on machines that lack something, what they printed on one that has it: RECORDED.
With --record, run where nothing is missing (as root), this writes what they print now into the
notebook, in place of what stood there; else it stays as it was.
"""

from __future__ import annotations

import argparse
import ast
import copy
import re
import sys
import tempfile
from pathlib import Path
from typing import Any

import nbformat
from nbclient import NotebookClient
from nbclient.exceptions import CellExecutionError

COLOURS = re.compile(r"\x1b\[[0-9;]*m")
RECORDED = re.compile(r'^RECORDED = ("""(?:.|\n)*?"""|".*")$', re.MULTILINE)
INSTEAD = "Recorded elsewhere"  # a cell says so that shows what was recorded


def text_of(output: Any) -> str:
    """Return what an output shows in a terminal."""
    if output.output_type == "stream":
        text = str(output.text)
    elif output.output_type == "error":
        text = "\n".join(output.traceback)
    else:
        text = str(output.data.get("text/plain", "(a picture)"))
    return COLOURS.sub("", text.rstrip("\n"))


def show(cell: Any) -> None:
    """Print one cell."""
    if cell.cell_type != "code":
        print(f"\n{cell.source}\n")
        return
    first, *rest = cell.source.splitlines() or [""]
    print(
        "\n".join([f"In [{cell.execution_count or ' '}]: {first}", *(f"      {s}" for s in rest)])
    )
    for output in cell.outputs:
        print(text_of(output))
    print()


def recorded(source: str) -> str | None:
    """Return what a cell shows where it cannot do what it tells of, None for most cells."""
    found = RECORDED.search(source)
    return str(ast.literal_eval(found[1])) if found else None


def record(notebook: Any, executed: Any) -> None:
    """Put what cells printed into the notebook. Raises ValueError where one could not do it."""
    for cell, run in zip(notebook.cells, executed.cells, strict=True):
        if cell.cell_type != "code" or (before := recorded(cell.source)) is None:
            continue
        now = "\n".join(text_of(output) for output in run.outputs).strip("\n")
        if INSTEAD in now:
            raise ValueError(f"something is missing here: {now.splitlines()[0]}")
        quote = '"""' if "\n" in now else '"'
        text = now.replace("\\", "\\\\").replace('"', '\\"')
        place = RECORDED.search(cell.source)
        assert place is not None  # `recorded` has just found it
        begin, end = place.span(1)
        cell.source = f"{cell.source[:begin]}{quote}{text}{quote}{cell.source[end:]}"
        for output in cell.outputs:
            if output.output_type == "stream":
                output.text = output.text.replace(before, now)


def main(arguments: list[str]) -> int:
    """Run, print, save; see the module's docstring."""
    parser = argparse.ArgumentParser()
    parser.add_argument("notebook", type=Path)
    parser.add_argument("--save", type=Path)
    parser.add_argument("--record", action="store_true")
    options = parser.parse_args(arguments)
    notebook = nbformat.read(options.notebook, as_version=4)
    as_it_was = copy.deepcopy(notebook)
    client = NotebookClient(
        notebook,
        timeout=120,
        kernel_name="python3",
        record_timing=False,  # when each cell was run is of no interest to who reads a saved one
        resources={"metadata": {"path": str(options.notebook.resolve().parent)}},
    )
    code = 0
    with tempfile.TemporaryFile() as log, client.setup_kernel(stderr=log):
        for number, cell in enumerate(notebook.cells):
            try:
                client.execute_cell(cell, number)
            except CellExecutionError:
                code = 1
            show(cell)
            sys.stdout.flush()
            if code:
                log.seek(0)  # what the kernel itself said
                sys.stderr.write(log.read().decode(errors="replace"))
                break
    if options.save and not code:
        nbformat.write(notebook, options.save)
    if options.record and not code:
        record(as_it_was, notebook)
        nbformat.write(as_it_was, options.notebook)
    return code


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
