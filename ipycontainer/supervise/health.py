"""Health checks of one container: run by its monitor, in time, and told where they change.

Rules and words are docker's (moby `daemon/health.go`): the last five results are kept, a failure
counts once the start period is over or a check has succeeded. Results stand in `health.json` in the
container's directory, for `inspect` and `ps`.
"""

from __future__ import annotations

import json
import os
import signal
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ipycontainer.errors import EngineError
from ipycontainer.linux import pidfd
from ipycontainer.model.health import HEALTH_FILE, STARTING, Healthcheck, go_duration
from ipycontainer.runtime.launch import Launched, Stdio
from ipycontainer.supervise.container_record import Record
from ipycontainer.supervise.loop import READ, Loop
from ipycontainer.supervise.processes import open_null, reap

__all__ = ["Health"]

KEPT_RESULTS = 5
OUTPUT_BYTES = 4096
NOT_RUN = -1  # docker's code of a check that was given up or could not begin
HEALTHY, UNHEALTHY = "healthy", "unhealthy"


@dataclass(slots=True)
class _Running:
    """A check that runs."""

    program: Launched
    output: int
    begun_ns: int
    printed: bytes = b""
    timed_out: bool = False
    exec_id: str = ""


class Health:
    """The checks of one run of a container.

    `execute` starts a command in it with the given streams; `record` is told of each check, as of
    an exec, and of each new status; `is_paused` says whether nothing can run now.
    """

    def __init__(
        self,
        loop: Loop,
        directory: Path,
        check: Healthcheck,
        execute: Callable[[tuple[str, ...], Stdio], Launched],
        record: Record,
        is_paused: Callable[[], bool],
    ) -> None:
        self._loop = loop
        self._file = directory / HEALTH_FILE
        self._check = check.with_defaults()
        self._execute = execute
        self._record = record
        self._is_paused = is_paused
        self._began_ns = time.time_ns()
        self._running: _Running | None = None
        self._status = STARTING
        self._streak = 0
        self._results: list[dict[str, Any]] = []
        self._write()
        self._schedule()

    def end(self) -> None:
        """Stop checking: the container has ended."""
        self._loop.cancel("health")
        self._loop.cancel("health timeout")
        if self._running is not None:
            self._forget(self._running)
        if self._status != UNHEALTHY:
            self._status = UNHEALTHY
            self._streak = 0
        self._write()

    def _schedule(self) -> None:
        check = self._check
        is_starting = self._status == STARTING and self._since_start_ns() < check.start_period_ns
        pause = check.start_interval_ns if is_starting else check.interval_ns
        self._loop.at("health", pause / 1e9, self._begin)

    def _since_start_ns(self) -> int:
        return time.time_ns() - self._began_ns

    def _begin(self) -> None:
        if self._is_paused():
            self._schedule()
            return
        null = open_null()
        reader, writer = os.pipe()
        os.set_blocking(reader, False)
        begun = time.time_ns()
        exec_id = os.urandom(32).hex()
        try:
            program = self._execute(self._check.command, Stdio(null, writer, writer))
        except EngineError as error:
            self._record.could_not_execute(exec_id, " ".join(self._check.command))
            os.close(reader)
            self._take(begun, NOT_RUN, error.message)
            return
        finally:
            os.close(null)
            os.close(writer)
        running = self._running = _Running(program, reader, begun, exec_id=exec_id)
        self._record.executes(exec_id, " ".join(self._check.command))
        self._loop.watch(reader, READ, lambda: self._read(running))
        self._loop.watch(program.pidfd, READ, lambda: self._ended(running))
        self._loop.at("health timeout", self._check.timeout_ns / 1e9, lambda: self._kill(running))

    def _read(self, running: _Running) -> bool:
        """Keep what a check prints, up to a bound; what is beyond is read and dropped."""
        try:
            data = os.read(running.output, 65536)
        except BlockingIOError:
            return False
        if not data:
            self._loop.forget(running.output)
            return False
        running.printed += data[: OUTPUT_BYTES - len(running.printed)]
        return True

    def _kill(self, running: _Running) -> None:
        running.timed_out = True
        with suppress(ProcessLookupError):
            pidfd.send_signal(running.program.pidfd, signal.SIGKILL)

    def _ended(self, running: _Running) -> None:
        self._loop.cancel("health timeout")
        while self._read(running):
            pass
        code = self._forget(running)
        if running.timed_out:
            limit = go_duration(self._check.timeout_ns)
            self._take(running.begun_ns, NOT_RUN, f"Health check exceeded timeout ({limit})")
        else:
            self._take(running.begun_ns, code, running.printed.decode(errors="replace"))

    def _forget(self, running: _Running) -> int:
        self._running = None
        for fd in (running.output, running.program.pidfd):
            self._loop.forget(fd)
            os.close(fd)
        code = reap(running.program.pid)
        self._record.executed(running.exec_id, code)
        return code

    def _take(self, begun_ns: int, code: int, output: str) -> None:
        """Count a result, keep it and say what changed by it."""
        before = self._status
        result = {
            "Start": _moment(begun_ns),
            "End": _moment(time.time_ns()),
            "ExitCode": code,
            "Output": output,
        }
        self._results = [*self._results[1 - KEPT_RESULTS :], result]
        early = begun_ns - self._began_ns < self._check.start_period_ns
        if code == 0:
            self._status, self._streak = HEALTHY, 0
        elif self._status != STARTING or not early:
            self._streak += 1
            if self._streak >= self._check.retries:
                self._status = UNHEALTHY
        self._write()
        if self._status != before:
            self._record.health_changed(self._status)
        self._schedule()

    def _write(self) -> None:
        state = {"Status": self._status, "FailingStreak": self._streak, "Log": self._results}
        whole = self._file.with_suffix(".new")
        with suppress(OSError):  # a full disk must not end the container
            whole.write_text(json.dumps(state), encoding="utf-8")
            whole.rename(self._file)


def _moment(ns: int) -> str:
    """Return a time as Go prints it in JSON; model.units would bring decimals to every monitor."""
    second, fraction = divmod(ns, 1_000_000_000)
    digits = f".{fraction:09d}".rstrip("0").rstrip(".")
    return f"{time.strftime('%Y-%m-%dT%H:%M:%S', time.gmtime(second))}{digits}Z"
