"""A disk that is full in the middle of an operation: it says so, and nothing is lost or kept.

The home lies on a file system of 24 MB. What happens at each named place is in test_faults and
test_cut.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from functools import partial
from pathlib import Path

import pytest

import ipycontainer
from ipycontainer.engine.container import Container
from ipycontainer.engine.engine import Engine
from ipycontainer.errors import EngineError
from ipycontainer.store.disk_reserve import RESERVE_BYTES
from tests.archives import TarBuilder
from tests.image_archives import image, write_archive
from tests.registries import registry
from tests.system.engine.processes import eventually, thrown
from tests.system.files.small_disk import in_a_shell
from tests.system.files.small_disk import small as small

pytestmark = pytest.mark.sampled

SLACK_BYTES = 1 << 20  # of the database, its log, and a container's directory
NO_ROOM = "no space left on device"


def free(engine: Engine) -> int:
    """Return the bytes that are free on the home's file system."""
    status = os.statvfs(engine.home.root)
    return status.f_bavail * status.f_bsize


def holding(engine: Engine, megabytes: int, name: str = "box") -> Container:
    """Return a container that has written so much."""
    fill = f"dd if=/dev/urandom of=/d/big bs=1M count={megabytes} 2>/dev/null"
    script = f"mkdir -p /d; {fill}; rm -f /etc/group"
    engine.run("busybox", ["sh", "-c", script], network="none", name=name)
    return engine.containers.get(name)


def refused(engine: Engine, operation: Callable[[], object]) -> None:
    """Do what has no room, and see that it says so and leaves nothing."""
    before = free(engine)
    names = sorted(each.name for each in engine.containers.list(all=True))
    tags = sorted(str(each.tags) for each in engine.images.list(all=True))
    layers = sorted(os.listdir(engine.home.layers))
    with pytest.raises(EngineError, match=NO_ROOM):
        operation()
    assert sorted(each.name for each in engine.containers.list(all=True)) == names
    assert sorted(str(each.tags) for each in engine.images.list(all=True)) == tags
    assert sorted(os.listdir(engine.home.layers)) == layers
    assert thrown(engine) == []
    # the worker that has said so is about to end, and what it still has open with it
    eventually(lambda: before - free(engine) < SLACK_BYTES)


def random_tar(megabytes: int) -> bytes:
    """Return an archive with a file that nothing makes smaller."""
    return TarBuilder().file("big", os.urandom(megabytes << 20)).build()


def test_what_is_made_of_a_container_is_whole_or_not_there(small: Engine) -> None:
    """Commit, checkpoint, branch and export; the container is as it was, and all works later."""
    box = holding(small, 10)
    told = box.diff()
    archive = small.home.root.parent / "out.tar"
    for operation in (
        lambda: box.commit("made"),
        lambda: box.checkpoint("kept"),
        lambda: box.branch("twin"),
        lambda: box.export_to(archive),
    ):
        refused(small, operation)
    assert not archive.exists()
    assert box.checkpoints() == []
    assert box.diff() == told
    box.start()
    assert box.wait()["StatusCode"] == 0
    box.remove()
    again = holding(small, 1, "again")
    again.checkpoint("kept")
    again.commit("made")
    assert small.images.get("made").tags == ["made:latest"]


def test_a_rollback_without_room_leaves_what_there_was(small: Engine) -> None:
    """Neither the checkpoint nor the present files are lost, and it works when there is room."""
    box = holding(small, 3)
    box.checkpoint("good")
    box.copy_in(b"wrecked", "/etc/passwd")
    before = b"".join(box.export())
    filler = small.home.root.parent / "filler"
    filler.write_bytes(bytes(free(small) - (2 << 20)))
    refused(small, lambda: box.rollback("good"))
    assert b"".join(box.export()) == before
    assert [each.tag for each in box.checkpoints()] == ["good"]
    filler.unlink()
    box.rollback("good")
    assert b"postgres" in box.copy_out("/etc/passwd")


