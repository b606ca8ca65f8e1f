"""How long an image takes to come: 500 MB in 12 layers, beside docker, and skopeo with umoci.

    python -m benchmarks.images [--runs N] [--megabytes N]

Everybody pulls the same image from the same registry on loopback and unpacks it, in turns. Docker
needs root; as an ordinary user skopeo and umoci stand beside us alone. Prints seconds, ratios and
our peak of memory; ends with 1 where somebody is faster, or we take more than 200 MB.
"""

from __future__ import annotations

import argparse
import contextlib
import os
import shutil
import statistics
import subprocess
import sys
import tarfile
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Self

import ipycontainer
from tests.image_archives import image, write_archive
from tests.registries import skopeo

__all__ = ["measure"]

LAYERS = 12
LIMIT_MEGABYTES = 200
# Real files, which compress and are as small as those of an image.
SOURCES = ("/usr/lib/python3", "/usr/share", "/usr/lib")
READY_SECONDS = 30


def make_archive(path: Path, megabytes: int) -> None:
    """Write an image whose layers together have so many megabytes of this machine's files."""
    share = megabytes * 1_000_000 // LAYERS
    files = _files()
    layers = []
    for number in range(LAYERS):
        layer = path.with_name(f"layer{number}.tar")
        taken = 0
        with tarfile.open(layer, "w") as archive:
            while taken < share:
                name = next(files)
                with contextlib.suppress(OSError):
                    archive.add(name, arcname=f"{number}{name}", recursive=False)
                    taken += os.path.getsize(name)
        layers.append(layer.read_bytes())
        layer.unlink()
    write_archive(path, [(image(layers), ["bench:1"])])


def _files() -> Iterator[str]:
    """Yield names of regular files of this machine, again from the beginning at their end."""
    while True:
        for source in SOURCES:
            for directory, _, names in os.walk(source):
                for name in names:
                    found = os.path.join(directory, name)
                    if os.path.isfile(found) and not os.path.islink(found):
                        yield found


@contextlib.contextmanager
def registry_and_docker(place: Path) -> Iterator[tuple[str, Callable[[], tuple[str, ...]] | None]]:
    """Run a registry, and as root a docker beside it in one network namespace of their own.

    We and skopeo are in the machine's own namespace, so there is a second registry on the same
    files: loopback is each namespace's own.
    """
    config = place / "config.yml"
    config.write_text(
        "version: 0.1\nlog: {level: error, accesslog: {disabled: true}}\n"
        f"storage: {{filesystem: {{rootdirectory: {place}/data}}}}\n"
        "http: {addr: 127.0.0.1:5077}\n"
    )
    with contextlib.ExitStack() as stack:
        log = stack.enter_context(open(place / "log", "wb"))

        def start(*command: str) -> None:
            process = subprocess.Popen(command, stdout=log, stderr=log)
            stack.callback(process.wait)
            stack.callback(process.terminate)

        start("docker-registry", "serve", str(config))
        client = None
        if os.geteuid() == 0 and shutil.which("dockerd"):
            socket = f"unix://{place}/docker.sock"
            daemon = (
                f"ip link set lo up; docker-registry serve {config} & child=$!; "
                f"trap 'kill $child $!' TERM; dockerd -H {socket} --data-root {place}/docker "
                f"--exec-root {place}/exec --pidfile {place}/pid & wait $!; wait $!"
            )
            start("unshare", "--net", "--mount", "--propagation", "private", "sh", "-c", daemon)
            deadline = time.monotonic() + READY_SECONDS
            while subprocess.run(
                ["docker", "-H", socket, "version"], capture_output=True, check=False
            ).returncode:
                if time.monotonic() > deadline:
                    raise RuntimeError((place / "log").read_text())
                time.sleep(0.1)

            def client() -> tuple[str, ...]:
                return ("docker", "-H", socket)

        time.sleep(1)
        yield "127.0.0.1:5077", client


