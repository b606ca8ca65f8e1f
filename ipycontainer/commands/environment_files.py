"""Files of environment variables or labels, and `-e`. Source: docker/cli `opts/{file,env}.go`."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from ipycontainer.errors import UsageError

__all__ = ["lines_of", "resolve"]

_BOM = b"\xef\xbb\xbf"


def resolve(
    files: Sequence[str],
    assignments: Sequence[str],
    environment: Mapping[str, str],
    cwd: Path,
    *,
    keep_bare: bool = False,
) -> tuple[str, ...]:
    """Return `K=V` for each variable: files first, then `-e`; the last value of a name wins.

    A `K` alone takes the caller's value, and is left out where the caller has none, unless
    `keep_bare`: then it stays, and says that the variable should go. Raises
    UsageError with docker's words for an unreadable or malformed file.
    """
    lines = [line for name in files for line in lines_of(name, cwd)]
    values: dict[str, str | None] = {}
    for line in [*lines, *assignments]:
        name, equals, value = line.partition("=")
        if equals:
            values[name] = value
        elif name in environment or keep_bare:
            values[name] = environment.get(name)
    return tuple(name if value is None else f"{name}={value}" for name, value in values.items())


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
