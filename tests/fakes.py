"""An engine in memory: what the verbs, both faces and their tests need, without a kernel.

`FakeEngine` has the names of `ipycontainer.connect()`'s engine and docker's words in its errors.
Programs do not run: `engine.programs` says what a command writes and how it ends.
"""

from __future__ import annotations

import fnmatch
import hashlib
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, BinaryIO

from ipycontainer.commands.engine_protocols import Event, Stdin
from ipycontainer.errors import (
    Conflict,
    ContainerNotRunning,
    ContainerRunning,
    EngineError,
    ImageInUse,
    ImageNotFound,
    InvalidArgument,
    InvalidReference,
    NameInUse,
    NoSuchContainer,
    NoSuchNetwork,
    NoSuchVolume,
    VolumeInUse,
)
from ipycontainer.model.config import ContainerConfig
from ipycontainer.model.explained import ExplainedStep
from ipycontainer.model.image import History, ImageConfig, ImageRecord, Layer
from ipycontainer.model.limits import Limits
from ipycontainer.model.log_range import WHOLE_LOG, LogRange
from ipycontainer.model.network import NetworkConfig, NetworkRecord, Pool, PublishedPort
from ipycontainer.model.process import Process
from ipycontainer.model.sample import Sample
from ipycontainer.model.state import ContainerRecord, ContainerState, Status
from ipycontainer.model.volume import VolumeRecord
from ipycontainer.model.window import NO_WINDOW, Window
from tests.fake_live import FakeBell, FakeFollower, FakeSampler
from tests.fake_transfers import Transferring

__all__ = [
    "EPOCH_NS",
    "FakeChange",
    "FakeContainer",
    "FakeEngine",
    "FakeForeground",
    "FakeImage",
    "FakeLogEntry",
    "FakeNetwork",
    "Program",
]

EPOCH_NS = 1_795_510_871_000_000_000  # 2026-11-24 09:01:11 UTC, the fake clock's first reading


@dataclass(frozen=True, slots=True)
class Program:
    """What a command does: the chunks it writes, how it ends, and whether it waits for a signal."""

    chunks: tuple[tuple[str, bytes], ...] = ()
    exit_code: int = 0
    stays: bool = False
    echoes_stdin: bool = False
    fails: EngineError | None = None


@dataclass(frozen=True, slots=True)
class FakeLogEntry:
    time_ns: int
    stream: str
    text: bytes


@dataclass(frozen=True, slots=True)
class FakeChange:
    kind: str
    path: str
    type: str = "file"
    mode: int = 0o644
    uid: int = 0
    gid: int = 0
    size: int = 0
    size_delta: int = 0


@dataclass(frozen=True, slots=True)
class FakeProcesses:
    titles: tuple[str, ...] = ("UID", "PID", "CMD")
    rows: tuple[tuple[str, ...], ...] = (("root", "4711", "sleep 100"),)
    inside: tuple[int, ...] = (1,)


@dataclass
class FakeForeground:
    """A watched program: `signals` keeps what was sent, `detached` whether the watcher left."""

    container: FakeContainer
    program: Program
    stdin: Stdin = None
    is_exec: bool = False
    signals: list[int] = field(default_factory=list)
    detached: bool = False
    out_of_memory: bool = False
    streams: tuple[bool, bool] = (True, True)
    sizes: list[tuple[int, int]] = field(default_factory=list)

    def chunks(self) -> Iterator[tuple[str, bytes]]:
        wanted = [n for n, shown in zip(("stdout", "stderr"), self.streams, strict=True) if shown]
        for stream, data in self.program.chunks:
            if stream in wanted:
                yield stream, data
        if self.program.echoes_stdin and isinstance(self.stdin, bytes) and self.stdin:
            yield "stdout", self.stdin

    def read(self, timeout: float | None = None) -> tuple[str, bytes] | None:
        self._left = getattr(self, "_left", None) or self.chunks()
        return next(self._left, None)

    def signal(self, number: int) -> None:
        self.signals.append(number)

    def wait(self, timeout: float | None = None) -> int:
        code = 128 + self.signals[-1] if self.signals else self.program.exit_code
        if not self.is_exec:
            self.container.ends(code)
        return code

    def detach(self) -> None:
        self.detached = True

    def resize(self, rows: int, columns: int) -> None:
        self.sizes.append((rows, columns))

    def await_input(self) -> None:
        self.detached = True


