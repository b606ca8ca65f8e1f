"""Namespaces: fork into new ones, join others, and become root in a user namespace of one's own.

Callers have one thread: setns(2) and unshare(2) of user and mount namespaces refuse others
(EINVAL), and those of pid and net would move one thread only, in silence.
"""

from __future__ import annotations

import errno
import os
import pwd
from collections.abc import Sequence
from dataclasses import dataclass

from ipycontainer.linux import procfs, syscalls
from ipycontainer.linux.syscalls import clone, setns, unshare

__all__ = [
    "FLAGS",
    "IdMap",
    "SubIds",
    "TimeOffset",
    "become_root_in_new_userns",
    "clone",
    "find_mapper",
    "in_initial_userns",
    "join_user",
    "join_user_and_mount",
    "map_by_program",
    "maps_of",
    "open_mapped_user",
    "open_path",
    "read_subids",
    "setns",
    "unshare",
    "unshare_time",
    "write_map",
    "write_maps",
]

CLONE_NEWTIME = 0x00000080  # linux/sched.h, as all below
CLONE_NEWNS = 0x00020000
CLONE_NEWCGROUP = 0x02000000
CLONE_NEWUTS = 0x04000000
CLONE_NEWIPC = 0x08000000
CLONE_NEWUSER = 0x10000000
CLONE_NEWPID = 0x20000000
CLONE_NEWNET = 0x40000000
CLONE_PARENT = 0x00008000

# the OCI runtime-spec's name of a namespace (config-linux.md) -> its flag
FLAGS = {
    "mount": CLONE_NEWNS,
    "cgroup": CLONE_NEWCGROUP,
    "uts": CLONE_NEWUTS,
    "ipc": CLONE_NEWIPC,
    "user": CLONE_NEWUSER,
    "pid": CLONE_NEWPID,
    "network": CLONE_NEWNET,
    "time": CLONE_NEWTIME,
}

PR_SET_DUMPABLE = 4  # linux/prctl.h

# (first id inside, first id outside, how many), a line of user_namespaces(7)
IdMap = tuple[tuple[int, int, int], ...]

# (clock, seconds, nanoseconds) of time_namespaces(7)
TimeOffset = tuple[str, int, int]

_MAPPER_DIRECTORIES = ("/usr/bin", "/bin", "/usr/local/bin", "/usr/sbin", "/sbin")
_INITIAL_MAP = [b"0", b"0", b"4294967295"]


@dataclass(frozen=True, slots=True)
class SubIds:
    """The subordinate ids of a user: (first, count) each, as subuid(5) and subgid(5) list them."""

    uids: tuple[tuple[int, int], ...] = ()
    gids: tuple[tuple[int, int], ...] = ()


def read_subids(uid: int, *, subuid: str = "/etc/subuid", subgid: str = "/etc/subgid") -> SubIds:
    """Return the ranges that a user may map.

    None where a file is missing or says nothing of the user.
    """
    try:
        names = {str(uid), pwd.getpwuid(uid).pw_name}
    except KeyError:
        names = {str(uid)}
    return SubIds(_ranges(subuid, names), _ranges(subgid, names))


def _ranges(path: str, names: set[str]) -> tuple[tuple[int, int], ...]:
    found = []
    try:
        with open(path, encoding="utf-8", errors="replace") as file:
            for line in file:
                fields = line.strip().split(":")
                if (
                    len(fields) == 3
                    and fields[0] in names
                    and fields[1].isdecimal()
                    and fields[2].isdecimal()
                ):
                    found.append((int(fields[1]), int(fields[2])))
    except OSError:
        return ()
    return tuple(found)


def in_initial_userns() -> bool:
    """Tell whether this is the machine's first user namespace: its map covers all ids."""
    fd = os.open("/proc/self/uid_map", os.O_RDONLY | os.O_CLOEXEC)
    try:
        return os.read(fd, 4096).split() == _INITIAL_MAP
    finally:
        os.close(fd)


def find_mapper(name: str) -> str:
    """Return the absolute path of `newuidmap` or `newgidmap`, "" where it is not installed."""
    for directory in _MAPPER_DIRECTORIES:
        path = f"{directory}/{name}"
        if os.access(path, os.X_OK):
            return path
    return ""


