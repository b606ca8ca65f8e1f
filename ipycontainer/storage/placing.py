"""Unpack an archive into a tree that is somebody's already: `cp`, into a container or out of one.

Like unpack, but beside what is there: a file takes the place of another in one rename, so that no
moment and no full disk leaves half of one; a directory keeps what is in it; whiteouts are names
like any other. In a directory that is new by this run a file has its name from the start: it takes
nobody's place, and a name that comes last costs one more entry of a journal. The tree may be a
running container's, so nothing is ever made or changed but by a name in the fd of its directory.
Rules and words are docker's (moby `pkg/archive`, Unpack with NoOverwriteDirNonDir).
"""

from __future__ import annotations

import errno
import os
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, replace

from ipycontainer.errors import InvalidArgument
from ipycontainer.linux.dirfd import DirFd
from ipycontainer.storage import attributes, trees
from ipycontainer.storage.tar_reader import Entry, TarReader
from ipycontainer.storage.unpack import NO_LIMITS, Limits, UnpackedSize, Unpacker, clean

__all__ = ["AS_MADE", "Placement", "place"]

O_TMPFILE = os.O_TMPFILE
_NEW = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC


# "Leave it" to chown(2): what is new is its maker's, a directory that was there its owner's.
AS_MADE = (-1, -1)


@dataclass(frozen=True, slots=True)
class Placement:
    """How entries become files: `rename` gives the first part of their names another name.

    `owner` is who gets them, None for whoever the archive says, or AS_MADE. With `overwrite` a
    directory may take the place of a file and a file that of a directory.
    """

    rename: tuple[str, str] | None = None
    owner: tuple[int, int] | None = None
    overwrite: bool = False


def place(
    read: Callable[[int], bytes],
    target: DirFd,
    placement: Placement,
    *,
    limits: Limits = NO_LIMITS,
) -> UnpackedSize:
    """Unpack the archive that `read` gives into the directory `target`.

    What a failure leaves of it goes away again, where there was nothing before. Raises
    ImageFormatError for the archive, InvalidArgument for what is in the way, OSError.
    """
    placer = _Placer(TarReader(read), target, placement, limits)
    try:
        return placer.run()
    except BaseException:
        placer.take_back()
        raise


class _Placer(Unpacker):
    def __init__(
        self, archive: TarReader, target: DirFd, placement: Placement, limits: Limits
    ) -> None:
        super().__init__(archive, target, userxattr=False, limits=limits)
        self._placement = placement
        self._made: dict[str, None] = {}  # what stands at the top by our doing
        self._new: set[str] = set()  # directories that are new by our doing
        self._staged = ""
        self._named = False  # the present file has its name already

    def take_back(self) -> None:
        """Remove what this run has made at the top of the target."""
        for name in self._made:
            with suppress(OSError):
                trees.remove(self._target.fd, name)

    def _failure(self, entry: Entry, path: str, error: OSError) -> Exception:
        # Not the archive's fault: the words are those of the place.
        return OSError(
            error.errno or errno.EIO, error.strerror or str(error), f"/{self._renamed(path)}"
        )

    def _unpack(self, entry: Entry, path: str) -> None:
        path = self._renamed(path)
        if not path and entry.kind == "dir":
            return  # of the directory that all goes into nothing changes
        if entry.kind == "link":
            entry = replace(entry, link=self._renamed(clean(entry.link)))
        top = path.partition("/")[0]
        if top and top not in self._made and not _exists(self._target, top):
            self._made[top] = None
        super()._unpack(entry, path)

    def _owner(self, entry: Entry) -> tuple[int, int]:
        return self._placement.owner or super()._owner(entry)

    def _renamed(self, path: str) -> str:
        if self._placement.rename is None:
            return path
        old, new = self._placement.rename
        if old == "":
            return f"{new}/{path}" if path else new
        if path == old:
            return new
        return f"{new}/{path[len(old) + 1 :]}" if path.startswith(f"{old}/") else path

    def _is_whiteout(self, name: str) -> bool:
        return False

    def _make(self, parent: DirFd, name: str, make: Callable[[], None]) -> bool:
        try:
            make()
        except FileExistsError:
            self._give_way(parent, name, directory=False)
            trees.remove(parent.fd, name)
            make()
        return False

    def _give_way(self, parent: DirFd, name: str, *, directory: bool) -> None:
        """Refuse to put a file where a directory is, and the other way round."""
        if self._placement.overwrite:
            return
        is_directory = attributes.is_directory(parent.fd, name)
        if is_directory and not directory:
            raise InvalidArgument(
                f'cannot overwrite directory "{name}" with non-directory "{name}"'
            )
        if directory and not is_directory:
            raise InvalidArgument(
                f'cannot overwrite non-directory "{name}" with directory "{name}"'
            )

    def _directory(self, parent: DirFd, name: str, entry: Entry, path: str) -> bool:
        if _exists(parent, name):
            self._give_way(parent, name, directory=True)
        else:
            self._new.add(path)
        return super()._directory(parent, name, entry, path)

    def _create(self, parent: DirFd, name: str) -> int:
        """Open a file that has no name yet, but in a new directory; `_publish` gives it one."""
        self._named = False
        if self._parent_path in self._new:
            with suppress(FileExistsError):  # it is twice in the archive, or somebody else's
                fd = os.open(name, _NEW, 0o600, dir_fd=parent.fd)
                self._named = True
                return fd
        try:
            return os.open(".", os.O_WRONLY | O_TMPFILE | os.O_CLOEXEC, 0o600, dir_fd=parent.fd)
        except OSError as error:
            if error.errno not in (errno.EOPNOTSUPP, errno.EISDIR, errno.ENOENT):
                raise
        self._staged = f".ipyc-{os.urandom(8).hex()}"
        return os.open(self._staged, _NEW, 0o600, dir_fd=parent.fd)

    def _publish(self, parent: DirFd, name: str, fd: int) -> None:
        """Let a finished file take its name, in the place of what is there."""
        if self._named:
            return
        staged, self._staged = self._staged, ""
        if not staged:
            try:
                _link(fd, parent, name)
                return
            except FileExistsError:
                pass
        try:
            if _exists(parent, name):
                self._give_way(parent, name, directory=False)
                if attributes.is_directory(parent.fd, name):
                    trees.remove(parent.fd, name)
            if not staged:
                staged = f".ipyc-{os.urandom(8).hex()}"
                _link(fd, parent, staged)
            os.rename(staged, name, src_dir_fd=parent.fd, dst_dir_fd=parent.fd)
        except BaseException:
            if staged:
                with suppress(OSError):
                    os.unlink(staged, dir_fd=parent.fd)
            raise

    def _abandon(self, parent: DirFd, name: str) -> None:
        staged, self._staged = self._staged, ""
        if self._named:
            staged = name
        if staged:
            with suppress(OSError):
                os.unlink(staged, dir_fd=parent.fd)


def _link(fd: int, parent: DirFd, name: str) -> None:
    os.link(f"/proc/self/fd/{fd}", name, dst_dir_fd=parent.fd, follow_symlinks=True)


def _exists(directory: DirFd, name: str) -> bool:
    try:
        os.stat(name, dir_fd=directory.fd, follow_symlinks=False)
    except FileNotFoundError:
        return False
    return True
