"""Unpack a tar archive into a layer's directory, trusting nothing in it.

The parent of every entry is opened by openat2(2) below the layer's own fd, so `..`, absolute names
and symbolic links lead nowhere but inside; the entry itself is made by name in that parent, never
followed. Whiteouts (OCI image-spec, layer.md) take the form that overlayfs reads. Called by
images in a worker, as root of the machine or of the home's user namespace; the directory is new and
nobody else's until it is done.
"""

from __future__ import annotations

import errno
import os
import stat
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from ipycontainer.errors import ImageFormatError
from ipycontainer.linux.dirfd import DirFd
from ipycontainer.storage import attributes, trees
from ipycontainer.storage.tar_reader import Entry, TarReader

__all__ = ["DEFAULT_LIMITS", "NO_LIMITS", "Limits", "UnpackedSize", "Unpacker", "clean", "unpack"]

_WHITEOUT = ".wh."
_OPAQUE = ".wh..wh..opq"
_AUFS = ".wh..wh."  # aufs's own files: docker passes over them
_NO_NAMES = frozenset({"", ".", ".."})
_MOST_ID = 2**32 - 2  # (uid_t)-1 means "leave it" to chown(2)
_NEW_FILE = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
_DIRECTORY = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
_SET_IDS = stat.S_ISUID | stat.S_ISGID


@dataclass(frozen=True, slots=True)
class Limits:
    """What one archive may hold: so many entries, files of so many bytes in all, holes included."""

    entries: int = 4_000_000
    total_bytes: int = 1 << 38


DEFAULT_LIMITS = Limits()
# For what somebody has on this machine already, and copies: the disk is the limit.
NO_LIMITS = Limits(1 << 62, 1 << 62)


@dataclass(frozen=True, slots=True)
class UnpackedSize:
    """What was unpacked: `size` is the sum of all files in bytes, as docker counts an image.

    `devices` are those that this user may not make: in a user namespace mknod(2) is refused, and
    docker and podman leave them out too (a container gets its own /dev). `squashed` counts entries
    whose owner has no id here and that stay the caller's, without their set-id bits.
    """

    size: int
    entries: int
    devices: tuple[str, ...] = ()
    squashed: int = 0


def unpack(
    read: Callable[[int], bytes],
    target: DirFd,
    *,
    userxattr: bool,
    limits: Limits = DEFAULT_LIMITS,
) -> UnpackedSize:
    """Unpack the archive that `read` gives into the empty directory `target`.

    `read(n)` returns n bytes, fewer only at the end. `userxattr` tells that the layer will be
    mounted inside a user namespace, where overlayfs keeps its marks in `user.*`. Raises
    ImageFormatError, in docker's words where it has some; the caller then throws the tree away.
    """
    return Unpacker(TarReader(read), target, userxattr, limits).run()


def clean(name: str) -> str:
    """Return a name of an archive as a path inside: no `..`, no `.`, no leading or double slash.

    `..` at the top stays at the top, as docker has it; "" is the layer's own directory.
    """
    if name[:1] not in ("/", ".") and "//" not in name and "/." not in name:
        return name.removesuffix("/")  # nearly all are clean already
    parts: list[str] = []
    for part in name.split("/"):
        if part == "..":
            del parts[-1:]
        elif part not in ("", "."):
            parts.append(part)
    return "/".join(parts)


