"""Copy files into containers and out of them: `cp`, `copy_in`, `copy_out`, archives.

This process reads and writes this machine's files, with its user's rights; a worker does the
container's. Between them runs a tar through a pipe. What comes out of a container is unpacked as
any hostile archive is.
"""

from __future__ import annotations

import fcntl
import os
import stat
import sys
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING, Any, BinaryIO, cast

from ipycontainer.engine import copy_local, output_file
from ipycontainer.errors import (
    EngineError,
    ImageFormatError,
    ResourceError,
)
from ipycontainer.linux.dirfd import DirFd
from ipycontainer.storage import copy_paths
from ipycontainer.storage.copy_paths import PathInfo
from ipycontainer.storage.placing import AS_MADE, Placement, place
from ipycontainer.storage.tar_writer import TarWriter
from ipycontainer.store import containers, volumes
from ipycontainer.supervise.supervisor import Progress

if TYPE_CHECKING:
    from ipycontainer.engine.container import Container

__all__ = ["copy_in", "copy_out", "get_archive", "pipe", "put", "put_archive", "reading"]

F_SETPIPE_SZ = 1031  # linux/fcntl.h
_PIPE_BYTES = 1 << 20
_CHUNK_BYTES = 2 << 20  # docker-py's default


def copy_in(
    container: Container,
    source: str,
    path: str,
    *,
    archive: bool = False,
    follow: bool = False,
    shown: str = "",
    progress: Progress | None = None,
) -> int:
    """Copy a file or directory of this machine to a path of a container; return its bytes.

    Rules of names and errors are docker's; `shown` is the container's name as it was typed.
    """
    info = copy_local.look(source, follow=follow, must=True)
    base = copy_paths.base_of(source) or ("" if info.is_directory else os.path.basename(source))
    described = PathInfo(
        source if base else f"{source.rstrip('/')}/.", True, info.mode, info.size, info.mtime_ns
    )
    arguments = {
        "path": path,
        "source": described.to_json(),
        "archive": archive,
    }

    def write(fd: int) -> None:
        archive_ = TarWriter(fd)
        copy_local.write(archive_, source, info, base, follow)
        archive_.close()

    return int(put(container, arguments, write, shown, progress)["size"])


def copy_out(
    container: Container,
    path: str,
    target: str,
    *,
    follow: bool = False,
    shown: str = "",
    progress: Progress | None = None,
) -> int:
    """Copy what stands at a path of a container to this machine; return its bytes.

    What it makes is the caller's, whoever had it in there. Raises NotFound, InvalidArgument in
    docker's words.
    """
    where = copy_local.look(target)
    if not where.exists:
        output_file.check(os.path.abspath(target))
    with reading(container, path, follow, shown, progress) as (info, stream):
        # A followed link is copied under the name that was asked for.
        source = PathInfo(info.path, True, info.mode)
        into, rename = copy_paths.rename_for(source, where)
        try:
            with DirFd.open(into) as directory:
                return place(stream.read, directory, Placement(rename, AS_MADE)).size
        except OSError as error:
            words = (error.strerror or str(error)).lower()
            raise ResourceError(f"{target}: {words}") from error


def get_archive(
    container: Container, path: str, *, follow: bool = False, shown: str = ""
) -> tuple[Iterator[bytes], dict[str, Any]]:
    """Return what stands at a path as a tar, in pieces, and docker-py's facts about it.

    What a followed link leads to has its own name in there, since nobody gives it another.
    """
    opened = reading(container, path, follow, shown, None, resolved=True)
    info, stream = opened.__enter__()

    def pieces() -> Iterator[bytes]:
        try:
            while piece := stream.read(_CHUNK_BYTES):
                yield piece
        except BaseException:
            opened.__exit__(*sys.exc_info())
            raise
        opened.__exit__(None, None, None)

    return pieces(), facts(info)


def put_archive(
    container: Container,
    path: str,
    data: bytes | BinaryIO | Iterable[bytes],
    *,
    archive: bool = False,
    overwrite: bool = True,
    shown: str = "",
    progress: Progress | None = None,
) -> int:
    """Unpack a tar, plain or compressed, into a directory of a container; return its bytes."""

    def write(fd: int) -> None:
        pieces: Iterable[bytes]
        if isinstance(data, bytes):
            pieces = (data,)
        elif hasattr(data, "read"):
            pieces = iter(lambda: cast(BinaryIO, data).read(_CHUNK_BYTES), b"")
        else:
            pieces = data
        for piece in pieces:
            view = memoryview(piece)
            while view:
                view = view[os.write(fd, view) :]

    arguments = {"path": path, "archive": archive, "overwrite": overwrite}
    done = put(container, arguments, write, shown, progress, looks=not overwrite)
    return int(done["size"])


# ── the container's side ─────────────────────────────────────────────────────────────────────────


