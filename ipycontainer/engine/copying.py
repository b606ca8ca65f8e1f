"""Copy files into containers and out of them: `cp`, `copy_in`, `copy_out`, archives.

This process reads and writes this machine's files, with its user's rights; a worker does the
container's. Between them runs a tar through a pipe. What comes out of a container is unpacked as
any hostile archive is.
"""

from __future__ import annotations

import fcntl
import io
import os
import stat
import sys
import threading
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING, Any, BinaryIO, cast

from ipycontainer.errors import (
    EngineError,
    ImageFormatError,
    InvalidArgument,
    NotFound,
    ResourceError,
    Unsupported,
)
from ipycontainer.linux.dirfd import DirFd
from ipycontainer.storage import archiving, copy_paths
from ipycontainer.storage.copy_paths import PathInfo
from ipycontainer.storage.placing import Placement, place
from ipycontainer.storage.tar_reader import TarReader
from ipycontainer.storage.tar_writer import TarWriter
from ipycontainer.supervise.client import Progress

if TYPE_CHECKING:
    from ipycontainer.engine.container import Container

__all__ = ["copy_in", "copy_out", "get_archive", "pipe", "put_archive", "read_value", "write_value"]

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
    info = _local(source, follow=follow, must=True)
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
        _write_local(archive_, source, info, base, follow)
        archive_.close()

    return int(_put(container, arguments, write, shown, progress)["size"])


def copy_out(
    container: Container,
    path: str,
    target: str,
    *,
    archive: bool = False,
    follow: bool = False,
    shown: str = "",
    progress: Progress | None = None,
) -> int:
    """Copy what stands at a path of a container to this machine; return its bytes.

    Raises NotFound, InvalidArgument in docker's words.
    """
    where = _local(target)
    if not where.exists:
        above = os.path.dirname(os.path.abspath(target.rstrip("/") or "/"))
        if not os.path.isdir(above):
            raise InvalidArgument(f'invalid output path: directory "{above}" does not exist')
    with _reading(container, path, follow, shown, progress) as (info, stream):
        # A followed link is copied under the name that was asked for.
        source = PathInfo(info.path, True, info.mode)
        into, rename = copy_paths.rename_for(source, where)
        owner = None if archive else (os.geteuid(), os.getegid())
        try:
            with DirFd.open(into) as directory:
                return place(stream.read, directory, Placement(rename, owner)).size
        except OSError as error:
            words = (error.strerror or str(error)).lower()
            raise ResourceError(f"{target}: {words}") from error


def get_archive(
    container: Container, path: str, *, shown: str = ""
) -> tuple[Iterator[bytes], dict[str, Any]]:
    """Return what stands at a path as a tar, in pieces, and docker-py's facts about it."""
    opened = _reading(container, path, False, shown, None)
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
    archive: bool = True,
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
    return int(_put(container, arguments, write, shown, progress)["size"])


# ── values of Python ─────────────────────────────────────────────────────────────────────────────


def write_value(container: Container, value: Any, path: str) -> int:
    """Write bytes, what a file object gives, or a data frame, as one file of a container."""
    data: Any
    if hasattr(value, "to_csv") and hasattr(value, "to_parquet"):
        data = _frame_bytes(value, path)
    elif hasattr(value, "read"):
        data = value.read()
    else:
        data = value
    if isinstance(data, str):
        data = data.encode()
    if not isinstance(data, bytes | bytearray | memoryview):
        raise InvalidArgument(f"{type(value).__name__} is neither path, bytes, file nor data frame")
    raw = bytes(data)
    if copy_paths.asserts_directory(path):
        raise InvalidArgument(f"{path} is a directory: a value needs the name of a file")
    source = PathInfo("value", True, stat.S_IFREG | 0o644, len(raw))

    def write(fd: int) -> None:
        archive = TarWriter(fd)
        archive.content("value", raw)
        archive.close()

    arguments = {"path": path, "source": source.to_json(), "archive": False}
    return int(_put(container, arguments, write, "", None)["size"])


