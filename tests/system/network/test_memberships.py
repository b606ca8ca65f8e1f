"""Several networks, shared ones, and links: who is where, from when to when."""

from __future__ import annotations

import os
import signal

import pytest

from ipycontainer.engine.engine import Engine
from ipycontainer.errors import Conflict, EngineError, InvalidArgument, NotFound, ResourceError
from ipycontainer.model.config import ContainerConfig
from ipycontainer.model.network import EndpointConfig
from ipycontainer.store import liveness
from tests.conftest import Shell
from tests.system.engine.processes import eventually
from tests.system.network.bridged import SLEEP, address, ports, says, start

pytestmark = [pytest.mark.usefixtures("busybox_image"), pytest.mark.sampled]


def test_running_container_comes_to_a_network_and_leaves_it(engine: Engine) -> None:
    """A second interface, its names answered, and all of it gone again."""
    office = engine.networks.create("office")
    other = start(engine, network="office", name="other")
    guest = start(engine, name="guest")
    office.connect(guest, aliases=["visitor"])
    assert list(guest.attrs["NetworkSettings"]["Networks"]) == ["bridge", "office"]
    code, text = says(guest, "ping", "-c1", "-W2", "other")
    assert code == 0, text
    assert says(other, "ping", "-c1", "-W2", "visitor")[0] == 0
    _, text = says(guest, "ip", "-o", "-4", "addr")
    assert [line.split()[1] for line in text.splitlines()] == ["lo", "eth0", "eth1"]
    _, hosts = says(guest, "cat", "/etc/hosts")
    assert address(guest, "office") in hosts
    with pytest.raises(Conflict, match="endpoint with name guest already exists in network office"):
        office.connect(guest)
    office.disconnect(guest)
    assert list(guest.attrs["NetworkSettings"]["Networks"]) == ["bridge"]
    assert says(guest, "ip", "link", "show", "eth1")[0] != 0
    assert says(other, "nslookup", "visitor")[0] != 0
    with pytest.raises(InvalidArgument, match="is not connected to network office"):
        office.disconnect(guest)
    assert len(ports(engine)) == 2


def test_stopped_container_has_its_networks_at_the_next_start(engine: Engine) -> None:
    """Connected while it is down, it is on both when it runs."""
    engine.networks.create("office")
    container = engine.containers.create("busybox", SLEEP)
    engine.networks.get("office").connect(container)
    container.start()
    assert says(container, "ip", "addr", "show", "eth1")[0] == 0
    assert "\nnameserver 127.0.0.11\n" in says(container, "cat", "/etc/resolv.conf")[1]


def test_a_network_made_anew_is_another(engine: Engine) -> None:
    """Who has been on the old one does not start, until it is put on the new one."""
    office = engine.networks.create("office")
    former, fresh = (engine.containers.create("busybox", SLEEP, network="office") for _ in range(2))
    former.start()
    former.stop(timeout=0)
    office.remove()
    engine.networks.create("office")
    with pytest.raises(NotFound, match=f"network {office.id} not found"):
        former.start()
    fresh.start()  # it has never been on one, and looks for the name
    engine.networks.get("office").connect(former)
    former.start()
    assert list(former.attrs["NetworkSettings"]["Networks"]) == ["office"]


def test_a_network_made_anew_can_be_left(engine: Engine) -> None:
    """Which ends a container's wait for the old one."""
    office = engine.networks.create("office")
    container = engine.containers.create("busybox", SLEEP, network="office")
    container.start()
    container.stop(timeout=0)
    office.remove()
    engine.networks.create("office").disconnect(container)
    container.start()
    assert container.attrs["NetworkSettings"]["Networks"] == {}


def test_a_network_that_is_not_there_can_be_waited_for(engine: Engine) -> None:
    """By a stopped container, whose start fails until it is made or no longer wanted."""
    container = engine.containers.create("busybox", SLEEP)
    engine.networks.expect("later", container, aliases=["x"])
    assert container.attrs["NetworkSettings"]["Networks"]["later"]["Aliases"] == ["x"]
    with pytest.raises(NotFound, match="network later not found"):
        container.start()
    engine.networks.create("later")
    container.start()
    assert address(container, "later") != ""
    with pytest.raises(NotFound, match="network never not found"):
        engine.networks.expect("never", container)


