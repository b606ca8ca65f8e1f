"""Unpacking, above all of archives that want out."""

from __future__ import annotations

import io
import os
import stat
import tarfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ipycontainer.errors import ImageFormatError
from ipycontainer.linux.dirfd import DirFd
from ipycontainer.storage.unpack import Limits, UnpackedSize, clean, unpack
from tests.archives import TarBuilder

Unpack = Callable[..., UnpackedSize]


@pytest.fixture
def tree(tmp_path: Path) -> Iterator[Path]:
    """The directory to unpack into, with a neighbour that must stay as it is."""
    (tmp_path / "outside").mkdir()
    (tmp_path / "outside" / "kept").write_text("kept")
    made = tmp_path / "layer" / "tree"
    made.mkdir(parents=True)
    yield made
    assert sorted(p.name for p in tmp_path.iterdir()) == ["layer", "outside"]
    assert [p.name for p in (tmp_path / "layer").iterdir()] == ["tree"]
    assert (tmp_path / "outside" / "kept").read_text() == "kept"
    assert [p.name for p in (tmp_path / "outside").iterdir()] == ["kept"]


@pytest.fixture
def take(tree: Path) -> Unpack:
    """Unpack a builder's archive into the tree."""

    def run(builder: TarBuilder, limits: Limits = Limits()) -> UnpackedSize:  # noqa: B008
        with DirFd.open(tree) as target:
            return unpack(io.BytesIO(builder.build()).read, target, userxattr=True, limits=limits)

    return run


def own(**fields: object) -> dict[str, Any]:
    """Return the owner that needs no rights, with further fields."""
    return {"uid": os.geteuid(), "gid": os.getegid(), **fields}


def test_files_get_their_content_mode_time_and_owner(tree: Path, take: Unpack) -> None:
    """And the size that docker counts: of the files, and of what links point to."""
    size = take(
        TarBuilder()
        .directory("d", mode=0o1750, mtime=100, **own())
        .file("d/f", b"12345", mode=0o4755, mtime=200, **own())
        .file("d/g", b"678", mode=0o600, **own())
        .symlink("l", "d/f")
        .hardlink("h", "d/f")
    )

    assert size.size == 8 + len("d/f")
    assert size.entries == 5
    status = (tree / "d/f").stat()
    assert (stat.S_IMODE(status.st_mode), status.st_mtime) == (0o4755, 200)
    assert ((tree / "d").stat().st_mtime, stat.S_IMODE((tree / "d").stat().st_mode)) == (
        100,
        0o1750,
    )
    assert os.readlink(tree / "l") == "d/f"
    assert (tree / "h").stat().st_ino == status.st_ino


def test_a_directory_without_write_permission_is_filled_all_the_same(
    tree: Path, take: Unpack
) -> None:
    """Its mode is set at the end."""
    take(TarBuilder().directory("d", mode=0o500, **own()).file("d/f", b"x").directory("d/e"))

    assert stat.S_IMODE((tree / "d").stat().st_mode) == 0o500
    assert (tree / "d/f").read_text() == "x"
    (tree / "d").chmod(0o700)


def test_the_archive_speaks_of_its_own_directory_too(tree: Path, take: Unpack) -> None:
    """`./` gives the layer's root its mode."""
    take(TarBuilder().directory("./", mode=0o711, **own()))

    assert stat.S_IMODE(tree.stat().st_mode) == 0o711


@pytest.mark.parametrize("name", ["../x", "a/../../x", "/x", "//x", "./x", "/../x"])
def test_names_that_lead_out_end_inside(tree: Path, take: Unpack, name: str) -> None:
    """As in docker, `..` stops at the layer's root."""
    take(TarBuilder().file(name, b"1"))

    assert [p.name for p in tree.iterdir() if p.is_file()] == ["x"]


@pytest.mark.parametrize("target", ["/outside", "../../outside", "../outside", "/etc"])
def test_a_link_out_of_the_layer_is_followed_nowhere(
    tree: Path, take: Unpack, tmp_path: Path, target: str
) -> None:
    """What it points to is looked up in the layer, and is not there."""
    with pytest.raises(ImageFormatError, match="open /a/x: no such file or directory"):
        take(TarBuilder().symlink("a", target).file("a/x", b"1"))

    with pytest.raises(ImageFormatError):
        take(TarBuilder().symlink("b", str(tmp_path / "outside")).file("b/kept", b"overwritten"))


def test_a_link_inside_the_layer_is_followed_inside(tree: Path, take: Unpack) -> None:
    """/bin -> usr/bin, absolute or not, as distributions have it."""
    take(
        TarBuilder()
        .directory("usr/bin")
        .symlink("bin", "/usr/bin")
        .file("bin/sh", b"1")
        .hardlink("copy", "bin/sh")
    )

    assert (tree / "usr/bin/sh").read_text() == "1"
    assert (tree / "copy").read_text() == "1"


