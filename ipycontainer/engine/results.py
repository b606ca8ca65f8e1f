"""What the Python API returns of a program that has ended."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from ipycontainer.engine.container import Container

__all__ = ["ExecResult", "RunResult"]


@dataclass(frozen=True, slots=True)
class RunResult:
    """A container's whole run: complete also when it failed, timed out or is removed already."""

    exit_code: int
    stdout: bytes
    stderr: bytes
    container: Container
    timed_out: bool = False


@dataclass(frozen=True, slots=True)
class ExecResult:
    """A command's run inside a container, with docker-py's names.

    `output` is bytes, or a pair (stdout, stderr) with `demux`; `exit_code` is None with `detach`.
    """

    exit_code: int | None
    output: bytes | tuple[bytes, bytes]
