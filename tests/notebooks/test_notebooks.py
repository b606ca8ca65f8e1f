"""The committed notebooks run from top to bottom in a kernel of the installed package."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import nbformat
import pytest

ROOT = Path(__file__).resolve().parents[2]
NOTEBOOKS = sorted((ROOT / "notebooks").glob("*.ipynb"))


@pytest.mark.parametrize("notebook", NOTEBOOKS, ids=lambda path: path.stem)
@pytest.mark.timeout(300)
def test_notebook_runs(notebook: Path, home: Path, tmp_path: Path) -> None:
    """Every cell ends without an error, beside the notebook's own files and outside the clone."""
    shutil.copytree(notebook.parent, tmp_path / "notebooks")
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    environment |= {"IPYTHONDIR": str(tmp_path / "ipython"), "JUPYTER_PREFER_ENV_PATH": "1"}
    done = subprocess.run(
        [sys.executable, ROOT / "scripts" / "run_notebook.py", notebook.name],
        cwd=tmp_path / "notebooks",
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.parametrize("notebook", NOTEBOOKS, ids=lambda path: path.stem)
def test_notebook_is_committed_with_its_outputs(notebook: Path) -> None:
    """A reader on the web sees what the cells show, in order and without an error."""
    cells = [
        cell for cell in nbformat.read(notebook, as_version=4).cells if cell.cell_type == "code"
    ]
    assert [cell.execution_count for cell in cells] == list(range(1, len(cells) + 1))
    assert not [o for cell in cells for o in cell.outputs if o.output_type == "error"]
    assert any(cell.outputs for cell in cells)
