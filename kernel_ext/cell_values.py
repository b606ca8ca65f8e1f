"""A notebook's variables on their way into a container's cell.

Between magics, which knows the variables, and the verb `python`, which knows where they go: as JSON
and files, as kernel_ext.cell_program has them. What comes back is read by cell_results.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from IPython.core.error import UsageError

from kernel_ext import cell_program

__all__ = ["CellValues"]


class CellValues:
    """The variables `names` of a notebook; with `colour` a traceback of the cell has colours."""

    def __init__(self, names: Mapping[str, Any], *, colour: bool = True) -> None:
        self._names = names
        self._colour = colour

    @property
    def program(self) -> str:
        """Return the Python program that runs the cell inside."""
        return Path(cell_program.__file__).read_text(encoding="utf-8")

    def check(self, names: Sequence[str]) -> tuple[str, ...]:
        """Return the modules that reading these variables will take.

        Raises UsageError for a name that is no variable, or whose value cannot go in.
        """
        modules: tuple[str, ...] = ()
        for name in names:
            if name not in self._names:
                raise UsageError(f"--in {name}: there is no variable of that name")
            value = self._names[name]
            package = type(value).__module__.split(".")[0]
            if package in ("pandas", "pyarrow", "polars"):
                modules = tuple(dict.fromkeys((*modules, package, "pyarrow")))
            else:
                _encoded(name, value, _Nowhere())
        return modules

    def write(self, directory: Path, names: Sequence[str], results: Sequence[str]) -> None:
        """Write the values, and a manifest of them. Raises UsageError as `check`."""
        inputs = []
        for number, name in enumerate(names):
            file = f"{number}"
            text = _encoded(name, self._names[name], _Files(directory, f"{number}-"))
            (directory / file).write_text(text, encoding="utf-8")
            inputs.append({"name": name, "file": file})
        manifest = {"inputs": inputs, "results": list(results), "colour": self._colour}
        (directory / "manifest.json").write_text(json.dumps(manifest), encoding="utf-8")


class _Nowhere:
    """Takes nothing: to see whether a value can pass."""

    def table(self, _: Any) -> str:
        return ""

    def content(self, _: Any) -> str:
        return ""


class _Files:
    """The files that go in beside a value's JSON."""

    def __init__(self, directory: Path, prefix: str) -> None:
        self._directory = directory
        self._prefix = prefix
        self._count = 0

    def table(self, table: Any) -> str:
        """Write a table, and return the file's name."""
        name = self._next()
        cell_program.write_table(table, str(self._directory / name))
        return name

    def content(self, data: Any) -> str:
        """Write bytes, and return the file's name."""
        name = self._next()
        (self._directory / name).write_bytes(data)
        return name

    def _next(self) -> str:
        self._count += 1
        return f"{self._prefix}{self._count}"


def _encoded(name: str, value: Any, files: Any) -> str:
    try:
        return json.dumps(cell_program.encode(value, files))
    except (cell_program.Refused, TypeError, ValueError, RecursionError) as error:
        raise UsageError(f"--in {name}: {error}") from None
