"""The file that `save -o` and `export -o` write: it appears, or is replaced, when it is whole."""

from __future__ import annotations

import os
import secrets
import stat
from collections.abc import Iterator
from contextlib import contextmanager, suppress

from ipycontainer.errors import OutputPathError

__all__ = ["check", "written"]


def check(path: str, shown: str = "") -> None:
    """Refuse a place that is in no directory, or a device's. Raises OutputPathError.

    `shown` is the path as it was typed, where that is what is told. As docker's ValidateOutputPath.
    """
    shown = shown or path
    if path.endswith("/.") and not os.path.lexists(path.removesuffix("/.")):
        wanted = path.removesuffix("/.")
        raise OutputPathError(f"stat {wanted}: no such file or directory")
    if not os.path.exists(os.path.dirname(os.path.normpath(path)) or "."):
        above = os.path.dirname(os.path.normpath(shown))
        raise OutputPathError(f'invalid output path: directory "{above}" does not exist')
    try:
        mode = os.stat(path).st_mode
    except FileNotFoundError:
        return
    except OSError as error:
        raise OutputPathError(f"stat {shown}: {(error.strerror or '').lower()}") from None
    if stat.S_ISCHR(mode) or stat.S_ISBLK(mode):
        raise OutputPathError(
            f'invalid output path: "{shown}" must be a directory or a regular file: got a device',
            hint="- writes the archive to standard output",
        )


@contextmanager
def written(path: str, shown: str = "") -> Iterator[int]:
    """Give a descriptor that becomes the file at `path` once all went well; else nothing is left.

    A pipe is written to as it is. Raises OutputPathError where `check` does, where there is a
    directory, and where nothing can be made; it says `shown`, the path as it was typed.
    """
    shown = shown or path
    check(path, shown)
    mode = 0
    with suppress(OSError):
        mode = os.stat(path).st_mode
    if stat.S_ISFIFO(mode):
        with _closing(_open(path, shown, os.O_WRONLY)) as fd:
            yield fd
        return
    # Docker's name, which is seen where it cannot be renamed to what was asked for: a directory.
    name = f".docker_temp_{secrets.randbelow(1 << 32)}"
    beside = os.path.join(os.path.dirname(path), name)
    told = f"{os.path.dirname(shown) or '.'}/{name}"
    with _closing(_open(beside, told, os.O_WRONLY | os.O_CREAT | os.O_EXCL)) as fd:
        try:
            yield fd
            if stat.S_ISDIR(mode):
                raise OutputPathError(f"rename {told} {shown}: file exists")
            os.replace(beside, path)
        except BaseException:
            with suppress(FileNotFoundError):
                os.unlink(beside)
            raise


@contextmanager
def _closing(fd: int) -> Iterator[int]:
    try:
        yield fd
    finally:
        os.close(fd)


def _open(path: str, told: str, flags: int) -> int:
    try:
        return os.open(path, flags | os.O_CLOEXEC, 0o600)
    except OSError as error:
        raise OutputPathError(f"open {told}: {(error.strerror or '').lower()}") from error
