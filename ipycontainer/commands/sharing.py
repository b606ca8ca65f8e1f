"""The options of `run` and `create` about the process and its namespaces.

What docker's client checks is checked here, and what it reads from files is read. Sources:
docker/cli `cli/command/container/opts.go` and `opts/`, and docker 26.1.5's answers.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import click

from ipycontainer.commands.environment_files import lines_of
from ipycontainer.commands.types import Bytes, HostAddress, List, Map, String, Sysctl
from ipycontainer.errors import UsageError
from ipycontainer.model.privileges import DEFAULT_SHM_BYTES, Sharing

__all__ = ["OPTIONS", "annotation_map", "labels", "sharing"]

OPTIONS = (
    click.option("--add-host", type=HostAddress(), multiple=True, help="Add a line to /etc/hosts"),
    click.option("--annotation", type=Map(), multiple=True, help="Pass a word to the OCI runtime"),
    click.option("--cgroupns", type=String(), default="", help="Cgroup namespace: host, private"),
    click.option("--cidfile", type=String(), default="", help="Write the container's id to a file"),
    click.option("--domainname", type=String(), default="", help="Container NIS domain name"),
    click.option("--group-add", type=List(), multiple=True, help="Add additional groups to join"),
    click.option(
        "--ipc",
        type=String(),
        default="",
        help="IPC mode: none, private, shareable, host, container:NAME",
    ),
    click.option("--label-file", type=List(), multiple=True, help="Read labels from a file"),
    click.option("--pid", type=String(), default="", help="PID namespace: host or container:NAME"),
    click.option("--shm-size", type=Bytes(), default=0, help="Size of /dev/shm"),
    click.option("--sysctl", type=Sysctl(), multiple=True, help="Set a kernel parameter"),
    click.option("--userns", type=String(), default="", help="User namespace: host"),
    click.option("--uts", type=String(), default="", help="UTS namespace: host"),
)


def sharing(
    *,
    cgroupns: str,
    domainname: str,
    ipc: str,
    pid: str,
    shm_size: int,
    sysctl: Sequence[str],
    userns: str,
    uts: str,
    **_: Any,
) -> Sharing:
    """Return what the options ask for. Raises UsageError."""
    donor = pid.partition("container:")[2] if pid.startswith("container:") else ""
    for name, kind, valid in (
        ("pid", "PID", pid in ("", "host") or bool(donor)),
        ("uts", "UTS", uts in ("", "host")),
        ("userns", "USER", userns in ("", "host")),
        ("cgroupns", "CGROUP", cgroupns in ("", "host", "private")),
    ):
        if not valid:
            raise UsageError(f"--{name}: invalid {kind} mode")
    return Sharing(
        pid=pid,
        ipc=ipc,
        uts=uts,
        cgroupns=cgroupns,
        userns=userns,
        domainname=domainname,
        shm_bytes=shm_size or DEFAULT_SHM_BYTES,
        sysctls=_pairs(sysctl),
    )


def annotation_map(words: Sequence[str]) -> dict[str, str]:
    """Return the annotations of `--annotation K[=V]`; the last one wins."""
    return _pairs(words)


def labels(files: Sequence[str], words: Sequence[str], cwd: Path) -> dict[str, str]:
    """Return the labels of files and of `-l`, in this order; the last value of a name wins.

    A name alone counts for nothing in a file: docker's reader looks such a one up in an
    environment, and labels have none. Raises UsageError with docker's words for an unreadable or
    malformed file.
    """
    lines = (line for name in files for line in lines_of(name, cwd))
    return _pairs([*(line for line in lines if "=" in line), *words])


def _pairs(words: Sequence[str]) -> dict[str, str]:
    return {name: value for name, _, value in (word.partition("=") for word in words)}