@pytest.mark.parametrize("target", ["/etc/shadow", "../../../etc/shadow", "../../outside/kept"])
def test_a_hard_link_to_a_file_outside_is_refused(tree: Path, take: Unpack, target: str) -> None:
    """It would put a file of the machine into the layer."""
    with pytest.raises(ImageFormatError, match=r"link .*: no such file or directory"):
        take(TarBuilder().hardlink("a", target))

    assert not (tree / "a").exists()


def test_a_hard_link_through_a_symlink_stays_inside(tree: Path, take: Unpack) -> None:
    """A layer that links to /etc/shadow through its own symlink is refused."""
    with pytest.raises(ImageFormatError, match="link /d/shadow /copy"):
        take(TarBuilder().symlink("d", "/etc").hardlink("copy", "d/shadow"))


def test_a_hard_link_to_a_directory_or_to_a_whiteout_is_refused(tree: Path, take: Unpack) -> None:
    """Neither is a file of this layer."""
    for name in ("d", "gone"):
        with pytest.raises(ImageFormatError, match="operation not permitted"):
            take(TarBuilder().directory("d").file(".wh.gone").hardlink("copy", name))


def test_a_hard_link_to_a_symlink_links_the_symlink(tree: Path, take: Unpack) -> None:
    """And not what it points to."""
    take(TarBuilder().symlink("l", "/etc/shadow").hardlink("copy", "l"))

    assert os.readlink(tree / "copy") == "/etc/shadow"


def test_a_hard_link_to_itself_loses_nothing(tree: Path, take: Unpack) -> None:
    """Making way for it would remove what it links to."""
    take(TarBuilder().file("a", b"1").hardlink("a", "./a"))

    assert (tree / "a").read_text() == "1"


def test_a_later_entry_takes_the_place_of_an_earlier(tree: Path, take: Unpack) -> None:
    """A link is replaced and not written through; a directory is merged with a directory."""
    take(
        TarBuilder()
        .symlink("a", "/outside/kept")
        .file("a", b"file")
        .directory("d")
        .file("d/one")
        .directory("d", mode=0o700, **own())
        .file("d/two")
        .directory("e/f/g")
        .file("e", b"now a file")
        .symlink("s", "d")
        .directory("s")
        .file("s/x")
    )

    assert (tree / "a").read_text() == "file"
    assert sorted(p.name for p in (tree / "d").iterdir()) == ["one", "two"]
    assert (tree / "e").read_text() == "now a file"
    assert not (tree / "s").is_symlink()
    assert sorted(p.name for p in tree.iterdir()) == ["a", "d", "e", "s"]


def test_a_file_as_parent_is_an_error(tree: Path, take: Unpack) -> None:
    """In docker's words."""
    with pytest.raises(ImageFormatError, match="open /d/x: not a directory"):
        take(TarBuilder().file("d").file("d/x"))


@pytest.mark.parametrize("name", ["a" * 300, "/".join(["a" * 200] * 30)])
def test_a_name_that_is_too_long_is_an_error(take: Unpack, name: str) -> None:
    """The kernel's limit, told as docker tells it."""
    with pytest.raises(ImageFormatError, match="file name too long"):
        take(TarBuilder().file(name))


@pytest.mark.parametrize("owner", [-5, 2**32 - 1, 2**40])
def test_an_owner_that_is_none_is_refused(take: Unpack, owner: int) -> None:
    """-1 would mean to chown(2): leave it."""
    with pytest.raises(ImageFormatError, match="invalid owner"):
        take(TarBuilder(tarfile.GNU_FORMAT).file("a", uid=owner))


def test_a_deleted_name_becomes_overlayfs_mark_of_it(tree: Path, take: Unpack) -> None:
    """A character device 0:0; for a whole directory an attribute."""
    take(TarBuilder().directory("d").file("d/.wh.gone").file("o/.wh..wh..opq").file("o/x"))

    status = (tree / "d/gone").lstat()
    assert stat.S_ISCHR(status.st_mode)
    assert status.st_rdev == 0
    assert os.getxattr(tree / "o", "user.overlay.opaque") == b"y"
    assert (tree / "o/x").exists()


@pytest.mark.parametrize("first", ["whiteout", "content"])
def test_a_whiteout_spares_what_its_own_layer_holds(tree: Path, take: Unpack, first: str) -> None:
    """It applies to lower layers only: a directory that is deleted and made anew hides the old."""
    builder = TarBuilder()
    if first == "whiteout":
        builder.file(".wh.d").file(".wh.f").directory("d").file("d/new").file("f", b"new")
    else:
        builder.directory("d").file("d/new").file("f", b"new").file(".wh.d").file(".wh.f")

    take(builder)

    assert (tree / "d/new").exists()
    assert (tree / "f").read_text() == "new"
    assert os.getxattr(tree / "d", "user.overlay.opaque") == b"y"


@pytest.mark.parametrize("name", [".wh.", ".wh..", ".wh...", "d/.wh..."])
def test_a_whiteout_of_nothing_is_refused(take: Unpack, name: str) -> None:
    """`.` and `..` and the empty name would delete a directory from inside it."""
    with pytest.raises(ImageFormatError, match="invalid whiteout"):
        take(TarBuilder().file(name))


