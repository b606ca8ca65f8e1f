"""The verbs take a cell's body as their program's input or script, and say so when they cannot."""

from __future__ import annotations

import pytest

from ipycontainer.commands.grammar import invoke
from ipycontainer.errors import ImageNotFound, UsageError
from tests.fakes import FakeContainer, FakeEngine


@pytest.fixture
def engine() -> FakeEngine:
    """Return an engine in memory, with the images `busybox` (sh) and `host` (python)."""
    return FakeEngine()


def made(engine: FakeEngine, line: str, body: bytes = b"x\n") -> FakeContainer:
    """Run a line with a body and return the newest container."""
    invoke(lambda: engine, line.split(), stdin=body)
    return engine.containers.everything[0]


def test_create_keeps_a_script(engine: FakeEngine) -> None:
    """A script is a file of the container, so it may be started later."""
    config = made(engine, "create host").record.config
    assert config.command == ("python", "/cell.py")
    assert config.files == {"/cell.py": "x\n"}


def test_create_refuses_an_input(engine: FakeEngine) -> None:
    """An input that nobody reads is refused, and nothing is made."""
    with pytest.raises(UsageError, match="create starts no program"):
        made(engine, "create busybox cat")
    assert engine.containers.everything == []


def test_an_entrypoint_of_the_users_reads_the_body(engine: FakeEngine) -> None:
    """--entrypoint is a command: the body is its input."""
    container = made(engine, "run --entrypoint cat busybox")
    assert container.record.config.files == {}
    assert container.calls == [("start_attached", b"x\n", True, True)]


def test_an_image_that_is_not_there(engine: FakeEngine) -> None:
    """A missing image is said as without a body, and nothing is made."""
    with pytest.raises(ImageNotFound):
        made(engine, "run nothing")
    assert engine.containers.everything == []


def test_exec_without_command_needs_a_body(engine: FakeEngine) -> None:
    """Only the body can stand for the command; without both docker's words say what lacks."""
    invoke(lambda: engine, ["run", "-d", "--name", "web", "host", "sleep", "60"])
    with pytest.raises(UsageError, match="requires at least 2 arguments"):
        invoke(lambda: engine, ["exec", "web"])
    with pytest.raises(UsageError, match="requires at least 2 arguments"):
        invoke(lambda: engine, ["container", "exec", "web"])
    invoke(lambda: engine, ["container", "exec", "web"], stdin=b"print(1)\n")
    name, command, *_, stdin = engine.containers.get("web").calls[-1]
    assert (name, command[:2], stdin) == ("exec", ("python", "-c"), b"print(1)\n")
