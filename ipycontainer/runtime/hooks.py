"""Run a bundle's hooks: each gets the state on stdin, and must end well and in time.

In the runtime's namespaces by the parent, in the container's by init (`RunHooks`). By
posix_spawn(3), so that neither needs Python's subprocess in its memory. Imports linux, model and
steps only.
"""

from __future__ import annotations

import os
import select
import signal
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from ipycontainer.errors import StepFailed
from ipycontainer.model.go_json import go_json
from ipycontainer.model.hooks import Hook, State
from ipycontainer.runtime.steps import Context, go_words

__all__ = ["RunHooks", "run_hooks"]

_OUTPUT_LIMIT_BYTES = 4096  # of what a failed hook said, in the message


def run_hooks(hooks: Sequence[Hook], state: State, env: Mapping[str, str] | None = None) -> None:
    """Run hooks one after the other, and stop at the first that fails.

    `env` is for those that name none of their own; without it they have this process's.
    Raises StepFailed in runc's words: its exit status and output, or that it ran past its timeout.
    """
    for number, hook in enumerate(hooks):
        try:
            _run(hook, state, os.environ if env is None else env)
        except (OSError, _HookFailed) as error:
            raise StepFailed(f"error running hook #{number}: {error}", step="run hooks") from error


class _HookFailed(Exception):
    """A hook ended badly, or not in time."""


def _run(hook: Hook, state: State, env: Mapping[str, str]) -> None:
    # without spaces, as Go writes it: many a hook takes it apart by patterns
    text = go_json(state.to_json(), for_html=True).encode()
    # files in memory: a hook that reads nothing, or says much, holds nobody up
    streams = [os.memfd_create(name, os.MFD_CLOEXEC) for name in ("state", "stdout", "stderr")]
    try:
        os.write(streams[0], text)
        os.lseek(streams[0], 0, os.SEEK_SET)
        status = _wait(hook, _spawn(hook, env, streams))
        if status:
            said = [_read(fd) for fd in streams[1:]]
            raise _HookFailed(
                f"error running hook: {_words(status)}, stdout: {said[0]}, stderr: {said[1]}"
            )
    finally:
        for fd in streams:
            os.close(fd)


def _spawn(hook: Hook, env: Mapping[str, str], streams: Sequence[int]) -> int:
    if hook.env is not None:
        env = dict(entry.partition("=")[::2] for entry in hook.env if "=" in entry)
    try:
        return os.posix_spawn(
            hook.path,
            hook.args or (hook.path,),
            env,
            file_actions=[(os.POSIX_SPAWN_DUP2, fd, number) for number, fd in enumerate(streams)],
            setsigmask=(),
            setsigdef=(signal.SIGPIPE, signal.SIGXFSZ),  # Python ignores both
        )
    except OSError as error:
        raise _HookFailed(f"fork/exec {hook.path}: {go_words(error)}") from error


def _wait(hook: Hook, pid: int) -> int:
    """Return the hook's status as waitpid(2) gives it; one past its time is killed."""
    if hook.timeout is not None:
        fd = os.pidfd_open(pid)
        poll = select.poll()
        poll.register(fd, select.POLLIN)
        in_time = poll.poll(hook.timeout * 1000)
        os.close(fd)
        if not in_time:
            os.kill(pid, signal.SIGKILL)
            os.waitpid(pid, 0)
            raise _HookFailed(f"hook ran past specified timeout of {hook.timeout:.1f}s")
    return os.waitpid(pid, 0)[1]


def _words(status: int) -> str:
    code = os.waitstatus_to_exitcode(status)
    return f"exit status {code}" if code >= 0 else f"signal: {signal.strsignal(-code)}"


def _read(fd: int) -> str:
    return os.pread(fd, _OUTPUT_LIMIT_BYTES, 0).decode(errors="replace")


@dataclass(frozen=True, slots=True)
class RunHooks:
    """Run hooks in the container's namespaces: before its root is `/`, or as its user.

    `env` is the program's, for hooks that name none.
    """

    moment: str
    hooks: tuple[Hook, ...]
    state: State
    env: Mapping[str, str]

    def execute(self, ctx: Context) -> None:
        """Run them where the container's root is the working directory, as runc does."""
        os.fchdir(ctx.root.fd)
        env = dict(self.env)
        if self.moment == "startContainer":
            env.setdefault("HOME", ctx.identity.home)
        run_hooks(self.hooks, replace(self.state, pid=os.getpid()), env)

    def describe(self) -> str:
        """Say it."""
        return f"run {len(self.hooks)} {self.moment} hooks"