class FakeContainer:
    """A container whose record changes as docker's would; `calls` keeps what was asked of it."""

    told: tuple[str, ...] = ()

    def __init__(self, engine: FakeEngine, record: ContainerRecord) -> None:
        self.engine = engine
        self.record = record
        self.warnings: tuple[str, ...] = self.told
        self.calls: list[tuple[Any, ...]] = []
        self.log: list[FakeLogEntry] = []
        self.differences: list[FakeChange] = []
        self.tree: list[Process] = []
        self.foregrounds: list[FakeForeground] = []
        self.published: list[PublishedPort] = []

    def __repr__(self) -> str:
        return f"<Container: {self.short_id}>"

    @property
    def exposed(self) -> list[str]:
        config = self.record.config
        return [*config.exposed, *(port.key for port in config.ports)]

    @property
    def id(self) -> str:
        return self.record.id

    @property
    def short_id(self) -> str:
        return self.record.short_id

    @property
    def name(self) -> str:
        return self.record.name

    @property
    def status(self) -> str:
        return self.record.state.status.value

    @property
    def health(self) -> str:
        return ""

    @property
    def labels(self) -> Mapping[str, str]:
        return self.record.config.labels

    @property
    def image(self) -> FakeImage:
        return self.engine.images.get(self.record.image_id)

    @property
    def attrs(self) -> Mapping[str, Any]:
        config, state = self.record.config, self.record.state
        words = [*(config.entrypoint or ()), *config.command]
        return {
            "Id": self.id,
            "Created": "2026-11-24T09:01:11Z",
            "Path": words[0] if words else "",
            "Args": words[1:],
            "State": {
                "Status": self.status,
                "Running": state.status.alive,
                "Pid": state.pid,
                "ExitCode": state.exit_code,
                "Error": state.error,
            },
            "Image": self.record.image_id,
            "Name": f"/{self.name}",
            "RestartCount": self.record.restart_count,
            "HostConfig": {"Binds": None, "NetworkMode": config.network, "Memory": 0},
            "Mounts": [],
            "Config": {
                "Hostname": config.hostname or self.short_id,
                "Env": list(config.env),
                "Cmd": list(config.command),
                "Image": config.image,
                "Entrypoint": None,
                "Labels": dict(config.labels),
            },
            "NetworkSettings": {"Networks": {}},
        }

    def reload(self) -> None:
        pass

    def start(self) -> None:
        self.calls.append(("start",))
        if self.record.state.status.alive:
            return
        self._begin()
        if not self._program().stays:
            self.ends(self._program().exit_code)

    def start_attached(
        self,
        stdin: Stdin = None,
        stdout: bool = True,
        stderr: bool = True,
        window: Window = NO_WINDOW,
    ) -> FakeForeground:
        self.calls.append(("start_attached", stdin, stdout, stderr))
        self._begin()
        watched = FakeForeground(self, self._program(), stdin, streams=(stdout, stderr))
        self.foregrounds.append(watched)
        return watched

    def attached(self, stdin: Stdin = None, window: Window = NO_WINDOW) -> FakeForeground:
        self.calls.append(("attached", stdin, window))
        watched = FakeForeground(self, self._program(), stdin)
        self.foregrounds.append(watched)
        return watched

    def log_details(self) -> str:
        return ""

    def processes(self, arguments: Sequence[str] = ()) -> FakeProcesses:
        self.calls.append(("processes", tuple(arguments)))
        return FakeProcesses()

    def explain(self) -> list[ExplainedStep]:
        return [
            ExplainedStep("init", "bring up lo", "netlink", "It is down.", True, None, 40_000),
            ExplainedStep("engine", "write", "write", "To be read.", False, 0, 500_000),
            ExplainedStep("init", "execute true", "execve", "It runs.", False, 600_000, 90_000),
        ]

    @property
    def exchange(self) -> Path:
        return self.engine.exchanges / self.id

    def process_tree(self) -> tuple[Process, ...]:
        if not self.record.state.status.alive:
            raise ContainerNotRunning(f"container {self.id} is not running")
        return tuple(self.tree)

    def follow_log(self, wanted: LogRange = WHOLE_LOG) -> FakeFollower:
        return FakeFollower(self.name, list(self.log_chunks(wanted)))

    def unlink(self, alias: str) -> None:
        self.calls.append(("unlink", alias))

    def stop(self, timeout: float | None = None, signal: str | int | None = None) -> None:
        self.calls.append(("stop", timeout))
        if self.record.state.status.alive:
            self.ends(143)

    def kill(self, signal: str | int | None = None) -> None:
        self.calls.append(("kill", signal))
        if not self.record.state.status.alive:
            raise ContainerNotRunning(f"container {self.id} is not running")
        self.ends(137)

    def restart(self, timeout: float | None = None, signal: str | int | None = None) -> None:
        self.calls.append(("restart", timeout))
        self._begin()

    def pause(self) -> None:
        self._turn(Status.RUNNING, Status.PAUSED, "is already paused")

    def unpause(self) -> None:
        self._turn(Status.PAUSED, Status.RUNNING, "is not paused")

    def change(self, wanted: Limits, policy: tuple[str, int] | None = None) -> None:
        self.calls.append(("change", wanted, policy))

    def _turn(self, before: Status, after: Status, otherwise: str) -> None:
        if self.record.state.status is not before:
            raise Conflict(f"Container {self.id} {otherwise}")
        self.record = replace(self.record, state=replace(self.record.state, status=after))

    def wait(self, timeout: float | None = None) -> dict[str, Any]:
        return {"StatusCode": self.record.state.exit_code, "Error": None}

    def remove(self, force: bool = False, v: bool = False) -> None:
        if self.record.state.status.alive and not force:
            raise ContainerRunning(
                f'cannot remove container "/{self.name}": container is running: '
                "stop the container before removing or force remove"
            )
        self.engine.containers.everything.remove(self)

    def rename(self, name: str) -> None:
        if name == self.name:
            raise EngineError("Renaming a container with the same name as its current name")
        try:
            self.engine.containers.check_name(name)
        except NameInUse as error:
            raise NameInUse(f"Error when allocating new name: {error}") from None
        self.record = replace(self.record, name=name)

    def copy_in(self, source: Any, path: str, **options: Any) -> int:
        self.calls.append(("copy_in", source, path))
        return 7

    def copy_out(self, path: str, target: Any = None, **options: Any) -> Any:
        self.calls.append(("copy_out", path, target))
        return 7

    def get_archive(
        self, path: str, *, follow_link: bool = False, shown: str = ""
    ) -> tuple[Iterator[bytes], dict[str, Any]]:
        return iter([b"tar"]), {"name": path}

    def put_archive(self, path: str, data: Any, **options: Any) -> bool:
        self.calls.append(("put_archive", path))
        return True

    def export(self, chunk_size: int = 1) -> Iterator[bytes]:
        return iter([b"tar"])

    def export_to(self, path: str | Path, **options: Any) -> None:
        self.calls.append(("export_to", path))

    def commit(
        self,
        repository: str | None = None,
        tag: str | None = None,
        message: str | None = None,
        author: str | None = None,
        pause: bool = True,
        changes: str | Sequence[str] | None = None,
        **options: Any,
    ) -> FakeImage:
        return self.engine.images.add(f"{repository}:{tag}" if repository else "")

    def checkpoint(self, tag: str, **options: Any) -> Any:
        self.calls.append(("checkpoint", tag))

    def checkpoints(self) -> list[Any]:
        return []

    def drop_checkpoint(self, tag: str) -> None:
        self.calls.append(("drop_checkpoint", tag))

    def rollback(self, tag: str, **options: Any) -> bool:
        self.calls.append(("rollback", tag))
        return self.record.state.status.alive

    def branch(self, name: str, **options: Any) -> object:
        self.calls.append(("branch", name))
        return None

    def changes(self) -> list[FakeChange]:
        return list(self.differences)

    def diff_content(self) -> tuple[list[FakeChange], str]:
        return list(self.differences), "--- a/x\n+++ b/x\n"

    def log_chunks(
        self, wanted: LogRange = WHOLE_LOG, *, follow: bool = False
    ) -> Iterator[FakeLogEntry]:
        tail = wanted.tail
        self.calls.append(("log_chunks", wanted.since_ns, wanted.until_ns, tail, follow))
        chosen = [entry for entry in self.log if wanted.holds(entry.time_ns)]
        yield from chosen if tail is None else chosen[len(chosen) - min(tail, len(chosen)) :]

    def exec(
        self,
        cmd: Sequence[str],
        *,
        environment: Sequence[str] = (),
        user: str = "",
        workdir: str = "",
        stdin: Stdin = None,
        detach: bool = False,
        tty: bool = False,
        window: Window = NO_WINDOW,
        privileged: bool = False,
    ) -> FakeForeground:
        self.calls.append(("exec", tuple(cmd), tuple(environment), user, workdir, stdin))
        if not self.record.state.status.alive:
            raise ContainerNotRunning(f"container {self.id} is not running")
        program = self.engine.program(cmd)
        if program.fails is not None:
            raise program.fails
        watched = FakeForeground(self, program, stdin, is_exec=True, detached=detach)
        self.foregrounds.append(watched)
        return watched

    def ends(self, code: int) -> None:
        """Let the program end now."""
        state = replace(
            self.record.state,
            status=Status.EXITED,
            pid=0,
            exit_code=code,
            finished_ns=self.engine.tick(),
        )
        self.record = replace(self.record, state=state)
        if self.record.config.auto_remove and self in self.engine.containers.everything:
            self.engine.containers.everything.remove(self)

    def _command(self) -> tuple[str, ...]:
        return (
            self.record.config.command
            or self.engine.images.get(self.record.config.image).record.config.command
        )

    def _program(self) -> Program:
        config = self.record.config
        return self.engine.program([*(config.entrypoint or ()), *config.command])

    def _begin(self) -> None:
        if (error := self._program().fails) is not None:
            raise error
        now = self.engine.tick()
        state = ContainerState(status=Status.RUNNING, pid=4242, started_ns=now)
        self.record = replace(self.record, state=state)
        for stream, data in self._program().chunks:
            self.log += [FakeLogEntry(now, stream, line) for line in data.splitlines(keepends=True)]