def put(
    container: Container,
    arguments: Mapping[str, Any],
    write: Callable[[int], None],
    shown: str,
    progress: Progress | None,
    *,
    looks: bool = True,
) -> Any:
    """Have a worker place what `write` writes into a pipe; its error is told before the pipe's.

    `looks`: whether docker's client would ask first what is there.
    """
    reading, writing = pipe()
    failure: list[BaseException] = []

    def feed() -> None:
        try:
            write(writing)
        except BrokenPipeError:
            pass  # the worker gave up, and says why
        except BaseException as error:  # noqa: BLE001 - raised below, in the caller's thread
            failure.append(error)
        finally:
            os.close(writing)

    named = {"id": container.id, "name": shown or container.id, **arguments}
    supervisor = container.engine.supervisor
    thread = threading.Thread(target=feed, name="ipyc-copy", daemon=True)
    with _told(container, "extract-to-dir", looks=looks):
        try:
            done = supervisor.work(
                "place", named, (reading,), progress=progress, after=lambda: _begin(thread, reading)
            )
        except BaseException as error:
            if thread.ident is None:
                os.close(writing)
            else:
                thread.join()
            if failure and isinstance(error, EngineError):
                raise _local_failure(failure[0]) from error
            raise
        thread.join()
        if failure:
            raise _local_failure(failure[0])
    return done


@contextmanager
def _told(container: Container, action: str, *, looks: bool = False) -> Iterator[None]:
    """Tell of a copy as docker does, whose daemon mounts the volumes for each request.

    One more request where its client `looks` first.
    """
    record, store = container.record, container.engine.store
    shown = any(point.type == "volume" for point in record.config.mounts)

    def tell(*actions: str) -> None:
        with store.write() as tx:
            for each in actions:
                if each == action:
                    containers.tell(tx, record, each, time.time_ns())
                else:
                    volumes.tell_all(tx, record, each, time.time_ns())

    if shown:
        tell(*(("mount", "unmount") if looks else ()), "mount")
    try:
        yield
    except BaseException:
        if shown:
            tell("unmount")
        raise
    tell(action, *(("unmount",) if shown else ()))


def _begin(thread: threading.Thread, reading: int) -> None:
    os.close(reading)
    thread.start()


def _local_failure(error: BaseException) -> BaseException:
    if isinstance(error, OSError):
        words = (error.strerror or str(error)).lower()
        return ResourceError(f"open {error.filename}: {words}")
    return error


@contextmanager
def reading(
    container: Container,
    path: str,
    follow: bool,
    shown: str,
    progress: Progress | None,
    *,
    resolved: bool = False,
) -> Iterator[tuple[PathInfo, BinaryIO]]:
    """Give what stands at a path of a container, and its archive as a stream.

    A followed link is in there under the path's last name, or its target's (`resolved`).
    """
    reading, writing = pipe()
    named = {
        "id": container.id,
        "name": shown or container.id,
        "path": path,
        "follow": follow,
        "resolved": resolved,
    }
    stream = os.fdopen(reading, "rb", buffering=_PIPE_BYTES)
    with stream:
        try:
            work = container.engine.supervisor.begin("read", named, (writing,))
        finally:
            os.close(writing)
        with work, _told(container, "archive-path"):
            told = work.expect("stat")
            info = PathInfo(**told.body["stat"])
            try:
                yield info, stream
            except ImageFormatError:
                # An archive that was cut off is the worker's failure, which says more; who is
                # not at its end is not content with what is in it.
                if not stream.read(1):
                    work.finish(progress)
                raise
            while stream.read(_PIPE_BYTES):
                pass
            work.finish(progress)


def pipe() -> tuple[int, int]:
    """Return the two ends of a pipe that holds as much as may be."""
    reading, writing = os.pipe2(os.O_CLOEXEC)
    with suppress(OSError):  # an ordinary user has a limit for all pipes together
        fcntl.fcntl(writing, F_SETPIPE_SZ, _PIPE_BYTES)
    return reading, writing


# Go's os.FileMode, which docker-py's users read in the facts of an archive.
_GO_BITS = (
    (stat.S_IFDIR, 1 << 31),
    (stat.S_IFLNK, 1 << 27),
    (stat.S_IFIFO, 1 << 25),
    (stat.S_IFSOCK, 1 << 24),
    (stat.S_IFBLK, 1 << 26),
    (stat.S_IFCHR, 1 << 26 | 1 << 21),
)


def facts(info: PathInfo) -> dict[str, Any]:
    """Return docker-py's facts about a path: name, size, mode (Go's), mtime, linkTarget."""
    from ipycontainer.model.units import rfc3339nano

    mode = stat.S_IMODE(info.mode) & 0o777
    for kind, bit in _GO_BITS:
        if stat.S_IFMT(info.mode) == kind:
            mode |= bit
    for bit, go in ((stat.S_ISUID, 1 << 23), (stat.S_ISGID, 1 << 22), (stat.S_ISVTX, 1 << 20)):
        mode |= go if info.mode & bit else 0
    name = os.path.basename(info.path.rstrip("/")) or "/"
    return {
        "name": name,
        "size": info.size,
        "mode": mode,
        "mtime": rfc3339nano(info.mtime_ns),
        "linkTarget": info.link,
    }
