"""Seccomp profiles in docker's form: what one means for this machine and these capabilities.

Docker's form is OCI's with conditions: each entry may need or exclude architectures, capabilities
or an age of the kernel. Source: github.com/moby/profiles seccomp/{seccomp,seccomp_linux}.go. Pure
but for the machine's name and release.
"""

from __future__ import annotations

import json
import os
from collections.abc import Mapping, Sequence
from typing import Any

from ipycontainer.errors import InvalidArgument
from ipycontainer.runtime.seccomp import kernel_version

__all__ = ["refusal", "resolve"]

# machine -> (Go's name for it, libseccomp's)
_MACHINES = {"x86_64": ("amd64", "SCMP_ARCH_X86_64"), "aarch64": ("arm64", "SCMP_ARCH_AARCH64")}
_ACTIONS = frozenset(
    f"SCMP_ACT_{name}"
    for name in ("ALLOW", "ERRNO", "KILL", "KILL_PROCESS", "KILL_THREAD", "LOG", "TRACE", "TRAP")
)
_OPERATORS = frozenset(
    f"SCMP_CMP_{name}" for name in ("NE", "LT", "LE", "EQ", "GE", "GT", "MASKED_EQ")
)
_GO_NAMES = {list: "array", str: "string", bool: "bool", int: "number", float: "number"}


def resolve(text: str, bounding: Sequence[str], release: str = "") -> dict[str, Any] | None:
    """Return a profile as the `seccomp` object of an OCI spec; None where it asks for no filter.

    `release` is the kernel's, by default this one's. Raises InvalidArgument in docker's words.
    """
    raw = _decode(text)
    if not raw.get("defaultAction") and not raw.get("syscalls"):
        return None
    architectures = list(raw.get("architectures") or ())
    if architectures and raw.get("archMap"):
        raise InvalidArgument(
            "both 'architectures' and 'archMap' are specified in the seccomp profile, "
            "use either 'architectures' or 'archMap'"
        )
    go_name, native = _MACHINES.get(os.uname().machine, ("", ""))
    for entry in raw.get("archMap") or ():
        if entry.get("architecture") == native:
            architectures = [native, *(entry.get("subArchitectures") or ())]
    kernel = kernel_version(release or os.uname().release)
    facts = (go_name, frozenset(bounding), kernel)
    resolved: dict[str, Any] = {
        "defaultAction": str(raw.get("defaultAction", "")),
        "architectures": architectures,
        "syscalls": [
            _entry(entry) for entry in raw.get("syscalls") or () if _applies(entry, *facts)
        ],
    }
    for key in ("defaultErrnoRet", "flags", "listenerPath", "listenerMetadata"):
        if raw.get(key):
            resolved[key] = raw[key]
    return resolved


def refusal(resolved: Mapping[str, Any]) -> str:
    """Return what runc says of a profile that it does not take, "" where it does."""
    if resolved.get("flags"):
        return "seccomp flags are not yet supported by runc"
    for action in (resolved["defaultAction"], *(each["action"] for each in resolved["syscalls"])):
        if action == "SCMP_ACT_NOTIFY":
            return "unable to start container process: listenerPath is not set"
        if action not in _ACTIONS:
            return f"string {action} is not a valid action for seccomp"
    for entry in resolved["syscalls"]:
        for argument in entry.get("args") or ():
            if argument.get("op") not in _OPERATORS:
                return f"string {argument.get('op', '')} is not a valid operator for seccomp"
    return ""


def _decode(text: str) -> dict[str, Any]:
    try:
        raw = json.loads(text)
        if raw is None:
            return {}
        if not isinstance(raw, dict):
            kind = _GO_NAMES[type(raw)]
            raise ValueError(f"json: cannot unmarshal {kind} into Go value of type seccomp.Seccomp")
        for entry in raw.get("syscalls") or ():
            for condition in ("includes", "excludes"):
                if least := (entry.get(condition) or {}).get("minKernel"):
                    kernel_version(str(least))
        return raw
    except (ValueError, AttributeError, TypeError) as error:
        raise InvalidArgument(f"Decoding seccomp profile failed: {error}") from None


def _applies(
    entry: Mapping[str, Any], machine: str, bounding: frozenset[str], kernel: tuple[int, int]
) -> bool:
    needs, without = entry.get("includes") or {}, entry.get("excludes") or {}
    if machine in (without.get("arches") or ()):
        return False
    if bounding.intersection(without.get("caps") or ()):
        return False
    if (least := without.get("minKernel")) and kernel >= kernel_version(str(least)):
        return False
    if needs.get("arches") and machine not in needs["arches"]:
        return False
    if not bounding.issuperset(needs.get("caps") or ()):
        return False
    least = needs.get("minKernel")
    return not least or kernel >= kernel_version(str(least))


def _entry(entry: Mapping[str, Any]) -> dict[str, Any]:
    names = list(entry.get("names") or ())
    if entry.get("name"):
        if names:
            raise InvalidArgument(
                "both 'name' and 'names' are specified in the seccomp profile, "
                "use either 'name' or 'names'"
            )
        names = [entry["name"]]
    kept: dict[str, Any] = {"names": names, "action": str(entry.get("action", ""))}
    for key in ("errnoRet", "args"):
        if entry.get(key):
            kept[key] = entry[key]
    return kept
