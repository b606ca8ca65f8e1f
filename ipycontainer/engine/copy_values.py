"""Values of Python as files of a container: bytes, open files, data frames."""

from __future__ import annotations

import io
import stat
import sys
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from ipycontainer.engine import copying
from ipycontainer.errors import InvalidArgument, Unsupported
from ipycontainer.storage import copy_paths
from ipycontainer.storage.copy_paths import PathInfo
from ipycontainer.storage.tar_reader import TarReader
from ipycontainer.storage.tar_writer import TarWriter

if TYPE_CHECKING:
    from ipycontainer.engine.container import Container

__all__ = ["read_value", "write_value"]


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

    arguments = {"path": path, "source": source.to_json()}
    return int(copying.put(container, arguments, write, "", None)["size"])


def read_value(container: Container, path: str, kind: Any = bytes) -> Any:
    """Return a file of a container as bytes, or as a data frame of the class `kind`.

    With a file object as `kind` its bytes are written there.
    """
    with copying.reading(container, path, True, "", None) as (info, stream):
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
