"""Classes of bugs in the making of a container's tree: each harms only once its rule is out.

An image, or a neighbour with a shared volume, puts links where the engine is about to mount, to
make a file or to mask one.
"""

from __future__ import annotations

import ctypes
import os
import signal
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from ipycontainer.errors import EngineError
from ipycontainer.linux import mounts, namespaces, seccomp, syscalls
from ipycontainer.linux.dirfd import DirFd
from ipycontainer.model.oci import Device, Mount
from ipycontainer.runtime import (
    mount_plan,
    mount_steps,
    path_steps,
    root_steps,
    session_steps,
    terminal_steps,
)
from ipycontainer.runtime.options import MountOptions
from ipycontainer.runtime.steps import Context, Stdio
from tests.system.runtime import bundles
from tests.system.runtime.isolated import call
from tests.system.security import rules
from tests.system.security.rules import either

MARK = "of-the-attacker"
AT_FDCWD, RENAME_EXCHANGE = -100, 2  # linux/fcntl.h, linux/fs.h


def _run(bundle: str, script: str, *binds: Mount, **wishes: Any) -> str:
    """Run a script in a container; return what it printed, or why it was refused."""
    try:
        return bundles.run(bundle, "sh", "-c", script, mounts=binds, **wishes).output.strip()
    except EngineError as error:
        return f"refused: {error.message}"


def _image(bundle: str, **links: str) -> None:
    """Put a layer with links over the small image."""
    image = Path(bundle, "image")
    if not image.exists():
        image.mkdir()
        for name, target in links.items():
            (image / name).symlink_to(target)


def _victim(bundle: str) -> Path:
    """Make a directory of the host's, which a container must not reach."""
    victim = Path(bundle, "victim")
    victim.mkdir()
    return victim


def _own_mounts() -> None:
    """Keep what is mounted from now on to this process."""
    if os.getuid() == 0 and namespaces.in_initial_userns():
        syscalls.unshare(namespaces.CLONE_NEWNS)
    mounts.make_all_slave()


# ── masks, devices, terminals ────────────────────────────────────────────────────────────────


def _swap_null(bundle: str, holds: bool) -> str:
    device = Path(bundle, "device")
    device.mkdir()
    (device / "mark").write_text(MARK)
    if not holds:
        rules.put(path_steps, "os", _TrustingOs(str(device / "null")))
    rules.before(path_steps.MaskPaths, "execute", lambda: (device / "null").symlink_to("mark"))
    return _run(bundle, "cat /proc/interrupts", bundles.bind(str(device), "/dev"))


class _TrustingOs:
    """The module `os`, for who takes whatever a container has for the null device."""

    def __init__(self, null: str) -> None:
        self._null, self._taken = null, -1

    def open(self, path: str, flags: int) -> int:
        if path != "/dev/null":
            return os.open(path, flags)
        self._taken = os.open(self._null, flags & ~os.O_NOFOLLOW)
        return self._taken

    def fstat(self, fd: int) -> os.stat_result:
        return os.stat("/dev/null") if fd == self._taken else os.fstat(fd)

    def __getattr__(self, name: str) -> Any:
        return getattr(os, name)


@either
def test_a_null_device_that_was_swapped(bundle: str, holds: bool) -> None:
    """CVE-2025-31133: what masks a file is the host's null device, not what a neighbour put."""
    assert call(_swap_null, bundle, holds) == ("" if holds else MARK)


