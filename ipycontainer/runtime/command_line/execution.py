"""`exec`: a further program in a container that is there."""

from __future__ import annotations

import argparse
import json
import os
import signal
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from ipycontainer.errors import Conflict, EngineError, InvalidArgument, StepFailed
from ipycontainer.linux import pidfd
from ipycontainer.linux.cgroups import Cgroup
from ipycontainer.model import oci_json, oci_types
from ipycontainer.model.oci import Capabilities, Process, Spec
from ipycontainer.runtime.command_line import console, foreground
from ipycontainer.runtime.command_line.bundle import checked_process
from ipycontainer.runtime.command_line.creation import preserved_fds
from ipycontainer.runtime.command_line.report import Log
from ipycontainer.runtime.exec_joining import enter
from ipycontainer.runtime.launch import Stdio
from ipycontainer.runtime.plan import Manner
from ipycontainer.runtime.seccomp import compile_profile
from ipycontainer.runtime.state import StateDir

__all__ = ["EXEC_FAILED", "execute"]

EXEC_FAILED = 255  # runc's exit code where the program did not come to run
# the name of a file in /proc/PID/ns -> OCI's kind of namespace
_FILES = {
    "user": "user",
    "mnt": "mount",
    "pid": "pid",
    "net": "network",
    "ipc": "ipc",
    "uts": "uts",
    "cgroup": "cgroup",
    "time": "time",
}


def execute(options: argparse.Namespace, states: StateDir, log: Log) -> int:
    """Start a program in a container, and wait for it unless it is detached."""
    try:
        return _execute(options, states, log)
    except StepFailed as error:
        log.fail(f"exec failed: unable to start container process: {error.message}")
    except EngineError as error:
        log.fail(f"exec failed: {error.message}")
    except OSError as error:
        log.fail(f"exec failed: {error}")
    return EXEC_FAILED


def _execute(options: argparse.Namespace, states: StateDir, log: Log) -> int:
    state = states.load(options.id)
    status = states.status(state)
    if status == "stopped":
        raise Conflict("cannot exec in a stopped container")
    if status == "paused" and not options.ignore_paused:
        raise Conflict("cannot exec in a paused container (use --ignore-paused to override)")
    spec = state.spec
    process = checked_process(_process(options, spec), log)
    console.check(terminal=process.terminal, detach=options.detach, path=options.console_socket)
    preserved, env = preserved_fds(options.preserve_fds)
    size = console.first_size(process.console_size, detach=options.detach)
    process = replace(process, env=(*process.env, *env), console_size=size)
    seccomp = None if spec.linux.seccomp is None else compile_profile(spec.linux.seccomp)
    cgroup = _below(state.cgroup, options.cgroup)
    entered = enter(
        state.pid,
        state.start_ticks,
        spec,
        process,
        Stdio(0, 1, 2),
        seccomp=seccomp,
        cgroup=cgroup,
        kinds=_foreign(state.pid),
        die_with_parent=False,
        manner=Manner(state.shown(status), preserved, clamp_oom_score=False, add_own_group=False),
    )
    if options.pid_file:
        Path(options.pid_file).write_text(str(entered.pid), encoding="ascii")
    if not options.detach:
        return foreground.wait(entered)
    if entered.terminal >= 0:
        try:
            console.hand_over(entered.terminal, options.console_socket)
        except EngineError:
            pidfd.send_signal(entered.pidfd, signal.SIGKILL)
            raise
    return 0


def _foreign(pid: int) -> tuple[str, ...]:
    """Return the kinds of namespaces in which a process and this one differ."""
    found = []
    for file, kind in _FILES.items():
        try:
            theirs = os.stat(f"/proc/{pid}/ns/{file}").st_ino
            own = os.stat(f"/proc/self/ns/{file}").st_ino
        except FileNotFoundError:
            continue  # a kernel without this kind
        if theirs != own:
            found.append(kind)
    return tuple(found)


def _process(options: argparse.Namespace, spec: Spec) -> Process:
    """Return the process that a file describes, or the container's with what is said instead."""
    if options.process:
        text = Path(options.process).read_text(encoding="utf-8", errors="replace")
        try:
            raw, _ = json.JSONDecoder().raw_decode(text.lstrip())
        except ValueError as error:
            raise InvalidArgument(f"{options.process} is no JSON: {error}") from error
        raw = oci_types.folded(raw, "Process")
        oci_types.check(raw, "Process")
        return oci_json.process_from_json({"cwd": "", **(raw or {})})  # null is an empty one
    if not options.arguments:
        raise InvalidArgument("process args cannot be empty")
    process, words = spec.process, options
    changes: dict[str, Any] = {
        "args": tuple(words.arguments),
        "cwd": words.cwd or process.cwd,
        "env": (*process.env, *words.env),
        "terminal": words.tty,
        "console_size": (0, 0),
        "no_new_privileges": words.no_new_privs or process.no_new_privileges,
        "apparmor_profile": words.apparmor or process.apparmor_profile,
        "selinux_label": words.process_label,
        "user": _user(options, process),
    }
    if options.cap:
        sets = process.capabilities
        further = tuple(options.cap)
        changes["capabilities"] = Capabilities(
            (*sets.bounding, *further),
            (*sets.effective, *further),
            (*sets.permitted, *further),
            sets.inheritable,
            (*sets.ambient, *further),
        )
    return replace(process, **changes)


def _user(options: argparse.Namespace, process: Process) -> Any:
    user = process.user
    if options.user:
        uid, colon, gid = options.user.partition(":")
        for word, what in ((uid, "uid"), *(((gid, "gid"),) if colon else ())):
            if not word.isdecimal():
                raise InvalidArgument(f"parsing {word} as int for {what} failed")
        user = replace(user, uid=int(uid), gid=int(gid) if colon else user.gid)
    if negative := [gid for gid in options.additional_gids if gid < 0]:
        raise InvalidArgument(f"additional-gids must be a positive number {negative[0]}")
    return replace(user, additional_gids=(*user.additional_gids, *options.additional_gids))


def _below(cgroup: Cgroup | None, words: Sequence[str]) -> Cgroup | None:
    """Return the cgroups below the container's that `[CONTROLLER,...:]PATH` name."""
    if cgroup is None or not words:
        return cgroup
    directories = dict(cgroup.directories)
    for word in words:
        controllers, colon, path = word.rpartition(":")
        if ":" in controllers:
            raise InvalidArgument(f"invalid --cgroup argument: {word}")
        if not colon and len(words) > 1:
            raise InvalidArgument(
                f"invalid --cgroup argument: {word} (missing <controller>: prefix)"
            )
        for name in controllers.split(",") if colon else cgroup.directories:
            if name not in directories:
                raise InvalidArgument(f"unknown controller {name} in --cgroup argument")
            directories[name] = _inside(cgroup.directories[name], path)
    return Cgroup(directories)


def _inside(directory: str, path: str) -> str:
    found = os.path.normpath(os.path.join(directory, path.lstrip("/")))
    if f"{found}/".startswith(f"{directory}/"):
        return found
    raise InvalidArgument(f"{path} is not a sub cgroup path")
