"""The life of a container's first process, from clone(2) to execve(2), and of a joiner.

Runs in a copy of the caller with one thread and all signals blocked. It never returns: it becomes
the program, or tells the parent why not and ends. Everything is imported by now; nothing may be
later.
"""

from __future__ import annotations

import json
import os
import time
from collections.abc import Sequence
from typing import NoReturn

from ipycontainer.errors import EngineError, StepFailed, from_wire
from ipycontainer.runtime import steps
from ipycontainer.runtime.steps import Context, Step

__all__ = ["FAILED", "failure_of", "live", "tell", "times_of"]

FAILED = b"failed"


def live(plan: Sequence[Step], ctx: Context) -> NoReturn:
    """Execute the steps; on an error send it to the parent as JSON behind `failed`, and exit."""
    code = 255
    try:
        os.umask(0)  # directories and nodes get the modes that they are given
        ctx.times.append(time.perf_counter_ns())
        steps.run(plan, ctx)
    except EngineError as error:
        code = tell(ctx, error)
    except BaseException as error:  # noqa: BLE001 - a fork must not unwind into the caller's code
        code = tell(ctx, StepFailed(f"{type(error).__name__}: {error}"))
    finally:
        os._exit(code)


def times_of(message: bytes) -> list[int]:
    """Return the nanoseconds of the steps before the failure, from a `failed` message."""
    found: list[int] = json.loads(message[len(FAILED) :])["times"]
    return found


def failure_of(message: bytes) -> EngineError:
    """Return the error that a `failed` message carries."""
    return from_wire(json.loads(message[len(FAILED) :]))


def tell(ctx: Context, error: EngineError) -> int:
    """Send an error to the parent and return the exit code that goes with it."""
    raw = FAILED + json.dumps({**error.to_wire(), "times": ctx.times.tolist()}).encode()
    try:
        os.write(ctx.sync, raw[:60000])
    except OSError:
        # the parent has what it waited for (`hold`): the program's own stderr is all that is left
        try:
            os.write(2, f"{error.message}\n".encode())
        except OSError:
            pass
    return error.run_code if error.run_code != 125 else 1
