"""Jobs of a worker on a container's files: look, names, read, place, export.

Each sees the files as the container does (storage.view), under the container's lock while it is
stopped. Content goes through descriptors that came with the request, never in messages; how far it
is is told without waiting for anybody to listen, and who stopped listening ends the job.
"""

from __future__ import annotations

import errno
import io
import itertools
import os
import posixpath
import stat
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any, BinaryIO, cast

from ipycontainer import faults
from ipycontainer.errors import Conflict, EngineError, InvalidArgument, ResourceError, Unsupported
from ipycontainer.linux.dirfd import DirFd
from ipycontainer.model.state import ContainerRecord
from ipycontainer.storage import archiving, copy_owner, copy_paths, mounted, view
from ipycontainer.storage.copy_paths import PathInfo
from ipycontainer.storage.placing import Placement, place
from ipycontainer.storage.tar_writer import TarWriter
from ipycontainer.store import containers, liveness
from ipycontainer.store.database import Store
from ipycontainer.store.home import Home

__all__ = ["FILE_JOBS", "FileJob", "Interrupted", "Tell", "files_of", "held", "progress"]

PATIENCE_SECONDS = 20  # for another job on the same stopped container
PROGRESS_SECONDS = 0.1
NAMES = 1000  # of a directory that are told to who is typing

Tell = Callable[[Mapping[str, Any]], None]
FileJob = Callable[[Home, Store, Mapping[str, Any], Sequence[int], Tell], Any]


class Interrupted(EngineError):
    """Whoever asked for a job has left: what it did so far is taken back."""


@contextmanager
def files_of(
    home: Home,
    store: Store,
    container_id: str,
    *,
    mounts: bool = True,
    writable: bool = False,
) -> Iterator[tuple[ContainerRecord, DirFd]]:
    """Give a container and the root of its files; a stopped one cannot start meanwhile."""
    record, lock = held(home, store, container_id)
    try:
        with store.read() as tx:
            shown = list(mounted.shown(home, tx, record)) if mounts else []
        store.close()
        closed = record.config.read_only
        with view.seen(home, record, shown, writable=writable, closed=closed) as root:
            yield record, root
    finally:
        if lock is not None:
            lock.release()


def held(
    home: Home, store: Store, container_id: str
) -> tuple[ContainerRecord, liveness.LivenessLock | None]:
    """Return a container, and the lock that keeps a stopped one from being started."""
    deadline = time.monotonic() + PATIENCE_SECONDS
    while True:
        with store.read() as tx:
            record = containers.get(tx, container_id)
        if record.state.status.alive:
            return record, None
        try:
            lock = liveness.hold(home.lock(container_id), 0.2)
        except BlockingIOError:
            if time.monotonic() > deadline:
                raise Conflict(
                    f"container {record.short_id} is being started, or its files are in use"
                ) from None
            continue
        with store.read() as tx:
            record = containers.get(tx, container_id)
        return record, lock


def progress(tell: Tell) -> Callable[[int], None]:
    """Return a function that counts bytes and tells of them now and then."""
    done, last = 0, time.monotonic()

    def count(size: int) -> None:
        nonlocal done, last
        done += size
        now = time.monotonic()
        if now - last >= PROGRESS_SECONDS:
            last = now
            tell({"event": "progress", "done": done})

    return count


# ── cp ───────────────────────────────────────────────────────────────────────────────────────────


def _look(
    home: Home, store: Store, arguments: Mapping[str, Any], _: Sequence[int], __: Tell
) -> Any:
    with files_of(home, store, str(arguments["id"])) as (_record, root):
        path = _absolute(str(arguments["path"]))
        return copy_paths.look(root, path, follow=bool(arguments.get("follow"))).to_json()


def _names(
    home: Home, store: Store, arguments: Mapping[str, Any], _: Sequence[int], __: Tell
) -> Any:
    """Return the names in a directory, those of directories with a slash; at most NAMES of them."""
    with files_of(home, store, str(arguments["id"])) as (_record, root):
        fd = root.openat(_absolute(str(arguments["path"])), os.O_RDONLY | os.O_DIRECTORY)
        with DirFd(fd) as directory, os.scandir(directory.fd) as entries:
            found = itertools.islice(entries, NAMES)
            # a link is a name: what it leads to would be looked for on the machine
            return [
                f"{each.name}/" if each.is_dir(follow_symlinks=False) else each.name
                for each in found
                if each.name.isprintable()
            ]


