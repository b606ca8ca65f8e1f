"""Choices that have one answer here: the rest gets docker's refusal, in the shell and in Python.

Sources: moby 26.1 `daemon/daemon_unix.go`, `daemon/images/image.go`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from ipycontainer.errors import ImageNotFound, InvalidArgument
from ipycontainer.model import platform as platforms
from ipycontainer.model.config import ContainerConfig
from ipycontainer.model.image import ImageRecord

__all__ = [
    "check_isolation",
    "check_runtime",
    "for_platform",
    "is_for",
    "other_platform",
    "refuse_other_platform",
    "refuse_storage",
    "take",
]

# What processors run besides their own programs (containerd/platforms `compare.go`).
_RUNS_TOO = {"amd64": ("386",), "arm64": ("arm",)}
# What levels 2, 3 and 4 of x86-64 add, in the kernel's names (arch/x86/include/asm/cpufeatures.h).
_LEVELS = (
    "cx16 lahf_lm popcnt pni sse4_1 sse4_2 ssse3",
    "avx avx2 bmi1 bmi2 f16c fma abm movbe xsave",
    "avx512f avx512bw avx512cd avx512dq avx512vl",
)
RUNTIMES = ("", "runc", "io.containerd.runc.v2")  # docker's names of its own: ours takes its place


def check_isolation(text: str) -> None:
    """Refuse what only Windows has."""
    if text.lower() not in ("", "default"):
        raise InvalidArgument(f"Invalid isolation: \"{text}\" - linux only supports 'default'")


def check_runtime(name: str) -> None:
    """Refuse a runtime of another name than docker's own."""
    if name not in RUNTIMES:
        raise InvalidArgument(f"unknown or invalid runtime name: {name}")


def refuse_storage(words: Sequence[str]) -> None:
    """Refuse each `--storage-opt` as overlay2 does: a size needs quotas, and it knows no other."""
    names = sorted(word.partition("=")[0] for word in words)
    if "size" in names:
        raise InvalidArgument(
            "--storage-opt is supported only for overlay over xfs with 'pquota' mount option"
        )
    if names:
        raise InvalidArgument(f"Unknown option {names[0]}".rstrip())


def take(given: dict[str, Any]) -> None:
    """Take docker-py's arguments of this kind out of `given`, those that have a meaning here."""
    check_isolation(str(given.pop("isolation", "")))
    check_runtime(str(given.pop("runtime", "")))


def is_for(record: ImageRecord, platform: str) -> bool:
    """Tell whether an image is for a platform; any is where none is named."""
    return not platform or platforms.parse(platform).rank(_of(record)) is not None


def for_platform(record: ImageRecord, config: ContainerConfig) -> tuple[str, ...]:
    """Return docker's WARNING of an image that is for machines of another kind.

    Raises ImageNotFound where another platform than the image's was asked for.
    """
    if config.platform:
        refuse_other_platform(record, config.image, config.platform)
        return ()
    own, other = platforms.own(), _of(record)
    alike = {own.architecture, *_RUNS_TOO.get(own.architecture, ())}
    if other.os == own.os and other.architecture in alike:
        return ()
    if own.architecture == "amd64":
        own = replace(own, variant=f"v{_level()}")
    warning = (
        f"The requested image's platform ({other}) does not match the detected host platform "
        f"({own}) and no specific platform was requested"
    )
    return (warning,)


def _level() -> int:
    """Return the machine's level of x86-64, as the psABI counts them."""
    with open("/proc/cpuinfo", encoding="ascii", errors="replace") as file:
        line = next((line for line in file if line.startswith("flags")), "")
    flags = set(line.split())
    level = 1
    for needed in _LEVELS:
        if not flags.issuperset(needed.split()):
            break
        level += 1
    return level


def refuse_other_platform(record: ImageRecord, name: str, platform: str) -> None:
    """Refuse an image for another platform than the one that was named."""
    if not is_for(record, platform):
        raise ImageNotFound(
            other_platform(record, name, platform),
            hint=f"images.pull({name!r}, platform={platform!r}) fetches the other",
        )


def other_platform(record: ImageRecord, name: str, platform: str) -> str:
    """Say that an image is for another platform."""
    return (
        f"image with reference {name} was found but does not match the specified platform: "
        f"wanted {platforms.parse(platform)}, actual: {_of(record)}"
    )


def _of(record: ImageRecord) -> platforms.Platform:
    return platforms.Platform(record.os, record.architecture, record.variant)
