"""Who reaches whom between network namespaces: a plan on stdin, the answers on stdout.

    {"servers": {NAMESPACE: NAME}, "questions": [[NAMESPACE, PROTOCOL, ADDRESS, PORT], ...]}

In each namespace a server listens on port 80, by TCP and UDP, IPv4 and IPv6, which tells its name
and whom it sees. Then one namespace asks soon after the other, for of a flood who carries packets
drops some, and all wait together: the answers are what each was told, "" for nothing. Called by
test_modes, as root.
"""

from __future__ import annotations

import heapq
import json
import os
import resource
import select
import socket
import struct
import sys
import time
from collections.abc import Iterable, Mapping
from contextlib import suppress

from ipycontainer.linux import namespaces

PORT = 80
WAIT_SECONDS = 2.5
APART_SECONDS = 0.05
AGAIN_SECONDS = 0.5  # a datagram may be dropped while a neighbour is looked for
# linux/in.h, linux/in6.h: a server of datagrams answers by the address that it was asked at.
_IP_PKTINFO, _IPV6_RECVPKTINFO, _IPV6_PKTINFO = 8, 49, 50
_KINDS = {"tcp": socket.SOCK_STREAM, "udp": socket.SOCK_DGRAM}
Question = tuple[str, str, str, int]


def enter(namespace: str) -> None:
    """Open sockets there from now on."""
    fd = os.open(namespace, os.O_RDONLY)
    try:
        namespaces.setns(fd, namespaces.CLONE_NEWNET)
    finally:
        os.close(fd)


class Reach:
    """Servers and questions, in one loop."""

    def __init__(self, servers: Mapping[str, str], questions: Iterable[Question]) -> None:
        self._poll = select.epoll()
        self._servers: dict[int, tuple[socket.socket, str]] = {}
        self._asked: dict[int, tuple[socket.socket, int]] = {}
        self._questions = list(questions)
        self.answers = [""] * len(self._questions)
        for namespace, name in servers.items():
            enter(namespace)
            _await_addresses()
            self._serve(name)

    def _serve(self, name: str) -> None:
        for family in (socket.AF_INET, socket.AF_INET6):
            for kind in _KINDS.values():
                sock = socket.socket(family, kind | socket.SOCK_NONBLOCK)
                if family == socket.AF_INET6:
                    sock.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
                    sock.setsockopt(socket.IPPROTO_IPV6, _IPV6_RECVPKTINFO, 1)
                else:
                    sock.setsockopt(socket.IPPROTO_IP, _IP_PKTINFO, 1)
                sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)  # as asked just before
                sock.bind(("", PORT))
                if kind == socket.SOCK_STREAM:
                    sock.listen(4096)
                self._servers[sock.fileno()] = (sock, name)
                self._poll.register(sock, select.EPOLLIN)

    def _ask(self, number: int) -> None:
        _, protocol, address, port = self._questions[number]
        family = socket.AF_INET6 if ":" in address else socket.AF_INET
        sock = socket.socket(family, _KINDS[protocol] | socket.SOCK_NONBLOCK)
        try:
            with suppress(BlockingIOError):
                sock.connect((address, port))
        except OSError:  # no way there
            sock.close()
            return
        self._asked[sock.fileno()] = (sock, number)
        self._poll.register(sock, select.EPOLLIN)

    def run(self) -> None:
        """Ask and answer until the time is over."""
        numbers: dict[str, list[int]] = {}
        for number, (namespace, *_) in enumerate(self._questions):
            numbers.setdefault(namespace, []).append(number)
        begin = time.monotonic()
        turns = [(begin + APART_SECONDS * at, namespace) for at, namespace in enumerate(numbers)]
        end = begin + APART_SECONDS * len(turns) + WAIT_SECONDS
        while (now := time.monotonic()) < end:
            if now >= turns[0][0]:
                due, namespace = turns[0]
                heapq.heapreplace(turns, (due + AGAIN_SECONDS, namespace))
                enter(namespace)
                for number in numbers.pop(namespace, ()):
                    self._ask(number)
                self._send_datagrams(namespace)
            for fd, _ in self._poll.poll(max(0.0, min(end, turns[0][0]) - now)):
                if fd in self._servers:
                    self._tell(*self._servers[fd])
                elif fd in self._asked:
                    self._hear(*self._asked[fd])

    def _send_datagrams(self, asker: str) -> None:
        for sock, number in self._asked.values():
            namespace, protocol, *_ = self._questions[number]
            if (namespace, protocol) == (asker, "udp"):
                with suppress(OSError):
                    sock.send(b"?")

    def _tell(self, server: socket.socket, name: str) -> None:
        with suppress(BlockingIOError):
            while True:
                if server.type == socket.SOCK_DGRAM:
                    _, told, _, peer = server.recvmsg(16, 64)
                    with suppress(OSError):
                        text = f"{name} {peer[0]}".encode()
                        server.sendmsg([text], [_from(*each) for each in told], 0, peer)
                else:
                    sock, peer = server.accept()
                    with sock, suppress(OSError):
                        sock.send(f"{name} {peer[0]}".encode())

    def _hear(self, sock: socket.socket, number: int) -> None:
        try:
            self.answers[number] = sock.recv(200).decode()
        except BlockingIOError:
            return
        except OSError:  # refused
            if self._questions[number][1] == "udp":
                return  # by one path; the next datagram may take another
        del self._asked[sock.fileno()]
        self._poll.unregister(sock)
        sock.close()


def _await_addresses() -> None:
    """Wait until no address of IPv6 is tentative here (IFA_F_TENTATIVE, linux/if_addr.h)."""
    deadline = time.monotonic() + 5
    while time.monotonic() < deadline:
        with open("/proc/thread-self/net/if_inet6", encoding="ascii") as file:
            if not any(int(line.split()[4], 16) & 0x40 for line in file):
                return
        time.sleep(0.05)


def _from(level: int, kind: int, data: bytes) -> tuple[int, int, bytes]:
    """Return, of where a datagram arrived, the address alone: the interface is the route's."""
    if kind == _IPV6_PKTINFO:
        return level, kind, data[:16] + struct.pack("=I", 0)
    return level, kind, struct.pack("=I", 0) + data[4:]


def main() -> None:
    """Do what is asked; see the module's docstring."""
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    plan = json.load(sys.stdin)
    reach = Reach(plan["servers"], [tuple(question) for question in plan["questions"]])
    reach.run()
    json.dump(reach.answers, sys.stdout)


if __name__ == "__main__":
    main()
