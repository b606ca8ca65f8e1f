"""What a start is made of: the step, the state that steps share, and the runner.

Planned by runtime.plan, executed by runtime.init inside the new namespaces. Steps are frozen
records with `execute` and `describe`; none of them catches, logs or times anything: the runner
does. Imports linux and model only: all of this is loaded before the fork.
"""

from __future__ import annotations

import errno
import os
import time
from array import array
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Protocol

from ipycontainer import faults
from ipycontainer.errors import EngineError, StepFailed
from ipycontainer.linux.dirfd import DirFd
from ipycontainer.linux.syscalls import SECCOMP_FILTER_FLAG_SPEC_ALLOW
from ipycontainer.runtime.practice import Practice

__all__ = ["Context", "Identity", "Stdio", "Step", "failure", "go_words", "run"]


@dataclass(frozen=True, slots=True)
class Stdio:
    """The three fds that become 0, 1 and 2 of the program. They stay the caller's to close."""

    stdin: int
    stdout: int
    stderr: int


@dataclass(frozen=True, slots=True)
class Identity:
    """Whom a program runs as. `groups` are the supplementary ones, the primary among them."""

    uid: int
    gid: int
    groups: tuple[int, ...]
    home: str


class Context:
    """What the steps of one start hand to each other. Lives in init only.

    `root` is the container's root directory, first as a mount beside the host's, after the pivot as
    `/`. `shared` are clones by source that were made before mounts became slaves, `mapped` those
    that the parent made, in the order in which they are attached; `trees` is a
    directory with file systems that were mounted ahead. `sync` is the fd of the parent's socket;
    `hold` one to wait on before execve, -1 for none. `times` are nanoseconds: what each step took
    that was done ahead, the moment at which init began with its plan (the monotonic clock's), and
    what each of those steps took. `practice` is told which pages all this has written to.
    """

    __slots__ = (
        "command",
        "hold",
        "identity",
        "mapped",
        "practice",
        "root",
        "seccomp",
        "seccomp_flags",
        "shared",
        "stdio",
        "sync",
        "times",
        "trees",
        "warnings",
    )

    def __init__(self, sync: int, stdio: Stdio, seccomp: bytes | None, hold: int = -1) -> None:
        self.sync = sync
        self.stdio = stdio
        self.seccomp = seccomp
        self.seccomp_flags = SECCOMP_FILTER_FLAG_SPEC_ALLOW
        self.hold = hold
        self.root = DirFd(-1)
        self.trees = DirFd(-1)
        self.identity = Identity(0, 0, (0,), "/")
        self.command = ""
        self.shared: dict[str, int] = {}
        self.mapped: list[int] = []
        self.times = array("q")
        self.warnings: list[str] = []
        self.practice: Practice | None = None


class Step(Protocol):
    """One operation of a start.

    One whose failure runc has words for, which docker prints, has `refusal(error)` besides: it
    returns them, or "" where there are none.
    """

    def execute(self, ctx: Context) -> None:
        """Do it. Raises OSError with the kernel's answer, or an EngineError with docker's words."""

    def describe(self) -> str:
        """Say it in a few words, for errors and for those who want to see a start."""


def run(steps: Sequence[Step], ctx: Context) -> None:
    """Execute steps in order and note the nanoseconds that each took in `ctx.times`.

    Raises StepFailed, or the EngineError that a step raised itself.
    """
    clock = time.perf_counter_ns
    before = clock()
    for step in steps:
        try:
            faults.point("step")
            step.execute(ctx)
        except EngineError:
            raise
        except (OSError, ValueError) as error:
            raise failure(step, error) from error
        after = clock()
        ctx.times.append(after - before)
        before = after


def failure(step: Step, error: OSError | ValueError) -> StepFailed:
    """Return the error of a step, as `<what it does>: <errno's name>: <message>`.

    Where runc has words for it, they are the message: `step` says then what was done.
    """
    text = step.describe()
    if not isinstance(error, OSError):
        return StepFailed(f"{text}: {error}", step=text)
    number = error.errno or 0
    message = error.strerror or str(error)
    name = error.filename
    if name is not None and os.fsdecode(name) not in text:
        message = f"{message} ({os.fsdecode(name)})"
    # not by isinstance: of a protocol that asks `inspect`, which a sealed interpreter cannot import
    refusal: Callable[[OSError], str] | None = getattr(step, "refusal", None)
    if words := refusal(error) if refusal else "":
        return StepFailed(words, hint=_HINTS.get(number, ""), step=text, errno=number)
    return StepFailed(
        f"{text}: {errno.errorcode.get(number, 'error')}: {message}",
        hint=_HINTS.get(number, ""),
        step=text,
        errno=number,
    )


_HINTS = {
    errno.ENOSPC: "the disk is full, or a limit of user.max_*_namespaces (sysctl) is reached",
    errno.EMFILE: "raise the limit of open files (ulimit -n)",
    errno.ENOSYS: "the kernel is too old: Linux 5.12 or later is needed",
}


def go_words(error: OSError) -> str:
    """Return the kernel's answer as Go writes it, in lower case."""
    return os.strerror(error.errno or 0).lower()
