"""Workers: one job each, done by a process that sees files as the containers do.

Forked by the zygote, so that it stands inside the home's user namespace: an ordinary user's engine
can neither read nor remove files of subordinate ids from outside. A job is a function of this
file's table; its result crosses back as JSON.
"""

from __future__ import annotations

import errno
import os
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from typing import Any

from ipycontainer import faults
from ipycontainer.errors import ContainerRunning, EngineError, ProtocolError, ResourceError
from ipycontainer.model.state import ContainerRecord
from ipycontainer.storage import changes, drivers, removal, sizes, snapshots, trash, view, volumes
from ipycontainer.store import containers, liveness, monitor_statements
from ipycontainer.store import volumes as store_volumes
from ipycontainer.store.database import Store
from ipycontainer.store.home import Home
from ipycontainer.supervise import network_connect, network_jobs, repair
from ipycontainer.supervise.file_jobs import FILE_JOBS, FileJob, Interrupted, held
from ipycontainer.supervise.protocol import Channel, Message
from ipycontainer.supervise.undo_jobs import UNDO_JOBS

__all__ = ["main"]

# Whoever has a stopped container's lock is a repair that looks, or a monitor's last moment.
PATIENCE_SECONDS = 2

Job = Callable[[Home, Store, Mapping[str, Any], Sequence[int]], Any]


def main(home: Home, channel: Channel, message: Message) -> int:
    """Do the job that `message` names, answer on `channel`, return the process's exit code."""
    name = str(message.body.get("job"))
    job = FILE_JOBS.get(name) or UNDO_JOBS.get(name) or _silent(JOBS.get(name))
    store = Store(home)

    def tell(body: Mapping[str, Any]) -> None:
        """Say how far it is to who asked, if somebody listens; end the job when nobody is left."""
        try:
            channel.send_if_heard(body)
        except (BrokenPipeError, ConnectionResetError):
            raise Interrupted("who asked for it has left") from None

    try:
        if job is None and name not in IMAGE_JOBS:
            raise ProtocolError(f"a worker does not know the job {name!r}")
        faults.point("worker: before the job")
        if job is not None:
            result = job(home, store, message.body, message.fds, tell)
        else:
            from ipycontainer.supervise import image_jobs  # as below: kept out of the zygote

            result = image_jobs.do(name, home, store, message, channel)
        answer = {"event": "done", "result": result}
        faults.point("worker: before the answer")
    except EngineError as error:
        answer = {"event": "failed", "error": error.to_wire()}
    except OSError as error:
        words = (error.strerror or str(error)).lower()
        # the name of a call on a descriptor is its number
        named = error.filename if isinstance(error.filename, str | bytes) else ""
        where = f"{os.fsdecode(named)}: " if named else ""
        answer = {"event": "failed", "error": ResourceError(f"{where}{words}").to_wire()}
    except Exception as error:  # noqa: BLE001 - the one who asked must get an answer
        import traceback

        traceback.print_exc()
        told = EngineError(f"{type(error).__name__}: {error}")
        answer = {"event": "failed", "error": told.to_wire()}
    finally:
        store.close()
    with suppress(BrokenPipeError, ConnectionResetError):
        channel.send(answer)
    return 0


def _silent(job: Job | None) -> FileJob | None:
    """Return a job that says nothing before its end, as one that could."""
    return (
        None
        if job is None
        else lambda home, store, arguments, fds, _: job(home, store, arguments, fds)
    )


def _remove(home: Home, store: Store, arguments: Mapping[str, Any], _: Sequence[int]) -> None:
    """Remove a stopped container, under the lock that a start takes too."""
    container_id = str(arguments["id"])
    try:
        lock = liveness.hold(home.lock(container_id), PATIENCE_SECONDS)
    except BlockingIOError:
        raise ContainerRunning(
            f"container {container_id[:12]} is running or being started",
            hint=f"ipycontainer rm -f {container_id[:12]}",
        ) from None
    try:
        with store.write() as tx:
            record = containers.mark_removing(tx, container_id)
        network_jobs.withdraw(home, store, container_id)
        repair.remove_cgroup(home, record)  # of a start that was killed before it was told
        snapshots.discard(home, container_id)
        removal.forget(
            home, store, container_id, volumes=record.config.auto_remove or arguments["volumes"]
        )
    finally:
        lock.release()


def _changes(home: Home, store: Store, arguments: Mapping[str, Any], _: Sequence[int]) -> Any:
    with store.read() as tx:
        record = containers.get(tx, str(arguments["id"]))
    return [change.row() for change in changes.changes(record.overlays, home.rootless)]


def _remove_image(home: Home, store: Store, arguments: Mapping[str, Any], _: Sequence[int]) -> Any:
    from ipycontainer.images import tagging

    ref, parents = str(arguments["ref"]), not arguments.get("noprune")
    return tagging.remove(home, store, ref, bool(arguments["force"]), parents=parents)


def _furnish(home: Home, store: Store, arguments: Mapping[str, Any], _: Sequence[int]) -> None:
    """Make a new container's working directory, and copy what is in the places of empty volumes."""
    record, lock = held(home, store, str(arguments["id"]))
    workdir = str(arguments["workdir"]) if lock is not None else ""  # one that runs has it
    try:
        with store.read() as tx:
            known = {name: store_volumes.get(tx, name) for name, _ in arguments["volumes"]}
        with view.seen(home, record, writable=bool(workdir)) as root:
            if workdir:
                with suppress(OSError):  # the start says what is in its way
                    root.mkdirs(workdir).close()
            for name, target in arguments["volumes"]:
                if not known[name].is_mounted:
                    volumes.fill(home, root, target, known[name])
    finally:
        if lock is not None:
            lock.release()


