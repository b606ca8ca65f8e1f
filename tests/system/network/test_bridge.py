"""The default network: an address, a way to the neighbours, and nothing left afterwards."""

from __future__ import annotations

from ipaddress import ip_address, ip_network

import pytest

from ipycontainer.engine.engine import Engine
from tests.system.engine.processes import eventually, kill, monitor_of
from tests.system.network.bridged import links, ports, rules, says, start

pytestmark = pytest.mark.usefixtures("busybox_image")


def test_container_has_an_address_as_dockers_first_has(engine: Engine) -> None:
    """Address, hardware address, gateway and hosts line are those that docker would give."""
    container = start(engine)
    settings = container.attrs["NetworkSettings"]
    assert (settings["IPAddress"], settings["IPPrefixLen"]) == ("172.17.0.2", 16)
    assert settings["MacAddress"] == "02:42:ac:11:00:02"
    assert settings["Gateway"] == "172.17.0.1"
    assert list(settings["Networks"]) == ["bridge"]
    code, text = says(container, "sh", "-c", "ip addr show eth0; ip route; cat /etc/hosts")
    assert code == 0
    assert "inet 172.17.0.2/16 brd 172.17.255.255 scope global eth0" in text
    assert "inet6" not in text
    assert "default via 172.17.0.1 dev eth0" in text
    assert f"172.17.0.2\t{container.short_id}\n" in text
    container.remove(force=True)


def test_neighbours_reach_each_other_and_the_gateway(engine: Engine) -> None:
    """Two containers of the default network and their machine can talk."""
    one, other = start(engine), start(engine)
    address = other.attrs["NetworkSettings"]["IPAddress"]
    for target in (address, "172.17.0.1"):
        code, text = says(one, "ping", "-c1", "-W2", target)
        assert code == 0, text


def test_addresses_are_given_back(engine: Engine) -> None:
    """A stopped container has no address, and nothing of it is on the bridge."""
    container = start(engine)
    container.kill()
    assert container.attrs["NetworkSettings"]["IPAddress"] == ""
    eventually(lambda: ports(engine) == [])
    container.start()
    first = ip_address(container.attrs["NetworkSettings"]["IPAddress"])
    assert first in ip_network("172.17.0.0/16")
    container.remove(force=True)
    eventually(lambda: ports(engine) == [])


@pytest.mark.parametrize("victims", ["monitor", "monitor and init"])
def test_killed_container_leaves_nothing_on_the_network(engine: Engine, victims: str) -> None:
    """After a kill -9 the next look gives back the address and the interface."""
    container = start(engine)
    container.reload()
    pid = container.record.state.pid
    kill(monitor_of(engine, container.id))
    if victims != "monitor":
        try:
            kill(pid)
        except ProcessLookupError:  # with its monitor
            pass
    eventually(lambda: container.status == "exited")
    assert container.attrs["NetworkSettings"]["IPAddress"] == ""
    eventually(lambda: ports(engine) == [])


def test_start_that_fails_leaves_nothing_on_the_network(engine: Engine) -> None:
    """A program that does not exist: the address is free again, the interface gone."""
    with pytest.raises(Exception, match="no such file"):
        engine.containers.run("busybox", ["/not/there"], detach=True)
    eventually(lambda: ports(engine) == [])
    (container,) = engine.containers.list(all=True)
    assert container.attrs["NetworkSettings"]["IPAddress"] == ""


def test_network_none_is_left_alone(engine: Engine) -> None:
    """Without a network there is lo, and no bridge is made for it."""
    result = engine.run("busybox", ["ip", "-o", "link"], network="none", remove=True)
    assert [line.split(":")[1].strip() for line in result.stdout.decode().splitlines()] == ["lo"]
    assert links(engine) == []


def test_reset_takes_bridge_and_table_away(engine: Engine) -> None:
    """Nothing of a home is left in the machine's network when it is emptied."""
    start(engine)
    assert links(engine) != []
    engine.reset()
    eventually(lambda: links(engine) == [])
    assert engine.home.hash8 not in rules(engine)
