"""Interfaces, addresses and ports of containers that come and go, and what is shown of them."""

from __future__ import annotations

import pytest

from ipycontainer.engine.container import Container
from ipycontainer.engine.engine import Engine
from ipycontainer.engine.networks import Network
from tests.system.network.bridged import SLEEP, address, says, start

pytestmark = [pytest.mark.usefixtures("busybox_image"), pytest.mark.sampled]


@pytest.fixture
def nets(engine: Engine) -> tuple[Network, Network, Network]:
    """Three networks of known addresses."""
    made = [engine.networks.create(f"net{n}", subnets=[f"10.6{n}.0.0/24"]) for n in (1, 2, 3)]
    return made[0], made[1], made[2]


def interfaces(container: Container) -> dict[str, str]:
    """Return the IPv4 addresses inside by the names of interfaces, without the loopback."""
    _, text = says(container, "ip", "-o", "-4", "addr", "show", "scope", "global")
    words = [line.split() for line in text.splitlines()]
    return {each[1]: each[3].partition("/")[0] for each in words}


def test_interfaces_count_on_after_those_that_were_left(
    engine: Engine, nets: tuple[Network, Network, Network]
) -> None:
    """A name is not given twice in a run; the next start numbers anew."""
    one, two, three = nets
    box = start(engine, network="net1")
    first = address(box, "net1")
    one.disconnect(box)
    assert interfaces(box) == {}
    two.connect(box, ipv4_address="10.62.0.5")
    one.connect(box, ipv4_address="10.61.0.5")
    assert interfaces(box) == {"eth1": "10.62.0.5", "eth2": "10.61.0.5"}
    two.disconnect(box)
    three.connect(box)
    assert interfaces(box) == {"eth2": "10.61.0.5", "eth3": address(box, "net3")}
    box.restart(timeout=0)
    assert sorted(interfaces(box)) == ["eth0", "eth1"]
    assert "10.61.0.5" in interfaces(box).values()
    assert address(start(engine, network="net1"), "net1") == first


def test_an_address_is_given_back_with_its_container(
    engine: Engine, nets: tuple[Network, Network, Network]
) -> None:
    """The next one gets it at once; a restart keeps it, also while others come."""
    one = start(engine, network="net1")
    first = address(one, "net1")
    one.remove(force=True)
    two = start(engine, network="net1")
    assert address(two, "net1") == first
    two.restart(timeout=0)
    assert address(two, "net1") == first == interfaces(two)["eth0"]
    assert address(start(engine, network="net1"), "net1") != first


def test_a_guest_can_be_told_of_others_while_it_is_down(
    engine: Engine, nets: tuple[Network, Network, Network]
) -> None:
    """What it wants is kept and shown under its own names; it has the other's interfaces alone."""
    owner = start(engine, name="owner", network="net1")
    guest = engine.containers.create("busybox", SLEEP, name="guest", network="container:owner")
    nets[1].connect(guest, aliases=["visitor"])
    guest.start()
    shown = guest.attrs["NetworkSettings"]["Networks"]["net2"]
    assert shown["DNSNames"] == ["guest", "visitor", guest.record.short_id]
    assert (shown["IPAddress"], shown["EndpointID"]) == ("", "")
    assert interfaces(guest) == interfaces(owner) == {"eth0": address(owner, "net1")}


def test_none_can_be_left_for_a_network(
    engine: Engine, nets: tuple[Network, Network, Network]
) -> None:
    """Then the container has an interface, and resolv.conf says where its words are from."""
    box = start(engine, network="none")
    assert "(legacy)" in says(box, "cat", "/etc/resolv.conf")[1]
    engine.networks.get("none").disconnect(box)
    box.restart(timeout=0)
    assert "(legacy)" not in says(box, "cat", "/etc/resolv.conf")[1]
    nets[0].connect(box)
    assert interfaces(box) == {"eth0": address(box, "net1")}
    assert "(internal resolver)" in says(box, "cat", "/etc/resolv.conf")[1]


def test_ports_are_shown_where_a_network_leads_out(engine: Engine) -> None:
    """None of a container on an internal network, until it comes to another one."""
    inner = engine.networks.create("inner", internal=True)
    outer = engine.networks.create("outer")
    box = start(engine, network="inner", ports={"80/tcp": None, "81/udp": None})
    assert box.attrs["NetworkSettings"]["Ports"] == {}
    assert (box.exposed, box.published) == ([], [])
    assert engine.containers.list(filters={"expose": "80"}) == []
    outer.connect(box)
    assert set(box.attrs["NetworkSettings"]["Ports"]) == {"80/tcp", "81/udp"}
    assert [each.id for each in engine.containers.list(filters={"expose": "80"})] == [box.id]
    assert {each.port for each in box.published} == {80, 81}
    outer.disconnect(box)
    inner.disconnect(box)
    assert (box.attrs["NetworkSettings"]["Ports"], box.exposed, box.published) == ({}, [], [])
