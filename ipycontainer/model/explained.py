"""A step of a start as it is told to who wants to see one."""

from __future__ import annotations

from dataclasses import dataclass

__all__ = ["ExplainedStep"]


@dataclass(frozen=True, slots=True)
class ExplainedStep:
    """One step: who does `what`, by which system `calls`, and `why`.

    `who` is engine, monitor or init. `ahead`: it was done before anybody asked for the container.
    `start_ns` counts from the engine's first word of the start, `duration_ns` is what the step
    took, both in nanoseconds; None where it has not run, or where that is not known. `error` tells
    why this step failed, and the start with it; empty for all others.
    """

    who: str
    what: str
    calls: str
    why: str
    ahead: bool = False
    start_ns: int | None = None
    duration_ns: int | None = None
    error: str = ""
