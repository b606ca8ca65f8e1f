"""`state`, `list` and `ps`: what there is, in runc's shapes."""

from __future__ import annotations

import argparse
import os
import pwd
import subprocess
import sys
from collections.abc import Sequence
from typing import Any

from ipycontainer.errors import EngineError, InvalidArgument, StepFailed
from ipycontainer.model.go_json import go_json
from ipycontainer.runtime.command_line.report import Log
from ipycontainer.runtime.state import ContainerState, StateDir

__all__ = ["list_containers", "pids_of", "ps", "state"]

_PADDING, _LEAST_WIDTH = 3, 12  # of Go's tabwriter, as runc sets it
_COLUMNS = ("ID", "PID", "STATUS", "BUNDLE", "CREATED", "OWNER")


def state(options: argparse.Namespace, states: StateDir, log: Log) -> int:
    """Print a container's state as JSON."""
    shown = {**_shown(states.load(options.id), states), "owner": ""}  # which runc only lists
    print(go_json(shown, for_html=True, indent=2), end="")  # runc ends no line
    return 0


def _shown(found: ContainerState, states: StateDir) -> dict[str, Any]:
    shown = found.shown(states.status(found)).to_json()
    return {
        "ociVersion": shown["ociVersion"],
        "id": found.id,
        "pid": shown.get("pid", 0),
        "status": shown["status"],
        "bundle": found.bundle,
        "rootfs": os.path.normpath(os.path.join(found.bundle, found.spec.root.path)),
        "created": found.created,
        **({"annotations": shown["annotations"]} if "annotations" in shown else {}),
        "owner": _owner(states, found.id),
    }


def _owner(states: StateDir, container_id: str) -> str:
    uid = states.path(container_id).stat().st_uid
    try:
        return pwd.getpwuid(uid).pw_name
    except KeyError:
        return f"#{uid}"


def list_containers(options: argparse.Namespace, states: StateDir, log: Log) -> int:
    """Print all containers: their ids, a table, or JSON."""
    found = []
    for name in states.names():
        try:
            found.append(_shown(states.load(name), states))
        except (EngineError, OSError) as error:
            print(f"load container {name}: {error}", file=sys.stderr)
    if options.quiet:
        for each in found:
            print(each["id"])
    elif options.format == "table":
        keys = ("id", "pid", "status", "bundle", "created", "owner")
        _print_table([_COLUMNS, *(tuple(str(each[key]) for key in keys) for each in found)])
    elif options.format == "json":
        print(go_json(found or None, for_html=True))
    else:
        raise InvalidArgument("invalid format option")
    return 0


def _print_table(rows: Sequence[tuple[str, ...]]) -> None:
    widths = [max(map(len, column)) + _PADDING for column in zip(*rows, strict=True)]
    for row in rows:
        cells = zip(row[:-1], widths, strict=False)
        print("".join(cell.ljust(max(width, _LEAST_WIDTH)) for cell, width in cells) + row[-1])


def ps(options: argparse.Namespace, states: StateDir, log: Log) -> int:
    """Print a container's processes as the program of that name does, or their pids as JSON."""
    pids = pids_of(states.load(options.id))
    if options.format == "json":
        print(go_json(list(pids) or None))
        return 0
    if options.format != "table":
        raise InvalidArgument("invalid format option")
    done = subprocess.run(
        ["ps", *(options.arguments or ["-ef"])], capture_output=True, text=True, check=False
    )
    if done.returncode:
        raise StepFailed(f"exit status {done.returncode}: {done.stdout}{done.stderr}")
    title, *lines = done.stdout.splitlines()
    if "PID" not in title.split():
        raise InvalidArgument("couldn't find PID field in ps output")
    place = title.split().index("PID")
    print(title)
    for line in lines:
        if line and int(line.split()[place]) in pids:
            print(line)
    return 0


def pids_of(found: ContainerState) -> tuple[int, ...]:
    """Return a container's processes: those of its cgroup, else of its pid namespace."""
    if found.cgroup is not None:
        return found.cgroup.pids_below()
    space = _pid_namespace(found.pid)
    pids = (int(name) for name in os.listdir("/proc") if name.isdecimal())
    return tuple(pid for pid in pids if space and _pid_namespace(pid) == space)


def _pid_namespace(pid: int) -> int:
    try:
        return os.stat(f"/proc/{pid}/ns/pid").st_ino
    except OSError:
        return 0
