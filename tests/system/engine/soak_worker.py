"""One of several processes that work on the same home: does what lines of JSON on stdin say.

    python soak_worker.py HOME

Each line is a list, a verb and its arguments; each answer a line, null or an error's kind.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Callable

import ipycontainer
from ipycontainer.engine.engine import Engine
from ipycontainer.errors import EngineError

__all__ = ["VERBS", "WAITER"]

WAITER = ["sh", "-c", "trap 'exit 7' TERM; while :; do sleep 0.02; done"]


def _create(engine: Engine, name: str) -> None:
    engine.containers.create("busybox", WAITER, name=name, network="none")


def _exec(engine: Engine, name: str) -> None:
    result = engine.containers.get(name).exec_run(["echo", name])
    assert result.output == f"{name}\n".encode(), result


def _list(engine: Engine) -> dict[str, str]:
    return {each.name: each.status for each in engine.containers.list(all=True)}


VERBS: dict[str, Callable[..., object]] = {
    "create": _create,
    "start": lambda engine, name: engine.containers.get(name).start(),
    "stop": lambda engine, name: engine.containers.get(name).stop(timeout=2),
    "kill": lambda engine, name: engine.containers.get(name).kill(),
    "pause": lambda engine, name: engine.containers.get(name).pause(),
    "unpause": lambda engine, name: engine.containers.get(name).unpause(),
    "exec": _exec,
    "rename": lambda engine, name, to: engine.containers.get(name).rename(to),
    "rm": lambda engine, name: engine.containers.get(name).remove(),
    "rm -f": lambda engine, name: engine.containers.get(name).remove(force=True),
    "wait": lambda engine, name: engine.containers.get(name).wait(timeout=30),
    "ps": _list,
}


def main(home: str) -> None:
    """Answer until stdin ends."""
    with ipycontainer.connect(home) as engine:
        for line in sys.stdin:
            verb, *arguments = json.loads(line)
            try:
                answer = VERBS[verb](engine, *arguments)
                print(json.dumps(answer if verb == "ps" else None), flush=True)
            except EngineError as error:
                print(json.dumps(type(error).__name__), flush=True)


if __name__ == "__main__":
    main(*sys.argv[1:])
