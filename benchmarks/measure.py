"""Measure the starts of this user and write them as JSON: `python -m benchmarks.measure FILE`.

Our runs alternate with bubblewrap's, so that a busy moment of the machine hits both; the others,
which are an order of magnitude apart and busy the machine after their end, have rounds of their
own, and so have those of ours that they are held against. What is held against nothing of ours, or
by a wide margin, has a third of the rounds: all of it takes minutes. Docker's daemon needs root;
without it bubblewrap and podman stand beside us. As root all of it is done in a network namespace
apart: nobody's bridge or rule is the machine's.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import ipycontainer
from benchmarks import fresh_kernel, notebook, peers, throughput
from ipycontainer.linux import links, namespaces
from tests import busybox

__all__ = ["measure"]

WARM_UP = 3
# Each start is measured on a machine at rest, as a user's cells find it: what follows an earlier
# one (its namespaces' end, our next spare monitor, docker's bookkeeping) is over by then.
REST_SECONDS = 0.05
# Where this user may limit nothing, what is measured is the WARNINGs.
LIMITS: Mapping[str, Any] = {
    "mem_limit": "64m",
    "cpu_shares": 512,
    "nano_cpus": 1_000_000_000,
    "pids_limit": 100,
}


def measure(runs: int) -> dict[str, object]:
    """Return the seconds of every start by name, and the versions of all engines."""
    with contextlib.ExitStack() as stack:
        directory = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="ipyc-bench-")))
        archive = busybox.write_archive(directory / "busybox.tar")
        bwrap = peers.bubblewrap(busybox.write_tree(directory / "tree"))
        others = []
        known = {"docker": peers.docker, "podman": peers.podman}
        if os.geteuid() != 0:
            del known["docker"]
        for name, peer in known.items():
            (directory / name).mkdir()
            others.append(stack.enter_context(peer(archive, directory / name)))
        engine = stack.enter_context(ipycontainer.connect(directory / "home"))
        stack.callback(engine.reset)
        engine.images.import_(archive, repository="busybox", tag="latest")
        resident = engine.containers.create("busybox", ["sleep", "9999"], network="none")
        resident.start()

        def run() -> None:
            result = engine.run("busybox", ["true"], network="none", remove=True)
            assert result.exit_code == 0, result.stderr

        def run_limited() -> None:
            result = engine.run("busybox", ["true"], network="none", remove=True, **LIMITS)
            assert result.exit_code == 0, result.stderr

        def publish() -> None:
            result = engine.run("busybox", ["true"], ports={"80": None}, remove=True)
            assert result.exit_code == 0, result.stderr

        def execute() -> None:
            assert resident.exec_run(["true"]).exit_code == 0

        groups: list[dict[str, Callable[[], None]]] = [
            {"ipycontainer run": run, f"{bwrap.name} run": _command(bwrap.run)},
            # Each by itself, as docker's are: what is run again is ready, and what comes by turns
            # with something else is not, or finds the processor's caches full of that.
            {"run by itself": run},
            {"run with limits": run_limited},
            {"ipycontainer exec": execute},
            {"ipycontainer run -p": publish},
        ]
        slow: list[dict[str, Callable[[], None]]] = []
        for each in others:
            # docker's are what our targets are multiples of
            held = groups if each.name == "docker" else slow
            held.append({f"{each.name} run": _command(each.run)})
            held.append({f"{each.name} exec": _command(each.execute)})
            slow.append({f"{each.name} run -p": _command(each.publish)})
        few = max(3, runs // 3)
        seconds = {name: spent for jobs in groups for name, spent in _rounds(jobs, runs).items()}
        seconds |= {name: spent for jobs in slow for name, spent in _rounds(jobs, few).items()}
        resident.remove(force=True)
        rates = throughput.measure(engine, others)
        versions = {"ipycontainer": ipycontainer.__version__}
        versions |= {peer.name: peer.version for peer in (bwrap, *others)}
    seconds["first line"] = [fresh_kernel.first_line() for _ in range(few)]
    seconds["import pandas"] = [fresh_kernel.pandas_import() for _ in range(few)]
    seconds |= notebook.measure(few)
    is_root = os.geteuid() == 0
    return {"versions": versions, "seconds": seconds, "rates": rates, "root": is_root}


def _rounds(jobs: Mapping[str, Callable[[], None]], runs: int) -> dict[str, list[float]]:
    seconds: dict[str, list[float]] = {name: [] for name in jobs}
    for number in range(runs + WARM_UP):
        for name, job in jobs.items():
            time.sleep(REST_SECONDS)
            begin = time.perf_counter()
            job()
            if number >= WARM_UP:
                seconds[name].append(time.perf_counter() - begin)
    return seconds


def _command(words: tuple[str, ...]) -> Callable[[], None]:
    def job() -> None:
        subprocess.run(words, stdout=subprocess.DEVNULL, check=True)

    return job


def main(arguments: list[str]) -> None:
    """Measure and write; see the module's docstring."""
    if os.geteuid() == 0:
        namespaces.unshare(namespaces.CLONE_NEWNET)
        links.loopback_up()
    parser = argparse.ArgumentParser()
    parser.add_argument("file", type=Path)
    parser.add_argument("--runs", type=int, default=30)
    options = parser.parse_args(arguments)
    options.file.write_text(json.dumps(measure(options.runs)))


if __name__ == "__main__":
    main(sys.argv[1:])
