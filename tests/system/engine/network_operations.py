"""The operations on networks that a fault is put into; some of a container that has a port."""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path

from ipycontainer.engine.container import Container
from ipycontainer.engine.engine import Engine
from ipycontainer.errors import Conflict, InvalidArgument, NameInUse, NoSuchContainer, NoSuchNetwork
from tests.system.engine.operation import Operation, get, nothing
from tests.system.engine.processes import eventually

__all__ = ["NETWORK_OPERATIONS"]


def _make_network(engine: Engine, _: Path) -> None:
    engine.networks.create("cutnet")


def _make_network_again(engine: Engine, archive: Path) -> None:
    with suppress(NameInUse, Conflict):
        _make_network(engine, archive)
    engine.networks.get("cutnet").remove()


def _remove_network(engine: Engine, _: Path) -> None:
    engine.networks.get("cutnet").remove()


def _remove_network_again(engine: Engine, archive: Path) -> None:
    with suppress(NoSuchNetwork):
        _remove_network(engine, archive)
    _make_network(engine, archive)


def _on_a_network(engine: Engine, archive: Path) -> None:
    _make_network(engine, archive)
    engine.containers.run(
        "busybox", ["sleep", "60"], name="cut", network="bridge", detach=True, stop_signal="KILL"
    )


def _connect(engine: Engine, _: Path) -> None:
    engine.networks.get("cutnet").connect("cut")


def _connect_again(engine: Engine, archive: Path) -> None:
    get(engine).start()
    with suppress(Conflict):
        _connect(engine, archive)
    assert engine.networks.get("cutnet").users == 1
    engine.networks.get("cutnet").disconnect("cut")


def _connected(engine: Engine, archive: Path) -> None:
    _on_a_network(engine, archive)
    _connect(engine, archive)


def _disconnect(engine: Engine, _: Path) -> None:
    engine.networks.get("cutnet").disconnect("cut")


def _disconnect_again(engine: Engine, archive: Path) -> None:
    get(engine).start()
    if engine.networks.get("cutnet").users:
        _disconnect(engine, archive)
    assert engine.networks.get("cutnet").users == 0


def _with_a_port(engine: Engine) -> Container:
    """Start a container on a network of a user's, whose port 80 leads from one of the machine."""
    container = engine.containers.run(
        *("busybox", ["sh", "-c", "echo ready; exec sleep 60"]),
        name="cut",
        network="cutnet",
        ports={"80": None},
        detach=True,
        stop_signal="KILL",
    )
    assert isinstance(container, Container)
    return container


def _run_with_a_port(engine: Engine, _: Path) -> None:
    _with_a_port(engine)


def _run_with_a_port_again(engine: Engine, _: Path) -> None:
    for container in engine.containers.list(all=True):
        container.remove(force=True)
    container = _with_a_port(engine)
    assert len(container.published) >= 1
    assert engine.networks.get("cutnet").users == 1


def _has_a_port(engine: Engine, archive: Path) -> None:
    _make_network(engine, archive)
    _with_a_port(engine)


def _stop(engine: Engine, _: Path) -> None:
    get(engine).stop()


def _stop_again(engine: Engine, archive: Path) -> None:
    _stop(engine, archive)
    assert engine.networks.get("cutnet").users == 0
    get(engine).start()
    assert len(get(engine).published) >= 1


def _restart(engine: Engine, _: Path) -> None:
    get(engine).restart(timeout=5)


def _restart_again(engine: Engine, archive: Path) -> None:
    _restart(engine, archive)
    assert len(get(engine).published) >= 1


def _remove(engine: Engine, _: Path) -> None:
    get(engine).remove(force=True)


def _remove_again(engine: Engine, archive: Path) -> None:
    with suppress(NoSuchContainer):
        _remove(engine, archive)
    _with_a_port(engine)


def _run_on_the_bridge(engine: Engine, _: Path) -> None:
    result = engine.run("busybox", ["ip", "a"], network="bridge", remove=True)
    assert b"eth0" in result.stdout


def _run_on_the_bridge_again(engine: Engine, archive: Path) -> None:
    for container in engine.containers.list(all=True):
        container.remove()
    _run_on_the_bridge(engine, archive)


def _has_a_port_beside(engine: Engine, archive: Path) -> None:
    """Have a port, and a network whose name comes first: a container there leads out by it."""
    _has_a_port(engine, archive)
    engine.networks.create("a-first")


def _lead_anew(engine: Engine, _: Path) -> None:
    engine.networks.get("a-first").connect("cut")


def _lead_anew_again(engine: Engine, archive: Path) -> None:
    get(engine).start()
    with suppress(Conflict):
        _lead_anew(engine, archive)
    assert engine.networks.get("a-first").users == 1
    eventually(lambda: len(get(engine).published) >= 1)  # the monitor tries again


def _leads_anew(engine: Engine, archive: Path) -> None:
    _has_a_port_beside(engine, archive)
    _lead_anew(engine, archive)


def _lead_back(engine: Engine, _: Path) -> None:
    engine.networks.get("a-first").disconnect("cut")


def _lead_back_again(engine: Engine, archive: Path) -> None:
    get(engine).start()
    with suppress(InvalidArgument):
        _lead_back(engine, archive)
    assert engine.networks.get("cutnet").users == 1
    eventually(lambda: len(get(engine).published) >= 1)  # the monitor tries again


def _prune(engine: Engine, _: Path) -> None:
    engine.networks.prune()


def _prune_again(engine: Engine, archive: Path) -> None:
    _prune(engine, archive)
    _make_network(engine, archive)


NETWORK_OPERATIONS = {
    "network create": Operation(nothing, _make_network, _make_network_again),
    "network rm": Operation(_make_network, _remove_network, _remove_network_again),
    "network connect": Operation(_on_a_network, _connect, _connect_again),
    "network disconnect": Operation(_connected, _disconnect, _disconnect_again),
    "network prune": Operation(_make_network, _prune, _prune_again),
    "run on the bridge": Operation(nothing, _run_on_the_bridge, _run_on_the_bridge_again),
    "run with a port": Operation(_make_network, _run_with_a_port, _run_with_a_port_again),
    "stop with a port": Operation(_has_a_port, _stop, _stop_again),
    "restart with a port": Operation(_has_a_port, _restart, _restart_again),
    "rm -f with a port": Operation(_has_a_port, _remove, _remove_again),
    "connect with a port": Operation(_has_a_port_beside, _lead_anew, _lead_anew_again),
    "disconnect with a port": Operation(_leads_anew, _lead_back, _lead_back_again),
}
