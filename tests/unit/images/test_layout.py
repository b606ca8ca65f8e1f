"""The OCI image layout on disk."""

from __future__ import annotations

import fcntl
import json
import threading
from dataclasses import replace

import pytest

from ipycontainer.errors import ImageFormatError
from ipycontainer.images.layout import MANIFEST_TYPE, BlobWriter, Layout
from ipycontainer.store import images
from ipycontainer.store.database import Store
from ipycontainer.store.home import Home
from tests import rows


def test_a_blob_lies_under_its_digest(bare_home: Home) -> None:
    """And comes back checked; putting it twice is no error."""
    layout = Layout(bare_home)

    first = layout.put_blob(b"content", MANIFEST_TYPE)
    second = layout.put_blob(b"content", MANIFEST_TYPE)

    assert first == second
    assert layout.read_blob(first.digest) == b"content"
    assert [path.name for path in layout.blobs.iterdir()] == [first.digest.removeprefix("sha256:")]
    assert list(layout.ingest.iterdir()) == []


def test_a_blob_that_is_not_committed_leaves_nothing(bare_home: Home) -> None:
    """However the block ends."""
    layout = Layout(bare_home)

    with BlobWriter(layout) as writer:
        writer.write(b"half")

    assert list(layout.blobs.iterdir()) == list(layout.ingest.iterdir()) == []


def test_a_blob_that_is_not_what_it_says_is_refused(bare_home: Home) -> None:
    """Damaged, missing, too large, or named by what is no digest."""
    layout = Layout(bare_home)
    blob = layout.put_blob(b"content", MANIFEST_TYPE)

    with pytest.raises(ImageFormatError, match="more than 3 bytes"):
        layout.read_blob(blob.digest, 3)
    layout.blob(blob.digest).chmod(0o644)
    layout.blob(blob.digest).write_bytes(b"other")
    with pytest.raises(ImageFormatError, match="damaged"):
        layout.read_blob(blob.digest)
    with pytest.raises(ImageFormatError, match="missing"):
        layout.read_blob("sha256:" + "0" * 64)
    for digest in ("sha256:../../x", "md5:" + "0" * 32, "sha256:" + "0" * 63):
        with pytest.raises(ImageFormatError, match="unsupported digest"):
            layout.read_blob(digest)


def test_the_index_says_what_the_rows_say(bare_home: Home, store: Store) -> None:
    """A manifest for each name, one for an image without; `host` has none."""
    layout = Layout(bare_home)
    manifest = layout.put_blob(b"{}", MANIFEST_TYPE)
    named = replace(rows.image("a", "x:1", "ghcr.io/y:2"), manifest=manifest.digest)
    with store.write() as tx:
        images.add(tx, named)
        images.add(tx, replace(rows.image("b"), manifest=manifest.digest))
        images.add(tx, replace(rows.image("c", "host:latest"), manifest=""))

    layout.write_index(store)

    index = json.loads((bare_home.layout / "index.json").read_text())
    assert index["schemaVersion"] == 2
    assert [each.get("annotations") for each in index["manifests"]] == [
        {
            "org.opencontainers.image.ref.name": "x:1",
            "io.containerd.image.name": "docker.io/library/x:1",
        },
        {
            "org.opencontainers.image.ref.name": "ghcr.io/y:2",
            "io.containerd.image.name": "ghcr.io/y:2",
        },
        None,
    ]
    assert {each["size"] for each in index["manifests"]} == {2}
    assert json.loads((bare_home.layout / "oci-layout").read_text()) == {
        "imageLayoutVersion": "1.0.0"
    }


def test_an_index_that_is_right_is_not_written_again(bare_home: Home, store: Store) -> None:
    """A sweep at each connect must not wear the disk."""
    layout = Layout(bare_home)
    layout.write_index(store)
    before = (bare_home.layout / "index.json").stat().st_ino

    layout.write_index(store)

    assert (bare_home.layout / "index.json").stat().st_ino == before


def test_a_sweep_waits_for_whoever_writes_the_index(bare_home: Home) -> None:
    """What a `tag` writes lies where imports write, under another lock: it must not be swept up."""
    layout = Layout(bare_home)
    written = layout.ingest / "fresh"
    with open(layout.root / "index.lock", "a", encoding="ascii") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        written.write_text("an index")
        sweep = threading.Thread(target=layout.remove_unused, args=((),))
        sweep.start()
        sweep.join(0.2)
        assert sweep.is_alive()
        assert written.exists()
    sweep.join()
    assert not written.exists()