def _touch_what_is_shown(bundle: str, holds: bool) -> list[str]:
    """Show devices of the machine's, and mask files with one, and change their times."""
    if not holds:
        rules.put(mounts, "set_attributes", lambda *_, **__: None)
    _own_mounts()
    syscalls.mount("tmpfs", bundle, "tmpfs", 0)
    for name in ("masked", "dev"):
        Path(bundle, name).mkdir()
    Path(bundle, "masked/file").touch()
    ctx = Context(-1, Stdio(0, 1, 2), None)
    ctx.root = DirFd.open(bundle)
    path_steps.MaskPaths(("/masked/file",)).execute(ctx)  # by the machine's: there is no other
    full = Device("/dev/full", "c", 1, 7, 0o666, 0, 0)
    path_steps.BindDevices((full,)).execute(ctx)
    touched = []
    for path in ("masked/file", "dev/full"):
        with suppress(OSError):
            Path(bundle, path).write_bytes(b"")
            os.utime(Path(bundle, path))
            touched.append(path)
    return touched


@either
def test_a_node_of_the_machine_that_is_shown(bundle: str, holds: bool) -> None:
    """CVE-2025-31133: what is written goes to the device, but mode and times are the machine's."""
    assert call(_touch_what_is_shown, bundle, holds) == (
        [] if holds else ["masked/file", "dev/full"]
    )


def _node_of_mask(bundle: str, holds: bool) -> bool:
    if not holds:
        rules.put(path_steps, "_null_device", lambda _: os.open("/dev/null", os.O_PATH))
    devices, ours = _run(bundle, "stat -c %d /proc/keys /dev/null").split()
    return devices == ours


@either
def test_a_mask_is_a_node_of_the_containers_own(bundle: str, holds: bool) -> None:
    """CVE-2025-31133: who may mount inside could make it writable: then it is not the machine's."""
    if os.getuid() != 0:
        pytest.skip("only root makes device nodes: a user's containers show the machine's")
    assert call(_node_of_mask, bundle, holds) == holds


def _swap_terminal(bundle: str, holds: bool) -> str:
    """A neighbour swaps the terminal in /dev/pts before it is shown as /dev/console."""
    show = terminal_steps._show_as_console

    def raced(slave: int) -> None:
        syscalls.mount("tmpfs", "/dev/pts", "tmpfs", 0)
        Path("/mark").write_text(MARK)
        Path("/dev/pts/0").symlink_to("/mark")
        show(slave if holds else os.open("/dev/pts/0", os.O_PATH))

    rules.put(terminal_steps, "_show_as_console", raced)
    spec = bundles.make_spec(bundle, "stat", "-c", "%F", "/dev/console")
    spec = replace(spec, process=replace(spec.process, terminal=True))
    started, read = bundles.begin(spec, bundle)
    with open(started.terminal, "rb", buffering=0) as terminal:
        said = terminal.read(100)
    bundles.end(started, read)
    return said.decode().strip()


@either
def test_a_terminal_that_was_swapped(bundle: str, holds: bool) -> None:
    """CVE-2025-52565: /dev/console is the slave of the pair, whatever /dev/pts shows by then."""
    assert call(_swap_terminal, bundle, holds) == (
        "character special file" if holds else "regular file"
    )


def _link_dev(bundle: str, holds: bool) -> list[str]:
    victim = _victim(bundle)
    _image(bundle, dev=str(victim))
    if not holds:
        rules.resolve_by_path()
    spec = bundles.make_spec(bundle, "true")
    bare = tuple(mount for mount in spec.mounts if not mount.destination.startswith("/dev"))
    with suppress(EngineError):
        bundles.end(*bundles.begin(replace(spec, mounts=bare), bundle))
    return sorted(os.listdir(victim))


@either
def test_a_dev_that_is_a_link(bundle: str, holds: bool) -> None:
    """CVE-2026-41579, CVE-2026-47766: no device is made where the image's /dev points to."""
    found = call(_link_dev, bundle, holds)
    assert found == [] if holds else "null" in found


# ── procfs and sysfs ─────────────────────────────────────────────────────────────────────────


def _link_proc(bundle: str, holds: bool) -> str:
    _image(bundle, proc="/tmp")
    if not holds:
        mount_steps._NEVER_THROUGH_LINKS = frozenset()
    return _run(bundle, "readlink /proc")


