"""Steps about the process and its namespaces, before any mount.

Order and errors: runc's nsexec.c and crun's container.c agree on it. Imports linux and steps only.
"""

from __future__ import annotations

import errno
import os
import resource
from dataclasses import dataclass

from ipycontainer.errors import StepFailed
from ipycontainer.linux import links, namespaces, oom, syscalls
from ipycontainer.linux.cgroups import Cgroup
from ipycontainer.model.oci import Rlimit
from ipycontainer.runtime import defaults
from ipycontainer.runtime.steps import Context, go_words

__all__ = [
    "RLIMITS",
    "AwaitParent",
    "BecomeRoot",
    "DieWithParent",
    "HideFromTracers",
    "JoinNamespace",
    "LoopbackUp",
    "NewSessionKeyring",
    "SetDomainname",
    "SetHostname",
    "SetOomScoreAdj",
    "SetRlimit",
    "SetSysctl",
    "TellParent",
    "UnshareCgroup",
]

# asm-generic/resource.h; Python's module lacks RLIMIT_LOCKS
RLIMITS = {
    name: number
    for number, name in enumerate(
        "RLIMIT_CPU RLIMIT_FSIZE RLIMIT_DATA RLIMIT_STACK RLIMIT_CORE RLIMIT_RSS RLIMIT_NPROC "
        "RLIMIT_NOFILE RLIMIT_MEMLOCK RLIMIT_AS RLIMIT_LOCKS RLIMIT_SIGPENDING RLIMIT_MSGQUEUE "
        "RLIMIT_NICE RLIMIT_RTPRIO RLIMIT_RTTIME".split()
    )
}

PR_SET_PDEATHSIG = 1  # linux/prctl.h
PR_SET_DUMPABLE = 4
SIGKILL = 9
PROC_SUPER_MAGIC = 0x9FA0  # linux/magic.h


@dataclass(frozen=True, slots=True)
class DieWithParent:
    """Be killed when the parent ends. The kernel forgets it at a change of ids: set again then."""

    def execute(self, ctx: Context) -> None:
        """Set the parent death signal."""
        syscalls.prctl(PR_SET_PDEATHSIG, SIGKILL)

    def describe(self) -> str:
        """Say it."""
        return "die with the parent"


@dataclass(frozen=True, slots=True)
class HideFromTracers:
    """Be no process that others may trace, or look into by /proc, until the program is there.

    A half-built init still has the engine's memory and fds, and in a shared pid namespace it has
    neighbours (CVE-2016-9962). execve(2) ends it. After the id maps: their writer needs to look in.
    """

    def execute(self, ctx: Context) -> None:
        """Clear the dumpable flag."""
        syscalls.prctl(PR_SET_DUMPABLE, 0)

    def describe(self) -> str:
        """Say it."""
        return "hide from tracers"


@dataclass(frozen=True, slots=True)
class NewSessionKeyring:
    """Join a new session keyring, so that the container shares no keys with its caller.

    Missing support (ENOSYS) is nothing to lose; inside another engine's container its filter
    refuses (EPERM), which is worth a warning.
    """

    name: str

    def execute(self, ctx: Context) -> None:
        """Join it."""
        try:
            syscalls.join_session_keyring(self.name)
        except OSError as error:
            if error.errno in (errno.EPERM, errno.EDQUOT):
                ctx.warnings.append(
                    "No session keyring of its own: the container shares the host's keys."
                )
            elif error.errno != errno.ENOSYS:
                raise

    def describe(self) -> str:
        """Say it."""
        return f"join new session keyring {self.name[:12]}"


@dataclass(frozen=True, slots=True)
class SetOomScoreAdj:
    """Say how readily the kernel kills this process when memory runs out.

    Below what it was given, only CAP_SYS_RESOURCE of the machine may go. `clamp` then leaves it
    there with podman's word for it; without, it is an error, as runc's.
    """

    value: int
    clamp: bool

    def execute(self, ctx: Context) -> None:
        """Write it."""
        try:
            oom.set_own_score(self.value)
        except PermissionError:
            if not self.clamp:
                raise
            ctx.warnings.append(
                f"Requested oom_score_adj={self.value} is lower than the current one, "
                f"changing to {oom.own_score()}"
            )

    def describe(self) -> str:
        """Say it."""
        return f"set oom_score_adj to {self.value}"


@dataclass(frozen=True, slots=True)
class SetRlimit:
    """Set a resource limit.

    Root may lack CAP_SYS_RESOURCE, and in a user namespace nobody can raise a hard limit (EPERM).
    Then a default becomes the own hard one; what somebody asked for is an error, in runc's words.
    """

    limit: Rlimit

    def execute(self, ctx: Context) -> None:
        """Set it."""
        kind = RLIMITS[self.limit.type]
        soft, hard = self.limit.soft, self.limit.hard
        try:
            resource.setrlimit(kind, (soft, hard))
        except (PermissionError, ValueError) as error:  # Python says ValueError for some EPERM
            if self.limit not in defaults.RLIMITS:
                raise StepFailed(
                    "error during container init: error setting rlimits for ready process: "
                    f"error setting rlimit type {kind}: operation not permitted",
                    step=self.describe(),
                    errno=errno.EPERM,
                ) from error
            _, own = resource.getrlimit(kind)
            hard = own if hard == resource.RLIM_INFINITY else min(hard, own)
            soft = hard if soft == resource.RLIM_INFINITY else min(soft, hard)
            resource.setrlimit(kind, (soft, hard))

    def describe(self) -> str:
        """Say it."""
        return f"set {self.limit.type} to {self.limit.soft}:{self.limit.hard}"


