"""Published ports of SCTP: where the kernel speaks it (in tests/vm), and where it does not."""

from __future__ import annotations

import inspect
import os
import socket
import struct
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from ipycontainer.engine.container import Container
from ipycontainer.engine.engine import Engine
from ipycontainer.errors import ResourceError
from ipycontainer.model.config import ContainerConfig
from ipycontainer.model.network import PortBinding, PublishedPort
from ipycontainer.network import published
from ipycontainer.network.place import Place
from tests.system.network.bridged import rules, says

pytestmark = pytest.mark.usefixtures("busybox_image")
SCTP = socket.IPPROTO_SCTP
# linux/sctp.h: an option and kinds of ancillary data.
INITMSG, RECVRCVINFO, SNDINFO, RCVINFO = 2, 32, 2, 3
STREAM, PAYLOAD = 40, 51
PATIENCE_SECONDS = 60  # where instructions are emulated
# Sends each message back on the stream on which it came, twice; "visit" has it ask somebody else.
SERVER = """
import os, signal, socket, struct
signal.signal(signal.SIGCHLD, signal.SIG_IGN)
server = socket.socket(socket.AF_INET, socket.SOCK_STREAM, 132)
server.setsockopt(132, 2, struct.pack("HHHH", 64, 64, 0, 0))
server.bind(("", 80))
server.listen(20)
print("listens", flush=True)
while True:
    client, _ = server.accept()
    if os.fork():
        client.close()
        continue
    client.setsockopt(132, 32, 1)
    while True:
        data, flags = b"", 0
        while not flags & socket.MSG_EOR:
            part, told, flags, _ = client.recvmsg(1 << 20, 200)
            if not part:
                os._exit(0)
            data += part
        if data.startswith(b"visit "):
            other = socket.socket(socket.AF_INET, socket.SOCK_STREAM, 132)
            other.connect((data.split()[1].decode(), int(data.split()[2])))
            other.send(b"from inside")
            data = other.recv(1000)
        stream, _, _, payload = struct.unpack_from("=HHH2xI", told[0][2])
        sent = struct.pack("=HHIIi", stream, 0, payload, 0, 0)
        for _ in range(2):
            client.sendmsg([data], [(132, 2, sent)])
"""
PORT = PortBinding(80, "sctp")
TREES = (("", "/usr"), ("/lib", "/lib"), ("/lib64", "/lib64"))


def packet(source: int, target: int, data: bytes) -> bytes:
    """Return an INIT (RFC 9260, 3.3.2) with a parameter that nobody knows, and its checksum."""
    parameter = struct.pack(">HH", 0xC0DE, 4 + len(data)) + data.ljust(-len(data) % 4 + len(data))
    chunk = struct.pack(">BBHIIHHI", 1, 0, 20 + len(parameter), 7, 65536, 10, 10, 1) + parameter
    head = struct.pack(">HHI", source, target, 0)
    return head + struct.pack("<I", crc32c(head + bytes(4) + chunk)) + chunk


def crc32c(data: bytes) -> int:
    """Return Castagnoli's checksum (RFC 9260, appendix A)."""
    value = 0xFFFFFFFF
    for byte in data:
        value ^= byte
        for _ in range(8):
            value = value >> 1 ^ (0x82F63B78 if value & 1 else 0)
    return value ^ 0xFFFFFFFF


# Without SCTP's state: answers each packet that is whole with one.
RAW_SERVER = f"""
import socket, struct
{inspect.getsource(crc32c)}
{inspect.getsource(packet)}
server = socket.socket(socket.AF_INET, socket.SOCK_RAW, 132)
print("listens", flush=True)
while True:
    data, (asker, _) = server.recvfrom(1000)
    source, target = struct.unpack_from(">HH", data, 20)
    if data[20:] == packet(source, target, b"ask"):
        server.sendto(packet(target, source, b"answer"), (asker, 0))
"""
RAW_CLIENT = f"""
import socket, struct, sys
{inspect.getsource(crc32c)}
{inspect.getsource(packet)}
client = socket.socket(socket.AF_INET, socket.SOCK_RAW, 132)
client.settimeout({PATIENCE_SECONDS})
client.sendto(packet(40001, 36412, b"ask"), (sys.argv[1], 0))
while client.recv(1000)[20:] != packet(36412, 40001, b"answer"):
    pass
print("answered")
"""


def is_spoken() -> bool:
    """Tell whether this kernel has SCTP."""
    try:
        socket.socket(socket.AF_INET, socket.SOCK_STREAM, SCTP).close()
    except OSError:
        return False
    return True


