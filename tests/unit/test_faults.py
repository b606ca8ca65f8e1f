"""Faults: where they strike, and that they strike once."""

from __future__ import annotations

from pathlib import Path

import pytest

from ipycontainer import faults


def arm(monkeypatch: pytest.MonkeyPatch, text: str) -> None:
    """Arm a fault as the environment would have."""
    monkeypatch.setattr(faults, "_armed", faults._Fault(text))


@pytest.fixture
def file(tmp_path: Path) -> Path:
    """Return the file whose being there lets faults strike."""
    path = tmp_path / "armed"
    path.touch()
    return path


def test_strikes_at_the_nth_time_and_once(monkeypatch: pytest.MonkeyPatch, file: Path) -> None:
    """The second time at the place is refused, as if the disk were full; the third is not."""
    arm(monkeypatch, f"full:the place: here:2:{file}")
    faults.point("the place: here")
    faults.point("the place: here and there")
    with pytest.raises(OSError, match="No space left on device"):
        faults.point("the place: here")
    faults.point("the place: here")
    assert not file.exists()


def test_notes_what_was_reached(monkeypatch: pytest.MonkeyPatch, file: Path) -> None:
    """Each place stands in the file, in order, but those of a rehearsal."""
    arm(monkeypatch, f"note::0:{file}")
    faults.point("a")
    with faults.rehearsal():
        faults.point("practice")
    faults.point("b")
    assert file.read_text() == "a\nb\n"


def test_nothing_strikes_without_the_file(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Before the file is made no place is refused or counted."""
    arm(monkeypatch, f"fail:a:1:{tmp_path}/armed")
    faults.point("a")
    (tmp_path / "armed").touch()
    with pytest.raises(OSError, match="Input/output error"):
        faults.point("a")
