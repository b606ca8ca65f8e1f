"""Sweep up what the rows do not name: blobs, layers, and what killed imports left behind.

A lock keeps the sweep from those who have written files whose rows are still to come: they share
it, a sweep wants it alone, and leaves its work to the next one where it does not get it. Runs in a
worker.
"""

from __future__ import annotations

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager

from ipycontainer.images.layout import Layout
from ipycontainer.storage import flat, mountpoints, trash
from ipycontainer.store import durability, images
from ipycontainer.store.database import Store
from ipycontainer.store.home import Home

__all__ = ["NEW", "adding", "leftovers", "sweep"]

NEW = ".new-"  # begins the name of a layer that is being unpacked


@contextmanager
def adding(home: Home) -> Iterator[None]:
    """Keep sweeps away while files are written before their rows. Waits for one that runs."""
    with open(home.images_lock, "a", encoding="ascii") as lock:
        fcntl.flock(lock, fcntl.LOCK_SH)
        yield


def leftovers(home: Home, store: Store) -> bool:
    """Tell whether a killed process has left something to sweep, at the cost of four listings.

    Blobs, layers and trees that are half there or on their way out, those that are whole and have
    no row, and an index that was not written. What is being added looks the same; a sweep knows.
    """
    layout = Layout(home)
    if trash.unowned(home) or os.listdir(layout.ingest) or layout.is_behind(store):
        return True
    with store.read() as tx:
        layers, blobs = images.layers_in_use(tx), images.blobs_in_use(tx)
    there = {f"sha256:{name}" for name in os.listdir(home.layers)}
    return bool(there - layers) or not layout.held() <= blobs


def sweep(home: Home, store: Store) -> bool:
    """Remove blobs and layers that nothing stands on, and bring the index up to date.

    False when an import is under way and nothing was done.
    """
    with open(home.images_lock, "a", encoding="ascii") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return False
        with store.write() as tx:
            images.forget_unused_layers(tx)
            layers = {digest.removeprefix("sha256:") for digest in images.layers_in_use(tx)}
            blobs = images.blobs_in_use(tx)
        durability.keep_rows(home)
        layout = Layout(home)
        layout.write_index(store)  # before the blobs go that it names
        layout.remove_unused(blobs)
        for path in home.layers.iterdir():
            if path.name not in layers:
                trash.throw_away(home, path)
        mountpoints.sweep(home, layers)
        flat.sweep(home, layers)
        return True
