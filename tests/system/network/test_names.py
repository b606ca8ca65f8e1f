"""The embedded resolver of networks of users: who is known by which name, and to whom."""

from __future__ import annotations

import json
import os
import socket
import struct
from typing import Any

import dnslib
import pytest

from ipycontainer.engine.container import Container
from ipycontainer.engine.engine import Engine
from ipycontainer.engine.foreground import Foreground
from ipycontainer.model.config import ContainerConfig
from ipycontainer.model.network import EndpointConfig
from tests.system.engine.processes import eventually
from tests.system.network.bridged import SLEEP, address, processes, says

pytestmark = [pytest.mark.usefixtures("busybox_image"), pytest.mark.sampled]
# Asks 127.0.0.11 what it is told on its command line, in hexadecimal; prints the answers so.
ASK = """
import json, socket, sys
answers = []
for text in sys.argv[2:]:
    question = bytes.fromhex(text)
    with socket.socket(socket.AF_INET, getattr(socket, sys.argv[1])) as client:
        client.settimeout(5)
        client.connect(("127.0.0.11", 53))
        if client.type == socket.SOCK_STREAM:
            client.sendall(len(question).to_bytes(2, "big") + question)
            data = b""
            while len(data) < 2 or len(data) < 2 + int.from_bytes(data[:2], "big"):
                more = client.recv(65536)
                if not more:
                    break
                data += more
            answers.append(data[2:].hex())
            continue
        client.send(question)
        try:
            answers.append(client.recv(65536).hex())
        except TimeoutError:
            answers.append("")
print(json.dumps(answers))
"""


def _join(
    engine: Engine, network: str, name: str, image: str = "busybox", **wishes: Any
) -> Container:
    config = ContainerConfig(
        image, tuple(SLEEP), network=network, endpoints=(EndpointConfig(network, **wishes),)
    )
    container = engine.containers.create_from(config, name)
    container.start()
    return container


def _found(container: Container, name: str) -> str:
    """The address that a name has inside, "" for none."""
    code, text = says(container, "nslookup", "-type=a", name)
    lines = [line.partition(":")[2].strip() for line in text.splitlines() if "Address:" in line]
    return lines[-1] if code == 0 and len(lines) > 1 else ""


def _ask(container: Container, kind: str, *questions: bytes) -> list[bytes]:
    words = [question.hex() for question in questions]
    code, text = says(container, "python", "-c", ASK, kind, *words)
    assert code == 0, text
    return [bytes.fromhex(answer) for answer in json.loads(text)]


def _printed(foreground: Foreground) -> bytes:
    printed = b"".join(data for _, data in foreground.chunks())
    assert foreground.wait() == 0
    return printed


def test_everybody_is_known_by_name_alias_and_id(engine: Engine) -> None:
    """On one network, in any case, with the network's name behind it, and backwards."""
    engine.networks.create("office")
    asker = _join(engine, "office", "asker")
    other = _join(engine, "office", "other", aliases=("web",))
    expected = address(other, "office")
    for name in ("other", "OTHER", "web", other.short_id, "other.office", "web.office"):
        assert _found(asker, name) == expected, name
    code, text = says(asker, "nslookup", expected)
    assert (code, "name = other.office" in text) == (0, True)
    other.remove(force=True)
    assert _found(asker, "other") == ""


def test_nobody_is_known_on_other_networks(engine: Engine) -> None:
    """A name leads nowhere from another network, nor with that network's name behind it."""
    engine.networks.create("one")
    engine.networks.create("two")
    _join(engine, "one", "secret", aliases=("hidden",))
    asker = _join(engine, "two", "asker")
    for name in ("secret", "hidden", "secret.one"):
        assert _found(asker, name) == ""


def test_resolver_is_only_where_users_made_the_network(engine: Engine) -> None:
    """On the default bridge a container asks the machine's servers itself, as in docker."""
    result = engine.run("busybox", ["cat", "/etc/resolv.conf"], remove=True)
    assert b"127.0.0.11" not in result.stdout
    engine.networks.create("office")
    inside = _join(engine, "office", "inside")
    _, text = says(inside, "cat", "/etc/resolv.conf")
    assert "\nnameserver 127.0.0.11\noptions ndots:0\n" in text


def test_broken_questions_harm_nobody(engine: Engine) -> None:
    """After garbage, loops and a flood the next question is answered, and the neighbour's too."""
    engine.networks.create("office")
    asker = _join(engine, "office", "asker", "host")
    other = _join(engine, "office", "other")
    good = dnslib.DNSRecord.question("other").pack()
    loop = b"\0\1\1\0\0\1\0\0\0\0\0\0\xc0\x0c\0\1\0\1"
    flood = (
        "import os, socket\n"
        "s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM); s.connect(('127.0.0.11', 53))\n"
        "for _ in range(20000):\n    s.send(os.urandom(60))\n"
        f"    s.send(bytes.fromhex('{good.hex()}'))\n"
    )
    code, text = says(asker, "python", "-c", flood)
    assert code == 0, text
    (answer,) = _ask(asker, "SOCK_DGRAM", good)
    assert str(dnslib.DNSRecord.parse(answer).a.rdata) == address(other, "office")
    silent = _ask(asker, "SOCK_DGRAM", loop)
    assert silent == [b""]
    assert _found(other, "asker") == address(asker, "office")
    (answer,) = _ask(asker, "SOCK_STREAM", good)
    assert str(dnslib.DNSRecord.parse(answer).a.rdata) == address(other, "office")


