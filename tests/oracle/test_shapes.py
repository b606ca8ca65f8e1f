"""Objects of `inspect` have docker's keys, with values of docker's types."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from subprocess import CompletedProcess
from typing import Any

import pytest

Command = Callable[..., "CompletedProcess[str]"]

# Below these, keys are names of the user's or of the storage driver's.
FREE = {".Config.Labels", ".GraphDriver.Data"}

OPTIONS = ("-l", "a=b", "-e", "A=1", "-w", "/tmp", "--name", "shape")


def shape(value: Any, path: str = "") -> Iterator[tuple[str, str]]:
    """Yield each path with the name of its type; null is every type."""
    if isinstance(value, dict) and path not in FREE:
        for key, inner in value.items():
            yield from shape(inner, f"{path}.{key}")
    else:
        yield path, "" if value is None else type(value).__name__


def compared(docker: Command, shell: Command, *words: str) -> tuple[set[str], list[str]]:
    """Return the paths that only docker has, and those whose types differ."""
    theirs, ours = (dict(shape(json.loads(run(*words).stdout)[0])) for run in (docker, shell))
    missing = theirs.keys() - ours.keys()
    unlike = [
        f"{path}: {kind}, not {ours[path]}"
        for path, kind in theirs.items()
        if kind and ours.get(path) and kind != ours[path]
    ]
    return missing, unlike


@pytest.mark.parametrize("state", ["created", "running", "exited"])
def test_container(docker: Command, shell: Command, busybox_tar: Path, state: str) -> None:
    """A container in each state of its life."""
    shell("import", str(busybox_tar), "busybox:latest")
    for run in (docker, shell):
        run("create", *OPTIONS, "busybox", "sleep", "100")
        if state != "created":
            run("start", "shape")
        if state == "exited":
            run("stop", "-t", "0", "shape")
    found = compared(docker, shell, "inspect", "shape")
    for run in (docker, shell):
        run("rm", "-f", "shape")
    assert found == (set(), [])


def test_image(docker: Command, shell: Command, busybox_tar: Path) -> None:
    """An imported image."""
    shell("import", str(busybox_tar), "busybox:latest")
    assert compared(docker, shell, "image", "inspect", "busybox") == (set(), [])
