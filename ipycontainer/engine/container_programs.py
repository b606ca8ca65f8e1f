"""The programs of a container beside its own: what is executed in it, and what all of them use.

A part of `engine.container.Container`, in docker-py's names where it has them.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from ipycontainer.engine import attach, exchange, log_options, top
from ipycontainer.engine.container_part import ContainerPart
from ipycontainer.engine.foreground import Foreground, Source
from ipycontainer.engine.results import ExecResult
from ipycontainer.model.explained import ExplainedStep
from ipycontainer.model.process import Process
from ipycontainer.model.window import NO_WINDOW, Window

if TYPE_CHECKING:
    pass

__all__ = ["ContainerPrograms"]


class ContainerPrograms(ContainerPart):
    """What a container's user executes in it, and sees of what runs there."""

    def exec(
        self,
        cmd: Sequence[str],
        *,
        environment: Sequence[str] = (),
        user: str = "",
        workdir: str = "",
        stdin: Source = None,
        detach: bool = False,
        tty: bool = False,
        window: Window = NO_WINDOW,
        privileged: bool = False,
    ) -> Foreground:
        """Execute a command inside and watch it; with `detach` its output goes nowhere.

        With `tty` it gets a terminal of its own, seen in `window`.
        """
        return attach.execute(
            self._self, cmd, environment, user, workdir, stdin, detach, tty, window, privileged
        )

    @property
    def exchange(self) -> Path:
        """Return where values of a cell lie: `in` for what goes in, `out` for what comes back."""
        return exchange.directory(self._self.engine.home, self._self.id)

    def explain(self) -> Sequence[ExplainedStep]:
        """Return the steps of its last start, with what each took; Conflict before the first."""
        # Steps and their plan: a fifth of what a shell imports, for this one question.
        from ipycontainer.engine import explaining

        return explaining.as_it_was(self._self)

    def exec_run(
        self,
        cmd: str | Sequence[str],
        *,
        environment: Mapping[str, str] | Sequence[str] = (),
        user: str = "",
        workdir: str = "",
        stdout: bool = True,
        stderr: bool = True,
        demux: bool = False,
        detach: bool = False,
        input: bytes | None = None,  # noqa: A002 - subprocess's name for it
        timeout: float | None = None,
        privileged: bool = False,
    ) -> ExecResult:
        """Execute a command inside and return its exit code and output.

        With `demux` the output is a pair (stdout, stderr). A `timeout` kills the command and raises
        OperationTimeout.
        """
        return attach.exec_run(
            self._self,
            cmd,
            environment,
            user,
            workdir,
            (stdout, stderr),
            demux,
            detach,
            input,
            timeout,
            privileged,
        )

    def log_details(self) -> str:
        """Return what `logs --details` shows of it: the labels and variables that its log names."""
        return log_options.details(self._self.record)

    def processes(self, arguments: Sequence[str] = ()) -> top.Processes:
        """Return its processes, with the columns that ps(1)'s `arguments` ask for."""
        return top.top(self._self, arguments)

    def process_tree(self) -> tuple[Process, ...]:
        """Return its processes typed, with both pids, read from /proc: cheap enough each second."""
        return top.tree(self._self)
