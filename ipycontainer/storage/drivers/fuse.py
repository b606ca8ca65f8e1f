"""fuse-overlayfs: an overlay by a process, where the kernel's own refuses.

We mount, and the program is given the descriptor (libfuse takes `/dev/fd/N` for a mount point): so
its mount goes where we say, and the process ends by itself when the last namespace that has the
mount is gone. Whoever is killed leaves nothing to be unmounted.
"""

from __future__ import annotations

import os
from collections.abc import Sequence

from ipycontainer.linux import mounts
from ipycontainer.model.state import Overlay
from ipycontainer.storage import attributes
from ipycontainer.storage.drivers.overlay import stack
from ipycontainer.store.home import Home

__all__ = ["FuseOverlay", "serve"]

FUSE_SUPER_MAGIC = 0x65735546  # linux/magic.h
PROGRAM = "fuse-overlayfs"
_DIRECTORIES = ("/usr/bin", "/usr/local/bin", "/bin")
_PATH = os.O_PATH | os.O_CLOEXEC
# What stands before a name in the program's list of options.
_SPECIAL = frozenset(":,\\")


class FuseOverlay:
    """Layers and an upper directory, merged by a process."""

    name = "fuse-overlayfs"
    magic = FUSE_SUPER_MAGIC
    holds_all = False
    # Beside the attribute it marks a directory that hides what is below by files, as AUFS did.
    own_names = frozenset({".wh..wh..opq", ".wh..opq"})

    def marks(self, userxattr: bool) -> tuple[str, ...]:
        """Return overlayfs's, and what it takes instead where trusted.* is not to be had."""
        return (attributes.opaque_mark(userxattr), attributes.FUSE_OPAQUE)

    def missing(self) -> str:
        """Look for the program and the device."""
        if not _program():
            return f"{PROGRAM} is not installed"
        if not os.access("/dev/fuse", os.R_OK | os.W_OK):
            return "/dev/fuse cannot be opened"
        return ""

    def show(self, home: Home, overlay: Overlay, target: int, *, writable: bool) -> None:
        """Mount it, served by a process that lives as long as the mount."""
        upper, work = (overlay.upper, overlay.work) if writable else ("", "")
        tree, _ = serve(stack(home, overlay, writable=writable), upper, work)
        try:
            mounts.move_onto(tree, target)
        finally:
            os.close(tree)


def serve(lowers: Sequence[str], upper: str, work: str) -> tuple[int, int]:
    """Return the fd of a detached mount of an overlay, and the pid of the process that serves it.

    `lowers` come topmost first. The process is the caller's child. Raises OSError.
    """
    program = _program()
    if not program:
        raise FileNotFoundError(2, f"{PROGRAM} is not installed")
    given: list[int] = []
    device = os.open("/dev/fuse", os.O_RDWR | os.O_CLOEXEC)
    try:
        tree = _mount(device)
        try:
            options = [f"lowerdir={':'.join(_plain(path, given) for path in lowers)}"]
            if upper:
                options += [f"upperdir={_plain(upper, given)}", f"workdir={_plain(work, given)}"]
            # What is written is in the upper directory at once: it is read from there.
            options += ["writeback=0", "allow_other"]
            words = [program, "-f", "-o", ",".join(options), f"/dev/fd/{device}"]
            for fd in (device, *given):
                os.set_inheritable(fd, True)
            server = os.posix_spawn(
                program,
                words,
                {"PATH": "/usr/bin:/bin"},
                file_actions=[
                    (os.POSIX_SPAWN_OPEN, fd, os.devnull, os.O_RDWR, 0) for fd in range(3)
                ],
                setsid=True,
            )
        except BaseException:
            os.close(tree)
            raise
    finally:
        for fd in (device, *given):
            os.close(fd)
    return tree, server


def _mount(device: int) -> int:
    with mounts.FileSystem("fuse") as fs:
        for key, value in (
            ("source", PROGRAM),
            ("fd", str(device)),
            ("rootmode", "40000"),
            ("user_id", "0"),
            ("group_id", "0"),
            ("default_permissions", None),
            ("allow_other", None),
        ):
            fs.set(key, value)
        return fs.mount()


def _program() -> str:
    """Return the absolute path of the program, "" where it is not installed."""
    for directory in _DIRECTORIES:
        if os.access(f"{directory}/{PROGRAM}", os.X_OK):
            return f"{directory}/{PROGRAM}"
    return ""


def _plain(path: str, given: list[int]) -> str:
    """Return a name for a directory that has none of the letters that part options."""
    if _SPECIAL.isdisjoint(path):
        return path
    given.append(os.open(path, _PATH | os.O_DIRECTORY))
    return f"/proc/self/fd/{given[-1]}"
