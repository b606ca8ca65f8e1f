"""Ask the user's systemd for a cgroup to rule over: a scope with `Delegate=yes`.

An ordinary user's session, or a service that runs a kernel, is not the user's to divide; their
systemd is, and gives a scope to whoever asks (org.freedesktop.systemd1(5), StartTransientUnit;
systemd's CGROUP_DELEGATION.md). The one message that it takes is written here, since a D-Bus
library would be the largest thing in the zygote (D-Bus Specification, "Message Protocol").
"""

from __future__ import annotations

import os
import socket
import struct
import time
from collections.abc import Sequence
from contextlib import suppress

from ipycontainer.linux import hierarchies

__all__ = ["enter_scope"]

METHOD_RETURN, ERROR = 2, 3
BUS, BUS_PATH = "org.freedesktop.DBus", "/org/freedesktop/DBus"
SERVICE, PATH = "org.freedesktop.systemd1", "/org/freedesktop/systemd1"
INTERFACE = f"{SERVICE}.Manager"
ANSWER_SECONDS = 5.0
MOVE_SECONDS = 2.0


def enter_scope(name: str) -> bool:
    """Move this process into a delegated scope of its own; False where none is to be had.

    Nothing is asked under version 1, where nobody delegates, or within what was delegated to a
    service as a whole. Called before the user namespace, by which systemd would not know us.
    """
    found = hierarchies.detect()
    if found.version != "v2" or not found.base:
        return False
    if hierarchies.is_marked(found.base) and not _is_systemds(found.base):
        return False
    scope = f"{name}-{os.getpid()}.scope"
    runtime = f"/run/user/{os.getuid()}"
    for path, is_bus in ((f"{runtime}/systemd/private", False), (f"{runtime}/bus", True)):
        with suppress(OSError, ValueError):
            if _start_scope(path, is_bus, scope, os.getpid()):
                return _moved_to(scope)
    return False


def _is_systemds(directory: str) -> bool:
    """Tell whether a cgroup was delegated to the user's systemd itself."""
    name = os.path.basename(directory)
    return name.startswith("user@") and name.endswith(".service")


def _moved_to(scope: str) -> bool:
    """Wait until systemd, which answers before it acts, has moved us."""
    deadline = time.monotonic() + MOVE_SECONDS
    while time.monotonic() < deadline:
        with open("/proc/self/cgroup", encoding="utf-8", errors="surrogateescape") as file:
            if file.read().rstrip().endswith(f"/{scope}"):
                return True
        time.sleep(0.005)
    return False


def _start_scope(path: str, is_bus: bool, scope: str, pid: int) -> bool:
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as sock:
        sock.settimeout(ANSWER_SECONDS)
        sock.connect(path)
        uid = str(os.getuid()).encode().hex()
        sock.sendall(f"\0AUTH EXTERNAL {uid}\r\nBEGIN\r\n".encode())
        if not _line(sock).startswith(b"OK "):
            return False
        if is_bus:
            sock.sendall(_call(1, BUS, BUS, BUS_PATH, "Hello"))
            if _answer(sock) != METHOD_RETURN:
                return False
        body = _Body()
        body.string(scope)
        body.string("fail")
        body.properties((("PIDs", "au", (pid,)), ("Delegate", "b", (1,))))
        body.number(0)  # no further units
        signature = "ssa(sv)a(sa(sv))"
        start = (SERVICE, INTERFACE, PATH, "StartTransientUnit", signature, bytes(body.data))
        sock.sendall(_call(2, *start))
        return _answer(sock) == METHOD_RETURN


class _Body:
    """Values one after the other, each at the place that its size wants."""

    def __init__(self) -> None:
        self.data = bytearray()

    def align(self, size: int) -> None:
        self.data += bytes(-len(self.data) % size)

    def number(self, value: int) -> None:
        self.align(4)
        self.data += struct.pack("<I", value)

    def string(self, text: str) -> None:
        raw = text.encode()
        self.number(len(raw))
        self.data += raw + b"\0"

    def signature(self, text: str) -> None:
        self.data += bytes([len(text)]) + text.encode() + b"\0"

    def properties(self, values: Sequence[tuple[str, str, Sequence[int]]]) -> None:
        """Add an array of name and variant: of numbers (`au`), or of one (`b`)."""
        inner = _Body()
        for name, kind, numbers in values:
            inner.align(8)
            inner.string(name)
            inner.signature(kind)
            if kind == "au":
                inner.number(4 * len(numbers))
            for each in numbers:
                inner.number(each)
        self.number(len(inner.data))
        self.align(8)  # an array's length counts from its first element on
        self.data += inner.data


def _call(
    serial: int,
    service: str,
    interface: str,
    path: str,
    member: str,
    signature: str = "",
    body: bytes = b"",
) -> bytes:
    """Return a method call, little-endian."""
    fields = _Body()
    for code, kind, text in (
        (1, "o", path),
        (2, "s", interface),
        (3, "s", member),
        (6, "s", service),
        (8, "g", signature),
    ):
        if not text:
            continue
        fields.align(8)
        fields.data.append(code)
        fields.signature(kind)
        if kind == "g":
            fields.signature(text)
        else:
            fields.string(text)
    head = struct.pack("<cBBBIII", b"l", 1, 0, 1, len(body), serial, len(fields.data))
    return head + bytes(fields.data) + bytes(-len(fields.data) % 8) + body


def _answer(sock: socket.socket) -> int:
    """Return whether the next answer is METHOD_RETURN or ERROR; signals are passed over."""
    while True:
        head = _exactly(sock, 16)
        order = "<" if head[:1] == b"l" else ">"
        kind = head[1]
        body, _, fields = struct.unpack(f"{order}III", head[4:])
        _exactly(sock, fields + -fields % 8 + body)
        if kind in (METHOD_RETURN, ERROR):
            return kind


def _exactly(sock: socket.socket, size: int) -> bytes:
    data = b""
    while len(data) < size:
        piece = sock.recv(size - len(data))
        if not piece:
            raise OSError("the connection was closed")
        data += piece
    return data


def _line(sock: socket.socket) -> bytes:
    data = b""
    while not data.endswith(b"\r\n"):
        data += _exactly(sock, 1)
    return data
