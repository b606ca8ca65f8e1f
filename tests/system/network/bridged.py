"""What the tests of networks share: a container that stays, and a look at where the bridges are."""

from __future__ import annotations

import json
import os
import subprocess
from typing import Any

from ipycontainer.engine.container import Container
from ipycontainer.engine.engine import Engine
from ipycontainer.network.place import holder_lock
from ipycontainer.store import liveness

SLEEP = ["sleep", "1000"]


def start(engine: Engine, command: list[str] | None = None, **options: Any) -> Container:
    """Start a container that stays until it is removed."""
    container = engine.containers.run("busybox", command or SLEEP, detach=True, **options)
    assert isinstance(container, Container)
    return container


def says(container: Container, *words: str) -> tuple[int | None, str]:
    """Execute a command inside, and return its exit code and what it printed."""
    result = container.exec_run(list(words))
    assert isinstance(result.output, bytes)
    return result.exit_code, result.output.decode()


def address(container: Container, network: str = "bridge") -> str:
    """Return the IPv4 address that a container has on a network."""
    return str(container.attrs["NetworkSettings"]["Networks"][network]["IPAddress"])


def beside_bridges(engine: Engine, *words: str) -> str:
    """Run a program in the network namespace of the home's bridges; "" where there is none."""
    enter: list[str] = []
    if os.geteuid() != 0:
        pid = liveness.holder(holder_lock(engine.home))
        if pid is None:
            return ""
        enter = ["nsenter", f"--target={pid}", "--user", "--net", "--preserve-credentials"]
    return subprocess.run(
        [*enter, *words], capture_output=True, text=True, check=True, timeout=30
    ).stdout


def links(engine: Engine) -> list[str]:
    """Return the interfaces that carry this home's hash."""
    listed = beside_bridges(engine, "ip", "-j", "link") or "[]"
    return [each["ifname"] for each in json.loads(listed) if engine.home.hash8 in each["ifname"]]


def ports(engine: Engine) -> list[str]:
    """Return the interfaces of containers on the bridges."""
    return [name for name in links(engine) if name.startswith("v")]


def rules(engine: Engine) -> str:
    """Return all rules where the bridges are, as nft(8) shows them."""
    return beside_bridges(engine, "/usr/sbin/nft", "list", "ruleset")


def processes() -> list[str]:
    """Return the names of all processes that can be seen."""
    found = []
    for entry in os.scandir("/proc"):
        if entry.name.isdecimal():
            try:
                with open(f"{entry.path}/comm", encoding="utf-8") as file:
                    found.append(file.read().strip())
            except OSError:
                continue
    return found
