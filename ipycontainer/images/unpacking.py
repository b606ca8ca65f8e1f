"""Unpack layers beside each other, each in a process of its own, while they still download.

A pool of forked children, made before this process has threads. Each is told where a blob lies and
how much of it has come, reads behind that, and answers what it found. A process, not a thread:
unpacking many small files is work of the interpreter, of which one process has one.

    parent -> child    {"path", "target", ...}, then {"size"} as it grows, {"complete"} or {"abort"}
    child -> parent    {"at"} now and then, at last {"diff_id", ...}, {"error"} or {"aborted"}

Each is a line of JSON.
"""

from __future__ import annotations

import hashlib
import io
import json
import os
import signal
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO, Self

from ipycontainer import faults
from ipycontainer.errors import EngineError, ImageFormatError, from_wire
from ipycontainer.images.beside import Beside
from ipycontainer.images.compression import Decompressed
from ipycontainer.linux.dirfd import DirFd
from ipycontainer.storage.unpack import Limits, UnpackedSize, unpack

__all__ = ["Unpacked", "Unpacker", "fork_unpackers"]

_PIECE = 1 << 20
_TELL_BYTES = 4 << 20


@dataclass(frozen=True, slots=True)
class Unpacked:
    """What a layer turned out to be: its diff id, its compression, and what was unpacked of it."""

    diff_id: str
    compression: str
    found: UnpackedSize


class Unpacker:
    """One child of the pool, as its parent sees it: one layer at a time."""

    def __init__(self, pid: int, orders: int, answers: int) -> None:
        self.pid = pid
        self._orders = os.fdopen(orders, "wb", buffering=0)
        self._answers = os.fdopen(answers, "rb")

    def begin(self, path: Path, target: Path | None, size: int, complete: bool) -> None:
        """Let it unpack the blob at `path` into `target`; without a target it only looks at it."""
        self._tell(
            {
                "path": str(path),
                "target": None if target is None else str(target),
                "size": size,
                "complete": complete,
            }
        )

    def grown(self, size: int, complete: bool) -> None:
        """Say how much of the blob is there."""
        self._tell({"size": size, "complete": complete})

    def abort(self) -> None:
        """Let it stop, and wait until it has: what it has unpacked is the caller's to remove."""
        self._tell({"abort": True})
        self._answer()

    def result(self, told: Callable[[int], None]) -> Unpacked:
        """Wait for the end; `told` gets how far it has read. Raises what kept it from unpacking."""
        while "at" in (answer := self._line()):
            told(int(answer["at"]))
        if "error" in answer:
            raise from_wire(dict(answer["error"]))
        found = answer["found"]
        size = UnpackedSize(found[0], found[1], tuple(found[2]), found[3])
        return Unpacked(str(answer["diff_id"]), str(answer["compression"]), size)

    def fileno(self) -> int:
        """Return the descriptor that is ready when there is an answer."""
        return self._answers.fileno()

    def kill(self) -> None:
        """End it, whatever it does: whoever waits for its answer gets an error."""
        os.kill(self.pid, signal.SIGKILL)

    def close(self) -> None:
        """End it, and wait for that."""
        self._orders.close()
        self._answers.close()
        self.kill()
        os.waitpid(self.pid, 0)

    def _tell(self, order: Mapping[str, Any]) -> None:
        try:
            self._orders.write(json.dumps(order).encode() + b"\n")
        except BrokenPipeError:
            pass  # it died: the answer's end says so

    def _answer(self) -> Mapping[str, Any]:
        while "at" in (answer := self._line()):
            pass
        return answer

    def _line(self) -> Mapping[str, Any]:
        line = self._answers.readline()
        if not line:
            raise EngineError("a process that unpacks layers died")
        answer: Mapping[str, Any] = json.loads(line)
        return answer


def fork_unpackers(count: int, *, userxattr: bool, limits: Limits) -> list[Unpacker]:
    """Return new children. The caller has no threads yet: a fork would take half of their state."""
    made: list[Unpacker] = []
    for _ in range(count):
        orders, our_orders = os.pipe2(os.O_CLOEXEC)
        our_answers, answers = os.pipe2(os.O_CLOEXEC)
        pid = os.fork()
        if pid == 0:
            code = 1
            try:
                # Whoever is killed closes its ends by that; a copy of them here would hide it.
                for fd in (our_orders, our_answers):
                    os.close(fd)
                for other in made:
                    other._orders.close()
                    other._answers.close()
                _serve(orders, answers, userxattr, limits)
                code = 0
            finally:
                os._exit(code)
        os.close(orders)
        os.close(answers)
        made.append(Unpacker(pid, our_orders, our_answers))
    return made