def _mount_volumes(
    home: Home, store: Store, arguments: Mapping[str, Any], _: Sequence[int]
) -> None:
    with store.read() as tx:
        records = [store_volumes.get(tx, name) for name in arguments["names"]]
    for record in records:
        try:
            volumes.mount(home, record)
        except OSError as error:
            # without what the kernel has logged about it, which docker does not ask for
            reason = os.strerror(error.errno or errno.EINVAL).lower()
            raise ResourceError(
                "error while mounting volume "
                f"'{home.volume(record.name)}': failed to mount local volume: mount "
                f"{record.options.get('device', '')}:{home.volume(record.name)}"
                f"{volumes.mount_words(record.options.get('o', ''))}: {reason}"
            ) from error


def _remove_volume(
    home: Home, store: Store, arguments: Mapping[str, Any], _: Sequence[int]
) -> None:
    volumes.remove(home, store, str(arguments["name"]))


def _sizes(home: Home, store: Store, arguments: Mapping[str, Any], _: Sequence[int]) -> Any:
    """Return what containers have written and what volumes hold, in bytes: of those still there."""
    wanted = set(arguments.get("containers", ()))
    with store.read() as tx:
        records = [each for each in containers.list_all(tx) if each.id in wanted]
    written = {each.id: _written(home, each) for each in records}
    held = {name: sizes.tree_size(home.volume(name)) for name in arguments.get("volumes", ())}
    return {"containers": written, "volumes": held}


def _layer_files(
    home: Home, _: Store, arguments: Mapping[str, Any], __: Sequence[int]
) -> list[int]:
    """Return how many files, links and deletions lie in each layer."""
    return [sizes.tree_files(home.layer(str(each))) for each in arguments["layers"]]


def _written(home: Home, record: ContainerRecord) -> int:
    if not any(drivers.of(overlay).holds_all for overlay in record.overlays):
        return sum(sizes.tree_size(overlay.upper) for overlay in record.overlays)
    told = changes.changes(record.overlays, home.rootless)
    return sum(change.size for change in told if change.kind != "D")


def _prune_images(home: Home, store: Store, arguments: Mapping[str, Any], _: Sequence[int]) -> Any:
    from ipycontainer.images import tagging

    done, freed = tagging.prune(
        home,
        store,
        every=bool(arguments["every"]),
        before_ns=arguments["before_ns"],
        labels=arguments["labels"],
        without=arguments["without"],
        kept=arguments["kept"],
    )
    return {"deeds": done, "bytes": freed}


def _probe_drivers(
    home: Home, _: Store, arguments: Mapping[str, Any], __: Sequence[int]
) -> dict[str, str]:
    """Find out which storage drivers work here."""
    from ipycontainer.storage.drivers import choice  # once a boot: kept out of the zygote

    return choice.probe(home, str(arguments["forced"]))


def _flatten(home: Home, _: Store, arguments: Mapping[str, Any], __: Sequence[int]) -> None:
    """Make an image one tree, and copy it into a container's directory where one is named."""
    from ipycontainer.storage import flat  # as above: by containers that are copies

    if upper := str(arguments.get("upper", "")):
        flat.fill(home, arguments["layers"], upper)
    else:
        flat.make(home, arguments["layers"])


def _repair(home: Home, store: Store, _: Mapping[str, Any], __: Sequence[int]) -> None:
    repair.repair(home, store)


def _empty(home: Home, store: Store, _: Mapping[str, Any], __: Sequence[int]) -> None:
    """Remove all that the home holds; its own directories go with the engine's next step."""
    with store.read() as tx:
        records = containers.list_all(tx)
    for each in records:
        snapshots.discard(home, each.id)
    with store.write() as tx:
        for each in records:
            monitor_statements.removed(tx, each.id)
        for record in store_volumes.list_all(tx):
            if record.is_mounted:
                volumes.unmount(home, record.name)
            store_volumes.remove(tx, record.name)
    network_jobs.clear(home, store)
    for name in os.listdir(home.volumes):  # of rows that are lost
        if os.path.ismount(home.volumes / name / "_data"):
            volumes.unmount(home, name)
    for directory in (home.containers, home.layers, home.layout, home.cache, home.volumes):
        trash.throw_away(home, directory)


# Those of supervise.image_jobs.
IMAGE_JOBS = frozenset({"import", "load", "login", "pull", "push", "save"})

JOBS: Mapping[str, Job] = {
    "changes": _changes,
    "empty": _empty,
    "flatten": _flatten,
    "furnish": _furnish,
    "connect-network": network_connect.connect,
    "disconnect-network": network_connect.disconnect,
    "hold-network": network_jobs.hold,
    "layer-files": _layer_files,
    "make-network": network_jobs.make,
    "mount-volumes": _mount_volumes,
    "probe-drivers": _probe_drivers,
    "prune-images": _prune_images,
    "remove": _remove,
    "remove-image": _remove_image,
    "remove-network": network_jobs.remove,
    "remove-volume": _remove_volume,
    "repair": _repair,
    "sizes": _sizes,
}
