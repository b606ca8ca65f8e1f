"""--timeout in the shell: what was printed is there, the code is timeout(1)'s, nothing is left."""

from __future__ import annotations

import pytest

from ipycontainer.engine.engine import Engine
from tests.conftest import Shell

pytestmark = pytest.mark.usefixtures("busybox_image")


def test_a_program_that_takes_too_long_is_ended(engine: Engine, shell: Shell) -> None:
    """SIGTERM first, SIGKILL for one that ignores it; a flood does not keep it alive."""
    done = shell("run", "--rm", "--timeout", "1", "busybox", "sh", "-c", "echo a; sleep 60")
    assert (done.returncode, done.stdout) == (124, "a\n")
    assert done.stderr.endswith(" did not end within 1 seconds and was ended\n")
    stubborn = "trap 'echo asked' TERM; while true; do sleep 0.1; done"
    done = shell("run", "--name", "job", "--timeout", "1s", "busybox", "sh", "-c", stubborn)
    assert (done.returncode, done.stdout) == (124, "asked\n")
    assert engine.containers.get("job").status == "exited"
    done = shell("run", "--rm", "--timeout", "0.5", "busybox", "yes")
    assert done.returncode == 124
    assert shell("run", "--rm", "--timeout", "60", "busybox", "true").returncode == 0


def test_exec_and_wait_are_limited_too(engine: Engine, shell: Shell) -> None:
    """The container of an exec goes on; wait only stops waiting."""
    container = engine.containers.run("busybox", ["sleep", "100"], detach=True)
    done = shell("exec", "--timeout", "0.5", container.name, "sleep", "60")
    assert (done.returncode, done.stderr) == (
        124,
        "sleep did not end within 0.5 seconds and was ended\n",
    )
    assert shell("wait", "--timeout", "0.2", container.name).returncode == 124
    assert container.status == "running"
    container.remove(force=True)
