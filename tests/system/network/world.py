"""A machine with a server at the other end of its cable; an engine tries to get there.

    python -m tests.system.network.world HOME IMAGE RESOLVER

Run in fresh network and mount namespaces with all rights in them (test_way_out). What the machine
knows of resolvers is RESOLVER alone, which is the server outside or an address of the machine's own
loopback. Prints as JSON what containers were told.
"""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
import tempfile
import threading
from pathlib import Path

import dnslib

import ipycontainer
from ipycontainer.engine.container import Container
from ipycontainer.engine.engine import Engine
from ipycontainer.linux import links, namespaces
from tests.system.engine.processes import eventually

NEAR, FAR = "10.79.0.1", "10.79.0.2"
NEAR_6, FAR_6 = "fd79::1", "fd79::2"
PLAIN, PLAIN_NETWORK = "10.78.0.9", "10.78.0.0/24"  # a container's that nobody translates
NAME = "server.example"
OWN_PORT = 8080


def main(home: str, image: str, resolver: str) -> None:
    """Build the world, try, and print; see the module's docstring."""
    links.loopback_up()
    ready, told = os.pipe()
    far = os.fork()
    if far == 0:
        _be_far(told, resolver)
    os.read(ready, 1)
    _ip(f"link add cable type veth peer name cable netns {far}")
    _ip(f"addr add {NEAR}/24 dev cable")
    _ip(f"addr add {NEAR_6}/64 dev cable nodad")
    _ip("link set cable up")
    _ip(f"route add default via {FAR}")
    _ip(f"-6 route add default via {FAR_6}")
    os.kill(far, 0)
    os.read(ready, 1)
    for any_address, family in (("", socket.AF_INET), ("::", socket.AF_INET6)):
        own = socket.create_server((any_address, OWN_PORT), family=family)
        threading.Thread(target=_answer, args=(own,), daemon=True).start()
    with tempfile.NamedTemporaryFile("w") as file:
        file.write(f"nameserver {resolver}\n")
        file.flush()
        subprocess.run(["mount", "--bind", file.name, "/etc/resolv.conf"], check=True)
        if resolver != FAR:
            _answer_names(resolver)
        with ipycontainer.connect(Path(home)) as engine:
            engine.images.import_(Path(image), repository="busybox", tag="latest")
            try:
                print(json.dumps(_tried(engine)), flush=True)
            finally:
                engine.reset()
    os.kill(far, 9)
    os._exit(0)


def _tried(engine: Engine) -> dict[str, str]:
    """Return what the server says by network and by what it was asked."""
    engine.networks.create("office")
    engine.networks.create("inner", internal=True)
    found: dict[str, str] = {}
    command = ["wget", "-T", "3", "-qO-"]
    for network in ("bridge", "office", "host", "inner"):
        for whom in (FAR, NAME):
            words = [*command, f"http://{whom}/"]
            result = engine.run("busybox", words, network=network, remove=True)
            found[f"{network} {whom}"] = result.stdout.decode()
    for network in ("bridge", "office", "host", "inner"):
        for whom in (NEAR, "machine"):
            words = [*command, f"http://{whom}:{OWN_PORT}/"]
            own = {"machine": "host-gateway"} if whom == "machine" else {}
            result = engine.run("busybox", words, network=network, remove=True, extra_hosts=own)
            found[f"{network} to {whom}"] = result.stdout.decode().partition(" ")[0]
    engine.networks.create("six", enable_ipv6=True, subnets=["fd78::/64"])
    for server, part in ((f"[{FAR_6}]", 2), (f"[{NEAR_6}]:{OWN_PORT}", 1)):
        result = engine.run("busybox", [*command, f"http://{server}/"], network="six", remove=True)
        found[f"six {server}"] = " ".join(result.stdout.decode().split()[:part])
    plain = {"com.docker.network.bridge.enable_ip_masquerade": "false"}
    engine.networks.create("plain", subnets=[PLAIN_NETWORK], options=plain)
    wanted = {"plain": {"IPAMConfig": {"IPv4Address": PLAIN}}}
    result = engine.run(
        "busybox",
        [*command, f"http://{FAR}/"],
        network="plain",
        remove=True,
        networking_config=wanted,
    )
    found[f"plain {FAR}"] = result.stdout.decode()
    late = engine.containers.run("busybox", ["sleep", "99"], network="inner", detach=True)
    assert isinstance(late, Container)
    for network in ("", "office"):
        if network:
            engine.networks.get(network).connect(late)
        found[f"inner and {network} {NAME}"] = _says(late, *command, f"http://{NAME}/")
    early = engine.containers.run("busybox", ["sleep", "99"], detach=True)
    assert isinstance(early, Container)
    engine.networks.get("inner").connect(early)
    found[f"bridge and inner {NAME}"] = _says(early, *command, f"http://{NAME}/")
    return found


def _says(container: Container, *words: str) -> str:
    result = container.exec_run(list(words))
    assert isinstance(result.output, bytes)
    return result.output.decode() if result.exit_code == 0 else ""


def _be_far(told: int, resolver: str) -> None:
    """Be the server outside, in a network of its own."""
    namespaces.unshare(namespaces.CLONE_NEWNET)
    os.write(told, b"1")
    eventually(lambda: any(name == "cable" for _, name in socket.if_nameindex()))
    _ip(f"addr add {FAR}/24 dev cable")
    _ip(f"addr add {FAR_6}/64 dev cable nodad")
    _ip("link set cable up")
    _ip(f"route add {PLAIN_NETWORK} via {NEAR}")
    if resolver == FAR:
        _answer_names(FAR)
    server = socket.create_server((FAR, 80))
    server_6 = socket.create_server((FAR_6, 80), family=socket.AF_INET6)
    threading.Thread(target=_answer, args=(server_6,), daemon=True).start()
    os.write(told, b"1")
    _answer(server)


def _answer(server: socket.socket) -> None:
    """Greet every client by its address."""
    while True:
        client, peer = server.accept()
        client.recv(1000)
        client.sendall(f"HTTP/1.0 200 OK\r\n\r\nhello {peer[0]}".encode())
        client.close()


def _answer_names(address: str) -> None:
    """Answer every question of names here from now on, with the server's address."""
    sock = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    sock.bind((address, 53))

    def answer() -> None:
        while True:
            message, asker = sock.recvfrom(1500)
            question = dnslib.DNSRecord.parse(message)
            reply = question.reply()
            if question.q.qtype == dnslib.QTYPE.A and str(question.q.qname) == f"{NAME}.":
                reply.add_answer(dnslib.RR(NAME, rdata=dnslib.A(FAR)))
            sock.sendto(reply.pack(), asker)

    threading.Thread(target=answer, daemon=True).start()


def _ip(line: str) -> None:
    subprocess.run(["ip", *line.split()], check=True, timeout=10)


if __name__ == "__main__":
    main(*sys.argv[1:])
