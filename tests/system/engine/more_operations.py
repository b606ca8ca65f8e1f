"""The operations beyond a container's life that a fault is put into: files, images, networks."""

from __future__ import annotations

import io
import tarfile
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

from ipycontainer.engine.container import Container
from ipycontainer.engine.engine import Engine
from ipycontainer.errors import (
    Conflict,
    ContainerNotRunning,
    NameInUse,
    NoSuchContainer,
    NoSuchNetwork,
    NoSuchVolume,
)
from tests.system.engine.operation import Operation, get, make, nothing, running, stopped

__all__ = ["MORE_OPERATIONS"]


def _tar(name: str, data: bytes) -> bytes:
    file = io.BytesIO()
    with tarfile.open(fileobj=file, mode="w") as archive:
        info = tarfile.TarInfo(name)
        info.size = len(data)
        archive.addfile(info, io.BytesIO(data))
    return file.getvalue()


def _names(pieces: bytes) -> list[str]:
    with tarfile.open(fileobj=io.BytesIO(pieces)) as archive:
        return archive.getnames()


def _twice(act: Callable[[Engine, Path], object]) -> Operation:
    """An operation of a stopped container that can be done again as it was."""
    return Operation(stopped, act, act)


def _commit(engine: Engine, _: Path) -> None:
    get(engine).commit("second", "1")


def _commit_again(engine: Engine, archive: Path) -> None:
    _commit(engine, archive)
    assert engine.run("second:1", ["ls", "/new"], network="none", remove=True).stdout == (
        b"directory\n"
    )


def _export(engine: Engine, _: Path) -> None:
    assert "new/directory" in _names(b"".join(get(engine).export()))


def _copy_in(engine: Engine, _: Path) -> None:
    get(engine).put_archive("/tmp", _tar("given", b"x" * 100_000))


def _copy_in_again(engine: Engine, archive: Path) -> None:
    _copy_in(engine, archive)
    pieces, facts = get(engine).get_archive("/tmp/given")
    assert (len(b"".join(pieces)) > 100_000, facts["size"]) == (True, 100_000)


def _copy_out(engine: Engine, _: Path) -> None:
    pieces, _facts = get(engine).get_archive("/etc")
    assert "etc/passwd" in _names(b"".join(pieces))


def _checkpoint(engine: Engine, _: Path) -> None:
    get(engine).checkpoint("one")


def _checkpoint_again(engine: Engine, archive: Path) -> None:
    container = get(engine)
    if container.checkpoints():  # the first try was cut after it had done its work
        container.drop_checkpoint("one")
    _checkpoint(engine, archive)
    assert [each.tag for each in container.checkpoints()] == ["one"]


def _undoable(engine: Engine, archive: Path) -> None:
    stopped(engine, archive)
    _checkpoint(engine, archive)
    get(engine).put_archive("/new", _tar("later", b"later"))


def _rollback(engine: Engine, _: Path) -> None:
    get(engine).rollback("one")


def _rollback_again(engine: Engine, archive: Path) -> None:
    _rollback(engine, archive)
    changed = [change["Path"] for change in get(engine).diff()]
    assert "/new/directory" in changed
    assert "/new/later" not in changed


def _branch(engine: Engine, _: Path) -> None:
    get(engine).branch("twig")


def _branch_again(engine: Engine, archive: Path) -> None:
    with suppress(NoSuchContainer):
        engine.containers.get("twig").remove()
    _branch(engine, archive)
    assert "/new/directory" in [each["Path"] for each in engine.containers.get("twig").diff()]


def _save(engine: Engine, _: Path) -> None:
    assert "manifest.json" in _names(b"".join(engine.images.get("busybox").save(named=True)))


def _saved(engine: Engine, archive: Path) -> None:
    engine.images.import_(archive, repository="second", tag="1")
    whole = b"".join(engine.images.get("second:1").save(named=True))
    archive.with_name("saved.tar").write_bytes(whole)
    engine.images.remove("second:1")


def _load(engine: Engine, archive: Path) -> None:
    with open(archive.with_name("saved.tar"), "rb") as file:
        (image,) = engine.images.load(file)
    assert image.tags == ["second:1"]


def _pause(engine: Engine, _: Path) -> None:
    get(engine).pause()


