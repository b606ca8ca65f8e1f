"""Docker's sentence around what its runtime said."""

from __future__ import annotations

from ipycontainer.supervise import wording


def test_docker_guesses_at_a_mismatch() -> None:
    """A file on a directory is told with the guess, and ends with another code."""
    assert wording.sentence("failed: {}: unknown", "nope") == "failed: nope: unknown"
    told = wording.sentence("failed: {}: unknown", "mount a:b: not a directory")
    assert told.startswith("failed: mount a:b: not a directory: unknown: Are you trying to mount ")
    assert wording.start_code("mount a:b: not a directory", 128) == 127
    assert wording.start_code("nope", 128) == 128
