"""What a container's directories keep when another one gets them: nothing that can be told."""

from __future__ import annotations

import os
import stat
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from ipycontainer.model.state import Overlay
from ipycontainer.storage import snapshots, trash, vacated
from ipycontainer.store.home import Home

ID, NEXT = "c" * 64, "d" * 64
KEPT = ["rootfs", "upper0", "work0"]


def gone(home: Home, change: Callable[[Path], object] = lambda _: None) -> Path:
    """Make a container's directory, change it as the container would, and put it away."""
    (overlay,) = snapshots.prepare(home, ID)
    directory = home.container(ID)
    (directory / "rootfs").mkdir(0o700)
    Path(overlay.work, "work").mkdir()
    for name in ("hosts", "config.json"):
        (directory / name).write_text("of the first")
    change(Path(overlay.upper))
    name = snapshots.put_away(home, ID, NEXT)
    assert name == trash.place(home, NEXT).name
    return home.trash / name


def fill(upper: Path) -> None:
    """Write files, a deep tree, a link out of it and a directory that forbids its own change."""
    (upper / "file").write_text("secret")
    (upper / "a" / "b" / "c").mkdir(parents=True)
    (upper / "out").symlink_to("/etc")
    (upper / "shut").mkdir()
    (upper / "shut" / "file").write_text("secret")
    (upper / "shut").chmod(0o500)


def mark(upper: Path) -> None:
    """Set an attribute that the kernel has not set."""
    os.setxattr(upper, "user.mark", b"1")


def freeze(upper: Path) -> None:
    """Set a flag that a program may set on what it owns."""
    done = subprocess.run(["chattr", "+d", str(upper)], capture_output=True, text=True, check=False)
    if done.returncode != 0:
        pytest.skip(f"no directory of {upper.parent} can be marked: {done.stderr.strip()}")


def test_what_was_written_is_gone(bare_home: Home) -> None:
    """The directories that each container has stay, empty; what they lead to is untouched."""
    tree = gone(bare_home, fill)

    assert vacated.vacate(bare_home, tree.name)

    assert sorted(os.listdir(tree)) == KEPT
    assert [os.listdir(tree / name) for name in KEPT] == [[], [], []]
    assert os.path.exists("/etc/passwd")


@pytest.mark.parametrize("change", [lambda upper: upper.chmod(0o777), mark, freeze])
def test_a_root_that_was_changed_itself_is_not_used_again(
    bare_home: Home, change: Callable[[Path], object]
) -> None:
    """Its mode, its attributes and its flags would be the next container's."""
    tree = gone(bare_home, change)

    assert vacated.vacate(bare_home, tree.name)

    assert sorted(os.listdir(tree)) == ["rootfs", "work0"]


def test_what_the_kernel_notes_of_its_own_goes(bare_home: Home) -> None:
    """By that alone the directory could be told from a fresh one."""
    tree = gone(
        bare_home, lambda upper: os.setxattr(upper, "user.overlay.uuid", b"0123456789abcdef")
    )

    assert vacated.vacate(bare_home, tree.name)

    assert sorted(os.listdir(tree)) == KEPT
    assert os.listxattr(tree / "upper0") == []


def test_the_next_container_is_made_there(bare_home: Home) -> None:
    """It looks like one that was made now."""
    tree = gone(bare_home, lambda upper: os.utime(upper, (1, 1)))
    vacated.vacate(bare_home, tree.name)
    os.utime(tree / "upper0", (1, 1))
    own = bare_home.container(NEXT)
    overlay = Overlay("/", (str(bare_home.empty_dir),), f"{tree}/upper0", f"{tree}/work0")

    vacated.move_in(tree)
    snapshots.make(bare_home, tree, (overlay,))

    status = (tree / "upper0").stat()
    assert status.st_mtime > 1
    assert stat.S_IMODE(status.st_mode) == 0o755
    assert sorted(os.listdir(tree)) == ["maker", *KEPT]
    assert not own.exists()


def test_nothing_is_no_error(bare_home: Home) -> None:
    """Who removes may have been overtaken."""
    assert not vacated.vacate(bare_home, "1-2-3")
    vacated.move_in(bare_home.trash / "1-2-3")


def test_what_cannot_be_emptied_is_deleted_whole(
    bare_home: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A successor never gets half of it."""

    def refuse(_: int) -> None:
        raise OSError("no")

    tree = gone(bare_home, fill)
    with monkeypatch.context() as patch:
        patch.setattr("ipycontainer.storage.vacated.trees.empty", refuse)
        assert not vacated.vacate(bare_home, tree.name)

    assert not tree.exists()