def write_maps(pid: int, uids: IdMap, gids: IdMap) -> None:
    """Give the new user namespace of process `pid` its maps, from the namespace above it.

    A caller without rights may write its own id alone, and the groups only once setgroups(2) is
    denied; for more (EPERM) the setuid programs newuidmap(1) and newgidmap(1) do it. Raises
    OSError.
    """
    try:
        write_map(f"/proc/{pid}/uid_map", uids)
    except PermissionError:
        if not map_by_program("newuidmap", pid, uids):
            raise
    try:
        write_map(f"/proc/{pid}/gid_map", gids)
    except PermissionError:
        if not map_by_program("newgidmap", pid, gids):
            with open(f"/proc/{pid}/setgroups", "w", encoding="ascii") as file:
                file.write("deny")
            write_map(f"/proc/{pid}/gid_map", gids)


def become_root_in_new_userns(subids: SubIds | None = None, flags: int = CLONE_NEWNS) -> IdMap:
    """Become root in a new user namespace, and return the map of its user ids.

    Own id becomes 0, subordinate ids follow from 1. They are mapped by newuidmap(1), run by a child
    that stays in the old namespace: the new one has no right to. Without those programs or without
    subordinate ids only the own id is mapped, and setgroups(2) is denied for good
    (user_namespaces(7)). `flags` names further namespaces to make with it. Afterwards the process
    is dumpable again, which a change of ids had ended: others of the same user can then join its
    namespaces.
    """
    uid, gid = os.geteuid(), os.getegid()
    if subids is None:
        subids = read_subids(uid)
    uids, gids = _line_up(uid, subids.uids), _line_up(gid, subids.gids)
    if subids.uids and subids.gids and find_mapper("newuidmap") and find_mapper("newgidmap"):
        wide = _unshare_mapped_by_child(flags, uids, gids)
    else:
        unshare(CLONE_NEWUSER | flags)
        wide = False
    if not wide:
        uids = ((0, uid, 1),)
        with open("/proc/self/setgroups", "w", encoding="ascii") as file:
            file.write("deny")
        write_map("/proc/self/uid_map", uids)
        write_map("/proc/self/gid_map", ((0, gid, 1),))
    _take_root_ids()
    return uids


def join_user_and_mount(pid: int) -> None:
    """Join the user and mount namespaces of a process, and become root there.

    The process must be dumpable and of the same user, else EPERM. Used by a zygote to come back to
    the namespaces that its home's containers live in.
    """
    fd = os.pidfd_open(pid)
    try:
        setns(fd, CLONE_NEWUSER | CLONE_NEWNS)
    finally:
        os.close(fd)
    _take_root_ids()


def unshare_time(offsets: Sequence[TimeOffset]) -> None:
    """Move this process into a new time namespace whose clocks are that far ahead.

    unshare(2) moves only children there, and offsets can be written until the first process is
    (time_namespaces(7)); setns(2) to what children would get moves the caller itself. Raises
    OSError.
    """
    unshare(CLONE_NEWTIME)
    if offsets:
        fd = os.open("/proc/self/timens_offsets", os.O_WRONLY | os.O_CLOEXEC)
        try:
            os.write(fd, "".join(f"{name} {sec} {nano}\n" for name, sec, nano in offsets).encode())
        finally:
            os.close(fd)
    fd = os.open("/proc/self/ns/time_for_children", os.O_RDONLY | os.O_CLOEXEC)
    try:
        setns(fd, CLONE_NEWTIME)
    finally:
        os.close(fd)


def open_mapped_user(uids: IdMap, gids: IdMap) -> int:
    """Return a descriptor of a new user namespace with these maps, which nobody lives in.

    Raises OSError.
    """
    read, write = os.pipe()
    child = clone(CLONE_NEWUSER)
    if child == 0:
        os.close(write)
        os.read(read, 1)  # until the parent has opened it
        os._exit(0)
    os.close(read)
    try:
        write_maps(child, uids, gids)
        return os.open(f"/proc/{child}/ns/user", os.O_RDONLY | os.O_CLOEXEC)
    finally:
        os.close(write)
        os.waitpid(child, 0)


