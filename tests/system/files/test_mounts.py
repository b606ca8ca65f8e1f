"""Mounts of real containers: binds, tmpfs, images, read-only in all their forms."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from tests.conftest import Shell

pytestmark = [pytest.mark.sampled, pytest.mark.usefixtures("busybox_image")]

RUN = ("run", "--rm", "--network", "none")


def test_a_tmpfs_has_its_options(shell: Shell) -> None:
    """Docker's defaults, which a word of the user's takes back; what it holds is in no diff."""
    done = shell(
        *RUN,
        *("--tmpfs", "/t:size=64k,mode=1770,exec", "--mount", "type=tmpfs,dst=/m,tmpfs-size=1m"),
        *("busybox", "sh", "-c", "grep -E ' /(t|m) ' /proc/mounts; stat -c %a /t /m"),
    )
    lines = sorted(done.stdout.splitlines()[:2], reverse=True) + done.stdout.splitlines()[2:]
    assert "nosuid,nodev,relatime" in lines[0]
    assert "size=64k" in lines[0]
    assert "nosuid,nodev,noexec,relatime,size=1024k" in lines[1]
    assert lines[2:] == ["1770", "1777"]


def test_a_bind_is_read_only_where_it_is_said(shell: Shell, tmp_path: Path) -> None:
    """By `-v :ro` and by `--mount readonly`; a missing source is made by the one alone."""
    tmp_path.chmod(0o777)
    (tmp_path / "a").mkdir()
    done = shell(
        *RUN,
        *("-v", f"{tmp_path}/new:/n:ro", "--mount", f"type=bind,src={tmp_path}/a,dst=/a,ro"),
        *("-v", f"{tmp_path}/a:/w"),
        *("busybox", "sh", "-c", "touch /n/x; touch /a/x; touch /w/x && echo written"),
    )
    assert done.stderr.count("Read-only file system") == 2
    assert done.stdout == "written\n"
    assert (tmp_path / "new").is_dir()
    missing = shell(*RUN, "--mount", f"type=bind,src={tmp_path}/no,dst=/a", "busybox", "true")
    assert missing.returncode == 125
    assert f"bind source path does not exist: {tmp_path}/no" in missing.stderr


def test_a_read_only_root_leaves_mounts_writable(shell: Shell) -> None:
    """`--read-only` is for the container's own files."""
    script = "touch /data/x /t/x && touch /tmp/y"
    done = shell(*RUN, "--read-only", "-v", "/data", "--tmpfs", "/t", "busybox", "sh", "-c", script)
    assert "/tmp/y: Read-only file system" in done.stderr


def test_an_image_is_shown_read_only_whole_or_in_part(shell: Shell) -> None:
    """type=image, with image-subpath; a path that leads out of it is refused."""
    done = shell(
        *RUN,
        *("--mount", "type=image,src=busybox,dst=/i"),
        *("--mount", "type=image,src=busybox,dst=/e,image-subpath=etc"),
        *("busybox", "sh", "-c", "ls /i /e; touch /i/x; touch /e/x"),
    )
    assert {"etc", "passwd"} <= set(done.stdout.split())
    assert done.stderr.count("Read-only file system") == 2
    gone = shell(
        *RUN, "--mount", "type=image,src=busybox,dst=/e,image-subpath=no", "busybox", "true"
    )
    assert gone.returncode == 125


def test_an_image_shows_its_own_files_and_nothing_else(shell: Shell, home: Path) -> None:
    """Nor is anything in what hides the engine's own directories: init's trials lie elsewhere."""
    own = shell(*RUN, "busybox", "ls", "-A", "/").stdout.split()
    shown = shell(*RUN, "--mount", "type=image,src=busybox,dst=/i", "busybox", "ls", "-A", "/i")
    made = {"dev", "proc", "sys", ".dockerenv"}  # by a start
    assert "bin" in own
    assert set(shown.stdout.split()) - made == set(own) - made
    hidden = shell(*RUN, "-v", f"{home.parent}:/h", "busybox", "ls", "-A", f"/h/{home.name}")
    assert (hidden.stdout, hidden.returncode) == ("", 0)