def test_an_image_that_has_no_room_is_not_begun(small: Engine, tmp_path: Path) -> None:
    """Import and load, whose archives come from elsewhere; smaller ones work afterwards."""
    content = random_tar(14)
    (tmp_path / "tree.tar").write_bytes(content)
    refused(small, lambda: small.images.import_(tmp_path / "tree.tar", "big", "1"))
    write_archive(tmp_path / "image.tar", [(image([content]), ["big:1"])])
    refused(small, lambda: small.images.load((tmp_path / "image.tar").read_bytes()))
    ingest = small.home.layout / "ingest"
    assert not ingest.exists() or os.listdir(ingest) == []
    write_archive(tmp_path / "image.tar", [(image([random_tar(1)]), ["big:1"])])
    small.images.load((tmp_path / "image.tar").read_bytes())
    assert small.images.get("big:1").tags == ["big:1"]


def test_a_pull_that_has_no_room_is_not_begun(small: Engine, tmp_path: Path) -> None:
    """Nor is its half kept as a download to go on with: the room is given back."""
    place = tmp_path / "registry"
    place.mkdir()
    with registry(place) as running:
        image([random_tar(14)]).push(running, "big", "1")
        refused(small, lambda: small.images.pull(f"{running.host}/big:1"))
        image([random_tar(1)]).push(running, "little", "1")
        small.images.pull(f"{running.host}/little:1")


def test_a_volume_that_cannot_take_the_images_files_is_not_made(small: Engine) -> None:
    """Neither the container nor its volume is there; a volume of before is empty still."""
    holding(small, 4).commit("made")
    small.containers.get("box").remove()
    small.volumes.create("before")
    filler = small.home.root.parent / "filler"
    filler.write_bytes(bytes(max(0, free(small) - (2 << 20))))
    for name in ("fresh", "before"):
        refused(
            small,
            partial(
                small.containers.create,
                "made",
                ["true"],
                network="none",
                volumes=[f"{name}:/d"],
            ),
        )
    assert [each.name for each in small.volumes.list()] == ["before"]
    assert os.listdir(small.home.volume("before")) == []
    filler.unlink()
    done = small.run("made", ["ls", "/d"], network="none", remove=True, volumes=["before:/d"])
    assert done.stdout == b"big\n"


