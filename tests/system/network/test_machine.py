"""What the engine changes of a machine or finds in its way, it says; who holds bridges may die."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

import ipycontainer
from ipycontainer.engine.engine import Engine
from ipycontainer.network.place import holder_lock
from ipycontainer.store import liveness
from tests.system.engine.processes import eventually, kill
from tests.system.network.bridged import address, beside_bridges, ports, rules, says, start

pytestmark = pytest.mark.usefixtures("busybox_image")
NFT = "/usr/sbin/nft"
ICC = "com.docker.network.bridge.enable_icc"
FORWARDING = Path("/proc/sys/net/ipv4/ip_forward")
NFT_FIREWALL = """
table inet firewall {
  chain guard { type filter hook forward priority 0; policy drop; }
}
"""


@pytest.fixture
def firewall(request: pytest.FixtureRequest) -> Iterator[str]:
    """A firewall whose forward chain drops, made by the program that is named."""
    if os.geteuid() != 0:
        pytest.skip("an ordinary user's bridges stand in a namespace where nobody else has rules")
    if request.param == "nft":
        subprocess.run([NFT, "-f", "-"], input=NFT_FIREWALL, text=True, check=True)
        yield "the chain guard of the table inet firewall"
        subprocess.run([NFT, "delete table inet firewall"], check=True)
    else:
        subprocess.run(["/usr/sbin/iptables", "-P", "FORWARD", "DROP"], check=True)
        yield "the chain FORWARD of the table ip filter"
        subprocess.run(["/usr/sbin/iptables", "-P", "FORWARD", "ACCEPT"], check=True)


@pytest.mark.parametrize("firewall", ["nft", "iptables"], indirect=True)
def test_chain_that_drops_is_named(engine: Engine, firewall: str) -> None:
    """Rules of others are left as they are; who makes a network hears of them."""
    warnings = engine.networks.create("office").warnings
    assert any(
        firewall in warning and "drops what it does not know" in warning for warning in warnings
    )


def test_forwarding_is_set_with_a_notice(engine: Engine) -> None:
    """A machine that passed no packets on does so with the first network, which is said once."""
    if os.geteuid() != 0:
        pytest.skip("an ordinary user's engine changes nothing of the machine")
    FORWARDING.write_text("0")
    try:
        (warning,) = engine.networks.create("one").warnings
        assert warning.startswith("net.ipv4.ip_forward was 0 and is 1 now: ")
        assert FORWARDING.read_text() == "1\n"
        assert engine.networks.create("two").warnings == ()
    finally:
        FORWARDING.write_text("1")


def test_rules_of_an_earlier_version_are_replaced_at_the_next_connect(
    engine: Engine, home: Path
) -> None:
    """With what stands, networks and ports, while containers run; those of this version stay."""
    engine.networks.create("office", options={ICC: "false"})
    start(engine, name="one", ports={"80": None})
    start(engine, name="other", network="office", ports={"81": None})
    now = rules(engine)
    assert "layout" in now
    name = f"ipyc-{engine.home.hash8}"
    beside_bridges(engine, NFT, f"delete table inet {name}")
    old = f"table inet {name} {{ set bridges {{ type ifname; elements = {{ gone }}; }}; }}"
    beside_bridges(engine, NFT, old)
    for _ in range(2):
        engine.close()
        engine = ipycontainer.connect(home)
        engine.containers.list()
        assert sorted(rules(engine).split()) == sorted(now.split())
    assert start(engine, network="office", ports={"82": None}).status == "running"
    engine.close()


def test_network_comes_back_after_its_holder_was_killed(engine: Engine) -> None:
    """Who runs stays alone; what starts afterwards has a network, and all can be removed."""
    if os.geteuid() == 0:
        pytest.skip("root's bridges need no holder")
    before = start(engine, name="before")
    pid = liveness.holder(holder_lock(engine.home))
    assert pid is not None
    kill(pid)
    one, other = start(engine, name="one"), start(engine, name="other")
    assert says(one, "ping", "-c1", "-W2", address(other))[0] == 0
    assert says(before, "true")[0] == 0
    for container in (before, one, other):
        container.remove(force=True)
    eventually(lambda: ports(engine) == [])
