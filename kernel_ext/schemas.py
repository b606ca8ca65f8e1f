"""The columns of every frame: their names, types and meanings, in order.

The one place of them: frames are made by these tables, and docs/frames.md is written from them
(scripts/reference.py). Units: bytes, nanoseconds; moments are UTC. Imports pandas, so it is
itself imported by the first listing.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import pandas as pd

from ipycontainer.commands.check_columns import STATES
from ipycontainer.model.state import Status

__all__ = [
    "CHANGES",
    "CHECKPOINTS",
    "CHECKS",
    "CONTAINERS",
    "DISK",
    "DISK_KINDS",
    "EVENTS",
    "FRAMES",
    "HISTORY",
    "IMAGES",
    "LABELS",
    "LINES",
    "MAYBE",
    "MOMENT",
    "NETWORKS",
    "PORTS",
    "PROCESSES",
    "SAMPLES",
    "SIZES",
    "STEPS",
    "TEXT",
    "TREE",
    "VOLUMES",
    "Column",
    "Schema",
]


@dataclass(frozen=True, slots=True)
class Column:
    """A column's pandas type, and what stands in it."""

    type: Any
    meaning: str


Schema = Mapping[str, Column]

TEXT = pd.StringDtype()
MOMENT = pd.DatetimeTZDtype(unit="ns", tz="UTC")
MAYBE = pd.Int64Dtype()  # a number that may be missing
_DISK_TYPES = pd.CategoricalDtype(["Images", "Containers", "Local Volumes", "Build Cache"])
_LABELS = Column(TEXT, "`k=v,k=v`, as docker's `{{.Labels}}`")

