"""Import a root file system: a tar, plain or gzip, or a directory becomes an image of one layer.

Run by a worker, as root of the machine or of the home's user namespace. The order makes it safe to
kill at any point: blobs and the layer's tree first, under names that a sweep recognises; then the
rows, in one transaction; the index, a copy of the rows, last.
"""

from __future__ import annotations

import secrets
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, nullcontext
from pathlib import Path
from typing import BinaryIO

from ipycontainer import faults
from ipycontainer.images import change_instructions, oci_config, sweep
from ipycontainer.images.assembly import place, warnings_of
from ipycontainer.images.directory_archive import archive_of
from ipycontainer.images.intake import Intake
from ipycontainer.images.layout import CONFIG_TYPE, MANIFEST_TYPE, BlobWriter, Layout
from ipycontainer.linux.dirfd import DirFd
from ipycontainer.model import platform as platforms
from ipycontainer.model import reference as references
from ipycontainer.model.image import Descriptor, History, ImageConfig, ImageRecord, Layer
from ipycontainer.model.platform import Platform
from ipycontainer.storage import trash
from ipycontainer.storage.unpack import DEFAULT_LIMITS, Limits, unpack
from ipycontainer.store import durability, images
from ipycontainer.store.database import Store
from ipycontainer.store.home import Home
from ipycontainer.version import __version__

__all__ = ["import_image"]

DEFAULT_MESSAGE = "Imported from -"


def _nothing(_: str) -> None:
    pass


def import_image(
    home: Home,
    store: Store,
    source: BinaryIO | str | Path,
    *,
    reference: str = "",
    changes: Sequence[str] = (),
    message: str = "",
    platform: Platform | None = None,
    limits: Limits = DEFAULT_LIMITS,
    warn: Callable[[str], None] = _nothing,
) -> ImageRecord:
    """Import a tar from a binary stream, or the directory at a path, and return the image.

    `reference` is the name to give, empty for none; `changes` are the lines of `-c`; `platform` is
    whose programs it holds, None for this machine's. `warn` takes what had to be left out, a line
    each. Raises ImageFormatError, InvalidReference,
    InvalidArgument, Unsupported; nothing of the image is left then.
    """
    tags = (_tag(reference),) if reference else ()
    config = change_instructions.apply(ImageConfig(), changes)
    with store.read() as tx:  # opens the database, and says now what is wrong with it
        images.layers_in_use(tx)
    layout = Layout(home)
    if sweep.leftovers(home, store):  # of an import that was killed
        sweep.sweep(home, store)
    with sweep.adding(home), BlobWriter(layout) as writer, _new_layer(home) as (path, target):
        directory = archive_of(str(source)) if isinstance(source, str | Path) else None
        with directory or nullcontext(source) as stream:
            assert not isinstance(stream, str | Path)
            with Intake(stream, writer, limits.total_bytes) as intake:
                size = unpack(intake.read, target, userxattr=home.rootless, limits=limits)
                intake.finish()
        faults.point("import: unpacked")
        for line in warnings_of(size.devices, size.squashed):
            warn(line)
        blob = writer.commit(intake.media_type)
        faults.point("import: before the layer")
        place(path, home.layer(intake.diff_id))
        layer = Layer(intake.diff_id, intake.diff_id, size.size)  # of a base, both ids are one
        whose = platform or platforms.own()
        return _add(store, layout, blob, layer, config, tags, message or DEFAULT_MESSAGE, whose)


def _tag(text: str) -> str:
    return references.parse(text).familiar


@contextmanager
def _new_layer(home: Home) -> Iterator[tuple[Path, DirFd]]:
    """Make a directory to unpack into; what is still there at the end goes into the trash."""
    path = home.layers / f"{sweep.NEW}{secrets.token_hex(8)}"
    path.mkdir(mode=0o755)
    try:
        with DirFd.open(path) as target:
            yield path, target
    finally:
        trash.throw_away(home, path)


def _add(
    store: Store,
    layout: Layout,
    blob: Descriptor,
    layer: Layer,
    config: ImageConfig,
    tags: tuple[str, ...],
    message: str,
    platform: Platform,
) -> ImageRecord:
    """Write config and manifest, then the rows, then the index."""
    now = time.time_ns()
    history = (History(created_ns=now, comment=message),)
    config_blob = layout.put_blob(
        oci_config.config_json(
            config,
            created_ns=now,
            architecture=platform.architecture,
            variant=platform.variant,
            diff_ids=[layer.diff_id],
            history=history,
        ),
        CONFIG_TYPE,
    )
    manifest = layout.put_blob(oci_config.manifest_json(config_blob, [blob]), MANIFEST_TYPE)
    record = ImageRecord(
        id=config_blob.digest,
        manifest=manifest.digest,
        created_ns=now,
        size=layer.size,
        config=config,
        layers=(layer,),
        tags=tags,
        architecture=platform.architecture,
        variant=platform.variant,
        comment=message,
        engine_version=__version__,
        history=history,
    )
    durability.keep_files(store.home)
    faults.point("import: before the rows")
    with store.write() as tx:
        images.add(tx, record, (manifest.digest, config_blob.digest, blob.digest))
        images.tell(tx, record.id, "import", record.id)
    layout.write_index(store)
    return record
