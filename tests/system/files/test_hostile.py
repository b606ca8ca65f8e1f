"""Trees that are made to harm, and programs that change them while they are read.

What is looked for outside is a file of the test's with content that nothing else has.
"""

from __future__ import annotations

import io
import os
import struct
import tarfile
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest

from ipycontainer.engine.engine import Engine
from ipycontainer.errors import EngineError, InvalidArgument, NotFound, ResourceError
from ipycontainer.storage import trees
from ipycontainer.storage.tar_reader import TarReader
from tests.archives import TarBuilder
from tests.system.files.canary import Canary
from tests.system.security import rules

pytestmark = [pytest.mark.sampled, pytest.mark.usefixtures("busybox_image")]

SECRET = b"nothing inside has this"
# A directory that becomes a link to a place of the machine's, and back, as fast as can be.
SWAP = (
    "mkdir -p /work/a/deep; cd /work; echo own > a/deep/own; ln -s {outside} b; echo ready;"
    " while :; do mv a c; mv b a; mv a b; mv c a; done"
)


@pytest.fixture
def outside(tmp_path: Path) -> Path:
    """A directory of the machine, at a path that no container has."""
    place = tmp_path / "outside"
    (place / "deep").mkdir(parents=True)
    (place / "deep" / "secret").write_bytes(SECRET)
    return place


@pytest.fixture
def canary(outside: Path) -> Iterator[Canary]:
    """Tell who opens anything in that directory."""
    with Canary(outside) as watching:
        yield watching


def looks_as_before(place: Path) -> bool:
    """Tell whether nothing was made, changed or linked there."""
    found = sorted(str(path.relative_to(place)) for path in place.rglob("*"))
    secret = place / "deep" / "secret"
    return found == ["deep", "deep/secret"] and (
        secret.read_bytes(),
        secret.stat().st_nlink,
    ) == (SECRET, 1)


@pytest.mark.timeout(600)
def test_whoever_swaps_directories_for_links_shows_nothing_from_outside(
    engine: Engine, outside: Path, canary: Canary
) -> None:
    """Neither diff, export, commit, checkpoint, the comparison of texts nor cp follows the link."""
    program = SWAP.format(outside=outside)
    box = engine.containers.run("busybox", ["sh", "-c", program], network="none", detach=True)
    next(iter(box.logs(stream=True)))
    for _ in range(rules.FULL_ROUNDS):
        assert not any("secret" in change.path for change in box.changes())
    for _ in range(rules.ROUNDS):
        exported = b"".join(box.export())
        assert SECRET not in exported
        assert not any("secret" in name for name in names_of(exported))
    for number in range(5):
        assert SECRET.decode() not in box.diff_content()[1]
        box.checkpoint(f"c{number}")
        box.commit(f"made:{number}", pause=False)
    look = ["sh", "-c", "find /work -name secret"]
    for number in range(5):
        seen = engine.run(f"made:{number}", look, network="none", remove=True)
        assert (seen.exit_code, seen.stdout) == (0, b"")
    box.copy_out("/work", outside.parent / "out")
    for _ in range(rules.ROUNDS):
        for action in (
            lambda: box.copy_out("/work/a/deep/own", outside.parent / "own"),
            lambda: box.copy_in(b"in", "/work/a/deep/in"),
            lambda: box.put_archive("/work/a/deep", TarBuilder().file("secret", b"in").build()),
        ):
            with suppress(NotFound, InvalidArgument, ResourceError):
                action()
    assert canary.told() == []
    assert looks_as_before(outside)
    box.remove(force=True)


def test_the_canary_tells_of_whoever_looks(outside: Path, canary: Canary) -> None:
    """That a directory was only opened, a file only read, a time only set."""
    for action in (
        lambda: os.listdir(outside / "deep"),
        lambda: (outside / "deep" / "secret").read_bytes(),
        lambda: os.utime(outside / "deep" / "secret"),
        lambda: (outside / "new").touch(),
    ):
        assert canary.told() == []
        action()
        assert canary.told() != []


def names_of(data: bytes) -> list[str]:
    """Return the names in an archive."""
    with tarfile.open(fileobj=io.BytesIO(data)) as archive:
        return archive.getnames()


