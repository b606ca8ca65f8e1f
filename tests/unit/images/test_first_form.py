"""What `save` writes for docker before 1.10."""

from __future__ import annotations

import json

from ipycontainer.images import first_form

CONFIG = {
    "created": "2026-01-02T03:04:05Z",
    "author": "",
    "config": {"Cmd": ["sh"]},
    "architecture": "amd64",
    "os": "linux",
    "rootfs": {"type": "layers", "diff_ids": []},
}


def test_each_layer_names_the_one_below() -> None:
    """Only the topmost says what the image is; a lower one is the same in every image."""
    lower, upper = map(json.loads, first_form.texts(CONFIG, ["sha256:a", "sha256:b"]))
    assert list(lower) == ["id", "created", "os"]
    assert lower["created"] == "1970-01-01T00:00:00Z"
    assert list(upper) == ["id", "parent", "created", "config", "architecture", "os"]
    assert upper["parent"] == lower["id"]
    assert upper["config"] == {"Cmd": ["sh"]}
    again = [json.loads(text) for text in first_form.texts({"os": "linux"}, ["sha256:a", "x"])]
    assert again[0] == lower
    assert again[1]["id"] != upper["id"]
