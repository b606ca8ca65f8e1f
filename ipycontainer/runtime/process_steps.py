"""Steps that make init what the program shall be, inside the container's root.

Order is that of capabilities(7) and seccomp(2); what each wrong order gives stands beside the call.
Nothing is imported here once the root is the container's: its files could stand in for Python's.
Imports linux, users and steps only.
"""

from __future__ import annotations

import errno
import os
import select
import signal
import stat
from dataclasses import dataclass, replace

from ipycontainer.errors import StepFailed
from ipycontainer.linux import capabilities, syscalls
from ipycontainer.runtime import listener, refusals, users
from ipycontainer.runtime.steps import Context, Identity, go_words

__all__ = [
    "CloseFds",
    "ConnectStdio",
    "EnterWorkdir",
    "LimitPrivileges",
    "MakeWorkdir",
    "NewSession",
    "Ready",
    "ResolveUser",
    "SetAppArmor",
]

PR_SET_PDEATHSIG, SIGKILL = 1, 9  # linux/prctl.h, asm/signal.h
PR_SET_KEEPCAPS = 8
PR_SET_NO_NEW_PRIVS = 38
PROC_SUPER_MAGIC = 0x9FA0  # linux/magic.h
_NULL = os.makedev(1, 3)
_ENDING = (
    *(signal.SIGHUP, signal.SIGINT, signal.SIGQUIT, signal.SIGTERM, signal.SIGABRT),
    *(signal.SIGILL, signal.SIGBUS, signal.SIGFPE, signal.SIGSEGV, signal.SIGTRAP, signal.SIGSYS),
)


@dataclass(frozen=True, slots=True)
class NewSession:
    """Leave the caller's session: its terminal and its signals are not the container's."""

    def execute(self, ctx: Context) -> None:
        """Start a session."""
        os.setsid()

    def describe(self) -> str:
        """Say it."""
        return "start a new session"


@dataclass(frozen=True, slots=True)
class ConnectStdio:
    """Make the given fds 0, 1 and 2. The host's null device becomes the container's own."""

    def execute(self, ctx: Context) -> None:
        """Copy them, first upwards: the three may be given in any order among 0, 1 and 2."""
        given = (ctx.stdio.stdin, ctx.stdio.stdout, ctx.stdio.stderr)
        copies = [_own_null(fd) for fd in given]
        for number, copy in enumerate(copies):
            os.dup2(copy, number)
            os.close(copy)

    def describe(self) -> str:
        """Say it."""
        return "connect stdin, stdout and stderr"


def _own_null(fd: int) -> int:
    found = os.fstat(fd)
    if stat.S_ISCHR(found.st_mode) and found.st_rdev == _NULL:
        try:
            own = os.open("/dev/null", os.O_RDWR | os.O_CLOEXEC | os.O_NOFOLLOW)
        except OSError:  # a foreign bundle may have none
            own = -1
        if own >= 3 and os.fstat(own).st_rdev == _NULL:
            return own
    return _copy_above_stdio(fd)


def _copy_above_stdio(fd: int) -> int:
    low: list[int] = []
    while (copy := os.dup(fd)) < 3:  # dup(2) takes the lowest: the few below 3 are given back
        low.append(copy)
    for number in low:
        os.close(number)
    return copy


@dataclass(frozen=True, slots=True)
class CloseFds:
    """Mark every fd but 0, 1 and 2 close-on-exec, before a path of the container's is opened.

    An fd of a host directory that stays open is a way out (CVE-2024-21626). `preserved` are those
    from 3 on that the caller gives to the program (`--preserve-fds`).
    """

    preserved: int = 0

    def execute(self, ctx: Context) -> None:
        """Mark them."""
        syscalls.close_range(3 + self.preserved, cloexec=True)

    def describe(self) -> str:
        """Say it."""
        return "mark all other fds close-on-exec"


@dataclass(frozen=True, slots=True)
class ResolveUser:
    """Find out whom the program runs as.

    By `user` (`U[:G]`) in the container's own files, else the given ids.
    """

    user: str
    ids: Identity
    groups: tuple[str, ...] = ()
    want_home: bool = True

    def execute(self, ctx: Context) -> None:
        """Read passwd and group below the root, at most 1 MiB each."""
        if self.user or self.groups:
            passwd, group = _read_small(ctx, "/etc/passwd"), _read_small(ctx, "/etc/group")
            user = self.user or f"{self.ids.uid}:{self.ids.gid}"
            ctx.identity = users.lookup(user, passwd, group, self.groups)
            return
        home = (
            users.home_of(self.ids.uid, _read_small(ctx, "/etc/passwd")) if self.want_home else "/"
        )
        ctx.identity = replace(self.ids, home=home)

    def describe(self) -> str:
        """Say it."""
        return f"find user {self.user or self.ids.uid}"