def test_flood_holds_nobody_else_up(engine: Engine) -> None:
    """While one asks without an end, another's questions are answered; the one can be removed."""
    engine.networks.create("office")
    other = _join(engine, "office", "other")
    questions = [dnslib.DNSRecord.question(f"{word}.other").pack().hex() for word in ("a", "other")]
    flood = (
        "import os, socket\n"
        "s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)\n"
        "print('flooding', flush=True)\n"
        "while True:\n"
        f"    for text in {questions!r}:\n"
        "        s.sendto(bytes.fromhex(text), ('127.0.0.11', 53))\n"
        "    s.sendto(os.urandom(60), ('127.0.0.11', 53))\n"
    )
    config = ContainerConfig(
        "host",
        ("python", "-c", flood),
        network="office",
        endpoints=(EndpointConfig("office"),),
    )
    flooder = engine.containers.create_from(config, "flooder")
    flooder.start()
    eventually(lambda: b"flooding" in flooder.logs())
    for _ in range(5):
        assert _found(other, "flooder") == address(flooder, "office")
    flooder.remove(force=True)
    assert _found(other, "flooder") == ""


def test_resolver_has_the_kernel_track_nothing_but_questions(engine: Engine) -> None:
    """What a container sends to others costs nothing more for the resolver beside it."""
    engine.networks.create("office")
    asker = _join(engine, "office", "asker")
    other = _join(engine, "office", "other")
    assert _found(asker, "other") == address(other, "office")
    count = ("cat", "/proc/sys/net/netfilter/nf_conntrack_count")
    code, text = says(asker, *count)
    assert code == 0
    assert text == "0\n" or (text == "1\n" and os.geteuid() != 0)
    assert says(asker, "ping", "-c1", "-W2", address(other, "office"))[0] == 0
    assert says(asker, *count) == (0, text)


def test_container_may_have_port_53_itself(engine: Engine) -> None:
    """The resolver is not in the way of a server of names in a container."""
    engine.networks.create("office")
    container = _join(engine, "office", "server", "host")
    program = (
        "import socket\n"
        "for kind in (socket.SOCK_DGRAM, socket.SOCK_STREAM):\n"
        "    socket.socket(socket.AF_INET, kind).bind(('', 53))\n"
    )
    assert says(container, "python", "-c", program) == (0, "")


def test_many_addresses_of_one_alias(engine: Engine) -> None:
    """An alias that several have is the address of each."""
    engine.networks.create("office")
    workers = [_join(engine, "office", f"worker{n}", aliases=("pool",)) for n in range(3)]
    asker = _join(engine, "office", "asker", "host")
    (answer,) = _ask(asker, "SOCK_DGRAM", dnslib.DNSRecord.question("pool").pack())
    found = {str(record.rdata) for record in dnslib.DNSRecord.parse(answer).rr}
    assert found == {address(worker, "office") for worker in workers}


def test_other_names_are_asked_of_the_machines_servers(engine: Engine) -> None:
    """What no container is called goes on to the given server, by UDP and by TCP."""
    if os.geteuid() != 0:
        pytest.skip("only root may listen on port 53, where resolvers are asked")
    engine.networks.create("office")
    config = ContainerConfig(
        "host",
        tuple(SLEEP),
        network="office",
        endpoints=(EndpointConfig("office"),),
        dns=("127.0.0.53",),
    )
    container = engine.containers.create_from(config, "asker")
    large = [dnslib.RR("large", rdata=dnslib.A(f"10.0.{n // 250}.{n % 250}")) for n in range(600)]
    with (
        socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as datagrams,
        socket.create_server(("127.0.0.53", 53)) as streams,
    ):
        datagrams.bind(("127.0.0.53", 53))
        datagrams.settimeout(20)
        streams.settimeout(20)
        container.start()
        question = dnslib.DNSRecord.question("example.org")
        foreground = container.exec(["python", "-c", ASK, "SOCK_DGRAM", question.pack().hex()])
        message, client = datagrams.recvfrom(4096)
        asked = dnslib.DNSRecord.parse(message)
        assert str(asked.q.qname) == "example.org."
        reply = asked.reply()
        reply.add_answer(dnslib.RR("example.org", rdata=dnslib.A("192.0.2.1")))
        datagrams.sendto(reply.pack(), client)
        answer = json.loads(_printed(foreground))
        assert str(dnslib.DNSRecord.parse(bytes.fromhex(answer[0])).a.rdata) == "192.0.2.1"
        question = dnslib.DNSRecord.question("large")
        foreground = container.exec(["python", "-c", ASK, "SOCK_STREAM", question.pack().hex()])
        stream, _ = streams.accept()
        with stream:
            size = struct.unpack(">H", stream.recv(2))[0]
            reply = dnslib.DNSRecord.parse(stream.recv(size)).reply()
            reply.rr.extend(large)
            packed = reply.pack()
            stream.sendall(struct.pack(">H", len(packed)) + packed)
        answer = json.loads(_printed(foreground))
        assert len(dnslib.DNSRecord.parse(bytes.fromhex(answer[0])).rr) == 600


def test_resolver_lives_from_the_first_question_to_the_containers_end(engine: Engine) -> None:
    """Nothing is forked for who asks nothing, and no side child is left behind."""
    engine.networks.create("office")
    container = _join(engine, "office", "short")
    name = f"ipyc-names-{container.id[:4]}"
    assert name not in processes()
    assert _found(container, "short") == address(container, "office")
    assert name in processes()
    container.remove(force=True)
    eventually(lambda: name not in processes())
