"""What the verbs ask of an engine, said once for its two implementations.

`ipycontainer.connect` gives the real one, `tests.fakes.FakeEngine` keeps everything in memory.
The names are docker-py's where it has them. Only types: importing this loads no engine.
"""

# ruff: noqa: D102  the names are documented where they are implemented, by the engine

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any, BinaryIO, Protocol, TypeAlias

from ipycontainer.commands.file_protocols import ContainerFiles
from ipycontainer.commands.live_protocols import Bell, Follower, Source
from ipycontainer.commands.network_protocols import Network, Networks
from ipycontainer.commands.record_protocols import Change, Check, Event, Processes
from ipycontainer.model.config import ContainerConfig
from ipycontainer.model.explained import ExplainedStep
from ipycontainer.model.image import ImageRecord
from ipycontainer.model.limits import Limits
from ipycontainer.model.log_range import LogRange
from ipycontainer.model.network import PublishedPort
from ipycontainer.model.process import Process
from ipycontainer.model.sample import Sample
from ipycontainer.model.state import ContainerRecord
from ipycontainer.model.transfer import Progress
from ipycontainer.model.volume import VolumeRecord
from ipycontainer.model.window import Window

__all__ = [
    "Attend",
    "Change",
    "Check",
    "Container",
    "Containers",
    "Engine",
    "EngineFactory",
    "Event",
    "Foreground",
    "Image",
    "Images",
    "LogEntry",
    "Network",
    "Networks",
    "Stdin",
    "Transfer",
    "Values",
    "Volume",
    "Volumes",
]


class Transfer(Protocol):
    """A pull, push, load or save that is under way."""

    def __iter__(self) -> Iterator[Progress]:
        """Yield what is told until the end; raises the error that ended it."""

    def result(self) -> Any:
        """Wait for the end and return what came of it."""

    def cancel(self) -> None:
        """Stop it."""


class Attend(Protocol):
    """How a face watches a transfer: shows its progress, returns its result, stops it when told to.

    `notice` is a line to say before, `to_errors` where the shell shows both.
    """

    def __call__(self, transfer: Transfer, notice: str = "", *, to_errors: bool = False) -> Any: ...


class Values(Protocol):
    """The variables of a notebook, for a cell that runs in a container."""

    def check(self, names: Sequence[str]) -> tuple[str, ...]:
        """Return the modules that reading them takes; raises UsageError for what cannot go."""

    def write(self, directory: Path, names: Sequence[str], results: Sequence[str]) -> None:
        """Write the values for the program of a cell."""

    @property
    def program(self) -> str:
        """Return the Python program that runs the cell inside."""


# A file descriptor of the shell, the body of a cell, or None for /dev/null.
Stdin: TypeAlias = int | bytes | None


class LogEntry(Protocol):
    """What a container wrote at once: `text` holds whole lines, or a part of one."""

    @property
    def time_ns(self) -> int: ...
    @property
    def stream(self) -> str: ...
    @property
    def text(self) -> bytes: ...


class Foreground(Protocol):
    """A program whose output is being watched."""

    def chunks(self) -> Iterator[tuple[str, bytes]]:
        """Yield ("stdout" or "stderr", bytes) until both streams have ended."""

    def read(self, timeout: float | None = None) -> tuple[str, bytes] | None:
        """Return the next chunk, None at the end; raises OperationTimeout."""

    def signal(self, number: int) -> None:
        """Send a signal to the program."""

    def wait(self, timeout: float | None = None) -> int:
        """Return the exit code; raises OperationTimeout after `timeout` seconds."""

    def detach(self) -> None:
        """Stop watching; the program goes on."""

    @property
    def detached(self) -> bool:
        """Tell whether the keys for leaving were typed, or `detach` was called."""

    @property
    def out_of_memory(self) -> bool:
        """Tell whether the kernel killed something of it for want of memory."""

    def resize(self, rows: int, columns: int) -> None:
        """Say how large the window on the program's terminal is."""

    def await_input(self) -> None:
        """Return when all input is fed; the program goes on unwatched."""


class Container(ContainerFiles, Protocol):
    """A container by docker-py's names."""

    @property
    def id(self) -> str: ...
    @property
    def short_id(self) -> str: ...
    @property
    def name(self) -> str: ...
    @property
    def status(self) -> str: ...
    @property
    def health(self) -> str: ...
    @property
    def attrs(self) -> Mapping[str, Any]: ...
    @property
    def record(self) -> ContainerRecord: ...
    @property
    def warnings(self) -> Sequence[str]: ...
    @property
    def published(self) -> Sequence[PublishedPort]: ...
    @property
    def exposed(self) -> Sequence[str]: ...

    def attached(self, stdin: Stdin = None, window: Window = ...) -> Foreground: ...
    def start(self) -> None: ...
    def stop(self, timeout: float | None = None, signal: str | int | None = None) -> None: ...
    def kill(self, signal: str | int | None = None) -> None: ...
    def restart(self, timeout: float | None = None, signal: str | int | None = None) -> None: ...
    def pause(self) -> None: ...
    def unpause(self) -> None: ...
    def change(self, wanted: Limits, policy: tuple[str, int] | None = None) -> None: ...
    def wait(self, timeout: float | None = None) -> Mapping[str, Any]: ...
    def remove(self, force: bool = False, v: bool = False) -> None: ...
    def rename(self, name: str) -> None: ...
    def log_details(self) -> str: ...
    def processes(self, arguments: Sequence[str] = ()) -> Processes: ...
    def unlink(self, alias: str) -> None: ...
    def explain(self) -> Sequence[ExplainedStep]: ...
    @property
    def exchange(self) -> Path: ...

    def start_attached(
        self,
        stdin: Stdin = None,
        stdout: bool = True,
        stderr: bool = True,
        window: Window = ...,
    ) -> Foreground: ...

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
        window: Window = ...,
        privileged: bool = False,
    ) -> Foreground: ...

    def process_tree(self) -> Sequence[Process]: ...

    def follow_log(self, wanted: LogRange = ...) -> Follower: ...

    def log_chunks(self, wanted: LogRange = ..., *, follow: bool = False) -> Iterator[LogEntry]: ...


