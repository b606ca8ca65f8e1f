"""Platforms: which of an index's images this machine, or the user, wants.

Names are Go's (GOOS, GOARCH), with the variants of ARM. Source: OCI image-spec `image-index.md`,
containerd/platforms `database.go`. Imports errors only.
"""

from __future__ import annotations

import os
import re
from dataclasses import dataclass

from ipycontainer.errors import InvalidArgument

__all__ = ["Platform", "own", "parse"]

_MACHINES = {
    "x86_64": ("amd64", ""),
    "aarch64": ("arm64", ""),
    "armv7l": ("arm", "v7"),
    "armv6l": ("arm", "v6"),
    "i686": ("386", ""),
    "i386": ("386", ""),
    "riscv64": ("riscv64", ""),
    "ppc64le": ("ppc64le", ""),
    "s390x": ("s390x", ""),
}
# Other spellings of a name that is Go's, and the variant that goes without saying.
_EXAMPLE = "--platform linux/amd64"
_PART = re.compile(r"[A-Za-z0-9_-]+")
# Go's own lists: what else is asked for as one word is an error.
_SYSTEMS = {
    *("aix", "android", "darwin", "dragonfly", "freebsd", "hurd", "illumos", "ios", "js", "linux"),
    *("nacl", "netbsd", "openbsd", "plan9", "solaris", "windows", "zos"),
}
_ARCHITECTURES = {
    *("386", "amd64", "amd64p32", "arm", "armbe", "arm64", "arm64be", "loong64", "ppc", "ppc64"),
    *("ppc64le", "mips", "mipsle", "mips64", "mips64le", "mips64p32", "mips64p32le", "riscv"),
    *("riscv64", "s390", "s390x", "sparc", "sparc64", "wasm"),
}
_OTHER_NAMES = {
    **dict.fromkeys(("x86_64", "x86-64"), "amd64"),
    "aarch64": "arm64",
    "armhf": "arm",
    "i386": "386",
}
_USUAL_VARIANT = {"arm64": "v8", "arm": "v7", "amd64": "v1"}
_ARM_VARIANTS = ("v7", "v6", "v5")


@dataclass(frozen=True, slots=True)
class Platform:
    """An operating system, an architecture, and its variant, "" for the usual one."""

    os: str = "linux"
    architecture: str = "amd64"
    variant: str = ""

    def __str__(self) -> str:
        parts = [self.os, self.architecture, *([self.variant] if self.variant else [])]
        return "/".join(parts)

    def rank(self, offered: Platform) -> int | None:
        """Tell how well what an index offers would run here: 0 is best, None not at all.

        A newer ARM of 32 bits runs programs of the older ones.
        """
        if (self.os, self.architecture) != (offered.os, offered.architecture):
            return None
        usual = _USUAL_VARIANT.get(self.architecture, "")
        wanted, other = self.variant or usual, offered.variant or usual
        if wanted == other:
            return 0
        if self.architecture == "arm" and wanted in _ARM_VARIANTS and other in _ARM_VARIANTS:
            distance = _ARM_VARIANTS.index(other) - _ARM_VARIANTS.index(wanted)
            return distance if distance > 0 else None
        return None


def own() -> Platform:
    """Return this machine's platform."""
    machine = os.uname().machine
    return Platform("linux", *_MACHINES.get(machine, (machine, "")))


def parse(text: str) -> Platform:
    """Return the platform of `--platform`: `linux/arm64/v8`, `linux/amd64`, `arm64`.

    Rules and words are those of containerd/platforms `platforms.go`.
    """
    if "*" in text:
        raise InvalidArgument(f'"{text}": wildcards not yet supported: invalid argument')
    parts = text.split("/", 3)
    for part in parts:
        if not _PART.fullmatch(part):
            raise InvalidArgument(
                f'"{part}" is an invalid component of "{text}": platform specifier component must '
                f'match "^{_PART.pattern}$": invalid argument',
                hint=_EXAMPLE,
            )
    if len(parts) > 3:
        raise InvalidArgument(
            f'"{text}": cannot parse platform specifier: invalid argument', hint=_EXAMPLE
        )
    parts = [part.lower() for part in parts]
    if len(parts) == 1:
        if parts[0] in _SYSTEMS:
            return Platform(parts[0], own().architecture, own().variant)
        if parts[0] not in _ARCHITECTURES | _OTHER_NAMES.keys():
            raise InvalidArgument(
                f'"{text}": unknown operating system or architecture: invalid argument',
                hint=_EXAMPLE,
            )
        parts.insert(0, "linux")
    system, architecture, *variant = parts
    architecture = _OTHER_NAMES.get(architecture, architecture)
    return Platform(system, architecture, variant[0] if variant else "")