class FakeContainers:
    """`engine.containers`."""

    def __init__(self, engine: FakeEngine) -> None:
        self.engine = engine
        self.everything: list[FakeContainer] = []

    def check_name(self, name: str) -> None:
        for other in self.everything:
            if other.name == name:
                raise NameInUse(
                    f'Conflict. The container name "/{name}" is already in use by container '
                    f'"{other.id}". You have to remove (or rename) that container to be able '
                    "to reuse that name."
                )

    def explain(self, config: ContainerConfig, name: str = "") -> list[ExplainedStep]:
        self.engine.images.get(config.image)
        return [ExplainedStep("init", f"execute {' '.join(config.command)}", "execve", "It runs.")]

    def verify(self, config: ContainerConfig) -> None:
        if 0 < config.limits.memory < 6 << 20:
            raise InvalidArgument("Minimum memory limit allowed is 6MB")

    def check_limits(self, wanted: Limits) -> tuple[Limits, tuple[str, ...]]:
        return wanted, ()

    def create_from(self, config: ContainerConfig, name: str = "") -> FakeContainer:
        image = self.engine.images.get(config.image)
        if config.entrypoint is None:
            config = replace(config, command=config.command or image.record.config.command)
        if not config.command and not config.entrypoint:
            raise InvalidArgument("no command specified")
        if name:
            self.check_name(name)
        number = self.engine.count()
        record = ContainerRecord(
            id=hashlib.sha256(f"container {number}".encode()).hexdigest(),
            name=name or f"quiet_lovelace{number}",
            image_id=image.id,
            created_ns=self.engine.tick(),
            config=config,
            state=ContainerState(),
        )
        container = FakeContainer(self.engine, record)
        self.everything.insert(0, container)
        return container

    def get(self, ref: str) -> FakeContainer:
        named = [c for c in self.everything if ref.lstrip("/") in (c.id, c.name)]
        begun = [c for c in self.everything if ref and c.id.startswith(ref)]
        for found in (named, begun):
            if len(found) == 1:
                return found[0]
        raise NoSuchContainer(f"No such container: {ref}")

    def list(
        self,
        all: bool = False,  # noqa: A002  docker-py's name
        limit: int | None = None,
        filters: Mapping[str, Any] | None = None,
    ) -> list[FakeContainer]:
        wanted = filters or {}
        every = all or limit is not None or "status" in wanted
        rows = [c for c in self.everything if every or c.record.state.status.alive]
        for key, values in wanted.items():
            rows = [c for c in rows if _matches(c, key, values)]
        return rows[:limit] if limit else rows


