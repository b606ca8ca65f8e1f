"""Steps about how the kernel runs a program: scheduling, input and output, personality.

Executed by runtime.init before the program's user is taken on: raising most of them needs
capabilities. Imports linux and steps only.
"""

from __future__ import annotations

from dataclasses import dataclass

from ipycontainer.linux import scheduling
from ipycontainer.runtime.steps import Context

__all__ = ["SetIoPriority", "SetPersonality", "SetScheduler"]


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
