"""The one who is asked about system calls (SCMP_ACT_NOTIFY): the filter's listener goes to him.

init installs the filter and hands the listener to its parent, which sends it to the socket that the
bundle names, with the state (config-linux.md "The Container Process State").
"""

from __future__ import annotations

import json
import os
import socket
from collections.abc import Callable
from dataclasses import replace

from ipycontainer.errors import StepFailed
from ipycontainer.linux import seccomp
from ipycontainer.linux.syscalls import SECCOMP_FILTER_FLAG_NEW_LISTENER
from ipycontainer.model.hooks import State
from ipycontainer.model.oci import Spec
from ipycontainer.runtime.steps import Context, go_words

__all__ = ["LISTENER", "install", "sender"]

LISTENER = b"listener"  # the message that brings the fd


def install(program: bytes, ctx: Context) -> None:
    """Install init's filter, and hand its listener to the parent where it has one."""
    fd = seccomp.install(program, ctx.seccomp_flags)
    if ctx.seccomp_flags & SECCOMP_FILTER_FLAG_NEW_LISTENER:
        with socket.socket(fileno=os.dup(ctx.sync)) as sock:
            socket.send_fds(sock, [LISTENER], [fd])
        os.close(fd)


def sender(spec: Spec, state: State | None) -> Callable[[int, int], None] | None:
    """Return what sends a listener of the process with that pid; None where nobody is to be asked.

    It raises StepFailed.
    """
    if state is None or not (spec.linux.seccomp or {}).get("listenerPath"):
        return None
    return lambda fd, pid: _send(fd, pid, spec, state)


def _send(fd: int, pid: int, spec: Spec, state: State) -> None:
    profile = spec.linux.seccomp or {}
    message = {
        "ociVersion": state.oci_version,
        "fds": ["seccompFd"],
        "pid": pid,
        "metadata": str(profile.get("listenerMetadata", "")),
        "state": replace(state, pid=state.pid or pid).to_json(),
    }
    path = str(profile.get("listenerPath", ""))
    try:
        with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as sock:
            sock.connect(path)
            text = json.dumps(message, separators=(",", ":"), ensure_ascii=False)
            socket.send_fds(sock, [text.encode()], [fd])
    except OSError as error:
        raise StepFailed(
            f"unable to send the seccomp listener: connect {path}: {go_words(error)}",
            step="send the listener",
            errno=error.errno or 0,
        ) from error
    finally:
        os.close(fd)
