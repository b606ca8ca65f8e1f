"""What a cell of `%%byhand` finds: system calls as functions, named after their man pages.

Plain, but for three things. What would change the machine itself is refused while the process
stands in the machine's own namespaces: an ordinary user's kernel refuses it anyway, and root's
mistake in a lesson shall not rename a machine. `clone` starts a function, as the C library's does.
And the maps of ids are written by the process outside, which has the rights for it.
Imports linux alone; complete before the first cell, since a later root may have no files.
"""

from __future__ import annotations

import errno
import ipaddress
import os
import signal
import sys
from collections.abc import Callable
from typing import Any, Protocol

from ipycontainer.linux import links, mounts, namespaces, rtnetlink, syscalls
from ipycontainer.linux.mounts import MNT_DETACH, MS_BIND, MS_PRIVATE, MS_RDONLY, MS_REC, MS_SLAVE
from ipycontainer.linux.namespaces import (
    CLONE_NEWCGROUP,
    CLONE_NEWIPC,
    CLONE_NEWNET,
    CLONE_NEWNS,
    CLONE_NEWPID,
    CLONE_NEWUSER,
    CLONE_NEWUTS,
)

__all__ = [
    "CLONE_NEWCGROUP",
    "CLONE_NEWIPC",
    "CLONE_NEWNET",
    "CLONE_NEWNS",
    "CLONE_NEWPID",
    "CLONE_NEWUSER",
    "CLONE_NEWUTS",
    "MNT_DETACH",
    "MS_BIND",
    "MS_PRIVATE",
    "MS_RDONLY",
    "MS_REC",
    "MS_SLAVE",
    "chroot",
    "clone",
    "ip_address_add",
    "ip_link_add",
    "ip_link_set_up",
    "mount",
    "newgidmap",
    "newuidmap",
    "pivot_root",
    "setdomainname",
    "sethostname",
    "setns",
    "umount",
    "unshare",
]

PR_SET_PDEATHSIG = 1  # linux/prctl.h


class Outside(Protocol):
    """The process that stayed outside."""

    def map_ids(self, program: str, pid: int, ids: tuple[int, ...]) -> None:
        """Write a map for a process of ours."""

    def heed_directory(self, path: str) -> None:
        """Remember a directory that is about to be made, if it is to be a cgroup."""


class _Beginning:
    """Where the process stood at first, and who stayed there."""

    def __init__(self) -> None:
        self.outside: Outside | None = None
        self.report: Callable[[BaseException], None] | None = None
        self.proc = -1
        self.namespaces: dict[str, str] = {}
        self.held: list[int] = []


_at_first = _Beginning()


