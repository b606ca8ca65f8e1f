"""Compiled system call filters: which one a bundle asks for, and the cache of those.

A program is compiled once a profile, capability set and kernel, and kept as raw bytes. The compiler
and its library would stay in the memory of a process that lives long and is forked often: there a
child compiles. Imports seccomp and errors only.
"""

from __future__ import annotations

import json
import os
import zlib
from collections.abc import Callable, Iterable
from pathlib import Path

from ipycontainer.errors import EngineError, ResourceError, from_wire
from ipycontainer.linux.capabilities import mask_of
from ipycontainer.model.oci import ANNOTATION_SECCOMP, Spec
from ipycontainer.runtime.seccomp import (
    COMPILER_VERSION,
    compile_profile,
    default_data,
    default_profile,
)

__all__ = ["default_program", "program_of"]

_programs: dict[str, bytes] = {}
_COMPILED, _REFUSED = b"+", b"-"


def program_of(spec: Spec, default: bytes, cache: Path | str) -> bytes | None:
    """Return the filter that a bundle asks for; `default` is the one of most containers.

    Another is read from `cache`, or compiled by a child and kept there. Raises Unsupported without
    libseccomp, InvalidArgument for a profile that is none.
    """
    asked = spec.annotations.get(ANNOTATION_SECCOMP, "")
    bounding = spec.process.capabilities.bounding
    custom = spec.linux.seccomp
    if custom is not None and asked:
        return _kept(
            f"{_machine()}-{asked}", cache, lambda: _apart(lambda: compile_profile(custom))
        )
    if asked == "default":
        return default
    if asked != "capabilities":
        return None
    return _kept(
        _default_key(bounding),
        cache,
        lambda: _apart(lambda: compile_profile(default_profile(bounding, _release()))),
    )


def default_program(bounding: Iterable[str], cache: Path | str | None = None) -> bytes:
    """Return docker's default filter for a container with these capabilities in its bounding set.

    Kept in memory and, with `cache` (a directory), on disk under a name that tells all that it
    depends on; a file of another length or owner is not believed. Raises Unsupported without
    libseccomp.
    """
    caps = sorted(set(bounding))
    return _kept(
        _default_key(caps), cache, lambda: compile_profile(default_profile(caps, _release()))
    )


def _default_key(bounding: Iterable[str]) -> str:
    """Return the name of a default filter, with a checksum of our own data.

    (A digest would bring libcrypto's tables into every fork.)
    """
    data = zlib.crc32(json.dumps([default_data(), COMPILER_VERSION]).encode())
    return f"{_machine()}-{mask_of(bounding):x}-{data:08x}"


def _machine() -> str:
    return f"{os.uname().machine}-{_release()}-v{COMPILER_VERSION}"


def _release() -> str:
    return ".".join(os.uname().release.split(".")[:2])


def _kept(key: str, cache: Path | str | None, make: Callable[[], bytes]) -> bytes:
    program = _programs.get(key)
    if program is None:
        path = None if cache is None else Path(cache) / f"seccomp-{key}.bpf"
        program = _read_cached(path)
        if program is None:
            program = make()
            _write_cached(path, program)
        _programs[key] = program
    return program


def _apart(make: Callable[[], bytes]) -> bytes:
    """Make a program in a child of this process, which keeps its own memory as it is."""
    read, write = os.pipe()
    child = os.fork()
    if child == 0:
        try:
            try:
                answer = _COMPILED + make()
            except EngineError as error:
                answer = _REFUSED + json.dumps(error.to_wire()).encode()
            with open(write, "wb") as file:
                file.write(answer)
        finally:
            os._exit(0)
    os.close(write)
    with open(read, "rb") as file:
        answer = file.read()
    os.waitpid(child, 0)
    if answer[:1] == _REFUSED:
        raise from_wire(json.loads(answer[1:]))
    if answer[:1] != _COMPILED:
        raise ResourceError("the compiler of the system call filter was killed")
    return answer[1:]


def _read_cached(path: Path | None) -> bytes | None:
    if path is None:
        return None
    try:
        with open(path, "rb") as file:
            found, program = os.fstat(file.fileno()), file.read()
    except OSError:
        return None
    # a file that another user may write would be a filter that another user chooses
    mine = found.st_uid == os.geteuid() and not found.st_mode & 0o022
    return program if mine and program and len(program) % 8 == 0 else None


def _write_cached(path: Path | None, program: bytes) -> None:
    if path is None:
        return
    partial = path.with_name(f"{path.name}.{os.getpid()}")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with open(partial, "wb") as file:
            file.write(program)
            file.flush()
            os.fsync(file.fileno())  # once a home: one cut by a loss of power would be refused
        partial.chmod(0o600)
        partial.replace(path)
    except OSError:
        return  # the cache saves 10 ms; a start does without
