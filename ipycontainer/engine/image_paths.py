"""What an image has at a path, as far as its layers tell at once: for what docker refuses early.

Links are not followed, and what may not be looked at is not known: then the start itself will tell.
"""

from __future__ import annotations

import os
import posixpath
import stat
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

from ipycontainer.errors import InvalidArgument
from ipycontainer.model.config import ContainerConfig
from ipycontainer.model.image import ImageRecord
from ipycontainer.storage import attributes
from ipycontainer.store.home import Home

__all__ = ["file_on_the_way", "refuse_files"]


def refuse_files(home: Home, image: ImageRecord, config: ContainerConfig) -> None:
    """Refuse a working directory and volumes where the image has a file, as docker does."""
    places = [mount for mount in config.mounts if mount.type == "volume" and not mount.subpath]
    if not config.workdir and not places:
        return
    layers = [home.layer(layer.chain_id) for layer in reversed(image.layers)]
    if config.workdir and (file := file_on_the_way(layers, config.workdir)):
        if file == config.workdir:
            raise InvalidArgument(f"Cannot mkdir: {file} is not a directory")
        raise InvalidArgument(f"lstat {config.workdir}: not a directory")
    for mount in places:
        if file_on_the_way(layers, mount.target) == mount.target:
            raise InvalidArgument(
                f"cannot mount volume over existing file, file exists {mount.target}"
                if mount.anonymous
                else f"source {mount.target} is not directory"
            )


def file_on_the_way(layers: Sequence[Path], path: str) -> str:
    """Return the first part of a path that is a file, "" where none is known to be.

    `layers` come topmost first.
    """
    found, looked = "", list(layers)
    for part in posixpath.normpath(path).strip("/").split("/"):  # nothing above the layers
        found = f"{found}/{part}"
        directories: list[Path] = []
        for layer in looked:
            place = f"{layer}{found}"
            try:
                mode = os.lstat(place).st_mode
            except FileNotFoundError:
                continue
            except OSError:
                return ""
            if not stat.S_ISDIR(mode):
                # below a directory a file, or the whiteout of one, is hidden
                return found if stat.S_ISREG(mode) and not directories else ""
            directories.append(layer)
            if _is_opaque(place):
                break
        looked = directories
    return ""


def _is_opaque(path: str) -> bool:
    with suppress(OSError):
        marks = filter(attributes.is_mark, os.listxattr(path, follow_symlinks=False))
        return any(os.getxattr(path, mark, follow_symlinks=False) == b"y" for mark in marks)
    return False
