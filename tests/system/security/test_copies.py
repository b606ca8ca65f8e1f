"""Classes of bugs in copies in and out, which a container tries to lead astray while they run."""

from __future__ import annotations

import io
import lzma
import sys
import sysconfig
import tarfile
from pathlib import Path

import pytest

from tests.archives import TarBuilder
from tests.system.engine import weakened
from tests.system.security import rules
from tests.system.security.rules import either

pytestmark = pytest.mark.sampled

# The library functions that follow a container's links as the host sees them.
BY_PATH = {
    "linux/dirfd.py": """
def _openat(self, path, flags, mode=0):
    below = os.fsdecode(path).lstrip("/") or "."
    return os.open(below, flags | os.O_CLOEXEC, mode, dir_fd=self.fd)

DirFd.openat = _openat
"""
}

# The same, and absolute links are the host's: as of a process that has not changed its root.
BY_HOST_PATH = {
    "linux/dirfd.py": """
def _openat(self, path, flags, mode=0):
    here = os.readlink(f"/proc/self/fd/{self.fd}")
    below = os.fsdecode(path).lstrip("/") or "."
    return os.open(f"{here}/{below}", flags & ~os.O_NOFOLLOW | os.O_CLOEXEC, mode)

DirFd.openat = _openat
"""
}

# ── what is executed or imported on the way ──────────────────────────────────────────────────

JOINS = """
import io, json, sys, ipycontainer
home, image, archive = sys.argv[1:]
engine = ipycontainer.connect(home)
engine.images.import_(image, repository="evil", tag="latest")
container = engine.containers.run("evil", ["sleep", "1000"], detach=True, network="none")
container.exec_run(["true"], user="postgres")
container.put_archive("/tmp", open(archive, "rb").read())
b"".join(container.get_archive("/etc/passwd")[0])
found = container.exec_run(["ls", "/tmp", "/marks"]).output.decode().split()
container.remove(force=True)
print(json.dumps(found))
"""

# Lets who joins import something that it has not yet: by then the files are the container's.
IMPORTS = {
    "runtime/users.py": "_find = lookup\ndef lookup(*words):\n"
    "    import colorsys\n    return _find(*words)"
}

# Unpacks by a program that lies in the tree, as docker did.
BY_PROGRAM = {
    "supervise/file_jobs.py": """
_own = _decompressed
def _decompressed(stream):
    import subprocess
    root = os.readlink("/proc/self/fd/%d" % _root.fd)
    subprocess.run([root + "/usr/bin/xz", root], check=False)
    return _own(stream)

_files_of = files_of
@contextmanager
def files_of(*words, **options):
    global _root
    with _files_of(*words, **options) as (record, root):
        _root = root
        yield record, root
""",
    "storage/view.py": "_HARMLESS = 0",
}


def _evil_image(place: Path, base: Path) -> Path:
    """Return the small image with modules and programs that leave a mark where they are run."""
    mark = "import os\nos.makedirs('/marks', exist_ok=True)\nopen('/marks/' + __name__, 'w')\n"
    program = b"#!/bin/sh\nroot=$1; mkdir -p $root/marks; : > $root/marks/$(basename $0)\n"
    path = place / "evil.tar"
    path.write_bytes(base.read_bytes())
    with tarfile.open(path, "a") as archive:

        def add(name: str, content: bytes) -> None:
            member = tarfile.TarInfo(name)
            member.mode, member.size = 0o755, len(content)
            archive.addfile(member, io.BytesIO(content))

        library = sysconfig.get_path("stdlib").strip("/")
        for module in sorted(sys.stdlib_module_names):
            add(f"{library}/{module}.py", mark.encode())
        for name in ("idna", "utf_8_sig", "ascii", "punycode"):
            add(f"{library}/encodings/{name}.py", mark.encode())
        for name in ("xz", "unpigz", "gzip", "tar", "zstd"):
            add(f"usr/bin/{name}", program)
    return path


@pytest.mark.parametrize("what", ["modules", "programs"])
@either
def test_files_of_an_image_that_would_be_run(
    home: Path, tmp_path: Path, busybox_tar: Path, what: str, holds: bool
) -> None:
    """CVE-2019-14271, CVE-2026-41567: nothing is imported or executed out of a container."""
    archive = tmp_path / "in.tar.xz"
    archive.write_bytes(lzma.compress(TarBuilder().file("came", b"x").build()))
    image = _evil_image(tmp_path, busybox_tar)
    additions = {} if holds else IMPORTS if what == "modules" else BY_PROGRAM
    found = weakened.run(JOINS, tmp_path, additions, str(home), str(image), str(archive))
    assert "came" in found
    marks = {name for name in found if name in ("colorsys", "xz")}
    assert marks == (set() if holds else {"colorsys" if what == "modules" else "xz"})


# ── what a copy does to the directory it goes to ─────────────────────────────────────────────

