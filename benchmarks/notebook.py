"""The notebook's own costs: loading, a frame of `ps` and its page, a frame into a sandbox and back.

Each is held against what a user of pandas pays anyway: its import, the HTML of the same frame, and
the same frame written and read as Parquet.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping
from contextlib import contextmanager, redirect_stdout
from io import StringIO
from pathlib import Path
from typing import TYPE_CHECKING, Any

import ipycontainer
from ipycontainer.commands.summaries import ContainerSummary

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = ["frame_of_megabytes", "measure"]

MEGABYTES = 100
CONTAINERS = 200
_SECOND_NS = 1_000_000_000


def measure(runs: int) -> dict[str, list[float]]:
    """Return the seconds of each by name; the largest ones are measured a few times only."""
    seconds = {"load extension": [_load() for _ in range(runs)]}
    seconds |= _listing(runs)
    seconds |= _data(max(3, runs // 10))
    return seconds


def _load() -> float:
    """Return what loading the extension takes in a fresh IPython, which has no pandas yet."""
    program = (
        "import time; from IPython.core.interactiveshell import InteractiveShell; "
        "shell = InteractiveShell.instance(); begin = time.perf_counter(); "
        "shell.run_line_magic('load_ext', 'ipycontainer'); "
        "import sys; print(time.perf_counter() - begin, file=sys.stderr)"
    )
    with tempfile.TemporaryDirectory(prefix="ipyc-bench-") as directory:
        environment = {**os.environ, "IPYTHONDIR": directory}
        environment["IPYCONTAINER_HOME"] = f"{directory}/home"
        done = subprocess.run(
            [sys.executable, "-c", program],
            capture_output=True,
            text=True,
            check=True,
            env=environment,
        )
    return float(done.stderr.splitlines()[-1])


def _listing(runs: int) -> dict[str, list[float]]:
    from kernel_ext import frames

    rows = tuple(
        ContainerSummary(
            id=f"{number:064x}",
            name=f"name_{number}",
            image="busybox:latest",
            command='"sh -c sleep"',
            created_ns=number * _SECOND_NS,
            status="exited" if number % 3 else "running",
            started_ns=number * _SECOND_NS,
            ports="0.0.0.0:8080->80/tcp" if number % 5 else "",
            labels={"a": "b"},
        )
        for number in range(1, CONTAINERS + 1)
    )
    made: list[float] = []
    shown: list[float] = []
    import pandas as pd

    with pd.option_context("display.max_rows", None):
        for _ in range(runs):
            begin = time.perf_counter()
            frame = frames.containers(rows, CONTAINERS * _SECOND_NS)
            middle = time.perf_counter()
            frame._repr_html_()
            made.append(middle - begin)
            shown.append(time.perf_counter() - middle)
    return {f"ps frame of {CONTAINERS}": made, "its HTML": shown}


def frame_of_megabytes(megabytes: int) -> Any:
    """Return a frame of random numbers, moments and short texts, of about so many megabytes."""
    import numpy as np
    import pandas as pd

    rows = megabytes * 10_000
    draw = np.random.default_rng(7)
    columns: dict[str, Any] = {f"x{number}": draw.random(rows) for number in range(8)}
    columns |= {f"n{number}": draw.integers(0, 1 << 40, rows) for number in range(2)}
    columns["at"] = pd.Timestamp("2026-01-01", tz="UTC") + pd.to_timedelta(
        draw.integers(0, 10**9, rows), unit="us"
    )
    columns["name"] = pd.Series(draw.integers(0, 10**6, rows)).astype(str)
    return pd.DataFrame(columns)


@contextmanager
def _shell(home: Path) -> Iterator[Any]:
    from IPython.core.interactiveshell import InteractiveShell

    before = os.environ.get("IPYCONTAINER_HOME")
    os.environ["IPYCONTAINER_HOME"] = str(home)
    shell = InteractiveShell.instance()
    with redirect_stdout(StringIO()):
        shell.run_line_magic("load_ext", "ipycontainer")
    try:
        yield shell
    finally:
        shell.run_line_magic("unload_ext", "ipycontainer")
        InteractiveShell.clear_instance()
        if before is None:
            del os.environ["IPYCONTAINER_HOME"]
        else:
            os.environ["IPYCONTAINER_HOME"] = before


def _data(runs: int) -> Mapping[str, list[float]]:
    import pandas as pd

    frame = frame_of_megabytes(MEGABYTES)
    through: list[float] = []
    parquet: list[float] = []
    with tempfile.TemporaryDirectory(prefix="ipyc-bench-") as directory:
        place = Path(directory)
        with _shell(place / "home") as shell:
            shell.user_ns["df"] = frame
            for number in range(runs + 1):
                begin = time.perf_counter()
                shell.run_cell_magic(
                    "container", "python --in df --out back --network none", "back = df"
                )
                middle = time.perf_counter()
                frame.to_parquet(place / "frame.parquet")
                again = pd.read_parquet(place / "frame.parquet")
                end = time.perf_counter()
                assert shell.user_ns.pop("back").equals(again)
                if number:
                    through.append(middle - begin)
                    parquet.append(end - middle)
        with ipycontainer.connect(place / "home") as engine:
            engine.reset()
    return {f"{MEGABYTES} MB in and out": through, "Parquet both ways": parquet}
