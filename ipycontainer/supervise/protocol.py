"""The messages between engine, zygote, monitors and workers: JSON on unix SOCK_SEQPACKET.

One message is one packet of less than 64 KiB; a larger body travels as a sealed memfd. File
descriptors ride along by SCM_RIGHTS, so standard streams never pass through a message. Every
message carries the protocol's version. Used on both sides; imports linux and errors only.

The kinds of messages stand in ARCHITECTURE.md. Who may speak is decided by `check_peer`.
"""

from __future__ import annotations

import array
import fcntl
import json
import os
import socket
import struct
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

from ipycontainer.errors import ProtocolError
from ipycontainer.linux import procfs

__all__ = ["ANOTHER", "Channel", "Message", "check_peer", "connect", "listen", "starts_path"]

VERSION = 1
ANOTHER = b"another"  # a zygote to its starter: one of the home is there, or about to be
PACKET_LIMIT_BYTES = 60_000  # below the 64 KiB that a message may have, header of a memfd included
BODY_LIMIT_BYTES = 256 * 1024 * 1024  # a diff of a million paths fits; no peer fills our memory
FDS_LIMIT = 8  # stdin, stdout, stderr, a body, and room to grow
# fcntl.h: seals of a memfd, so that the reader's copy cannot change under it.
SEALS = 0x1 | 0x2 | 0x4 | 0x8  # F_SEAL_SEAL | SHRINK | GROW | WRITE
F_ADD_SEALS, F_GET_SEALS = 1033, 1034


@dataclass(frozen=True, slots=True)
class Message:
    """A received message: its JSON body and the descriptors that came with it (close-on-exec)."""

    body: Mapping[str, Any]
    fds: tuple[int, ...] = ()

    @property
    def name(self) -> str:
        """Return what the message asks (`op`) or tells (`event`)."""
        return str(self.body.get("op") or self.body.get("event") or "")

    def close_fds(self) -> None:
        """Close the descriptors that nobody took."""
        for fd in self.fds:
            os.close(fd)


class Channel:
    """A connected SOCK_SEQPACKET socket that sends and receives messages."""

    def __init__(self, sock: socket.socket) -> None:
        self.socket = sock

    def fileno(self) -> int:
        """Return the socket's descriptor, for a selector."""
        return self.socket.fileno()

    def send(self, body: Mapping[str, Any], fds: Sequence[int] = ()) -> None:
        """Send one message, with descriptors.

        Raises OSError as sendmsg(2) does: BrokenPipeError when the peer left, BlockingIOError on a
        nonblocking socket whose peer does not read.
        """
        packet = json.dumps({"v": VERSION, **body}, separators=(",", ":")).encode()
        if len(packet) <= PACKET_LIMIT_BYTES:
            self._send(packet, fds)
            return
        memfd = _sealed(packet)
        try:
            self._send(json.dumps({"v": VERSION, "memfd": len(packet)}).encode(), (memfd, *fds))
        finally:
            os.close(memfd)

    def send_if_heard(self, body: Mapping[str, Any]) -> None:
        """Send a small message, unless the peer's queue is full: it is one of many."""
        packet = json.dumps({"v": VERSION, **body}, separators=(",", ":")).encode()
        with suppress(BlockingIOError):
            self.socket.sendmsg([packet], [], socket.MSG_NOSIGNAL | socket.MSG_DONTWAIT)

    def _send(self, packet: bytes, fds: Sequence[int]) -> None:
        ancillary = [(socket.SOL_SOCKET, socket.SCM_RIGHTS, array.array("i", fds))] if fds else []
        self.socket.sendmsg([packet], ancillary, socket.MSG_NOSIGNAL)

    def receive(self) -> Message | None:
        """Return the next message, or None when the peer has closed.

        Raises ProtocolError for whatever is not a whole message of this protocol; descriptors that
        came with it are closed then.
        """
        try:
            packet, ancillary, flags, _ = self.socket.recvmsg(
                PACKET_LIMIT_BYTES + 4096,
                socket.CMSG_SPACE(FDS_LIMIT * 4),
                socket.MSG_CMSG_CLOEXEC,
            )
        except ConnectionResetError:
            return None
        fds = _descriptors(ancillary)
        if not packet and not fds:
            return None
        try:
            if flags & (socket.MSG_TRUNC | socket.MSG_CTRUNC):
                raise ProtocolError("a message was cut: too long, or too many descriptors")
            body = _object(packet)
            if "memfd" in body:
                body, fds = self._large(body, fds)
        except ProtocolError:
            for fd in fds:
                os.close(fd)
            raise
        return Message(body, tuple(fds))

    @staticmethod
    def _large(head: Mapping[str, Any], fds: list[int]) -> tuple[Mapping[str, Any], list[int]]:
        size = head["memfd"]
        if not fds or not isinstance(size, int) or not 0 < size <= BODY_LIMIT_BYTES:
            raise ProtocolError("a large message came without its body, or is too large")
        try:
            sealed = fcntl.fcntl(fds[0], F_GET_SEALS) & SEALS == SEALS
        except OSError:  # not a memfd: it could change while it is read, or never end
            sealed = False
        if not sealed:
            raise ProtocolError("the body of a large message is not sealed")
        body = _object(os.pread(fds[0], size, 0))
        os.close(fds.pop(0))
        return body, fds

    def close(self) -> None:
        """Close the socket; the peer sees the end of the conversation."""
        self.socket.close()


