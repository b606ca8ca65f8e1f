"""A notebook whose home is reset, by itself or from elsewhere, goes on with a fresh one."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.kernel.conftest import Notebook

CLONE = Path(__file__).resolve().parents[2]


@pytest.mark.parametrize("by", ["this kernel", "a shell"])
def test_the_line_after_a_reset_begins_afresh(
    notebook: Notebook, busybox_tar: Path, by: str
) -> None:
    """Containers and images are gone, and a container can be run again at once."""
    notebook.load()
    notebook.do(f"%container import {busybox_tar} busybox")
    notebook.do("%container run -d --name web --network none busybox sleep 1000")
    if by == "this kernel":
        notebook.do("%container system reset -f")
    else:
        subprocess.run(
            [sys.executable, "-m", "ipycontainer", "system", "reset", "-f"],
            check=True,
            timeout=60,
            cwd=CLONE,
            env={**os.environ, "IPYCONTAINER_HOME": str(notebook.home)},
        )
    assert not notebook.home.exists()
    seen = notebook.do("found = %container ps -a\nprint(len(found))")
    assert seen.text() == "0\n"
    notebook.do(f"%container import {busybox_tar} busybox")
    ran = notebook.do("%container run --rm --network none busybox echo again")
    assert "again" in ran.text()