def _read(
    home: Home, store: Store, arguments: Mapping[str, Any], fds: Sequence[int], tell: Tell
) -> Any:
    """Write what stands at a path as an archive; tell first what it is."""
    path, follow = _absolute(str(arguments["path"])), bool(arguments.get("follow"))
    with files_of(home, store, str(arguments["id"])) as (_record, root):
        info = copy_paths.look(root, path, follow=follow)
        if not info.exists:
            shown = str(arguments["path"])
            if follow and (link := copy_paths.look(root, path)).link:
                shown = _led_to(path, link)  # docker's client has followed it by then
            raise copy_paths.missing(shown, str(arguments["name"]))
        tell({"event": "stat", "stat": info.to_json()})
        archive = TarWriter(fds[0], progress=progress(tell))
        try:
            base = copy_paths.base_of(path)
            if follow and arguments.get("resolved") and not path.endswith("/"):
                base = _name_of_what_is_at(root, path, base)
            _write_at(archive, root, path, info, follow, base)
        except FileNotFoundError:  # a running container has just taken it away
            raise copy_paths.missing(str(arguments["path"]), str(arguments["name"])) from None
        archive.close()
        os.close(fds[0])
    return None


def _name_of_what_is_at(root: DirFd, path: str, base: str) -> str:
    """Return the last name of the file that a path leads to, `base` where it is the root itself."""
    fd = root.openat(path, os.O_PATH)
    try:
        if not base or os.path.samestat(os.fstat(fd), os.fstat(root.fd)):
            return base
        return os.path.basename(os.readlink(f"/proc/self/fd/{fd}"))
    finally:
        os.close(fd)


def _write_at(
    archive: TarWriter, root: DirFd, path: str, info: PathInfo, follow: bool, base: str
) -> None:
    if info.is_directory:
        with DirFd(root.openat(path, os.O_RDONLY | os.O_DIRECTORY)) as directory:
            # the content of a directory is named as docker names it: ./file
            prefix = "." if path.endswith("/.") else base
            archiving.write_tree(archive, directory, prefix=prefix)
        return
    if follow:
        fd = root.openat(path, os.O_RDONLY | os.O_NONBLOCK)
        try:
            status = os.fstat(fd)
            if stat.S_ISREG(status.st_mode):
                archive.file(base, status, fd, archiving.read_xattrs(fd))
        finally:
            os.close(fd)
        return
    above, name = copy_paths.place_of(path)
    with root.sub(above) as directory:
        status = os.stat(name, dir_fd=directory.fd, follow_symlinks=False)
        found = archiving.Found(name, name, directory.fd, status)
        if not archiving.write_entry(archive, found, base, {}):
            raise InvalidArgument(f"{path} is a socket, or has just gone away")


def _place(
    home: Home, store: Store, arguments: Mapping[str, Any], fds: Sequence[int], tell: Tell
) -> Any:
    """Unpack an archive at a path.

    With `source` (what is copied) the path is where the copy shall be, by the rules of `cp`;
    without, it is the directory to unpack into. Owners are the archive's; with `archive` all is the
    container's user's, where it has one.
    """
    path, name = str(arguments["path"]), str(arguments["name"])
    source = arguments.get("source")
    stream = os.fdopen(fds[0], "rb", buffering=1 << 20)
    with stream, files_of(home, store, str(arguments["id"]), writable=True) as (record, root):
        where, rename = _absolute(path), None
        if source is not None:
            copied = PathInfo(**source)
            try:
                target = copy_paths.look(root, where)
            except InvalidArgument:  # a file where a directory is said to be: to docker, nothing
                if copied.is_directory:
                    raise
                target = PathInfo(where, exists=False)
            if target.link and not copy_paths.asserts_directory(where):
                # docker follows one link of the target, also one that leads to nothing yet
                target = _behind(root, where, target)
            where, rename = copy_paths.rename_for(copied, target)
        with _directory(root, where, path, name, plain=source is None) as directory:
            faults.point("place: before")
            owner = None
            if arguments.get("archive"):
                owner = copy_owner.owner_for(root, record.config.user)
            placement = Placement(rename, owner, bool(arguments.get("overwrite")))
            count = progress(tell)

            def read(size: int) -> bytes:
                piece = opened.read(size)
                count(len(piece))
                return piece

            opened = _decompressed(stream)
            try:
                size = place(read, directory, placement)
                while opened.read(1 << 20):
                    pass
            except OSError as error:
                if error.errno == errno.EBUSY and error.filename:  # something is mounted upon it
                    error.filename = f"unlinkat {where.rstrip('/')}{error.filename}"
                raise refused(error, record, where) from error
    return {"size": size.size, "entries": size.entries, "devices": list(size.devices)}


