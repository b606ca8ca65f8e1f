"""What a log costs: lines of 100 bytes, written by a container and read, beside docker's json-file.

    python -m benchmarks.logs [--megabytes N] [--runs N] [--docker FILE]

The program is the same (`cat` of a file that is bound in), in turns, and what is read goes into a
pipe. Docker needs root, which leaves docker's rates in FILE; an ordinary user is held to those.
Ends with 1 where a target is missed.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path

import ipycontainer
from benchmarks import peers
from ipycontainer.engine.engine import Engine
from tests import busybox

__all__ = ["measure"]

LINE_BYTES = 100
PIPE_BYTES = 1024 * 1024
# Of docker's, in the same run. Those through the shell pay for the start of a Python, too.
TARGETS = {"write": 5, "read": 10, "read by the engine": 10}
TAIL_MILLISECONDS = 10  # of the engine; a shell's start comes on top

Rates = dict[str, list[float]]


def write_lines(path: Path, megabytes: int) -> Path:
    """Write numbered lines of 100 bytes, so many millions of bytes."""
    with path.open("wb") as file:
        for first in range(0, megabytes * 10_000, 10_000):
            file.write(b"".join(b"%099d\n" % number for number in range(first, first + 10_000)))
    path.chmod(0o644)
    return path


def seconds(work: Callable[[], object]) -> float:
    """Return how long it takes."""
    begin = time.perf_counter()
    work()
    return time.perf_counter() - begin


def through_a_pipe(command: Sequence[str], size: int) -> None:
    """Read what a command prints, and see that it is whole."""
    got = 0
    with subprocess.Popen(command, stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        while piece := os.read(process.stdout.fileno(), PIPE_BYTES):
            got += len(piece)
    assert (got, process.returncode) == (size, 0), command


def ours(engine: Engine, lines: Path) -> dict[str, float]:
    """Write and read once."""
    size = lines.stat().st_size
    box = engine.containers.create(
        "busybox",
        ["cat", "/data/lines"],
        network="none",
        volumes={str(lines.parent): {"bind": "/data", "mode": "ro"}},
    )

    def write() -> None:
        box.start()
        assert box.wait()["StatusCode"] == 0

    def read() -> None:
        assert sum(len(entry.text) for entry in box.log_chunks()) == size

    found = {"write": seconds(write)}
    shell = [sys.executable, "-m", "ipycontainer", "logs"]
    found["read"] = seconds(lambda: through_a_pipe([*shell, box.id], size))
    found["read by the engine"] = seconds(read)
    found["last ten lines"] = min(seconds(lambda: box.logs(tail=10)) for _ in range(5))
    tail = [*shell, "--tail", "10", box.id]
    found["last ten lines in a shell"] = seconds(lambda: through_a_pipe(tail, 10 * LINE_BYTES))
    box.remove()
    return found


def dockers(client: tuple[str, ...], lines: Path) -> dict[str, float]:
    """Do the same with docker."""
    size = lines.stat().st_size

    def run(*words: str) -> None:
        subprocess.run([*client, *words], check=True, capture_output=True)

    volume = f"{lines.parent}:/data:ro"
    run("create", "--name", "box", "--network=none", "-v", volume, "bench", "cat", "/data/lines")

    def write() -> None:
        run("start", "box")
        run("wait", "box")

    found = {"write": seconds(write)}
    found["read"] = seconds(lambda: through_a_pipe([*client, "logs", "box"], size))
    tail = [*client, "logs", "--tail", "10", "box"]
    found["last ten lines in a shell"] = seconds(lambda: through_a_pipe(tail, 10 * LINE_BYTES))
    run("rm", "box")
    return found


@contextlib.contextmanager
def docker(archive: Path, place: Path) -> Iterator[tuple[str, ...] | None]:
    """Start a docker where that can be, and give its client's first words."""
    if os.geteuid() != 0:
        yield None
        return
    place.mkdir()
    with peers.docker(archive, place) as peer:
        yield peer.client


def measure(megabytes: int, runs: int, docker_file: Path) -> int:
    """Measure in turns and print; return 1 where a target is missed."""
    own: Rates = {}
    other: Rates = {}
    with tempfile.TemporaryDirectory(prefix="ipyc-bench-", dir="/var/tmp") as directory:
        place = Path(directory)
        place.chmod(0o755)
        archive = busybox.write_archive(place / "busybox.tar")
        (place / "data").mkdir()
        lines = write_lines(place / "data" / "lines", megabytes)
        os.environ["IPYCONTAINER_HOME"] = str(place / "home")
        with (
            docker(archive, place / "docker") as client,
            ipycontainer.connect(place / "home") as engine,
        ):
            engine.images.import_(archive, repository="busybox", tag="latest")
            for _ in range(runs):
                for name, spent in ours(engine, lines).items():
                    own.setdefault(name, []).append(spent)
                if client is not None:
                    for name, spent in dockers(client, lines).items():
                        other.setdefault(name, []).append(spent)
            engine.reset()
    if other:
        docker_file.write_text(json.dumps(other))
    elif docker_file.exists():
        other = json.loads(docker_file.read_text())
    return report(megabytes, own, other)


def report(megabytes: int, own: Mapping[str, list[float]], other: Rates) -> int:
    """Print rates and ratios; return 1 where a target is missed."""
    missed = False
    for name, wanted in TARGETS.items():
        mine = statistics.median(own[name])
        if not other:
            print(f"         {name}: {megabytes / mine:.0f} MB/s")
            continue
        theirs = statistics.median(other[name.split(" ")[0]])
        met = theirs / mine >= wanted
        missed |= not met
        print(
            f"  {'met   ' if met else 'MISSED'} {name}: {megabytes / mine:.0f} MB/s, docker "
            f"{megabytes / theirs:.0f}: {theirs / mine:.1f} times as fast, at least {wanted}"
        )
    tail = statistics.median(own["last ten lines"]) * 1000
    missed |= tail > TAIL_MILLISECONDS
    in_shell = statistics.median(own["last ten lines in a shell"]) * 1000
    print(
        f"  {'met   ' if tail <= TAIL_MILLISECONDS else 'MISSED'} last ten lines: {tail:.1f} ms, "
        f"in a shell {in_shell:.0f} ms"
    )
    return int(missed)


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("--megabytes", type=int, default=500)
    parser.add_argument("--runs", type=int, default=3)
    parser.add_argument("--docker", type=Path, default=Path("docker-logs.json"))
    options = parser.parse_args()
    sys.exit(measure(options.megabytes, options.runs, options.docker))
