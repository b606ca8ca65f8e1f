"""The small image of tests and benchmarks: busybox, static, with a few accounts; about 2 MB."""

from __future__ import annotations

import io
import shutil
import subprocess
import tarfile
from pathlib import Path

__all__ = ["write_archive", "write_tree"]

ACCOUNTS = {
    "etc/passwd": b"root:x:0:0:root:/root:/bin/sh\n"
    b"postgres:x:70:70:postgres:/var/lib:/bin/sh\n"
    b"nobody:x:65534:65534:nobody:/nonexistent:/bin/false\n",
    "etc/group": b"root:x:0:\ntty:x:5:\npostgres:x:70:\nnobody:x:65534:\n",
}
DIRECTORIES = {
    "bin": 0o755,
    "dev": 0o755,
    "etc": 0o755,
    "proc": 0o755,
    "root": 0o700,
    "sbin": 0o755,
    "sys": 0o755,
    "tmp": 0o1777,
    "usr": 0o755,
    "usr/bin": 0o755,
    "usr/sbin": 0o755,
    "var": 0o755,
    "var/lib": 0o755,
}


def _program() -> Path:
    """Return Debian's static busybox; raises FileNotFoundError naming the package."""
    found = shutil.which("busybox", path="/bin:/usr/bin")
    if found is None:
        raise FileNotFoundError("busybox is missing: apt-get install -y busybox-static")
    return Path(found)


def write_archive(path: Path) -> Path:
    """Write the image's tree as a plain tar."""
    program = _program()
    applets = subprocess.run(
        [program, "--list-full"], capture_output=True, text=True, check=True
    ).stdout.split()
    with tarfile.open(path, "w", format=tarfile.GNU_FORMAT) as archive:
        for name, mode in DIRECTORIES.items():
            _add(archive, name, tarfile.DIRTYPE, mode)
        _add(archive, "bin/busybox", tarfile.REGTYPE, 0o755, program.read_bytes())
        for name, content in ACCOUNTS.items():
            _add(archive, name, tarfile.REGTYPE, 0o644, content)
        for applet in applets:
            if applet != "bin/busybox":
                _add(archive, applet, tarfile.SYMTYPE, 0o777, link="/bin/busybox")
    return path


def write_tree(directory: Path) -> Path:
    """Write the image's tree as a directory, owned by whoever asks."""
    archive = write_archive(directory.with_name(directory.name + ".tar"))
    with tarfile.open(archive) as opened:
        opened.extractall(directory, filter="tar")
    archive.unlink()
    return directory


def _add(
    archive: tarfile.TarFile,
    name: str,
    kind: bytes,
    mode: int,
    content: bytes = b"",
    link: str = "",
) -> None:
    member = tarfile.TarInfo(name)
    member.type, member.mode, member.size, member.linkname = kind, mode, len(content), link
    member.mtime = 1_700_000_000  # the same archive each time
    archive.addfile(member, io.BytesIO(content))