def _alive(engine: Engine) -> Container:
    """Return the container, begun anew where its monitor was killed and the program with it."""
    container = get(engine)
    if container.status not in ("running", "paused"):
        container.start()
    return get(engine)


def _pause_again(engine: Engine, _: Path) -> None:
    container = _alive(engine)
    if container.status != "paused":
        container.pause()
    container.reload()
    assert container.status == "paused"
    container.unpause()


def _restart(engine: Engine, _: Path) -> None:
    get(engine).restart(timeout=5)


def _restart_again(engine: Engine, archive: Path) -> None:
    _restart(engine, archive)
    assert get(engine).status == "running"


def _rename(engine: Engine, _: Path) -> None:
    get(engine).rename("other")


def _rename_again(engine: Engine, archive: Path) -> None:
    with suppress(NoSuchContainer):
        _rename(engine, archive)
    engine.containers.get("other").rename("cut")


def _remove(engine: Engine, _: Path) -> None:
    get(engine).remove(force=True)


def _remove_again(engine: Engine, archive: Path) -> None:
    with suppress(NoSuchContainer):
        _remove(engine, archive)
    assert engine.containers.list(all=True) == []
    make(engine, ["true"])


def _kill(engine: Engine, _: Path) -> None:
    get(engine).kill()


def _kill_again(engine: Engine, archive: Path) -> None:
    with suppress(ContainerNotRunning, Conflict):
        _kill(engine, archive)
    assert get(engine).wait(timeout=20)["StatusCode"] in (137, 255)


def _update(engine: Engine, _: Path) -> None:
    get(engine).update(pids_limit=50)


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


def _make_volume(engine: Engine, _: Path) -> None:
    engine.volumes.create("cutvol")


def _remove_volume(engine: Engine, _: Path) -> None:
    engine.volumes.get("cutvol").remove()


def _remove_volume_again(engine: Engine, archive: Path) -> None:
    with suppress(NoSuchVolume):
        _remove_volume(engine, archive)
    _make_volume(engine, archive)


def _run_with_volume(engine: Engine, _: Path) -> None:
    result = engine.run(
        *("busybox", ["cat", "/etc/passwd"]),
        name="cut",
        network="none",
        volumes=["cutvol:/etc"],
        remove=True,
    )
    assert b"root:" in result.stdout


def _run_with_volume_again(engine: Engine, archive: Path) -> None:
    for container in engine.containers.list(all=True):
        container.remove(force=True)
    _run_with_volume(engine, archive)


def _paused(engine: Engine, archive: Path) -> None:
    running(engine, archive)
    get(engine).pause()


def _unpause(engine: Engine, _: Path) -> None:
    get(engine).unpause()


def _unpause_again(engine: Engine, archive: Path) -> None:
    if _alive(engine).status == "paused":
        _unpause(engine, archive)
    assert get(engine).status == "running"


MORE_OPERATIONS = {
    "commit": Operation(stopped, _commit, _commit_again),
    "export": _twice(_export),
    "cp in": Operation(stopped, _copy_in, _copy_in_again),
    "cp out": _twice(_copy_out),
    "checkpoint": Operation(stopped, _checkpoint, _checkpoint_again),
    "rollback": Operation(_undoable, _rollback, _rollback_again),
    "branch": Operation(stopped, _branch, _branch_again),
    "save": Operation(nothing, _save, _save),
    "load": Operation(_saved, _load, _load),
    "pause": Operation(running, _pause, _pause_again),
    "unpause": Operation(_paused, _unpause, _unpause_again),
    "restart": Operation(running, _restart, _restart_again),
    "rename": Operation(stopped, _rename, _rename_again),
    "rm -f": Operation(running, _remove, _remove_again),
    "kill": Operation(running, _kill, _kill_again),
    "update": Operation(stopped, _update, _update),
    "network create": Operation(nothing, _make_network, _make_network_again),
    "network rm": Operation(_make_network, _remove_network, _remove_network_again),
    "network connect": Operation(_on_a_network, _connect, _connect_again),
    "network disconnect": Operation(_connected, _disconnect, _disconnect_again),
    "volume create": Operation(nothing, _make_volume, _make_volume),
    "volume rm": Operation(_make_volume, _remove_volume, _remove_volume_again),
    "run with a volume": Operation(nothing, _run_with_volume, _run_with_volume_again),
}
