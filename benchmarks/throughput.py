"""How much flows in a second: from container to container, and through a published port.

The same stream of TCP in the networks of each engine's containers: one program sends for a moment
from the one, another counts in the other. From this machine a published port is asked at 127.0.0.1,
which a proxy carries everywhere; as root also from another machine, a network namespace at the end
of a cable, which is the kernel's work. The engines take turns.
"""

from __future__ import annotations

import contextlib
import json
import os
import socket
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass

from benchmarks.peers import Peer
from ipycontainer.engine.engine import Engine
from ipycontainer.model.config import ContainerConfig
from ipycontainer.model.network import EndpointConfig, PortBinding

__all__ = ["WAYS", "measure"]

WAYS = ("between containers", "published, this machine", "published, another")
ROUNDS = 5
PORT = 5000
NEAR, FAR = "10.78.0.1", "10.78.0.2"
ENTER_ROOT = ("nsenter", "--net", "--target")
ENTER_USER = ("nsenter", "--user", "--net", "--preserve-credentials", "--target")
COUNT = """
import socket, sys, time
server = socket.create_server(("", int(sys.argv[1])))
print(flush=True)
client, _ = server.accept()
room, got = memoryview(bytearray(1 << 20)), 0
begin = time.perf_counter()
while size := client.recv_into(room):
    got += size
print(got / (time.perf_counter() - begin))
"""
SEND = """
import socket, sys, time
client = socket.create_connection((sys.argv[1], int(sys.argv[2])), 5)
data, end = memoryview(bytes(1 << 20)), time.perf_counter() + 0.7
while time.perf_counter() < end:
    client.send(data)
"""


@dataclass(frozen=True)
class Pair:
    """Two containers of an engine on one network; the second has PORT published at `published`.

    The words enter their networks, and that of the machine whose port it is.
    """

    machine: tuple[str, ...]
    sender: tuple[str, ...]
    receiver: tuple[str, ...]
    address: str
    published: int


def measure(engine: Engine, peers: list[Peer]) -> dict[str, list[float]]:
    """Return bytes a second by engine and way, each round's."""
    is_root = os.geteuid() == 0
    found: dict[str, list[float]] = {}
    with contextlib.ExitStack() as stack:
        pairs = {"ipycontainer": stack.enter_context(_own(engine))}
        pairs |= {peer.name: stack.enter_context(_of_peer(peer)) for peer in peers}
        machines = {pair.machine for pair in pairs.values()} if is_root else set()
        far = {machine: stack.enter_context(_cable(machine)) for machine in machines}
        for _ in range(ROUNDS):
            for name, pair in pairs.items():
                tries = [(pair.sender, pair.address, PORT)]
                tries += [(pair.machine, "127.0.0.1", pair.published)]
                tries += [(far[pair.machine], NEAR, pair.published)] if is_root else []
                for way, (sender, address, port) in zip(WAYS, tries, strict=False):
                    rate = _flow(sender, pair.receiver, address, port)
                    found.setdefault(f"{name} {way}", []).append(rate)
    return found


def _flow(sender: tuple[str, ...], receiver: tuple[str, ...], address: str, port: int) -> float:
    """Send for a moment, and return what arrived in a second."""
    python = (sys.executable, "-I", "-c")
    with subprocess.Popen([*receiver, *python, COUNT, str(PORT)], stdout=-1) as server:
        assert server.stdout is not None
        server.stdout.readline()
        subprocess.run([*sender, *python, SEND, address, str(port)], check=True, timeout=30)
        return float(server.stdout.read())


@contextlib.contextmanager
def _own(engine: Engine) -> Iterator[Pair]:
    network = engine.networks.create("bench")
    port = _free_port()
    wanted = {"sender": (), "receiver": (PortBinding(PORT, first=port, last=port),)}
    containers = []
    for name, ports in wanted.items():
        config = ContainerConfig(
            "busybox",
            ("sleep", "9999"),
            network="bench",
            endpoints=(EndpointConfig("bench"),),
            ports=ports,
        )
        containers.append(engine.containers.create_from(config, name))
        containers[-1].start()
        containers[-1].reload()
    enter = ENTER_ROOT if os.geteuid() == 0 else ENTER_USER
    one, other = ((*enter, str(each.record.state.pid)) for each in containers)
    address = containers[1].attrs["NetworkSettings"]["Networks"]["bench"]["IPAddress"]
    try:
        yield Pair((), one, other, address, port)
    finally:
        for container in containers:
            container.remove(force=True)
        network.remove()


@contextlib.contextmanager
def _of_peer(peer: Peer) -> Iterator[Pair]:
    port = _free_port()
    say = _Client(peer.client)
    say("network", "create", "bench")
    image = ("--stop-signal", "KILL", "bench", "sleep", "9999")
    say("run", "-d", "--name", "sender", "--network", "bench", *image)
    published = ("-p", f"{port}:{PORT}")
    say("run", "-d", "--name", "receiver", "--network", "bench", *published, *image)
    enter = ENTER_ROOT if os.geteuid() == 0 else ENTER_USER
    one, other = (
        (*enter, say("inspect", "-f", "{{.State.Pid}}", name)) for name in ("sender", "receiver")
    )
    networks = say("inspect", "-f", "{{json .NetworkSettings.Networks}}", "receiver")
    machine = (*enter, str(peer.machine)) if peer.machine else ()
    try:
        yield Pair(machine, one, other, json.loads(networks)["bench"]["IPAddress"], port)
    finally:
        say("rm", "-f", "sender", "receiver")
        say("network", "rm", "bench")


class _Client:
    """A command line, and what it prints."""

    def __init__(self, words: tuple[str, ...]) -> None:
        self._words = words

    def __call__(self, *words: str) -> str:
        return subprocess.run(
            [*self._words, *words], stdout=subprocess.PIPE, text=True, check=True, timeout=60
        ).stdout.strip()


@contextlib.contextmanager
def _cable(machine: tuple[str, ...]) -> Iterator[tuple[str, ...]]:
    """Lead a cable from a machine to a fresh network; yield the words that enter that."""
    script = ("sh", "-c", "echo; exec sleep 999")
    with subprocess.Popen(["unshare", "--net", *script], stdout=subprocess.PIPE) as far:
        try:
            assert far.stdout is not None
            far.stdout.readline()
            enter = (*ENTER_ROOT, str(far.pid))
            peer = f"peer name cable netns {far.pid}"
            for place, line in (
                (machine, f"link add cable type veth {peer}"),
                (machine, f"addr add {NEAR}/24 dev cable"),
                (machine, "link set cable up"),
                (enter, f"addr add {FAR}/24 dev cable"),
                (enter, "link set cable up"),
            ):
                words = [*place, "ip", *line.split()]
                subprocess.run(words, check=True, timeout=10)
            yield enter
        finally:
            far.kill()


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("", 0))
        return int(probe.getsockname()[1])
