"""Commit: a container's changes become a layer, and with its settings an image.

Run by a worker. Blob and tree first, rows last, as at an import: killed at any point, what is left
is what a sweep knows. A container of `host` gives an image that stands on `host` again: its base is
this machine, wherever the image is run.
"""

from __future__ import annotations

import hashlib
import json
import os
import secrets
import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from ipycontainer import faults
from ipycontainer.errors import ImageNotFound
from ipycontainer.images import change_instructions, host, oci_config, sweep
from ipycontainer.images.layout import (
    CONFIG_TYPE,
    LAYER_TYPE,
    MANIFEST_TYPE,
    BlobWriter,
    Layout,
)
from ipycontainer.linux.dirfd import DirFd
from ipycontainer.model import reference as references
from ipycontainer.model.image import Descriptor, History, ImageConfig, ImageRecord, Layer
from ipycontainer.model.state import ContainerRecord
from ipycontainer.storage import layer_archives, trash
from ipycontainer.storage.tar_writer import TarWriter
from ipycontainer.storage.unpack import NO_LIMITS, unpack
from ipycontainer.store import containers, durability, images
from ipycontainer.store.database import Store
from ipycontainer.store.home import Home
from ipycontainer.version import __version__

__all__ = ["commit"]


def commit(
    home: Home,
    store: Store,
    record: ContainerRecord,
    *,
    reference: str = "",
    author: str = "",
    message: str = "",
    changes: Sequence[str] = (),
    progress: Callable[[int], None],
) -> ImageRecord:
    """Return the image made of what a container changed; it is paused, or it does not run.

    `changes` are the lines of `-c`. Raises InvalidReference, InvalidArgument; nothing is left then.
    """
    tags = (references.parse(reference).familiar,) if reference else ()
    layout = Layout(home)
    try:
        with store.read() as tx:
            base = images.get(tx, record.image_id)
    except ImageNotFound as error:  # it was removed by force
        path = layout.blob(record.image_id)
        told = f"failed to get digest {record.image_id}: open {path}: no such file or directory"
        raise ImageNotFound(told, hint=error.hint) from None
    store.close()
    settings = settings_of(record)
    if record.config.files:  # a cell's script goes with the container, not into the image
        settings = replace(settings, entrypoint=base.config.entrypoint, command=base.config.command)
    config = change_instructions.apply(settings, changes)
    if not config.entrypoint:  # docker takes the container's again
        config = replace(
            config,
            entrypoint=settings.entrypoint,
            command=config.command or settings.command,
            empty_command=False,
        )
    if config.healthcheck is not None:
        config = replace(config, healthcheck=config.healthcheck.or_else(settings.healthcheck))
    with sweep.adding(home):
        layer = _layer(home, layout, record, base, progress)
        done = _add(store, layout, record, base, layer, config, tags, author, message)
    layout.write_index(store)
    return done


def settings_of(record: ContainerRecord) -> ImageConfig:
    """Return what a container was told, as the settings of an image."""
    config = record.config
    return ImageConfig(
        env=config.env,
        entrypoint=config.entrypoint or (),
        command=config.command,
        workdir=config.workdir,
        user=config.user,
        labels=dict(config.labels),
        exposed_ports=config.exposed_ports,
        volumes=config.volume_places,
        stop_signal=config.stop_signal,
        healthcheck=config.healthcheck,
    )


def _layer(
    home: Home,
    layout: Layout,
    record: ContainerRecord,
    base: ImageRecord,
    progress: Callable[[int], None],
) -> tuple[Layer, Descriptor] | None:
    """Write the layer's blob and unpack it where containers of the image will stand on it.

    A container that changed nothing gives none, as with docker; that of `host` always one, since
    an image without any layer has no container.
    """
    with BlobWriter(layout) as writer:
        archive = TarWriter(writer.write, progress=progress)
        layer_archives.write_changes(archive, record.overlays, home.rootless, record.config.files)
        archive.close()
        diff_id = writer.digest
        faults.point("commit: written")
        if diff_id == _EMPTY_TAR and base.layers:
            return None
        blob = writer.commit(LAYER_TYPE)
    chain_id = _chain(base, diff_id)
    path = home.layers / f"{sweep.NEW}{secrets.token_hex(8)}"
    path.mkdir(mode=0o755)
    try:
        with DirFd.open(path) as target, open(layout.blob(diff_id), "rb") as stream:
            size = unpack(stream.read, target, userxattr=home.rootless, limits=NO_LIMITS)
        faults.point("commit: unpacked")
        _give_name(path, home.layer(chain_id))
    finally:
        trash.throw_away(home, path)
    return Layer(chain_id, diff_id, size.size), blob


