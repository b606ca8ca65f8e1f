"""What moving files costs: 100 MB in 5,000 files, beside docker and umoci.

    python -m benchmarks.files [--runs N] [--as WORD...]

Import, export, commit and cp in both directions, in turns with docker on the same tree; unpacking
an image, in turns with umoci; and `diff` of ten changes, of a container over 100,000 files and of
one over ten. Docker needs root. With `--as`, the words that run a Python as an ordinary user, each
round is done as that user too, and held to docker's of the same round. Each has a file system of
its own that is new. Ends with 1 where somebody is faster.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import statistics
import subprocess
import sys
import tarfile
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import ipycontainer
from benchmarks.images import registry_and_docker
from ipycontainer.engine.engine import Engine
from tests import busybox
from tests.image_archives import image, write_archive
from tests.registries import skopeo

__all__ = ["measure"]

FILES, FILE_BYTES = 5_000, 20_000
CHANGES = "mkdir /new; for i in 1 2 3 4 5 6 7 8 9; do echo $i > /new/$i; done"
DISK_BYTES = 8 << 30  # of a file with holes
MOST_TIMES_SLOWER = 2.0  # diff over 100,000 files, of what it costs over ten


def make_tree(place: Path, files: int, size: int) -> Path:
    """Make a tree with a hundred files a directory."""
    content = os.urandom(size)
    for number in range(files):
        directory = place / "data" / str(number // 100)
        directory.mkdir(parents=True, exist_ok=True)
        (directory / str(number)).write_bytes(number.to_bytes(8, "big") + content)
    return place


def make_archive(tree: Path, path: Path) -> Path:
    """Write a tree, and the small image's with it, as one root file system."""
    busybox.write_archive(path)
    with tarfile.open(path, "a") as archive:
        archive.add(tree / "data", arcname="data")
    return path


def timed(work: Callable[[], object]) -> float:
    """Return the seconds that it takes, when what others have written is on the disk."""
    os.sync()
    begin = time.perf_counter()
    work()
    return time.perf_counter() - begin


def ours(engine: Engine, place: Path, out: Path) -> dict[str, float]:
    """Do each operation once, with what docker's client would do too, and clear up.

    `place` has what is read, `out` takes what is written.
    """
    found = {
        "import": timed(lambda: engine.images.import_(place / "root.tar", "bench", "1")),
    }
    box = engine.containers.create("bench:1", ["true"], name="box", network="none")
    found["export"] = timed(lambda: box.export_to(out / "out.tar"))
    found["cp in"] = timed(lambda: box.copy_in(place / "tree" / "data", "/in"))
    found["cp out"] = timed(lambda: box.copy_out("/data", out / "copy"))
    found["commit"] = timed(lambda: box.commit("made"))
    shutil.rmtree(out / "copy")
    engine.images.remove("made")
    box.remove()
    engine.images.remove("bench:1")
    return found


def dockers(client: tuple[str, ...], place: Path, out: Path) -> dict[str, float]:
    """Do the same with docker."""

    def run(*words: str) -> None:
        subprocess.run([*client, *words], check=True, capture_output=True)

    found = {"import": timed(lambda: run("import", str(place / "root.tar"), "bench:1"))}
    run("create", "--name", "box", "--network", "none", "bench:1", "true")
    found["export"] = timed(lambda: run("export", "-o", str(out / "out.tar"), "box"))
    found["cp in"] = timed(lambda: run("cp", str(place / "tree" / "data"), "box:/in"))
    found["cp out"] = timed(lambda: run("cp", "box:/data", str(out / "copy")))
    found["commit"] = timed(lambda: run("commit", "box", "made"))
    shutil.rmtree(out / "copy")
    for words in (("rmi", "made"), ("rm", "box"), ("rmi", "bench:1")):
        run(*words)
    return found


def unpacked_here(engine: Engine, place: Path) -> float:
    """Load the image, whose layers are unpacked with it."""
    with open(place / "image.tar", "rb") as archive:
        seconds = timed(lambda: engine.images.load(archive))
    engine.images.remove("bench:2")
    return seconds


def unpacked_by_umoci(place: Path, out: Path) -> float:
    """Let skopeo bring it into a layout and umoci unpack it."""
    rootless = ["--rootless"] if os.geteuid() else []

    def work() -> None:
        skopeo("copy", "-q", f"docker-archive:{place}/image.tar", f"oci:{out}/oci:1")
        subprocess.run(
            ["umoci", "unpack", *rootless, "--image", f"{out}/oci:1", f"{out}/bundle"],
            check=True,
            capture_output=True,
        )

    seconds = timed(work)
    shutil.rmtree(out / "oci")
    subprocess.run(["chmod", "-R", "u+rwx", out / "bundle"], check=True)
    shutil.rmtree(out / "bundle")
    return seconds


def one_round(engine: Engine, place: Path, out: Path) -> dict[str, float]:
    """Do all that is ours once, and umoci's part of it."""
    return {
        **ours(engine, place, out),
        "unpack": unpacked_here(engine, place),
        "umoci": unpacked_by_umoci(place, out),
    }


