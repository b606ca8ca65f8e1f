"""`cp` and its kin on real containers: every rule of names, and nothing outside is ever touched."""

from __future__ import annotations

import io
import os
import stat
import tarfile
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from ipycontainer.engine import copying
from ipycontainer.engine.container import Container
from ipycontainer.engine.engine import Engine
from ipycontainer.errors import ImageFormatError, InvalidArgument, NotFound, ResourceError
from tests.archives import TarBuilder
from tests.conftest import Shell

pytestmark = [pytest.mark.sampled, pytest.mark.usefixtures("busybox_image")]

SETUP = (
    "mkdir -p /d/sub; echo f>/d/f; chmod 640 /d/f; ln -s /etc/passwd /d/l; ln -s /d /ld;"
    " ln -s ../../../../../../etc /d/up; ln -s / /root/top; echo v>/vol/v; mkfifo /d/pipe"
)


@pytest.fixture(params=["running", "stopped"])
def box(request: pytest.FixtureRequest, engine: Engine) -> Iterator[Container]:
    """A container with some files, running or not."""
    container = engine.containers.create(
        "busybox", ["sh", "-c", f"{SETUP}; touch /ready; exec sleep 1000"], volumes=["vol:/vol"],
        network="none", name="box",
    )  # fmt: skip
    container.start()
    while container.exec_run(["ls", "/ready"]).exit_code:
        pass
    if request.param == "stopped":
        container.kill()
    yield container
    container.remove(force=True)


def listing(container: Container, path: str) -> dict[str, str]:
    """Return the entries of the archive of a path, with their content or link."""
    pieces, _ = container.get_archive(path)
    with tarfile.open(fileobj=io.BytesIO(b"".join(pieces))) as archive:
        found = {}
        for member in archive:
            file = archive.extractfile(member) if member.isreg() else None
            text = file.read().decode() if file else member.linkname
            found[member.name] = text
        return found


def test_a_files_way_in_and_out(box: Container, tmp_path: Path) -> None:
    """Content, mode and owner come back as they went, the time in whole seconds, as in docker."""
    source = tmp_path / "source"
    source.write_bytes(os.urandom(300_000))
    source.chmod(0o751)
    os.utime(source, ns=(1, 1_500_000_000_123_456_789))
    box.copy_in(source, "/d/new")
    _, facts = box.get_archive("/d/new")
    assert (facts["name"], facts["size"], facts["mode"]) == ("new", 300_000, 0o751)
    box.copy_out("/d/new", tmp_path / "back")
    back = tmp_path / "back"
    assert back.read_bytes() == source.read_bytes()
    assert back.stat().st_mode == source.stat().st_mode
    assert back.stat().st_mtime_ns == 1_500_000_000_000_000_000
    assert back.stat().st_uid == os.geteuid()


def test_where_a_directory_goes(box: Container, tmp_path: Path) -> None:
    """Into an existing one under its name, its content with `/.`, and as what is not there yet."""
    tree = tmp_path / "tree"
    (tree / "in").mkdir(parents=True)
    (tree / "a").write_text("a")
    box.copy_in(tree, "/d")
    box.copy_in(f"{tree}/.", "/d/sub")
    box.copy_in(tree, "/fresh")
    assert listing(box, "/d/tree") == {"tree": "", "tree/a": "a", "tree/in": ""}
    assert listing(box, "/d/sub") == {"sub": "", "sub/a": "a", "sub/in": ""}
    assert listing(box, "/fresh") == {"fresh": "", "fresh/a": "a", "fresh/in": ""}
    box.copy_out("/fresh", tmp_path / "out")
    box.copy_out("/fresh", tmp_path / "out")
    box.copy_out("/fresh/.", tmp_path / "flat")
    assert sorted(os.listdir(tmp_path / "out")) == ["a", "fresh", "in"]
    assert sorted(os.listdir(tmp_path / "flat")) == ["a", "in"]


