"""What an image has at a path is told by its layers, and never guessed."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from ipycontainer.engine.image_paths import file_on_the_way


@pytest.fixture
def layers(tmp_path: Path) -> list[Path]:
    """Two layers, topmost first."""
    lower, upper = tmp_path / "lower", tmp_path / "upper"
    for directory in (lower / "etc", lower / "was", upper / "etc", upper / "now", upper / "opaque"):
        directory.mkdir(parents=True)
    (lower / "etc/passwd").touch()
    (lower / "now").touch()
    (lower / "opaque").mkdir()
    (lower / "opaque/file").touch()
    (upper / "was").touch()
    (upper / "link").symlink_to("etc/passwd")
    return [upper, lower]


@pytest.mark.parametrize(
    ("path", "file"),
    [
        ("/etc/passwd", "/etc/passwd"),
        ("/etc/passwd/x/y", "/etc/passwd"),
        ("/was", "/was"),  # a file where a lower layer has a directory
        ("/now", ""),
        ("/now/x", ""),
        ("/etc", ""),
        ("/", ""),
        ("/nope/x", ""),
        ("/link", ""),
        ("/nope/../etc/passwd", "/etc/passwd"),
        ("/../../etc/passwd", "/etc/passwd"),  # of the layers, never of this machine
    ],
)
def test_the_topmost_layer_counts(layers: list[Path], path: str, file: str) -> None:
    """The first part of a path that is a file is named; links are let be."""
    assert file_on_the_way(layers, path) == file


def test_nothing_shows_through_an_opaque_directory(layers: list[Path]) -> None:
    """What a layer replaced as a whole hides the files below it."""
    assert file_on_the_way(layers, "/opaque/file") == "/opaque/file"
    os.setxattr(layers[0] / "opaque", "user.overlay.opaque", b"y")
    assert file_on_the_way(layers, "/opaque/file") == ""
