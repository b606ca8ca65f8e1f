"""Files of environment variables or labels, and `-e`. Source: docker/cli `opts/{file,env}.go`."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from ipycontainer.errors import UsageError

__all__ = ["last_words", "lines_of", "resolve"]

_BOM = b"\xef\xbb\xbf"


def resolve(
    files: Sequence[str],
    assignments: Sequence[str],
    environment: Mapping[str, str],
    cwd: Path,
) -> tuple[str, ...]:
    """Return the words of the variables that are wanted, in their order: files first, then `-e`.

    A `K` alone takes the caller's value. Where the caller has none, that of a file is left out, and
    that of `-e` stays: it takes away what the container would have by itself. Raises UsageError
    with docker's words for an unreadable or malformed file.
    """
    lines = [line for name in files for line in lines_of(name, cwd)]
    known = [line for line in lines if "=" in line or line in environment]
    return tuple(
        line if "=" in line or line not in environment else f"{line}={environment[line]}"
        for line in [*known, *assignments]
    )


def last_words(words: Sequence[str]) -> Sequence[str]:
    """Return one word for each variable, its last one at the place of the first.

    Docker's client keeps each `-e` of `run` and `create` in a map, in any order; words of files all
    stay, as do those of `exec`, and the process has the last.
    """
    return tuple({word.partition("=")[0]: word for word in words}.values())


def lines_of(name: str, cwd: Path) -> Iterator[str]:
    """Yield the lines of a file of `K=V` or `K` each, without comments and empty lines."""
    try:
        raw = (cwd / name).read_bytes() if name else _missing()
    except OSError as error:
        verb = "read" if isinstance(error, IsADirectoryError) else "open"
        raise UsageError(f"{verb} {name}: {_go_words(error)}") from None
    for number, line in enumerate(raw.removeprefix(_BOM).split(b"\n"), start=1):
        try:
            text = line.removesuffix(b"\r").decode()
        except UnicodeDecodeError:
            values = " ".join(str(byte) for byte in line)
            raise UsageError(
                f"env file {name} contains invalid utf8 bytes at line {number}: [{values}]"
            ) from None
        text = text.lstrip()
        if text and not text.startswith("#"):
            _check(text)
            yield text


def _missing() -> bytes:
    raise FileNotFoundError(2, "No such file or directory")


def _go_words(error: OSError) -> str:
    return (error.strerror or str(error)).lower()


def _check(line: str) -> None:
    name = line.partition("=")[0]
    if any(space in name for space in " \t"):
        raise UsageError(f"poorly formatted environment: variable '{name}' contains whitespaces")
    if not name:
        raise UsageError(f"poorly formatted environment: no variable name on line '{line}'")