class _Aborted(Exception):
    """The parent does not want this layer any more, or is dead."""


def _serve(orders_fd: int, answers_fd: int, userxattr: bool, limits: Limits) -> None:
    orders = os.fdopen(orders_fd, "rb")
    while line := orders.readline():
        order = json.loads(line)
        if "path" not in order:
            continue  # about a layer that has failed here already
        answer: dict[str, Any]
        try:
            answer = _unpack(order, orders, answers_fd, userxattr, limits)
        except _Aborted:
            answer = {"aborted": True}
        except EngineError as error:
            answer = {"error": error.to_wire()}
        except OSError as error:
            said = EngineError(f"unpacking: {(error.strerror or str(error)).lower()}")
            answer = {"error": said.to_wire()}
        try:
            os.write(answers_fd, json.dumps(answer).encode() + b"\n")
        except BrokenPipeError:
            return


def _unpack(
    order: Mapping[str, Any], orders: BinaryIO, answers: int, userxattr: bool, limits: Limits
) -> dict[str, Any]:
    with _Following(str(order["path"]), orders, answers, order) as blob, Beside() as beside:
        content = Decompressed(blob.read, limits.total_bytes)
        hashed = _Hashed(content, beside)
        if order["target"] is None:
            found = UnpackedSize(0, 0)
        else:
            faults.point("layer: unpack")
            with DirFd.open(Path(str(order["target"]))) as target:
                read = io.BufferedReader(hashed, _PIECE).read
                found = unpack(read, target, userxattr=userxattr, limits=limits)
        while hashed.read(_PIECE):  # what follows the archive's end is part of the layer, too
            pass
        beside.finish()
        if content.compression not in ("", "gzip", "zstd"):
            raise ImageFormatError(f"a layer is compressed with {content.compression}")
        return {
            "diff_id": hashed.diff_id,
            "compression": content.compression,
            "found": [found.size, found.entries, found.devices[:100], found.squashed],
        }


class _Following:
    """The bytes of a file that somebody else still writes."""

    def __init__(self, path: str, orders: BinaryIO, answers: int, order: Mapping[str, Any]) -> None:
        self._file = open(path, "rb", buffering=0)  # noqa: SIM115  closed by __exit__
        self._orders = orders
        self._size = int(order["size"])
        self._complete = bool(order["complete"])
        self._at = self._told = 0
        self._answers = answers

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._file.close()

    def read(self, wanted: int) -> bytes:
        """Return at most `wanted` bytes, none once all was read."""
        while self._at >= self._size:
            if self._complete:
                return b""
            line = self._orders.readline()
            order = json.loads(line) if line else {}
            if "size" not in order:
                raise _Aborted
            self._size, self._complete = int(order["size"]), bool(order["complete"])
        piece = self._file.read(min(wanted, self._size - self._at))
        if not piece:
            raise ImageFormatError("a blob became shorter while it was read")
        self._at += len(piece)
        if self._at - self._told >= _TELL_BYTES:
            self._told = self._at
            os.write(self._answers, json.dumps({"at": self._at}).encode() + b"\n")
        return piece


class _Hashed(io.RawIOBase):
    """What a source gives, hashed beside its reader: `diff_id` is right once that has finished."""

    def __init__(self, source: Decompressed, beside: Beside) -> None:
        super().__init__()
        self._source = source
        self._beside = beside
        self._hash = hashlib.sha256()

    @property
    def diff_id(self) -> str:
        return f"sha256:{self._hash.hexdigest()}"

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: memoryview, /) -> int:  # type: ignore[override]
        piece = self._source.take(len(buffer))
        self._beside.hand(self._hash.update, piece)
        buffer[: len(piece)] = piece
        return len(piece)


def close_all(unpackers: Iterable[Unpacker]) -> None:
    """End a pool."""
    for unpacker in unpackers:
        unpacker.close()
