"""A log is shown as a program is, and an interrupt only ends the looking."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from ipycontainer.commands.records import LogView
from ipycontainer.model.config import ContainerConfig
from kernel_ext.foreground import watch
from kernel_ext.logs import LogProgram
from kernel_ext.output import Output
from tests.fakes import EPOCH_NS, FakeEngine, FakeLogEntry

ENTRIES = (
    FakeLogEntry(EPOCH_NS, "stdout", b"one\n"),
    FakeLogEntry(EPOCH_NS + 5, "stderr", b"two\n"),
)


def view(entries: Iterator[FakeLogEntry], *, timestamps: bool = False) -> LogView:
    """Return a view of these entries."""
    container = FakeEngine().containers.create_from(ContainerConfig("busybox"), "web")
    return LogView(container=container, entries=entries, timestamps=timestamps)


def test_lines_go_to_their_streams(capsys: pytest.CaptureFixture[str]) -> None:
    """Each line appears on the stream that it was written to."""
    watch(LogProgram(view(iter(ENTRIES))), Output())
    assert tuple(capsys.readouterr()) == ("one\n", "two\n")


def test_timestamps_stand_before_the_lines(capsys: pytest.CaptureFixture[str]) -> None:
    """With -t each line begins with its time, nine digits after the point."""
    watch(LogProgram(view(iter(ENTRIES), timestamps=True)), Output())
    assert capsys.readouterr().err == "2026-11-24T09:01:11.000000005Z two\n"


def test_an_interrupt_ends_the_looking() -> None:
    """Following a log ends with one line, and the iterator is closed."""
    closed: list[bool] = []

    def entries() -> Iterator[FakeLogEntry]:
        try:
            yield ENTRIES[0]
            yield ENTRIES[1]
        finally:
            closed.append(True)

    iterator = entries()
    program = LogProgram(view(iterator))
    next(iterator)
    with pytest.raises(KeyboardInterrupt, match="its container goes on"):
        program.signal(2)
    program.detach()
    assert closed == [True]
