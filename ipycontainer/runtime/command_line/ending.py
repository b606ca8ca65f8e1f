"""`start`, `kill`, `pause`, `resume` and `delete`: what is done to a container that is there."""

from __future__ import annotations

import argparse
import os
import signal
import time

from ipycontainer.errors import Conflict, EngineError, InvalidArgument, NoSuchContainer
from ipycontainer.linux import freezer, pidfd
from ipycontainer.linux.cgroups import Cgroup
from ipycontainer.runtime.command_line.report import Log
from ipycontainer.runtime.hooks import run_hooks
from ipycontainer.runtime.state import FIFO, ContainerState, StateDir

__all__ = ["delete", "destroy", "kill", "pause", "release", "resume", "start"]

_KILL_SECONDS = 10.0


def start(options: argparse.Namespace, states: StateDir, log: Log) -> int:
    """Let the program of a created container begin, and run the hooks that follow."""
    state = states.load(options.id)
    status = states.status(state)
    if status == "stopped":
        raise Conflict("cannot start a container that has stopped")
    if status != "created":
        raise Conflict(
            "cannot start an already running container"
            if status == "running"
            else f"cannot start a container in the {status} state"
        )
    fifo = states.path(options.id) / FIFO
    fd = os.open(fifo, os.O_WRONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    try:
        os.write(fd, b"1")
    finally:
        os.close(fd)
    fifo.unlink()
    try:
        run_hooks(state.spec.hooks.poststart, state.shown("running"))
    except EngineError:
        destroy(state, states, log)
        raise
    return 0


def kill(options: argparse.Namespace, states: StateDir, log: Log) -> int:
    """Send a signal to a container's init, or to all of its processes."""
    state = states.load(options.id)
    number = _signal_number(options.signal)
    if options.all and state.cgroup is not None:
        for pid in state.cgroup.pids_below():
            _send(pid, number)
        _let_die(state, number)
        return 0
    if states.status(state) == "stopped":
        if options.all:  # there is none that it would not have reached
            return 0
        raise Conflict("container not running")
    if number == signal.SIGKILL and "pid" not in state.spec.linux.namespaces and state.cgroup:
        for pid in state.cgroup.pids_below():  # no init's end takes them along
            _send(pid, number)
    try:
        fd = state.open_init()
        try:
            pidfd.send_signal(fd, number)
        finally:
            os.close(fd)
    except ProcessLookupError as error:
        raise Conflict("container not running") from error
    _let_die(state, number)
    return 0


def _send(pid: int, number: int) -> None:
    try:
        os.kill(pid, number)
    except ProcessLookupError:
        pass


def _let_die(state: ContainerState, number: int) -> None:
    """Let go on what is frozen, when it was killed: under version 1 it would not end before."""
    if number == signal.SIGKILL and state.cgroup is not None and not state.cgroup.is_v2:
        freezer.thaw(state.cgroup)


def _signal_number(word: str) -> int:
    if not word:
        return signal.SIGTERM
    if word.lstrip("+-").isdecimal():
        number = int(word)
        if number in range(signal.NSIG):
            return number
        raise InvalidArgument(f"signal {word}: invalid argument")
    name = word.upper() if word.upper().startswith("SIG") else f"SIG{word.upper()}"
    # those of real time have numbers only, by runc
    if name in signal.Signals.__members__ and not name.startswith("SIGRT"):
        return signal.Signals[name]
    raise InvalidArgument(f"unknown signal {word!r}".replace("'", '"'))


def pause(options: argparse.Namespace, states: StateDir, log: Log) -> int:
    """Stop all processes of a container where they stand."""
    state = states.load(options.id)
    if states.status(state) not in ("created", "running"):
        raise Conflict(f"container not running or created: {states.status(state)}")
    freezer.freeze(_own_cgroup(state))
    return 0


def resume(options: argparse.Namespace, states: StateDir, log: Log) -> int:
    """Let the processes of a paused container go on."""
    state = states.load(options.id)
    if states.status(state) != "paused":
        raise Conflict("container not paused")
    freezer.thaw(_own_cgroup(state))
    return 0


def _own_cgroup(state: ContainerState) -> Cgroup:
    if state.cgroup is None:
        raise Conflict("the container has no cgroup: it can be neither paused nor limited")
    return state.cgroup


def delete(options: argparse.Namespace, states: StateDir, log: Log) -> int:
    """Remove what a stopped or created container holds; another one only by force."""
    try:
        state = states.load(options.id)
    except NoSuchContainer:
        # one that was killed in the making has a directory and no state
        if states.path(options.id).is_dir():
            states.forget(options.id)
        if options.force:
            return 0
        raise
    status = states.status(state)
    if status in ("running", "paused") and not options.force:
        raise Conflict(f"cannot delete container {state.id} that is not stopped: {status}")
    destroy(state, states, log)
    return 0


def destroy(state: ContainerState, states: StateDir, log: Log) -> None:
    """End a container's processes, remove its cgroup and directory, and run its last hooks."""
    try:
        fd = state.open_init()
        try:
            pidfd.send_signal(fd, signal.SIGKILL)
            if state.cgroup is not None:
                freezer.thaw(state.cgroup)
            if not pidfd.wait_exit(fd, _KILL_SECONDS):
                raise Conflict("container init still running")
        finally:
            os.close(fd)
    except ProcessLookupError:
        pass  # it has ended
    release(state, log)
    states.forget(state.id)
    try:
        run_hooks(state.spec.hooks.poststop, state.shown("stopped"))
    except EngineError as error:
        log.fail(error.message)


def release(state: ContainerState, log: Log) -> None:
    """Remove the cgroup of a container whose init has ended, with what is left in it.

    Who is there still, though the container had a pid namespace of its own, which init's end
    cleared, is another container that shares the cgroup: that one keeps it.
    """
    cgroup = state.cgroup
    if cgroup is None:
        return
    if state.spec.linux.namespaces.get("pid") != "":
        _kill_all(cgroup)
    elif others := cgroup.pids_below():
        log.warn(f"the cgroup is left to {len(others)} processes of others")
        return
    cgroup.remove()


def _kill_all(cgroup: Cgroup) -> None:
    cgroup.kill()
    deadline = time.monotonic() + _KILL_SECONDS
    while (left := cgroup.pids_below()) and time.monotonic() < deadline:
        for pid in left:
            _send(pid, signal.SIGKILL)
        time.sleep(0.005)