def test_a_mount_inside_another_lies_in_it(shell: Shell, tmp_path: Path) -> None:
    """Whatever the order of the words, the outer one is mounted first."""
    tmp_path.chmod(0o777)
    done = shell(
        *RUN,
        *("-v", "/a/b", "-v", f"{tmp_path}:/a"),
        *("busybox", "sh", "-c", "grep -cE ' /a(/b)? ' /proc/mounts"),
    )
    assert done.stdout == "2\n"
    assert (tmp_path / "b").is_dir()


@pytest.mark.skipif(os.geteuid() != 0, reason="needs a shared mount of the machine's own")
def test_a_slave_sees_later_mounts_and_a_shared_bind_gives_them_back(tmp_path: Path) -> None:
    """Tested where the machine's mounts can be made shared: a namespace of the test's own."""
    import subprocess
    import sys

    script = f"""
import subprocess, ipycontainer
from ipycontainer.errors import EngineError
from tests import busybox
base = {str(tmp_path)!r}
subprocess.run(["mount", "-t", "tmpfs", "tmpfs", base], check=True)
subprocess.run(["mount", "--make-rshared", base], check=True)
subprocess.run(["mkdir", base + "/s", base + "/s/late"], check=True)
with ipycontainer.connect(base + "/home") as engine:
    from pathlib import Path
    engine.images.import_(busybox.write_archive(Path(base) / "b.tar"), "busybox", "latest")
    box = engine.containers.run("busybox", ["sleep", "100"], network="none", detach=True,
                                volumes=[base + "/s:/s:rslave"])
    subprocess.run(["mount", "-t", "tmpfs", "late", base + "/s/late"], check=True)
    print(box.exec_run(["grep", "-c", " /s/late tmpfs", "/proc/mounts"]).output.decode().strip())
    both = engine.containers.run("busybox", ["sleep", "100"], network="none", detach=True,
                                 volumes=[base + "/s:/s:rshared"])
    fields = both.exec_run(["grep", " /s ", "/proc/self/mountinfo"]).output.decode()
    print("shared:" in fields.split(" - ")[0])
    engine.reset()
"""
    done = subprocess.run(
        ["unshare", "--mount", "--propagation", "private", sys.executable, "-c", script],
        capture_output=True,
        text=True,
        check=False,
        cwd=Path(__file__).parents[3],
    )
    assert done.stdout.split() == ["1", "True"], done.stderr


def test_a_working_directory_is_there_from_creation(shell: Shell) -> None:
    """0755 and root's, also where the root will be read-only; what the image has is no change."""
    options = ("--network", "none", "-u", "1000")
    shell("create", "--name", "ww", *options, "-w", "/new/deep", "busybox", "ls", "-ld", "/new")
    shell("create", "--name", "ro", *options, "--read-only", "-w", "/new", "busybox", "pwd")
    shell("create", "--name", "had", *options, "-w", "/tmp", "busybox", "pwd")
    changes = {name: shell("diff", name).stdout.splitlines() for name in ("ww", "ro", "had")}
    assert changes == {"ww": ["A /new", "A /new/deep"], "ro": ["A /new"], "had": []}
    assert shell("start", "-a", "ro").stdout == "/new\n"
    assert shell("start", "-a", "ww").stdout.split()[::2][:2] == ["drwxr-xr-x", "root"]
    assert shell("diff", "ww").stdout.splitlines() == changes["ww"]


def test_a_working_directory_below_a_volume_is_the_images_too(shell: Shell) -> None:
    """Docker makes it in the container's own tree, and fills the volume from there."""
    shell("create", "--name", "ww", "-w", "/tmp/x", "-v", "vol:/tmp", "busybox", "true")
    assert sorted(shell("diff", "ww").stdout.splitlines()) == ["A /tmp/x", "C /tmp"]
    assert shell(*RUN, "-v", "vol:/v", "busybox", "ls", "/v").stdout == "x\n"
