"""What a container's privileges mean on this machine: capabilities, devices, filter, paths.

Between the user's words (model.privileges) and the bundle. What docker's daemon refuses at creation
`check` refuses; what it finds out at a start, as a device that is not there, is found out at ours.
Sources: moby `daemon/security_opt.go`, `daemon/pkg/oci/{caps/utils,devices_linux}.go`.
"""

from __future__ import annotations

import hashlib
import json
import os
import stat
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ipycontainer.engine.refusals import by_runtime
from ipycontainer.errors import EngineError, InvalidArgument
from ipycontainer.linux import capabilities
from ipycontainer.model.booleans import go_bool
from ipycontainer.model.oci import Device, DeviceRule
from ipycontainer.model.privileges import DeviceMapping, Privileges
from ipycontainer.runtime import defaults, profile

__all__ = [
    "Devices",
    "SecurityWords",
    "apparmor",
    "check",
    "devices",
    "effective",
    "no_new_privileges",
    "seccomp",
]

_ALL = "ALL"
_KINDS = {stat.S_IFCHR: "c", stat.S_IFBLK: "b"}
# Directories of /dev whose nodes are another container's or a namespace's own, and the console.
_NOT_SHOWN = frozenset({"pts", "shm", "fd", "mqueue", ".lxc", ".lxd-mounts", ".udev"})
_NOT_SHOWN_FILES = frozenset({"console", "ptmx"})  # ptmx is a link into the container's own pts
_APPARMOR = Path("/sys/module/apparmor/parameters/enabled")
_SELINUX = Path("/sys/fs/selinux/enforce")


@dataclass(frozen=True, slots=True)
class SecurityWords:
    """What `--security-opt` says, read: `seccomp` is "", unconfined, builtin or a profile."""

    no_new_privileges: bool = False
    seccomp: str = ""
    apparmor: str = ""
    labels: tuple[str, ...] = ()

    @classmethod
    def parse(cls, words: Sequence[str]) -> SecurityWords:
        """Return what the words mean. Raises InvalidArgument in docker's words."""
        no_new_privileges, named, labels = False, {"seccomp": "", "apparmor": ""}, []
        for word in words:
            if word == "no-new-privileges":
                no_new_privileges = True
                continue
            key, _, value = word.partition("=" if "=" in word else ":")
            if key in named:
                named[key] = value
            elif key == "label":
                labels.append(value)
            elif key == "no-new-privileges" and (said := go_bool(value)) is not None:
                no_new_privileges = said
            else:
                raise InvalidArgument(f'invalid --security-opt 2: "{word}"')
        return cls(no_new_privileges, named["seccomp"], named["apparmor"], tuple(labels))


def check(privileges: Privileges, *, rootless: bool) -> tuple[str, ...]:
    """Refuse what docker refuses at creation; return WARNING lines about what has no effect."""
    effective(privileges, rootless=rootless)
    words = SecurityWords.parse(privileges.security_opt)
    warnings = []
    if words.apparmor not in ("", "unconfined") and not _has_apparmor():
        warnings.append(
            f"Your kernel does not support AppArmor: profile {words.apparmor} is discarded."
        )
    if any(label != "disable" for label in words.labels) and _SELINUX.exists():
        warnings.append("The engine sets no SELinux labels: label= is discarded.")
    limited = [
        f"{device.source}:{device.access}"
        for device in privileges.devices
        if device.access != "rwm"
    ]
    if rootless and not privileges.privileged and (limited or privileges.device_rules):
        # podman refuses in these words, rootless docker says nothing
        warnings.append(
            "Device cgroup rules are not supported in rootless mode or in a user namespace. "
            f"{', '.join((*limited, *privileges.device_rules))} discarded: the permissions of the "
            "device files alone decide."
        )
    return tuple(warnings)


# ── capabilities ─────────────────────────────────────────────────────────────────────────────


def effective(privileges: Privileges, *, rootless: bool) -> tuple[str, ...]:
    """Return the capabilities that a container gets. Raises InvalidArgument in docker's words."""
    if not (privileges.privileged or privileges.cap_add or privileges.cap_drop):
        return defaults.CAPABILITIES
    available = _available(rootless=rootless)
    added = _names(privileges.cap_add, available, "CapAdd")
    dropped = _names(privileges.cap_drop, available, "CapDrop")
    if privileges.privileged:
        return available
    if _ALL in added:
        return tuple(name for name in available if name not in dropped)
    if _ALL in dropped:
        return added
    kept = (name for name in defaults.CAPABILITIES if name not in dropped)
    return tuple(dict.fromkeys((*kept, *added)))


def _available(*, rootless: bool) -> tuple[str, ...]:
    """Return what can be given at all: even root may lack some; a user namespace has them all."""
    if rootless:
        return capabilities.names_of((1 << capabilities.last() + 1) - 1)
    return capabilities.names_of(capabilities.own_bounding())


def _names(words: Iterable[str], available: Sequence[str], field: str) -> tuple[str, ...]:
    found = []
    for word in words:
        name = word.upper()
        if name != _ALL and not name.startswith("CAP_"):
            name = f"CAP_{name}"
        if name != _ALL and name not in capabilities.NAMES:
            raise InvalidArgument(f'invalid {field}: unknown capability: "{name}"')
        if name != _ALL and name not in available:
            raise InvalidArgument(
                f"invalid {field}: capability not supported by your kernel or not available in "
                f'the current environment: "{name}"'
            )
        found.append(name)
    return tuple(found)