def _behind(root: DirFd, path: str, info: PathInfo) -> PathInfo:
    return copy_paths.look(root, _led_to(path, info))


def _led_to(path: str, info: PathInfo) -> str:
    """Return where the link at a path leads."""
    return _absolute(os.path.join(copy_paths.place_of(path)[0], info.link))


def _directory(root: DirFd, where: str, path: str, name: str, *, plain: bool) -> DirFd:
    try:
        return root.sub(where)
    except FileNotFoundError:
        shown = where if not plain else path
        raise copy_paths.missing(shown, name) from None
    except NotADirectoryError:
        raise InvalidArgument("extraction point is not a directory") from None


def refused(error: OSError, record: ContainerRecord, where: str) -> EngineError:
    """Return what kept files from being written, in docker's words where it has some."""
    words = (error.strerror or str(error)).lower()
    if error.errno == errno.EROFS:
        path = posixpath.normpath(where)
        mounted = [each.target.rstrip("/") for each in record.config.mounts]
        in_volume = any(f"{path}/".startswith(f"{target}/") for target in mounted)
        is_root = record.config.read_only and not in_volume
        what = "container rootfs" if is_root else "mounted volume"
        return InvalidArgument(f"{what} is marked read-only")
    hint = "what was there is unchanged" if error.errno in (errno.ENOSPC, errno.EDQUOT) else ""
    return ResourceError(f"{error.filename or 'write'}: {words}", hint=hint)


def _decompressed(stream: BinaryIO) -> BinaryIO:
    """Return an archive as a plain tar. Undone in this process: never by a container's program."""
    first = cast(io.BufferedReader, stream).peek(6)[:6]
    if first.startswith(b"\x1f\x8b"):
        import gzip

        return cast(BinaryIO, gzip.GzipFile(fileobj=stream, mode="rb"))
    if first.startswith(b"BZh"):
        import bz2

        return cast(BinaryIO, bz2.BZ2File(stream))
    if first.startswith(b"\xfd7zXZ\0"):
        import lzma

        return cast(BinaryIO, lzma.LZMAFile(stream))
    if first.startswith(b"\x28\xb5\x2f\xfd"):
        raise Unsupported("archives compressed with zstd are not supported here", hint="zstd -dc")
    return stream


def _absolute(path: str) -> str:
    return path if path.startswith("/") else f"/{path}"


# ── export ───────────────────────────────────────────────────────────────────────────────────────


def _export(
    home: Home, store: Store, arguments: Mapping[str, Any], fds: Sequence[int], tell: Tell
) -> Any:
    """Write the container's files as an archive; what is mounted is an empty directory."""
    with files_of(home, store, str(arguments["id"]), mounts=False) as (_record, root):
        archive = TarWriter(fds[0], progress=progress(tell))
        archiving.write_tree(archive, root, own=False)
        archive.close()
    return {"entries": archive.entries}


def _commit(
    home: Home, store: Store, arguments: Mapping[str, Any], _: Sequence[int], tell: Tell
) -> Any:
    """Make an image of a container's changes."""
    from ipycontainer.images import commit  # as in worker: kept out of the zygote

    record, lock = held(home, store, str(arguments["id"]))
    try:
        image = commit.commit(
            home,
            store,
            record,
            reference=str(arguments["reference"]),
            author=str(arguments["author"]),
            message=str(arguments["message"]),
            changes=tuple(arguments["changes"]),
            progress=progress(tell),
        )
    finally:
        if lock is not None:
            lock.release()
    return {"id": image.id}


FILE_JOBS: Mapping[str, FileJob] = {
    "commit": _commit,
    "export": _export,
    "look": _look,
    "names": _names,
    "place": _place,
    "read": _read,
}
