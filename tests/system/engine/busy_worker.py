"""Make, change and remove whatever a home has, at random and for ever.

    python busy_worker.py HOME ARCHIVE SEED

What others have taken away meanwhile is refused, and passed over.
"""

from __future__ import annotations

import random
import sys
from collections.abc import Callable
from pathlib import Path

import ipycontainer
from ipycontainer.engine.engine import Engine
from ipycontainer.errors import EngineError

__all__ = ["step"]

NAMES = ("ada", "bob", "cid")
WRITE = [
    "sh",
    "-c",
    "mkdir -p /d; head -c 200000 /dev/urandom > /d/$RANDOM; ln -f /etc/passwd /d/l",
]
SLEEP = ["sleep", "1000"]


def step(engine: Engine, archive: Path, chance: random.Random) -> str:
    """Do one thing, and return its name."""
    name, other = chance.choice(NAMES), chance.choice(NAMES)
    containers, images = engine.containers, engine.images
    deeds: dict[str, Callable[[], object]] = {
        "create": lambda: containers.create("busybox", SLEEP, name=name, network="none"),
        "run": lambda: engine.run("busybox", WRITE, network="none", remove=True),
        "write": lambda: engine.run("busybox", WRITE, network="none", name=name),
        "start": lambda: containers.get(name).start(),
        "rm": lambda: containers.get(name).remove(force=True),
        "rename": lambda: containers.get(name).rename(other),
        "commit": lambda: containers.get(name).commit(other, tag="made"),
        "import": lambda: images.import_(archive, repository=other, tag="got", message=name),
        "tag": lambda: images.get(f"{name}:made").tag(other, tag="more"),
        "rmi": lambda: images.remove(f"{name}:{chance.choice(('made', 'got', 'more'))}"),
        "volume": lambda: engine.volumes.create(name),
        "volume rm": lambda: engine.volumes.get(name).remove(),
    }
    verb = chance.choice(sorted(deeds))
    deeds[verb]()
    return verb


def main(home: str, archive: str, seed: str) -> None:
    """Go on until killed."""
    chance = random.Random(seed)
    with ipycontainer.connect(home) as engine:
        while True:
            try:
                step(engine, Path(archive), chance)
            except EngineError:
                continue


if __name__ == "__main__":
    main(*sys.argv[1:])