def read_value(container: Container, path: str, kind: Any = bytes) -> Any:
    """Return a file of a container as bytes, or as a data frame of the class `kind`.

    With a file object as `kind` its bytes are written there.
    """
    with _reading(container, path, True, "", None) as (info, stream):
        if not stat.S_ISREG(info.mode):
            raise InvalidArgument(f"{path} is not a file: name a target to copy it to")
        data = b""
        reader = TarReader(stream.read)
        for entry in reader:
            whole = bytearray(entry.size)
            for offset, piece in reader.data():
                whole[offset : offset + len(piece)] = piece
            data = bytes(whole)
    if kind is bytes:
        return data
    if hasattr(kind, "write"):
        kind.write(data)
        return len(data)
    if hasattr(kind, "to_csv"):
        library = sys.modules[kind.__module__.partition(".")[0]]
        reads = library.read_parquet if path.endswith(".parquet") else library.read_csv
        return _with_parquet(lambda: reads(io.BytesIO(data)))
    raise InvalidArgument(f"a file cannot be read as {kind!r}")


def _frame_bytes(frame: Any, path: str) -> bytes:
    if not path.endswith(".parquet"):
        return str(frame.to_csv(index=False)).encode()
    return bytes(_with_parquet(frame.to_parquet))


def _with_parquet(act: Callable[[], Any]) -> Any:
    try:
        return act()
    except ImportError as error:
        raise Unsupported(
            f"Parquet needs a library that is not installed: {error}",
            hint="pip install 'ipycontainer[data]', or a name that ends with .csv",
        ) from None


# ── this machine's side ──────────────────────────────────────────────────────────────────────────


def _local(path: str, *, follow: bool = False, must: bool = False) -> PathInfo:
    through = follow or copy_paths.asserts_directory(path)
    try:
        status = os.stat(path) if through else os.lstat(path)
        if not must and stat.S_ISLNK(status.st_mode):
            # where a copy goes, links are followed, also one that leads to nothing yet
            with suppress(FileNotFoundError):
                status = os.stat(path)
            if stat.S_ISLNK(status.st_mode):
                link = os.path.join(os.path.dirname(path), os.readlink(path))
                return PathInfo(link, False)
    except (FileNotFoundError, NotADirectoryError) as error:
        if must:
            is_link = follow and os.path.islink(path)
            shown = os.path.realpath(path) if is_link else copy_paths.first_missing(path)
            words = (error.strerror or "").lower()
            raise NotFound(f"lstat {shown}: {words}") from None
        return PathInfo(path, False)
    except OSError as error:
        raise ResourceError(f"lstat {path}: {(error.strerror or '').lower()}") from error
    return PathInfo(path, True, status.st_mode, status.st_size, status.st_mtime_ns)


def _write_local(archive: TarWriter, source: str, info: PathInfo, base: str, follow: bool) -> None:
    if info.is_directory:
        with DirFd.open(source) as directory:
            archiving.write_tree(archive, directory, prefix=base)
        return
    path = os.path.realpath(source) if follow else os.path.abspath(source)
    with DirFd.open(os.path.dirname(path)) as directory:
        name = os.path.basename(path)
        status = os.stat(name, dir_fd=directory.fd, follow_symlinks=False)
        archiving.write_entry(archive, archiving.Found(name, name, directory.fd, status), base, {})


# ── the container's side ─────────────────────────────────────────────────────────────────────────


def _put(
    container: Container,
    arguments: Mapping[str, Any],
    write: Callable[[int], None],
    shown: str,
    progress: Progress | None,
) -> Any:
    """Have a worker place what `write` writes into a pipe; its error is told before the pipe's."""
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
    container.tell("extract-to-dir")
    return done


def _begin(thread: threading.Thread, reading: int) -> None:
    os.close(reading)
    thread.start()


def _local_failure(error: BaseException) -> BaseException:
    if isinstance(error, OSError):
        words = (error.strerror or str(error)).lower()
        return ResourceError(f"open {error.filename}: {words}")
    return error


@contextmanager
def _reading(
    container: Container, path: str, follow: bool, shown: str, progress: Progress | None
) -> Iterator[tuple[PathInfo, BinaryIO]]:
    """Give what stands at a path of a container, and its archive as a stream."""
    reading, writing = pipe()
    named = {"id": container.id, "name": shown or container.id, "path": path, "follow": follow}
    stream = os.fdopen(reading, "rb", buffering=_PIPE_BYTES)
    with stream:
        try:
            work = container.engine.supervisor.begin("read", named, (writing,))
        finally:
            os.close(writing)
        with work:
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
            container.tell("archive-path")


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
