"""The scratch process: run one cell after the other in one namespace, and say how each went.

Forked by `keeper`, fed by `client` with JSON lines. It has one thread and keeps everything loaded
that a cell or a traceback needs: once a cell has changed its root there may be no files to import.
"""

from __future__ import annotations

import ast
import encodings.ascii
import encodings.idna
import encodings.latin_1
import importlib
import json
import linecache
import os
import signal
import socket
import sys
import traceback
import types
from typing import Any

from ipycontainer.byhand import calls

__all__ = ["Namespace", "live", "report", "run"]

Namespace = dict[str, Any]

# What cells about processes and files import; here, so that it is there after pivot_root as well.
_READY = (
    *("contextlib", "ctypes", "datetime", "errno", "fcntl", "functools", "glob", "io"),
    *("itertools", "math", "pathlib", "platform", "pprint", "pwd", "grp", "random", "re"),
    *("resource", "select", "shutil", "stat", "string", "struct", "subprocess", "tempfile"),
    *("textwrap", "threading", "time", "pydoc"),
)
_ENCODINGS = (encodings.ascii, encodings.idna, encodings.latin_1)
_OURS = os.path.dirname(os.path.abspath(__file__))


def live(cells: socket.socket, outside: calls.Outside) -> None:
    """Run cells until nobody sends any more."""
    for name in _READY:
        importlib.import_module(name)
    _watch_cgroups(outside)
    calls.protect_machine()
    main = types.ModuleType("__main__")
    sys.modules["__main__"] = main
    namespace = main.__dict__
    namespace.update(calls.begin(outside, report))
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    own = os.getpid()
    with cells.makefile("rb") as lines:
        for line in lines:
            request = json.loads(line)
            answer = run(request["text"], request["name"], namespace)
            sys.stdout.flush()
            sys.stderr.flush()
            if os.getpid() != own:  # a cell that called os.fork() and let its child run on
                os._exit(0)
            cells.sendall(json.dumps(answer).encode() + b"\n")


def run(text: str, name: str, namespace: Namespace) -> dict[str, Any]:
    """Run a cell; return {} or what it raised: `lines` of the traceback, `error` in one line.

    Its last expression is shown, as a notebook does, without a `;` behind it. `name` stands for a
    file's name in tracebacks, which show the cell's own lines and none of ours.
    """
    linecache.cache[name] = (len(text), None, text.splitlines(keepends=True), name)
    try:
        try:
            tree = compile(text, name, "exec", ast.PyCF_ONLY_AST, dont_inherit=True)
            assert isinstance(tree, ast.Module)
            last = None
            if tree.body and isinstance(tree.body[-1], ast.Expr) and not _silenced(text):
                last = tree.body.pop()
            steps = [compile(tree, name, "exec", dont_inherit=True)]
            if last is not None:
                shown = ast.Interactive([last])
                steps.append(compile(shown, name, "single", dont_inherit=True))
            signal.signal(signal.SIGINT, signal.default_int_handler)
            for step in steps:
                exec(step, namespace)
        finally:
            signal.signal(signal.SIGINT, signal.SIG_IGN)
    except BaseException as error:  # noqa: BLE001  whatever a cell raises is its own
        return {
            "lines": "".join(_lines(error)).splitlines(),
            "error": "".join(traceback.format_exception_only(error)).strip().splitlines()[-1],
            "interrupted": isinstance(error, KeyboardInterrupt),
        }
    return {}


def _silenced(text: str) -> bool:
    return text.rstrip().endswith(";")


def report(error: BaseException) -> None:
    """Print what a child raised."""
    sys.stderr.write("".join(_lines(error)))


def _lines(error: BaseException) -> list[str]:
    shown = traceback.TracebackException.from_exception(error)
    _leave_out_ours(shown)
    return list(shown.format())


def _leave_out_ours(shown: traceback.TracebackException | None) -> None:
    """Take our own frames out: where a call failed is the cell's line that made it."""
    while shown is not None:
        for index in reversed(range(len(shown.stack))):
            file = shown.stack[index].filename
            if file.startswith((_OURS, os.path.join(os.path.dirname(_OURS), "linux"))):
                del shown.stack[index]
        _leave_out_ours(shown.__cause__)
        shown = shown.__context__


def _watch_cgroups(outside: calls.Outside) -> None:
    """Tell the process outside of each cgroup before it is made, so that it removes it again."""

    def hear(event: str, arguments: tuple[Any, ...]) -> None:
        if event == "os.mkdir" and arguments[2] == -1:
            outside.heed_directory(os.path.realpath(os.fsdecode(arguments[0])))

    sys.addaudithook(hear)