def test_resolv_conf_that_was_edited_inside_is_left_alone(engine: Engine) -> None:
    """A connect writes whom to ask into the file of the one that has not touched it."""
    engine.networks.create("office")
    editor, other = (engine.containers.create("busybox", SLEEP) for _ in range(2))
    for container in (editor, other):
        container.start()
    assert says(editor, "sh", "-c", "echo '# mine' >> /etc/resolv.conf")[0] == 0
    for container in (editor, other):
        engine.networks.get("office").connect(container)
    assert "127.0.0.11" not in says(editor, "cat", "/etc/resolv.conf")[1]
    assert "\nnameserver 127.0.0.11\n" in says(other, "cat", "/etc/resolv.conf")[1]
    engine.networks.get("office").disconnect(other)
    engine.networks.get("office").connect(other)
    assert "\nnameserver 127.0.0.11\n" in says(other, "cat", "/etc/resolv.conf")[1]


def test_who_loses_the_way_out_gets_another(engine: Engine) -> None:
    """The default route leads by a network that is left."""
    engine.networks.create("aaa")
    engine.networks.create("bbb")
    container = start(engine, network="aaa")
    engine.networks.get("bbb").connect(container)
    gateway = engine.networks.get("bbb").record.config.pools[0].gateway
    engine.networks.get("aaa").disconnect(container)
    _, routes = says(container, "ip", "route")
    assert f"default via {gateway}" in routes


def test_networks_do_not_reach_each_other(engine: Engine) -> None:
    """Neither by address nor through the other's gateway."""
    engine.networks.create("one")
    engine.networks.create("two", internal=True)
    first, second = start(engine, network="one"), start(engine, network="two")
    third = start(engine)
    for asker in (first, second, third):
        for target, network in ((first, "one"), (second, "two"), (third, "bridge")):
            if asker is target:
                continue
            code, _ = says(asker, "ping", "-c1", "-W1", address(target, network))
            assert code != 0
    _, routes = says(second, "ip", "route")
    assert "default" not in routes


def test_containers_without_icc_reach_the_gateway_alone(engine: Engine) -> None:
    """With enable_icc=false neighbours are silent to each other."""
    engine.networks.create("quiet", options={"com.docker.network.bridge.enable_icc": "false"})
    one, other = (start(engine, network="quiet") for _ in range(2))
    gateway = engine.networks.get("quiet").record.config.pools[0].gateway
    assert says(one, "ping", "-c1", "-W2", gateway)[0] == 0
    assert says(one, "ping", "-c1", "-W1", address(other, "quiet"))[0] != 0


def test_ipv6_is_there_where_it_was_asked_for(engine: Engine) -> None:
    """An address of the typed subnet, and neighbours that answer."""
    engine.networks.create("six", enable_ipv6=True, subnets=["2001:db8:1::/64"])
    one, other = (start(engine, network="six") for _ in range(2))
    found = other.attrs["NetworkSettings"]["Networks"]["six"]
    assert found["GlobalIPv6Address"] == "2001:db8:1::3"
    assert found["IPAddress"].startswith("172.")
    code, text = says(one, "ping", "-6", "-c1", "-W2", "2001:db8:1::3")
    assert code == 0, text


def test_chosen_address_of_ipv6_is_the_containers(engine: Engine) -> None:
    """--ip6: neighbours reach it there, its gateway leads out, and nobody else gets it."""
    engine.networks.create("six", enable_ipv6=True, subnets=["2001:db8:1::/64"])
    wanted = EndpointConfig("six", ipv6="2001:db8:1::77")
    config = ContainerConfig("busybox", tuple(SLEEP), network="six", endpoints=(wanted,))
    chosen = engine.containers.create_from(config, "chosen")
    chosen.start()
    neighbour = start(engine, network="six")
    assert says(neighbour, "ping", "-6", "-c1", "-W2", "2001:db8:1::77")[0] == 0
    assert says(neighbour, "ping", "-6", "-c1", "-W2", "chosen")[0] == 0
    _, routes = says(chosen, "ip", "-6", "route", "show", "default")
    assert "default via 2001:db8:1::1 dev eth0" in routes
    second = engine.containers.create_from(config, "second")
    with pytest.raises(ResourceError, match="Address already in use"):
        second.start()


