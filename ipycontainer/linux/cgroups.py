"""Control groups, versions 1 and 2: make one, fill it, kill all of it, remove it.

Version 1 has one tree a controller, version 2 one for all; `Cgroup` hides the difference. No
policy: which path a container gets is the caller's word. Sources:
Documentation/admin-guide/cgroup-v1 and cgroup-v2.rst.
"""

from __future__ import annotations

import errno
import os
import signal
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

from ipycontainer.linux import device_program
from ipycontainer.linux.hierarchies import (
    CONTROLLERS_V1,
    Hierarchies,
    available,
    detect,
    is_occupied,
    parse_mountinfo,
)
from ipycontainer.model.oci import DeviceRule

__all__ = [
    "CONTROLLERS_V1",
    "ON_DEMAND_V1",
    "Cgroup",
    "Hierarchies",
    "add",
    "available",
    "complete",
    "create",
    "detect",
    "is_occupied",
    "let_count",
    "locate",
    "of_process",
    "parse_mountinfo",
]

# A cgroup of its own only where a limit asks for it.
ON_DEMAND_V1 = ("cpuset",)
# Freezing and killing come with every cgroup; cpuset is let in where a limit asks for it.
CONTROLLERS_V2 = ("cpu", "memory", "pids", "io")

REMOVE_SECONDS = 2.0  # rmdir(2) says EBUSY for a moment after the last process was reaped
KILL_SECONDS = 10.0


@dataclass(frozen=True, slots=True)
class Cgroup:
    """A cgroup by its directories: one a controller under v1, a single one under v2 (key "")."""

    directories: Mapping[str, str]

    @property
    def is_v2(self) -> bool:
        """Tell whether this is a cgroup of version 2."""
        return "" in self.directories

    def attach(self, pid: int) -> None:
        """Put a process in; 0 is the caller. Raises OSError."""
        for directory in dict.fromkeys(self.directories.values()):
            _write(f"{directory}/cgroup.procs", str(pid))

    def join(self) -> None:
        """Put the calling process in, which must have one thread. Raises OSError.

        Version 1 takes `0` in `tasks`: the caller's own thread needs no lock against exits, where
        `cgroup.procs` waits for an RCU grace period, 6 to 16 ms on an idle machine (measured;
        cgroup_procs_write_start in kernel/cgroup/cgroup.c).
        """
        file = "cgroup.procs" if self.is_v2 else "tasks"
        for directory in dict.fromkeys(self.directories.values()):
            _write(f"{directory}/{file}", "0")

    def pids(self) -> tuple[int, ...]:
        """Return the processes inside, as this pid namespace numbers them; none when it is gone."""
        found: set[int] = set()
        for directory in dict.fromkeys(self.directories.values()):
            try:
                with open(f"{directory}/cgroup.procs", "rb") as file:
                    found.update(int(line) for line in file.read().split())
            except FileNotFoundError:
                continue
        found.discard(0)  # one of another pid namespace
        return tuple(sorted(found))

    def pids_below(self) -> tuple[int, ...]:
        """Return the processes inside and in all cgroups below."""
        found: set[int] = set()
        for directory in dict.fromkeys(self.directories.values()):
            for path, _, _ in os.walk(directory):
                found.update(Cgroup({"": path}).pids())
        return tuple(sorted(found))

    def kill(self) -> None:
        """Kill every process inside and wait until none is left.

        Version 2 does it in one write (cgroup.kill, Linux 5.14). Under version 1 the freezer stops
        forks first: a fork bomb outruns a loop of kills.
        """
        deadline = time.monotonic() + KILL_SECONDS
        while self.pids():
            self._kill_once()
            if time.monotonic() > deadline:
                raise OSError(
                    errno.EBUSY, f"processes do not end in {next(iter(self.directories.values()))}"
                )
            time.sleep(0.001)

    def _kill_once(self) -> None:
        if self.is_v2:
            try:
                _write(f"{self.directories['']}/cgroup.kill", "1")
                return
            except FileNotFoundError:
                pass
        self._freeze("FROZEN", "1")
        try:
            for pid in self.pids():
                try:
                    os.kill(pid, signal.SIGKILL)
                except ProcessLookupError:
                    continue
        finally:
            self._freeze("THAWED", "0")

    def _freeze(self, v1: str, v2: str) -> None:
        try:
            if self.is_v2:
                _write(f"{self.directories['']}/cgroup.freeze", v2)
            elif "freezer" in self.directories:
                _write(f"{self.directories['freezer']}/freezer.state", v1)
        except FileNotFoundError:
            return

    def set_device_rules(self, rules: Sequence[DeviceRule]) -> None:
        """Allow and deny devices, in order: under version 1 by its files, else by a program."""
        if self.is_v2:
            device_program.attach(self.directories[""], rules)
            return
        directory = self.directories.get("devices")
        if directory is None:
            return
        for rule in rules:
            path = f"{directory}/devices.{'allow' if rule.allow else 'deny'}"
            if rule.type == "a":
                _write(path, "a")
                continue
            major = "*" if rule.major is None else rule.major
            minor = "*" if rule.minor is None else rule.minor
            _write(path, f"{rule.type} {major}:{minor} {rule.access}")

    def remove(self) -> None:
        """Remove the cgroup and those below it, which must hold no process.

        A short EBUSY after the last one's end is waited out.
        """
        deadline = time.monotonic() + REMOVE_SECONDS
        for directory in dict.fromkeys(self.directories.values()):
            _remove_tree(directory, deadline)

    def to_json(self) -> dict[str, str]:
        """Return the cgroup as a JSON object."""
        return dict(self.directories)

    @classmethod
    def from_json(cls, raw: Mapping[str, Any]) -> Cgroup:
        """Return the cgroup that `to_json` wrote."""
        return cls({str(key): str(value) for key, value in raw.items()})


