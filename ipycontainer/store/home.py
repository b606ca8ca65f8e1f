"""Find, make and probe a home: the directory that holds everything but sockets and locks.

The first thing that an engine opens; all other processes get the finished `Home`. Imports errors.
"""

from __future__ import annotations

import fcntl
import hashlib
import os
import stat
from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from ipycontainer.errors import NotFound, ResourceError, Unsupported

__all__ = ["HOME_VARIABLE", "Home", "open_home"]

HOME_VARIABLE = "IPYCONTAINER_HOME"

# sun_path has 108 bytes with its terminating zero (unix(7)); our longest name in the runtime
# directory is 14 bytes (`<id12>.s`) after a slash, a zygote's `z-<key8>.s` is shorter.
_LONGEST_RUNTIME = 107 - 15

# Where SQLite's WAL cannot share its memory map, or an overlay refuses to keep its upper directory
# (kernel Documentation/filesystems/overlayfs.rst, "Upper and lower"; sqlite.org/wal.html).
_UNFIT_FILE_SYSTEMS = frozenset({"nfs", "nfs4", "9p", "overlay", "cifs", "smb3", "virtiofs", "afs"})


@dataclass(frozen=True, slots=True)
class Home:
    """The places of one home.

    `root` holds the state, `runtime` (one boot long) sockets, locks and the bell. `hash8` names
    the home in what the kernel holds: cgroups, links, tables. `rootless` tells that the owner is an
    ordinary user, also when asked from inside the home's user namespace. `note` is the one line to
    tell when the home had to move to another file system, else empty.
    """

    root: Path
    runtime: Path
    hash8: str
    rootless: bool
    note: str = ""

    @property
    def database(self) -> Path:
        """Return the SQLite file."""
        return self.root / "state.db"

    @property
    def containers(self) -> Path:
        """Return the directory with one directory a container."""
        return self.root / "containers"

    @property
    def layers(self) -> Path:
        """Return the directory of unpacked layers, each named by the hex part of its chain id."""
        return self.root / "layers"

    @property
    def layout(self) -> Path:
        """Return the OCI image layout."""
        return self.root / "oci"

    @property
    def cache(self) -> Path:
        """Return the directory of what can be made again (seccomp programs, probes)."""
        return self.root / "cache"

    @property
    def trash(self) -> Path:
        """Return the directory into which trees are renamed before they are deleted."""
        return self.root / "trash"

    @property
    def images_lock(self) -> Path:
        """Return the file whose flock is shared by those who add blobs, exclusive for a sweep."""
        return self.root / "images.lock"

    @property
    def setup_lock(self) -> Path:
        """Return the file whose flock is held while the home itself is made or changed."""
        return self.root / "setup.lock"

    @property
    def empty_file(self) -> Path:
        """Return an empty file of mode 000, to cover files with."""
        return self.root / "empty-file"

    @property
    def empty_dir(self) -> Path:
        """Return an empty directory, to cover directories with."""
        return self.root / "empty-dir"

    @property
    def bell(self) -> Path:
        """Return the file that is touched after each transaction with an event."""
        return self.runtime / "bell"

    def container(self, container_id: str) -> Path:
        """Return the directory of a container: bundle, upper directories, log."""
        return self.containers / container_id

    def layer(self, chain_id: str) -> Path:
        """Return the directory of an unpacked layer, by its chain id (`sha256:...`)."""
        return self.layers / chain_id.removeprefix("sha256:")

    def socket(self, container_id: str) -> Path:
        """Return the path of a monitor's socket."""
        return self.runtime / f"{container_id[:12]}.s"

    def lock(self, container_id: str) -> Path:
        """Return the file that a living monitor holds locked; only `store.liveness` may open it."""
        return self.runtime / f"{container_id[:12]}.l"

    def zygote_socket(self, key: str) -> Path:
        """Return the path of the socket of the zygote with this key (at most 8 characters)."""
        return self.runtime / f"z-{key[:8]}.s"

    def to_json(self) -> dict[str, object]:
        """Return the home as JSON for another process, which must not look for it again."""
        return {
            "root": str(self.root),
            "runtime": str(self.runtime),
            "hash8": self.hash8,
            "rootless": self.rootless,
            "note": self.note,
        }

    @classmethod
    def from_json(cls, raw: Mapping[str, object]) -> Home:
        """Return the home that `to_json` wrote."""
        return cls(
            root=Path(str(raw["root"])),
            runtime=Path(str(raw["runtime"])),
            hash8=str(raw["hash8"]),
            rootless=bool(raw["rootless"]),
            note=str(raw.get("note", "")),
        )


