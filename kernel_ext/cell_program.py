"""Run a cell inside a container: take its values in, show its last one, give its results back.

kernel_ext.cell_values sends this file's text as a program of its own, to whatever Python the image
has, 3.8 or later, with the standard library alone; pandas and pyarrow only where a frame comes or
goes. Called with the exchange directory, the cell's path, and modules that it will need. What it
writes is read by kernel_ext.cell_results, which believes none of it; the notebook uses `plain` and
the writers of frames.
"""

from __future__ import annotations

import ast
import atexit
import contextlib
import gc
import importlib
import json
import os
import sys
import threading
import traceback
import types
from typing import Any, BinaryIO

NO_VALUE = "\\N"  # in CSV, where an empty text is a text
_SHOWN_ROWS = 1000
_TEXT_CHARACTERS = 64 * 1024
_PICTURES = 20
_PICTURE_BYTES = 2 * 1024 * 1024


def main(exchange: str, path: str, *modules: str) -> int:
    """Run the cell; return the exit code."""
    if not _await_values(modules):
        return 1
    with open(f"{exchange}/in/manifest.json", encoding="utf-8") as file:
        wanted = json.load(file)
    with open(path, encoding="utf-8") as file:
        text = file.read()
    module = types.ModuleType("__main__")
    module.__file__ = path
    sys.modules["__main__"] = module  # what the cell defines is found there, by pickle too
    sys.argv[:] = [path]
    sys.path[0] = os.getcwd()
    names = module.__dict__
    try:
        for entry in wanted["inputs"]:
            names[entry["name"]] = _take(entry, f"{exchange}/in/{entry['file']}")
        value = _execute(text, path, names)
    except SystemExit:
        raise
    except BaseException as error:  # noqa: BLE001  whatever the cell raises is shown
        return _fail(error, path)
    results = _Results(f"{exchange}/out/", wanted)
    try:
        if value is not None:
            results.show(value)
        results.show_figures()
        for name in wanted["results"]:
            if name not in names:
                raise _Refused(f"--out {name}: the cell sets no variable of that name")
            results.give(name, names[name])
    except _Refused as error:
        _flush()
        print(error, file=sys.stderr)
        return 1
    finally:
        results.close()
    return 0


def _await_values(modules: tuple[str, ...]) -> bool:
    """Return when the values are there; False when they will not come.

    What frames need is imported meanwhile: it takes longer than to write them. What it makes stays,
    so that nothing is looked through for garbage.
    """
    gc.disable()
    for name in modules:
        with contextlib.suppress(ImportError):
            importlib.import_module(name)
    gc.enable()
    return bool(sys.stdin.buffer.readline())


class _Refused(Exception):
    """A value cannot leave; the text says why."""


def _execute(text: str, path: str, names: dict[str, Any]) -> Any:
    """Execute all of the cell; return the value of its last expression, None after a `;`."""
    tree = ast.parse(text, path)
    last = None
    if tree.body and isinstance(tree.body[-1], ast.Expr) and not text.rstrip().endswith(";"):
        last = ast.Expression(tree.body[-1].value)
        del tree.body[-1]
    exec(compile(tree, path, "exec"), names)
    if last is None:
        return None
    return eval(compile(last, path, "eval"), names)


def _fail(error: BaseException, path: str) -> int:
    """Print a traceback that begins with the cell's own lines."""
    trace = error.__traceback__
    while trace is not None and trace.tb_frame.f_code.co_filename != path:
        trace = trace.tb_next
    _flush()
    traceback.print_exception(type(error), error, trace)
    _flush()
    return 130 if isinstance(error, KeyboardInterrupt) else 1


def _flush() -> None:
    for stream in (sys.stdout, sys.stderr):
        try:
            stream.flush()
        except (OSError, ValueError):  # the cell closed it
            continue


# ── in ───────────────────────────────────────────────────────────────────────────────────────


