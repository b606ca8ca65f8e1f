"""What the kernel refused of a mount is said as runc says it."""

from __future__ import annotations

import errno
import os

import pytest

from ipycontainer.runtime import refusals
from ipycontainer.runtime.mount_steps import BindMount, MountFileSystem
from ipycontainer.runtime.process_steps import MakeWorkdir
from ipycontainer.runtime.steps import failure

PLACE = "error during container init: error mounting"


def error(number: int) -> OSError:
    """Return the kernel's answer."""
    return OSError(number, os.strerror(number))


@pytest.mark.parametrize(
    ("target", "number", "words"),
    [
        ("/etc", errno.EISDIR, "mount /usr:/etc: not a directory"),
        (
            "/etc/passwd",
            errno.ENOTDIR,
            (
                "create mount destination for /etc/passwd mount: cannot mkdir in /etc/passwd: "
                "not a directory"
            ),
        ),
        ("/x", errno.EACCES, "mount /usr:/x: permission denied"),
        (
            "/proc/x",
            errno.EPERM,
            (
                "create mount destination for /proc/x mount: check proc-safety of /proc/x mount: "
                '"/proc/x" cannot be mounted because it is inside /proc'
            ),
        ),
    ],
)
def test_a_bind(target: str, number: int, words: str) -> None:
    """The step stays beside the words, for who wants to know what was done."""
    reason = refusals.INSIDE_PROC if number == errno.EPERM else os.strerror(number)
    failed = failure(BindMount("/usr", target), OSError(number, reason))
    assert failed.message == f'{PLACE} "/usr" to rootfs at "{target}": {words}'
    assert (failed.step, failed.errno) == (f"bind /usr on {target}", number)


def test_a_bind_of_what_lies_below_a_file() -> None:
    """Runc has looked at the source before it looks at the place."""
    failed = failure(BindMount("/etc/passwd/x", "/y"), error(errno.ENOTDIR))
    assert failed.message == (
        f'{PLACE} "/etc/passwd/x" to rootfs at "/y": create mount destination for /y mount: '
        "bind mount source stat: stat /etc/passwd/x: not a directory"
    )


def test_a_tmpfs_and_what_is_none() -> None:
    """Of the kernel's own file systems runc says nothing that we would not."""
    options = (("size", "foo"), ("mode", "755"))
    tmpfs = failure(MountFileSystem("tmpfs", "/x", "tmpfs", options), error(errno.EINVAL))
    assert tmpfs.message == (
        f'{PLACE} "tmpfs" to rootfs at "/x": mount tmpfs:/x, data: size=foo,mode=755: '
        "invalid argument"
    )
    proc = failure(MountFileSystem("proc", "/proc", "proc"), error(errno.ENOTDIR))
    assert proc.message == "mount proc on /proc: ENOTDIR: Not a directory"


def test_a_working_directory() -> None:
    """As runc makes it."""
    failed = failure(MakeWorkdir("/proc/x"), error(errno.ENOENT))
    assert failed.message == (f"{refusals._DURING}mkdir /proc/x: no such file or directory")