def _sealed(data: bytes) -> int:
    fd = os.memfd_create("ipyc-message", os.MFD_CLOEXEC | os.MFD_ALLOW_SEALING)
    with open(fd, "wb", closefd=False) as file:
        file.write(data)
    fcntl.fcntl(fd, F_ADD_SEALS, SEALS)
    return fd


def _object(packet: bytes) -> Mapping[str, Any]:
    try:
        body = json.loads(packet)
    except (ValueError, RecursionError) as error:
        raise ProtocolError("a message is not JSON") from error
    if not isinstance(body, dict) or body.get("v") != VERSION:
        raise ProtocolError("a message is of another protocol version")
    return body


def _descriptors(ancillary: list[tuple[int, int, bytes]]) -> list[int]:
    found = array.array("i")
    for level, kind, data in ancillary:
        if level == socket.SOL_SOCKET and kind == socket.SCM_RIGHTS:
            found.frombytes(data[: len(data) - len(data) % found.itemsize])
    return list(found)


def peer(sock: socket.socket) -> tuple[int, int]:
    """Return pid and uid of who connected, or of who listened where we did (unix(7))."""
    credentials = sock.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, struct.calcsize("3i"))
    pid, uid, _ = struct.unpack("3i", credentials)
    return pid, uid


def check_peer(sock: socket.socket) -> None:
    """Raise ProtocolError unless the peer is a process of our user that lives in no container.

    The uid alone is not enough: a container's root has it too, and can connect through a read-only
    bind of the runtime directory. A process of a container has a pid namespace of its own, which
    shows as a second entry in the `NSpid` line of its status (proc(5)); one whose pid cannot be
    seen from here at all has pid 0.
    """
    pid, uid = peer(sock)
    if uid != os.geteuid():
        raise ProtocolError(f"a process of user {uid} tried to connect")
    try:
        depth = procfs.nspid_depth(pid) if pid > 0 else 0
    except OSError:  # it is gone, or not ours to see
        depth = 0
    if depth != 1:
        raise ProtocolError(f"process {pid} tried to connect from inside a container")


def starts_path(zygote: str) -> str:
    """Return the socket for requests of monitors that belongs to a zygote's own socket."""
    return f"{zygote.removesuffix('.s')}.m"


def listen(path: str) -> socket.socket:
    """Return a listening socket at `path`, made anew, open to its owner only.

    The caller holds the lock that makes it the only one to listen there.
    """
    sock = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET | socket.SOCK_CLOEXEC)
    try:
        try:
            os.unlink(path)
        except FileNotFoundError:
            pass
        before = os.umask(0o177)
        try:
            sock.bind(path)
        finally:
            os.umask(before)
        sock.listen(128)
    except BaseException:
        sock.close()
        raise
    sock.setblocking(False)
    return sock


def connect(path: str) -> Channel:
    """Return a channel to whoever listens at `path`.

    Raises FileNotFoundError or ConnectionRefusedError when nobody does.
    """
    sock = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET | socket.SOCK_CLOEXEC)
    try:
        sock.connect(path)
    except BaseException:
        sock.close()
        raise
    return Channel(sock)