def _take(entry: dict[str, Any], path: str) -> Any:
    """Return a value that came in."""
    if entry["kind"] == "json":
        with open(path, encoding="utf-8") as file:
            return json.load(file)
    try:
        import pandas as pd
    except ImportError:
        raise ImportError(
            f"the frame {entry['name']} needs pandas, which is not in this image"
        ) from None
    if entry["format"] == "arrow":
        import pyarrow as pa

        with pa.memory_map(path) as mapped:
            frame = pa.ipc.open_stream(mapped).read_all().to_pandas()
    else:
        frame = read_csv(pd, path, entry["index"], entry["dtypes"])
    if entry["kind"] == "series":
        series = frame.iloc[:, 0]
        series.name = entry["series"]
        return series
    return frame


def read_csv(pd: Any, source: Any, index: int, dtypes: dict[str, str]) -> Any:
    """Return a frame from CSV: the first `index` columns are its index."""
    texts = {name: kind for name, kind in dtypes.items() if kind in ("object", "str", "string")}
    frame = pd.read_csv(
        source,
        keep_default_na=False,
        na_values=[NO_VALUE],
        index_col=list(range(index)) or None,
        dtype=texts,
        compression=None,
    )
    for name, kind in dtypes.items():
        if str(frame[name].dtype) != kind:
            frame[name] = frame[name].astype(kind)
    return frame


def write_csv(frame: Any) -> tuple[bytes, dict[str, Any]]:
    """Return a frame as CSV, and what `read_csv` must know of it."""
    plain_index = type(frame.index).__name__ == "RangeIndex"
    facts = {
        "format": "csv",
        "index": 0 if plain_index else frame.index.nlevels,
        "dtypes": {str(name): str(kind) for name, kind in frame.dtypes.items()},
    }
    return frame.to_csv(index=not plain_index, na_rep=NO_VALUE).encode(), facts


# ── out ──────────────────────────────────────────────────────────────────────────────────────


class _Results:
    """What leaves: files 1, 2 ... and a manifest that says what each is."""

    def __init__(self, place: str, wanted: dict[str, Any]) -> None:
        self._place = place
        self._arrow = wanted["arrow"]
        self._shown: list[dict[str, Any]] = []
        self._results: dict[str, dict[str, Any]] = {}
        self._count = 0

    def give(self, name: str, value: Any) -> None:
        """Write a result."""
        if _is_a(value, "DataFrame") or _is_a(value, "Series"):
            self._results[name] = self._frame(value)
            return
        try:
            text = json.dumps(plain(value))
        except (TypeError, ValueError, RecursionError) as error:
            raise _Refused(f"--out {name}: {error}") from None
        self._results[name] = {"kind": "json", "file": self._write(text.encode())}

    def show(self, value: Any) -> None:
        """Write what is shown of a value: a frame's rows, a picture, or its text."""
        if _is_a(value, "DataFrame") or _is_a(value, "Series"):
            entry = self._frame(value.iloc[:_SHOWN_ROWS])
            entry["rows"] = len(value)
            self._shown.append(entry)
            return
        if _is_a(value, "Figure", "matplotlib"):  # is shown with the others
            return
        picture = value._repr_png_() if hasattr(type(value), "_repr_png_") else None
        if isinstance(picture, bytes):
            self._picture(picture)
            return
        text = repr(value)
        if len(text) > _TEXT_CHARACTERS:
            text = f"{text[:_TEXT_CHARACTERS]} ... ({len(text)} characters)"
        data = text.encode("utf-8", "replace")
        self._shown.append({"kind": "text", "file": self._write(data)})

    def show_figures(self) -> None:
        """Write the figures of matplotlib that are open, smaller where one would be too large."""
        pyplot = sys.modules.get("matplotlib.pyplot")
        if pyplot is None:
            return
        from io import BytesIO

        for number in pyplot.get_fignums()[:_PICTURES]:
            figure = pyplot.figure(number)
            for dots in (100, 50, 20):
                data = BytesIO()
                figure.savefig(data, format="png", dpi=dots, bbox_inches="tight")
                if data.tell() <= _PICTURE_BYTES:
                    break
            self._picture(data.getvalue())

    def close(self) -> None:
        """Write the manifest."""
        found = {"shown": self._shown, "results": self._results}
        self._write(json.dumps(found).encode(), "manifest.json")

    def _picture(self, data: bytes) -> None:
        if len(data) > _PICTURE_BYTES:
            text = f"a picture of {len(data)} bytes, which is too large to be shown"
            self._shown.append({"kind": "text", "file": self._write(text.encode())})
        else:
            self._shown.append({"kind": "png", "file": self._write(data)})

    def _frame(self, value: Any) -> dict[str, Any]:
        entry: dict[str, Any] = {"kind": "frame"}
        if _is_a(value, "Series"):
            name = None if value.name is None else str(value.name)
            entry = {"kind": "series", "series": name}
            value = value.to_frame("value" if name is None else name)
        entry["file"] = self._next()
        path = self._place + entry["file"]
        if self._arrow and write_arrow(value, path):
            entry["format"] = "arrow"
            return entry
        data, facts = write_csv(value)
        with _opened(path) as file:
            file.write(data)
        return {**entry, **facts}

    def _next(self) -> str:
        self._count += 1
        return str(self._count)

    def _write(self, data: bytes, name: str = "") -> str:
        name = name or self._next()
        with _opened(self._place + name) as file:
            file.write(data)
        return name


