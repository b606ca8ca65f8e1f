"""Volumes of real containers: their life, their content, who keeps them."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest

from ipycontainer.engine.engine import Engine
from ipycontainer.errors import NoSuchVolume, VolumeInUse
from tests.archives import TarBuilder
from tests.conftest import Shell

pytestmark = [pytest.mark.sampled, pytest.mark.usefixtures("busybox_image")]

RUN = ("run", "--rm", "--network", "none")


def test_what_is_written_to_a_named_volume_stays(shell: Shell) -> None:
    """Also when the container goes with --rm; another container finds it."""
    shell(*RUN, "-v", "data:/d", "busybox", "sh", "-c", "echo kept > /d/f")
    assert shell(*RUN, "-v", "data:/e:ro", "busybox", "cat", "/e/f").stdout == "kept\n"
    assert shell("volume", "ls", "-q").stdout == "data\n"


def test_an_empty_volume_takes_what_the_image_has(shell: Shell) -> None:
    """With owner, mode and links; not with nocopy, and not where something is already."""
    tree = "stat -c '%a %U' /tmp /root; ls /root"
    done = shell(*RUN, "-v", "t:/tmp".replace("t:", "tt:"), "-v", "rr:/root", "-v", "bb:/bin",
                 "busybox", "sh", "-c", f"{tree}; readlink /bin/sh")  # fmt: skip
    assert done.stdout.splitlines() == ["1777 root", "700 root", "/bin/busybox"]
    none = shell(*RUN, "-v", "nn:/etc:nocopy", "busybox", "ls", "/etc/passwd")
    assert none.returncode == 1
    shell(*RUN, "-v", "own:/x", "busybox", "touch", "/x/mine")
    assert shell(*RUN, "-v", "own:/var", "busybox", "ls", "/var").stdout == "mine\n"


def test_anonymous_volumes_go_with_rm(shell: Shell, engine: Engine) -> None:
    """With --rm and with `rm -v`; named ones and those of a plain `rm` stay."""
    shell(*RUN, "-v", "/a", "-v", "named:/n", "busybox", "true")
    assert [volume.name for volume in engine.volumes.list()] == ["named"]
    shell("create", "--name", "box", "-v", "/a", "busybox", "true")
    assert len(engine.volumes.list()) == 2
    shell("rm", "-v", "box")
    assert [volume.name for volume in engine.volumes.list()] == ["named"]
    shell("create", "--name", "box", "-v", "/a", "busybox", "true")
    shell("rm", "box")
    assert len(engine.volumes.list()) == 2


def test_a_forced_removal_leaves_anonymous_volumes(engine: Engine) -> None:
    """Of a running container, also of one with --rm; only `v` takes them."""
    for number, (auto_remove, v) in enumerate(((False, False), (True, False), (True, True)), 1):
        box = engine.containers.create(
            "busybox", ["sleep", "1000"], volumes=["/a"], network="none", auto_remove=auto_remove
        )
        box.start()
        box.remove(force=True, v=v)
        assert len(engine.volumes.list()) == min(number, 2)


def test_a_volume_in_use_stays(engine: Engine) -> None:
    """As long as a container has it; prune takes anonymous ones, then all but those elsewhere."""
    box = engine.containers.create("busybox", ["true"], volumes=["data:/d", "/a"])
    with pytest.raises(VolumeInUse) as error:
        engine.volumes.get("data").remove()
    assert error.value.message == f"remove data: volume is in use - [{box.id}]"
    box.remove()
    engine.volumes.create("elsewhere", driver_opts={"type": "tmpfs", "device": "tmpfs"})
    pruned = engine.volumes.prune()
    assert len(pruned["VolumesDeleted"]) == 1
    assert engine.volumes.prune({"all": True})["VolumesDeleted"] == ["data"]
    with pytest.raises(NoSuchVolume, match="get data: no such volume"):
        engine.volumes.get("data")
    engine.volumes.get("elsewhere").remove()
    assert os.listdir(engine.home.volumes) == []


def test_an_image_has_volumes(engine: Engine, tmp_path: Path, busybox_tar: Path) -> None:
    """VOLUME makes an anonymous one, filled from the image, unless the user put something there."""
    engine.images.import_(busybox_tar, "with", "volume", changes=["VOLUME /etc /new"])
    box = engine.containers.create("with:volume", ["ls", "/etc"], volumes=["mine:/new"])
    assert sorted(mount["Destination"] for mount in box.attrs["Mounts"]) == ["/etc", "/new"]
    assert box.attrs["Config"]["Volumes"] == {"/etc": {}, "/new": {}}  # as the image has them
    foreground = box.start_attached()
    assert b"passwd" in b"".join(data for _, data in foreground.chunks())
    foreground.wait()
    box.remove(v=True)
    assert [volume.name for volume in engine.volumes.list()] == ["mine"]


def test_volumes_from_another_container(shell: Shell) -> None:
    """All its mounts, read-only where that was said."""
    shell("create", "--name", "giver", "-v", "/a", "-v", "named:/n:ro", "busybox", "true")
    taken = shell(*RUN, "--volumes-from", "giver", "busybox", "sh", "-c", "touch /a/x; touch /n/y")
    assert "touch: /n/y: Read-only" in taken.stderr
    assert "/a/x" not in taken.stderr
    again = shell(*RUN, "--volumes-from", "giver:ro", "busybox", "sh", "-c", "ls /a; touch /a/y")
    assert again.stdout == "x\n"
    assert "Read-only" in again.stderr
    assert json.loads(shell("volume", "inspect", "named").stdout)[0]["Name"] == "named"


def test_a_part_of_a_volume_never_leads_out_of_it(shell: Shell, tmp_path: Path) -> None:
    """A link in the volume is followed inside it: one to / leads to the volume's own top."""
    script = "cd /d; mkdir sub etc; touch sub/here etc/own; ln -s / up; ln -s ../../../.. o"
    shell(*RUN, "-v", "data:/d", "busybox", "sh", "-c", script)
    mount = "src=data,dst=/m,volume-subpath="
    assert shell(*RUN, "--mount", f"{mount}sub", "busybox", "ls", "/m").stdout == "here\n"
    for link in ("up/etc", "o/etc"):
        done = shell(*RUN, "--mount", f"{mount}{link}", "busybox", "ls", "/m")
        assert done.stdout == "own\n"
    # what this machine has not at that place
    assert shell(*RUN, "--mount", f"{mount}up/sub", "busybox", "ls", "/m").stdout == "here\n"
    done = shell(*RUN, "--mount", f"{mount}gone", "busybox", "ls", "/m")
    assert done.returncode == 127  # as docker's
    assert "Error response from daemon: cannot access path /" in done.stderr
    assert "/data/_data/gone: no such file or directory" in done.stderr