class Unpacker:
    """One run: the parent that was opened last, and the directories whose turn comes at the end.

    What storage.placing does otherwise are the methods that it has, too.
    """

    def __init__(self, archive: TarReader, target: DirFd, userxattr: bool, limits: Limits) -> None:
        self._archive = archive
        self._target = target
        self._opaque = attributes.opaque_mark(userxattr)
        self._limits = limits
        self._parent_path = ""
        self._parent = target
        self._directories: dict[str, tuple[int, int]] = {}  # path: mode, time of last change
        self._size = 0
        self._entries = 0
        self._devices: list[str] = []
        self._squashed = 0

    def run(self) -> UnpackedSize:
        """Unpack all entries, and return what they were."""
        for entry in self._archive:
            self._entries += 1
            self._size += entry.size
            if entry.kind == "symlink":  # its length, to docker, is that of its target
                self._size += len(os.fsencode(entry.link))
            if self._entries > self._limits.entries:
                raise ImageFormatError(f"the archive has more than {self._limits.entries} entries")
            if self._size > self._limits.total_bytes:
                raise ImageFormatError(
                    f"the archive's files have more than {self._limits.total_bytes} bytes"
                )
            path = clean(entry.name)
            try:
                self._unpack(entry, path)
            except OSError as error:
                raise self._failure(entry, path, error) from error
        self._finish_directories()
        self._leave_parent()
        return UnpackedSize(self._size, self._entries, tuple(self._devices), self._squashed)

    def _failure(self, entry: Entry, path: str, error: OSError) -> Exception:
        words = (error.strerror or str(error)).lower()
        return ImageFormatError(f"{_VERBS[entry.kind]} /{path}: {words}")

    # ── one entry ────────────────────────────────────────────────────────────────────────────

    def _unpack(self, entry: Entry, path: str) -> None:
        uid, gid = entry.uid, entry.gid
        if not 0 <= uid <= _MOST_ID or not 0 <= gid <= _MOST_ID:
            raise ImageFormatError(f"/{path}: invalid owner {uid}:{gid}")
        if not path:
            if entry.kind == "dir":
                self._own_directory(self._target, entry, "")
            return
        above, _, name = path.rpartition("/")
        parent = self._enter(above)
        if self._is_whiteout(name):
            self._whiteout(parent, name)
            return
        made = getattr(self, _MAKERS[entry.kind])(parent, name, entry, path)
        if made and entry.kind not in ("file", "dir", "link"):
            self._dress(parent, name, entry)

    def _owner(self, entry: Entry) -> tuple[int, int]:
        return entry.uid, entry.gid

    def _is_whiteout(self, name: str) -> bool:
        return name.startswith(_WHITEOUT)

    def _enter(self, path: str) -> DirFd:
        """Return the directory at `path`, made with its parents where it is missing."""
        if path != self._parent_path:
            self._leave_parent()
            self._parent = self._target.mkdirs(path)
            self._parent_path = path
        return self._parent

    def _leave_parent(self) -> None:
        if self._parent is not self._target:
            self._parent.close()
        self._parent, self._parent_path = self._target, ""

    def _make(self, parent: DirFd, name: str, make: Callable[[], None]) -> bool:
        """Run `make`, once more after what is in its way was removed.

        Returns whether that was a whiteout: then a directory in its place hides all below it.
        """
        try:
            make()
        except FileExistsError:
            was_whiteout = attributes.is_whiteout(
                os.stat(name, dir_fd=parent.fd, follow_symlinks=False)
            )
            trees.remove(parent.fd, name)
            make()
            return was_whiteout
        return False

    # ── kinds; each returns whether something was made ───────────────────────────────────────

    def _file(self, parent: DirFd, name: str, entry: Entry, path: str) -> bool:
        fd = self._create(parent, name)
        try:
            at = 0
            for offset, piece in self._archive.data():
                if offset != at:
                    os.lseek(fd, offset, os.SEEK_SET)
                written = os.write(fd, piece)
                while written < len(piece):
                    written += os.write(fd, memoryview(piece)[written:])
                at = offset + len(piece)
            if at != entry.size:  # it ends with a hole
                os.ftruncate(fd, entry.size)
            mode = self._own(fd, None, entry)
            os.fchmod(fd, mode)
            if entry.xattrs:
                attributes.set_allowed(fd, entry.xattrs)
            os.utime(fd, ns=(entry.mtime_ns, entry.mtime_ns))
            self._publish(parent, name, fd)
        except BaseException:
            self._abandon(parent, name)
            raise
        finally:
            os.close(fd)
        return True

    def _create(self, parent: DirFd, name: str) -> int:
        fd = -1

        def make() -> None:
            nonlocal fd
            fd = os.open(name, _NEW_FILE, 0o600, dir_fd=parent.fd)

        self._make(parent, name, make)
        return fd

    def _publish(self, parent: DirFd, name: str, fd: int) -> None:
        """Let a file that is complete be seen; here it is already."""

    def _abandon(self, parent: DirFd, name: str) -> None:
        """Undo `_create`; here the whole tree is thrown away."""

    def _directory(self, parent: DirFd, name: str, entry: Entry, path: str) -> bool:
        was_whiteout = False
        if not attributes.is_directory(parent.fd, name):
            # Full rights until the end: an ordinary user could not write below a 0555 otherwise.
            was_whiteout = self._make(parent, name, lambda: os.mkdir(name, 0o700, dir_fd=parent.fd))
        fd = os.open(name, _DIRECTORY, dir_fd=parent.fd)
        with DirFd(fd) as directory:
            self._own_directory(directory, entry, path)
            if was_whiteout:
                os.setxattr(fd, self._opaque, b"y")
        return True

    def _own_directory(self, directory: DirFd, entry: Entry, path: str) -> None:
        fd = os.open(".", _DIRECTORY, dir_fd=directory.fd)
        try:
            mode = self._own(fd, None, entry)
            attributes.set_allowed(fd, entry.xattrs)
        finally:
            os.close(fd)
        self._directories.pop(path, None)  # the last one decides, and keeps its place in the order
        self._directories[path] = (mode, entry.mtime_ns)

    def _symlink(self, parent: DirFd, name: str, entry: Entry, path: str) -> bool:
        self._make(parent, name, lambda: os.symlink(entry.link, name, dir_fd=parent.fd))
        return True

    def _link(self, parent: DirFd, name: str, entry: Entry, path: str) -> bool:
        """Link to another file of this layer; its name is confined as the entry's own is."""
        above, _, source = clean(entry.link).rpartition("/")
        words = f"link /{clean(entry.link)} /{path}"
        try:
            with self._target.sub(above) as directory:
                status = os.stat(source or ".", dir_fd=directory.fd, follow_symlinks=False)
                if stat.S_ISDIR(status.st_mode) or attributes.is_whiteout(status):
                    raise ImageFormatError(f"{words}: operation not permitted")
                here = os.stat(parent.fd)
                if (here.st_ino, source) == (os.stat(directory.fd).st_ino, name):
                    return False  # a link to itself; making way for it would lose the file

                def make() -> None:
                    os.link(
                        source,
                        name,
                        src_dir_fd=directory.fd,
                        dst_dir_fd=parent.fd,
                        follow_symlinks=False,
                    )

                self._make(parent, name, make)
        except FileNotFoundError:
            raise ImageFormatError(
                f"{words}: no such file or directory",
                hint="a hard link may only lead to a file that stands before it in the archive; "
                "nothing outside the layer can be reached",
            ) from None
        return True

    def _device(self, parent: DirFd, name: str, entry: Entry, path: str) -> bool:
        if entry.kind == "char" and entry.major == 0 and entry.minor == 0:
            # To overlayfs this is "deleted"; an archive says that by a `.wh.` name.
            raise ImageFormatError(f"mknod /{path}: a device 0:0 stands for a deleted file")
        if not 0 <= entry.major < 1 << 12 or not 0 <= entry.minor < 1 << 20:  # linux/kdev_t.h
            raise ImageFormatError(f"mknod /{path}: invalid device {entry.major}:{entry.minor}")
        kind = stat.S_IFCHR if entry.kind == "char" else stat.S_IFBLK
        device = os.makedev(entry.major, entry.minor)
        try:
            self._make(parent, name, lambda: os.mknod(name, kind | 0o600, device, dir_fd=parent.fd))
        except PermissionError:
            self._devices.append(f"/{path}")
            return False
        return True

    def _fifo(self, parent: DirFd, name: str, entry: Entry, path: str) -> bool:
        self._make(parent, name, lambda: os.mkfifo(name, 0o600, dir_fd=parent.fd))
        return True

    def _whiteout(self, parent: DirFd, name: str) -> None:
        """Mark what lies below this layer as deleted: one name, or all of the directory's.

        What this layer itself holds under the name stays (OCI layer.md: whiteouts apply to lower
        layers only), in whichever order the two came.
        """
        if name == _OPAQUE:
            attributes.set_opaque(parent.fd, ".", self._opaque)
            return
        if name.startswith(_AUFS):
            return
        hidden = name.removeprefix(_WHITEOUT)
        if hidden in _NO_NAMES:
            raise ImageFormatError(f"invalid whiteout {name!r}")
        try:
            os.mknod(hidden, stat.S_IFCHR, os.makedev(0, 0), dir_fd=parent.fd)
        except FileExistsError:
            if attributes.is_directory(parent.fd, hidden):
                attributes.set_opaque(parent.fd, hidden, self._opaque)

    # ── attributes ───────────────────────────────────────────────────────────────────────────

    def _dress(self, parent: DirFd, name: str, entry: Entry) -> None:
        """Give owner, mode and time to what was made by name and has no fd of its own."""
        mode = self._own(name, parent.fd, entry)
        if entry.kind != "symlink":
            attributes.set_mode(parent.fd, name, mode)
        os.utime(
            name,
            ns=(entry.mtime_ns, entry.mtime_ns),
            dir_fd=parent.fd,
            follow_symlinks=False,
        )

    def _own(self, file: int | str, dir_fd: int | None, entry: Entry) -> int:
        """Set the owner; return the mode to set afterwards (chown clears set-id bits)."""
        if attributes.own(file, *self._owner(entry), dir_fd):
            return entry.mode
        self._squashed += 1
        return entry.mode & ~_SET_IDS

    def _finish_directories(self) -> None:
        """Set modes and times of directories, last first: making files has changed the times."""
        for path, (mode, mtime_ns) in reversed(self._directories.items()):
            try:
                fd = self._target.openat(path or ".", _DIRECTORY)
            except OSError as error:
                if error.errno in _REPLACED:
                    continue
                raise
            try:
                os.fchmod(fd, mode)
                os.utime(fd, ns=(mtime_ns, mtime_ns))
            finally:
                os.close(fd)


# What a directory's path gives when the archive has put something else there later: a file,
# nothing, a link to nowhere or to itself.
_REPLACED = (errno.ENOTDIR, errno.ENOENT, errno.ELOOP)

_MAKERS: Mapping[str, str] = {
    "file": "_file",
    "dir": "_directory",
    "symlink": "_symlink",
    "link": "_link",
    "char": "_device",
    "block": "_device",
    "fifo": "_fifo",
}

# The words of Go's errors, as docker shows them.
_VERBS = {
    "file": "open",
    "dir": "mkdir",
    "symlink": "symlink",
    "link": "link",
    "char": "mknod",
    "block": "mknod",
    "fifo": "mkfifo",
}
