"""Published ports: reached from the machine, refused when taken, given back."""

from __future__ import annotations

import os
import socket
import threading
import time
from typing import Any

import pytest

from ipycontainer.engine.container import Container
from ipycontainer.engine.engine import Engine
from ipycontainer.errors import Conflict
from ipycontainer.model.config import ContainerConfig
from ipycontainer.model.network import PortBinding
from ipycontainer.network.published import PUBLISH_VARIABLE
from tests.system.engine.processes import eventually, kill, monitor_of
from tests.system.network.bridged import processes, rules, says

pytestmark = [pytest.mark.sampled, pytest.mark.usefixtures("busybox_image")]
HELLO = "while :; do echo hello | nc -l -p 80; done"
# Of the host image's Python: busybox has no server for datagrams, and its nc ends with its client.
UDP_ECHO = """
import socket
server = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
server.bind(("", 53))
while True:
    server.sendto(*server.recvfrom(1500))
"""
TCP_ECHO = """
import socket
server = socket.create_server(("", 80))
while True:
    client, _ = server.accept()
    while data := client.recv(65536):
        client.sendall(data)
    client.close()
"""


def _publish(engine: Engine, command: str, *bindings: PortBinding, **options: Any) -> Container:
    config = ContainerConfig("busybox", ("sh", "-c", command), ports=bindings, **options)
    container = engine.containers.create_from(config)
    container.start()
    return container


def _serve(engine: Engine, program: str, *bindings: PortBinding) -> Container:
    config = ContainerConfig("host", ("python", "-c", program), ports=bindings)
    container = engine.containers.create_from(config)
    container.start()
    return container


def _get(address: str, port: int) -> bytes:
    """What a TCP server says, asked again until it listens."""
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    deadline = time.monotonic() + 20
    while True:
        with socket.socket(family) as client:
            client.settimeout(5)
            try:
                client.connect((address, port))
                said = client.recv(100)
            except OSError:
                said = b""
        if said or time.monotonic() > deadline:
            return said
        time.sleep(0.05)


def test_port_is_reached_on_the_machines_own_addresses(engine: Engine) -> None:
    """By 127.0.0.1 and by ::1, on a port that the machine chose."""
    container = _publish(engine, HELLO, PortBinding(80))
    four, six = container.published
    assert (four.address, six.address) == ("0.0.0.0", "::")
    assert four.host_port == six.host_port >= 1024
    assert _get("127.0.0.1", four.host_port) == b"hello\n"
    assert _get("::1", six.host_port) == b"hello\n"
    shown = container.attrs["NetworkSettings"]["Ports"]["80/tcp"]
    assert shown == [
        {"HostIp": "0.0.0.0", "HostPort": str(four.host_port)},
        {"HostIp": "::", "HostPort": str(six.host_port)},
    ]
    container.remove(force=True)
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection(("127.0.0.1", four.host_port), 5)


def test_proxy_lives_from_the_first_connection_to_the_containers_end(engine: Engine) -> None:
    """Nothing is forked for a port that nobody asks, and no side child is left behind."""
    container = _publish(engine, HELLO, PortBinding(80))
    name = f"ipyc-ports-{container.id[:4]}"
    assert name not in processes()
    assert _get("127.0.0.1", container.published[0].host_port) == b"hello\n"
    assert name in processes()
    container.remove(force=True)
    eventually(lambda: name not in processes())


def test_ports_follow_a_container_from_network_to_network(engine: Engine) -> None:
    """Off its network they lead nowhere and stay its own; on another one they lead there."""
    office = engine.networks.create("office")
    container = _publish(engine, HELLO, PortBinding(80))
    port = container.published[0].host_port
    assert _get("127.0.0.1", port) == b"hello\n"
    bridge = engine.networks.get("bridge")
    bridge.disconnect(container)
    assert container.published == []
    assert not _is_free(port)
    office.connect(container)
    assert _get("127.0.0.1", port) == b"hello\n"
    assert {each.host_port for each in container.published} == {port}
    bridge.connect(container)
    office.disconnect(container)
    assert _get("127.0.0.1", port) == b"hello\n"
    container.remove(force=True)
    eventually(lambda: _is_free(port))


def test_datagrams_go_there_and_back(engine: Engine) -> None:
    """UDP: an answer finds its way to who asked, from the address that was asked."""
    container = _serve(engine, UDP_ECHO, PortBinding(53, "udp"))
    port = container.published[0].host_port
    for address in ("127.0.0.1", "127.0.0.2", "::1"):
        family = socket.AF_INET6 if ":" in address else socket.AF_INET
        with socket.socket(family, socket.SOCK_DGRAM) as client:
            client.settimeout(0.5)
            client.connect((address, port))
            for _ in range(40):
                client.send(b"ping\n")
                try:
                    assert client.recv(100) == b"ping\n"
                    break
                except (TimeoutError, ConnectionRefusedError):
                    time.sleep(0.05)
            else:
                pytest.fail(f"no answer came from {address}")


