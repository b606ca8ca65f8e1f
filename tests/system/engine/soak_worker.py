"""One of several processes that work on the same home: does what lines of JSON on stdin say.

    python soak_worker.py HOME

Each line is a list, a verb and its arguments; each answer a line, null or an error's kind.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from typing import Any

import ipycontainer
from ipycontainer.engine.container import Container
from ipycontainer.engine.engine import Engine
from ipycontainer.errors import EngineError

__all__ = ["VERBS", "WAITER"]

WAITER = ["sh", "-c", "trap 'exit 7' TERM; while :; do sleep 0.02; done"]
PREDEFINED = ("bridge", "host", "none")


def _create(engine: Engine, name: str, network: str, volume: str) -> None:
    options: dict[str, Any] = {"volumes": [f"{volume}:/kept"]} if volume else {}
    if network == "bridge":
        options["ports"] = {"80": None}
    engine.containers.create("busybox", WAITER, name=name, network=network, **options)


def _exec(engine: Engine, name: str) -> None:
    result = engine.containers.get(name).exec_run(["echo", name])
    assert result.output == f"{name}\n".encode(), result


def _look(engine: Engine) -> dict[str, Any]:
    networks = [network.name for network in engine.networks.list()]
    tags = [tag for image in engine.images.list() for tag in image.tags]
    return {
        "containers": {each.name: each.status for each in engine.containers.list(all=True)},
        "networks": sorted(set(networks) - set(PREDEFINED)),
        "volumes": sorted(volume.name for volume in engine.volumes.list()),
        "tags": sorted(tag for tag in tags if tag.startswith("soak:")),
    }


def _of(do: Callable[..., object]) -> Callable[..., object]:
    """Return a verb of a container, from what is done with it."""
    return lambda engine, name, *words: do(engine.containers.get(name), *words)


def _connect(engine: Engine, network: str, name: str) -> None:
    engine.networks.get(network).connect(name)


def _disconnect(engine: Engine, network: str, name: str) -> None:
    engine.networks.get(network).disconnect(name)


VERBS: dict[str, Callable[..., object]] = {
    "create": _create,
    "start": _of(Container.start),
    "stop": _of(lambda container: container.stop(timeout=2)),
    "kill": _of(Container.kill),
    "pause": _of(Container.pause),
    "unpause": _of(Container.unpause),
    "exec": _exec,
    "rename": _of(Container.rename),
    "rm": _of(Container.remove),
    "rm -f": _of(lambda container: container.remove(force=True)),
    "wait": _of(lambda container: container.wait(timeout=30)),
    "checkpoint": _of(Container.checkpoint),
    "rollback": _of(Container.rollback),
    "drop": _of(Container.drop_checkpoint),
    "network create": lambda engine, name: engine.networks.create(name),
    "network rm": lambda engine, name: engine.networks.get(name).remove(),
    "connect": _connect,
    "disconnect": _disconnect,
    "volume create": lambda engine, name: engine.volumes.create(name),
    "volume rm": lambda engine, name: engine.volumes.get(name).remove(),
    "tag": lambda engine, name: engine.images.get("busybox").tag(name),
    "rmi": lambda engine, name: engine.images.remove(name),
    "look": _look,
}


def main(home: str) -> None:
    """Answer until stdin ends."""
    with ipycontainer.connect(home) as engine:
        for line in sys.stdin:
            verb, *arguments = json.loads(line)
            try:
                answer = VERBS[verb](engine, *arguments)
                print(json.dumps(answer if verb == "look" else None), flush=True)
            except EngineError as error:
                print(json.dumps(f"{type(error).__name__}: {error}"), flush=True)


if __name__ == "__main__":
    main(*sys.argv[1:])
