"""The engine's operations as faults are put into them; run as a program, does one under a fault.

    python operations.py HOME OPERATION ARCHIVE FILE

makes what the operation needs, makes FILE, at which faults begin to strike (ipycontainer.faults),
does the operation, and prints how it ended. A program of its own, since a fault may kill it, and
stands in the environment when it begins.
"""

from __future__ import annotations

import sys
from pathlib import Path

import ipycontainer
from ipycontainer.engine.engine import Engine
from ipycontainer.errors import EngineError, ImageNotFound, NameInUse, NoSuchContainer
from tests.system.engine.more_operations import MORE_OPERATIONS
from tests.system.engine.network_operations import NETWORK_OPERATIONS
from tests.system.engine.operation import WAITER, Operation, get, make, nothing, running, stopped

__all__ = ["OPERATIONS"]


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


def main(home: str, name: str, archive: str, file: str) -> None:
    """Do an operation under the fault that the environment names."""
    operation = OPERATIONS[name]
    with ipycontainer.connect(home) as engine:
        operation.prepare(engine, Path(archive))
        engine.containers.list()  # what an engine does once only is done
        Path(file).touch()
        try:
            operation.act(engine, Path(archive))
            print("done")
        except (EngineError, OSError, AssertionError) as error:
            print(f"{type(error).__name__}: {error}")
        finally:
            Path(file).rename(f"{file}.notes") if Path(file).exists() else None


if __name__ == "__main__":
    main(*sys.argv[1:])
