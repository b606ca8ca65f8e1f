"""A notebook's variables on their way into a container's cell.

Between magics, which knows the variables, and the verb `python`, which knows where they go. Frames
and series go as Arrow where the container has this notebook's packages, else as CSV; everything
else as JSON, which says plain values only. What comes back is read by cell_results.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from importlib import util
from pathlib import Path
from typing import Any

from IPython.core.error import UsageError

from kernel_ext import cell_program

__all__ = ["CellValues"]


class CellValues:
    """The variables `names` of a notebook."""

    def __init__(self, names: Mapping[str, Any]) -> None:
        self._names = names

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
            if _is_pandas(value):
                modules = ("pandas", "pyarrow")
            else:
                _json(name, value)
        return modules

    def write(
        self, directory: Path, names: Sequence[str], results: Sequence[str], host: bool
    ) -> None:
        """Write the values, and a manifest of them; `host`: the cell has our own packages."""
        arrow = util.find_spec("pyarrow") is not None
        inputs = []
        for number, name in enumerate(names):
            value, path = self._names[name], directory / str(number)
            entry: dict[str, Any] = {"name": name, "kind": "json", "file": str(number)}
            if _is_pandas(value):
                entry |= _write_frame(value, path, arrow=arrow and host)
            else:
                path.write_text(_json(name, value), encoding="utf-8")
            inputs.append(entry)
        manifest = {"inputs": inputs, "results": list(results), "arrow": arrow}
        (directory / "manifest.json").write_text(json.dumps(manifest), encoding="utf-8")


def _is_pandas(value: Any) -> bool:
    kinds = {f"{kind.__module__.split('.')[0]}.{kind.__name__}" for kind in type(value).__mro__}
    return not kinds.isdisjoint({"pandas.DataFrame", "pandas.Series"})


def _json(name: str, value: Any) -> str:
    try:
        return json.dumps(cell_program.plain(value))
    except (TypeError, ValueError, RecursionError) as error:
        raise UsageError(f"--in {name}: {error}") from None


def _write_frame(value: Any, path: Path, *, arrow: bool) -> dict[str, Any]:
    """Write a frame or a series; return what the program must know of it."""
    entry: dict[str, Any] = {"kind": "frame"}
    if hasattr(value, "to_frame") and not hasattr(value, "columns"):
        name = None if value.name is None else str(value.name)
        entry = {"kind": "series", "series": name}
        value = value.to_frame("value" if name is None else name)
    if arrow and cell_program.write_arrow(value, str(path)):
        return {**entry, "format": "arrow"}
    data, facts = cell_program.write_csv(value)
    path.write_bytes(data)
    return {**entry, **facts}
