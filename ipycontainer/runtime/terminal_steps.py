"""The step that gives a program a terminal: a pseudo-terminal of the container's own devpts.

Made inside, as runc does (OCI, `process.terminal`), so that its name and `/dev/console` mean the
same in and out; the master goes to the parent through init's socket. Imports linux and steps only.
"""

from __future__ import annotations

import errno
import fcntl
import os
import socket
import struct
from dataclasses import dataclass

from ipycontainer.linux import mounts, syscalls
from ipycontainer.runtime.steps import Context

__all__ = ["TERMINAL", "ConnectTerminal", "open_slave", "receive", "set_size"]

TERMINAL = b"terminal"  # the message that brings the master
TIOCGPTPEER = 0x5441  # asm-generic/ioctls.h: the slave by its master, whatever /dev/pts shows
TIOCSPTLCK = 0x40045431
TIOCSCTTY = 0x540E
TIOCSWINSZ = 0x5414
DEVPTS_SUPER_MAGIC = 0x1CD1  # linux/magic.h
_PTMX = os.makedev(5, 2)


@dataclass(frozen=True, slots=True)
class ConnectTerminal:
    """Make a new terminal 0, 1 and 2, and the one that controls this session.

    `console`: it is shown as /dev/console too; an `exec` leaves that to the container's first
    program. `size` is (rows, columns); (0, 0) leaves it unset.
    """

    console: bool
    size: tuple[int, int] = (0, 0)

    def execute(self, ctx: Context) -> None:
        """Open the pair, hand the master over, and keep the slave."""
        master = _open_master()
        slave = open_slave(master)
        if self.size != (0, 0):
            set_size(master, *self.size)
        # Its owner may open it by name: the program's user, in the group `tty` that devpts gave it.
        try:
            os.fchown(slave, ctx.identity.uid, -1)
        except OSError as error:
            if error.errno not in (errno.EPERM, errno.EINVAL):
                raise
        if self.console:
            _show_as_console(slave)
        with socket.socket(fileno=os.dup(ctx.sync)) as sock:
            socket.send_fds(sock, [TERMINAL], [master])
        os.close(master)
        fcntl.ioctl(slave, TIOCSCTTY, 0)
        for number in range(3):
            os.dup2(slave, number)
        if slave > 2:
            os.close(slave)

    def describe(self) -> str:
        """Say it."""
        return "open a terminal" + (" and show it as /dev/console" if self.console else "")


def _open_master() -> int:
    """Open /dev/ptmx, and see that it is one: a bind over /dev could stand there.

    A regular file would be written to, and another driver's device asked (CVE-2025-52565).
    """
    master = os.open("/dev/ptmx", os.O_RDWR | os.O_NOCTTY | os.O_CLOEXEC)
    if os.fstat(master).st_rdev != _PTMX or syscalls.fstatfs_type(master) != DEVPTS_SUPER_MAGIC:
        os.close(master)
        raise OSError(errno.ENODEV, "not the multiplexer of a devpts", "/dev/ptmx")
    fcntl.ioctl(master, TIOCSPTLCK, struct.pack("i", 0))
    return master


def _show_as_console(slave: int) -> None:
    """Mount the slave on /dev/console, by its fd: a path could lead elsewhere."""
    flags = os.O_WRONLY | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC | os.O_NOCTTY | os.O_NONBLOCK
    try:
        os.close(os.open("/dev/console", flags | os.O_EXCL, 0o666))
    except FileExistsError:
        pass
    target = os.open("/dev/console", os.O_PATH | os.O_NOFOLLOW | os.O_CLOEXEC)
    try:
        tree = mounts.clone_tree(slave, recursive=False)
        try:
            mounts.move_onto(tree, target)
        finally:
            os.close(tree)
    finally:
        os.close(target)


def open_slave(master: int) -> int:
    """Open the other side of a terminal by its master."""
    return fcntl.ioctl(master, TIOCGPTPEER, os.O_RDWR | os.O_NOCTTY | os.O_CLOEXEC)


def receive(sock: int, limit_bytes: int) -> tuple[bytes, tuple[int, ...]]:
    """Return init's next message, and the descriptors that came with it."""
    with socket.socket(fileno=os.dup(sock)) as own:
        message, fds, _, _ = socket.recv_fds(own, limit_bytes, 2, socket.MSG_CMSG_CLOEXEC)
    return message, tuple(fds)


def set_size(terminal: int, rows: int, columns: int) -> None:
    """Say how large a terminal is; its foreground programs get SIGWINCH where that is new."""
    fcntl.ioctl(terminal, TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))