class Memory:
    """The largest sum of what the processes of a home have to themselves, in bytes."""

    def __init__(self, home: str) -> None:
        self._home = home
        self._ended = threading.Event()
        self.peak = 0
        self._thread = threading.Thread(target=self._watch)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._ended.set()
        self._thread.join()

    def _watch(self) -> None:
        while not self._ended.wait(0.1):
            self.peak = max(self.peak, sum(map(self._of, os.listdir("/proc"))))

    def _of(self, pid: str) -> int:
        try:
            if (
                not pid.isdecimal()
                or self._home.encode() not in Path(f"/proc/{pid}/cmdline").read_bytes()
            ):
                return 0
            for line in Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines():
                if line.startswith("Pss:"):
                    return int(line.split()[1]) * 1024
        except OSError:
            pass
        return 0


def ours(host: str, place: Path) -> tuple[float, int]:
    """Pull into a new home; return seconds and the peak of memory."""
    with ipycontainer.connect(place / "home") as engine:
        engine.images.list()
        with Memory(str(place / "home")) as memory:
            begin = time.perf_counter()
            engine.images.pull(f"{host}/bench", tag="1")
            seconds = time.perf_counter() - begin
        engine.reset()
    return seconds, memory.peak


def theirs(host: str, place: Path) -> float:
    """Let skopeo copy into a layout and umoci unpack it."""
    begin = time.perf_counter()
    skopeo(
        *("copy", "-q", "--src-tls-verify=false", f"docker://{host}/bench:1"), f"oci:{place}/oci:1"
    )
    rootless = ["--rootless"] if os.geteuid() else []
    subprocess.run(
        ["umoci", "unpack", *rootless, "--image", f"{place}/oci:1", f"{place}/out"],
        check=True,
        capture_output=True,
    )
    seconds = time.perf_counter() - begin
    shutil.rmtree(place / "oci")
    subprocess.run(["chmod", "-R", "u+rwx", place / "out"], check=False)
    shutil.rmtree(place / "out")
    return seconds


def dockers(client: tuple[str, ...], host: str) -> float:
    """Let docker pull, and remove it again."""
    begin = time.perf_counter()
    subprocess.run([*client, "pull", "-q", f"{host}/bench:1"], check=True, capture_output=True)
    seconds = time.perf_counter() - begin
    subprocess.run([*client, "rmi", f"{host}/bench:1"], check=True, capture_output=True)
    return seconds


def measure(runs: int, megabytes: int) -> int:
    """Measure in turns and print; return 1 where a target is missed."""
    seconds: dict[str, list[float]] = {}
    peak = 0
    with tempfile.TemporaryDirectory(prefix="ipyc-bench-", dir="/var/tmp") as directory:
        place = Path(directory)
        make_archive(place / "image.tar", megabytes)
        with registry_and_docker(place) as (host, docker):
            skopeo(
                *("copy", "-q", "--dest-tls-verify=false", f"docker-archive:{place}/image.tar"),
                f"docker://{host}/bench:1",
            )
            (place / "image.tar").unlink()
            for _ in range(runs):
                took, memory = ours(host, place)
                seconds.setdefault("ipycontainer", []).append(took)
                peak = max(peak, memory)
                seconds.setdefault("skopeo and umoci", []).append(theirs(host, place))
                if docker is not None:
                    seconds.setdefault("docker", []).append(dockers(docker(), host))
    own = statistics.median(seconds["ipycontainer"])
    missed = False
    for name, values in seconds.items():
        middle = statistics.median(values)
        print(f"  {name:<20}{middle:7.2f} s   [{min(values):.2f} .. {max(values):.2f}]")
        if name != "ipycontainer":
            met = own <= middle
            missed |= not met
            print(f"  {'met   ' if met else 'MISSED'} {middle / own:.2f} times as fast as {name}")
    met = peak < LIMIT_MEGABYTES * 1_000_000
    print(f"  {'met   ' if met else 'MISSED'} {peak / 1e6:.0f} MB at most, of {LIMIT_MEGABYTES}")
    return int(missed or not met)


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("--runs", type=int, default=3)
    parser.add_argument("--megabytes", type=int, default=500)
    given = parser.parse_args()
    sys.exit(measure(given.runs, given.megabytes))
