"""The options of `run` and `create` about what a container may do: its privileges.

What docker's client checks is checked here; what its daemon checks, and what the machine can do, is
the engine's. Sources: docker/cli `cli/command/container/opts.go`, and docker 26.1.5's answers.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import click

from ipycontainer.commands.go_quoting import go_quote
from ipycontainer.commands.json_text import compacted
from ipycontainer.commands.types import DeviceRule, List
from ipycontainer.errors import InvalidArgument, Unsupported, UsageError
from ipycontainer.model.privileges import DeviceMapping, Privileges

__all__ = ["OPTIONS", "privileges"]

OPTIONS = (
    click.option("--cap-add", type=List(), multiple=True, help="Add Linux capabilities"),
    click.option("--cap-drop", type=List(), multiple=True, help="Drop Linux capabilities"),
    click.option("--device", type=List(), multiple=True, help="Show a device of this machine"),
    click.option(
        "--device-cgroup-rule",
        type=DeviceRule(),
        multiple=True,
        help="Add a rule to the container's allowed devices",
    ),
    click.option("--privileged", is_flag=True, help="Give extended privileges to the container"),
    click.option("--security-opt", type=List(), multiple=True, help="Security options"),
)

# A device that a vendor's file describes: `vendor.com/class=name`
# (github.com/cncf-tags/container-device-interface).
_CDI = re.compile(r"[A-Za-z][\w.-]*/[A-Za-z][\w.-]*=[\w.:-]+")


def privileges(
    cwd: Path,
    *,
    cap_add: tuple[str, ...],
    cap_drop: tuple[str, ...],
    device: tuple[str, ...],
    device_cgroup_rule: tuple[str, ...],
    privileged: bool,
    security_opt: tuple[str, ...],
    **_: Any,
) -> Privileges:
    """Return what the options ask for; profiles are read from files below `cwd`."""
    words = [_security_opt(text, cwd) for text in security_opt]
    return Privileges(
        privileged=privileged,
        cap_add=cap_add,
        cap_drop=cap_drop,
        devices=tuple(_device(text) for text in device),
        device_rules=device_cgroup_rule,
        security_opt=_without_paths(words),
        open_paths="systempaths=unconfined" in words,
    )


def _without_paths(words: Sequence[str]) -> tuple[str, ...]:
    return tuple(word for word in words if word != "systempaths=unconfined")


def _device(text: str) -> DeviceMapping:
    if _CDI.fullmatch(text):
        raise Unsupported(f"--device {text}: CDI devices are not supported yet")
    try:
        return DeviceMapping.parse(text)
    except InvalidArgument as error:
        raise UsageError(error.message) from None


def _security_opt(text: str, cwd: Path) -> str:
    """Return a word of --security-opt as docker's client sends it: with the profile's own text."""
    key, _, value = text.partition("=" if "=" in text else ":")
    if not value and key != "no-new-privileges":
        raise UsageError(f"Invalid --security-opt: {go_quote(text)}")
    if key == "seccomp" and value not in ("unconfined", "builtin"):
        return f"seccomp={_profile(value, cwd)}"
    return text


def _profile(name: str, cwd: Path) -> str:
    try:
        raw = (cwd / name).read_bytes()
    except OSError as error:
        verb = "read" if isinstance(error, IsADirectoryError) else "open"
        words = f"{verb} {name}: {(error.strerror or str(error)).lower()}"
        raise UsageError(f"opening seccomp profile ({name}) failed: {words}") from None
    try:
        return compacted(raw.decode("utf-8", "replace"))
    except ValueError as error:
        raise UsageError(f"compacting json for seccomp profile ({name}) failed: {error}") from None
