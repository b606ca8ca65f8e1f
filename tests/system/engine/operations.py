"""The engine's operations as faults are put into them; run as a program, does one under a fault.

    python operations.py HOME OPERATION ARCHIVE FILE

makes what the operation needs, makes FILE, at which faults begin to strike (ipycontainer.faults),
does the operation, and prints how it ended. A program of its own, since a fault may kill it, and
stands in the environment when it begins.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import ipycontainer
from ipycontainer.engine.container import Container
from ipycontainer.engine.engine import Engine
from ipycontainer.errors import EngineError, ImageNotFound, NameInUse, NoSuchContainer

__all__ = ["OPERATIONS", "Operation"]

# Ends at once when it is asked to, with its own code; process 1 ignores what it does not handle.
WAITER = ["sh", "-c", "trap 'exit 7' TERM; echo ready; while :; do sleep 0.02; done"]


@dataclass(frozen=True, slots=True)
class Operation:
    """What it needs, itself, and a second try after a fault, which says whether all is well."""

    prepare: Callable[[Engine, Path], object]
    act: Callable[[Engine, Path], object]
    again: Callable[[Engine, Path], object]


def _nothing(_: Engine, __: Path) -> None:
    pass


def _get(engine: Engine) -> Container:
    return engine.containers.get("cut")


def _make(engine: Engine, command: list[str]) -> Container:
    return engine.containers.create("busybox", command, name="cut", network="none")


def _running(engine: Engine, _: Path) -> None:
    """Have a container run that has set its handler, and nobody's watch on it."""
    container = _make(engine, WAITER)
    container.start()
    for _line in container.log_entries(follow=True):
        break


def _create(engine: Engine, _: Path) -> None:
    _make(engine, ["true"])


def _create_again(engine: Engine, _: Path) -> None:
    try:
        _make(engine, ["true"])
    except NameInUse:
        pass  # the first try was cut after it had done its work
    _get(engine).start()
    assert _get(engine).wait()["StatusCode"] == 0


def _start(engine: Engine, _: Path) -> None:
    _get(engine).start()


def _start_again(engine: Engine, _: Path) -> None:
    _get(engine).start()
    assert _get(engine).status == "running"
    assert _get(engine).exec_run(["echo", "here"]).output == b"here\n"


def _run(engine: Engine, _: Path) -> None:
    result = engine.run("busybox", ["echo", "x"], name="cut", network="none", remove=True)
    assert (result.exit_code, result.stdout) == (0, b"x\n"), result


def _run_again(engine: Engine, archive: Path) -> None:
    # Cut between its creation and its start, it is there as docker's is then, to be removed.
    if engine.containers.list(all=True):
        assert _get(engine).status == "created"
        _get(engine).remove()
    _run(engine, archive)
    assert engine.containers.list(all=True) == []


def _stop(engine: Engine, _: Path) -> None:
    _get(engine).stop()


def _stop_again(engine: Engine, _: Path) -> None:
    _get(engine).stop()
    assert _get(engine).status == "exited"


def _stopped(engine: Engine, _: Path) -> None:
    container = _make(engine, ["sh", "-c", "mkdir -p /new/directory; echo > /etc/passwd"])
    container.start()
    container.wait()


def _remove(engine: Engine, _: Path) -> None:
    _get(engine).remove()


def _remove_again(engine: Engine, archive: Path) -> None:
    try:
        _remove(engine, archive)
    except NoSuchContainer:
        pass
    assert engine.containers.list(all=True) == []
    _make(engine, ["true"])


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
    result = _get(engine).exec_run(["echo", "here"])
    assert (result.exit_code, result.output) == (0, b"here\n"), result


def _exec_again(engine: Engine, archive: Path) -> None:
    _get(engine).start()  # one that runs still is left as it is
    _exec(engine, archive)


OPERATIONS = {
    "create": Operation(_nothing, _create, _create_again),
    "start": Operation(lambda engine, _: _make(engine, WAITER), _start, _start_again),
    "run": Operation(_nothing, _run, _run_again),
    "stop": Operation(_running, _stop, _stop_again),
    "rm": Operation(_stopped, _remove, _remove_again),
    "import": Operation(_nothing, _import, _import_again),
    "rmi": Operation(_import, _remove_image, _remove_image_again),
    "exec": Operation(_running, _exec, _exec_again),
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
