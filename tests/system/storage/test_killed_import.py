"""An import that is killed leaves the whole image or nothing."""

from __future__ import annotations

import io
import os
import signal
import sys

from ipycontainer.images import sweep
from ipycontainer.images.archive_import import import_image
from ipycontainer.images.layout import Layout
from ipycontainer.storage import trash
from ipycontainer.store import images
from ipycontainer.store.database import Store
from ipycontainer.store.home import Home
from tests.archives import TarBuilder

# Audit events (docs.python.org, "Audit events table") of what changes files.
_CHANGING = ("os.", "open", "shutil.", "sqlite3.", "fcntl.")


def import_until(home: Home, archive: bytes, step: int) -> bool:
    """Import in a child that kills itself at its `step`th system call; tell if it got through."""
    child = os.fork()
    if child == 0:
        left = step

        def count(event: str, _: tuple[object, ...]) -> None:
            nonlocal left
            if event.startswith(_CHANGING):
                left -= 1
                if left == -1:  # os.kill is an event itself
                    os.kill(os.getpid(), signal.SIGKILL)

        sys.addaudithook(count)
        try:
            import_image(home, Store(home), io.BytesIO(archive), reference="x:1")
        finally:  # never back into the test runner
            os._exit(0 if left >= 0 else 1)
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0


def test_an_import_that_is_killed_leaves_the_whole_image_or_nothing(bare_home: Home) -> None:
    """At whichever step it dies, the next sweep makes it so."""
    archive = TarBuilder().directory("d").file("d/f", b"content").symlink("l", "d/f").build()
    layout = Layout(bare_home)
    steps, whole, done = 0, 0, False
    while not done:
        done = import_until(bare_home, archive, steps)
        steps += 1
        store = Store(bare_home)
        assert sweep.sweep(bare_home, store)
        trash.empty(bare_home)
        with store.read() as tx:
            listed = images.list_all(tx)
        if listed:
            whole += 1
            (record,) = listed
            tree = bare_home.layer(record.layers[0].chain_id)
            assert (tree / "l").read_text() == "content"
            assert record.tags == ("x:1",)
            assert layout.read_blob(record.id)
            assert len(os.listdir(layout.blobs)) == 3
            assert '"x:1"' in (bare_home.layout / "index.json").read_text()
            with store.write() as tx:
                images.remove(tx, record.id)
            assert sweep.sweep(bare_home, store)
        assert os.listdir(bare_home.layers) == os.listdir(layout.blobs) == []
        assert os.listdir(layout.ingest) == os.listdir(bare_home.trash) == []
        store.close()  # the next child is a fork
    assert steps > 30
    assert whole > 1  # it also died after the rows were written, before the index was