def test_network_of_another_container_is_shared_whole(engine: Engine) -> None:
    """Interfaces, names and ports are the same; it needs the other one to run."""
    owner = start(engine, name="owner")
    guest = start(engine, network="container:owner")
    for words in (("ip", "addr"), ("hostname",), ("cat", "/etc/hosts")):
        assert says(guest, *words) == says(owner, *words)
    assert guest.record.config.network == f"container:{owner.id}"
    owner.kill()
    guest.kill()
    with pytest.raises(EngineError, match="cannot join network of a non running container"):
        guest.start()


@pytest.mark.parametrize("ended", ["the program", "the monitor"])
def test_who_shares_a_network_keeps_nothing_of_one_that_has_ended(
    engine: Engine, ended: str
) -> None:
    """The next container has its address: there would be two of it."""
    owner = start(engine, name="owner")
    guest, where = start(engine, network="container:owner"), address(owner)
    if ended == "the program":
        owner.kill()
        owner.wait()
    else:
        monitor = liveness.holder(engine.home.lock(owner.id))
        assert monitor is not None
        os.kill(monitor, signal.SIGKILL)
        eventually(lambda: engine.containers.get(owner.id).status == "exited")
    eventually(lambda: says(guest, "ip", "-o", "addr")[1].count(" inet ") == 1)
    assert where not in says(guest, "ip", "addr")[1]
    owner.start()
    assert says(owner, "ip", "addr", "show", "eth0")[0] == 0
    assert says(guest, "ip", "addr", "show", "eth0")[0] != 0


def test_link_tells_of_another_container(engine: Engine) -> None:
    """On the default bridge: a name, and variables as docker's."""
    target = engine.containers.run(
        "busybox", SLEEP, detach=True, name="db", environment=["KEY=value"], ports={"5432": None}
    )
    result = engine.run(
        "busybox",
        ["sh", "-c", "ping -c1 -W2 store >/dev/null && env && cat /etc/hosts"],
        links={"db": "store"},
        name="web",
        remove=True,
    )
    assert result.exit_code == 0, result
    assert not isinstance(target, bytes)
    where = address(target)
    said = result.stdout.decode().splitlines()
    for line in (
        f"STORE_PORT=tcp://{where}:5432",
        f"STORE_PORT_5432_TCP=tcp://{where}:5432",
        f"STORE_PORT_5432_TCP_ADDR={where}",
        "STORE_PORT_5432_TCP_PORT=5432",
        "STORE_PORT_5432_TCP_PROTO=tcp",
        "STORE_NAME=/web/store",
        "STORE_ENV_KEY=value",
        f"{where}\tstore {target.short_id} db",
    ):
        assert line in said, line
    target.kill()
    with pytest.raises(Conflict, match="Cannot link to a non running container: /db AS /late/db"):
        engine.containers.run("busybox", ["true"], links={"db": "db"}, name="late")


def test_link_leads_to_where_its_container_is_after_a_restart(engine: Engine) -> None:
    """The one that runs on is told of the other's new address; its own lines stay."""
    target = start(engine, name="db")
    web = start(engine, name="web", links={"db": "store"})
    before = address(target)
    target.kill()
    start(engine, name="thief")
    target.start()
    _, told = says(web, "cat", "/etc/hosts")
    assert f"{address(target)}\tstore {target.short_id} db\n" in told
    assert f"{address(web)}\t{web.short_id}\n" in told
    assert told.count("store") == 1
    assert says(web, "ping", "-c1", "-W2", "store")[0] == 0, before


def test_link_on_a_network_of_users_is_a_name_for_one(engine: Engine) -> None:
    """The alias means something to who has the link, and to nobody else."""
    engine.networks.create("office")
    start(engine, network="office", name="db")
    web = start(engine, network="office", links={"db": "store"})
    assert says(web, "ping", "-c1", "-W2", "store")[0] == 0
    assert says(start(engine, network="office"), "nslookup", "store")[0] != 0


