"""The parts of docker's container object that tell of mounts.

Each of the words that asked for them has a place of its own there: `Binds`, `Mounts`, `Tmpfs`,
`VolumesFrom`. Shapes are those of docker 26.1.5.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from ipycontainer.model.config import ContainerConfig
from ipycontainer.model.mounts import MountPoint
from ipycontainer.model.volume import DRIVER
from ipycontainer.store.home import Home

__all__ = ["host_config", "mounts"]


def mounts(home: Home, points: Sequence[MountPoint]) -> list[dict[str, Any]]:
    """Return `.Mounts`: all but what `--tmpfs` asked for, as docker has it."""
    return [_mount(home, point) for point in points if point.origin != "--tmpfs"]


def _mount(home: Home, point: MountPoint) -> dict[str, Any]:
    shown: dict[str, Any] = {"Type": point.type}
    source = point.source
    if point.type == "volume":
        shown["Name"], source = point.source, str(home.volume(point.source))
    shown |= {"Source": source, "Destination": point.target}
    if point.type == "volume":
        shown["Driver"] = DRIVER
    bind = point.type == "bind"
    return shown | {
        "Mode": point.mode or _volume_mode(point),
        "RW": not point.read_only and point.type != "image",
        "Propagation": (point.propagation or "rprivate") if bind else "",
    }


def _volume_mode(point: MountPoint) -> str:
    """Return what docker says of a volume without a mode: `z`, where a line asked for it by name.

    So does `--mount` without a name (moby daemon/volumes_unix.go, setBindModeIfNull: SELinux's).
    """
    unnamed = point.anonymous and point.origin == "-v"
    asked = point.origin in ("-v", "--mount") and not unnamed
    return "z" if point.type == "volume" and asked else ""


def host_config(config: ContainerConfig) -> dict[str, Any]:
    """Return what `.HostConfig` says of mounts; docker leaves Mounts and Tmpfs out when empty."""
    points = config.mounts
    shown: dict[str, Any] = {
        "Binds": [_words(point) for point in points if point.origin == "-v" and not point.anonymous]
        or None,
        "VolumeDriver": config.volume_driver,
        "VolumesFrom": list(config.volumes_from) or None,
    }
    if asked := [_asked(point) for point in points if point.origin == "--mount"]:
        shown["Mounts"] = asked
    temporary = [point for point in points if point.origin == "--tmpfs"]
    if temporary:
        shown["Tmpfs"] = {
            point.typed_target or point.target: ",".join(point.options) for point in temporary
        }
    return shown


def _words(point: MountPoint) -> str:
    source, target = point.typed_source or point.source, point.typed_target or point.target
    return ":".join(filter(None, (source, target, point.mode)))


def _asked(point: MountPoint) -> dict[str, Any]:
    shown: dict[str, Any] = {"Type": point.type}
    source = point.typed_source or point.source
    if point.type == "image":
        source = point.labels.get("reference", "")
    if source and not point.anonymous:
        shown["Source"] = source
    shown["Target"] = point.typed_target or point.target
    if point.read_only:
        shown["ReadOnly"] = True
    options = _OPTIONS[point.type](point)
    if options or point.has_options:
        shown[f"{point.type.capitalize()}Options"] = options
    return shown


def _bind_options(point: MountPoint) -> dict[str, Any]:
    shown: dict[str, Any] = {}
    if point.propagation:
        shown["Propagation"] = point.propagation
    if point.create_source:
        shown["CreateMountpoint"] = True
    named = {
        "disabled": "NonRecursive",
        "writable": "ReadOnlyNonRecursive",
        "readonly": "ReadOnlyForceRecursive",
    }
    if point.recursion in named:
        shown[named[point.recursion]] = True
    return shown


def _volume_options(point: MountPoint) -> dict[str, Any]:
    shown: dict[str, Any] = {}
    if point.no_copy:
        shown["NoCopy"] = True
    if point.labels:
        shown["Labels"] = dict(point.labels)
    if point.subpath:
        shown["Subpath"] = point.subpath
    driver = {"Name": point.driver, "Options": dict(point.driver_options)}
    driver = {key: value for key, value in driver.items() if value}
    # docker's client sends one beside whatever else is said of a volume
    if shown or driver or point.has_options:
        shown["DriverConfig"] = driver
    return shown


def _tmpfs_options(point: MountPoint) -> dict[str, Any]:
    words = dict(word.partition("=")[::2] for word in point.options)
    shown: dict[str, Any] = {}
    if size := int(words.get("size", "0")):
        shown["SizeBytes"] = size
    if mode := int(words.get("mode", "0"), 8):
        shown["Mode"] = mode
    return shown


def _image_options(point: MountPoint) -> dict[str, Any]:
    return {"Subpath": point.subpath} if point.subpath else {}


_OPTIONS = {
    "bind": _bind_options,
    "volume": _volume_options,
    "tmpfs": _tmpfs_options,
    "image": _image_options,
}