def begin(outside: Outside, report: Callable[[BaseException], None]) -> dict[str, Any]:
    """Remember where this process stands, and return the names that a cell finds.

    `report` prints what a function raised that `clone` started.
    """
    _at_first.outside, _at_first.report = outside, report
    # The directory itself, since /proc may be somewhere else later, or nowhere.
    _at_first.proc = os.open("/proc", os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    _at_first.namespaces = {kind: _namespace(kind) for kind in ("mnt", "uts", "net")}
    # Held, since the number of a namespace that has ended is given to the next one.
    _at_first.held = [
        os.open(f"self/ns/{kind}", os.O_RDONLY | os.O_CLOEXEC, dir_fd=_at_first.proc)
        for kind in _at_first.namespaces
    ]
    return {name: globals()[name] for name in __all__}


def _namespace(kind: str) -> str:
    return os.readlink(f"self/ns/{kind}", dir_fd=_at_first.proc)


def _refuse_outside(kind: str, flag: str, target: str) -> None:
    """Raise PermissionError in the namespace that the process began in."""
    names = {"mnt": "mount", "uts": "UTS", "net": "network"}
    if _at_first.proc >= 0 and _namespace(kind) == _at_first.namespaces[kind]:
        raise PermissionError(
            errno.EPERM, f"the machine's own {names[kind]} namespace: unshare({flag}) first", target
        )


def unshare(flags: int) -> None:
    """Leave namespaces for new ones.

    unshare(2): `flags` are CLONE_NEWNS, CLONE_NEWUTS and so on, put together by `|`. An
    ordinary user may make a user namespace (CLONE_NEWUSER), and every other in it. A new pid
    namespace is for the children: the first of them is its process 1, and when that ends no
    other can be started.
    """
    syscalls.unshare(flags)


def setns(fd: int, nstype: int = 0) -> None:
    """Join a namespace that stands.

    setns(2): `fd` is an open /proc/PID/ns/KIND, or a pidfd with the kinds in `nstype`
    (CLONE_NEWNET, ...).
    """
    syscalls.setns(fd, nstype)


def clone(function: Callable[[], object], flags: int = 0) -> int:
    """Start a child that calls `function`, in new namespaces; return its pid.

    clone(2): the child ends when the function does: with the number that it returns, 0 for
    None, 1 when it raises. `os.waitpid(pid, 0)` waits for it. It is killed when its parent
    ends.
    """
    sys.stdout.flush()
    sys.stderr.flush()
    try:
        pid = syscalls.clone(flags)
    except OSError as error:
        if error.errno == errno.ENOMEM:  # pid_namespaces(7): what the kernel says of this
            error.strerror = "no new process: process 1 of the pid namespace has ended, and with it"
            error.strerror += " the namespace; %byhand --new begins again"
        raise
    if pid:
        return pid
    code = 1
    try:
        syscalls.prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
        result = function()
        code = result if isinstance(result, int) else 0
    except SystemExit as error:
        code = error.code if isinstance(error.code, int) else int(error.code is not None)
    except BaseException as error:  # noqa: BLE001  printed, as the interpreter would
        if _at_first.report is not None:
            _at_first.report(error)
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(code & 0xFF)


def mount(
    source: str | None,
    target: str,
    filesystemtype: str | None,
    mountflags: int = 0,
    data: str | None = None,
) -> None:
    """Mount a file system on a directory.

    mount(2): mount("proc", "/mnt", "proc") mounts a /proc; mount("/usr", "/mnt", None, MS_BIND)
    shows /usr a second time; mount("overlay", "/mnt", "overlay", 0,
    "lowerdir=...,upperdir=...,workdir=...").
    """
    _refuse_outside("mnt", "CLONE_NEWNS", target)
    syscalls.mount(source, target, filesystemtype, mountflags, data)


def umount(target: str, flags: int = 0) -> None:
    """Unmount what is mounted on a directory.

    umount(2): with MNT_DETACH it vanishes at once, and ends when nobody uses it any more.
    """
    _refuse_outside("mnt", "CLONE_NEWNS", target)
    syscalls.umount(target, flags)


def pivot_root(new_root: str, put_old: str) -> None:
    """Make a directory the root of this mount namespace.

    pivot_root(2): `new_root` is a mount point; the old root is put on `put_old`, a directory
    below it, from where it can be unmounted.
    """
    _refuse_outside("mnt", "CLONE_NEWNS", new_root)
    syscalls.pivot_root(new_root, put_old)


def chroot(path: str) -> None:
    """Make a directory the root of this process and its children.

    chroot(2): the working directory stays where it is: os.chdir("/") follows it.
    """
    os.chroot(path)


def sethostname(name: str) -> None:
    """Give the machine a name, in this UTS namespace.

    sethostname(2).
    """
    _refuse_outside("uts", "CLONE_NEWUTS", name)
    syscalls.sethostname(name)


def setdomainname(name: str) -> None:
    """Give the machine a domain's name, in this UTS namespace.

    setdomainname(2).
    """
    _refuse_outside("uts", "CLONE_NEWUTS", name)
    syscalls.setdomainname(name)


def newuidmap(pid: int, *ids: int) -> None:
    """Say which user ids a user namespace has.

    newuidmap(1), user_namespaces(7): `pid` is a process in it; `ids` come by threes: the first
    id inside, the first outside, how many. newuidmap(os.getpid(), 0, 1000, 1) makes user 1000
    its root. Written once, from outside.
    """
    _map("newuidmap", pid, ids)


def newgidmap(pid: int, *ids: int) -> None:
    """Say which group ids a user namespace has.

    newgidmap(1), as newuidmap does for users.
    """
    _map("newgidmap", pid, ids)


def _map(program: str, pid: int, ids: tuple[int, ...]) -> None:
    if not ids or len(ids) % 3:
        raise ValueError(f"{program}: ids come by threes: inside, outside, how many")
    assert _at_first.outside is not None
    _at_first.outside.map_ids(program, pid, ids)


def ip_link_add(name: str, peer: str, pid: int) -> None:
    """Make a veth pair, this end up: `ip link add NAME type veth peer name PEER netns PID`.

    veth(4), ip-link(8): a cable with two plugs. One is an interface here, the other one in the
    network namespace of process `pid`.
    """
    _refuse_outside("net", "CLONE_NEWNET", name)
    with rtnetlink.open_route() as route:
        route.send([rtnetlink.add_veth(name, bridge=0, peer=peer, peer_pid=pid)])


def ip_address_add(name: str, address: str) -> None:
    """Give an interface an address: `ip address add 10.0.0.1/24 dev NAME`, ip-address(8)."""
    _refuse_outside("net", "CLONE_NEWNET", name)
    with rtnetlink.open_route() as route:
        link = rtnetlink.find_link(route, name)
        if link is None:
            raise OSError(errno.ENODEV, os.strerror(errno.ENODEV), name)
        route.send([rtnetlink.add_address(link.index, ipaddress.ip_interface(address))])


def ip_link_set_up(name: str) -> None:
    """Switch an interface on: `ip link set NAME up`, ip-link(8)."""
    _refuse_outside("net", "CLONE_NEWNET", name)
    if name == "lo":
        links.loopback_up()
        return
    with rtnetlink.open_route() as route:
        route.send([rtnetlink.change_link(name, up=True)])


def protect_machine() -> None:
    """As root, begin in a copy of the mounts from which nothing goes back to the machine."""
    if os.geteuid() == 0:
        try:
            syscalls.unshare(namespaces.CLONE_NEWNS)
            mounts.make_all_slave()
        except PermissionError:
            return  # a root without rights: it cannot mount either
