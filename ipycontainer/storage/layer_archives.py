"""What a container changed, as the archive of a layer: files, and a `.wh.` name for what is gone.

Written from the upper directories alone, so that it costs what the changes cost. It tells what
`diff` tells (storage.changes), with content. Source: OCI image-spec `layer.md`.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Callable, Iterable, Sequence

from ipycontainer.linux.dirfd import DirFd
from ipycontainer.model.state import Overlay
from ipycontainer.storage import archiving, changes
from ipycontainer.storage.changes import Change
from ipycontainer.storage.tar_writer import TarWriter

__all__ = ["write_changes"]

_DIRECTORY = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
_WHITEOUT = ".wh."


def write_changes(
    archive: TarWriter,
    overlays: Sequence[Overlay],
    userxattr: bool,
    hidden: Iterable[str] = (),
) -> int:
    """Write all that differs from the image, but for `hidden` paths; return how much was told.

    A file whose name begins with `.wh.` cannot be said in a layer, and is left out.
    """
    skipped = set(hidden)
    told = [change for change in changes.changes(overlays, userxattr) if change.path not in skipped]
    # The innermost overlay that a path lies in is the one that has it.
    inner = sorted(overlays, key=lambda overlay: -len(overlay.target))
    uppers = {overlay.target: DirFd.open(overlay.upper) for overlay in overlays}
    try:
        _Layer(archive, lambda path: _home_of(path, inner), uppers).write(told)
    finally:
        for upper in uppers.values():
            upper.close()
    return len(told)


def _home_of(path: str, overlays: Sequence[Overlay]) -> str:
    for overlay in overlays:
        target = overlay.target.rstrip("/")
        if path.startswith(f"{target}/"):
            return overlay.target
    return "/"


class _Layer:
    """One run; the directory that was opened last is kept open for its next entry."""

    def __init__(
        self, archive: TarWriter, home_of: Callable[[str], str], uppers: dict[str, DirFd]
    ) -> None:
        self._archive = archive
        self._home_of = home_of
        self._uppers = uppers
        self._links: dict[tuple[int, int], str] = {}
        self._above: tuple[str, str] = ("", "")
        self._parent = DirFd(-1)

    def write(self, told: Sequence[Change]) -> None:
        try:
            for change in told:
                self._write(change)
        finally:
            self._parent.close()

    def _write(self, change: Change) -> None:
        above, _, name = change.path.rpartition("/")
        shown = change.path.lstrip("/")
        if change.kind == "D":
            self._archive.marker(f"{above.lstrip('/')}/{_WHITEOUT}{name}".lstrip("/"))
            return
        if name.startswith(_WHITEOUT):  # in a layer it would delete another file
            return
        target = self._home_of(change.path)
        try:
            if self._above != (target, above):
                self._parent.close()
                inside = above[len(target.rstrip("/")) :]
                self._parent = DirFd(self._uppers[target].openat(inside or ".", _DIRECTORY))
                self._above = (target, above)
            status = os.stat(name, dir_fd=self._parent.fd, follow_symlinks=False)
            if stat.S_ISDIR(status.st_mode):
                fd = os.open(name, _DIRECTORY, dir_fd=self._parent.fd)
                try:
                    found = archiving.Found(shown, name, self._parent.fd, os.fstat(fd), fd)
                    archiving.write_entry(self._archive, found, shown, self._links)
                finally:
                    os.close(fd)
                return
            found = archiving.Found(shown, name, self._parent.fd, status)
            archiving.write_entry(self._archive, found, shown, self._links)
        except (FileNotFoundError, NotADirectoryError):
            self._above = ("", "")  # the container has taken it away meanwhile