@either
def test_a_proc_that_is_a_link(bundle: str, holds: bool) -> None:
    """CVE-2019-16884, -19921, CVE-2023-27561, -28642: procfs stands at /proc or nowhere."""
    said = call(_link_proc, bundle, holds)
    assert said == ("refused: mount proc on /proc: ENOTDIR: Not a directory" if holds else "/tmp")


def _cover_proc(bundle: str, target: str, holds: bool) -> str:
    source = Path(bundle, "source")
    source.write_text(MARK)
    _image(bundle, way="/proc/sys")
    if not holds:
        mount_steps.PROC_SUPER_MAGIC = -1
    return _run(bundle, "cat /proc/sys/kernel/hostname", bundles.bind(str(source), target))


@either
def test_a_file_of_proc_that_is_covered(bundle: str, holds: bool) -> None:
    """CVE-2025-52881: nothing is mounted inside /proc, by name or through a link of the image."""
    said = call(_cover_proc, bundle, "/way/kernel/hostname", holds)
    assert "because it is inside /proc" in said if holds else said == MARK
    for target in ("/proc", "/proc/self/attr", "/../proc/sys/kernel", "//proc/./keys"):
        said = call(_cover_proc, bundle, target, True)
        assert said.startswith("refused: ")
        assert "cannot be mounted because it is" in said


def _redirect_parameter(bundle: str, holds: bool) -> str:
    """A kernel parameter's file is another one by the time it is written to."""
    _own_mounts()
    file = Path(bundle, "file")
    file.touch()
    syscalls.mount(str(file), "/proc/sys/kernel/domainname", None, mounts.MS_BIND)
    if not holds:
        session_steps.PROC_SUPER_MAGIC = syscalls.fstatfs_type(os.open(file, os.O_RDONLY))
    try:
        session_steps.SetSysctl("kernel.domainname", MARK, "kernel/domainname").execute(
            Context(-1, Stdio(0, 1, 2), None)
        )
    except EngineError as error:
        return error.message.rpartition(": ")[2]
    return file.read_text()


@either
def test_a_parameter_that_was_led_elsewhere(bundle: str, holds: bool) -> None:
    """CVE-2025-52881: a sysctl is written to procfs' own file, or not at all."""
    said = call(_redirect_parameter, bundle, holds)
    assert said == ("invalid cross-device link" if holds else MARK)


def _write_to_cgroups(bundle: str, kinds: list[str], holds: bool) -> str:
    if not holds:
        make = mount_plan._cgroup_mount

        def writable(target: str, parsed: MountOptions, *rest: Any) -> Any:
            bits = parsed.set_bits & ~mounts.MOUNT_ATTR_RDONLY
            return make(target, replace(parsed, set_bits=bits), *rest)

        rules.put(mount_plan, "_cgroup_mount", writable)
    script = "mkdir /sys/fs/cgroup/x 2>/dev/null || mkdir /sys/fs/cgroup/*/x; echo $?"
    return _run(bundle, script, namespaces=tuple(kinds)).splitlines()[-1]


@either
def test_a_cgroup_that_can_be_written_to(bundle: str, holds: bool) -> None:
    """CVE-2023-25809: read-only with and without namespaces of network and cgroup."""
    common = ["mount", "pid", "uts", "ipc"]
    for further in ([], ["network"], ["network", "cgroup"]) if holds else (["network"],):
        said = call(_write_to_cgroups, bundle, [*common, *further], holds)
        assert said == ("1" if holds else "0")


def _unshare(bundle: str, holds: bool) -> list[str]:
    if not holds:
        rules.put(seccomp, "install", lambda *_: None)
    tries = ("unshare -U true", "unshare -m -U true", "mount -t cgroup -o rdma none /tmp")
    return [_run(bundle, f"{each} >/dev/null 2>&1; echo $?") for each in tries]


@either
def test_a_release_agent(bundle: str, holds: bool) -> None:
    """CVE-2022-0492: no user namespace can be made inside, and no cgroup mounted."""
    said = call(_unshare, bundle, holds)
    assert said[:2] == (["1", "1"] if holds else ["0", "0"])
    assert said[2] != "0"


