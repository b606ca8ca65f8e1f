"""Several processes on one database."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import ipycontainer
from ipycontainer.store import containers, events, images
from ipycontainer.store.database import Store
from ipycontainer.store.home import Home
from tests import rows

PROCESSES, EACH = 8, 25

# Opens the home at the same moment as all others: the first of them makes the tables.
LIFE = f"""
import sys
from ipycontainer.errors import NameInUse
from ipycontainer.store import containers, images, monitor_statements
from ipycontainer.store.database import Store
from ipycontainer.store.home import open_home
from tests import rows

store = Store(open_home(sys.argv[1]))
sys.stdin.readline()
with store.write() as tx:
    images.add(tx, rows.image())
taken = 0
for number in range({EACH}):
    record = rows.container(f"name{{number}}-{{sys.argv[2]}}")
    with store.write() as tx:
        containers.add(tx, record)
    try:
        with store.write() as tx:
            containers.add(tx, rows.container(f"shared{{number}}"))
    except NameInUse:
        taken += 1
    with store.write() as tx:
        monitor_statements.started(tx, record.id, 1, 2, "boot", 3)
    with store.read() as tx:
        containers.find(tx, record.name)
    with store.write() as tx:
        monitor_statements.exited(tx, record.id, 0, "", False, 4)
    with store.write() as tx:
        monitor_statements.removed(tx, record.id)
print(taken)
"""


def test_eight_processes_lose_no_write_and_no_name(bare_home: Home, store: Store) -> None:
    """Each shared name is taken exactly once, and every event is there, in order."""
    children = [
        subprocess.Popen(
            [sys.executable, "-c", LIFE, str(bare_home.root), str(number)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            cwd=Path(rows.__file__).parents[1],
            env={"PYTHONPATH": f"{Path(ipycontainer.__file__).parents[1]}:."},
        )
        for number in range(PROCESSES)
    ]
    taken = [int(child.communicate("\n")[0]) for child in children]

    assert [child.returncode for child in children] == [0] * PROCESSES
    assert sum(taken) == (PROCESSES - 1) * EACH
    with store.read() as tx:
        left = containers.list_all(tx)
        told = events.since(tx, 0)
        assert len(images.list_all(tx)) == 1
    assert sorted(record.name for record in left) == sorted(f"shared{n}" for n in range(EACH))
    assert len(told) == PROCESSES * EACH * 4 + EACH
    assert [event.row for event in told] == list(range(1, len(told) + 1))
