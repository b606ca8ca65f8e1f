"""The committed notebooks run from top to bottom in a kernel of the installed package."""

from __future__ import annotations

import json
import os
import re
import shutil
import tempfile
from importlib import metadata
from pathlib import Path
from typing import Any

import nbformat
import pytest
from nbclient import NotebookClient

from scripts.run_notebook import INSTEAD, recorded
from tests.notebooks.answers import ANSWERS, Exercise

ROOT = Path(__file__).resolve().parents[2]
NOTEBOOKS = sorted((ROOT / "notebooks").glob("*.ipynb"))
# What a cell of ours has made, beside what is always there.
LEFT = """
import ipycontainer
with ipycontainer.connect() as engine:
    containers = [container.name for container in engine.containers.list(all=True)]
    images = [tag.partition(":")[0] for image in engine.images.list() for tag in image.tags]
    print(containers, images, sorted(network.name for network in engine.networks.list()))
"""
# Paths of whoever ran it: the notebooks are executed as a user called ada.
STRANGE = re.compile(r"(?<!\w)/(?:work|root|tmp/\w+-run)/|/home/(?!ada/)")


def cells_of(notebook: Path, kind: str) -> list[Any]:
    """Return the cells of a kind."""
    cells = nbformat.read(notebook, as_version=4).cells
    return [cell for cell in cells if cell.cell_type == kind]


def said(cell: Any) -> str:
    """Return what a cell has shown, as text."""
    return "".join(
        output.text if output.output_type == "stream" else output.data.get("text/plain", "")
        for output in cell.outputs
    )


def shape(text: str) -> list[str]:
    """Return each kind of line once: numbers, and how often there is a like one, are each run's."""
    return list(dict.fromkeys(re.sub(r"\d+", "N", line) for line in text.strip().splitlines()))


class Reader:
    """Somebody who runs a notebook cell by cell, and tries answers at the exercises."""

    def __init__(self, client: NotebookClient) -> None:
        self.client = client
        self.place = len(client.nb.cells)  # where what is not of the notebook stands
        client.nb.cells.append(nbformat.v4.new_code_cell())

    def run(self, source: str) -> str:
        """Run a cell; return what it shows."""
        cell = nbformat.v4.new_code_cell(source)
        self.client.execute_cell(cell, self.place, store_history=False)
        return said(cell)

    def try_answers(self, check: str, exercise: Exercise) -> None:
        """Answer wrong in several ways, then right."""
        for wrong, words in exercise.wrong.items():
            self.run(wrong)
            shown = self.run(check)
            assert re.search(r"Not yet|Nearly", shown), (wrong, shown)
            assert words in shown, (wrong, shown)
        self.run(exercise.right)
        assert "Right!" in (shown := self.run(check)), shown


@pytest.mark.parametrize("notebook", NOTEBOOKS, ids=lambda path: path.stem)
@pytest.mark.timeout(300)
def test_notebook_runs_and_checks_its_exercises(notebook: Path, home: Path, tmp_path: Path) -> None:
    """Every cell ends without an error, outside the clone, and leaves nothing beside the notebook.

    The checks of the exercises say of nothing, of wrong answers and of the right one what it is.
    """
    place = tmp_path / "notebooks"
    shutil.copytree(notebook.parent, place)
    before = sorted(os.listdir(place))
    environment = {
        **os.environ,
        "IPYTHONDIR": str(tmp_path / "ipython"),
        "JUPYTER_PREFER_ENV_PATH": "1",
    }
    try:
        metadata.distribution("ipycontainer")
    except metadata.PackageNotFoundError:  # a clone that is not installed
        environment["PYTHONPATH"] = str(ROOT)
    opened = nbformat.read(place / notebook.name, as_version=4)
    client = NotebookClient(
        opened, timeout=120, kernel_name="python3", resources={"metadata": {"path": str(place)}}
    )
    with tempfile.TemporaryFile() as log, client.setup_kernel(env=environment, stderr=log):
        reader = Reader(client)
        for number, cell in enumerate(opened.cells[: reader.place]):
            client.execute_cell(cell, number)
            if (text := recorded(cell.source)) is not None and INSTEAD not in said(cell):
                assert shape(said(cell)) == shape(text), "run: scripts/run_notebook.py --record"
            for tag in cell.metadata.get("tags", ()):
                if tag.startswith("check-"):
                    assert "Not yet" in said(cell)
                    reader.try_answers(cell.source, ANSWERS[notebook.stem][int(tag[6:])])
        left = reader.run(LEFT)
    assert sorted(os.listdir(place)) == before
    assert left == "[] ['host'] ['bridge', 'host', 'none']\n"


@pytest.mark.parametrize("notebook", NOTEBOOKS, ids=lambda path: path.stem)
def test_notebook_is_committed_with_its_outputs(notebook: Path) -> None:
    """A reader on the web sees what the cells show: in order, without an error, of nobody's own."""
    cells = cells_of(notebook, "code")
    assert [cell.execution_count for cell in cells] == list(range(1, len(cells) + 1))
    assert not [o for cell in cells for o in cell.outputs if o.output_type == "error"]
    assert any(cell.outputs for cell in cells)
    strange = [
        line
        for cell in cells
        for line in json.dumps(cell.outputs, indent=1).splitlines()
        if STRANGE.search(line)
    ]
    assert strange == []


@pytest.mark.parametrize("notebook", NOTEBOOKS, ids=lambda path: path.stem)
def test_notebook_is_a_lesson(notebook: Path) -> None:
    """It opens with a question, asks for guesses, has two exercises, a glossary, and cleans up."""
    text = [cell.source for cell in cells_of(notebook, "markdown")]
    assert "**The question:" in text[0]
    assert sum("**Guess." in part or "**Guess:" in part for part in text) >= 2
    tags = [tag for cell in cells_of(notebook, "code") for tag in cell.metadata.get("tags", ())]
    assert tags == ["answer-1", "check-1", "answer-2", "check-2"]
    assert set(ANSWERS[notebook.stem]) == {1, 2}
    assert any(part.startswith("## Words") or "\n## Words" in part for part in text)
    assert any("## Clean up" in part or "## Tidy up" in part for part in text)
