"""Export and commit of real containers: nothing is lost on the way, nothing added."""

from __future__ import annotations

import io
import os
import subprocess
import sys
import tarfile
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import ipycontainer
from ipycontainer.engine.engine import Engine
from ipycontainer.engine.images import Image
from ipycontainer.errors import InvalidReference
from ipycontainer.linux.dirfd import DirFd
from ipycontainer.storage import archiving
from ipycontainer.storage.placing import Placement, place
from ipycontainer.storage.tar_reader import Entry, TarReader
from ipycontainer.storage.tar_writer import TarWriter
from tests.conftest import Shell

pytestmark = pytest.mark.sampled

RUN = ("run", "--rm", "--network", "none")


def entries(data: bytes) -> list[tuple[Entry, bytes]]:
    """Return all of an archive that tells of its files, in order."""
    reader = TarReader(io.BytesIO(data).read)
    found: list[tuple[Entry, bytes]] = []
    for entry in reader:
        content = b"".join(piece for _, piece in reader.data())
        found.append((entry, content))
    return found


def test_export_import_export_gives_the_same(engine: Engine, busybox_tar: Path) -> None:
    """Paths, types, modes, owners, times, links and content; and no mount's."""
    engine.images.import_(busybox_tar, "busybox", "latest")
    script = (
        "mkdir -p /a/b; echo 1 > /a/f; ln /a/f /a/g; ln -s / /a/l; mkfifo /a/p; chmod 6755 /a/f;"
        " echo secret > /vol/x; rm -r /var; i=0; while [ $i -lt 30 ]; do mkdir /a/b/$i; i=$((i+1));"
        " done; touch -d 2001-01-01 /a/g"
    )
    engine.run("busybox", ["sh", "-c", script], name="one", network="none", volumes=["/vol"])
    first = b"".join(engine.containers.get("one").export())
    engine.images.import_(io_file(first), "second", "latest")
    engine.containers.create("second", ["true"], name="two")
    second = b"".join(engine.containers.get("two").export())
    assert entries(second) == entries(first)
    names = {entry.name.rstrip("/") for entry, _ in entries(first)}
    assert "vol" in names
    assert "vol/x" not in names
    assert "var" not in names
    engine.containers.get("one").remove(v=True)


def io_file(data: bytes) -> Path:
    """Return a file with the given content; it goes with the test's process."""
    path = Path(f"/proc/self/fd/{os.memfd_create('archive')}")
    path.write_bytes(data)
    return Path(os.path.realpath("/proc/self")) / "fd" / path.name


def test_what_is_committed_is_seen_and_what_was_removed_is_not(
    shell: Shell, engine: Engine, busybox_tar: Path
) -> None:
    """Twice over, with settings, history and the layers below kept."""
    engine.images.import_(busybox_tar, "busybox", "latest")
    shell("run", "--name", "aa", "--network", "none", "busybox", "sh", "-c",
          "echo 1 > /one; rm /etc/group; rm -r /var; mkdir /etc/new")  # fmt: skip
    box = engine.containers.get("aa")
    image = box.commit("made", "1", "the message", "the author", changes=["ENV X=y", 'CMD ["ls"]'])
    assert [row.comment for row in image.record.history] == ["Imported from -", "the message"]
    assert (image.record.author, image.record.config.command) == ("the author", ("ls",))
    assert len(image.record.layers) == 2
    look = "cat /one; echo $X; ls -d /etc/group /var /etc/new"
    seen = shell(*RUN, "made:1", "sh", "-c", look)
    assert seen.stdout.split() == ["1", "y", "/etc/new"]
    shell(
        "run", "--name", "bb", "--network", "none", "made:1", "sh", "-c", "rm /one; mkdir -p /var/x"
    )
    shell("commit", "bb", "made:2")
    assert shell(*RUN, "made:2", "ls", "-d", "/one", "/var", "/var/lib").stdout == "/var\n"
    done = shell("rmi", "made:1")
    assert done.returncode == 1 or "Untagged: made:1" in done.stdout
    with pytest.raises(InvalidReference):
        box.commit("Bad")


def test_a_container_of_host_is_committed_upon_host(
    shell: Shell, engine: Engine, tmp_path: Path
) -> None:
    """Its base is this machine again: what it changed is there, and Python with it."""
    script = "import pathlib; pathlib.Path('/opt/made').write_text('here'); open('own', 'w')"
    done = shell("run", "--name", "hh", "--network", "none", "host", "python", "-c", script)
    if "Permission denied" in done.stderr:  # an ordinary user has no right to the machine's /opt
        script = "import pathlib; pathlib.Path('/made').write_text('here')"
        shell("rm", "hh")
        shell("run", "--name", "hh", "--network", "none", "host", "python", "-c", script)
    assert shell("commit", "hh", "mine").returncode == 0
    assert engine.images.get("mine").record.base == "host"
    look = "import os; print([p for p in ('/opt/made', '/made') if os.path.exists(p)])"
    again = shell(*RUN, "mine", "python", "-c", look)
    assert "made" in again.stdout, again.stderr