def serve(engine: Engine, program: str = SERVER, **options: Any) -> Container:
    """Start a program of Python's that publishes a port, and wait until it listens.

    With this machine's Python on a small image: no overlay can stand on a virtual machine's root.
    """
    shown = {f"/usr{name}": {"bind": target, "mode": "ro"} for name, target in TREES}
    words = ["/usr/bin/python3", "-I", "-S", "-c", program]
    container = engine.containers.run("busybox", words, detach=True, volumes=shown, **options)
    assert isinstance(container, Container)
    printed = container.logs(stream=True)
    assert not isinstance(printed, bytes)
    assert next(printed) == b"listens\n"
    return container


@contextmanager
def asking(where: str, port: int) -> Iterator[socket.socket]:
    """Yield an association with a server."""
    family = socket.AF_INET6 if ":" in where else socket.AF_INET
    with socket.socket(family, socket.SOCK_STREAM, SCTP) as client:
        client.setsockopt(SCTP, INITMSG, struct.pack("HHHH", 64, 64, 0, 0))
        client.setsockopt(SCTP, RECVRCVINFO, 1)
        client.settimeout(PATIENCE_SECONDS)
        client.connect((where, port))
        yield client


def told_back(client: socket.socket, data: bytes) -> list[tuple[bytes, int, int]]:
    """Send a message on a stream; return what comes back, with its stream and its number."""
    sent = struct.pack("=HHIIi", STREAM, 0, PAYLOAD, 0, 0)
    client.sendmsg([data], [(SCTP, SNDINFO, sent)])
    back = []
    for _ in range(2):
        parts, flags, stream, payload = [], 0, 0, 0
        while not flags & socket.MSG_EOR:
            part, told, flags, _ = client.recvmsg(1 << 20, 200)
            assert part
            parts.append(part)
            ((_, _, info),) = told
            stream, payload = struct.unpack_from("=H2x2x2xI", info)
        back.append((b"".join(parts), stream, payload))
    return back


def test_a_port_of_sctp_is_published_where_the_kernel_speaks_it(engine: Engine) -> None:
    """Messages arrive whole, on their streams, by whatever address the machine is asked.

    Where the kernel has no SCTP the start is refused as by docker, and the hint says what to do.
    """
    if not is_spoken():
        container = engine.containers.create_from(
            ContainerConfig("busybox", ("true",), ports=(PORT,))
        )
        with pytest.raises(ResourceError, match="userland proxy: protocol not supported") as caught:
            container.start()
        assert "modprobe sctp" in caught.value.hint
        assert (container.status, container.published) == ("created", [])
        return
    container = serve(engine, ports={"80/sctp": None})
    four, six = container.published
    assert (four.protocol, four.address, six.address) == ("sctp", "0.0.0.0", "::")
    shown = container.attrs["NetworkSettings"]["Ports"]["80/sctp"]
    assert shown[0] == {"HostIp": "0.0.0.0", "HostPort": str(four.host_port)}
    large = os.urandom(150_000)
    own, places = "", ["127.0.0.1", "::1"]
    if os.geteuid() == 0:  # by the kernel's rules; and from inside, back by the machine's address
        own = container.attrs["NetworkSettings"]["Gateway"]
        places.append(own)
    for place in places:
        with asking(place, four.host_port) as client:
            for data in (b"hello", large):
                assert told_back(client, data) == [(data, STREAM, PAYLOAD)] * 2
            if place == own:
                line = f"visit {place} {four.host_port}".encode()
                assert told_back(client, line) == [(b"from inside", STREAM, PAYLOAD)] * 2
    container.remove(force=True)
    with socket.socket(type=socket.SOCK_STREAM, proto=SCTP) as late:
        late.settimeout(PATIENCE_SECONDS)
        with pytest.raises(ConnectionRefusedError):
            late.connect(("127.0.0.1", four.host_port))


def test_the_kernel_sends_packets_of_sctp_on_and_answers_back(engine: Engine) -> None:
    """By the table's elements alone, which any kernel with nf_tables carries out, and from inside.

    Its checksums are right on both ways: the kernel computes them anew.
    """
    if os.geteuid() != 0:
        pytest.skip("an ordinary user's ports are carried by the proxy")
    if is_spoken():
        pytest.skip("where the kernel speaks it, whole associations go this way")
    container = serve(engine, RAW_SERVER)
    place = container.attrs["NetworkSettings"]
    inside, port = place["IPAddress"], PublishedPort("sctp", "0.0.0.0", 36412, 80)
    with Place(engine.home) as bridges:
        published.open_(bridges, [(port, inside)])
        assert f"sctp . 36412 : {inside} . 80" in rules(engine)
        client = ["/usr/bin/python3", "-I", "-S", "-c", RAW_CLIENT, place["Gateway"]]
        assert says(container, *client) == (0, "answered\n")
        published.close(bridges, [(port, inside)])
    assert "sctp ." not in rules(engine)
