"""What a container takes from processes of others: their namespaces, and their /dev/shm.

Each such process is named by its pid and its start time, so that a pid that was given anew is never
joined. The pid namespace is joined by the parent, all others by init itself, before its mounts.
Imports linux, model and steps only.
"""

from __future__ import annotations

import errno
import json
import os
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

from ipycontainer.linux import mounts, namespaces, syscalls
from ipycontainer.linux.dirfd import DirFd
from ipycontainer.model.oci import ANNOTATION_DONORS, ANNOTATION_SHM, Spec
from ipycontainer.runtime.session_steps import JoinNamespace
from ipycontainer.runtime.steps import Context, Step

__all__ = ["ShareShm", "clone", "joins", "shared_shm"]

TMPFS_MAGIC = 0x01021994  # linux/magic.h


def joins(spec: Spec) -> list[Step]:
    """Return the steps that join the namespaces which a spec names by path.

    None where a user namespace is among them: all are joined before init is born then (`clone`).
    """
    named = [(kind, path) for kind, path in spec.linux.namespaces.items() if path]
    if not named or spec.linux.namespaces.get("user"):
        return []
    known = _known(spec)
    return [
        JoinNamespace(kind, path, _start_ticks(path, known))
        for kind, path in named
        if kind != "pid"
    ]


def shared_shm(spec: Spec) -> list[Step]:
    """Return the step that shows another's /dev/shm, where the spec asks for it."""
    donor = spec.annotations.get(ANNOTATION_SHM)
    return [ShareShm(int(donor), int(_known(spec)[donor]))] if donor else []


def _known(spec: Spec) -> Mapping[str, Any]:
    found = json.loads(spec.annotations.get(ANNOTATION_DONORS, "{}"))
    return found if isinstance(found, dict) else {}


def _start_ticks(path: str, known: Mapping[str, Any]) -> int:
    """Return the start time of the process whose namespace a path names, 0 where none was told."""
    parts = path.split("/")
    return int(known.get(parts[2], 0)) if path.startswith("/proc/") and len(parts) > 3 else 0


@dataclass(frozen=True, slots=True)
class ShareShm:
    """Show the /dev/shm of another container as ours (`--ipc container:X`).

    open_tree(2) clones only what the caller's mount namespace has (EINVAL); so the clone is made
    inside the other's, and brought back. Looked up below that container's root, so that no link of
    its own leads out, and only where it is a tmpfs. By /proc, not by pidfd: pidfd_open(2) knows
    the pids of the caller's own namespace alone.
    """

    pid: int
    ticks: int
    target: str = "/dev/shm"

    def execute(self, ctx: Context) -> None:
        """Clone there, attach here."""
        donor = namespaces.open_path(f"/proc/{self.pid}/ns/mnt", self.ticks)
        own = os.open("/proc/self/ns/mnt", os.O_RDONLY | os.O_CLOEXEC)
        try:
            namespaces.setns(donor, namespaces.FLAGS["mount"])
            try:
                with DirFd.open("/") as root:
                    place = root.openat(self.target, os.O_PATH | os.O_DIRECTORY | os.O_NOFOLLOW)
                    try:
                        if syscalls.fstatfs_type(place) != TMPFS_MAGIC:
                            raise OSError(errno.ENOTDIR, "no tmpfs", self.target)
                        tree = mounts.clone_tree(place, recursive=False)
                    finally:
                        os.close(place)
            finally:
                namespaces.setns(own, namespaces.FLAGS["mount"])
        finally:
            os.close(donor)
            os.close(own)
        try:
            mounts.set_attributes(tree, propagation=mounts.MS_PRIVATE)
            with ctx.root.mkdirs(self.target) as target:
                mounts.move_onto(tree, target.fd)
        finally:
            os.close(tree)

    def describe(self) -> str:
        """Say it."""
        return f"share {self.target} of process {self.pid}"


def clone(flags: int, spec: Spec) -> int:
    """Return init's pid, and 0 in init, which is born into the namespaces that are its parent's.

    That is the pid namespace that the spec names: setns(2) moves only children there, and an
    ordinary user's process could not come back (EPERM). And the user namespace, with all others
    that are named: what is made new must be its own. So another child goes, and leaves its own
    child to us.
    """
    spaces = spec.linux.namespaces
    kinds = [
        kind for kind, path in spaces.items() if path and (kind == "pid" or spaces.get("user"))
    ]
    if not kinds:
        return namespaces.clone(flags)
    known = _known(spec)
    fds: dict[str, int] = {}
    read, write = os.pipe()
    try:
        for kind in kinds:
            fds[kind] = namespaces.open_path(spaces[kind], _start_ticks(spaces[kind], known))
        joiner = namespaces.clone(0)
        if joiner == 0:
            born = False
            try:
                born = _leave_child(fds, flags, write)
            finally:
                if not born:
                    os._exit(0)
            return 0
        os.close(write)
        write = -1
        answer = int(os.read(read, 20) or 0)
        os.waitpid(joiner, 0)
    finally:
        for fd in (*fds.values(), read, write):
            if fd >= 0:
                os.close(fd)
    if answer <= 0:
        raise OSError(-answer, os.strerror(-answer))
    return answer


def _leave_child(fds: Mapping[str, int], flags: int, write: int) -> bool:
    """Fork into other namespaces, with our parent as parent; return True in the child.

    Its pid, as our parent sees it, is written to a pipe, or the negative number of an error.
    """
    try:
        _join(fds)
        pid = namespaces.clone(flags | namespaces.CLONE_PARENT)
    except OSError as error:
        pid = -(error.errno or errno.EPERM)
    if pid == 0:
        return True
    os.write(write, b"%d" % pid)
    return False


def _join(fds: Mapping[str, int]) -> None:
    """Join namespaces: first those that the machine's root may, the user's, then those of its own.

    As runc does: one may belong to either.
    """
    later = []
    for kind, fd in fds.items():
        try:
            if kind != "user":
                namespaces.setns(fd, namespaces.FLAGS[kind])
        except PermissionError:
            later.append(kind)
    if "user" not in fds:
        if later:
            raise PermissionError(errno.EPERM, os.strerror(errno.EPERM))
        return
    namespaces.setns(fds["user"], namespaces.FLAGS["user"])
    with suppress(PermissionError):  # denied for good where only the own id is mapped
        os.setgroups([])
    # not dumpable again afterwards: who lives there must not look into what is the machine's yet
    os.setresgid(0, 0, 0)
    os.setresuid(0, 0, 0)
    for kind in later:
        namespaces.setns(fds[kind], namespaces.FLAGS[kind])