def test_a_commit_of_nothing_adds_no_layer(engine: Engine, busybox_tar: Path) -> None:
    """The image knows what it was committed from, which stays as long as it does."""
    base = engine.images.import_(busybox_tar, "base", "latest").record
    one = engine.containers.create("base", ["sh"], name="one", network="none")
    first = one.commit("first", changes=["ENV X=y"]).record
    two = engine.containers.create("first", ["sh"], name="two", network="none")
    second = two.commit("second").record
    assert base.layers == first.layers == second.layers
    assert [row.empty_layer for row in second.history] == [False, True, True]
    assert (base.parent, first.parent, second.parent) == ("", base.id, first.id)
    said = engine.run("second", ["sh", "-c", "echo $X"], network="none", remove=True)
    assert said.stdout == b"y\n"
    ids = [row["Id"] for row in engine.images.get("second").history()]
    assert ids == [second.id, first.id, base.id]
    listed = engine.containers.list(all=True, filters={"ancestor": "first"})
    assert [container.name for container in listed] == ["two"]
    one.remove()
    two.remove()
    assert engine.images.remove("first") == [("Untagged", "first:latest")]
    assert engine.images.remove("second") == [
        ("Untagged", "second:latest"),
        ("Deleted", second.id),
        ("Deleted", first.id),
    ]
    assert engine.images.get("base").record == base


def test_a_sparse_file_is_committed_by_what_it_holds(shell: Shell, busybox_tar: Path) -> None:
    """100 GB of hole cost nothing, and are a hole again in the image."""
    shell("import", str(busybox_tar), "busybox")
    script = "dd if=/dev/zero of=/big bs=1 count=1 seek=107374182399 2>/dev/null"
    shell("run", "--name", "ss", "--network", "none", "busybox", "sh", "-c", script)
    assert shell("commit", "ss", "sparse").returncode == 0
    seen = shell(*RUN, "sparse", "stat", "-c", "%s %b", "/big")
    size, blocks = seen.stdout.split()
    assert int(size) == 100 << 30
    assert int(blocks) < 100


@pytest.mark.parametrize(
    "place", ["commit: written", "commit: unpacked", "commit: before the rows"]
)
def test_a_killed_commit_leaves_nothing(
    home: Path, engine: Engine, busybox_tar: Path, place: str
) -> None:
    """Neither an image nor a layer nor a blob, once the next command has looked."""
    engine.images.import_(busybox_tar, "busybox", "latest")
    engine.run("busybox", ["sh", "-c", "echo 1 > /one"], name="aa", network="none")
    before = sorted(os.listdir(home / "layers")), sorted(os.listdir(home / "oci/blobs/sha256"))
    engine.supervisor.quit()
    strike = home.parent / "strike"
    strike.touch()
    program = (
        "import ipycontainer, sys\n"
        "with ipycontainer.connect(sys.argv[1]) as engine:\n"
        "    engine.containers.get('aa').commit('made')\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", program, str(home)],
        env={**os.environ, "IPYCONTAINER_FAULT": f"kill:{place}:1:{strike}",
             "PYTHONPATH": str(Path(ipycontainer.__file__).parents[1])},
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode != 0
    engine.supervisor.quit()
    with ipycontainer.connect(home) as fresh:
        assert [image.tags for image in fresh.images.list() if "made:latest" in image.tags] == []
        fresh.containers.get("aa").commit("made")
        fresh.images.remove("made")
    after = sorted(os.listdir(home / "layers")), sorted(os.listdir(home / "oci/blobs/sha256"))
    assert after == before


def test_an_export_can_be_given_up(engine: Engine, busybox_tar: Path, tmp_path: Path) -> None:
    """An interrupt ends it at once, and leaves no file."""
    engine.images.import_(busybox_tar, "busybox", "latest")
    script = "for i in 1 2 3 4 5 6 7 8; do dd if=/dev/urandom of=/$i bs=1M count=8; done"
    engine.run("busybox", ["sh", "-c", script], name="big", network="none")
    calls = []

    def stop(done: int) -> None:
        calls.append(done)
        raise KeyboardInterrupt

    box = engine.containers.get("big")
    try:
        box.export_to(tmp_path / "big.tar", progress=stop)
    except KeyboardInterrupt:
        assert os.listdir(tmp_path) == []
    else:
        assert calls == []  # it was done before there was anything to tell
    box.export_to(tmp_path / "big.tar")
    with tarfile.open(tmp_path / "big.tar") as archive:
        assert archive.getmember("8").size == 8 << 20


ODD_NAMES = st.binary(min_size=1, max_size=60).filter(
    lambda name: not {b"/"[0], 0} & set(name) and name not in (b".", b"..")
)
TIMES = st.integers(0, 4_000_000_000_000_000_000)
MODES = st.integers(0, 0o7777).map(lambda mode: mode | 0o600)
ATTRIBUTES = st.dictionaries(
    st.text("abcxyz.-", min_size=1, max_size=9).map(lambda name: f"user.{name}"),
    st.binary(max_size=30),
    max_size=2,
)