@pytest.mark.timeout(600)
def test_whoever_swaps_directories_in_a_volume_gets_nothing_written_outside(
    engine: Engine, outside: Path, canary: Canary
) -> None:
    """A volume that others use already is filled in its place: no directory of it is trusted."""
    fill = (
        "mkdir -p /src/a/deep; i=0; while [ $i -lt 100 ]; do echo $i > /src/a/deep/$i;"
        " ln /src/a/deep/$i /src/a/deep/$i.link; i=$((i+1)); done"
    )
    engine.run("busybox", ["sh", "-c", fill], network="none", name="source")
    engine.containers.get("source").commit("filled")
    swap = (
        f"ln -s {outside} /v.link; cd /v; while :; do"
        f" if mv a .a 2>/dev/null; then ln -s {outside} a; rm a; mv .a a; fi; done"
    )
    mount = {"Type": "volume", "Source": "vol", "Target": "/v", "VolumeOptions": {"NoCopy": True}}
    box = engine.containers.run(
        "busybox", ["sh", "-c", swap], network="none", detach=True, mounts=[mount]
    )
    for _ in range(rules.ROUNDS):
        try:
            other = engine.containers.create("filled", ["true"], network="none",
                                             volumes=["vol:/src"])  # fmt: skip
        except (NotFound, InvalidArgument, ResourceError, FileExistsError):
            pass
        else:
            other.remove()
        engine.run("busybox", ["sh", "-c", "rm -rf /v/* /v/.a"], network="none", remove=True,
                   mounts=[mount])  # fmt: skip
    assert canary.told() == []
    assert looks_as_before(outside)
    box.remove(force=True)


ODD = (
    "new\\nline", "\\377\\376 not utf-8", "-rf", " ", "back\\134slash", "\\033[31m", "x" * 255,
    "a:b,c=d", ".wx", "$HOME *",
)  # fmt: skip


def test_names_of_any_bytes_come_through_all(engine: Engine) -> None:
    """Through diff, export, commit, checkpoint and back; and removed ones stay removed."""
    lines = "; ".join(f"echo odd > ./\"$(printf -- '{name}')\"" for name in ODD)
    made = engine.run("busybox", ["sh", "-c", f"mkdir /odd; cd /odd; {lines}"], network="none",
                      name="box")  # fmt: skip
    assert made.stderr == b""
    box = engine.containers.get("box")
    wanted = {
        b"/odd/" + name.encode().decode("unicode_escape").encode("latin-1")
        for name in (word.replace("\\134", "\\\\") for word in ODD)
    }
    assert {os.fsencode(change.path) for change in box.changes()} == {b"/odd", *wanted}
    box.checkpoint("good")
    before = b"".join(box.export())
    box.copy_in(b"", "/odd/new\nline")
    box.rollback("good")
    assert b"".join(box.export()) == before
    box.commit("odd")
    engine.run("odd", ["sh", "-c", "rm /odd/* /odd/.wx"], network="none", name="gone")
    gone = engine.containers.get("gone")
    deleted = {os.fsencode(each.path) for each in gone.changes() if each.kind == "D"}
    assert deleted == wanted
    gone.commit("less")
    seen = engine.run("less", ["ls", "-A", "/odd"], network="none", remove=True)
    assert (seen.exit_code, seen.stdout) == (0, b"")


def test_a_name_that_would_mean_a_deletion_deletes_nothing(engine: Engine) -> None:
    """A file `.wh.passwd` in a layer is a deletion (OCI layer.md): such a file is not committed."""
    engine.run("busybox", ["sh", "-c", "touch /etc/.wh.passwd /etc/.wh..wh..opq; echo 1 > /one"],
               network="none", name="box")  # fmt: skip
    box = engine.containers.get("box")
    assert "A /etc/.wh.passwd" in {f"{each.kind} {each.path}" for each in box.changes()}
    box.commit("made")
    seen = engine.run("made", ["cat", "/etc/passwd", "/one"], network="none", remove=True)
    assert seen.exit_code == 0, seen.stderr
    assert b"root" in seen.stdout


def entry(tag: int, rights: int, who: int = 0xFFFFFFFF) -> bytes:
    """Return an entry of an access list (linux/posix_acl_xattr.h)."""
    return struct.pack("<HHI", tag, rights, who)


# user::rwx, user:7:r-x, group::r-x, mask::r-x, other::---
ACCESS_LIST = struct.pack("<I", 2) + b"".join(
    (entry(1, 7), entry(2, 5, 7), entry(4, 5), entry(0x10, 5), entry(0x20, 0))
)


