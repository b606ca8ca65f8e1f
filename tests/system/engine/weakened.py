"""Run a program on a copy of the package with a wall taken out, to see that the wall matters.

A test that a door is shut proves little if it would pass beside a door that is not there. The copy
gets lines at the end of a module, which define a function once more; its zygote starts from the
copy too, as a home's processes are told apart by where the package lies.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import ipycontainer

__all__ = ["run"]

TIMEOUT_SECONDS = 100


def run(
    program: str,
    place: Path,
    additions: Mapping[str, str],
    *arguments: str,
    python: str = sys.executable,
    timeout_seconds: float = TIMEOUT_SECONDS,
) -> Any:
    """Run `program` with the package plus `additions` (module file: lines), return its JSON."""
    source = Path(ipycontainer.__file__).parent
    package = place / "package"
    shutil.copytree(source, package / source.name, ignore=shutil.ignore_patterns("__pycache__"))
    for module, lines in additions.items():
        with open(package / source.name / module, "a", encoding="utf-8") as file:
            file.write(f"\n\n{lines}\n")
    done = subprocess.run(
        [python, "-c", program, *arguments],
        capture_output=True,
        text=True,
        env={**os.environ, "PYTHONPATH": str(package)},
        cwd="/",
        timeout=timeout_seconds,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)