def test_a_whiteout_through_a_symlink_stays_inside(tree: Path, take: Unpack) -> None:
    """Its directory is found as any other is."""
    with pytest.raises(ImageFormatError, match="no such file"):
        take(TarBuilder().symlink("a", "/outside").file("a/.wh.kept"))


def test_the_files_of_aufs_are_passed_over(tree: Path, take: Unpack) -> None:
    """Old docker layers have them."""
    take(TarBuilder().file(".wh..wh.aufs").file("x"))

    assert [p.name for p in tree.iterdir()] == ["x"]


def test_a_whiteout_device_in_an_archive_is_refused(take: Unpack) -> None:
    """It would delete without saying so."""
    with pytest.raises(ImageFormatError, match="0:0"):
        take(TarBuilder().device("n", 0, 0))


@pytest.mark.parametrize(("major", "minor"), [(5000, 0), (0, 1 << 21)])
def test_a_device_that_cannot_be_is_refused(take: Unpack, major: int, minor: int) -> None:
    """Linux has twelve and twenty bits for it."""
    with pytest.raises(ImageFormatError, match="invalid device"):
        take(TarBuilder(tarfile.GNU_FORMAT).device("n", major, minor))


def test_a_device_is_made_by_root_and_told_by_others(
    tree: Path, take: Unpack, as_root: bool
) -> None:
    """An ordinary user cannot make one, and nothing is silently left out."""
    size = take(TarBuilder().device("null", 1, 3).fifo("p"))

    assert size.devices == (() if as_root else ("/null",))
    assert (tree / "null").exists() == as_root
    assert stat.S_ISFIFO((tree / "p").stat().st_mode)


def test_an_owner_without_an_id_here_is_counted(tree: Path, take: Unpack, as_root: bool) -> None:
    """The file stays the caller's then, and loses its set-id bits."""
    size = take(TarBuilder().file("su", mode=0o4755, uid=12345, gid=12345))

    status = (tree / "su").stat()
    if as_root:
        assert (size.squashed, status.st_uid, stat.S_IMODE(status.st_mode)) == (0, 12345, 0o4755)
    else:
        assert (size.squashed, status.st_uid) == (1, os.geteuid())
        assert stat.S_IMODE(status.st_mode) == 0o755


def test_only_harmless_attributes_are_set(tree: Path, take: Unpack) -> None:
    """What means something to overlayfs or to the machine's root is not an archive's to set."""
    take(
        TarBuilder().file(
            "f",
            xattrs={
                "user.note": "1",
                "user.overlay.opaque": "y",
                "trusted.overlay.redirect": "/etc",
                "trusted.x": "1",
                "security.selinux": "x",
                "system.posix_acl_access": "x",
            },
        )
    )

    assert os.listxattr(tree / "f") == ["user.note"]


def test_too_many_entries_and_too_large_files_are_refused(take: Unpack) -> None:
    """Holes count: they are a file's size to everybody who reads it."""
    with pytest.raises(ImageFormatError, match="more than 2 entries"):
        take(TarBuilder().file("a").file("b").file("c"), Limits(entries=2))
    with pytest.raises(ImageFormatError, match="more than 9 bytes"):
        take(TarBuilder().file("a", b"12345").file("b", b"67890"), Limits(total_bytes=9))


@given(st.text(st.sampled_from("ab./"), max_size=20))
def test_a_cleaned_name_has_nothing_to_lead_out_by(name: str) -> None:
    """And cleaning it again changes nothing."""
    path = clean(name)

    assert not {"", ".", ".."} & set(path.split("/")) or path == ""
    assert clean(path) == path
    assert clean("/" + name) == path


@pytest.mark.parametrize("target", ["a", "nowhere", "a/b"])
def test_a_directory_that_became_a_link_has_no_times_any_more(
    tree: Path, take: Unpack, target: str
) -> None:
    """Those below it are gone with it, wherever the link leads."""
    take(TarBuilder().directory("a").directory("a/b").symlink("a", target))
    assert os.readlink(tree / "a") == target


WORDS = st.sampled_from(["a", "b", "..", "a/b", "/a", "a/../b", "../outside", "a/b/c", "b/kept"])
TARGETS = st.sampled_from(["a", "/", "..", "/outside", "../../outside", "b/a", "../outside/kept"])


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow])
@given(
    st.lists(
        st.one_of(
            st.tuples(st.just("file"), WORDS),
            st.tuples(st.just("directory"), WORDS),
            st.tuples(st.just("symlink"), WORDS, TARGETS),
            st.tuples(st.just("hardlink"), WORDS, TARGETS),
            st.tuples(st.just("file"), WORDS.map(lambda word: f"{word}/.wh.kept")),
        ),
        max_size=8,
    )
)
def test_no_order_of_links_and_files_leads_out(
    tree: Path, take: Unpack, steps: list[tuple[str, ...]]
) -> None:
    """Whatever the archive does, its neighbours are as they were (the fixture looks)."""
    builder = TarBuilder()
    for method, *arguments in steps:
        getattr(builder, method)(*arguments)

    try:
        take(builder)
    except ImageFormatError:
        return
