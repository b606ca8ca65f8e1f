"""What differs between two trees: of containers, checkpoints or images.

Both are looked at merged; but only where a layer that not both stand on has something, so that it
costs what the difference costs. The measure is docker's, as in storage.changes.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from ipycontainer.linux.dirfd import DirFd
from ipycontainer.model.state import Overlay
from ipycontainer.storage import archiving, changes, copying, drivers
from ipycontainer.storage.changes import Change

__all__ = ["Touched", "compare", "content", "touched"]

_DIRECTORY = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
_LONGEST_TEXT_BYTES = 1 << 20


@dataclass(slots=True)
class Touched:
    """Names in which two trees may differ, level by level; `whole`: all below may."""

    names: dict[str, Touched] = field(default_factory=dict)
    whole: bool = False

    def at(self, path: str) -> Touched:
        """Return the node of a path, made where it is missing."""
        node = self
        for name in filter(None, path.split("/")):
            node = node.names.setdefault(name, Touched())
        return node


def touched(one: Sequence[Overlay], other: Sequence[Overlay], userxattr: bool) -> Touched:
    """Return where trees of these overlays may differ: where layers lie that only one stands on."""
    found = Touched()
    marks = {mark for overlay in (*one, *other) for mark in drivers.of(overlay).marks(userxattr)}
    whole = {overlay.upper for overlay in (*one, *other) if drivers.of(overlay).holds_all}
    stacks = [{overlay.target: _stack(overlay) for overlay in side} for side in (one, other)]
    for target in sorted({*stacks[0], *stacks[1]}):
        a, b = (stack.get(target, ()) for stack in stacks)
        common = 0
        while common < min(len(a), len(b)) and a[-1 - common] == b[-1 - common]:
            common += 1
        for layer in (*a[: len(a) - common], *b[: len(b) - common]):
            if layer in whole:  # what it lacks is deleted, and nothing in it says so
                found.at(target).whole = True
            else:
                _note(found.at(target), layer, marks)
    return found


def _stack(overlay: Overlay) -> tuple[str, ...]:
    """Return an overlay's directories, topmost first."""
    return (*([overlay.upper] if overlay.upper else []), *overlay.lowers)


def _note(node: Touched, layer: str, marks: set[str]) -> None:
    with DirFd.open(layer) as root:
        for entry in archiving.walk(root.fd):
            below = node.at(entry.path)
            if entry.fd >= 0 and not below.whole:
                below.whole = not marks.isdisjoint(os.listxattr(entry.fd))


def compare(one: DirFd, other: DirFd, where: Touched) -> list[Change]:
    """Return what `other` has otherwise than `one`: A is only there, D only here, C differs."""
    with DirFd(one.openat(".", _DIRECTORY)) as a, DirFd(other.openat(".", _DIRECTORY)) as b:
        return list(_compare(a.fd, b.fd, where, ""))


def _compare(one: int, other: int, where: Touched, path: str) -> Iterator[Change]:
    names = set(where.names)
    if where.whole:
        names |= {*os.listdir(one), *os.listdir(other)}
    for name in sorted(names, key=os.fsencode):
        before, now = _lstat(one, name), _lstat(other, name)
        here = f"{path}/{name}"
        if here in changes.ENGINE_POINTS and (before is None) != (now is None):
            continue  # an image may lack what each container has
        node = where.names.get(name) or Touched(whole=where.whole)
        if where.whole:
            node.whole = True
        if now is None:
            if before is not None:
                yield changes.change("D", here, before, before)
        elif before is None:
            yield changes.change("A", here, now, None)
            yield from _all(other, name, here)
        elif stat.S_ISDIR(now.st_mode) and stat.S_ISDIR(before.st_mode):
            below = list(_both(one, other, name, node, here))
            if below or changes.differ(before, now):
                yield changes.change("C", here, now, before)
            yield from below
        elif changes.differ(before, now):
            yield changes.change("C", here, now, before)
            yield from _all(other, name, here)


def _both(one: int, other: int, name: str, node: Touched, path: str) -> Iterator[Change]:
    try:
        a = os.open(name, _DIRECTORY, dir_fd=one)
    except OSError:
        return
    try:
        b = os.open(name, _DIRECTORY, dir_fd=other)
    except OSError:
        os.close(a)
        return
    try:
        yield from _compare(a, b, node, path)
    finally:
        os.close(a)
        os.close(b)


def _all(directory: int, name: str, path: str) -> Iterator[Change]:
    """Yield all that is in a directory that only one tree has."""
    try:
        fd = os.open(name, _DIRECTORY, dir_fd=directory)
    except OSError:
        return
    try:
        for found in archiving.walk(fd):
            yield changes.change("A", f"{path}/{found.path}", found.status, None)
    finally:
        os.close(fd)


def _lstat(directory: int, name: str) -> os.stat_result | None:
    try:
        return os.stat(name, dir_fd=directory, follow_symlinks=False)
    except (FileNotFoundError, NotADirectoryError):
        return None


# ── content ──────────────────────────────────────────────────────────────────────────────────────


def content(one: DirFd, other: DirFd, told: Sequence[Change]) -> Iterator[str]:
    """Yield, for each file among the changes, how its text differs, in diff(1)'s unified form."""
    import difflib  # a monitor, forked from the same zygote, compares nothing

    for change in told:
        if change.type != "file":
            continue
        before, now = (_text(side, change.path) for side in (one, other))
        if before == now:
            continue
        if isinstance(before, str) or isinstance(now, str):
            yield f"Files a{change.path} and b{change.path} differ: {before or now}\n"
            continue
        yield from difflib.unified_diff(
            before or [],
            now or [],
            f"a{change.path}" if before is not None else "/dev/null",
            f"b{change.path}" if now is not None else "/dev/null",
        )


def _text(root: DirFd, path: str) -> list[str] | str | None:
    """Return a file's lines, None where there is none, or why it is not shown."""
    above, _, name = path.rpartition("/")
    try:
        with DirFd(root.openat(above or ".", os.O_RDONLY | os.O_DIRECTORY)) as directory:
            opened = copying.open_regular(directory.fd, name)
    except OSError:
        return None
    if opened is None:
        return None
    fd, status = opened
    with os.fdopen(fd, "rb") as file:
        if status.st_size > _LONGEST_TEXT_BYTES:
            return "too long to be shown"
        data = file.read(_LONGEST_TEXT_BYTES)
    if b"\0" in data:
        return "no text"
    text = data.decode(errors="replace")
    lines = text.splitlines(keepends=True)
    if lines and not lines[-1].endswith("\n"):
        lines[-1] += "\n\\ No newline at end of file\n"
    return lines
