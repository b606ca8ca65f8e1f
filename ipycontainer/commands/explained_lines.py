"""The steps of a start as lines of text: when, how long, who, what, and below it why."""

from __future__ import annotations

from collections.abc import Iterator

from ipycontainer.commands.records import Explained
from ipycontainer.model.explained import ExplainedStep

__all__ = ["explained_lines"]

_INDENT = " " * 30


def explained_lines(outcome: Explained) -> Iterator[str]:
    """Yield the lines: two a step, one more for a failure, and last the time of all."""
    yield f"{'AT':>9}  {'TOOK':>9}  {'WHO':8}STEP"
    for step in outcome.steps:
        at = "ahead" if step.ahead else _milliseconds(step.start_ns)
        yield f"{at:>9}  {_milliseconds(step.duration_ns):>9}  {step.who:8}{step.what}"
        yield f"{_INDENT}{step.calls}: {step.why}"
        if step.error:
            yield f"{_INDENT}FAILED: {step.error}"
    ends = [_end(step) for step in outcome.steps if step.start_ns is not None]
    if any(step.error for step in outcome.steps):
        yield f"{_milliseconds(max(ends))} from the engine's first word to the failure."
    elif ends:
        yield f"{_milliseconds(max(ends))} from the engine's first word to the last of these."
    else:
        yield f"{len(outcome.steps)} steps, none of them done: run without --explain does them."


def _end(step: ExplainedStep) -> int:
    return (step.start_ns or 0) + (step.duration_ns or 0)


def _milliseconds(nanoseconds: int | None) -> str:
    return "" if nanoseconds is None else f"{nanoseconds / 1e6:.3f} ms"