def maps_of(path: str) -> tuple[IdMap, IdMap]:
    """Return the maps of users and of groups of the user namespace that a path names.

    A child enters it and is read: the namespace may have no process. Raises OSError.
    """
    fd = open_path(path)
    read, write = os.pipe()
    inside, leave = os.pipe()
    try:
        child = clone(0)
        if child == 0:
            try:
                setns(fd, CLONE_NEWUSER)
                os.write(write, b"1")
                os.close(leave)
                os.read(inside, 1)  # until it has been read
            finally:
                os._exit(0)
        os.close(write)
        write = -1
        try:
            if not os.read(read, 1):
                raise OSError(errno.EINVAL, "no user namespace that can be entered", path)
            return _read_map(child, "uid_map"), _read_map(child, "gid_map")
        finally:
            os.close(leave)
            leave = -1
            os.waitpid(child, 0)
    finally:
        for each in (fd, read, write, inside, leave):
            if each >= 0:
                os.close(each)


def _read_map(pid: int, name: str) -> IdMap:
    with open(f"/proc/{pid}/{name}", encoding="ascii") as file:
        lines = [tuple(int(word) for word in line.split()) for line in file]
    return tuple((first, outside, count) for first, outside, count in lines)


def open_path(path: str, start_ticks: int = 0) -> int:
    """Return a descriptor of the namespace that a path names.

    With `start_ticks` the path is `/proc/PID/ns/KIND` of a process begun then: its pid may have
    been given to another since. Raises ProcessLookupError.
    """
    try:
        fd = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
        if start_ticks and procfs.start_ticks(int(path.split("/")[2])) != start_ticks:
            os.close(fd)
            raise ProcessLookupError(errno.ESRCH, "the process has ended", path)
    except FileNotFoundError:
        if start_ticks:
            raise ProcessLookupError(errno.ESRCH, "the process has ended", path) from None
        raise
    return fd


def join_user(process: int) -> None:
    """Join the user namespace of the process behind a pidfd, and become root there.

    It may be any process in there, also of another id, for whoever owns the namespace and stands
    in the one above it.
    """
    setns(process, CLONE_NEWUSER)
    _take_root_ids()


def _take_root_ids() -> None:
    os.setresgid(0, 0, 0)
    os.setresuid(0, 0, 0)
    try:
        os.setgroups([])
    except PermissionError:  # only the own id is mapped: setgroups(2) is denied for good
        pass
    # a change of ids has ended it; others of the same user shall be able to join
    syscalls.prctl(PR_SET_DUMPABLE, 1)


def _line_up(own: int, ranges: Sequence[tuple[int, int]]) -> IdMap:
    lines, inside = [(0, own, 1)], 1
    for first, count in ranges:
        lines.append((inside, first, count))
        inside += count
    return tuple(lines)


def _unshare_mapped_by_child(flags: int, uids: IdMap, gids: IdMap) -> bool:
    ready_read, ready_write = os.pipe()
    target = os.getpid()
    child = clone(0)
    if child == 0:
        code = 1
        try:
            os.close(ready_write)
            if os.read(ready_read, 1) and map_by_program("newuidmap", target, uids):
                code = 0 if map_by_program("newgidmap", target, gids) else 2
        finally:
            os._exit(code)
    os.close(ready_read)
    try:
        unshare(CLONE_NEWUSER | flags)
        os.write(ready_write, b"1")
    finally:
        os.close(ready_write)
        _, status = os.waitpid(child, 0)
    code = os.waitstatus_to_exitcode(status)
    if code == 2:
        raise PermissionError(1, "newgidmap refused after newuidmap had mapped the user ids")
    return code == 0


def map_by_program(name: str, pid: int, lines: IdMap) -> bool:
    """Have newuidmap(1) or newgidmap(1) write the map of a process; False where it does not."""
    path = find_mapper(name)
    if not path:
        return False
    words = [path, str(pid), *(str(field) for line in lines for field in line)]
    silence = [(os.POSIX_SPAWN_OPEN, fd, os.devnull, os.O_RDWR, 0) for fd in (0, 1, 2)]
    child = os.posix_spawn(path, words, {"PATH": "/usr/bin:/bin"}, file_actions=silence)
    _, status = os.waitpid(child, 0)
    return status == 0


def write_map(path: str, lines: IdMap) -> None:
    """Write a map into a process's uid_map or gid_map. Raises OSError."""
    # one write(2): the kernel takes a map only once and whole
    fd = os.open(path, os.O_WRONLY | os.O_CLOEXEC)
    try:
        os.write(fd, "".join(f"{a} {b} {c}\n" for a, b, c in lines).encode())
    finally:
        os.close(fd)