def test_a_volume_may_be_a_file_system_or_a_directory(shell: Shell, tmp_path: Path) -> None:
    """The local driver's type, device and o; a tmpfs is empty again when nobody has it."""
    tmp_path.chmod(0o777)
    (tmp_path / "file").touch()
    tmpfs = ("-o", "type=tmpfs", "-o", "device=tmpfs", "-o", "o=size=64k,mode=1777")
    assert shell("volume", "create", *tmpfs, "mem").stdout == "mem\n"
    bind = ("-o", "type=none", "-o", f"device={tmp_path}", "-o", "o=bind")
    shell("volume", "create", *bind, "dir")
    assert shell(*RUN, "-v", "dir:/d", "busybox", "ls", "/d").stdout == "file\n"
    shell(
        "run", "-d", "--name", "one", "--network", "none", "-v", "mem:/m", "busybox", "sleep", "99"
    )
    shell("exec", "one", "touch", "/m/x")
    both = shell(*RUN, "-v", "mem:/n", "busybox", "sh", "-c", "ls /n; grep ' /n ' /proc/mounts")
    assert both.stdout.startswith("x\ntmpfs /n tmpfs ")
    assert "size=64k" in both.stdout
    shell("rm", "-f", "one")
    assert shell(*RUN, "-v", "mem:/n", "busybox", "ls", "/n").stdout == ""
    shell("volume", "create", *bind[:-1], "o=bind,ro", "fixed")
    written = shell(*RUN, "-v", "fixed:/d", "busybox", "touch", "/d/y")
    assert (written.returncode, written.stderr) == (1, "touch: /d/y: Read-only file system\n")
    assert shell("volume", "rm", "mem", "dir", "fixed").stdout == "mem\ndir\nfixed\n"
    assert (tmp_path / "file").exists()


def test_a_container_that_comes_to_nothing_leaves_no_volume(shell: Shell, engine: Engine) -> None:
    """What was made for it is taken back; what was there stays."""
    engine.volumes.create("there")
    shell("create", "--name", "taken", "busybox", "true")
    refused = shell("create", "--name", "taken", "-v", "new:/n", "-v", "there:/t", "busybox", "x")
    assert refused.returncode == 1
    assert [volume.name for volume in engine.volumes.list()] == ["there"]
    assert os.listdir(engine.home.volumes) == ["there"]


def test_odd_names_and_links_reach_a_volume_as_they_are(engine: Engine, tmp_path: Path) -> None:
    """Whatever the image holds: nothing beside it is read, nothing is lost."""
    odd = os.fsdecode(b"a\xff\nb")
    archive = (
        TarBuilder()
        .directory("d", mode=0o751)
        .file(f"d/{odd}", b"odd", mode=0o640)
        .symlink("d/out", "/etc/shadow")
        .hardlink("d/second", f"d/{odd}")
        .fifo("d/pipe")
        .build()
    )
    path = tmp_path / "odd.tar"
    path.write_bytes(archive)
    engine.images.import_(path, "odd", "latest")
    engine.containers.create("odd", ["x"], volumes=["data:/d"])
    place = engine.home.volume("data")
    if os.geteuid() == 0:
        assert sorted(os.listdir(place)) == sorted([odd, "out", "second", "pipe"])
        assert os.readlink(place / "out") == "/etc/shadow"
        assert (place / odd).stat().st_ino == (place / "second").stat().st_ino
        assert (place / odd).stat().st_mode & 0o7777 == 0o640
    assert place.stat().st_mode & 0o7777 == 0o751
