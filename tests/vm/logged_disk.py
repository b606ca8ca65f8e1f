"""A disk that notes every write in its order, and what it had after any of them (dm-log-writes).

By ioctl(2), since dmsetup(8) may not be there. Formats: linux/dm-ioctl.h, and in the kernel's
drivers/md/dm-log-writes.c and Documentation/admin-guide/device-mapper/log-writes.rst.
"""

from __future__ import annotations

import fcntl
import os
import struct
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

__all__ = ["LoggedDisk", "Write", "logged", "replay", "writes"]

# struct dm_ioctl: version, sizes, counts and flags, device, name, uuid
_DM = struct.Struct("=3I I I I i I I I Q 128s 129s 7x")
_TARGET = struct.Struct("=QQiI16s")
_CREATE, _REMOVE, _SUSPEND, _LOAD = 3, 4, 6, 9
_MAGIC = 0x6A736677736872
_SUPER = struct.Struct("=QQQI")
_ENTRY = struct.Struct("=QQQQ")  # sector, sectors, flags, bytes of a mark
_DISCARD, _MARK = 4, 8
SECTOR_BYTES = 512


@dataclass(frozen=True, slots=True)
class LoggedDisk:
    """A block device, and the file that has its log once it is closed."""

    device: Path
    log: Path


@dataclass(frozen=True, slots=True)
class Write:
    """One write: where on the disk, how much, and where in the log its bytes are, -1 for zeros."""

    offset: int
    size: int
    source: int


def _ask(command: int, name: str, data: bytes = b"", targets: int = 0) -> int:
    """Ask the device mapper something about a device, and return the device's number."""
    size = _DM.size + len(data)
    head = (4, 0, 0, size, _DM.size, targets, 0, 0, 0, 0, 0, name.encode(), b"")
    buffer = bytearray(_DM.pack(*head) + data)
    control = os.open("/dev/mapper/control", os.O_RDWR | os.O_CLOEXEC)
    try:
        fcntl.ioctl(control, 3 << 30 | _DM.size << 16 | 0xFD << 8 | command, buffer)
    finally:
        os.close(control)
    return int(_DM.unpack_from(buffer)[10])


@contextmanager
def _looped(file: Path) -> Iterator[str]:
    done = subprocess.run(
        ["losetup", "--find", "--show", str(file)], check=True, capture_output=True, text=True
    )
    try:
        yield done.stdout.strip()
    finally:
        subprocess.run(["losetup", "--detach", done.stdout.strip()], check=True)


@contextmanager
def logged(directory: Path, size_bytes: int, log_bytes: int) -> Iterator[LoggedDisk]:
    """Have a disk of zeros whose writes are logged."""
    files = directory / "data", directory / "log"
    for file, size in zip(files, (size_bytes, log_bytes), strict=True):
        with open(file, "wb") as empty:
            empty.truncate(size)
    name = f"ipyc-{os.getpid()}"
    with _looped(files[0]) as data, _looped(files[1]) as log:
        words = f"{data} {log}".encode() + b"\0"
        words += bytes(-len(words) % 8)
        target = _TARGET.pack(
            0, size_bytes // SECTOR_BYTES, 0, _TARGET.size + len(words), b"log-writes"
        )
        number = _ask(_CREATE, name)
        try:
            _ask(_LOAD, name, target + words, 1)
            _ask(_SUSPEND, name)  # without its flag: go on
            # huge_encode_dev: the minor's upper bits stand above the major
            yield LoggedDisk(Path(f"/dev/dm-{number & 0xFF | number >> 12 & 0xFFF00}"), files[1])
        finally:
            _ask(_REMOVE, name)


def writes(log: Path) -> list[Write]:
    """Return all writes of a log in their order."""
    found = []
    with open(log, "rb") as file:
        magic, version, count, sector = _SUPER.unpack(file.read(_SUPER.size))
        assert (magic, version) == (_MAGIC, 1)
        place = sector
        for _ in range(count):
            file.seek(place)
            start, sectors, flags, _data = _ENTRY.unpack(file.read(_ENTRY.size))
            place += sector
            if flags & _DISCARD:
                found.append(Write(start * sector, sectors * sector, -1))
            elif not flags & _MARK:
                found.append(Write(start * sector, sectors * sector, place))
                place += sectors * sector
    return found


def replay(log: Path, done: list[Write], disk: Path, size_bytes: int) -> None:
    """Make the disk as it was when these writes were done."""
    with open(log, "rb") as source, open(disk, "wb") as target:
        target.truncate(size_bytes)
        for write in done:
            target.seek(write.offset)
            if write.source < 0:
                target.write(bytes(write.size))
            else:
                source.seek(write.source)
                target.write(source.read(write.size))