def open_home(root: str | Path | None = None, *, create: bool = True) -> Home:
    """Return the home at `root`, else at $IPYCONTAINER_HOME, else the user's default one.

    With `create`, missing directories are made, 0700. Without it a missing home is NotFound, and
    nothing is made. Raises Unsupported, with the command to type, for a file system that cannot
    hold a database in WAL mode or an overlay's upper directory; where nobody named the place, the
    home moves to a local directory by itself and `Home.note` says so.
    """
    named = root if root is not None else os.environ.get(HOME_VARIABLE) or None
    wanted = Path(os.path.realpath(named if named is not None else _default_root()))
    note = ""
    _check_owner(wanted)
    if not (wanted / "state.db").exists():
        if not create and named is not None:
            raise NotFound(f"no home at {wanted}")
        kind = _file_system(wanted)
        if _unfit(kind):
            moved = _local_root(wanted)
            if named is not None or moved is None:
                raise Unsupported(
                    f"{wanted} is on {kind}, which cannot hold containers",
                    hint=f"export {HOME_VARIABLE}={moved or '/a/local/directory'}",
                )
            note = f"home is {moved}: {wanted} is on {kind}, which cannot hold containers"
            wanted = moved
        if not create and not (wanted / "state.db").exists():
            raise NotFound(f"no home at {wanted}")
    hash8 = hashlib.sha256(os.fsencode(wanted)).hexdigest()[:8]
    if create:
        _make_directories(wanted)
    runtime = _runtime_directory(wanted, hash8)
    return Home(wanted, runtime, hash8, rootless=os.geteuid() != 0, note=note)


def _check_owner(root: Path) -> None:
    """Raise ResourceError for somebody else's home: `sudo` must not leave root's files in it."""
    try:
        owner = os.stat(root).st_uid
    except (FileNotFoundError, NotADirectoryError):
        return
    except PermissionError:
        owner = -1
    if owner != os.geteuid():
        raise ResourceError(
            f"the home {root} belongs to another user",
            hint=f"run as that user, or: export {HOME_VARIABLE}=/a/directory/of/yours",
        )


def _default_root() -> Path:
    if os.geteuid() == 0:
        return Path("/var/lib/ipycontainer")
    data = os.environ.get("XDG_DATA_HOME", "")
    # The XDG specification says to ignore relative paths.
    base = Path(data) if data.startswith("/") else Path.home() / ".local" / "share"
    return base / "ipycontainer"


def _unfit(kind: str) -> bool:
    return kind in _UNFIT_FILE_SYSTEMS or (kind.startswith("fuse") and kind != "fuseblk")


def _local_root(wanted: Path) -> Path | None:
    """Return the first local directory that could take the home instead."""
    tail = f"ipycontainer-{os.geteuid()}-{hashlib.sha256(os.fsencode(wanted)).hexdigest()[:8]}"
    for base in ("/var/tmp", "/tmp", "/dev/shm"):
        if os.access(base, os.W_OK) and not _unfit(_file_system(Path(base))):
            return Path(base) / tail
    return None


def _file_system(path: Path) -> str:
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


def _make_directories(root: Path) -> None:
    if (root / "empty-file").exists():  # the last one made: all others stand
        return
    try:
        root.mkdir(mode=0o700, parents=True, exist_ok=True)
        root.chmod(0o700)
        for name in ("containers", "layers", "oci", "cache", "trash"):
            (root / name).mkdir(mode=0o700, exist_ok=True)
        (root / "empty-dir").mkdir(mode=0o755, exist_ok=True)
        for name in ("images.lock", "setup.lock"):
            os.close(os.open(root / name, os.O_CREAT | os.O_RDWR | os.O_CLOEXEC, 0o600))
        os.close(os.open(root / "empty-file", os.O_CREAT | os.O_RDONLY | os.O_CLOEXEC, 0o000))
    except OSError as error:
        raise ResourceError(
            f"cannot make the home {root}: {error.strerror}",
            hint=f"export {HOME_VARIABLE}=/a/directory/of/yours",
        ) from error


def _runtime_directory(root: Path, hash8: str) -> Path:
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