@dataclass(frozen=True)
class Made:
    """A file of a tree: `what` is its content, by hole and data, or another kind's word."""

    what: bytes | str | list[bytes] | dict[bytes, Any]
    mode: int
    mtime_ns: int
    attributes: dict[str, bytes]


def made(content: st.SearchStrategy[Any]) -> st.SearchStrategy[Made]:
    """Give content of any kind a mode, a time and attributes."""
    return st.builds(Made, content, MODES, TIMES, ATTRIBUTES)


FILES = st.one_of(
    st.binary(max_size=2000),
    st.lists(st.binary(min_size=1, max_size=50), min_size=1, max_size=3),  # after a hole each
    ODD_NAMES.map(lambda name: "->" + os.fsdecode(name)),
    st.sampled_from(["fifo", "hard link"]),
)
TREES = st.dictionaries(
    ODD_NAMES, made(FILES | st.dictionaries(ODD_NAMES, made(FILES), max_size=3)), max_size=6
)
HOLE_BYTES = 1 << 20


def lay(directory: bytes, tree: Mapping[bytes, Made]) -> None:
    """Make files, holes, links, pipes and directories, with all that is told of them."""
    last = b""
    for name, each in tree.items():
        path = os.path.join(directory, name)
        if isinstance(each.what, str) and each.what.startswith("->"):
            os.symlink(os.fsencode(each.what[2:]), path)
            os.utime(path, ns=(each.mtime_ns, each.mtime_ns), follow_symlinks=False)
            continue
        if each.what == "hard link":
            if last:
                os.link(last, path)
            continue
        if each.what == "fifo":
            os.mkfifo(path)
        elif isinstance(each.what, dict):
            os.mkdir(path)
            lay(path, each.what)
        else:
            parts = each.what if isinstance(each.what, list) else [os.fsencode(each.what)]
            holes = HOLE_BYTES if isinstance(each.what, list) else 0
            with open(path, "wb") as file:
                for part in parts:
                    file.seek(holes, os.SEEK_CUR)
                    file.write(part)
            last = path
        if each.what != "fifo":  # a pipe has no attributes of the user's
            for attribute, value in each.attributes.items():
                os.setxattr(path, attribute, value)
        own = 0o100 if isinstance(each.what, dict) else 0  # an ordinary user goes in to read it
        os.chmod(path, each.mode | own)
        os.utime(path, ns=(each.mtime_ns, each.mtime_ns))


@settings(max_examples=40, deadline=None, suppress_health_check=list(HealthCheck))
@given(tree=TREES)
def test_any_tree_comes_through(
    tmp_path_factory: pytest.TempPathFactory, tree: dict[bytes, Made]
) -> None:
    """Whatever is in it: written as an archive and placed again, it is the same tree."""
    source = tmp_path_factory.mktemp("source")
    target = tmp_path_factory.mktemp("target")
    lay(os.fsencode(source), tree)
    buffer = io.BytesIO()
    archive = TarWriter(buffer.write)
    with DirFd.open(source) as root:
        archiving.write_tree(archive, root)
    archive.close()
    first = buffer.getvalue()
    with DirFd.open(target) as root:
        place(io.BytesIO(first).read, root, Placement())
    again = io.BytesIO()
    archive = TarWriter(again.write)
    with DirFd.open(target) as root:
        archiving.write_tree(archive, root)
    archive.close()
    assert again.getvalue() == first
    with tarfile.open(fileobj=io.BytesIO(first)) as opened:  # Python reads it alike
        assert len(opened.getmembers()) == archive.entries


@settings(
    max_examples=200 if os.environ.get("IPYCONTAINER_FULL") else 8,
    deadline=None,
    suppress_health_check=list(HealthCheck),
)
@given(tree=TREES)
@pytest.mark.timeout(900)
def test_any_tree_is_the_same_after_export_import_and_export(
    tmp_path_factory: pytest.TempPathFactory,
    engine: Engine,
    busybox_image: Image,
    tree: dict[bytes, Made],
) -> None:
    """Names of any bytes, times, modes, attributes, holes and links, through a container."""
    source = tmp_path_factory.mktemp("source")
    lay(os.fsencode(source), tree)
    one = engine.containers.create(busybox_image.id, ["true"])
    one.copy_in(source, "/tree", archive=True)
    first = b"".join(one.export())
    image = engine.images.import_(io_file(first), "second", "latest")
    two = engine.containers.create("second", ["true"])
    assert entries(b"".join(two.export())) == entries(first)
    with DirFd.open(source) as root:
        whole = io.BytesIO()
        archive = TarWriter(whole.write)
        archiving.write_tree(archive, root, prefix="tree")
        archive.close()
    laid = [found for found in entries(first) if found[0].name.startswith("tree/")]
    assert by_name(laid) == by_name(entries(whole.getvalue()))
    one.remove()
    two.remove()
    engine.images.remove(image.id)


def by_name(found: list[tuple[Entry, bytes]]) -> dict[str, tuple[Entry, bytes]]:
    """Return entries by their names, but for owners: an ordinary user's are others inside."""
    return {
        entry.name.rstrip("/"): (replace(entry, uid=0, gid=0), content) for entry, content in found
    }