class Containers(Protocol):
    """`engine.containers`."""

    def create_from(self, config: ContainerConfig, name: str = "") -> Container: ...
    def verify(self, config: ContainerConfig) -> None: ...
    def explain(self, config: ContainerConfig, name: str = "") -> Sequence[ExplainedStep]: ...
    def check_limits(self, wanted: Limits) -> tuple[Limits, Sequence[str]]: ...
    def get(self, ref: str) -> Container: ...

    def list(
        self,
        all: bool = False,  # noqa: A002  docker-py's name
        limit: int | None = None,
        filters: Mapping[str, Any] | None = None,
    ) -> Sequence[Container]: ...


class Image(Protocol):
    """An image by docker-py's names."""

    @property
    def id(self) -> str: ...
    @property
    def tags(self) -> Sequence[str]: ...
    @property
    def record(self) -> ImageRecord: ...
    @property
    def shared(self) -> int: ...
    @property
    def containers(self) -> int: ...
    @property
    def warnings(self) -> Sequence[str]: ...
    @property
    def attrs(self) -> Mapping[str, Any]: ...

    def history(self) -> Sequence[Mapping[str, Any]]: ...
    def layer_files(self) -> Sequence[int]: ...
    def tag(self, repository: str, tag: str = "") -> object: ...


class Images(Protocol):
    """`engine.images`."""

    def get(self, ref: str) -> Image: ...
    def remove(
        self, ref: str, force: bool = False, noprune: bool = False
    ) -> Sequence[tuple[str, str]]: ...

    def list(
        self,
        name: str | None = None,
        all: bool = False,  # noqa: A002  docker-py's name
        filters: Mapping[str, Any] | None = None,
    ) -> Sequence[Image]: ...

    def pulling(
        self, repository: str, tag: str = "", *, all_tags: bool = False, platform: str = ""
    ) -> Transfer: ...
    def pushing(self, repository: str, tag: str = "", *, all_tags: bool = False) -> Transfer: ...
    def loading(self, fd: int, *, platform: str = "") -> Transfer: ...
    def saving(self, names: Sequence[str], fd: int, *, platform: str = "") -> Transfer: ...
    def prune(self, filters: Mapping[str, Any] | None = None) -> Mapping[str, Any]: ...

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
    ) -> Image: ...


class Volume(Protocol):
    """A volume by docker-py's names."""

    @property
    def name(self) -> str: ...
    @property
    def record(self) -> VolumeRecord: ...
    @property
    def mountpoint(self) -> str: ...
    @property
    def attrs(self) -> Mapping[str, Any]: ...

    def remove(self, force: bool = False) -> None: ...


class Volumes(Protocol):
    """`engine.volumes`."""

    def get(self, name: str) -> Volume: ...
    def list(self, filters: Mapping[str, Any] | None = None) -> Sequence[Volume]: ...
    def prune(self, filters: Mapping[str, Any] | None = None) -> Mapping[str, Any]: ...

    def create(
        self,
        name: str | None = None,
        driver: str | None = None,
        driver_opts: Mapping[str, str] | None = None,
        labels: Mapping[str, str] | None = None,
    ) -> Volume: ...


class Engine(Protocol):
    """What `ipycontainer.connect` returns, as far as the verbs need it."""

    @property
    def containers(self) -> Containers: ...
    @property
    def images(self) -> Images: ...
    @property
    def volumes(self) -> Volumes: ...
    @property
    def networks(self) -> Networks: ...

    def reserved(self, config: ContainerConfig) -> AbstractContextManager[None]: ...
    def samples(
        self, refs: Sequence[str] = (), everything: bool = False
    ) -> Iterator[tuple[Sample, ...]]: ...
    def sampler(self, refs: Sequence[str] = (), everything: bool = False) -> Source: ...
    def bell(self) -> Bell: ...
    def events(
        self, since_ns: int | None = None, until_ns: int | None = None
    ) -> Iterator[Event]: ...
    def df(self) -> Mapping[str, Any]: ...
    def written_bytes(self, containers: Sequence[str]) -> Mapping[str, int]: ...
    def tell_pruned(self, kind: str, freed_bytes: int) -> None: ...

    def compare(
        self, one: str, other: str, *, text: bool = False
    ) -> tuple[Sequence[Change], str]: ...
    def version(self) -> Mapping[str, Any]: ...
    def info(self) -> Mapping[str, Any]: ...
    def reset(self) -> object: ...
    def login(
        self, username: str, password: str | None = None, *, registry: str = ""
    ) -> Mapping[str, Any]: ...
    def logout(self, registry: str = "") -> bool: ...


EngineFactory: TypeAlias = Callable[[], Engine]
