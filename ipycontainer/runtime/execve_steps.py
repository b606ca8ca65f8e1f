"""Steps about the program itself: find it, see whether it may be executed, become it.

What goes wrong here is said in runc's words, which docker shows and tells its exit codes by. The
last steps of every start and of every `exec`. Imports linux, reaper and steps.
"""

from __future__ import annotations

import errno
import json
import os
import stat
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass

from ipycontainer.errors import CommandNotExecutable, CommandNotFound, StepFailed
from ipycontainer.linux import namespaces, spawning, syscalls
from ipycontainer.runtime import reaper
from ipycontainer.runtime.steps import Context, go_words

__all__ = ["CheckCommand", "Execute", "FindCommand"]

# What runc says of a path that cannot be looked at; docker ends with 127, 126 and else 125.
_STAT_FAILURES: dict[int, type[StepFailed]] = {
    errno.ENOENT: CommandNotFound,
    errno.EACCES: CommandNotExecutable,
}


@dataclass(frozen=True, slots=True)
class FindCommand:
    """Find the program as Go's exec.LookPath does, whose messages docker shows."""

    name: str
    path: str

    def execute(self, ctx: Context) -> None:
        """Look below the container's PATH, or check the path that was given."""
        if "/" in self.name:
            self._check(self.name)
            ctx.command = self.name
            return
        for directory in self.path.split(":"):
            candidate = f"{directory or '.'}/{self.name}"
            try:
                mode = os.stat(candidate).st_mode
            except OSError:
                continue
            if stat.S_ISREG(mode) and mode & 0o111:
                ctx.command = candidate
                return
        raise CommandNotFound(
            f"exec: {_quoted(self.name)}: executable file not found in $PATH",
            step=self.describe(),
            errno=errno.ENOENT,
        )

    def _check(self, name: str) -> None:
        try:
            mode = os.stat(name).st_mode
        except OSError as error:
            raise _STAT_FAILURES.get(error.errno or 0, StepFailed)(
                f'exec: "{name}": stat {name}: {go_words(error)}',
                step=self.describe(),
                errno=error.errno or 0,
            ) from error
        if stat.S_ISDIR(mode) or not mode & 0o111:
            number = errno.EISDIR if stat.S_ISDIR(mode) else errno.EACCES
            raise CommandNotExecutable(
                f'exec: "{name}": {os.strerror(number).lower()}', step=self.describe(), errno=number
            )

    def describe(self) -> str:
        """Say it."""
        return f"find program {self.name}"


@dataclass(frozen=True, slots=True)
class CheckCommand:
    """See whether the user that we are by now may execute the program.

    access(2) knows mounts without `exec` as well. It is the last thing that can fail a start: the
    rest is the program's own.
    """

    name: str

    def execute(self, ctx: Context) -> None:
        """Ask the kernel."""
        if not os.access(ctx.command, os.X_OK):
            raise CommandNotExecutable(
                f"exec: {_quoted(self.name)}: permission denied",
                step=self.describe(),
                errno=errno.EACCES,
            )

    def describe(self) -> str:
        """Say it."""
        return f"see whether {self.name} may be executed"


@dataclass(frozen=True, slots=True)
class Execute:
    """Become the program; with `reap`, stay as a small init and let a child become it."""

    args: tuple[str, ...]
    env: Mapping[str, str]
    reap: bool = False
    die_with_parent: bool = True

    def execute(self, ctx: Context) -> None:
        """Replace this process's program."""
        if self.reap and not reaper.fork_and_reap(self.args):
            return  # never reached: the reaping process ends with the program
        syscalls.sigmask_unblock_all()
        try:
            os.execve(ctx.command, self.args, self._variables(ctx))
        except OSError as error:
            # a script without its interpreter, or no program at all: for docker the container has
            # started by now, and this is its output and its exit code
            os.write(2, f"exec {ctx.command}: {go_words(error)}\n".encode())
            os._exit(1)

    def spawn(self, ctx: Context) -> int:
        """Have a child become the program instead, in a session of its own; return its pid.

        One that cannot be executed has its child too, which says so and ends.
        """
        with suppress(OSError):
            return spawning.spawn(ctx.command, self.args, self._variables(ctx))
        child = namespaces.clone(0)
        if child == 0:
            os.setsid()
            self.execute(ctx)
        return child

    def _variables(self, ctx: Context) -> Mapping[str, str]:
        # an empty one counts as none, as with runc
        return self.env if self.env.get("HOME") else {**self.env, "HOME": ctx.identity.home}

    def describe(self) -> str:
        """Say it."""
        return f"execute {' '.join(self.args)}"


def _quoted(name: str) -> str:
    """Return a name as Go's %q has it, which for names is JSON's."""
    return json.dumps(name, ensure_ascii=False)
