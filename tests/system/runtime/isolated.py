"""Run a function of a test module as root in a process of its own.

Real root, or root of a user namespace.

Tests of the runtime enter namespaces, which the test runner must never do. `call` starts a fresh
interpreter with one thread, which becomes root in a new user namespace where it is not root
already, and returns the function's JSON result.
"""

from __future__ import annotations

import importlib
import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

from ipycontainer.linux import namespaces

__all__ = ["call", "remove_tree"]

CLONE = Path(__file__).parents[3]


def call(function: Callable[..., Any], *arguments: Any, timeout: float = 60) -> Any:
    """Return what a function of a test module says in such a process.

    Fails with the process's own traceback.
    """
    read, write = os.pipe()
    file = Path(sys.modules[function.__module__].__file__ or "")
    name = ".".join(file.relative_to(CLONE).with_suffix("").parts)
    try:
        done = subprocess.run(
            [sys.executable, "-m", __name__, str(write), name, function.__name__],
            input=json.dumps(arguments),
            capture_output=True,
            text=True,
            timeout=timeout,
            check=False,
            pass_fds=(write,),
            env={**os.environ, "PYTHONPATH": str(CLONE)},
        )
        os.close(write)
        write = -1
        with open(read, encoding="utf-8") as pipe:
            read = -1
            answer = pipe.read()
    finally:
        for fd in (read, write):
            if fd >= 0:
                os.close(fd)
    assert done.returncode == 0, done.stderr
    return json.loads(answer)


def remove_tree(path: str) -> None:
    """Remove a directory that holds files of subordinate ids."""
    shutil.rmtree(path)


def main() -> None:
    """Be that process."""
    write, module, name = sys.argv[1:]
    os.set_inheritable(int(write), False)
    arguments = json.load(sys.stdin)
    function = getattr(importlib.import_module(module), name)
    if os.geteuid() != 0:
        namespaces.become_root_in_new_userns()
    answer = function(*arguments)
    with open(int(write), "w", encoding="utf-8") as file:
        json.dump(answer, file)


if __name__ == "__main__":
    main()