@dataclass(frozen=True, slots=True)
class JoinNamespace:
    """Join the namespace that a path names; it must be that of the process begun at `ticks`."""

    kind: str
    path: str
    ticks: int = 0

    def execute(self, ctx: Context) -> None:
        """Open and join it."""
        fd = namespaces.open_path(self.path, self.ticks)
        try:
            namespaces.setns(fd, namespaces.FLAGS[self.kind])
        finally:
            os.close(fd)

    def describe(self) -> str:
        """Say it."""
        return f"join {self.kind} namespace {self.path}"


@dataclass(frozen=True, slots=True)
class JoinCgroup:
    """Move into the container's cgroup, while its paths are still seen.

    init does it for itself: that is what the kernel has a fast way for (Cgroup.join).
    """

    cgroup: Cgroup

    def execute(self, ctx: Context) -> None:
        """Write to each controller's directory."""
        self.cgroup.join()

    def describe(self) -> str:
        """Say which one."""
        return f"join cgroup {next(iter(self.cgroup.directories.values()))} and its kin"


@dataclass(frozen=True, slots=True)
class AwaitParent:
    """Wait for the parent's word: it puts this process into its cgroup, or writes its id maps."""

    reason: str

    def execute(self, ctx: Context) -> None:
        """Read one message; none means that the parent is gone."""
        if not os.read(ctx.sync, 1):
            raise StepFailed("the parent ended during the start", step=self.describe())

    def describe(self) -> str:
        """Say it."""
        return f"wait until the parent has {self.reason}"


@dataclass(frozen=True, slots=True)
class TellParent:
    """Tell the parent that the device nodes stand: it may now limit devices, mknod(2) included."""

    def execute(self, ctx: Context) -> None:
        """Send one message."""
        os.write(ctx.sync, b"devices")

    def describe(self) -> str:
        """Say it."""
        return "tell the parent that the devices are made"


@dataclass(frozen=True, slots=True)
class BecomeRoot:
    """Become root of the user namespace that has just got its maps (before: EINVAL)."""

    def execute(self, ctx: Context) -> None:
        """Take ids 0."""
        os.setresgid(0, 0, 0)
        os.setresuid(0, 0, 0)
        try:
            os.setgroups([])
        except PermissionError:  # only the own id is mapped: setgroups(2) is denied for good
            pass

    def describe(self) -> str:
        """Say it."""
        return "become root of the user namespace"


@dataclass(frozen=True, slots=True)
class UnshareCgroup:
    """Make the present cgroup the root of a new cgroup namespace.

    Only after the parent has put this process in: earlier, /proc/self/cgroup would show `/../..`.
    """

    def execute(self, ctx: Context) -> None:
        """Unshare it."""
        namespaces.unshare(namespaces.CLONE_NEWCGROUP)

    def describe(self) -> str:
        """Say it."""
        return "make a new cgroup namespace"


@dataclass(frozen=True, slots=True)
class LoopbackUp:
    """Bring up `lo` in the new network namespace."""

    def execute(self, ctx: Context) -> None:
        """Set its flag."""
        links.loopback_up()

    def describe(self) -> str:
        """Say it."""
        return "bring up lo"


@dataclass(frozen=True, slots=True)
class SetSysctl:
    """Set a kernel parameter of the new namespaces, through the host's /proc.

    Before the container's own mounts exist, so that nothing of its image can lead the write
    elsewhere (CVE-2025-52881); what is opened must lie on procfs. `path` is below /proc/sys.
    """

    key: str
    value: str
    path: str

    def execute(self, ctx: Context) -> None:
        """Write it."""
        path, verb = f"/proc/sys/{self.path}", "open"
        try:
            fd = os.open(path, os.O_WRONLY | os.O_CLOEXEC | os.O_NOFOLLOW)
            try:
                if syscalls.fstatfs_type(fd) != PROC_SUPER_MAGIC:
                    raise OSError(errno.EXDEV, "not on procfs", path)
                verb = "write"
                os.write(fd, self.value.encode())
            finally:
                os.close(fd)
        except OSError as error:  # the user's word, so in runc's
            raise StepFailed(
                f"error during container init: {verb} {path}: {go_words(error)}",
                step=self.describe(),
                errno=error.errno or 0,
            ) from error

    def describe(self) -> str:
        """Say it."""
        return f"set sysctl {self.key} to {self.value}"


@dataclass(frozen=True, slots=True)
class SetHostname:
    """Name the new UTS namespace."""

    name: str

    def execute(self, ctx: Context) -> None:
        """Set it."""
        try:
            syscalls.sethostname(self.name)
        except OSError as error:  # the user's word, so in runc's
            raise StepFailed(
                f"error during container init: sethostname: {go_words(error)}",
                step=self.describe(),
                errno=error.errno or 0,
            ) from error

    def describe(self) -> str:
        """Say it."""
        return f"set host name {self.name}"


@dataclass(frozen=True, slots=True)
class SetDomainname:
    """Set the NIS domain of the new UTS namespace."""

    name: str

    def execute(self, ctx: Context) -> None:
        """Set it."""
        syscalls.setdomainname(self.name)

    def describe(self) -> str:
        """Say it."""
        return f"set domain name {self.name}"
