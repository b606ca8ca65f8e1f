"""What a monitor tells its resolver: names from the store, connections to servers outside.

The resolver asks one question at a time, in a packet: `NNAME`, `PADDRESS`, or `TNUMBER` for a
connection to the server of that number. It gets JSON: null for what is not known here, false for
what is not to be asked outside either, since the container is on internal networks alone by now
(CVE-2024-29018: names carry data out).
"""

from __future__ import annotations

import json
import socket
from collections.abc import Sequence
from contextlib import suppress

from ipycontainer.store import dns_names
from ipycontainer.store.database import Store

__all__ = ["Names", "open_servers"]

DNS_PORT = 53
QUESTION_BYTES = 600


class Names:
    """Answers the resolver of one container."""

    def __init__(
        self, store: Store, container_id: str, sock: socket.socket, servers: Sequence[str]
    ) -> None:
        self._store = store
        self._id = container_id
        self._socket = sock
        self._servers = servers

    def fileno(self) -> int:
        """Return the socket's descriptor."""
        return self._socket.fileno()

    def close(self) -> None:
        """Let go of the resolver."""
        self._socket.close()

    def answer(self) -> bool:
        """Answer one question; False when the resolver has ended."""
        try:
            question = self._socket.recv(QUESTION_BYTES).decode("utf-8", "replace")
        except OSError:
            return False
        if not question:
            return False
        kind, text = question[0], question[1:]
        fds: list[int] = []
        told: dict[str, Sequence[str]] | bool | None = None
        upstream = None
        if kind == "N":
            with self._store.read() as tx:
                addresses = dns_names.addresses_of(tx, self._id, text)
            told = None if addresses is None else {"addresses": addresses}
        elif kind == "P" and text:
            with self._store.read() as tx:
                found = dns_names.names_of(tx, self._id, text)
            told = {"names": found} if found else None
        if told is None and not self._leads_out():
            told = False
        elif kind == "T" and text.isdecimal() and int(text) < len(self._servers):
            upstream = _connect(self._servers[int(text)])
            fds = [] if upstream is None else [upstream.fileno()]
        with suppress(OSError):
            socket.send_fds(self._socket, [json.dumps(told).encode()], fds)
        if upstream is not None:
            upstream.close()
        return True

    def _leads_out(self) -> bool:
        with self._store.read() as tx:
            return dns_names.leads_out(tx, self._id)


def open_servers(servers: Sequence[str]) -> list[socket.socket]:
    """Return a connected socket of UDP for each server that can be had one for."""
    opened = []
    for server in servers:
        family = socket.AF_INET6 if ":" in server else socket.AF_INET
        with suppress(OSError):
            sock = socket.socket(family, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC)
            try:
                sock.connect((server, DNS_PORT))
            except OSError:
                sock.close()
                raise
            opened.append(sock)
    return opened


def _connect(server: str) -> socket.socket | None:
    """Begin a connection of TCP to a server; the resolver waits for its end, not the monitor."""
    family = socket.AF_INET6 if ":" in server else socket.AF_INET
    try:
        sock = socket.socket(family, socket.SOCK_STREAM | socket.SOCK_CLOEXEC)
    except OSError:
        return None
    sock.setblocking(False)
    try:
        sock.connect((server, DNS_PORT))
    except BlockingIOError:
        pass
    except OSError:
        sock.close()
        return None
    return sock
