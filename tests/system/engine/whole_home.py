"""Open a home as a loss of power has left it, and see that all of it is whole; run as a program.

    python whole_home.py prepare HOME ARCHIVE     have the small image in a new home
    python whole_home.py check HOME               look, use all that is there, and empty the home

A program, so that it can be somebody else's home than that of who has lost the power.
"""

from __future__ import annotations

import hashlib
import json
import os
import sys
from contextlib import suppress

import ipycontainer
from ipycontainer.engine.engine import Engine
from ipycontainer.errors import NoSuchContainer
from tests.system.engine.look import assert_true

__all__ = ["is_whole"]


def is_whole(engine: Engine) -> str:
    """Hold what is listed against what is there, run it, and remove it. Raises AssertionError."""
    containers = engine.containers.list(all=True)
    assert not [each for each in containers if each.status not in ("created", "exited")]
    assert "busybox:latest" in engine.images.get("busybox").tags
    for directory in engine.home.containers.iterdir():
        os.utime(directory, (0, 0))
    engine.supervisor.work("repair", {})
    assert_true(engine)
    for blob in (engine.home.layout / "blobs/sha256").iterdir():
        with open(blob, "rb") as file:
            assert hashlib.file_digest(file, "sha256").hexdigest() == blob.name
    json.loads((engine.home.layout / "oci-layout").read_bytes())
    images = [each for each in engine.images.list() if "host:latest" not in each.tags]
    for image in images:
        result = engine.run(image.id, ["cat", "/etc/passwd"], network="none", remove=True)
        assert result.stdout.startswith(b"root:"), (image, result)
    for container in engine.containers.list(all=True):
        container.start()
        with suppress(NoSuchContainer):  # one of `run --rm` goes by itself
            container.remove(force=True)
    volumes = engine.volumes.list()
    for volume in volumes:
        mount = {f"{volume.name}": {"bind": "/v", "mode": "rw"}}
        assert (
            engine.run("busybox", ["touch", "/v/x"], network="none", volumes=mount).exit_code == 0
        )
    for container in engine.containers.list(all=True):
        container.remove(force=True)
    for image in images:
        engine.images.remove(image.id, force=True)
    assert_true(engine)
    return f"{len(containers)} containers, {len(images)} images, {len(volumes)} volumes"


def main(word: str, home: str, archive: str = "") -> None:
    """Do what the words say."""
    with ipycontainer.connect(home) as engine:
        if word == "prepare":
            engine.images.import_(archive, repository="busybox")
            return
        print(is_whole(engine))
        engine.reset()


if __name__ == "__main__":
    main(*sys.argv[1:])
