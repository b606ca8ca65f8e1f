"""A cell in the scratch process: its value, its traceback, and what is refused to it."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from pathlib import Path

import pytest

from ipycontainer.byhand import calls, scratch
from ipycontainer.byhand.scratch import Namespace

ROOT = Path(__file__).resolve().parents[3]


class Nobody:
    """An outside that says what it was asked."""

    def __init__(self) -> None:
        self.asked: list[object] = []

    def map_ids(self, program: str, pid: int, ids: tuple[int, ...]) -> None:
        self.asked.append((program, pid, ids))

    def heed_directory(self, path: str) -> None:
        self.asked.append(path)


@pytest.fixture
def outside(monkeypatch: pytest.MonkeyPatch) -> Nobody:
    """Let this process begin anew."""
    monkeypatch.setattr(calls, "_at_first", calls._Beginning())
    return Nobody()


@pytest.fixture
def namespace(outside: Nobody) -> Namespace:
    """What a cell finds."""
    return calls.begin(outside, scratch.report)


def lines_of(text: str, namespace: Namespace) -> list[str]:
    """Return the traceback of a cell that fails."""
    answer = scratch.run(text, "In [7]", namespace)
    lines: list[str] = answer["lines"]
    return lines


def test_last_expression_is_shown(namespace: Namespace, capsys: pytest.CaptureFixture[str]) -> None:
    """A cell ends as in a notebook: with its value, unless that is None or a `;` follows."""
    assert scratch.run("x = 20\nx + 1", "In [1]", namespace) == {}
    assert scratch.run("x * 2\nNone", "In [2]", namespace) == {}
    assert scratch.run("x * 3;\n", "In [2]", namespace) == {}
    assert scratch.run("# nothing", "In [3]", namespace) == {}
    assert capsys.readouterr().out == "21\n"


def test_traceback_has_the_cells_lines_alone(namespace: Namespace) -> None:
    """Where a function of ours fails is the line that calls it; those of other cells are told."""
    scratch.run("def deep():\n    newuidmap(1, 2)", "In [6]", namespace)
    text = "\n".join(lines_of("try:\n    1 / 0\nexcept ZeroDivisionError:\n    deep()", namespace))
    assert 'File "In [7]", line 2, in <module>\n    1 / 0' in text
    assert 'File "In [6]", line 2, in deep\n    newuidmap(1, 2)' in text
    assert text.endswith("ValueError: newuidmap: ids come by threes: inside, outside, how many")
    assert "calls.py" not in text
    assert "scratch.py" not in text


def test_syntax_error_points_at_the_place(namespace: Namespace) -> None:
    """What is no Python is shown with its line, and nothing of the cell was run."""
    lines = lines_of("ran = True\ndef f(:", namespace)
    assert lines[:2] == ['  File "In [7]", line 2', "    def f(:"]
    assert "ran" not in namespace


def test_machine_itself_is_not_changed(namespace: Namespace) -> None:
    """In the machine's own namespaces root's calls are refused before the kernel sees them."""
    for text, flag in (
        ("mount('tmpfs', '/mnt', 'tmpfs')", "CLONE_NEWNS"),
        ("umount('/proc')", "CLONE_NEWNS"),
        ("pivot_root('/mnt', '/mnt')", "CLONE_NEWNS"),
        ("sethostname('lesson')", "CLONE_NEWUTS"),
        ("setdomainname('lesson')", "CLONE_NEWUTS"),
        ("ip_link_add('a', 'b', 1)", "CLONE_NEWNET"),
        ("ip_address_add('lo', '127.0.0.2/8')", "CLONE_NEWNET"),
        ("ip_link_set_up('lo')", "CLONE_NEWNET"),
    ):
        last = lines_of(text, namespace)[-1]
        assert last.startswith("PermissionError")
        assert f"namespace: unshare({flag}) first" in last


def test_maps_are_asked_of_the_process_outside(namespace: Namespace, outside: Nobody) -> None:
    """An id map is written from outside, with the numbers as they were given."""
    assert scratch.run("newgidmap(5, 0, 1000, 1)", "In [1]", namespace) == {}
    assert outside.asked == [("newgidmap", 5, (0, 1000, 1))]


def test_functions_say_what_they_are(namespace: Namespace) -> None:
    """Every function has a docstring that names its man page."""
    functions = [value for value in namespace.values() if callable(value)]
    assert len(functions) >= 14
    for function in functions:
        assert re.search(r"\([128]\)", function.__doc__ or ""), function


def test_scratch_process_has_one_thread() -> None:
    """Nothing that is loaded for it starts a thread: unshare(2) of a user namespace needs that."""
    program = (
        "import json, sys, threading, os, importlib\n"
        "from ipycontainer.byhand import keeper, scratch\n"
        "[importlib.import_module(name) for name in scratch._READY]\n"
        "print(json.dumps([len(os.listdir('/proc/self/task')), sorted(sys.modules)]))"
    )
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True, cwd=ROOT
    )
    threads, loaded = json.loads(done.stdout)
    assert threads == 1
    assert not {"IPython", "pandas", "click", "kernel_ext"} & set(loaded)
