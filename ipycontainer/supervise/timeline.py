"""When what happened in a start: noted by its monitor beside the bundle, read for `explain`.

The steps themselves are not written: who wants to read them plans the same bundle again. Numbers
are all that a start takes the time for, and the file is written when its client has the answer.
"""

from __future__ import annotations

import json
import time
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from ipycontainer.linux.cgroups import Hierarchies
from ipycontainer.model.oci import ANNOTATION_INTERFACES, Spec
from ipycontainer.runtime.course import Course
from ipycontainer.runtime.launch import preload
from ipycontainer.version import __version__

__all__ = ["Notes", "Timeline", "read", "write"]

TIMELINE_FILE = "start.json"


@dataclass(slots=True)
class Notes:
    """What a monitor notes while it starts something; the fields are those of a timeline."""

    asked: tuple[int, ...]
    received: int
    recorded: int = 0
    course: Course = field(default_factory=Course)


@dataclass(frozen=True, slots=True)
class Timeline:
    """The moments of one start, in nanoseconds of the monotonic clock, and what its plan hung on.

    `asked` are the engine's: it began with the bundle, it sent the request; none where the monitor
    itself began the container again. `received` and `recorded` are the monitor's, the latter also
    the end of a start that failed by `error`. `marks`, `times`, `sandboxed` and `advanced` are
    those of `Course`, fewer where it failed. `cgroup` and `hierarchies` are what the plan was made
    with, `interfaces` the annotation that the addresses became.
    """

    asked: tuple[int, ...]
    received: int
    recorded: int
    marks: tuple[int, ...]
    times: tuple[int, ...]
    sandboxed: bool
    advanced: bool
    cgroup: dict[str, str] | None
    interfaces: str
    hierarchies: dict[str, Any] = field(default_factory=dict)
    error: str = ""
    version: str = __version__


def write(bundle: Path, notes: Notes, spec: Spec, error: str = "") -> None:
    """Keep the moments of a start, or of one that failed by this `error`.

    A disk that is full takes no start back: then nothing is kept.
    """
    course = notes.course
    found = Timeline(
        notes.asked,
        notes.received,
        notes.recorded or time.perf_counter_ns(),
        tuple(course.marks),
        tuple(course.times),
        course.sandboxed,
        course.advanced,
        None if course.cgroup is None else dict(course.cgroup.directories),
        spec.annotations.get(ANNOTATION_INTERFACES, ""),
        asdict(preload()),
        error,
    )
    try:
        with open(bundle / TIMELINE_FILE, "w", encoding="ascii") as file:
            file.write(json.dumps(asdict(found)))
    except OSError:
        return


def read(bundle: Path) -> tuple[Timeline, Hierarchies] | None:
    """Return what was kept of the last start; None where nothing was, or by another version."""
    try:
        raw = json.loads((bundle / TIMELINE_FILE).read_bytes())
    except (OSError, ValueError):
        return None
    if raw.get("version") != __version__:
        return None
    for name in ("asked", "marks", "times"):
        raw[name] = tuple(raw[name])
    return Timeline(**raw), Hierarchies(**raw["hierarchies"])