def _read_small(ctx: Context, path: str) -> bytes:
    try:
        # O_NONBLOCK: an image's /etc/passwd may be a fifo
        fd = ctx.root.openat(path, os.O_RDONLY | os.O_NONBLOCK | os.O_NOCTTY)
    except OSError:
        return b""
    try:
        found = os.fstat(fd)
        if not stat.S_ISREG(found.st_mode):
            return b""
        return os.read(fd, min(found.st_size, users.READ_LIMIT_BYTES))
    finally:
        os.close(fd)


@dataclass(frozen=True, slots=True)
class MakeWorkdir:
    """Make the working directory where the image has none, before the root may become read-only."""

    path: str

    def execute(self, ctx: Context) -> None:
        """Make it with its parents, 0755."""
        ctx.root.mkdirs(self.path).close()

    def describe(self) -> str:
        """Say it."""
        return f"make working directory {self.path}"

    def refusal(self, error: OSError) -> str:
        """Say why it could not be made as runc says it."""
        return refusals.of_directory(self.path, error)


@dataclass(frozen=True, slots=True)
class EnterWorkdir:
    """Change to the working directory, and see that it lies inside the root.

    By openat2, without magic links: `-w /proc/self/fd/7` must not lead to a host directory whose fd
    leaked (CVE-2024-21626); getcwd(2) then has to give an absolute path.
    """

    path: str

    def execute(self, ctx: Context) -> None:
        """Enter it."""
        try:
            with ctx.root.sub(self.path) as directory:
                os.fchdir(directory.fd)
        except OSError as error:
            raise StepFailed(
                f'chdir to cwd ("{self.path}") set in config.json failed: {go_words(error)}',
                step=self.describe(),
                errno=error.errno or 0,
            ) from error
        if not os.getcwd().startswith("/"):
            raise OSError(errno.ENOENT, "current working directory is outside of container root")

    def describe(self) -> str:
        """Say it."""
        return f"enter working directory {self.path}"


@dataclass(frozen=True, slots=True)
class ResetSignals:
    """Let every signal do what it does by itself: Python ignores some, and a child would, too."""

    def execute(self, ctx: Context) -> None:
        """Set each."""
        for number in range(1, 65):
            syscalls.set_signal_default(number)

    def describe(self) -> str:
        """Say it."""
        return "let all signals do what they do by themselves"


@dataclass(frozen=True, slots=True)
class FilterSystemCalls:
    """Have the kernel refuse the system calls that the filter does not let through.

    As long as there is CAP_SYS_ADMIN: later it takes no_new_privs (EACCES), which not everybody
    wants.
    """

    def execute(self, ctx: Context) -> None:
        """Install the filter, where there is one."""
        if ctx.seccomp is not None:
            listener.install(ctx.seccomp, ctx)

    def describe(self) -> str:
        """Say it."""
        return "install the system call filter"


@dataclass(frozen=True, slots=True)
class LimitPrivileges:
    """Take on the program's user, capabilities and system call filter.

    The bounding set goes while CAP_SETPCAP is there (later: EPERM); groups before the user (later:
    EPERM); capset under KEEPCAPS (without: EPERM). With no_new_privs the filter comes last. Masks
    are of capability bits.
    """

    bounding: int
    effective: int
    permitted: int
    inheritable: int
    ambient: int
    no_new_privileges: bool
    umask: int
    die_with_parent: bool = True

    def execute(self, ctx: Context) -> None:
        """Drop them in that order."""
        identity = ctx.identity
        _hand_over_stdio(identity.uid)
        os.umask(self.umask)
        capabilities.drop_bounding(self.bounding)
        syscalls.prctl(PR_SET_KEEPCAPS, 1)
        try:
            os.setgroups(identity.groups)
        except PermissionError:
            # a user namespace with one id denies setgroups(2); nothing is lost with no further
            # group
            if identity.groups not in ((), (identity.gid,)):
                raise
        os.setresgid(identity.gid, identity.gid, identity.gid)
        os.setresuid(identity.uid, identity.uid, identity.uid)
        capabilities.set_sets(self.effective, self.permitted, self.inheritable)
        capabilities.set_ambient(self.ambient)
        if self.no_new_privileges:
            syscalls.prctl(PR_SET_NO_NEW_PRIVS, 1)
        if self.die_with_parent:
            syscalls.prctl(PR_SET_PDEATHSIG, SIGKILL)  # forgotten at the change of ids
            _check_parent(ctx.sync)
        if ctx.seccomp is not None and self.no_new_privileges:
            listener.install(ctx.seccomp, ctx)

    def describe(self) -> str:
        """Say it."""
        count = self.bounding.bit_count()
        also = " and the system call filter" if self.no_new_privileges else ""
        return f"take on the user, {count} capabilities{also}"


