"""Ask the user's systemd for a cgroup to rule over: a scope with `Delegate=yes`.

An ordinary user's session, or a service that runs a kernel, is not the user's to divide, and nobody
but the machine's root may move a process out of it (cgroup-v2.rst, "Delegation Containment"). Their
systemd gives a scope to whoever asks, as podman and crun do, and has the machine's systemd move the
process. Sources: org.freedesktop.systemd1(5); systemd's CGROUP_DELEGATION.md.
"""

from __future__ import annotations

import itertools
import os
import time
from collections import deque
from collections.abc import Iterator
from contextlib import suppress
from fnmatch import fnmatchcase
from typing import Any, Self

from ipycontainer.linux import cgroups
from ipycontainer.store.home import Home

__all__ = ["is_wanted", "move_to_scope", "place"]

ANSWER_SECONDS = 25.0  # for all that is asked, as D-Bus has it: a start waits for it
_SERVICE, _PATH = "org.freedesktop.systemd1", "/org/freedesktop/systemd1"
_INTERFACE = f"{_SERVICE}.Manager"


def place(home: Home, pid: int) -> None:
    """Move a fresh zygote to where its containers can be limited, where systemd has to be asked."""
    if home.rootless and is_wanted():
        move_to_scope(home.cgroup, pid)


def is_wanted() -> bool:
    """Tell whether this process may divide no cgroup, or only one that the user's systemd rules.

    Under version 1 nobody delegates. What systemd gave to a service as a whole is used as it is.
    """
    found = cgroups.detect()
    if found.version != "v2":
        return False
    return not cgroups.available(found) or _is_systemds(found.base)


def move_to_scope(name: str, pid: int) -> bool:
    """Move a process into the delegated scope `NAME.scope`; False where none is to be had.

    One that is there is entered, at `NAME/engine` below it: what an earlier zygote began still runs
    in it. Returns when the process has been moved. `jeepney` is imported here only.
    """
    deadline = time.monotonic() + ANSWER_SECONDS
    for path, direct in _sockets():
        with suppress(OSError, ValueError), _Manager(path, deadline, direct=direct) as manager:
            if manager.attach(f"{name}.scope", f"/{name}/engine", pid):
                return True
            if any(manager.start_scope(f"{name}{more}.scope", pid) for more in ("", f"-{pid}")):
                _mark(pid)
                return True
    return False


def _mark(pid: int) -> None:
    """Mark the cgroup that a process was given as systemd marks what it gives.

    A user's systemd leaves that out (systemd 257), and the cgroups above are the user's, too.
    """
    given = cgroups.of_process(cgroups.detect(), pid)
    if given is not None:
        os.setxattr(given.directories[""], "user.delegate", b"1")


def _is_systemds(directory: str) -> bool:
    """Tell whether a cgroup was delegated to a user's systemd itself, the only one to divide it."""
    return fnmatchcase(os.path.basename(directory), "user@*.service")


def _sockets() -> Iterator[tuple[str, bool]]:
    """Yield where systemd may be asked, and whether it listens there itself.

    The user's bus (pam_systemd(8)); where there is none, the socket that systemctl asks.
    """
    places = (os.environ.get("XDG_RUNTIME_DIR", ""), f"/run/user/{os.getuid()}")
    for place in filter(None, dict.fromkeys(places)):
        for name, direct in (("bus", False), ("systemd/private", True)):
            if os.path.exists(f"{place}/{name}"):
                yield f"{place}/{name}", direct


class _Manager:
    """The user's systemd, asked over one connection until `deadline`. Raises OSError.

    Where it listens itself, `direct`, there is no bus to greet, and it tells of every job.
    """

    def __init__(self, path: str, deadline: float, *, direct: bool) -> None:
        from jeepney import Parser, message_bus
        from jeepney.io.blocking import prep_socket

        self._deadline, self._direct = deadline, direct
        self._socket = prep_socket(path, timeout=self._left())
        self._parser, self._serials = Parser(), itertools.count(1)
        self._signals: deque[Any] = deque()
        if not direct:
            self._ask(message_bus.Hello())

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *error: object) -> None:
        self._socket.close()

    def start_scope(self, scope: str, pid: int) -> bool:
        """Have a scope made with the process in it; False where it is there, or cannot be made."""
        from jeepney import MatchRule, message_bus

        # Collected also when it failed, so that its name is free again.
        properties = [
            ("Description", ("s", "Containers of ipycontainer")),
            ("PIDs", ("au", [pid])),
            ("Delegate", ("b", True)),
            ("CollectMode", ("s", "inactive-or-failed")),
        ]
        ended = {"type": "signal", "interface": _INTERFACE, "member": "JobRemoved", "path": _PATH}
        if not self._direct:
            # The bus knows systemd by this name; what comes from there has a number instead.
            self._ask(message_bus.AddMatch(MatchRule(**ended, sender=_SERVICE)))
            self._call("Subscribe")
        asked: tuple[object, ...] = (scope, "fail", properties, [])
        job = self._call("StartTransientUnit", "ssa(sv)a(sa(sv))", asked)
        while job:
            told = self._signals.popleft() if self._signals else self._receive()
            if MatchRule(**ended).matches(told) and told.body[1] == job[0]:
                return bool(told.body[3] == "done")
        return False

    def attach(self, scope: str, below: str, pid: int) -> bool:
        """Have the process moved into a cgroup below a scope."""
        return self._call("AttachProcessesToUnit", "ssau", (scope, below, [pid])) is not None

    def _call(self, method: str, signature: str = "", body: tuple[object, ...] = ()) -> Any:
        from jeepney import DBusAddress, new_method_call

        systemd = DBusAddress(_PATH, _SERVICE, _INTERFACE)
        return self._ask(new_method_call(systemd, method, signature, body))

    def _ask(self, message: Any) -> Any:
        """Return the answer's values, None where it is an error; what else comes waits its turn."""
        from jeepney import HeaderFields, MessageType

        serial = next(self._serials)
        self._socket.settimeout(self._left())
        self._socket.sendall(message.serialise(serial=serial))
        while (answer := self._receive()).header.fields.get(HeaderFields.reply_serial) != serial:
            self._signals.append(answer)
        return None if answer.header.message_type is MessageType.error else answer.body

    def _receive(self) -> Any:
        while (message := self._parser.get_next_message()) is None:
            self._socket.settimeout(self._left())
            data = self._socket.recv(4096)
            if not data:
                raise ConnectionResetError("systemd has closed the connection")
            self._parser.add_data(data)
        return message

    def _left(self) -> float:
        return max(self._deadline - time.monotonic(), 0)
