"""When what happened in a start: noted by its monitor beside the bundle, read for `explain`.

The steps themselves are not written: who wants to read them plans the same bundle again. Numbers
are all that a start takes the time for, and the file is written when its client has the answer.
"""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from ipycontainer.linux.cgroups import Hierarchies
from ipycontainer.model.oci import ANNOTATION_INTERFACES, Spec
from ipycontainer.runtime.launch import Launched, preload
from ipycontainer.version import __version__

__all__ = ["Timeline", "read", "write"]

TIMELINE_FILE = "start.json"


@dataclass(frozen=True, slots=True)
class Timeline:
    """The moments of one start, in nanoseconds of the monotonic clock, and what its plan hung on.

    `asked` are the engine's: it began with the bundle, it sent the request; none where the monitor
    itself began the container again. `received` and `recorded` are the monitor's, `marks` and
    `times` those of `Launched`. `sandboxed` tells that init was there before. `cgroup` and
    `hierarchies` are what the plan was made with, `interfaces` the annotation that the addresses
    became.
    """

    asked: tuple[int, ...]
    received: int
    recorded: int
    marks: tuple[int, ...]
    times: tuple[int, ...]
    sandboxed: bool
    cgroup: dict[str, str] | None
    interfaces: str
    hierarchies: dict[str, Any] = field(default_factory=dict)
    version: str = __version__


def write(
    bundle: Path,
    launched: Launched,
    spec: Spec,
    asked: tuple[int, ...],
    moments: tuple[int, int],
) -> None:
    """Keep the moments of a start; `moments` are `received` and `recorded`.

    A disk that is full takes no start back: then nothing is kept.
    """
    cgroup = launched.cgroup
    found = Timeline(
        asked,
        *moments,
        launched.marks,
        tuple(launched.times),
        bool(launched.ahead),
        None if cgroup is None else dict(cgroup.directories),
        spec.annotations.get(ANNOTATION_INTERFACES, ""),
        asdict(preload()),
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