def _matches(container: FakeContainer, key: str, values: Sequence[str]) -> bool:
    if key == "label":
        pairs = [value.partition("=") for value in values]
        return all(
            name in container.labels and (not equals or container.labels[name] == text)
            for name, equals, text in pairs
        )
    subject = {"name": f"/{container.name}", "id": container.id, "status": container.status}[key]
    return any(re.search(value, subject) for value in values)


class FakeImage:
    """An image whose record changes with its tags."""

    shared = 0
    warnings: tuple[str, ...] = ()

    def __init__(self, engine: FakeEngine, record: ImageRecord) -> None:
        self.engine = engine
        self.record = record

    @property
    def containers(self) -> int:
        return sum(c.record.image_id == self.id for c in self.engine.containers.everything)

    @property
    def id(self) -> str:
        return self.record.id

    @property
    def short_id(self) -> str:
        return self.record.id[:19]

    @property
    def tags(self) -> list[str]:
        return list(self.record.tags)

    @property
    def attrs(self) -> dict[str, Any]:
        return {"Id": self.id, "RepoTags": self.tags, "Size": self.record.size, "Os": "linux"}

    def layer_files(self) -> list[int]:
        return [len(layer.chain_id) for layer in self.record.layers]

    def history(self) -> list[dict[str, Any]]:
        top = {"Id": self.id, "Created": self.record.created_ns // 10**9}
        facts = {"Size": self.record.size, "Comment": self.record.comment}
        return [{**top, **facts, "CreatedBy": s.created_by} for s in reversed(self.record.history)]

    def tag(self, repository: str, tag: str = "") -> bool:
        name = f"{repository}:{tag or 'latest'}"
        for other in self.engine.images.everything:
            kept = tuple(t for t in other.record.tags if t != name)
            other.record = replace(other.record, tags=kept)
        self.record = replace(self.record, tags=(*self.record.tags, name))
        return True


class FakeImages(Transferring):
    """`engine.images`."""

    def __init__(self, engine: FakeEngine) -> None:
        super().__init__()
        self.engine = engine
        self.everything: list[FakeImage] = []

    def add(self, name: str, **facts: Any) -> FakeImage:
        """Put an image there, as if it had been imported."""
        digest = hashlib.sha256(f"{name} {len(self.everything)}".encode()).hexdigest()
        tags = (name if ":" in name else f"{name}:latest",) if name else ()
        known: dict[str, Any] = {
            "id": f"sha256:{digest}",
            "manifest": f"sha256:{digest[::-1]}",
            "created_ns": self.engine.tick(),
            "size": 2_027_980,
            "config": ImageConfig(),
            "layers": (Layer(f"sha256:{digest}", f"sha256:{digest}", 2_027_980),),
            "history": (History(0, "CMD sh"),),
            "tags": tags,
        }
        image = FakeImage(self.engine, ImageRecord(**(known | facts)))
        self.everything.insert(0, image)
        return image

    def get(self, ref: str) -> FakeImage:
        if ref != ref.lower():
            raise InvalidReference(
                f"invalid reference format: repository name (library/{ref}) must be lowercase"
            )
        full = ref if ":" in ref.rpartition("/")[2] else f"{ref}:latest"
        for image in self.everything:
            digits = image.id.removeprefix("sha256:")
            known = re.fullmatch(r"(sha256:)?[0-9a-f]{4,64}", ref) is not None
            if full in image.tags or (known and digits.startswith(ref.removeprefix("sha256:"))):
                return image
        raise ImageNotFound(f"No such image: {full}")

    def remove(self, ref: str, force: bool = False, noprune: bool = False) -> list[tuple[str, str]]:
        image = self.get(ref)
        users = [c for c in self.engine.containers.everything if c.record.image_id == image.id]
        if users and not force:
            raise ImageInUse(
                f'conflict: unable to remove repository reference "{ref}" (must force) - '
                f"container {users[0].short_id} is using its referenced image {image.id[7:19]}"
            )
        tag = next((t for t in image.tags if t in (ref, f"{ref}:latest")), "")
        gone = [tag] if tag else image.tags
        kept = tuple(t for t in image.tags if t not in gone)
        image.record = replace(image.record, tags=kept)
        lines = [("Untagged", t) for t in gone]
        if not kept:
            self.everything.remove(image)
            lines.append(("Deleted", image.id))
        return lines

    def list(
        self,
        name: str | None = None,
        all: bool = False,  # noqa: A002  docker-py's name
        filters: Mapping[str, Any] | None = None,
    ) -> list[FakeImage]:
        patterns = [*([name] if name else []), *(filters or {}).get("reference", ())]
        return [
            image
            for image in self.everything
            if not patterns
            or any(
                fnmatch.fnmatchcase(tag, p) or fnmatch.fnmatchcase(tag.rpartition(":")[0], p)
                for tag in image.tags
                for p in patterns
            )
        ]

    def import_(
        self,
        source: str | Path | BinaryIO,
        repository: str = "",
        tag: str = "",
        changes: Sequence[str] = (),
        message: str = "",
        *,
        platform: str = "",
        progress: Callable[[int], object] | None = None,
    ) -> FakeImage:
        self.engine.imports.append((source, repository, tag, tuple(changes), message))
        return self.add(f"{repository}:{tag or 'latest'}" if repository else "", comment=message)


class FakeVolume:
    """A volume; `FakeEngine.volumes` makes and removes it."""

    def __init__(self, engine: FakeEngine, record: VolumeRecord) -> None:
        self.engine = engine
        self.record = record

    @property
    def name(self) -> str:
        return self.record.name

    @property
    def mountpoint(self) -> str:
        return f"/home/volumes/{self.name}/_data"

    @property
    def attrs(self) -> dict[str, Any]:
        return {"Name": self.name, "Driver": "local", "Mountpoint": self.mountpoint}

    def remove(self, force: bool = False) -> None:
        if self.record.users:
            raise VolumeInUse(f"remove {self.name}: volume is in use - [{self.record.users[0]}]")
        self.engine.volumes.everything.remove(self)


class FakeVolumes:
    """`engine.volumes`."""

    def __init__(self, engine: FakeEngine) -> None:
        self.engine = engine
        self.everything: list[FakeVolume] = []

    def create(
        self,
        name: str | None = None,
        driver: str | None = None,
        driver_opts: Mapping[str, str] | None = None,
        labels: Mapping[str, str] | None = None,
    ) -> FakeVolume:
        record = VolumeRecord(
            name or f"{self.engine.count():064x}",
            self.engine.tick(),
            not name,
            dict(labels or {}),
            dict(driver_opts or {}),
        )
        volume = FakeVolume(self.engine, record)
        self.everything.append(volume)
        return volume

    def get(self, name: str) -> FakeVolume:
        for volume in self.everything:
            if volume.name == name:
                return volume
        raise NoSuchVolume(f"get {name}: no such volume")

    def list(self, filters: Mapping[str, Any] | None = None) -> list[FakeVolume]:
        return sorted(self.everything, key=lambda volume: volume.name)

    def prune(self, filters: Mapping[str, Any] | None = None) -> dict[str, Any]:
        everything = (filters or {}).get("all") == ["true"]
        gone = [v for v in self.everything if v.record.anonymous or everything]
        self.everything = [volume for volume in self.everything if volume not in gone]
        names = [volume.name for volume in gone]
        return {"VolumesDeleted": names or None, "SpaceReclaimed": 1_500 * len(names)}


class FakeNetwork:
    """A network that is only its record."""

    users = 0
    warnings: tuple[str, ...] = ()

    def __init__(self, engine: FakeEngine, record: NetworkRecord) -> None:
        self.engine = engine
        self.record = record

    @property
    def id(self) -> str:
        return self.record.id

    @property
    def attrs(self) -> dict[str, Any]:
        return {"Name": self.record.name, "Id": self.id, "Driver": self.record.config.driver}

    def connect(self, container: str, *wishes: Any) -> None:
        self.engine.containers.get(container).calls.append(("connect", self.record.name, *wishes))

    def disconnect(self, container: str, force: bool = False) -> None:
        self.engine.containers.get(container).calls.append(("disconnect", self.record.name, force))

    def remove(self) -> None:
        if self.record.name == "bridge":
            raise Conflict("bridge is a pre-defined network and cannot be removed")
        self.engine.networks.everything.remove(self)


class FakeNetworks:
    """`engine.networks`: docker's own three, and what was made."""

    def __init__(self, engine: FakeEngine) -> None:
        self.engine = engine
        self.everything: list[FakeNetwork] = []
        for name, driver in (("bridge", "bridge"), ("host", "host"), ("none", "null")):
            self.add(name, NetworkConfig(driver=driver))

    def add(self, name: str, config: NetworkConfig) -> FakeNetwork:
        """Put a network there."""
        digest = hashlib.sha256(f"network {name}".encode()).hexdigest()
        record = NetworkRecord(digest, name, self.engine.tick(), config)
        self.everything.append(FakeNetwork(self.engine, record))
        return self.everything[-1]

    def create(self, name: str, driver: str = "bridge", **options: Any) -> FakeNetwork:
        if any(network.record.name == name for network in self.everything):
            raise Conflict(f"network with name {name} already exists")
        pools = tuple(Pool(subnet, "10.0.0.1") for subnet in options["subnets"])
        config = NetworkConfig(driver, pools, internal=options["internal"])
        return self.add(name, replace(config, labels=options["labels"]))

    def get(self, ref: str) -> FakeNetwork:
        for network in self.everything:
            if ref and (network.record.name == ref or network.id.startswith(ref)):
                return network
        raise NoSuchNetwork(f"network {ref} not found")

    def expect(self, name: str, container: str, *wishes: Any) -> None:
        """Take nobody's wish for what is not there."""
        raise NoSuchNetwork(f"network {name} not found")

    def forget(self, name: str, container: str) -> None:
        """Nobody wants what is not there."""
        raise InvalidArgument(f"container {container} is not connected to the network {name}")

    def list(
        self, names: Sequence[str] = (), filters: Mapping[str, Any] | None = None
    ) -> list[FakeNetwork]:
        wanted = (filters or {}).get("name", ())
        found = [n for n in self.everything if all(w in n.record.name for w in wanted)]
        return sorted(found, key=lambda network: network.record.name)

    def prune(self, filters: Mapping[str, Any] | None = None) -> dict[str, Any]:
        removed = [n.record.name for n in self.everything[3:]]
        del self.everything[3:]
        return {"NetworksDeleted": removed}


class FakeEngine:
    """An engine with the images `busybox` and `host`, and a clock that goes 1 ms a reading."""

    @contextmanager
    def reserved(self, config: ContainerConfig) -> Iterator[None]:
        """Reserve nothing."""
        yield

    def __init__(self) -> None:
        self.programs: dict[tuple[str, ...], Program] = {}
        self.imports: list[tuple[Any, ...]] = []
        self.logins: list[tuple[Any, ...]] = []
        self.resets = 0
        self.happened: list[Event] = []
        self.exchanges = Path("/nowhere")
        self.used: list[Sample] = []  # what `stats` reads of each, one after the other
        self._now_ns = EPOCH_NS
        self._made = 0
        self.images = FakeImages(self)
        self.containers = FakeContainers(self)
        self.volumes = FakeVolumes(self)
        self.networks = FakeNetworks(self)
        self.images.add("host", manifest="", config=ImageConfig(command=("python",)))
        self.images.add("busybox", config=ImageConfig(command=("sh",)))

    def tick(self) -> int:
        """Return the next reading of the clock, in nanoseconds."""
        self._now_ns += 1_000_000
        return self._now_ns

    def count(self) -> int:
        """Return the next number of a container."""
        self._made += 1
        return self._made

    def program(self, command: Sequence[str]) -> Program:
        """Return what this command does; an unknown one ends at once with 0, `sleep` stays."""
        default = Program(stays=list(command[:1]) == ["sleep"])
        return self.programs.get(tuple(command), default)

    def samples(
        self, refs: Sequence[str] = (), everything: bool = False
    ) -> Iterator[tuple[Sample, ...]]:
        found = [self.containers.get(ref) for ref in refs] or self.containers.list(all=everything)
        for used in self.used:
            yield tuple(
                replace(used, id=each.id, name=each.name, container=each.short_id)
                if each.record.state.status.alive
                else Sample(each.id, each.name, each.short_id)
                for each in found
            )

    def sampler(self, refs: Sequence[str] = (), everything: bool = False) -> FakeSampler:
        return FakeSampler([*self.samples(refs, everything)])

    def bell(self) -> FakeBell:
        return FakeBell()

    def df(self) -> dict[str, Any]:
        return {"LayersSize": 0, "Images": [], "Containers": [], "Volumes": [], "BuildCache": []}

    def tell_pruned(self, kind: str, freed_bytes: int) -> None:
        """Forget it: nobody listens."""

    def written_bytes(self, containers: Sequence[str]) -> dict[str, int]:
        return dict.fromkeys(containers, 12_345_000)

    def compare(
        self, one: str, other: str, *, text: bool = False
    ) -> tuple[Sequence[FakeChange], str]:
        return self.containers.get(other).differences, f"{one} {other}" if text else ""

    def version(self) -> dict[str, Any]:
        return {
            "Platform": {"Name": ""},
            "Components": [{"Name": "Engine", "Version": "0.1.0", "Details": {"Os": "linux"}}],
            "Version": "0.1.0",
            "ApiVersion": "1.45",
            "MinAPIVersion": "1.24",
            "Os": "linux",
            "Arch": "amd64",
            "KernelVersion": "6.18.0",
        }

    def info(self) -> dict[str, Any]:
        states = [c.status for c in self.containers.everything]
        return {
            "ID": "6d01ec6f-cb88-44d9-baae-b99d7280258a",
            "Containers": len(states),
            "ContainersRunning": states.count("running"),
            "ContainersPaused": 0,
            "ContainersStopped": len(states) - states.count("running"),
            "Images": len(self.images.everything),
            "Driver": "overlay2",
            "LoggingDriver": "json-file",
            "CgroupVersion": "1",
            "KernelVersion": "6.18.0",
            "OperatingSystem": "Debian GNU/Linux 13 (trixie)",
            "OSType": "linux",
            "Architecture": "x86_64",
            "NCPU": 2,
            "MemTotal": 25276510208,
            "DockerRootDir": "/var/lib/ipycontainer",
            "Name": "vm",
            "ServerVersion": "0.1.0",
            "Warnings": None,
        }

    def login(
        self, username: str, password: str | None = None, *, registry: str = ""
    ) -> dict[str, Any]:
        self.logins.append((username, password, registry))
        return {"IdentityToken": "", "Status": "Login Succeeded"}

    def logout(self, registry: str = "") -> bool:
        return True

    def events(self, since_ns: int | None = None, until_ns: int | None = None) -> Iterator[Event]:
        return iter([] if since_ns is None else self.happened)

    def reset(self) -> None:
        self.resets += 1
        self.containers.everything.clear()
        self.images.everything.clear()

    def close(self) -> None:
        pass