def test_a_copy_of_an_image_that_has_no_room_is_no_container(
    small: Engine, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """With the driver that copies images: neither a container nor a half copy is left."""
    holding(small, 4).commit("made")
    small.containers.get("box").remove()
    (tmp_path / "config.json").write_text('{"storage-driver": "vfs"}')
    monkeypatch.setenv("IPYCONTAINER_CONFIG", str(tmp_path / "config.json"))
    with ipycontainer.connect(small.home.root) as copies:
        refused(copies, lambda: copies.containers.create("made", ["true"], network="none"))
        copies.run("busybox", ["true"], network="none", remove=True)


# ── copies, archives and what a program writes ───────────────────────────────────────────────────


def test_a_copy_that_has_no_room_takes_nothing_away(small: Engine, tmp_path: Path) -> None:
    """Into a container and out of one: what stood there is whole, and no half copy is left."""
    box = holding(small, 8)
    here = small.home.root.parent / "out"
    here.write_bytes(b"kept here")
    box.copy_in(b"kept inside", "/kept")
    (tmp_path / "tree").mkdir()
    (tmp_path / "tree" / "small").write_bytes(b"x")
    (tmp_path / "tree" / "zbig").write_bytes(os.urandom(14 << 20))
    for operation in (
        lambda: box.copy_in(os.urandom(14 << 20), "/kept"),
        lambda: box.copy_in(tmp_path / "tree", "/tree"),
        lambda: box.put_archive("/", random_tar(14)),
        lambda: box.copy_out("/d", here.parent / "copy"),
    ):
        filler = small.home.root.parent / "filler"
        filler.write_bytes(bytes(free(small) - (6 << 20)))
        refused(small, operation)
        filler.unlink()
    filler.write_bytes(bytes(free(small) - (6 << 20)))
    refused(small, lambda: box.copy_out("/d/big", here))
    filler.unlink()
    assert here.read_bytes() == b"kept here"
    assert sorted(path.name for path in here.parent.iterdir()) == ["home", "out"]
    assert box.copy_out("/kept") == b"kept inside"
    assert {change.path for change in box.changes()} == {
        *("/d", "/d/big", "/etc", "/etc/group", "/kept")
    }
    assert box.copy_out("/d/big", here) == 8 << 20
    here.unlink()


def test_an_archive_of_images_that_has_no_room_is_no_file(small: Engine) -> None:
    """`save -o`, as in a shell; the images are there as before."""
    holding(small, 5).commit("made")
    target = small.home.root.parent / "saved.tar"
    filler = small.home.root.parent / "filler"
    filler.write_bytes(bytes(free(small) - (3 << 20)))
    done = in_a_shell("save", "-o", str(target), "made")
    assert done.returncode == 1
    assert NO_ROOM in done.stderr
    assert sorted(path.name for path in target.parent.iterdir()) == ["filler", "home"]
    filler.unlink()


def test_a_program_that_fills_the_disk_ends_and_can_be_removed(small: Engine) -> None:
    """It is told so, its end is written down, and the room is given back by `rm`."""
    before = free(small)
    fill = "dd if=/dev/zero of=/big bs=64k; echo code $?"
    done = small.run("busybox", ["sh", "-c", fill], network="none", name="box")
    assert b"No space left on device" in done.stderr
    assert b"code 1" in done.stdout
    box = small.containers.get("box")
    assert (box.status, box.attrs["State"]["ExitCode"], done.exit_code) == ("exited", 0, 0)
    box.remove()
    eventually(lambda: before - free(small) < SLACK_BYTES)
    small.run("busybox", ["true"], network="none", remove=True)


def test_on_a_full_disk_all_is_listed_and_what_fills_it_removed(small: Engine) -> None:
    """With not a byte free and no process of the engine's left, as in a new shell."""
    holding(small, 8)
    small.volumes.create("vol")
    small.supervisor.quit()
    small.store.close()
    filler = fill_up(small)
    for words, told in (
        (("ps", "-a", "--format", "{{.Names}} {{.Status}}"), "box Exited (0)"),
        (("images", "-q"), ""),
        (("inspect", "--format", "{{.State.Status}}", "box"), "exited"),
        (("logs", "box"), ""),
        (("diff", "box"), "A /d/big"),
        (("volume", "ls", "-q"), "vol"),
        (("system", "df"), "Containers"),
        (("rm", "box"), "box"),
        (("volume", "rm", "vol"), "vol"),
    ):
        done = in_a_shell(*words)
        assert (done.returncode, done.stderr) == (0, ""), words
        assert told in done.stdout
    assert free(small) > 6 << 20
    filler.unlink()
    small.run("busybox", ["true"], network="none", remove=True)
    assert (small.home.root / "reserve").stat().st_size == RESERVE_BYTES


def test_a_container_that_has_no_room_is_not_created(small: Engine) -> None:
    """Nor is its reserve enough for an image's files; a start says why it cannot be."""
    box = small.containers.create("busybox", ["true"], network="none", name="before")
    filler = fill_up(small)
    small.containers.list(all=True)
    (small.home.root / "reserve").unlink(missing_ok=True)
    filler = fill_up(small)
    refused(small, lambda: small.containers.create("busybox", ["true"], network="none"))
    refused(small, box.start)
    filler.unlink()
    box.start()
    assert box.wait()["StatusCode"] == 0
    small.run("busybox", ["true"], network="none", remove=True)


def fill_up(engine: Engine) -> Path:
    """Write a file until the home's file system takes not a byte more."""
    filler = engine.home.root.parent / "filler"
    with open(filler, "ab", buffering=0) as file:
        while written := _some(file.fileno()):
            assert written
    return filler


def _some(fd: int) -> int:
    """Write as much as there is room for, up to a megabyte; 0 where the disk is full."""
    try:
        return os.write(fd, bytes(1 << 20))
    except OSError:
        return 0