def round_in(place: Path, out: Path) -> dict[str, float]:
    """Do a round in a home of its own below `out`."""
    with ipycontainer.connect(out / "home") as engine:
        engine.supervisor.work("repair", {})  # the zygote stands before anything is measured
        found = one_round(engine, place, out)
        engine.reset()
    return found


def round_as(words: list[str], place: Path, out: Path) -> dict[str, float]:
    """Let somebody else do a round, by the words that run a Python as that user."""
    out.chmod(0o1777)
    done = subprocess.run(
        [*words, "-m", "benchmarks.files", "--round", str(place), str(out)],
        check=True, capture_output=True, text=True,
    )  # fmt: skip
    return dict(json.loads(done.stdout))


@contextmanager
def new_disk(place: Path) -> Iterator[Path]:
    """Give a directory on a file system of its own, as root.

    Who comes second on one that was used pays for the first: ext4 looks past each inode that was
    freed within the last minutes, which doubles what a new file costs.
    """
    with tempfile.TemporaryDirectory(dir=place) as directory:
        out = Path(directory)
        out.chmod(0o755)
        if os.geteuid():
            yield out
            return
        disk = place / f"{out.name}.img"
        with open(disk, "wb") as file:
            file.truncate(DISK_BYTES)
        subprocess.run(["mkfs.ext4", "-q", "-E", "lazy_itable_init=0", disk], check=True)
        subprocess.run(["mount", "-o", "loop", disk, out], check=True)
        try:
            yield out
        finally:
            subprocess.run(["umount", out], check=True)
            disk.unlink()


def diffs(engine: Engine, place: Path, runs: int) -> dict[str, list[float]]:
    """Return the seconds of `diff` of ten changes, over images with few and with many files."""
    found: dict[str, list[float]] = {}
    for name, files in (("diff over 10", 10), ("diff over 100,000", 100_000)):
        tree = make_tree(place / name, files, 1)
        engine.images.import_(make_archive(tree, place / "some.tar"), "some")
        engine.run("some", ["sh", "-c", CHANGES], network="none", name="changed")
        box = engine.containers.get("changed")
        assert len(box.changes()) == 10
        found[name] = [timed(box.changes) for _ in range(runs)]
        box.remove()
        engine.images.remove("some")
        shutil.rmtree(tree)
    return found


def measure(runs: int, other_user: list[str]) -> int:
    """Measure in turns and print; return 1 where a target is missed."""
    own: dict[str, list[float]] = {}
    users: dict[str, list[float]] = {}
    docker: dict[str, list[float]] = {}
    with tempfile.TemporaryDirectory(prefix="ipyc-bench-", dir="/var/tmp") as directory:
        place = Path(directory)
        place.chmod(0o755)
        prepare(place)
        for _ in range(runs):
            with new_disk(place) as out:
                _note(own, round_in(place, out))
            with new_disk(place) as out, registry_and_docker(out) as (_, client):
                if client is not None:
                    _note(docker, dockers(client(), place, out))
            if other_user:
                with new_disk(place) as out:
                    _note(users, round_as(other_user, place, out))
        with ipycontainer.connect(place / "home") as engine:
            few, many = diffs(engine, place, max(runs, 5)).values()
            engine.reset()
    missed = tell("", own, docker)
    if other_user:
        missed |= tell("as an ordinary user: ", users, docker)
    low, high = statistics.median(few), statistics.median(many)
    met = high <= MOST_TIMES_SLOWER * low
    print(
        f"  {'met   ' if met else 'MISSED'} diff of 10 changes: {low * 1000:.1f} ms over 10 files, "
        f"{high * 1000:.1f} ms over 100,000"
    )
    return int(missed or not met)


def prepare(place: Path) -> None:
    """Make the tree, its archive, and the image of it."""
    make_archive(make_tree(place / "tree", FILES, FILE_BYTES), place / "root.tar")
    parts = [image([(place / "root.tar").read_bytes()])]
    write_archive(place / "image.tar", [(parts[0], ["bench:2"])])


def _note(all_: dict[str, list[float]], found: dict[str, float]) -> None:
    for name, seconds in found.items():
        all_.setdefault(name, []).append(seconds)


def tell(who: str, own: dict[str, list[float]], docker: dict[str, list[float]]) -> bool:
    """Print medians beside docker's and umoci's; return whether somebody was faster."""
    missed = False
    for name in (name for name in own if name != "umoci"):
        mine = statistics.median(own[name])
        whose = "umoci" if name == "unpack" else "docker"
        theirs = own["umoci"] if name == "unpack" else docker.get(name)
        if theirs is None:
            print(f"  {who}{name:<8}{mine:7.2f} s")
            continue
        middle = statistics.median(theirs)
        met = mine <= middle
        missed |= not met
        print(
            f"  {'met   ' if met else 'MISSED'} {who}{name:<8}{mine:7.2f} s, "
            f"{whose} {middle:.2f} s: {middle / mine:.2f} times as fast"
        )
    return missed


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("--runs", type=int, default=3)
    parser.add_argument("--round", type=Path, nargs=2, help=argparse.SUPPRESS)
    parser.add_argument("--as", dest="other_user", nargs=argparse.REMAINDER, default=[])
    given = parser.parse_args()
    if given.round:
        print(json.dumps(round_in(*given.round)))
    else:
        sys.exit(measure(given.runs, given.other_user))
