"""`create` and `run`: from a bundle to a container, and with `run` to its program's end."""

from __future__ import annotations

import argparse
import os
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

from ipycontainer.errors import EngineError, InvalidArgument, StepFailed
from ipycontainer.linux import namespaces, pidfd
from ipycontainer.runtime.command_line import console, foreground
from ipycontainer.runtime.command_line.bundle import Bundle, read_bundle
from ipycontainer.runtime.command_line.ending import destroy, release
from ipycontainer.runtime.command_line.report import Log
from ipycontainer.runtime.hooks import run_hooks
from ipycontainer.runtime.launch import Launched, Stdio, launch
from ipycontainer.runtime.plan import Manner
from ipycontainer.runtime.state import FIFO, ContainerState, StateDir

__all__ = ["create", "preserved_fds", "run"]


def create(options: argparse.Namespace, states: StateDir, log: Log) -> int:
    """Make a container that waits for `start`."""
    with _named("create failed"):
        bundle = read_bundle(options.bundle, options.id, log)
        console.check(
            terminal=bundle.spec.process.terminal, detach=True, path=options.console_socket
        )
        launched, state = _make(bundle, options, states, log, hold=True)
        _hand_over(launched, options.console_socket, state, states, log)
    return 0


def run(options: argparse.Namespace, states: StateDir, log: Log) -> int:
    """Create and start a container; unless it is detached, wait for it and remove it."""
    with _named("run failed"):
        bundle = read_bundle(options.bundle, options.id, log)
        terminal = bundle.spec.process.terminal
        console.check(terminal=terminal, detach=options.detach, path=options.console_socket)
        if not options.no_subreaper and not options.detach:
            foreground.become_subreaper()
        launched, state = _make(bundle, options, states, log, hold=False)
        try:
            run_hooks(bundle.spec.hooks.poststart, state.shown("running"))
        except EngineError:
            destroy(state, states, log)
            raise
        if options.detach:
            _hand_over(launched, options.console_socket, state, states, log)
            return 0
    code = foreground.wait(launched)
    if not options.keep:
        destroy(state, states, log)
    return code


def _hand_over(
    launched: Launched, path: str, state: ContainerState, states: StateDir, log: Log
) -> None:
    """Send a terminal to whoever listens; where nobody does, the container goes again."""
    if launched.terminal < 0:
        return
    try:
        console.hand_over(launched.terminal, path)
    except EngineError:
        destroy(state, states, log)
        raise


@contextmanager
def _named(what: str) -> Iterator[None]:
    """Say of an error which command it ended, and that the container was not started."""
    try:
        yield
    except StepFailed as error:
        raise StepFailed(f"{what}: unable to start container process: {error.message}") from error
    except EngineError as error:
        raise InvalidArgument(f"{what}: {error.message}", hint=error.hint) from error
    except OSError as error:
        raise StepFailed(f"{what}: {error}") from error


def _make(
    bundle: Bundle, options: argparse.Namespace, states: StateDir, log: Log, *, hold: bool
) -> tuple[Launched, ContainerState]:
    """Start init and write down that it is there; what fails leaves nothing."""
    spec = bundle.spec
    directory = states.reserve(options.id)
    created = datetime.now(UTC).isoformat().replace("+00:00", "Z")
    state = ContainerState(options.id, 0, 0, bundle.directory, created, bundle.config)
    try:
        preserved, env = preserved_fds(options.preserve_fds)
        size = console.first_size(spec.process.console_size, detach=hold or options.detach)
        process = replace(spec.process, env=(*spec.process.env, *env), console_size=size)
        if os.geteuid() != 0 and "user" not in spec.linux.namespaces:
            namespaces.become_root_in_new_userns()
        manner = Manner(
            state.shown("creating"),
            preserved,
            not options.no_pivot,
            not options.no_new_keyring,
            clamp_oom_score=False,
            must_limit=True,
            add_own_group=False,
            share_cgroup=True,
        )
        # open for both, so that it has a writer until `start`, and reading waits instead of ending
        waiting = os.open(directory / FIFO, os.O_RDWR | os.O_CLOEXEC) if hold else None
        before = os.getcwd()
        os.chdir(bundle.directory)  # where hooks find themselves
        try:
            launched = launch(
                replace(spec, process=process),
                bundle.directory,
                Stdio(0, 1, 2),
                hold=waiting,
                die_with_parent=False,
                manner=manner,
            )
        finally:
            os.chdir(before)
            if waiting is not None:
                os.close(waiting)
        if not hold:
            (directory / FIFO).unlink()
        state = replace(
            state,
            pid=launched.pid,
            start_ticks=launched.start_ticks,
            cgroup=launched.cgroup,
        )
        _remember(launched, state, options, states, log)
    except BaseException:
        states.forget(options.id)
        _after(state, bundle, log)
        raise
    return launched, state


def _remember(
    launched: Launched,
    state: ContainerState,
    options: argparse.Namespace,
    states: StateDir,
    log: Log,
) -> None:
    try:
        for warning in launched.warnings:
            log.warn(warning)
        states.save(state)
        if options.pid_file:
            Path(options.pid_file).write_text(str(launched.pid), encoding="ascii")
    except BaseException:
        pidfd.send_signal(launched.pidfd, signal.SIGKILL)
        os.waitpid(launched.pid, 0)
        release(replace(state, cgroup=launched.cgroup), log)
        raise


def _after(state: ContainerState, bundle: Bundle, log: Log) -> None:
    """Run the last hooks of a container that did not come to be, as runc does."""
    try:
        run_hooks(bundle.spec.hooks.poststop, state.shown("stopped"))
    except EngineError as error:
        log.fail(error.message)


def preserved_fds(count: int) -> tuple[int, tuple[str, ...]]:
    """Return how many fds from 3 on a program keeps, and what it is told of them.

    Those of socket activation ($LISTEN_FDS, sd_listen_fds(3)) come first, where $LISTEN_PID says
    that they are this process's. Raises InvalidArgument where one is not open.
    """
    listening = os.environ.get("LISTEN_FDS", "")
    if os.environ.get("LISTEN_PID") != str(os.getpid()):
        listening = ""
    first = int(listening) if listening.isdecimal() else 0
    for number in range(3, 3 + first + count):
        try:
            os.set_inheritable(number, True)
        except OSError as error:
            raise InvalidArgument(
                f"unable to stat preserved-fd {number - 3} (of {first + count}): {error.strerror}"
            ) from error
    env = (f"LISTEN_FDS={first}", "LISTEN_PID=1") if first else ()
    return first + count, env
