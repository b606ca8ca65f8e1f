"""The operations beyond a container's life that a fault is put into: files, images, volumes."""

from __future__ import annotations

import io
import tarfile
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

from ipycontainer.engine.container import Container
from ipycontainer.engine.engine import Engine
from ipycontainer.errors import (
    Conflict,
    ContainerNotRunning,
    NoSuchContainer,
    NoSuchVolume,
)
from tests.system.engine.operation import WAITER, Operation, get, make, nothing, running, stopped

__all__ = ["MORE_OPERATIONS"]

BEGIN_SECONDS = 10


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


def _tag(engine: Engine, _: Path) -> None:
    engine.images.get("busybox").tag("second", "1")


def _drop_checkpoint(engine: Engine, _: Path) -> None:
    get(engine).drop_checkpoint("one")


def _drop_checkpoint_again(engine: Engine, archive: Path) -> None:
    if get(engine).checkpoints():
        _drop_checkpoint(engine, archive)
    assert get(engine).checkpoints() == []


def _begins_again(engine: Engine, archive: Path) -> None:
    """Have a container run that its monitor begins anew when it ends."""
    engine.containers.run(
        *("busybox", WAITER),
        name="cut",
        network="none",
        detach=True,
        restart_policy={"Name": "on-failure", "MaximumRetryCount": 3},
    )


def _make_it_begin_again(engine: Engine, _: Path) -> None:
    get(engine).exec_run(["kill", "-TERM", "1"])
    deadline = time.monotonic() + BEGIN_SECONDS
    while get(engine).attrs["RestartCount"] != 1 or get(engine).status == "restarting":
        assert time.monotonic() < deadline
        time.sleep(0.01)


def _begin_again_again(engine: Engine, _: Path) -> None:
    get(engine).start()
    assert get(engine).status == "running"
    get(engine).stop(timeout=0)
    assert get(engine).status == "exited"


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
    "tag": Operation(nothing, _tag, _tag),
    "checkpoints --rm": Operation(_undoable, _drop_checkpoint, _drop_checkpoint_again),
    "begin again": Operation(_begins_again, _make_it_begin_again, _begin_again_again),
    "volume create": Operation(nothing, _make_volume, _make_volume),
    "volume rm": Operation(_make_volume, _remove_volume, _remove_volume_again),
    "run with a volume": Operation(nothing, _run_with_volume, _run_with_volume_again),
}