def write_arrow(frame: Any, path: str) -> bool:
    """Write a frame as Arrow's stream, uncompressed; False without pyarrow."""
    try:
        import pyarrow as pa
    except ImportError:
        return False
    try:
        table = pa.Table.from_pandas(frame)
    except Exception as error:  # noqa: BLE001  pyarrow's own, of many types
        raise _Refused(f"a frame cannot pass as Arrow: {error}") from None
    _opened(path).close()
    # By pyarrow's own file: one of Python's gets each column as a copy, made of fresh pages.
    with pa.OSFile(path, "wb") as file, pa.ipc.new_stream(file, table.schema) as writer:
        writer.write_table(table)
    return True


def _opened(path: str) -> BinaryIO:
    """Open a file for writing that whoever holds the notebook may read."""
    fd = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o644)
    os.fchmod(fd, 0o644)
    return os.fdopen(fd, "wb")


def _is_a(value: Any, name: str, package: str = "pandas") -> bool:
    """Tell a package's class by its name, without importing the package."""
    return any(
        kind.__name__ == name and kind.__module__.split(".")[0] == package
        for kind in type(value).__mro__
    )


def plain(value: Any) -> Any:
    """Return a value as JSON can say it; TypeError for what would come out as something else."""
    if type(value).__module__ == "numpy" and getattr(value, "ndim", None) == 0:
        value = value.item()
    if value is None or isinstance(value, (bool, int, float, str)):
        return value
    if isinstance(value, (list, tuple)):
        return [plain(item) for item in value]
    if isinstance(value, dict):
        for key in value:
            if not isinstance(key, str):
                raise TypeError("a dict whose keys are no texts cannot pass")
        return {key: plain(item) for key, item in value.items()}
    raise TypeError(
        f"a value of type {type(value).__name__} cannot pass: frames, series and plain values "
        "(numbers, texts, lists, dicts) do"
    )


def _end(code: int) -> None:
    """End as an interpreter does, without taking apart what it has: with pandas that is 70 ms.

    Threads are waited for, atexit's functions called, streams written out, C's own as well.
    """
    if "pandas" not in sys.modules:
        sys.exit(code)
    threading._shutdown()  # type: ignore[attr-defined]  # what the interpreter itself calls
    atexit._run_exitfuncs()
    _flush()
    with contextlib.suppress(Exception):
        importlib.import_module("ctypes").CDLL(None).fflush(None)
    os._exit(code)


if __name__ == "__main__":
    _end(main(*sys.argv[1:]))
