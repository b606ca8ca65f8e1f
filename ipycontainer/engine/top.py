"""`top`: the machine's own `ps`, asked about a container's processes, as docker does it."""

from __future__ import annotations

import re
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from ipycontainer.errors import (
    Conflict,
    ContainerNotRunning,
    EngineError,
    InvalidArgument,
    Unsupported,
)
from ipycontainer.linux import process_facts, processes, procfs
from ipycontainer.model.process import Process
from ipycontainer.model.state import Status

if TYPE_CHECKING:
    from ipycontainer.engine.container import Container
    from ipycontainer.model.state import ContainerRecord

__all__ = ["Processes", "top", "tree"]

# `-o cmd=PID` would head another column as PID (moby's psArgsRegexp).
_RENAMED = re.compile(r"\s+(\S*)=\s*(PID\S*)")


@dataclass(frozen=True, slots=True)
class Processes:
    """What `ps` printed: its titles, and a row for each process.

    `inside` are the processes' pids as the container counts, in the rows' order.
    """

    titles: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    inside: tuple[int, ...]


def top(container: Container, arguments: Sequence[str]) -> Processes:
    """Return a running container's processes, with the columns that ps(1)'s `arguments` ask for.

    Raises ContainerNotRunning, InvalidArgument in docker's words.
    """
    record = _running(container)
    container.tell("top")
    line = " ".join(arguments) or "-ef"
    words = line.split()  # docker's daemon has one text of them all
    for name, title in _RENAMED.findall(f" {line}"):
        if name != "pid":
            raise InvalidArgument(f'specifying "{name}={title}" is not allowed')
    pids = processes.members(record.state.pid)
    # Faster where ps knows -q; a list that it was given otherwise is asked for once more without.
    listed = ",".join(map(str, pids))
    found = _ps([*words, "-q", listed])
    if found.returncode != 0:
        found = _ps(words)
    if found.returncode != 0:
        first = found.stderr.strip().partition("\n")[0]
        raise EngineError(f"ps: {first}" if first else f"ps: exit status {found.returncode}")
    return _parse(found.stdout, frozenset(map(str, pids)))


def tree(container: Container) -> tuple[Process, ...]:
    """Return a running container's processes, with users as it counts them, oldest first.

    Read from /proc without asking anybody, so that it can be done each second. Raises
    ContainerNotRunning.
    """
    init = _running(container).state.pid
    found = filter(None, map(process_facts.process, processes.members(init)))
    return tuple(
        replace(each, uid=process_facts.uid_inside(each.uid, init))
        for each in sorted(found, key=lambda each: (each.started_ns, each.pid))
    )


def _running(container: Container) -> ContainerRecord:
    """Return the record of a container as it is now; raises where it does not run."""
    container.reload()
    record = container.record
    if record.state.status is Status.RESTARTING:
        raise Conflict(f"Container {record.id} is restarting, wait until the container is running")
    if not record.state.status.alive:
        raise ContainerNotRunning(f"container {record.id} is not running")
    return record


def _ps(words: Sequence[str]) -> subprocess.CompletedProcess[str]:
    try:
        return subprocess.run(
            ["ps", *words], capture_output=True, text=True, errors="replace", check=False
        )
    except FileNotFoundError:
        raise Unsupported(
            "top needs ps on this machine", hint="apt-get install -y procps"
        ) from None


def _parse(text: str, pids: frozenset[str]) -> Processes:
    lines = text.splitlines()
    titles = tuple(lines[0].split()) if lines else ()
    if "PID" not in titles:
        raise EngineError("Couldn't find PID field in ps output")
    place = titles.index("PID")
    rows = []
    for line in lines[1:]:
        fields = line.split()
        if len(fields) > place and fields[place] in pids:
            last = len(titles) - 1
            rows.append((*fields[:last], " ".join(fields[last:])))
    return Processes(titles, tuple(rows), tuple(procfs.inner_pid(int(row[place])) for row in rows))