def test_links_lead_nowhere_but_inside(box: Container, tmp_path: Path) -> None:
    """A link to / or far up is taken from the container's own root, in both directions."""
    (tmp_path / "mark").write_text("mine")
    box.copy_in(tmp_path / "mark", "/d/up/mark")
    box.copy_in(tmp_path / "mark", "/root/top/mark2")
    assert listing(box, "/etc/mark") == {"mark": "mine"}
    assert listing(box, "/mark2") == {"mark2": "mine"}
    assert not Path("/etc/mark").exists()
    assert not Path("/mark2").exists()
    box.copy_out("/d/up/passwd", tmp_path / "passwd")
    assert "postgres:x:70" in (tmp_path / "passwd").read_text()
    box.copy_out("/d", tmp_path / "d")
    assert os.readlink(tmp_path / "d" / "up") == "../../../../../../etc"
    assert stat.S_ISFIFO((tmp_path / "d" / "pipe").stat().st_mode)
    box.copy_out("/d/l", tmp_path / "link")
    box.copy_out("/d/l", tmp_path / "followed", follow_link=True)
    assert os.readlink(tmp_path / "link") == "/etc/passwd"
    assert (tmp_path / "followed").read_text() == (tmp_path / "passwd").read_text()


def test_what_a_link_leads_to_has_its_own_name_in_a_stream(box: Container) -> None:
    """Nobody renames what is only streamed: a followed link is there as its target."""
    for path, name in (("/d/l", "passwd"), ("/d/up", "etc"), ("/d/up/", "up")):
        with tarfile.open(
            fileobj=io.BytesIO(b"".join(box.get_archive(path, follow_link=True)[0]))
        ) as archive:
            member = archive.getmembers()[0]
        assert (member.name, member.issym()) == (name, False)


def test_volumes_are_seen_and_kernel_files_are_not(box: Container, tmp_path: Path) -> None:
    """As docker: what is mounted for the kernel's sake is an empty directory."""
    assert box.copy_out("/vol/v") == b"v\n"
    box.copy_in(b"new", "/vol/w")
    assert box.copy_out("/vol/w") == b"new"
    for path in ("/proc/cpuinfo", "/sys/kernel", "/dev/null"):
        with pytest.raises(NotFound, match=f"Could not find the file {path}"):
            box.copy_out(path)
    assert b"127.0.0.1" in box.copy_out("/etc/hosts")


def test_values_go_in_and_come_out(box: Container) -> None:
    """Bytes, files and data frames, by duck typing and by suffix."""
    pandas = pytest.importorskip("pandas")
    frame = pandas.DataFrame({"a": [1, 2], "b": ["x", "y"]})
    box.copy_in(frame, "/d/frame.csv")
    assert box.copy_out("/d/frame.csv") == b"a,b\n1,x\n2,y\n"
    assert box.copy_out("/d/frame.csv", pandas.DataFrame).equals(frame)
    box.copy_in(io.BytesIO(b"from a file"), "/d/file")
    target = io.BytesIO()
    assert box.copy_out("/d/file", target) == 11
    assert target.getvalue() == b"from a file"
    with pytest.raises(InvalidArgument, match="needs the name of a file"):
        box.copy_in(b"x", "/d/")


def test_archives_are_unpacked_into_directories(box: Container) -> None:
    """put_archive as docker-py's: names and owners of the archive, also compressed."""
    for mode in ("w", "w:gz", "w:bz2", "w:xz"):
        buffer = io.BytesIO()
        with tarfile.open(fileobj=buffer, mode=mode) as archive:
            member = tarfile.TarInfo("../../up/name")
            member.size, member.uid = 3, 70
            archive.addfile(member, io.BytesIO(mode.encode().ljust(3)[:3]))
        assert box.put_archive("/d/sub", buffer.getvalue())
        assert listing(box, "/d/sub/up/name")["name"] == mode.ljust(3)[:3]
    with pytest.raises(NotFound):
        box.put_archive("/nope", b"")
    with pytest.raises(InvalidArgument, match="extraction point is not a directory"):
        box.put_archive("/d/f", b"")


def test_a_name_that_comes_twice_is_the_last(box: Container) -> None:
    """In a directory that the archive itself brings, too; one that is cut off leaves none of it."""
    archive = TarBuilder().directory("new").file("new/f", b"first").file("new/f", b"last").build()

    box.put_archive("/d", archive)

    assert listing(box, "/d/new") == {"new": "", "new/f": "last"}
    with pytest.raises(ImageFormatError, match="unexpected EOF"):
        box.put_archive(
            "/d/sub", TarBuilder().directory("b").file("b/f", bytes(9000)).build()[:8000]
        )
    assert list(listing(box, "/d/sub")) == ["sub"]


