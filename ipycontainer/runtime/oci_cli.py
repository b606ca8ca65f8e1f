"""The OCI runtime command line: create, start, state, kill and delete on anybody's bundle.

`python -m ipycontainer.runtime [--root DIR] create [--bundle DIR] [--pid-file FILE] ID`, and so on,
as the runtime-spec's runtime.md and runc's man pages have it. Without root it first becomes root of
a user namespace, unless the bundle asks for one itself. What it does not do, it refuses by name.
"""

from __future__ import annotations

import argparse
import json
import os
import signal
import sys
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from ipycontainer.errors import Conflict, EngineError, InvalidArgument, Unsupported
from ipycontainer.linux import namespaces, pidfd
from ipycontainer.model import oci_json
from ipycontainer.runtime.launch import Stdio, launch
from ipycontainer.runtime.state import FIFO, ContainerState, StateDir

__all__ = ["main"]

_KILL_SECONDS = 10.0


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command and return its exit code: 0, or 1 with the reason on stderr."""
    options = _parser().parse_args(argv)
    try:
        options.command(options, StateDir(options.root or _default_root()))
    except EngineError as error:
        print(error.message, file=sys.stderr)
        if error.hint:
            print(error.hint, file=sys.stderr)
        return 1
    except OSError as error:
        print(error, file=sys.stderr)
        return 1
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m ipycontainer.runtime", description=__doc__)
    parser.add_argument("--root", default="", help="directory of the containers' state")
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    create = commands.add_parser("create", help="make a container that waits for start")
    create.add_argument("-b", "--bundle", default=".", help="directory of config.json")
    create.add_argument("--pid-file", default="", help="file that gets init's pid")
    create.set_defaults(command=_create)
    start = commands.add_parser("start", help="start the program of a created container")
    start.set_defaults(command=_start)
    state = commands.add_parser("state", help="print a container's state as JSON")
    state.set_defaults(command=_state)
    kill = commands.add_parser("kill", help="send a signal to a container's init")
    kill.set_defaults(command=_kill)
    delete = commands.add_parser("delete", help="remove what a stopped container left")
    delete.add_argument("-f", "--force", action="store_true", help="kill it first if it runs")
    delete.set_defaults(command=_delete)
    for each in (create, start, state, kill, delete):
        each.add_argument("id", metavar="ID")
    kill.add_argument("signal", nargs="?", default="SIGTERM", metavar="SIGNAL")
    return parser


def _default_root() -> str:
    if os.geteuid() == 0:
        return "/run/ipycontainer-runtime"
    return f"{os.environ.get('XDG_RUNTIME_DIR') or '/tmp'}/ipycontainer-runtime-{os.geteuid()}"


def _create(options: argparse.Namespace, states: StateDir) -> None:
    bundle = os.path.abspath(options.bundle)
    raw = _read_config(bundle)
    spec = oci_json.from_json(raw)
    if spec.process.terminal:
        raise Unsupported("process.terminal: a terminal is not supported here yet")
    if not spec.linux.cgroups_path:  # runc's choice: without a cgroup no device rule would hold
        spec = replace(spec, linux=replace(spec.linux, cgroups_path=f"/{options.id}"))
    directory = states.reserve(options.id)
    try:
        if os.geteuid() != 0 and "user" not in spec.linux.namespaces:
            namespaces.become_root_in_new_userns()
        # open for both, so that it has a writer until `start`, and reading waits instead of ending
        hold = os.open(directory / FIFO, os.O_RDWR | os.O_CLOEXEC)
        try:
            launched = launch(spec, bundle, Stdio(0, 1, 2), hold=hold, die_with_parent=False)
        finally:
            os.close(hold)
        for warning in launched.warnings:
            print(f"WARNING: {warning}", file=sys.stderr)
        try:
            state = ContainerState(
                options.id,
                launched.pid,
                launched.start_ticks,
                bundle,
                str(raw.get("ociVersion", oci_json.OCI_VERSION)),
                spec.annotations,
                launched.cgroup,
            )
            states.save(state)
            if options.pid_file:
                Path(options.pid_file).write_text(str(launched.pid), encoding="ascii")
        except BaseException:
            pidfd.send_signal(launched.pidfd, signal.SIGKILL)
            os.waitpid(launched.pid, 0)
            if launched.cgroup is not None:
                launched.cgroup.remove()
            raise
    except BaseException:
        states.forget(options.id)
        raise


def _read_config(bundle: str) -> dict[str, object]:
    path = f"{bundle}/config.json"
    try:
        raw = json.loads(Path(path).read_text(encoding="utf-8"))
    except FileNotFoundError as error:
        raise InvalidArgument(f"JSON specification file {path} not found") from error
    except ValueError as error:
        raise InvalidArgument(f"{path} is no JSON: {error}") from error
    if not isinstance(raw, dict):
        raise InvalidArgument(f"{path} is no JSON object")
    return raw


def _start(options: argparse.Namespace, states: StateDir) -> None:
    state = states.load(options.id)
    status = states.status(state)
    if status != "created":
        raise Conflict(f"cannot start a container that has {_HAS[status]}")
    fifo = states.path(options.id) / FIFO
    fd = os.open(fifo, os.O_WRONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    try:
        os.write(fd, b"1")
    finally:
        os.close(fd)
    fifo.unlink()


_HAS = {"running": "already started", "stopped": "stopped"}


def _state(options: argparse.Namespace, states: StateDir) -> None:
    state = states.load(options.id)
    status = states.status(state)
    shown = {
        "ociVersion": state.oci_version,
        "id": state.id,
        "status": status,
        "pid": 0 if status == "stopped" else state.pid,
        "bundle": state.bundle,
        "annotations": dict(state.annotations),
    }
    print(json.dumps(shown, indent=2))


def _kill(options: argparse.Namespace, states: StateDir) -> None:
    number = _signal_number(options.signal)
    state = states.load(options.id)
    try:
        fd = state.open_init()
        try:
            pidfd.send_signal(fd, number)
        finally:
            os.close(fd)
    except ProcessLookupError as error:
        raise Conflict("container not running") from error


def _signal_number(word: str) -> int:
    if word.isdecimal():
        number = int(word)
        if number in range(1, signal.NSIG):
            return number
    else:
        name = word.upper() if word.upper().startswith("SIG") else f"SIG{word.upper()}"
        if name in signal.Signals.__members__:
            return signal.Signals[name]
    raise InvalidArgument(f"unknown signal {word!r}")


def _delete(options: argparse.Namespace, states: StateDir) -> None:
    state = states.load(options.id)
    status = states.status(state)
    if status != "stopped":
        if not options.force:
            raise Conflict(f"cannot delete container {state.id} that is not stopped: {status}")
        try:
            fd = state.open_init()
            pidfd.send_signal(fd, signal.SIGKILL)
            pidfd.wait_exit(fd, _KILL_SECONDS)
            os.close(fd)
        except ProcessLookupError:
            pass  # it ended by itself meanwhile
    if state.cgroup is not None:
        state.cgroup.kill()
        state.cgroup.remove()
    states.forget(state.id)