def create(hierarchies: Hierarchies, path: str, further: Sequence[str] = ()) -> Cgroup | None:
    """Make the cgroup `path` (absolute, below each controller's mount) and return it.

    `further` are controllers that it needs besides the usual ones. None where this process may
    not: an ordinary user under v1, or without delegation under v2. What had been made by then is
    removed again. Raises FileExistsError when it is there already.
    """
    if hierarchies.version == "none":
        return None
    wanted = locate(hierarchies, path, further).directories
    base = "" if hierarchies.is_v1 else hierarchies.base or hierarchies.unified
    made: list[str] = []
    try:
        for directory in dict.fromkeys(wanted.values()):
            _make(directory, base)
            made.append(directory)
        if further:
            _prepare(hierarchies, wanted, base, further)
    except OSError as error:
        for directory in made:
            os.rmdir(directory)
        if error.errno in (errno.EACCES, errno.EPERM, errno.EROFS):
            return None
        raise
    return Cgroup(wanted)


def complete(hierarchies: Hierarchies, path: str, further: Sequence[str] = ()) -> Cgroup:
    """Return a cgroup that is there in part or in whole, and make what is missing.

    One made by a process that was killed meanwhile, or by a version with fewer controllers, stands
    in some of version 1's trees only. Raises OSError.
    """
    found = locate(hierarchies, path, further)
    base = "" if hierarchies.is_v1 else hierarchies.base or hierarchies.unified
    for directory in dict.fromkeys(found.directories.values()):
        with suppress(FileExistsError):
            _make(directory, base)
    if further:
        _prepare(hierarchies, found.directories, base, further)
    return found


def add(hierarchies: Hierarchies, cgroup: Cgroup, controller: str, path: str) -> Cgroup:
    """Give a cgroup with processes in it a further controller; return it with that.

    Version 1: a new directory, which the processes move into. Version 2: a switch in its parents.
    Raises OSError.
    """
    if cgroup.is_v2:
        base = hierarchies.base or hierarchies.unified
        _prepare(hierarchies, cgroup.directories, base, (controller,))
        return cgroup
    extended = {**cgroup.directories, **locate(hierarchies, path, (controller,)).directories}
    _make(extended[controller], "")
    try:
        _prepare(hierarchies, extended, "", (controller,))
        _fill(cgroup, extended[controller])
    except OSError:
        with suppress(OSError):  # none moved, as a rule: the first is refused, or none
            os.rmdir(extended[controller])
        raise
    return Cgroup(extended)


def _fill(cgroup: Cgroup, directory: str) -> None:
    """Move all processes of a cgroup into a directory of version 1, also those of a fork."""
    while left := set(cgroup.pids()) - set(Cgroup({"": directory}).pids()):
        for pid in left:
            try:
                _write(f"{directory}/cgroup.procs", str(pid))
            except ProcessLookupError:
                continue


def locate(hierarchies: Hierarchies, path: str, further: Sequence[str] = ()) -> Cgroup:
    """Return the cgroup `path` without looking whether it exists."""
    if ".." in path.split("/") or not path.strip("/"):
        raise ValueError(f"{path!r} is no path of a cgroup")
    tail = path.strip("/")
    if not hierarchies.is_v1:
        return Cgroup({"": f"{hierarchies.base or hierarchies.unified}/{tail}"})
    return Cgroup(
        {
            name: f"{hierarchies.controllers[name]}/{tail}"
            for name in dict.fromkeys((*CONTROLLERS_V1, *further))
            if name in hierarchies.controllers
        }
    )


