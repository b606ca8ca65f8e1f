"""Find, make and probe a home: the directory that holds everything but sockets and locks.

The first thing that an engine opens; all other processes get the finished `Home`. Stands on
store.places.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from ipycontainer.errors import NotFound, ResourceError, Unsupported
from ipycontainer.linux import capabilities
from ipycontainer.store import places, relocation

__all__ = ["HOME_VARIABLE", "Home", "open_home"]

HOME_VARIABLE = "IPYCONTAINER_HOME"


@dataclass(frozen=True, slots=True)
class Home:
    """The places of one home.

    `root` holds the state, `runtime` (one boot long) sockets, locks and the bell. `hash8` names
    the home in what the kernel holds: cgroups, links, tables. `rootless` tells that the owner is an
    ordinary user, or a root that may not mount, also when asked from inside the home's user
    namespace. `note` is the one line to tell when the home had to move to another file system, else
    empty.
    """

    root: Path
    runtime: Path
    hash8: str
    rootless: bool
    note: str = ""

    @property
    def cgroup(self) -> str:
        """Return the name of the cgroup that holds those of its containers."""
        return f"ipyc-{self.hash8}"

    @property
    def engine_cgroup(self) -> str:
        """Return the path of the cgroup that the zygote and all that it forks live in."""
        return f"/{self.cgroup}/engine"

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
    def volumes(self) -> Path:
        """Return the directory with one directory a volume."""
        return self.root / "volumes"

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
        """Return an empty directory, to cover directories with, and the lowest layer of some."""
        return self.root / "empty-dir"

    def mark(self) -> tuple[int, int] | None:
        """Return what tells this home from one that is made at its place later; None where none is.

        It is the note of where a home lies, which is made once (store.relocation).
        """
        try:
            status = os.lstat(self.root / "place")
        except OSError:
            return None
        return status.st_ino, status.st_mtime_ns

    @property
    def scratch(self) -> Path:
        """Return the directory over which each init mounts, in its own namespace, what it tries.

        It is no other one: what is shown to a container or stands below it would be that mount.
        """
        return self.root / "scratch"

    @property
    def bell(self) -> Path:
        """Return the file that is touched after each transaction with an event."""
        return self.runtime / "bell"

    def container(self, container_id: str) -> Path:
        """Return the directory of a container: bundle, upper directories, log."""
        return self.containers / container_id

    def volume(self, name: str) -> Path:
        """Return the directory that a volume shows; the name was checked when it was made."""
        return self.volumes / name / "_data"

    def layer(self, chain_id: str) -> Path:
        """Return the directory of an unpacked layer, by its chain id (`sha256:...`)."""
        return self.layers / chain_id.removeprefix("sha256:")

    def socket(self, container_id: str) -> Path:
        """Return the path of a monitor's socket."""
        return self.runtime / f"{container_id[:12]}.s"

    def lock(self, container_id: str) -> Path:
        """Return the file that a living monitor holds locked; only `store.liveness` may open it."""
        return self.runtime / f"{container_id[:12]}.l"

    def networks_lock(self, container_id: str) -> Path:
        """Return the file that who changes a running container's networks holds locked."""
        return self.runtime / f"{container_id[:12]}.n"

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
    wanted = Path(os.path.realpath(named if named is not None else places.default_root()))
    note = ""
    _check_owner(wanted)
    if not (wanted / "state.db").exists():
        if not create and named is not None:
            raise NotFound(f"no home at {wanted}")
        kind = places.file_system(wanted)
        if places.unfit(kind):
            moved = places.local_root(wanted)
            if named is not None or moved is None:
                raise Unsupported(
                    f"{wanted} is on {kind}, which cannot hold containers",
                    hint=f"export {HOME_VARIABLE}={moved or '/a/local/directory'}",
                )
            note = f"home is {moved}: {wanted} is on {kind}, which cannot hold containers"
            wanted = moved
            _check_owner(wanted)  # /tmp is everybody's
        if not create and not (wanted / "state.db").exists():
            raise NotFound(f"no home at {wanted}")
    hash8 = places.hash8(wanted)
    if create:
        _make_directories(wanted)
    if wanted.exists():
        relocation.settle(wanted)
    runtime = places.runtime_directory(wanted, hash8)
    return Home(wanted, runtime, hash8, rootless=_needs_user_namespace(), note=note)


def _needs_user_namespace() -> bool:
    """Tell whether only a user namespace can give us rights on mounts.

    Root in a default docker container lacks CAP_SYS_ADMIN, and is like an ordinary user then.
    """
    effective = capabilities.names_of(capabilities.own_effective())
    return os.geteuid() != 0 or "CAP_SYS_ADMIN" not in effective


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


def _make_directories(root: Path) -> None:
    if (root / "scratch").exists():  # the last one made: all others stand
        return
    try:
        root.mkdir(mode=0o700, parents=True, exist_ok=True)
        root.chmod(0o700)
        for name in ("containers", "layers", "oci", "cache", "trash", "volumes"):
            (root / name).mkdir(mode=0o700, exist_ok=True)
        (root / "empty-dir").mkdir(mode=0o755, exist_ok=True)
        for name in ("images.lock", "setup.lock"):
            os.close(os.open(root / name, os.O_CREAT | os.O_RDWR | os.O_CLOEXEC, 0o600))
        if not (root / "empty-file").exists():  # which its owner may not open again
            os.close(os.open(root / "empty-file", os.O_CREAT | os.O_RDONLY | os.O_CLOEXEC, 0o000))
        (root / "scratch").mkdir(mode=0o700, exist_ok=True)
    except OSError as error:
        raise ResourceError(
            f"cannot make the home {root}: {error.strerror}",
            hint=f"export {HOME_VARIABLE}=/a/directory/of/yours",
        ) from error
