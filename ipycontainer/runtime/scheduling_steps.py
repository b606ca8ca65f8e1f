"""Steps about how the kernel runs a program: scheduling, input and output, memory, personality.

Executed by runtime.init before the program's user is taken on: raising most of them needs
capabilities. Imports linux, model and steps only.
"""

from __future__ import annotations

import os
from dataclasses import dataclass

from ipycontainer.errors import InvalidArgument
from ipycontainer.linux import memory_policy, scheduling
from ipycontainer.model.number_lists import numbers
from ipycontainer.model.oci import ExecAffinity, MemoryPolicy, Process, Scheduler, Spec
from ipycontainer.runtime.steps import Context, Step

__all__ = [
    "SetAffinity",
    "SetIoPriority",
    "SetMemoryPolicy",
    "SetPersonality",
    "SetScheduler",
    "affinity",
    "scheduling_of",
]

_MOST = 8191  # the largest NR_CPUS of any kernel (arch/x86/Kconfig), less one


def scheduling_of(spec: Spec, process: Process) -> list[Step]:
    """Return the steps that a process wants. Raises InvalidArgument for words that do not exist."""
    steps: list[Step] = []
    if process.scheduler is not None:
        steps.append(SetScheduler(_attributes(process.scheduler)))
    if process.io_priority is not None:
        kind, priority = process.io_priority
        if kind not in scheduling.IO_CLASSES or priority not in range(8):
            raise InvalidArgument(f"invalid ioPriority: {kind} {priority}")
        steps.append(SetIoPriority(kind, priority))
    if spec.linux.memory_policy is not None:
        steps.append(_policy(spec.linux.memory_policy))
    if domain := spec.linux.personality:
        if domain not in scheduling.PERSONALITIES:
            raise InvalidArgument(f"invalid personality domain: {domain}")
        steps.append(SetPersonality(domain))
    return steps


def affinity(wanted: ExecAffinity) -> tuple[tuple[Step, ...], tuple[Step, ...]]:
    """Return the steps before an executed program is in the cgroup, and those behind that.

    Raises InvalidArgument for what is no list of processors.
    """
    initial, final = (
        (SetAffinity(found),) if (found := _numbers(text, f"{when} CPU affinity")) else ()
        for when, text in (("initial", wanted.initial), ("final", wanted.final))
    )
    return initial, final


def _numbers(text: str, what: str) -> frozenset[int]:
    """Return what a list names, in which blanks may stand. InvalidArgument for what is none."""
    try:
        found = numbers(text.replace(" ", ""))
    except ValueError as error:
        raise InvalidArgument(f"{what}: {error}") from None
    if max(found, default=0) > _MOST:
        raise InvalidArgument(f"{what}: {max(found)} is more than {_MOST}")
    return found


def _attributes(wanted: Scheduler) -> scheduling.Attributes:
    if wanted.policy not in scheduling.POLICIES:
        raise InvalidArgument(f"invalid scheduler policy: {wanted.policy}")
    unknown = [flag for flag in wanted.flags if flag not in scheduling.FLAGS]
    if unknown:
        raise InvalidArgument(f"invalid scheduler flag: {unknown[0]}")
    return scheduling.Attributes(
        wanted.policy,
        wanted.nice,
        wanted.priority,
        sum(scheduling.FLAGS[flag] for flag in set(wanted.flags)),
        wanted.runtime,
        wanted.deadline,
        wanted.period,
    )


def _policy(wanted: MemoryPolicy) -> SetMemoryPolicy:
    if wanted.mode not in memory_policy.MODES:
        raise InvalidArgument(f"invalid memory policy mode: {wanted.mode!r}")
    if unknown := [flag for flag in wanted.flags if flag not in memory_policy.FLAGS]:
        raise InvalidArgument(f"invalid memory policy flag: {unknown[0]!r}")
    return SetMemoryPolicy(wanted.mode, _numbers(wanted.nodes, "memory policy nodes"), wanted.flags)


@dataclass(frozen=True, slots=True)
class SetScheduler:
    """Set the scheduling policy (sched_setattr(2))."""

    attributes: scheduling.Attributes

    def execute(self, ctx: Context) -> None:
        """Set it."""
        scheduling.set_attributes(self.attributes)

    def describe(self) -> str:
        """Say it."""
        return f"set scheduling policy {self.attributes.policy}"


@dataclass(frozen=True, slots=True)
class SetIoPriority:
    """Set class and priority of input and output (ioprio_set(2))."""

    kind: str
    priority: int

    def execute(self, ctx: Context) -> None:
        """Set it."""
        scheduling.set_io_priority(self.kind, self.priority)

    def describe(self) -> str:
        """Say it."""
        return f"set I/O priority {self.kind} {self.priority}"


@dataclass(frozen=True, slots=True)
class SetPersonality:
    """Set the execution domain (personality(2)): LINUX, or LINUX32 for a 32-bit machine's name."""

    domain: str

    def execute(self, ctx: Context) -> None:
        """Set it."""
        scheduling.set_personality(scheduling.PERSONALITIES[self.domain])

    def describe(self) -> str:
        """Say it."""
        return f"set personality {self.domain}"


@dataclass(frozen=True, slots=True)
class SetMemoryPolicy:
    """Say from which memory nodes pages come (set_mempolicy(2))."""

    mode: str
    nodes: frozenset[int]
    flags: tuple[str, ...]

    def execute(self, ctx: Context) -> None:
        """Set it."""
        memory_policy.set_memory_policy(self.mode, self.nodes, self.flags)

    def describe(self) -> str:
        """Say it."""
        return f"set memory policy {self.mode}"


@dataclass(frozen=True, slots=True)
class SetAffinity:
    """Say on which processors this process may run (sched_setaffinity(2))."""

    processors: frozenset[int]

    def execute(self, ctx: Context) -> None:
        """Set it."""
        os.sched_setaffinity(0, self.processors)

    def describe(self) -> str:
        """Say it."""
        return f"run on processors {sorted(self.processors)}"
