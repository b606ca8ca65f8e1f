"""Many containers on one network, started by several processes at once."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import textwrap
from contextlib import suppress
from pathlib import Path

import pytest

import ipycontainer
from ipycontainer.engine.engine import Engine
from tests.system.engine.processes import eventually, kill, monitor_of
from tests.system.network.bridged import address, ports, rules, says, start

pytestmark = [pytest.mark.sampled, pytest.mark.usefixtures("busybox_image")]
PROCESSES, EACH = 4, 25

WORKER = textwrap.dedent(
    """
    import sys, ipycontainer
    engine = ipycontainer.connect(sys.argv[1])
    for number in range(int(sys.argv[3])):
        name = f"p{sys.argv[2]}-{number}"
        engine.containers.run("busybox", ["sleep", "1000"], name=name, network="crowd", detach=True)
    """
)


@pytest.fixture
def crowd(engine: Engine) -> list[str]:
    """The names of a hundred containers on one network, started by four processes."""
    workers = _start_workers(engine)
    said = [worker.communicate(timeout=240)[0].decode() for worker in workers]
    assert [worker.returncode for worker in workers] == [0] * PROCESSES, "\n".join(said)
    return [f"p{worker}-{number}" for worker in range(PROCESSES) for number in range(EACH)]


def _start_workers(engine: Engine) -> list[subprocess.Popen[bytes]]:
    engine.networks.create("crowd")
    environment = {**os.environ, "PYTHONPATH": str(Path(ipycontainer.__file__).parents[1])}
    return [
        subprocess.Popen(
            [sys.executable, "-c", WORKER, str(engine.home.root), str(number), str(EACH)],
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            env=environment,
            cwd="/",
        )
        for number in range(PROCESSES)
    ]


def test_a_hundred_have_each_its_own_address_and_name(engine: Engine, crowd: list[str]) -> None:
    """Addresses are unique, every name leads to its own, and nothing is left at the end."""
    found = {name: address(engine.containers.get(name), "crowd") for name in crowd}
    assert len(set(found.values())) == len(crowd)
    assert all(found.values())
    assert len(ports(engine)) == len(crowd)
    script = "; ".join(f"nslookup -type=a {name} | tail -n 2 | head -n 1" for name in crowd)
    code, text = says(engine.containers.get(crowd[0]), "sh", "-c", script)
    assert code == 0
    assert [line.split()[-1] for line in text.split("\n") if line] == list(found.values())
    kill(monitor_of(engine, engine.containers.get(crowd[7]).id))
    for name in crowd:
        engine.containers.get(name).remove(force=True)
    eventually(lambda: ports(engine) == [])
    assert engine.networks.get("crowd").attrs["Containers"] == {}
    engine.networks.get("crowd").remove()


def test_what_is_killed_in_the_middle_is_swept_up(engine: Engine, home: Path) -> None:
    """Everything killed while a hundred are being started: the next engine finds nothing of them.

    No address, name, interface, rule, port or process, and the network can be removed.
    """
    start(engine, name="published", ports={"80": None})
    workers = _start_workers(engine)
    eventually(lambda: len(engine.containers.list()) > PROCESSES * EACH // 3)
    engine.close()
    for worker in workers:
        worker.kill()
        worker.communicate()
    _kill_all(str(home))
    with ipycontainer.connect(home) as other:
        found = other.containers.list(all=True)
        assert len(found) > PROCESSES * EACH // 3
        assert {each.status for each in found} <= {"exited", "created"}
        assert other.networks.get("crowd").attrs["Containers"] == {}
        assert all(each.published == [] for each in found)
        eventually(lambda: ports(other) == [])
        assert ": 172." not in rules(other)
        names = [*processes_of(str(home))]
        again = start(other, network="crowd")
        assert address(again, "crowd") != ""
        for each in other.containers.list(all=True):
            each.remove(force=True)
        other.networks.get("crowd").remove()
        assert not [name for name in names if name.startswith(("ipyc-names", "ipyc-ports"))]


def _kill_all(place: str) -> None:
    """Kill every process of a home, and what its containers run, until there is none."""

    def none_is_left() -> bool:
        for pid in processes_of(place).values():
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        return not processes_of(place)

    eventually(none_is_left)


def processes_of(place: str) -> dict[str, int]:
    """Return the pids, by name and pid, of all that were started for a home or see its mounts."""
    found = {}
    for entry in os.scandir("/proc"):
        if not entry.name.isdecimal() or int(entry.name) == os.getpid():
            continue
        for file in ("cmdline", "mountinfo"):
            with suppress(OSError):
                if place.encode() in Path(entry.path, file).read_bytes():
                    name = Path(entry.path, "comm").read_text().strip()
                    found[f"{name} {entry.name}"] = int(entry.name)
    return found