@pytest.mark.parametrize(
    ("config", "message"),
    [
        (
            ContainerConfig("busybox", ("true",), network="container:x", hostname="h"),
            "conflicting options: hostname and the network mode",
        ),
        (
            ContainerConfig(
                "busybox",
                ("true",),
                network="container:x",
                endpoints=(EndpointConfig("container:x", ipv4="10.9.0.7"),),
            ),
            "user specified IP address is supported on user defined networks only",
        ),
    ],
)
def test_what_cannot_be_is_refused(engine: Engine, config: ContainerConfig, message: str) -> None:
    """In docker's words, and nothing is left of it."""
    with pytest.raises(EngineError, match=message):
        engine.containers.create_from(config)
    assert engine.containers.list(all=True) == []


def test_network_that_is_not_there_is_looked_for_at_the_start(engine: Engine) -> None:
    """As docker does: the start fails until it is made, or no longer wanted."""
    container = engine.containers.create("busybox", SLEEP, network="later", name="early")
    with pytest.raises(NotFound, match="network later not found"):
        container.start()
    assert container.status == "created"
    engine.networks.create("later")
    container.start()
    assert address(container, "later") != ""
    container.kill()
    later = engine.networks.get("later")
    later.remove()
    with pytest.raises(NotFound, match=f"network {later.id} not found"):
        container.start()
    engine.networks.forget("later", container)
    container.start()


def test_host_name_is_known_on_a_network_of_users(engine: Engine) -> None:
    """Beside name, short id and aliases, as with docker."""
    engine.networks.create("office")
    start(engine, network="office", name="one", hostname="bee")
    assert says(start(engine, network="office"), "ping", "-c1", "-W2", "BEE")[0] == 0


def test_the_machines_network_beside_a_bridge(shell: Shell) -> None:
    """The first one says whose namespace it is; a bridge behind the machine's cannot be started."""
    made = shell("create", "--name", "hb", "--network", "host", "--network", "bridge", "busybox")
    assert made.returncode == 1  # no command, as for any other container
    words = ("--name", "hb", "--network", "host", "--network", "bridge", "busybox", "true")
    assert shell("create", *words).returncode == 0
    began = shell("start", "hb")
    assert began.returncode == 1
    assert "failed to add interface" in began.stderr
    state = shell("inspect", "-f", "{{.State.Status}} {{.State.ExitCode}}", "hb")
    assert state.stdout == "created 128\n"
    names = shell(
        "inspect", "-f", "{{range $n, $_ := .NetworkSettings.Networks}}{{$n}} {{end}}", "hb"
    )
    assert names.stdout == "bridge host \n"
    shell("rm", "hb")
    assert shell("run", *words).returncode == 125
    look = ("busybox", "ls", "/sys/class/net")
    inside = shell("run", "--rm", "--network", "bridge", "--network", "host", *look)
    assert inside.stdout.split() == ["eth0", "lo"]


def test_a_network_takes_its_settings_from_another(engine: Engine) -> None:
    """One that only holds settings is none: nobody comes to it, and it stays while it is used."""
    engine.networks.create(
        "settings",
        config_only=True,
        subnets=["10.81.0.0/24"],
        options={"com.docker.network.driver.mtu": "1300"},
    )
    with pytest.raises(InvalidArgument, match="user specified configurations are not supported"):
        engine.networks.create("own", config_from="settings", subnets=["10.82.0.0/24"])
    engine.networks.create("taker", config_from="settings")
    container = start(engine, network="taker")
    assert address(container, "taker").startswith("10.81.0.")
    assert "mtu 1300" in says(container, "ip", "link", "show", "eth0")[1]
    with pytest.raises(InvalidArgument, match="cannot create endpoint on configuration-only"):
        engine.networks.get("settings").connect(container)
    with pytest.raises(Conflict, match='configuration network "settings" is in use'):
        engine.networks.get("settings").remove()
    container.remove(force=True)
    engine.networks.get("taker").remove()
    engine.networks.get("settings").remove()
    with pytest.raises(NotFound, match='configuration network "settings" does not exist'):
        engine.networks.create("taker", config_from="settings")


def test_addresses_are_chosen_where_their_kind_was_typed(engine: Engine) -> None:
    """An IPv6 address on a network whose IPv4 alone was typed gets docker's other refusal."""
    engine.networks.create("typed", subnets=["10.83.0.0/24"])
    wanted = {"typed": {"IPAMConfig": {"IPv6Address": "fd00::5"}}}
    with pytest.raises(InvalidArgument, match="only when connecting to networks with user"):
        engine.containers.create(
            "busybox", SLEEP, network="typed", networking_config=wanted, name="six"
        )
