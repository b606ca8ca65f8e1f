"""Make a home that was copied or moved true at its new place.

A copy names the directories, sockets and locks of the original, and says of its containers that
they run: without this, who opens a backup would stop the original's containers and write into
their files. Every home has its own place as a symbolic link, `place`, which a copy brings along.
Asked by `store.home` before anything else of a home is read.
"""

from __future__ import annotations

import fcntl
import json
import os
import sqlite3
from contextlib import closing, suppress
from pathlib import Path
from typing import Any

__all__ = ["ELSEWHERE", "settle"]

# Stands for the boot of a container that runs in the home that this one is a copy of.
ELSEWHERE = "elsewhere"
_BUSY_SECONDS = 30.0
_ALIVE = ("running", "paused", "restarting")


def settle(root: Path) -> None:
    """Note where a home is, and relocate it where it was noted elsewhere.

    A home that is reached by two ways (a bind mount) is no copy, and keeps its first.
    """
    place = root / "place"
    if _noted(place) == str(root):
        return
    with open(root / "setup.lock", "a", encoding="ascii") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        before = _noted(place)
        if before == str(root):
            return
        if before and (root / "state.db").exists():
            with suppress(OSError):
                if os.path.samefile(f"{before}/state.db", root / "state.db"):
                    return
            _relocate(root, before)
        # Last, so that who is killed before leaves it to the next one.
        fresh = root / f"place.{os.getpid()}"
        fresh.unlink(missing_ok=True)
        fresh.symlink_to(root)
        fresh.rename(place)


def _noted(place: Path) -> str:
    try:
        return os.readlink(place)
    except FileNotFoundError:
        return ""


def _relocate(root: Path, before: str) -> None:
    """Let rows name the new place, and nothing lead to the processes of the old one.

    Where the old place is no home any more, this one was moved: what still runs is ours to end, as
    any container is whose monitor has died.
    """
    database = root / "state.db"
    copied = os.path.exists(f"{before}/state.db")
    with closing(sqlite3.connect(database, timeout=_BUSY_SECONDS, isolation_level=None)) as rows:
        rows.execute("BEGIN IMMEDIATE")
        for key, config, overlays, status in rows.execute(
            "SELECT id, config, overlays, status FROM containers"
        ).fetchall():
            told = (_moved(config, before, str(root)), _moved(overlays, before, str(root)), key)
            rows.execute("UPDATE containers SET config = ?, overlays = ? WHERE id = ?", told)
            if copied and status in _ALIVE:
                rows.execute("UPDATE containers SET boot_id = ? WHERE id = ?", (ELSEWHERE, key))
        rows.execute("COMMIT")
    if copied:
        for note in (root / "containers").glob("*/cgroup.json"):
            note.unlink()
        _disown(root)
    (root / "run").unlink(missing_ok=True)


def _disown(root: Path) -> None:
    """Let nothing in a copy belong to a process that lives: it is at work on the original.

    What is in the making, by its maker's mark (storage.snapshots), or in the trash by its name
    (storage.trash), is a leftover here, and the next sweep's.
    """
    for directory in (root / "containers").iterdir():
        (directory / "maker").unlink(missing_ok=True)
        os.utime(directory, (0, 0))  # a young directory could get its mark yet
    for number, entry in enumerate((root / "trash").iterdir()):
        entry.rename(entry.with_name(f"copied {number}"))


def _moved(text: str, before: str, after: str) -> str:
    return json.dumps(_replaced(json.loads(text), f"{before}/", f"{after}/"), separators=(",", ":"))


def _replaced(value: Any, before: str, after: str) -> Any:
    """Return JSON with every path below one directory led below another."""
    if isinstance(value, str):
        return after + value.removeprefix(before) if value.startswith(before) else value
    if isinstance(value, list):
        return [_replaced(each, before, after) for each in value]
    if isinstance(value, dict):
        return {key: _replaced(each, before, after) for key, each in value.items()}
    return value