# ── races with a neighbour that shares a volume ──────────────────────────────────────────────


@contextmanager
def _swapping(place: Path, target: Path) -> Iterator[None]:
    """Let a process make `place` a directory and a link to `target`, by turns."""
    link = place.parent / "link"
    link.symlink_to(target)
    place.mkdir()
    exchange = ctypes.CDLL(None).renameat2
    child = os.fork()
    if child == 0:
        here, there = os.fsencode(place), os.fsencode(link)
        while True:
            exchange(AT_FDCWD, here, AT_FDCWD, there, RENAME_EXCHANGE)
    try:
        yield
    finally:
        os.kill(child, signal.SIGKILL)
        os.waitpid(child, 0)


def _race(bundle: str, below: str, rounds: int, holds: bool) -> dict[str, Any]:
    """Mount below a directory that becomes a link to the host's, and back; return what came."""
    shared, source, victim = Path(bundle, "shared"), Path(bundle, "source"), _victim(bundle)
    shared.mkdir()
    source.mkdir()
    seen = Path(bundle, "seen")
    seen.touch()
    if not holds:
        rules.resolve_by_path()

    def look() -> None:
        with open("/proc/self/mountinfo", encoding="utf-8") as file, seen.open("a") as out:
            out.writelines(line for line in file if line.split()[4].startswith(str(victim)))

    rules.before(root_steps.PivotRoot, "execute", look)
    binds = (
        bundles.bind(str(shared), "/shared"),
        bundles.bind(str(source), f"/shared/way{below}"),
    )
    done = 0
    deadline = time.monotonic() + rules.RACE_SECONDS
    with _swapping(shared / "way", victim):
        while done < rounds and time.monotonic() < deadline:
            done += 1
            _run(bundle, "true", *binds)
            if not holds and (os.listdir(victim) or seen.read_text()):
                break
    return {"rounds": done, "made": os.listdir(victim), "mounted": seen.read_text().splitlines()}


def _raced(bundle: str, below: str, holds: bool) -> Any:
    rounds = rules.ROUNDS if holds else rules.LOSING_ROUNDS
    return call(_race, bundle, below, rounds, holds, timeout=rules.RACE_SECONDS + 40)


@rules.race
@either
def test_a_mount_point_that_is_swapped(bundle: str, holds: bool) -> None:
    """CVE-2021-30465: no mount lands on a directory of the host's, however the race goes."""
    found = _raced(bundle, "", holds)
    assert bool(found["mounted"]) == (not holds)
    assert found["made"] == []
    assert not holds or found["rounds"] == rules.ROUNDS


@rules.race
@either
def test_a_missing_mount_point_that_is_swapped(bundle: str, holds: bool) -> None:
    """CVE-2024-45310: a place for a mount is never made on the host."""
    found = _raced(bundle, "/a/b", holds)
    assert bool(found["made"]) == (not holds)
    assert not holds or (found["mounted"], found["rounds"]) == ([], rules.ROUNDS)


# ── parts of volumes ─────────────────────────────────────────────────────────────────────────


def _link_out(bundle: str, holds: bool) -> str:
    victim = _victim(bundle)
    (victim / "secret").write_text(MARK)
    volume = Path(bundle, "volume")
    volume.mkdir()
    (volume / "part").symlink_to(victim)
    if not holds:
        rules.resolve_by_path()
    part = bundles.bind(str(volume), "/in", "subpath=part")
    return _run(bundle, "cat /in/secret", part)


@either
def test_a_part_of_a_volume_that_is_a_link(bundle: str, holds: bool) -> None:
    """CVE-2023-0778, CVE-2024-1753: a source inside a volume cannot lead out of it."""
    said = call(_link_out, bundle, holds)
    assert said.startswith("refused: ") if holds else said == MARK
