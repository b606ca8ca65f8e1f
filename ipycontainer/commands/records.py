"""What a verb returns: frozen records, which shell and notebook render each in its own way.

An error that stops the whole verb is raised, not returned.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

from ipycontainer.commands.summaries import (
    CheckpointSummary,
    ContainerSummary,
    DiskSummary,
    HistorySummary,
    ImageSummary,
    NetworkSummary,
    PortSummary,
    VolumeSummary,
)
from ipycontainer.errors import EngineError
from ipycontainer.model.explained import ExplainedStep
from ipycontainer.model.lines import headed
from ipycontainer.model.log_range import WHOLE_LOG, LogRange
from ipycontainer.model.sample import Sample
from ipycontainer.model.units import rfc3339nano_fixed

if TYPE_CHECKING:
    from ipycontainer.commands.engine_protocols import (
        Change,
        Check,
        Container,
        Event,
        Foreground,
        LogEntry,
    )

__all__ = [
    "Changes",
    "Codes",
    "Copied",
    "Diagnosis",
    "DiskUsage",
    "Done",
    "EventView",
    "Explained",
    "Facts",
    "Help",
    "Inspected",
    "Lines",
    "Listing",
    "LogView",
    "Outcome",
    "PortListing",
    "ProcessList",
    "PythonCell",
    "Running",
    "Started",
    "Streamed",
    "Waiting",
]


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """Base of all that verbs return.

    `warnings` are docker's WARNING lines, without that word, for stderr: a face puts a colon after
    it, unless the line begins with an exclamation mark, as some of docker's client do.

    `errors` are those of some of several arguments (the others were done), or of the part that
    failed: `run -d` of a command that does not exist leaves a container behind, and docker prints
    its id.
    """

    warnings: tuple[str, ...] = ()
    errors: tuple[EngineError, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Lines(Outcome):
    """Ready lines: ids of new images, what `rmi` did, the text of --help."""

    lines: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Help(Lines):
    """The text of --help, in docker's layout."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Listing(Outcome):
    """Rows of a listing, as of `now_ns`. With `quiet` or `template` a face prints lines.

    `digests` is of `images`, `sizes` of `ps` and of `system df -v`; without `human` a face of
    `history` prints exact times and bytes.
    """

    kind: Literal[
        "ps", "images", "networks", "volumes", "history", "stats", "checkpoints", "disk", "checks"
    ]
    rows: (
        tuple[ContainerSummary, ...]
        | tuple[ImageSummary, ...]
        | tuple[NetworkSummary, ...]
        | tuple[VolumeSummary, ...]
        | tuple[HistorySummary, ...]
        | tuple[CheckpointSummary, ...]
        | tuple[DiskSummary, ...]
        | tuple[Sample, ...]
        | tuple[Check, ...]
    )
    now_ns: int
    quiet: bool = False
    no_trunc: bool = False
    template: str = ""
    digests: bool = False
    human: bool = True
    sizes: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class PortListing(Outcome):
    """Rows of `port`; with `only`, those of the one port that was asked for."""

    rows: tuple[PortSummary, ...]
    only: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Done(Outcome):
    """The names, as typed, of what was done. `failure` is docker's last line, when some failed.

    `forgiven`: errors are shown, but the exit code is 0 (`rm -f` of what is not there).
    """

    names: tuple[str, ...] = ()
    failure: str = ""
    forgiven: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Started(Outcome):
    """A container that `create` made, or that `run -d` left running."""

    container: Container
    running: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Codes(Outcome):
    """Exit codes of `wait`, in the order of its arguments."""

    codes: tuple[int, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Waiting(Outcome):
    """Exit codes that come one after another, each when it is known, or why it cannot be."""

    results: Iterator[int | EngineError]

    def settled(self, tell: Callable[[int], object] = lambda code: None) -> Codes:
        """Wait for all that come, `tell` each code at once, and return them."""
        codes: list[int] = []
        errors: list[EngineError] = []
        for result in self.results:
            if isinstance(result, int):
                codes.append(result)
                tell(result)
            else:
                errors.append(result)
        return Codes(codes=tuple(codes), errors=tuple(errors))


@dataclass(frozen=True, slots=True, kw_only=True)
class Inspected(Outcome):
    """Objects of `inspect`, as docker's API shapes them, and what a template made of them."""

    objects: tuple[Mapping[str, Any], ...] = ()
    template: str = ""
    texts: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Running(Outcome):
    """A program in the foreground: a face shows its chunks and forwards interrupts to it.

    With `tty` it has a terminal, whose keys are the face's own while it `reads` input; `keyboard`
    is a pipe to write them into, where no descriptor of the caller gives them.
    Without `sig_proxy` signals are the face's own. `input_only`: nothing of it is shown but its id,
    and it is left alone when its input is fed.
    """

    foreground: Foreground
    container: Container
    verb: Literal["run", "start", "exec", "attach", "python"]
    tty: bool = False
    reads: bool = False
    keyboard: tuple[int, int] | None = None
    sig_proxy: bool = True
    input_only: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class PythonCell(Running):
    """A cell that runs in a container: `results` are the variables that it gives back.

    Without `kept` the face removes the container when it has them; it closes `gate`, the pipe that
    the program's input comes from.
    """

    gate: int
    results: tuple[str, ...] = ()
    kept: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class ProcessList(Outcome):
    """What `ps` says of a container's processes; `inside` are their pids in the container."""

    titles: tuple[str, ...] = ()
    rows: tuple[tuple[str, ...], ...] = ()
    inside: tuple[int, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class EventView(Outcome):
    """Events as they come, until `until_ns` or for ever; `line` makes docker's text of one."""

    events: Iterator[Event]
    line: Callable[[Event], str]
    until_ns: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class LogView(Outcome):
    """Lines of a log; with `follow` the iterator blocks until the container ends.

    `details` stands before each line, after its time. `others` are followed besides; a face that
    follows by itself finds in `wanted` what was asked for.
    """

    container: Container
    entries: Iterator[LogEntry]
    timestamps: bool = False
    follow: bool = False
    details: str = ""
    others: tuple[Container, ...] = ()
    wanted: LogRange = WHOLE_LOG

    def text(self, entry: LogEntry) -> bytes:
        """Return lines as they are shown: with what stands before each."""
        if not self.timestamps and not self.details:
            return entry.text
        stamp = f"{rfc3339nano_fixed(entry.time_ns)} " if self.timestamps else ""
        return headed((stamp + self.details).encode(), entry.text)


@dataclass(frozen=True, slots=True, kw_only=True)
class Changes(Outcome):
    """What a container changed in its file tree, in docker's order, or what differs between two.

    `content`, where it was asked for, is how the texts of files differ, as diff(1) prints it.
    """

    rows: tuple[Change, ...] = ()
    content: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Explained(Outcome):
    """The steps of a start: as it was, or, without times, as it would be."""

    steps: tuple[ExplainedStep, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class DiskUsage(Outcome):
    """The rows of `system df -v`, with what each thing takes, as of `now_ns`."""

    images: tuple[ImageSummary, ...]
    containers: tuple[ContainerSummary, ...]
    volumes: tuple[VolumeSummary, ...]
    now_ns: int
    template: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Copied(Outcome):
    """What `cp` copied: `size` in bytes. Docker says it on a terminal only, and not with -q."""

    size: int
    target: str
    quiet: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Streamed(Outcome):
    """An archive for the standard output."""

    pieces: Iterator[bytes]


@dataclass(frozen=True, slots=True, kw_only=True)
class Facts(Outcome):
    """The facts of `version` (Client and Server; Server is None without an engine) or of `info`."""

    kind: Literal["version", "info"]
    data: Mapping[str, Any]
    template: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Diagnosis(Outcome):
    """What `doctor` found; with `template` a face prints lines."""

    checks: tuple[Check, ...] = ()
    template: str = ""

    @property
    def is_fit(self) -> bool:
        """Tell whether containers can start here."""
        return all(check.ok for check in self.checks if check.needed)
