"""The holder: a small process that keeps an ordinary user's network namespace of bridges.

The home's monitors stand in the machine's network, where published ports must be listened on, and
from inside an own namespace there is no way back (measured). So the bridges live in a namespace
that this process holds; it hands out netlink sockets made there, each client its own. It lives as
long as a client is connected (monitors stay), and a minute beyond: the zygote may come and go.

Forked by a worker, which puts it into the home's user namespace by birth.
"""

from __future__ import annotations

import os
import select
import signal
import socket
import sys
from contextlib import suppress
from pathlib import Path

from ipycontainer import faults
from ipycontainer.errors import ProtocolError, ResourceError
from ipycontainer.linux import links, namespaces, nftables, rtnetlink, syscalls
from ipycontainer.network import outside
from ipycontainer.network.place import END, Place, holder_lock, holder_socket
from ipycontainer.store import liveness
from ipycontainer.store.home import Home
from ipycontainer.supervise.protocol import check_peer, listen

__all__ = ["ensure"]

IDLE_SECONDS = 60
_READY = 3  # the first descriptor behind the standard streams
# Nobody's rules but ours are here, and what stays on a bridge is let pass without asking them
# (linux/netfilter_bridge: the packets would be tracked, a tenth of what can flow; measured).
_SETTINGS = {
    "ipv4/ip_forward": "1",
    "ipv6/conf/all/forwarding": "1",
    "bridge/bridge-nf-call-iptables": "0",
    "bridge/bridge-nf-call-ip6tables": "0",
    "bridge/bridge-nf-call-arptables": "0",
}


def ensure(home: Home) -> list[str]:
    """Have a holder for an ordinary user's home, and return what is to be said about it.

    The caller is a worker: it has one thread and no open database. As root nothing is needed.
    """
    if not home.rootless or liveness.holder(holder_lock(home)) is not None:
        return []
    read, write = os.pipe()
    child = os.fork()
    if child == 0:
        os.close(read)
        _live(home, write)
    os.close(write)
    with open(read, "rb") as pipe:
        answer = pipe.read().decode(errors="replace")
    if answer == "there":  # somebody was faster
        return []
    if answer != "ok":
        raise ResourceError(f"cannot make a network namespace: {answer or 'its holder died'}")
    faults.point("holder: before the way out")
    if failure := outside.attach(child):
        return [failure]
    with Place(home) as place:
        outside.lead_to_pasta(place.route)
        if outside.machine():
            nftables.commit(place.netfilter, outside.lead_to_machine(place.table))
    return outside.unreached()


def _live(home: Home, ready: int) -> None:
    """Be the holder; never returns."""
    code = 1
    try:
        ready = _leave_the_worker(ready)
        try:
            lock = liveness.hold(holder_lock(home))
        except BlockingIOError:
            os.write(ready, b"there")
            return
        faults.point("holder: locked")
        namespaces.unshare(namespaces.CLONE_NEWNET)
        links.loopback_up()
        for name, value in _SETTINGS.items():
            with suppress(OSError):
                Path("/proc/sys/net", name).write_text(value, encoding="ascii")
        listening = listen(str(holder_socket(home)))
        faults.point("holder: listens")
        os.write(ready, b"ok")
        os.close(ready)
        _serve(listening)
        os.unlink(holder_socket(home))
        lock.release()
        code = 0
    except OSError as error:
        with suppress(OSError):
            os.write(ready, str(error).encode())
    finally:
        os._exit(code)


def _leave_the_worker(ready: int) -> int:
    """Let go of all that the worker had open: its client would wait for our end, too.

    Returns the number that `ready` has then.
    """
    os.setsid()
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)
    null = os.open(os.devnull, os.O_RDWR)
    for fd in (0, 1):
        os.dup2(null, fd)
    os.dup2(ready, _READY, inheritable=False)
    syscalls.close_range(_READY + 1, cloexec=False)
    with open("/proc/self/comm", "w", encoding="ascii") as file:
        file.write("ipyc-networks")
    return _READY


def _serve(listening: socket.socket) -> None:
    clients: dict[int, socket.socket] = {}
    poll = select.poll()
    poll.register(listening, select.POLLIN)
    while True:
        ready = poll.poll(None if clients else IDLE_SECONDS * 1000)
        if not ready and not clients:
            return
        for fd, _ in ready:
            if fd == listening.fileno():
                with suppress(BlockingIOError):
                    sock, _ = listening.accept()
                    if _hand_out(sock):
                        clients[sock.fileno()] = sock
                        poll.register(sock, select.POLLIN)
                continue
            if clients[fd].recv(16) == END:
                return
            poll.unregister(fd)
            clients.pop(fd).close()


def _hand_out(sock: socket.socket) -> bool:
    """Give a client its own sockets of this namespace, and the namespace itself."""
    try:
        check_peer(sock)
        with rtnetlink.open_route() as route, nftables.open_netfilter() as netfilter:
            own = os.open("/proc/self/ns/net", os.O_RDONLY | os.O_CLOEXEC)
            try:
                fds = [route.fileno(), netfilter.fileno(), own]
                socket.send_fds(sock, [b"1"], fds, socket.MSG_NOSIGNAL)
            finally:
                os.close(own)
    except (ProtocolError, OSError) as error:
        print(error, file=sys.stderr, flush=True)
        sock.close()
        return False
    return True
