"""The pages of a life, noted by the first and had ahead by the next."""

from __future__ import annotations

import os
import subprocess
import sys
import textwrap
from pathlib import Path

import ipycontainer

PROGRAM = """
import os, resource
from ipycontainer.runtime.practice import Practice

practice = Practice()
words = [[number] for number in range(100_000)]

def live():
    faults = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
    for word in words[::50]:
        word.append(1)
    return resource.getrusage(resource.RUSAGE_SELF).ru_minflt - faults

def fork(life):
    read, write = os.pipe()
    if os.fork() == 0:
        os.write(write, str(life()).encode())
        practice.note()
        os._exit(0)
    os.wait()
    return int(os.read(read, 99))

def second():
    practice.use()
    return live()

print(fork(live), fork(second))
"""


def test_the_second_life_has_the_pages_of_the_first() -> None:
    """A fork that writes to thousands of pages has faults only the first time."""
    package = Path(ipycontainer.__file__).parents[1]
    done = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(PROGRAM)],
        capture_output=True,
        check=True,
        text=True,
        env={**os.environ, "PYTHONPATH": str(package)},
    )
    first, second = map(int, done.stdout.split())
    assert first > 500
    assert second < first / 4