CONTAINERS: Schema = {
    "id": Column(TEXT, "64 hex digits"),
    "name": Column(TEXT, "its name"),
    "image": Column(TEXT, "as it was typed, or the id once that name means another image"),
    "command": Column(TEXT, "what runs, quoted as docker joins it"),
    "created": Column(MOMENT, "when it was made"),
    "state": Column(pd.CategoricalDtype([status.value for status in Status]), "docker's word"),
    "exit_code": Column(MAYBE, "of one that has ended"),
    "health": Column(TEXT, "starting, healthy, unhealthy; missing where nothing is checked"),
    "started": Column(MOMENT, "when its last start was"),
    "finished": Column(MOMENT, "when it ended last"),
    "pid": Column(MAYBE, "of one that runs, as the host counts"),
    "ports": Column(TEXT, "as docker prints them; `port` has a row for each"),
    "labels": Column(TEXT, "`k=v,k=v`; `ps --labels` has a row for each"),
}
SIZES: Schema = {
    "size": Column("int64", "bytes that it has written"),
    "virtual_size": Column("int64", "the same with its image's"),
}
LABELS: Schema = {
    "id": Column(TEXT, "of the container"),
    "name": Column(TEXT, "of the container"),
    "key": Column(TEXT, "the label"),
    "value": Column(TEXT, "its value"),
}
IMAGES: Schema = {
    "id": Column(TEXT, "`sha256:` and 64 hex digits"),
    "repository": Column(TEXT, "missing for an image without a name"),
    "tag": Column(TEXT, "missing for an image without a name"),
    "digest": Column(TEXT, "what a registry calls it; missing for one that was made here"),
    "created": Column(MOMENT, "when it was made"),
    "size": Column("int64", "bytes of its unpacked layers"),
    "shared": Column(MAYBE, "bytes of them that stand in other images, too"),
    "containers": Column(MAYBE, "how many are on it"),
}
HISTORY: Schema = {
    "layer": Column(MAYBE, "which layer the step made, 0 the lowest; missing where it made none"),
    "id": Column(TEXT, "of the newest step only, as with docker"),
    "created": Column(MOMENT, "when the step was done"),
    "created_by": Column(TEXT, "the command"),
    "size": Column("int64", "bytes of the layer, 0 without one"),
    "files": Column("int64", "files, links and deletions in the layer, 0 without one"),
    "comment": Column(TEXT, "the maker's"),
}
VOLUMES: Schema = {
    "name": Column(TEXT, "its name"),
    "driver": Column(TEXT, "local"),
    "mountpoint": Column(TEXT, "its directory on this machine"),
    "created": Column(MOMENT, "when it was made"),
    "anonymous": Column("bool", "it was made without a name"),
    "labels": _LABELS,
    "containers": Column(TEXT, "names of those that have it, `a,b`"),
}
CHECKPOINTS: Schema = {
    "name": Column(TEXT, "its name"),
    "created": Column(MOMENT, "when it was made"),
    "size": Column("int64", "bytes that it keeps"),
}
NETWORKS: Schema = {
    "id": Column(TEXT, "64 hex digits"),
    "name": Column(TEXT, "its name"),
    "driver": Column(TEXT, "bridge, host or null"),
    "scope": Column(TEXT, "local"),
    "subnet": Column(TEXT, "`a,b` where it has several"),
    "gateway": Column(TEXT, "`a,b` where it has several"),
    "internal": Column("bool", "it has no way to the world"),
    "ipv6": Column("bool", "it has addresses of version 6"),
    "containers": Column("int64", "how many are on it now"),
    "created": Column(MOMENT, "when it was made"),
    "labels": _LABELS,
}
PORTS: Schema = {
    "container": Column(TEXT, "its name"),
    "port": Column("int64", "inside"),
    "protocol": Column(pd.CategoricalDtype(["tcp", "udp", "sctp"]), "of the port"),
    "address": Column(TEXT, "of this machine"),
    "host_port": Column("int64", "of this machine"),
}
EVENTS: Schema = {
    "time": Column(MOMENT, "when it happened"),
    "type": Column(TEXT, "container, image, network, volume"),
    "action": Column(TEXT, "docker's word: start, die, pull"),
    "actor": Column(TEXT, "the id of what it happened to"),
    "name": Column(TEXT, "its name"),
    "image": Column(TEXT, "of a container"),
    "exit_code": Column(MAYBE, "of a `die`"),
    "attributes": Column(TEXT, "all of them, `k=v,k=v`"),
}
CHANGES: Schema = {
    "kind": Column(pd.CategoricalDtype(["A", "C", "D"]), "added, changed, deleted"),
    "path": Column(TEXT, "inside"),
    "type": Column(TEXT, "file, directory, symlink and so on"),
    "mode": Column("int64", "as stat(2) has it, with the kind's bits"),
    "uid": Column("int64", "the owner inside"),
    "gid": Column("int64", "the group inside"),
    "size": Column("int64", "bytes now"),
    "size_delta": Column("int64", "bytes more than before"),
}
SAMPLES: Schema = {
    "time": Column(MOMENT, "when it was read"),
    "id": Column(TEXT, "64 hex digits"),
    "name": Column(TEXT, "its name"),
    "cpu_percent": Column("float64", "100 is one processor"),
    "memory": Column("int64", "bytes, without the cache that can go"),
    "memory_limit": Column("int64", "bytes; the machine's without a limit"),
    "memory_percent": Column("float64", "of the limit"),
    "rx_bytes": Column("int64", "received since the start"),
    "tx_bytes": Column("int64", "sent since the start"),
    "read_bytes": Column("int64", "read from disks since the start"),
    "write_bytes": Column("int64", "written to disks since the start"),
    "pids": Column("int64", "processes and threads"),
}
PROCESSES: Schema = {
    "pid": Column("int64", "as the host counts"),
    "pid_inside": Column(MAYBE, "as the container counts"),
}
TREE: Schema = {
    "pid": Column("int64", "as the host counts"),
    "pid_inside": Column("int64", "as the container counts"),
    "ppid": Column("int64", "the parent's, as the host counts"),
    "user": Column("int64", "the user's id inside"),
    "cpu_percent": Column("float64", "100 is one processor"),
    "rss": Column("int64", "bytes of memory that are in use"),
    "threads": Column("int64", "how many it has"),
    "started": Column(MOMENT, "when it began"),
    "state": Column(TEXT, "the kernel's letter: R, S, D, Z, T"),
    "command": Column(TEXT, "its arguments"),
}
LINES: Schema = {
    "time": Column(MOMENT, "when it was printed"),
    "container": Column(TEXT, "who printed it"),
    "stream": Column(TEXT, "stdout or stderr"),
    "line": Column(TEXT, "without colours"),
}
DISK_KINDS: Schema = {
    "type": Column(_DISK_TYPES, "kind of things"),
    "total": Column("int64", "how many there are"),
    "active": Column("int64", "how many are in use"),
    "size": Column("int64", "bytes of all"),
    "reclaimable": Column("int64", "bytes of those not in use"),
}
DISK: Schema = {
    "type": Column(_DISK_TYPES, "kind of thing"),
    "id": Column(TEXT, "missing for a volume"),
    "name": Column(TEXT, "of an image `repository:tag`"),
    "size": Column("int64", "bytes; what a container has written"),
    "shared": Column(MAYBE, "bytes of an image's that others have, too"),
    "users": Column(MAYBE, "containers on an image or a volume"),
}
STEPS: Schema = {
    "who": Column(pd.CategoricalDtype(["engine", "monitor", "init"]), "which of our processes"),
    "step": Column(TEXT, "what it did"),
    "calls": Column(TEXT, "by which system calls, `a, b`"),
    "why": Column(TEXT, "a sentence"),
    "ahead": Column("bool", "done before there was a container"),
    "start_ns": Column(MAYBE, "since the engine's first word of the start; missing in a plan"),
    "duration_ns": Column(MAYBE, "what it took; missing in a plan"),
    "error": Column(TEXT, "why it failed, in the last row of a start that failed; else missing"),
}
CHECKS: Schema = {
    "name": Column(TEXT, "what the engine stands on"),
    "state": Column(pd.CategoricalDtype(list(STATES)), "ok, limited, or missing: no start without"),
    "detail": Column(TEXT, "what was found"),
    "remedy": Column(TEXT, "the command that mends it"),
}

# What gives which; a `.frame()` is that of the live view.
FRAMES: Mapping[str, Schema] = {
    "ps": CONTAINERS,
    "ps -s": {**CONTAINERS, **SIZES},
    "ps --labels": LABELS,
    "port": PORTS,
    "stats": SAMPLES,
    "top": PROCESSES,
    "top --watch": TREE,
    "logs -f": LINES,
    "events": EVENTS,
    "diff": CHANGES,
    "checkpoints": CHECKPOINTS,
    "explain": STEPS,
    "images": IMAGES,
    "history": HISTORY,
    "network ls": NETWORKS,
    "volume ls": VOLUMES,
    "system df": DISK_KINDS,
    "system df -v": DISK,
    "doctor": CHECKS,
}