@pytest.mark.parametrize("words", [("--read-only",), ("-v", "vol:/vol:ro")])
def test_what_is_read_only_stays_so(shell: Shell, tmp_path: Path, words: tuple[str, ...]) -> None:
    """The container's own files with --read-only, a volume with :ro."""
    (tmp_path / "x").touch()
    shell("create", "--name", "closed", *words, "busybox", "true")
    target = "/x" if words == ("--read-only",) else "/vol/x"
    refused = shell("cp", f"{tmp_path}/x", f"closed:{target}")
    assert refused.returncode == 1
    assert "is marked read-only" in refused.stderr


def test_holes_stay_holes(engine: Engine, tmp_path: Path) -> None:
    """A sparse file of 100 GB goes in and out by what it holds."""
    box = engine.containers.create("busybox", ["true"])
    with open(tmp_path / "sparse", "wb") as file:
        file.seek(100 << 30)
        file.write(b"end")
        file.seek(1 << 30)
        file.write(b"middle")
    box.copy_in(tmp_path / "sparse", "/sparse")
    box.copy_out("/sparse", tmp_path / "back")
    back = (tmp_path / "back").stat()
    assert back.st_size == (100 << 30) + 3
    assert back.st_blocks < 1000
    with open(tmp_path / "back", "rb") as file:
        file.seek(1 << 30)
        assert file.read(6) == b"middle"


def test_a_process_that_swaps_directories_for_links_gains_nothing(
    engine: Engine, tmp_path: Path
) -> None:
    """Copies into a directory that becomes a link to / and back: nothing lands outside."""
    script = "mkdir /a; ln -s / /b; while :; do mv /a /c; mv /b /a; mv /a /b; mv /c /a; done"
    box = engine.containers.run(
        "busybox", ["sh", "-c", script], network="none", detach=True, name="swaps"
    )
    marker = f"swapped-{os.getpid()}"
    (tmp_path / marker).write_text("in")
    tree = tmp_path / "tree"
    (tree / marker).mkdir(parents=True)
    for number in range(30):
        for source in (tmp_path / marker, tree):
            try:
                box.copy_in(source, f"/a/{marker}")
            except (NotFound, InvalidArgument, ResourceError):
                continue
        out = tmp_path / f"out{number}"
        try:
            box.copy_out("/a", out)
        except (NotFound, InvalidArgument, ResourceError):
            continue
        # a link comes out as a link, as docker has it; behind it lies our own machine
        assert out.is_symlink() or not (out / "etc" / "shadow").exists()
    assert not Path("/", marker).exists()
    box.remove(force=True)


def test_a_full_disk_leaves_what_was_there(engine: Engine, tmp_path: Path) -> None:
    """The old file stays, the half of the new one goes, and the error says why."""
    box = engine.containers.run(
        "busybox", ["sh", "-c", "echo old>/small/file; sleep 1000"], network="none", detach=True,
        mounts=[{"Target": "/small", "Type": "volume", "Source": "small", "VolumeOptions": {
            "DriverConfig": {"Name": "local", "Options": {
                "type": "tmpfs", "device": "tmpfs", "o": "size=1m"}}}}],
    )  # fmt: skip
    while box.exec_run(["cat", "/small/file"]).exit_code:
        pass
    (tmp_path / "big").write_bytes(bytes(range(256)) * (2 << 12))
    for target in ("/small/file", "/small/new"):
        with pytest.raises(ResourceError, match="no space left on device"):
            box.copy_in(tmp_path / "big", target)
    assert box.exec_run(["sh", "-c", "cat /small/*; ls -A /small"]).output == b"old\nfile\n"
    box.remove(force=True)


def test_why_a_copy_out_was_given_up_is_told(
    engine: Engine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The reason of who reads, not that the container's side could not go on writing."""
    box = engine.containers.create("busybox", ["true"], network="none")
    box.copy_in(bytes(8 << 20), "/big")

    def refuse(read: Callable[[int], bytes], *_: object) -> None:
        read(1)
        raise ImageFormatError("not what was expected")

    monkeypatch.setattr(copying, "place", refuse)
    with pytest.raises(ImageFormatError, match="not what was expected"):
        box.copy_out("/big", tmp_path / "big")
