"""What a side child may still do: copy between the sockets that it was given, and nothing else."""

from __future__ import annotations

import errno
import json
import os
import socket
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

import pytest

from ipycontainer.linux import namespaces
from ipycontainer.supervise import side_processes
from tests.system.runtime import isolated

FORBIDDEN: dict[str, Callable[[], Any]] = {
    "open a file": lambda: os.open("/etc/passwd", os.O_RDONLY),
    "make a directory": lambda: os.mkdir("/tmp/ipyc-confined"),
    "execute a program": lambda: os.execv("/bin/true", ["true"]),
    "fork": os.fork,
    "signal others": lambda: os.kill(os.getppid(), 0),
    "hold others": lambda: os.pidfd_open(os.getppid()),
    "change its root": lambda: os.chroot("/"),
    "change its user": lambda: os.setresuid(65534, 65534, 65534),
    "enter a namespace": lambda: namespaces.unshare(namespaces.CLONE_NEWNET),
}


@pytest.mark.parametrize("connecting", [False, True])
def test_side_child_can_copy_and_nothing_else(connecting: bool) -> None:
    """Everything is refused (EPERM), but for the proxy's own connections to containers."""
    told = isolated.call(_tried, connecting)
    assert told["kept"] == [3]
    assert told["open"] == [0, 1, 2, 3]
    for name in FORBIDDEN:
        assert told[name] == errno.EPERM, name
    assert told["connect"] == (0 if connecting else errno.EPERM)


def _tried(connecting: bool) -> dict[str, Any]:
    """Return what became of each attempt in a side child."""
    ours, theirs = socket.socketpair()
    with socket.create_server(("127.0.0.1", 0)) as server:
        address = server.getsockname()

        def live(kept: Sequence[int]) -> None:
            with socket.socket(fileno=kept[0]) as sock:
                found: dict[str, Any] = {"kept": list(kept), "open": _open_descriptors()}
                for name, attempt in FORBIDDEN.items():
                    found[name] = _number(attempt)
                found["connect"] = _number(lambda: socket.socket().connect(address))
                sock.sendall(json.dumps(found).encode())

        pid = side_processes.fork("ipyc-tried", [theirs.fileno()], live, connecting=connecting)
        theirs.close()
        with ours:
            answer = ours.recv(1 << 16)
        os.waitpid(pid, 0)
    told: dict[str, Any] = json.loads(answer)
    return told


def _open_descriptors() -> list[int]:
    """Return the open ones of the first hundred: /proc cannot be opened any more."""
    attempts = {number: partial(os.lseek, number, 0, os.SEEK_CUR) for number in range(100)}
    return [number for number, each in attempts.items() if _number(each) != errno.EBADF]


def _number(attempt: Callable[[], Any]) -> int:
    """Return an attempt's error as a number, 0 for none."""
    try:
        attempt()
    except OSError as error:
        return error.errno or -1
    return 0
