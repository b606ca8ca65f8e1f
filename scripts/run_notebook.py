"""Run a notebook top to bottom and print its cells with their outputs as text.

    run_notebook.py NOTEBOOK [--save FILE]

The kernel is this interpreter's, its working directory the notebook's own. The first cell that
raises ends it with exit code 1. Used by scripts/demo and by the tests of the notebooks.
"""

from __future__ import annotations

import argparse
import re
import sys
import tempfile
from pathlib import Path
from typing import Any

import nbformat
from nbclient import NotebookClient
from nbclient.exceptions import CellExecutionError

COLOURS = re.compile(r"\x1b\[[0-9;]*m")


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


def main(arguments: list[str]) -> int:
    """Run, print, save; see the module's docstring."""
    parser = argparse.ArgumentParser()
    parser.add_argument("notebook", type=Path)
    parser.add_argument("--save", type=Path)
    options = parser.parse_args(arguments)
    notebook = nbformat.read(options.notebook, as_version=4)
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
    return code


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
