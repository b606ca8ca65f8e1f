"""The runner: times, and the text of a failure."""

from __future__ import annotations

import errno
from dataclasses import dataclass

import pytest

from ipycontainer.errors import CommandNotFound, EngineError, StepFailed
from ipycontainer.runtime import steps
from ipycontainer.runtime.steps import Context, Stdio


@dataclass(frozen=True)
class Say:
    """A step that raises what it was given."""

    error: Exception | None = None

    def execute(self, ctx: Context) -> None:
        """Raise it."""
        if self.error:
            raise self.error

    def describe(self) -> str:
        """Say it."""
        return "bind /a on /b"


def _context() -> Context:
    return Context(-1, Stdio(0, 1, 2), None)


def test_each_step_has_a_time() -> None:
    """Nanoseconds, in the order of the steps."""
    ctx = _context()
    steps.run((Say(), Say()), ctx)

    assert len(ctx.times) == 2
    assert min(ctx.times) >= 0


@pytest.mark.parametrize(
    ("error", "message"),
    [
        (OSError(errno.ENOENT, "No such file or directory"), "ENOENT: No such file or directory"),
        (OSError(errno.EPERM, "no", "/a"), "EPERM: no"),
        (OSError(errno.EPERM, "no", "/c"), "EPERM: no (/c)"),
        (OSError(errno.EPERM, "no", b"/c"), "EPERM: no (/c)"),
        (ValueError("odd"), "odd"),
    ],
)
def test_a_failure_names_step_errno_and_path(error: Exception, message: str) -> None:
    """A path that the step names already is not said twice."""
    with pytest.raises(StepFailed) as caught:
        steps.run((Say(error),), _context())

    assert caught.value.message == f"bind /a on /b: {message}"
    assert caught.value.step == "bind /a on /b"
    assert caught.value.errno == (error.errno if isinstance(error, OSError) else 0)


def test_dockers_words_pass_unchanged() -> None:
    """An error that a step words itself is not wrapped."""
    error: EngineError = CommandNotFound("exec: nope")

    with pytest.raises(CommandNotFound) as caught:
        steps.run((Say(error),), _context())
    assert caught.value is error