def _check_parent(sync: int) -> None:
    """See that the parent did not end before its death signal was set.

    By the socket, since getppid(2) is 0 in a pid namespace of one's own, whoever the parent is.
    """
    poll = select.poll()
    poll.register(sync, 0)
    if poll.poll(0):  # POLLHUP and POLLERR come unasked: nobody holds the other end
        raise StepFailed("the parent ended during the start", step="die with the parent")


def _hand_over_stdio(uid: int) -> None:
    """Give pipes to the program's user: /dev/stdout can be opened by its owner only.

    Other files stay as they are, for they may be the caller's terminal or its own file.
    """
    for fd in (0, 1, 2):
        found = os.fstat(fd)
        if found.st_uid != uid and (stat.S_ISFIFO(found.st_mode) or stat.S_ISSOCK(found.st_mode)):
            try:
                os.fchown(fd, uid, -1)
            except OSError as error:
                if error.errno not in (errno.EPERM, errno.EROFS, errno.EINVAL):
                    raise


@dataclass(frozen=True, slots=True)
class SetAppArmor:
    """Have the kernel confine the program by an AppArmor profile, from its execve(2) on.

    The file must be procfs' own: another, mounted over it, would take the word and do nothing
    (CVE-2019-16884).
    """

    profile: str

    def execute(self, ctx: Context) -> None:
        """Name it for the next execve(2)."""
        try:
            fd = os.open("/proc/self/attr/apparmor/exec", os.O_WRONLY | os.O_CLOEXEC)
        except FileNotFoundError:  # before Linux 5.8 there is the file of the first module alone
            fd = os.open("/proc/self/attr/exec", os.O_WRONLY | os.O_CLOEXEC)
        try:
            if syscalls.fstatfs_type(fd) != PROC_SUPER_MAGIC:
                raise OSError(errno.EXDEV, "not on procfs")
            os.write(fd, f"exec {self.profile}".encode())
        except OSError as error:
            raise StepFailed(
                "error during container init: unable to apply apparmor profile: apparmor failed "
                f"to apply profile: write /proc/self/attr/apparmor/exec: {go_words(error)}",
                step=self.describe(),
                errno=error.errno or 0,
            ) from error
        finally:
            os.close(fd)

    def describe(self) -> str:
        """Say it."""
        return f"take on AppArmor profile {self.profile}"


@dataclass(frozen=True, slots=True)
class Ready:
    """Tell the parent that all is made; wait for its word if it holds us."""

    wait: bool

    def execute(self, ctx: Context) -> None:
        """Send one message: the count of times, the times (int64), and a line for each warning."""
        text = "\n".join(ctx.warnings).encode()
        os.write(
            ctx.sync, b"ready" + len(ctx.times).to_bytes(2, "little") + ctx.times.tobytes() + text
        )
        if ctx.practice is not None:
            ctx.practice.note()
        if self.wait:
            _let_be_ended()
        if self.wait and not os.read(ctx.hold, 1):
            raise StepFailed("nobody is left to say when to start", step=self.describe())

    def describe(self) -> str:
        """Say it."""
        return "wait for the word to start" if self.wait else "report the steps"


def _let_be_ended() -> None:
    """Have what ends other processes end this one, too, until it becomes the program.

    The kernel keeps it from the first process of a pid namespace (pid_namespaces(7)), and a start
    blocks all signals; runc's init dies of these while it waits.
    """
    for number in _ENDING:
        if signal.getsignal(number) != signal.SIG_IGN:
            signal.signal(number, lambda got, _: os._exit(128 + got))
    signal.pthread_sigmask(signal.SIG_UNBLOCK, _ENDING)