# Copies into a directory of the container that is a link to one of the host's, in each way.
INTO_A_LINK = """
import io, json, os, sys, tarfile, ipycontainer
from ipycontainer.errors import EngineError
home, victim, tree, archive = sys.argv[1:]
engine = ipycontainer.connect(home)
box = engine.containers.create("busybox", ["true"], network="none")
links = io.BytesIO()
with tarfile.open(fileobj=links, mode="w") as tar:
    link = tarfile.TarInfo("way")
    link.type, link.linkname = tarfile.SYMTYPE, victim
    tar.addfile(link)
box.put_archive("/", links.getvalue())
for action in (
    lambda: box.copy_in(tree + "/.", "/way/", archive=True),
    lambda: box.copy_in(tree + "/.", "/way", archive=True),
    lambda: box.put_archive("/way", open(archive, "rb").read()),
):
    try:
        action()
    except EngineError:
        pass
box.remove(force=True)
print(json.dumps([oct(os.stat(victim).st_mode), sorted(os.listdir(victim))]))
"""


@pytest.mark.usefixtures("busybox_image")
@either
def test_a_directory_of_the_hosts_that_a_copy_is_led_to(
    home: Path, tmp_path: Path, holds: bool
) -> None:
    """CVE-2021-41089: no copy into a crafted container changes rights on the host's files."""
    victim, tree, archive = tmp_path / "victim", tmp_path / "tree", tmp_path / "in.tar"
    victim.mkdir(mode=0o700)
    tree.mkdir()
    tree.chmod(0o777)
    (tree / "new").touch()
    archive.write_bytes(TarBuilder().directory(".", mode=0o777).file("new", b"").build())
    words = (str(home), str(victim), str(tree), str(archive))
    mode, names = weakened.run(INTO_A_LINK, tmp_path, {} if holds else BY_HOST_PATH, *words)
    assert (mode == "0o40700" and names == []) == holds


# ── races ────────────────────────────────────────────────────────────────────────────────────

# Copies into and out of a directory that becomes a link to the host's, and back.
RACES = """
import json, os, sys, time, ipycontainer
from ipycontainer.errors import EngineError
home, way, victim, place, rounds, seconds, stop = sys.argv[1:]
engine = ipycontainer.connect(home)
script = 'ln -s "$0" b; while :; do mv a c; mv b a; mv a b; mv c a; done'
script = 'mkdir -p /w/a/vol; cd /w; ' + script
volumes = {f"{place}/volume": {"bind": "/w/a/vol"}} if way == "a volume" else {}
box = engine.containers.run(
    "busybox", ["sh", "-c", script, victim], detach=True, network="none", volumes=volumes
)

def came():
    return sorted(f"{at}/{name}" for at, _, names in os.walk(victim) for name in names)

before = came()
done = 0
read = False
deadline = time.monotonic() + float(seconds)
while done < int(rounds) and time.monotonic() < deadline:
    if stop and (read or came() != before or os.path.getsize(stop)):
        break
    done += 1
    for action in (
        lambda: box.copy_in(f"{place}/file", "/w/a/vol"),
        lambda: box.copy_out("/w/a/vol/secret", f"{place}/out"),
    ):
        try:
            action()
        except EngineError:
            pass
    read = read or os.path.exists(f"{place}/out")
box.remove(force=True)
print(json.dumps({"rounds": done, "harmed": read or came() != before}))
"""


# Notes where a worker has mounted a volume, if that is not in the container's tree.
LOOKS = """
_mount_shown = _show

def _show(*words, **options):
    _mount_shown(*words, **options)
    with open("/proc/self/mountinfo") as lines, open("{report}", "a") as report:
        report.writelines(line for line in lines if "{victim}" in line.split()[4])
"""


@pytest.mark.parametrize(("way", "holds"), [("files", True), ("files", False), ("a volume", True)])
@pytest.mark.usefixtures("busybox_image")
@rules.race
def test_a_directory_that_is_swapped_during_a_copy(
    home: Path, tmp_path: Path, way: str, holds: bool
) -> None:
    """CVE-2018-15664, CVE-2026-41568, -42306: no copy goes to the host or comes from there."""
    victim, place = tmp_path / "victim", tmp_path / "place"
    for directory in (victim / "vol", place / "volume"):
        directory.mkdir(parents=True)
    (victim / "vol/secret").write_text("secret")
    (place / "file").write_text("in")
    rounds = rules.ROUNDS if holds else rules.LOSING_ROUNDS
    mounted = tmp_path / "mounted"
    mounted.touch()
    words = [str(home), way, str(victim), str(place), str(rounds), str(rules.RACE_SECONDS)]
    words.append("" if holds else str(mounted))
    looks = {"storage/view.py": LOOKS.format(victim=str(victim), report=str(mounted))}
    additions = looks if holds else {**looks, **BY_PATH}
    seconds = rules.RACE_SECONDS + 40
    found = weakened.run(RACES, tmp_path, additions, *words, timeout_seconds=seconds)
    harmed = found["harmed"] or mounted.read_text() != ""
    assert harmed == (not holds), found
    assert not holds or found["rounds"] == rounds
