"""The engine's operations as faults are put into them; run as a program, does them under faults.

For each line on stdin, a list of FAULT, HOME, OPERATION, ARCHIVE and FILE as JSON, it forks: the
child makes what the operation needs, makes FILE, at which faults begin to strike
(ipycontainer.faults), and does the operation; a line says how it ended. A process of its own each,
since a fault may kill it; forks, since a cold Python takes longer than most operations.
"""

from __future__ import annotations

import importlib
import json
import os
import signal
import sys
from pathlib import Path

import ipycontainer
from ipycontainer import faults
from ipycontainer.engine.engine import Engine
from ipycontainer.errors import EngineError, ImageNotFound, NameInUse, NoSuchContainer
from tests.system.engine.more_operations import MORE_OPERATIONS
from tests.system.engine.network_operations import NETWORK_OPERATIONS
from tests.system.engine.operation import WAITER, Operation, get, make, nothing, running, stopped

__all__ = ["OPERATIONS"]

TIMEOUT_SECONDS = 60


def _create(engine: Engine, _: Path) -> None:
    make(engine, ["true"])


def _create_again(engine: Engine, _: Path) -> None:
    try:
        make(engine, ["true"])
    except NameInUse:
        pass  # the first try was cut after it had done its work
    get(engine).start()
    assert get(engine).wait()["StatusCode"] == 0


def _start(engine: Engine, _: Path) -> None:
    get(engine).start()


def _start_again(engine: Engine, _: Path) -> None:
    get(engine).start()
    assert get(engine).status == "running"
    assert get(engine).exec_run(["echo", "here"]).output == b"here\n"


def _run(engine: Engine, _: Path) -> None:
    result = engine.run("busybox", ["echo", "x"], name="cut", network="none", remove=True)
    assert (result.exit_code, result.stdout) == (0, b"x\n"), result


def _run_again(engine: Engine, archive: Path) -> None:
    # Cut between its creation and its start, it is there as docker's is then, to be removed.
    if engine.containers.list(all=True):
        assert get(engine).status == "created"
        get(engine).remove()
    _run(engine, archive)
    assert engine.containers.list(all=True) == []


def _stop(engine: Engine, _: Path) -> None:
    get(engine).stop()


def _stop_again(engine: Engine, _: Path) -> None:
    get(engine).stop()
    assert get(engine).status == "exited"


def _remove(engine: Engine, _: Path) -> None:
    get(engine).remove()


def _remove_again(engine: Engine, archive: Path) -> None:
    try:
        _remove(engine, archive)
    except NoSuchContainer:
        pass
    assert engine.containers.list(all=True) == []
    make(engine, ["true"])


def _import(engine: Engine, archive: Path) -> None:
    engine.images.import_(archive, repository="second", tag="1")


def _import_again(engine: Engine, archive: Path) -> None:
    _import(engine, archive)
    assert engine.run("second:1", ["true"], name="cut", network="none").exit_code == 0


def _remove_image(engine: Engine, _: Path) -> None:
    engine.images.remove("second:1")


def _remove_image_again(engine: Engine, archive: Path) -> None:
    try:
        _remove_image(engine, archive)
    except ImageNotFound:
        pass
    _import(engine, archive)


def _exec(engine: Engine, _: Path) -> None:
    result = get(engine).exec_run(["echo", "here"])
    assert (result.exit_code, result.output) == (0, b"here\n"), result


def _exec_again(engine: Engine, archive: Path) -> None:
    get(engine).start()  # one that runs still is left as it is
    _exec(engine, archive)


OPERATIONS = {
    "create": Operation(nothing, _create, _create_again),
    "start": Operation(lambda engine, _: make(engine, WAITER), _start, _start_again),
    "run": Operation(nothing, _run, _run_again),
    "stop": Operation(running, _stop, _stop_again),
    "rm": Operation(stopped, _remove, _remove_again),
    "import": Operation(nothing, _import, _import_again),
    "rmi": Operation(_import, _remove_image, _remove_image_again),
    "exec": Operation(running, _exec, _exec_again),
    **MORE_OPERATIONS,
    **NETWORK_OPERATIONS,
}


def main() -> None:
    """Do what the lines say, until stdin ends."""
    for line in sys.stdin:
        read, write = os.pipe()
        child = os.fork()
        if child == 0:
            os.close(read)
            _be_the_child(write, *json.loads(line))
        os.close(write)
        with open(read, encoding="utf-8") as pipe:
            said = pipe.read()  # until its end: nobody else has the other side
        _, status = os.waitpid(child, 0)
        print(json.dumps([os.waitstatus_to_exitcode(status), said]), flush=True)


def _be_the_child(write: int, fault: str, *words: str) -> None:
    code = 1
    try:
        os.setsid()
        signal.alarm(TIMEOUT_SECONDS)
        os.environ[faults.VARIABLE] = fault
        importlib.reload(faults)  # which looks there once
        os.write(write, do(*words).encode())
        code = 0
    finally:
        os._exit(code)


def do(home: str, name: str, archive: str, file: str) -> str:
    """Do an operation under the fault that the environment names; return how it ended."""
    operation = OPERATIONS[name]
    with ipycontainer.connect(home) as engine:
        operation.prepare(engine, Path(archive))
        engine.containers.list()  # what an engine does once only is done
        Path(file).touch()
        try:
            operation.act(engine, Path(archive))
            return "done"
        except (EngineError, OSError, AssertionError) as error:
            return f"{type(error).__name__}: {error}"
        finally:
            Path(file).rename(f"{file}.notes") if Path(file).exists() else None


if __name__ == "__main__":
    main()