def test_attributes_and_access_lists_come_through_all(engine: Engine, tmp_path: Path) -> None:
    """Through cp, export, commit, checkpoint and rollback: the same bytes."""
    tree = tmp_path / "tree"
    tree.mkdir()
    (tree / "f").write_text("x")
    os.setxattr(tree / "f", "user.note", b"\0\xff kept")
    os.setxattr(tree, "user.directory", b"yes")
    os.setxattr(tree / "f", "system.posix_acl_access", ACCESS_LIST)
    os.setxattr(tree, "system.posix_acl_default", ACCESS_LIST)
    box = engine.containers.create("busybox", ["true"], network="none", name="box")
    box.copy_in(tree, "/tree")
    told = attributes_of(b"".join(box.export()))
    assert told["tree/f"] == {"user.note": b"\0\xff kept", "system.posix_acl_access": ACCESS_LIST}
    assert told["tree"] == {"user.directory": b"yes", "system.posix_acl_default": ACCESS_LIST}
    box.checkpoint("good")
    box.copy_in(b"wrecked", "/tree/f")
    box.rollback("good")
    assert attributes_of(b"".join(box.export())) == told
    box.commit("made")
    other = engine.containers.create("made", ["true"], network="none")
    assert attributes_of(b"".join(other.export())) == told
    box.copy_out("/tree", tmp_path / "out")
    assert os.getxattr(tmp_path / "out" / "f", "system.posix_acl_access") == ACCESS_LIST


def attributes_of(data: bytes) -> dict[str, dict[str, bytes]]:
    """Return the extended attributes of an archive's files, of those that have some."""
    return {
        found.name.rstrip("/"): dict(found.xattrs)
        for found in TarReader(io.BytesIO(data).read)
        if found.xattrs
    }


def test_a_long_export_can_be_given_up(engine: Engine, tmp_path: Path) -> None:
    """A gigabyte that is no hole: it ends with whoever asked, and leaves no file."""
    engine.run("busybox", ["fallocate", "-l", "1g", "/big"], network="none", name="big")
    box = engine.containers.get("big")
    target = tmp_path / "big.tar"

    def stop(done: int) -> None:
        raise KeyboardInterrupt

    with pytest.raises((KeyboardInterrupt, EngineError)):
        box.export_to(target, progress=stop)
    assert not target.exists()
    assert [path.name for path in tmp_path.iterdir()] == []
    box.remove()


@pytest.mark.slow
@pytest.mark.timeout(3600)
def test_a_million_files_are_told_kept_copied_and_removed(engine: Engine, tmp_path: Path) -> None:
    """A thousand directories of a thousand: every operation on all of them tells the same."""
    make = (
        "mkdir /m; cd /m; for i in $(seq 1000); do mkdir $i; cd $i; seq 1000 | xargs touch; cd ..;"
        " done"
    )
    done = engine.run("busybox", ["sh", "-c", make], network="none", name="box")
    assert done.exit_code == 0, done.stderr
    box = engine.containers.get("box")
    with timed("diff"):
        assert len(box.changes()) == 1_001_001
    with timed("checkpoint"):
        box.checkpoint("good")
    box.copy_in(b"", "/m/wreck")
    with timed("rollback"):
        box.rollback("good")
    assert len(box.changes()) == 1_001_001
    with timed("export"):
        box.export_to(tmp_path / "out.tar")
    (tmp_path / "out.tar").unlink()
    with timed("cp out"):
        box.copy_out("/m", tmp_path / "m")
    assert sum(len(names) for _, _, names in os.walk(tmp_path / "m")) == 1_000_000
    with timed("cp in"):
        box.copy_in(tmp_path / "m", "/again")
    trees.delete(tmp_path / "m")
    assert len(box.changes()) == 2_002_002
    with timed("rollback"):
        box.rollback("good")
    with timed("commit"):
        box.commit("million")
    other = engine.containers.create("million", ["true"], network="none")
    assert other.changes() == []
    with timed("compare"):
        assert engine.compare("box", "million")[0] == []
    other.remove()
    with timed("rm"):
        box.remove()
    assert engine.containers.list(all=True) == []


@contextmanager
def timed(what: str) -> Iterator[None]:
    """Print how long it took: where the test fails, and with `-s`."""
    begin = time.monotonic()
    yield
    print(f"{what}: {time.monotonic() - begin:.1f} s", flush=True)
