"""Where a home may lie, and where its sockets and locks go.

Asked by store.home only. Imports errors.
"""

from __future__ import annotations

import fcntl
import os
import stat
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

from ipycontainer.errors import ResourceError

__all__ = ["default_root", "file_system", "hash8", "local_root", "runtime_directory", "unfit"]

# sun_path has 108 bytes with its terminating zero (unix(7)); our longest name in the runtime
# directory is 14 bytes (`<id12>.s`) after a slash, a zygote's `z-<key8>.s` is shorter.
_LONGEST_RUNTIME = 107 - 15

# Where SQLite's WAL cannot share its memory map, or an overlay refuses to keep its upper directory
# (kernel Documentation/filesystems/overlayfs.rst, "Upper and lower"; sqlite.org/wal.html).
_UNFIT_FILE_SYSTEMS = frozenset({"nfs", "nfs4", "9p", "overlay", "cifs", "smb3", "virtiofs", "afs"})


def default_root() -> Path:
    """Return where this user's home lies when nobody says: by the XDG specification."""
    if os.geteuid() == 0:
        return Path("/var/lib/ipycontainer")
    data = os.environ.get("XDG_DATA_HOME", "")
    # The XDG specification says to ignore relative paths.
    base = Path(data) if data.startswith("/") else Path.home() / ".local" / "share"
    return base / "ipycontainer"


def unfit(kind: str) -> bool:
    """Tell whether a type of file system cannot hold a home."""
    return kind in _UNFIT_FILE_SYSTEMS or (kind.startswith("fuse") and kind != "fuseblk")


def hash8(root: Path) -> str:
    """Return the eight digits that name a home in what the kernel holds."""
    # Only who opens a home needs it: a zygote is given its name, and libcrypto's tables would be
    # in the memory that all its forks copy.
    import hashlib

    return hashlib.sha256(os.fsencode(root)).hexdigest()[:8]


def local_root(wanted: Path) -> Path | None:
    """Return the first local directory that could take the home instead."""
    tail = f"ipycontainer-{os.geteuid()}-{hash8(wanted)}"
    for base in ("/var/tmp", "/tmp", "/dev/shm"):
        if os.access(base, os.W_OK) and not unfit(file_system(Path(base))):
            return Path(base) / tail
    return None


def file_system(path: Path) -> str:
    """Return the type of the file system that `path` (or its nearest existing parent) is on.

    Read from /proc/self/mountinfo (proc_pid_mountinfo(5)): the mount point with the longest match
    wins, the later of two equal ones lies on top.
    """
    text = str(path)
    best, kind = -1, ""
    try:
        with open("/proc/self/mountinfo", encoding="utf-8", errors="surrogateescape") as lines:
            for line in lines:
                left, _, right = line.partition(" - ")
                point = _unescape(left.split(" ")[4])
                inside = text == point or text.startswith(point.rstrip("/") + "/")
                if inside and len(point) >= best:
                    best, kind = len(point), right.split(" ", 1)[0]
    except OSError:
        return ""
    return kind


def _unescape(field: str) -> str:
    for code, character in (("\\040", " "), ("\\011", "\t"), ("\\012", "\n"), ("\\134", "\\")):
        field = field.replace(code, character)
    return field


def runtime_directory(root: Path, hash8: str) -> Path:
    """Return the home's runtime directory, the same one for every process of this boot.

    A shell may have $XDG_RUNTIME_DIR where a cron job has none; two directories would mean two
    sets of locks. So the first choice is kept as the symbolic link `<root>/run`, and stands as long
    as it leads to a directory that is ours alone.
    """
    link = root / "run"
    if (chosen := _valid_choice(link)) is not None:
        return chosen
    if not root.exists():
        return next(iter(_runtime_candidates(hash8)))
    with open(root / "setup.lock", "a", encoding="ascii") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if (chosen := _valid_choice(link)) is not None:
            return chosen
        for candidate in _runtime_candidates(hash8):
            with suppress(OSError):
                candidate.mkdir(mode=0o700, exist_ok=True)
                if not _ours_alone(candidate):
                    continue
                os.close(os.open(candidate / "bell", os.O_CREAT | os.O_RDWR | os.O_CLOEXEC, 0o600))
                fresh = root / f"run.{os.getpid()}"
                fresh.unlink(missing_ok=True)
                fresh.symlink_to(candidate)
                fresh.rename(link)
                return candidate
    raise ResourceError(f"no runtime directory can be made for {root}")


def _valid_choice(link: Path) -> Path | None:
    try:
        chosen = Path(os.readlink(link))
    except OSError:
        return None
    return chosen if _ours_alone(chosen) and (chosen / "bell").exists() else None


def _runtime_candidates(hash8: str) -> Iterator[Path]:
    uid = os.geteuid()
    bases = [Path(os.environ.get("XDG_RUNTIME_DIR") or f"/run/user/{uid}")]
    if uid == 0:
        bases = [Path("/run")]  # root's XDG directory goes away with its login session
    for base in bases:
        candidate = base / f"ipyc-{hash8}"
        if base.is_absolute() and len(os.fsencode(candidate)) <= _LONGEST_RUNTIME:
            yield candidate
    yield Path(f"/tmp/ipyc-{uid}-{hash8}")


def _ours_alone(path: Path) -> bool:
    try:
        status = os.lstat(path)
    except OSError:
        return False
    private = stat.S_ISDIR(status.st_mode) and not status.st_mode & 0o077
    return private and status.st_uid == os.geteuid()
