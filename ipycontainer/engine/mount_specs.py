"""From a container's mounts to those of its OCI bundle.

The spec says all in mount(8)'s words; `subpath=` is ours, for the part of a volume or image that is
shown: it is looked up inside it when the container starts, never by a path of the host.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace

from ipycontainer.engine import mounts as engine_mounts
from ipycontainer.errors import InvalidArgument, ResourceError
from ipycontainer.model import oci
from ipycontainer.model.image import ImageRecord
from ipycontainer.model.mounts import Bind, MountPoint
from ipycontainer.model.state import DEFAULT_DRIVER
from ipycontainer.model.volume import VolumeRecord
from ipycontainer.storage import flat, mounted
from ipycontainer.store.home import Home

__all__ = ["bind", "guarded", "mount_table", "specs", "volumes_to_mount"]

_MS_BIND = 0x1000  # linux/mount.h, which docker's words tell
# As the runtime fails in docker, with whichever file of the program it looks for first.
_OVER_ALL = (
    "failed to create task for container: failed to create shim task: OCI runtime create failed: "
    "runc create failed: unable to start container process: error during container init: a volume "
    "at / hides what is to be run: no such file or directory: unknown"
)
TMPFS_OPTIONS = ("noexec", "nosuid", "nodev", "rprivate")
# Of `--tmpfs`: moby `pkg/mount/flags_linux.go` and `volume/mounts/linux_parser.go`.
_TMPFS_KEYS = ("mode", "uid", "gid", "size", "nr_inodes", "nr_blocks", "mpol")
_TMPFS_FLAGS = frozenset(
    "defaults ro rw suid nosuid dev nodev exec noexec sync async dirsync remount mand nomand atime"
    " noatime diratime nodiratime bind rbind unbindable runbindable private rprivate shared rshared"
    " slave rslave relatime norelatime strictatime nostrictatime".split()
)
_TMPFS_REFUSED = frozenset("remount bind rbind unbindable runbindable shared rshared".split())


def specs(
    home: Home,
    mounts: Sequence[MountPoint],
    known: Mapping[str, VolumeRecord],
    images: Mapping[str, ImageRecord],
    driver: str = DEFAULT_DRIVER,
) -> list[oci.Mount]:
    """Return the mounts of a bundle, what holds another one first.

    Raises InvalidArgument for a propagation that the machine's mounts cannot give.
    """
    ordered = mounted.by_depth(tuple(mounts))
    if any(mount.propagation not in ("", "private", "rprivate") for mount in ordered):
        engine_mounts.check_propagation(ordered, mount_table())
    found = []
    for mount in ordered:
        if mount.target == "/":
            raise ResourceError(_OVER_ALL)
        if mount.type == "tmpfs":
            if mount.origin == "--tmpfs":
                _check_tmpfs(mount.options)
            mode = ("ro",) if mount.read_only else ()
            options = (*TMPFS_OPTIONS, *mode, *mount.options)
            found.append(oci.Mount(mount.target, "tmpfs", "tmpfs", options))
        elif mount.type == "image":
            found.append(_image(home, mount, images[mount.source], driver))
        else:
            volume = known.get(mount.source) if mount.type == "volume" else None
            if volume is not None and volume.binds:
                mount = _checked(home, mount, volume)
            source = mounted.source_of(home, mount, known)
            if volume is not None and mount.subpath and not volume.is_mounted:
                _check_part(source, mount.subpath)
            found.append(_bind(source, mount))
    return found


def _checked(home: Home, mount: MountPoint, volume: VolumeRecord) -> MountPoint:
    """Return the mount of a volume that stands for a directory, as far as that may be written.

    Raises ResourceError where there is none.
    """
    if not os.path.lexists(volume.binds):
        place = home.volume(volume.name)
        raise ResourceError(
            f"error while mounting volume '{place}': failed to mount local volume: "
            f"mount {volume.binds}:{place}, flags: {_MS_BIND:#x}: no such file or directory"
        )
    return replace(mount, read_only=mount.read_only or volume.read_only)


def _check_part(source: str, part: str) -> None:
    """Raise ResourceError for a part of a volume that is not there, in docker's words.

    Behind a link the runtime finds out, which follows it inside the volume.
    """
    whole, place = os.path.join(source, part), source
    for name in part.split("/"):
        place = os.path.join(place, name)
        try:
            if stat.S_ISLNK(os.lstat(place).st_mode):
                return
        except FileNotFoundError:
            told = f"cannot access path {whole}: lstat {whole}: no such file or directory"
            raise ResourceError(told) from None
        except OSError:  # where this user may not look
            return


def _check_tmpfs(options: Sequence[str]) -> None:
    """Raise InvalidArgument for an option of `--tmpfs` that is none: docker does at the start."""
    for word in options:
        key, equals, _ = word.partition("=")
        known = key in _TMPFS_KEYS if equals else word in _TMPFS_FLAGS - _TMPFS_REFUSED
        if not known:
            raise InvalidArgument(f'invalid tmpfs option "{key}"')


def _bind(source: str, mount: MountPoint) -> oci.Mount:
    # No `rw` otherwise, as docker: it would ask for writing what is read-only on the machine.
    mode: tuple[str, ...] = ()
    if mount.read_only:
        mode = ("ro",) if mount.recursion == "writable" else ("rro",)
    below = (f"subpath={mount.subpath}",) if mount.subpath else ()
    recursive = "bind" if mount.recursion == "disabled" else "rbind"
    propagation = mount.propagation or "rprivate"
    return oci.Mount(mount.target, "bind", source, (recursive, *mode, propagation, *below))


def _image(home: Home, mount: MountPoint, image: ImageRecord, driver: str) -> oci.Mount:
    if driver != DEFAULT_DRIVER:
        whole = flat.place(home, [layer.chain_id for layer in image.layers])
        return _bind(str(whole), replace(mount, read_only=True))
    layers = [str(home.layer(layer.chain_id)) for layer in reversed(image.layers)]
    # An overlay without a writable layer wants two others at least.
    lowers = [*layers, str(home.empty_dir)]
    options = [*(f"lowerdir+={lower}" for lower in lowers)]
    options += ["userxattr"] if home.rootless else []
    options += [f"subpath={mount.subpath}"] if mount.subpath else []
    return oci.Mount(mount.target, "overlay", "overlay", ("ro", *options))


def bind(each: Bind) -> oci.Mount:
    """Return the mount of something that the engine itself shows."""
    mode = ("rro",) if each.read_only else ()
    return oci.Mount(each.target, "bind", each.source, ("rbind", *mode, each.propagation))


def volumes_to_mount(known: Mapping[str, VolumeRecord]) -> list[str]:
    """Return the volumes that are file systems of their own, to be mounted before a start."""
    return sorted(name for name, record in known.items() if record.is_mounted)


def guarded(
    home: Home, mounts: Sequence[MountPoint], known: Mapping[str, VolumeRecord]
) -> tuple[tuple[Bind, ...], tuple[str, ...]]:
    """Return what hides the engine's own directories from binds that contain them, and warnings.

    Through a bind, even a read-only one, a container could connect to our sockets. They check who
    connects; this is the second wall, and the one that also holds where the container shares the
    host's pid namespace. Raises InvalidArgument for a bind of a part of them.
    """
    covers: list[Bind] = []
    warnings: list[str] = []
    for source, mount in _host_directories(mounts, known):
        for private in (os.path.realpath(home.root), os.path.realpath(home.runtime)):
            if _inside(source, private):
                raise InvalidArgument(
                    f"{mount.source} belongs to the engine and cannot be shown in a container"
                )
            if _inside(private, source):
                below = os.path.relpath(private, source)
                target = os.path.normpath(os.path.join(mount.target, below))
                covers.append(Bind(str(home.empty_dir), target, read_only=True))
                warnings.append(f"{private} is hidden in the container: it is the engine's own")
    return tuple(covers), tuple(warnings)


def _host_directories(
    mounts: Sequence[MountPoint], known: Mapping[str, VolumeRecord]
) -> Iterable[tuple[str, MountPoint]]:
    for mount in mounts:
        if mount.type == "bind":
            yield os.path.realpath(mount.source), mount
        elif mount.type == "volume" and mount.source in known and known[mount.source].binds:
            yield os.path.realpath(known[mount.source].binds), mount


def _inside(path: str, directory: str) -> bool:
    return path == directory or path.startswith(directory.rstrip("/") + "/")


def mount_table() -> dict[str, str]:
    """Return this process's mount points, each with its optional fields (propagation)."""
    table = {}
    with open("/proc/self/mountinfo", encoding="utf-8", errors="surrogateescape") as lines:
        for line in lines:
            fields = line.partition(" - ")[0].split(" ")
            table[fields[4]] = " ".join(fields[6:])
    return table