# What a tar without an entry hashes to: two blocks of zeros, the end alone.
_EMPTY_TAR = f"sha256:{hashlib.sha256(bytes(1024)).hexdigest()}"


def _chain(base: ImageRecord, diff_id: str) -> str:
    """Return the id of a layer upon those of its base (OCI image-spec, `config.md`)."""
    if not base.layers:
        return diff_id
    text = f"{base.layers[-1].chain_id} {diff_id}"
    return f"sha256:{hashlib.sha256(text.encode()).hexdigest()}"


def _give_name(path: Path, layer: Path) -> None:
    """Give an unpacked layer its name. One that is there already is the same, and stays."""
    try:
        os.rename(path, layer)
    except OSError:
        if not layer.is_dir():
            raise


def _add(
    store: Store,
    layout: Layout,
    container: ContainerRecord,
    base: ImageRecord,
    layer: tuple[Layer, Descriptor] | None,
    config: ImageConfig,
    tags: tuple[str, ...],
    author: str,
    message: str,
) -> ImageRecord:
    now = time.time_ns()
    words = " ".join(container.config.command)  # the entrypoint is not told, as with docker
    step = History(now, words, message, empty_layer=layer is None)
    history = (*base.history, step)
    whole = (*base.layers, *(() if layer is None else (layer[0],)))
    config_blob = layout.put_blob(
        oci_config.config_json(
            config,
            created_ns=now,
            architecture=base.architecture,
            diff_ids=[each.diff_id for each in whole],
            history=history,
        ),
        CONFIG_TYPE,
    )
    blobs = _blobs_of(layout, base) + ([] if layer is None else [layer[1]])
    manifest = layout.put_blob(oci_config.manifest_json(config_blob, blobs), MANIFEST_TYPE)
    record = replace(
        base,
        id=config_blob.digest,
        manifest=manifest.digest,
        created_ns=now,
        size=base.size + (0 if layer is None else layer[0].size),
        config=config,
        layers=whole,
        tags=tags,
        author=author,
        comment=message,
        engine_version=__version__,
        history=history,
        digests=(),
        source=None,
        base="host" if host.is_under(base) else "",
        parent=base.id,
        of_container=_of_container(container, config),
    )
    needed = (each.digest for each in (manifest, config_blob, *blobs))
    durability.keep_files(store.home)
    faults.point("commit: before the rows")
    with store.write() as tx:
        images.add(tx, record, needed)
        named = {"imageRef": tags[0]} if tags else {}
        containers.tell(tx, container, "commit", now, comment=message, imageID=record.id, **named)
    return record


def _of_container(container: ContainerRecord, config: ImageConfig) -> dict[str, Any]:
    """Return what docker's commit keeps of a container itself; labels are never null then."""
    own = container.config
    timeout = {} if own.stop_timeout is None else {"StopTimeout": own.stop_timeout}
    return {
        "Hostname": own.hostname or container.short_id,
        "Domainname": own.sharing.domainname,
        "AttachStdin": own.attach_stdin,
        "AttachStdout": own.attach_stdout,
        "AttachStderr": own.attach_stderr,
        "Tty": own.tty,
        "OpenStdin": own.open_stdin,
        "StdinOnce": own.open_stdin and own.attach_stdin,
        "Image": own.image,
        "Labels": dict(sorted(config.labels.items())),
        **timeout,
    }


def _blobs_of(layout: Layout, base: ImageRecord) -> list[Descriptor]:
    """Return the layers' blobs of the base, as its manifest names them; `host` has none."""
    if not base.manifest:
        return []
    raw = json.loads(layout.read_blob(base.manifest))
    return [
        Descriptor(str(each["mediaType"]), str(each["digest"]), int(each["size"]))
        for each in raw["layers"]
    ]