# ── filter and labels ────────────────────────────────────────────────────────────────────────


def seccomp(
    privileges: Privileges, bounding: Sequence[str]
) -> tuple[str, Mapping[str, Any] | None]:
    """Return which filter the runtime is to take: its annotation, and a profile of the user's own.

    "" is no filter, "default" docker's own as most containers have it, "capabilities" docker's own
    for the bundle's capabilities, else a digest that names the profile in the cache of compiled
    ones. Raises what the daemon and its runtime say of a profile that is none.
    """
    text = SecurityWords.parse(privileges.security_opt).seccomp
    if text == "unconfined" or privileges.privileged:  # in docker, too, whatever profile was given
        return "", None
    if text in ("", "builtin"):
        usual = set(bounding) == set(defaults.CAPABILITIES)
        return "default" if usual else "capabilities", None
    resolved = profile.resolve(text, bounding)
    if resolved is None:
        return "", None
    if problem := profile.refusal(resolved):
        raise by_runtime(problem)
    raw = json.dumps(resolved, sort_keys=True).encode()
    return hashlib.sha256(raw).hexdigest(), resolved


def no_new_privileges(privileges: Privileges) -> bool:
    """Tell whether no program of the container may gain what its caller has not."""
    return SecurityWords.parse(privileges.security_opt).no_new_privileges


def apparmor(privileges: Privileges) -> str:
    """Return the AppArmor profile that the program takes on, "" for none."""
    name = SecurityWords.parse(privileges.security_opt).apparmor
    return name if name != "unconfined" and _has_apparmor() else ""


def _has_apparmor() -> bool:
    try:
        return _APPARMOR.read_text(encoding="ascii").startswith("Y")
    except OSError:
        return False


# ── devices ──────────────────────────────────────────────────────────────────────────────────


@dataclass(frozen=True, slots=True)
class Devices:
    """The nodes that a container gets, the rules for them, and whence those come.

    `sources` maps the path of a node inside to its path here, where they differ.
    """

    nodes: tuple[Device, ...]
    rules: tuple[DeviceRule, ...]
    sources: Mapping[str, str]


_USUAL = Devices(defaults.DEVICES, defaults.DEVICE_RULES, {})


def devices(privileges: Privileges) -> Devices:
    """Return the devices as they are now. Raises EngineError for one that is not there."""
    if not (privileges.privileged or privileges.devices or privileges.device_rules):
        return _USUAL
    nodes = {device.path: device for device in defaults.DEVICES}
    rules = [] if privileges.privileged else list(defaults.DEVICE_RULES)
    sources: dict[str, str] = {}
    if privileges.privileged:
        rules.append(DeviceRule(allow=True))
        nodes |= {node.path: node for node in _all_of("/dev")}
    for mapping in privileges.devices:
        if privileges.privileged and mapping.source == mapping.target:
            continue  # docker's rule: it is there already, or nowhere
        for node, source in _mapped(mapping):
            nodes[node.path] = node
            if node.path != source:
                sources[node.path] = source
            rules.append(DeviceRule(True, node.type, node.major, node.minor, mapping.access))
    if not privileges.privileged:
        rules += (_rule(text) for text in privileges.device_rules)
    return Devices(tuple(nodes.values()), tuple(rules), sources)


def _mapped(mapping: DeviceMapping) -> Iterator[tuple[Device, str]]:
    """Yield the node that a mapping means with its path here, or those below a directory."""
    target = os.path.normpath(mapping.target)
    try:
        source = os.path.realpath(mapping.source, strict=True)
        node = _node(source, target)
    except OSError as error:
        raise _no_device(mapping.source, (error.strerror or str(error)).lower()) from None
    if node is not None:
        yield node, source
        return
    found = False
    for below in _all_of(source) if os.path.isdir(source) else ():
        found = True
        inside = below.path.replace(source, target, 1)
        yield _renamed(below, inside), below.path
    if not found:
        raise _no_device(mapping.source, "not a device node")


def _no_device(path: str, why: str) -> EngineError:
    return EngineError(
        f'error gathering device information while adding custom device "{path}": {why}'
    )


def _node(path: str, target: str) -> Device | None:
    found = os.lstat(path)
    kind = _KINDS.get(stat.S_IFMT(found.st_mode))
    if kind is None:
        return None
    number = found.st_rdev
    mode = stat.S_IMODE(found.st_mode)
    return Device(
        target, kind, os.major(number), os.minor(number), mode, found.st_uid, found.st_gid
    )


def _renamed(node: Device, path: str) -> Device:
    return Device(path, node.type, node.major, node.minor, node.file_mode, node.uid, node.gid)


def _all_of(directory: str) -> Iterator[Device]:
    """Yield the nodes of a directory of devices and of those below it."""
    try:
        with os.scandir(directory) as entries:
            found = sorted(entries, key=lambda entry: entry.name)
    except OSError:
        return
    for entry in found:
        if entry.is_dir(follow_symlinks=False):
            if entry.name not in _NOT_SHOWN:
                yield from _all_of(entry.path)
        elif entry.name not in _NOT_SHOWN_FILES:
            try:
                node = _node(entry.path, entry.path)
            except FileNotFoundError:
                continue
            if node is not None:
                yield node


def _rule(text: str) -> DeviceRule:
    kind, numbers, access = text.split(" ")
    major, minor = (None if word == "*" else int(word) for word in numbers.split(":"))
    return DeviceRule(True, kind, major, minor, "".join(dict.fromkeys(access)))
