"""Mounts that an image or a neighbour tries to lead astray."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest

from ipycontainer.errors import EngineError
from ipycontainer.linux import syscalls
from tests.system.runtime import bundles
from tests.system.runtime.isolated import call

pytestmark = pytest.mark.sampled


def _with_image(bundle: str, links: dict[str, str], binds: list[list[str]], args: list[str]) -> Any:
    """Run with a layer of symbolic links over the image, and binds (source, target, option)."""
    image = Path(bundle, "image")
    image.mkdir()
    for name, destination in links.items():
        (image / name).symlink_to(destination)
    mounts = tuple(bundles.bind(source, target, *options) for source, target, *options in binds)
    try:
        ended = bundles.run(bundle, *args, mounts=mounts)
    except EngineError as error:
        return {"error": error.message, "left": bundles.leftovers(bundle)}
    return {"output": ended.output, "left": bundles.leftovers(bundle)}


def test_a_proc_that_is_a_link_is_refused(bundle: str) -> None:
    """An image cannot have its procfs mounted elsewhere, past the masks (CVE-2019-19921)."""
    found = call(_with_image, bundle, {"proc": "/tmp"}, [], ["true"])

    assert found == {"error": "mount proc on /proc: ENOTDIR: Not a directory", "left": []}


def test_devices_do_not_follow_a_link_of_the_image(bundle: str) -> None:
    """`/dev -> /srv` makes nothing on the host's /srv (CVE-2026-41579)."""
    before = sorted(os.listdir("/srv"))
    found = call(_with_image, bundle, {"dev": "/srv"}, [], ["true"])

    assert sorted(os.listdir("/srv")) == before
    assert "left" in found
    assert found["left"] == []


def test_a_bind_through_a_link_stays_inside(bundle: str) -> None:
    """A target below an absolute link of the image is made in the container, not on the host."""
    source = Path(bundle, "source")
    source.mkdir()
    (source / "here").touch()
    links = {"way": "/tmp/ipyc-not-on-the-host"}
    program = ["ls", "/way/in", "/tmp/ipyc-not-on-the-host/in"]
    missing = call(_with_image, bundle, links, [[str(source), "/way/in"]], program)

    assert missing["output"].count("here\n") == 2  # as runc has it: what a dangling link names
    assert not Path("/tmp/ipyc-not-on-the-host").exists()


def test_a_bind_into_proc_through_a_link_is_refused(bundle: str) -> None:
    """What covers a file of procfs could fool masks and labels."""
    source = Path(bundle, "source")
    source.touch()
    found = call(
        _with_image, bundle, {"way": "/proc/sys"}, [[str(source), "/way/kernel/hostname"]], ["true"]
    )

    assert "cannot be mounted because it is inside /proc" in found["error"]
    assert found["left"] == []


def _submounts(bundle: str, option: str) -> str:
    source = Path(bundle, "source")
    (source / "sub").mkdir(parents=True)
    if os.getuid() == 0:
        syscalls.unshare(0x00020000)  # CLONE_NEWNS
        syscalls.mount(None, "/", None, (1 << 18) | 0x4000)  # MS_PRIVATE | MS_REC
    syscalls.mount("tmpfs", str(source / "sub"), "tmpfs", 0)
    script = "touch /in/a 2>&1; touch /in/sub/b 2>&1; echo done"
    mounts = (bundles.bind(str(source), "/in", option),)
    return bundles.run(bundle, "sh", "-c", script, mounts=mounts).output


def test_a_read_only_bind_closes_its_submounts(bundle: str) -> None:
    """`-v SRC:DST:ro` is read-only with everything mounted below it: OCI's `rro`."""
    assert call(_submounts, bundle, "rro").count("Read-only file system") == 2


def test_a_bind_that_is_read_only_alone_leaves_its_submounts_writable(bundle: str) -> None:
    """OCI's `ro`, which is docker's `bind-recursive=writable`."""
    assert call(_submounts, bundle, "ro").count("Read-only file system") == 1


def test_a_writable_bind_is_writable(bundle: str) -> None:
    """Without `ro` both the directory and what is mounted in it can be written."""
    assert call(_submounts, bundle, "rw") == "done\n"


def test_a_file_can_be_bound_on_a_missing_file(bundle: str) -> None:
    """The target is made, with its parents."""
    source = Path(bundle, "source")
    source.write_text("text")
    found = call(_with_image, bundle, {}, [[str(source), "/a/b/c"]], ["cat", "/a/b/c"])

    assert found == {"output": "text", "left": []}


def test_a_missing_source_is_named(bundle: str) -> None:
    """Its paths and the kernel's answer are in the message."""
    found = call(_with_image, bundle, {}, [["/no/such", "/x"]], ["true"])

    assert found["error"] == (
        'error during container init: error mounting "/no/such" to rootfs at "/x": '
        "mount /no/such:/x: no such file or directory"
    )


def _string_overlay(bundle: str) -> list[Any]:
    from ipycontainer.linux import mounts

    if os.getuid() == 0:
        syscalls.unshare(0x00020000)  # CLONE_NEWNS
        syscalls.mount(None, "/", None, (1 << 18) | 0x4000)  # MS_PRIVATE | MS_REC
    lower = Path(bundle, "a:b,c\\d")
    for name in (lower, Path(bundle, "upper"), Path(bundle, "work"), Path(bundle, "target")):
        name.mkdir()
    (lower / "file").touch()
    target = os.open(f"{bundle}/target", os.O_PATH | os.O_DIRECTORY)
    userxattr = "4294967295" not in Path("/proc/self/uid_map").read_text()
    mounts.mount_overlay_by_string(
        (str(lower),), f"{bundle}/upper", f"{bundle}/work", target, userxattr=userxattr
    )
    shown = os.listdir(f"{bundle}/target")
    try:
        mounts.mount_overlay_by_string((str(lower),) * 100, "", "", target)
    except OSError as error:
        return [shown, error.errno]
    return [shown, 0]


def test_older_kernels_get_one_option_string(bundle: str) -> None:
    """Separators in a layer's path are escaped, and what would be cut off is refused (E2BIG)."""
    assert call(_string_overlay, bundle) == [["file"], 7]
