"""Read a table that a container wrote, as Arrow's stream: nothing in it is believed.

Below cell_results; imports pyarrow, at the first frame. A stream of few bytes may
claim much memory: by compression, by columns that share their bytes, by rows without any. All of
that is looked for before anybody makes a copy of it. Source: Arrow columnar format, "Security
considerations" and the IPC format (format/Message.fbs).
"""

from __future__ import annotations

import struct
from typing import Any

import pyarrow as pa

__all__ = ["table"]

_DICTIONARY_BATCH, _RECORD_BATCH = 2, 3  # MessageHeader
_CELLS_MORE, _BYTES_MORE = 1_000_000, 1 << 20  # what small frames may have besides their bytes


def table(data: bytes) -> pa.Table:
    """Return the table. Raises ValueError that says what is wrong with it."""
    source = pa.py_buffer(data)
    try:
        for message in pa.ipc.MessageReader.open_stream(source):
            if message.type != "schema" and _is_compressed(message.metadata.to_pybytes()):
                raise ValueError("it is compressed")
        found = pa.ipc.open_stream(source).read_all()
        for field in found.schema:
            if not _is_plain(field.type):
                raise ValueError(f"a column of type {field.type} cannot come back")
        found.validate(full=True)
        if found.num_rows * max(1, found.num_columns) > 8 * len(data) + _CELLS_MORE:
            raise ValueError(f"it claims {found.num_rows} rows in {len(data)} bytes")
        if found.nbytes > 2 * len(data) + _BYTES_MORE:
            raise ValueError("its columns share their bytes")
        return found
    except ValueError:  # pyarrow's ArrowInvalid among them
        raise
    except Exception as error:  # noqa: BLE001  whatever a broken stream makes of pyarrow and pandas
        raise ValueError(f"{type(error).__name__}: {error}") from None


def _is_plain(kind: Any) -> bool:
    """Tell whether pandas makes numbers, texts and moments of a type, and lists of them."""
    types = pa.types
    if types.is_dictionary(kind):
        return _is_plain(kind.value_type)
    if types.is_list(kind) or types.is_large_list(kind) or types.is_fixed_size_list(kind):
        return _is_plain(kind.value_type)
    if types.is_struct(kind):
        return all(_is_plain(kind.field(place).type) for place in range(kind.num_fields))
    return bool(
        types.is_null(kind)
        or types.is_boolean(kind)
        or types.is_integer(kind)
        or types.is_floating(kind)
        or types.is_decimal(kind)
        or types.is_string(kind)
        or types.is_large_string(kind)
        or types.is_binary(kind)
        or types.is_large_binary(kind)
        or types.is_temporal(kind)
    )


def _is_compressed(metadata: bytes) -> bool:
    """Tell whether a message's body is compressed: its RecordBatch has a field `compression`."""
    message = _Table(metadata, struct.unpack_from("<I", metadata, 0)[0])
    kind = message.byte(1)
    batch = message.table(2)
    if kind == _DICTIONARY_BATCH and batch is not None:
        batch = batch.table(1)
    elif kind != _RECORD_BATCH:
        return False
    return batch is None or batch.table(3) is not None


class _Table:
    """A table of a flatbuffer: fields by their number in the schema."""

    def __init__(self, data: bytes, position: int) -> None:
        self._data = data
        self._position = position
        self._fields = position - struct.unpack_from("<i", data, position)[0]

    def _offset(self, number: int) -> int:
        size = struct.unpack_from("<H", self._data, self._fields)[0]
        place = 4 + 2 * number
        if place + 2 > size:
            return 0
        return int(struct.unpack_from("<H", self._data, self._fields + place)[0])

    def byte(self, number: int) -> int:
        """Return a field of one byte, 0 where it is absent."""
        offset = self._offset(number)
        return self._data[self._position + offset] if offset else 0

    def table(self, number: int) -> _Table | None:
        """Return a field that is a table."""
        offset = self._offset(number)
        if not offset:
            return None
        place = self._position + offset
        return _Table(self._data, place + struct.unpack_from("<I", self._data, place)[0])
