"""Which driver a home has: the first that works here, or the one that is configured.

A worker tries them (`probe`), in a mount namespace of its own; what it found is kept in the home
for this boot, since a kernel or a file system may be another one after the next. The engine reads
it at its first container.
"""

from __future__ import annotations

import json
import os
import stat
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from ipycontainer.errors import InvalidArgument, Unsupported
from ipycontainer.linux import mounts, namespaces, procfs, syscalls
from ipycontainer.model.state import Overlay
from ipycontainer.storage import attributes, trash
from ipycontainer.storage.drivers import DRIVERS, Driver
from ipycontainer.store.home import Home

__all__ = ["NAMES", "Choice", "choose", "known", "probe"]

NAMES = tuple(driver.name for driver in DRIVERS)


@dataclass(frozen=True, slots=True)
class Choice:
    """The driver of new containers, and why it is that one, as the end of a sentence."""

    name: str
    reason: str


def choose(found: Mapping[str, str], forced: str = "") -> Choice | None:
    """Decide by what each driver was `found` to lack ("" for nothing); None to look further. Pure.

    Raises InvalidArgument for a name that is none, Unsupported for one that cannot be had.
    """
    if forced and forced not in NAMES:
        raise InvalidArgument(
            f"unknown storage-driver {forced!r}", hint=f"known are: {', '.join(NAMES)}"
        )
    lacks: list[str] = []
    for name in (forced,) if forced else NAMES:
        if name not in found:
            return None
        if not found[name]:
            why = "; ".join(lacks) or "the first that was tried, and it works"
            return Choice(name, "storage-driver is configured" if forced else why)
        lacks.append(f"{name}: {found[name]}")
    raise Unsupported(f"storage driver {'; '.join(lacks)}", hint="leave storage-driver out")


def known(home: Home) -> dict[str, str]:
    """Return what was found out in this home since the last boot."""
    try:
        kept = json.loads(_file(home).read_bytes())
    except (FileNotFoundError, ValueError):
        return {}
    return dict(kept["found"]) if kept.get("boot") == procfs.boot_id() else {}


def probe(home: Home, forced: str) -> dict[str, str]:
    """Try drivers until one works, or the `forced` one alone, and keep what was found.

    Enters a mount namespace of its own for good.
    """
    syscalls.unshare(namespaces.CLONE_NEWNS)
    mounts.make_all_slave()
    found = known(home)
    for driver in DRIVERS:
        if driver.name in found or (forced and driver.name != forced):
            continue
        found[driver.name] = driver.missing() or _try(driver, home)
        if not found[driver.name]:
            break
    fresh = _file(home).with_suffix(f".{os.getpid()}")
    fresh.write_text(json.dumps({"boot": procfs.boot_id(), "found": found}))
    os.rename(fresh, _file(home))
    return found


def _file(home: Home) -> Path:
    return home.cache / "storage-driver.json"


def _try(driver: Driver, home: Home) -> str:
    """Say why a driver cannot work in this home, "" when it does: by what containers need of it."""
    place = trash.place(home)
    try:
        for name in ("lower/deleted/inner", "lower/hidden/inner", "upper", "work", "tree"):
            (place / name).mkdir(parents=True)
        return _work_in(driver, home, place)
    except OSError as error:
        return (error.strerror or str(error)).lower()
    finally:
        with suppress(OSError):
            mounts.detach(str(place / "tree"))
        trash.throw_away(home, place)


def _work_in(driver: Driver, home: Home, place: Path) -> str:
    if driver.holds_all:
        return ""  # a directory that could be made
    lower, upper, work = (str(place / name) for name in ("lower", "upper", "work"))
    overlay = Overlay("/", (lower,), upper, work, driver.name)
    target = os.open(place / "tree", os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        driver.show(home, overlay, target, writable=True)
    finally:
        os.close(target)
    tree = place / "tree"
    for name in ("deleted", "hidden"):
        (tree / name / "inner").rmdir()
        (tree / name).rmdir()
    (tree / "hidden").mkdir()
    if os.listdir(tree) != ["hidden"] or os.listdir(tree / "hidden"):
        return "what was deleted is still seen"
    deleted = os.lstat(place / "upper" / "deleted")
    if not (stat.S_ISCHR(deleted.st_mode) and attributes.is_whiteout(deleted)):
        return "deletions leave no whiteout"
    told = set(os.listxattr(place / "upper" / "hidden"))
    return "" if told & set(driver.marks(home.rootless)) else "a directory made anew leaves no mark"
