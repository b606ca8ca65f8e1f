"""Write the `host` image's lowest layer: empty parents, links and the few files of our own.

Called by images.host with what it decided. A skeleton is never changed once it has its name, which
is the hash of its content: containers share it as a read-only lower directory. Imports the
standard library only.
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import tempfile
from collections.abc import Mapping
from pathlib import Path

__all__ = ["STANDARD_DIRECTORIES", "make", "standard_files"]

# Filesystem Hierarchy Standard 3.0, chapter 3, with docker's mount points.
STANDARD_DIRECTORIES: Mapping[str, int] = {
    "/dev": 0o755,
    "/etc": 0o755,
    "/home": 0o755,
    "/mnt": 0o755,
    "/opt": 0o755,
    "/proc": 0o555,
    "/root": 0o700,
    "/run": 0o755,
    "/srv": 0o755,
    "/sys": 0o555,
    "/tmp": 0o1777,
    "/usr": 0o755,
    "/var": 0o755,
    "/var/cache": 0o755,
    "/var/lib": 0o755,
    "/var/log": 0o755,
    "/var/tmp": 0o1777,
}


def standard_files(shell: str) -> dict[str, bytes]:
    """Return the account files of the image: root, nobody and the groups that devices name.

    The machine's own accounts stay outside: a program in a sandbox has no business with them.
    """
    return {
        "/etc/group": b"root:x:0:\ntty:x:5:\nnogroup:x:65534:\n",
        # Mount points of the container's own, as docker makes them.
        "/etc/hostname": b"",
        "/etc/hosts": b"127.0.0.1\tlocalhost\n::1\tlocalhost ip6-localhost ip6-loopback\n",
        "/etc/nsswitch.conf": b"passwd: files\ngroup: files\nshadow: files\n"
        b"hosts: files dns\nservices: files\nprotocols: files\n",
        "/etc/passwd": f"root:x:0:0:root:/root:{shell}\n"
        "nobody:x:65534:65534:nobody:/nonexistent:/usr/sbin/nologin\n".encode(),
        "/etc/resolv.conf": b"",
    }


def make(
    cache: Path,
    directories: Mapping[str, int],
    links: Mapping[str, str],
    contents: Mapping[str, bytes],
) -> Path:
    """Return the skeleton with this content below `cache`, made if it is not there yet.

    It is written under another name and renamed when whole; where two processes make the same one
    at once, the first stays.
    """
    content = json.dumps(
        [
            sorted(directories.items()),
            sorted(links.items()),
            sorted((path, data.decode()) for path, data in contents.items()),
        ]
    )
    final = cache / hashlib.sha256(content.encode()).hexdigest()[:32]
    if final.is_dir():
        return final
    cache.mkdir(mode=0o700, parents=True, exist_ok=True)
    building = Path(tempfile.mkdtemp(prefix="making-", dir=cache))
    try:
        _write(building, directories, links, contents)
        try:
            building.rename(final)
        except OSError:  # ENOTEMPTY: another process was first
            if not final.is_dir():
                raise
    finally:
        if building.exists():
            shutil.rmtree(building)
    return final


def _write(
    root: Path,
    directories: Mapping[str, int],
    links: Mapping[str, str],
    contents: Mapping[str, bytes],
) -> None:
    for path in sorted(directories):
        (root / path.lstrip("/")).mkdir(mode=0o700)
    for path, target in links.items():
        (root / path.lstrip("/")).symlink_to(target)
    for path, data in contents.items():
        file = root / path.lstrip("/")
        with open(file, "wb") as made:  # for good: containers of all times to come stand on it
            made.write(data)
            made.flush()
            os.fsync(made.fileno())
        file.chmod(0o644)
    # Modes last, deepest first: a 0555 directory takes no entries from an ordinary user.
    for path in sorted(directories, reverse=True):
        (root / path.lstrip("/")).chmod(directories[path])
    root.chmod(0o755)