def of_process(hierarchies: Hierarchies, pid: int) -> Cgroup | None:
    """Return the cgroup that a process is in, as far as this namespace shows it; None if nowhere.

    Raises ProcessLookupError when there is no such process.
    """
    try:
        with open(f"/proc/{pid}/cgroup", encoding="utf-8", errors="surrogateescape") as file:
            lines = file.read().splitlines()
    except FileNotFoundError:
        raise ProcessLookupError(errno.ESRCH, f"no process {pid}") from None
    found: dict[str, str] = {}
    for line in lines:  # `4:cpu,cpuacct:/path`, of version 2 `0::/path`
        _, _, rest = line.partition(":")
        controllers, _, path = rest.partition(":")
        if not hierarchies.is_v1:
            if not controllers:
                return Cgroup({"": hierarchies.unified + path.rstrip("/")})
            continue
        for name in controllers.split(","):
            if name in hierarchies.controllers:
                found[name] = hierarchies.controllers[name] + path.rstrip("/")
    return Cgroup(found) if found else None


def let_count(hierarchies: Hierarchies, path: str) -> None:
    """Let version 2 count in the cgroups beside `path`, and above them as far as they are ours."""
    if hierarchies.version == "v2":
        parent = os.path.dirname(locate(hierarchies, path).directories[""])
        _enable(hierarchies.base or hierarchies.unified, parent)


def _make(directory: str, base: str) -> None:
    if base and os.path.dirname(directory) == base:
        _enable(base, base)  # no directory of ours in between, at whose making it would be done
    try:
        os.mkdir(directory, 0o755)
    except FileNotFoundError:
        parent = os.path.dirname(directory)
        os.makedirs(parent, 0o755, exist_ok=True)
        if base:
            _enable(base, parent)
        os.mkdir(directory, 0o755)


def _enable(base: str, parent: str, controllers: Sequence[str] = CONTROLLERS_V2) -> None:
    """Let version 2 count below each directory from `base` to `parent`, where that is allowed.

    Not where processes live in the directory itself, nor below: memory would be refused (EBUSY),
    but cpu and pids taken, and the cgroups below were for threads alone then (EOPNOTSUPP to whoever
    joins; cgroup-v2.rst, "Threads"). What is not there is refused, too: the container then has its
    cgroup, and no numbers.
    """
    directory = base
    below = os.path.relpath(parent, base)
    for name in ("", *(below.split("/") if below != "." else ())):
        directory = f"{directory}/{name}" if name else directory
        if is_occupied(directory):
            return
        for controller in controllers:
            try:
                _write(f"{directory}/cgroup.subtree_control", f"+{controller}")
            except OSError:
                continue


def _prepare(
    hierarchies: Hierarchies, directories: Mapping[str, str], base: str, controllers: Sequence[str]
) -> None:
    """Make controllers ready that are not there by themselves in a new cgroup."""
    if "" in directories:
        _enable(base, os.path.dirname(directories[""]), controllers)
    elif "cpuset" in controllers and "cpuset" in directories:
        _inherit(hierarchies.controllers["cpuset"], directories["cpuset"])


def _inherit(mount: str, directory: str) -> None:
    """Give each cpuset from `mount` to `directory` its parent's processors and memory nodes.

    Version 1 makes them empty, and nobody may enter an empty one (ENOSPC; cpusets.rst).
    """
    place = mount
    for name in os.path.relpath(directory, mount).split("/"):
        parent, place = place, f"{place}/{name}"
        for file in ("cpuset.cpus", "cpuset.mems"):
            with open(f"{place}/{file}", encoding="ascii") as own:
                empty = not own.read().strip()
            if empty:
                with open(f"{parent}/{file}", encoding="ascii") as above:
                    _write(f"{place}/{file}", above.read().strip())


def _remove_tree(directory: str, deadline: float) -> None:
    pause = 0.0005
    while True:
        try:
            os.rmdir(directory)
            return
        except FileNotFoundError:
            return
        except OSError as error:
            if error.errno not in (errno.EBUSY, errno.ENOTEMPTY):
                raise
            with os.scandir(directory) as entries:
                for entry in entries:
                    if entry.is_dir(follow_symlinks=False):
                        _remove_tree(entry.path, deadline)
            if time.monotonic() > deadline:
                raise
        time.sleep(pause)
        pause = min(pause * 2, 0.05)


def _write(path: str, text: str) -> None:
    fd = os.open(path, os.O_WRONLY | os.O_CLOEXEC)
    try:
        os.write(fd, text.encode())
    finally:
        os.close(fd)