def test_large_streams_arrive_whole_both_ways(engine: Engine) -> None:
    """What goes in comes out again to the byte; the end of one way is not that of the other."""
    container = _serve(engine, TCP_ECHO, PortBinding(80, address="127.0.0.1"))
    port = container.published[0].host_port
    sent, received = os.urandom(8 << 20), bytearray()
    client = socket.socket()
    for _ in range(100):
        try:
            client.connect(("127.0.0.1", port))
            client.settimeout(20)
            client.send(sent[:1])
            received += client.recv(1)
            if received:
                break
        except OSError:
            pass
        client.close()
        client = socket.socket()
        time.sleep(0.05)

    def send() -> None:
        client.sendall(sent[1:])
        client.shutdown(socket.SHUT_WR)

    sender = threading.Thread(target=send)
    sender.start()
    while data := client.recv(1 << 16):
        received += data
    sender.join()
    client.close()
    assert bytes(received) == sent


def test_taken_port_fails_the_start_and_leaves_the_container_created(engine: Engine) -> None:
    """As docker's: the words name the port, the container stays, and nothing of it is left."""
    first = _publish(engine, HELLO, PortBinding(80, address="127.0.0.1"))
    port = first.published[0].host_port
    wanted = PortBinding(80, address="127.0.0.1", first=port)
    config = ContainerConfig("busybox", ("true",), ports=(wanted,))
    second = engine.containers.create_from(config, "second")
    with pytest.raises(
        Conflict, match=f"Bind for 127.0.0.1:{port} failed: port is already"
    ) as error:
        second.start()
    assert error.value.message.startswith(
        "driver failed programming external connectivity on endpoint second ("
    )
    assert second.status == "created"
    assert second.attrs["NetworkSettings"]["Networks"]["bridge"]["IPAddress"] == ""
    first.remove(force=True)
    second.start()
    assert second.wait()["StatusCode"] == 0


def test_lowest_free_port_of_a_range_is_taken(engine: Engine) -> None:
    """With a range of the machine's ports the second container gets the second."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        base = probe.getsockname()[1]
    wanted = PortBinding(80, address="127.0.0.1", first=base, last=base + 3)
    found = [_publish(engine, HELLO, wanted).published[0].host_port for _ in range(2)]
    assert found[0] < found[1] <= base + 3


def test_one_setting_keeps_ports_on_the_loopback(
    engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With the variable set, `-p` without an address is for this machine only."""
    monkeypatch.setenv(PUBLISH_VARIABLE, "127.0.0.1")
    container = _publish(engine, HELLO, PortBinding(80))
    assert [port.address for port in container.published] == ["127.0.0.1"]


def test_exposed_ports_are_published_when_all_are(engine: Engine) -> None:
    """-P takes what was exposed, each on a port of the machine's choice."""
    container = _publish(engine, HELLO, exposed=("80/tcp", "53/udp"), publish_all=True)
    shown = {(port.port, port.protocol) for port in container.published}
    assert shown == {(80, "tcp"), (53, "udp")}
    assert _get("127.0.0.1", container.published[-1].host_port) == b"hello\n"


def test_ports_are_given_back_after_a_kill(engine: Engine) -> None:
    """Monitor and proxy killed: the next look frees the port and the rule."""
    container = _publish(engine, HELLO, PortBinding(80))
    port = container.published[0].host_port
    kill(monitor_of(engine, container.id))
    eventually(lambda: container.status == "exited")
    assert container.published == []
    assert f". {port} :" not in rules(engine)
    eventually(lambda: _is_free(port))


def _is_free(port: int) -> bool:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("0.0.0.0", port))
        except OSError:
            return False
        return True


def test_container_reaches_its_own_published_port(engine: Engine) -> None:
    """By the machine's address on its bridge, and so does a neighbour."""
    container = _publish(engine, HELLO, PortBinding(80))
    neighbour = _publish(engine, "sleep 1000")
    port = container.published[0].host_port
    assert _get("127.0.0.1", port) == b"hello\n"
    if os.geteuid() != 0:
        pytest.skip("an ordinary user's machine is not where the bridge is")
    for asker in (container, neighbour):
        ask = f"for i in 1 2 3 4 5; do nc -w 2 172.17.0.1 {port} && break; sleep 0.1; done"
        assert says(asker, "sh", "-c", ask) == (0, "hello\n")
