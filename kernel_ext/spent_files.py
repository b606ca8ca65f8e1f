"""Files of a cell's exchange that were read and that nobody needs any more.

Deleted beside who goes on: to free the pages of 100 MB takes as long as to make a frame of them.
"""

from __future__ import annotations

import os
import threading
from contextlib import suppress
from pathlib import Path
from typing import Self

__all__ = ["SpentFiles"]

_LEAST_BYTES = 1 << 20  # smaller ones go with their directory


class SpentFiles:
    """What is being deleted. Inside a `with`, which waits for all of it."""

    def __init__(self) -> None:
        self._threads: list[threading.Thread] = []

    def add(self, path: Path) -> None:
        """Delete a file, or the files of a directory; what is not there any more is no error."""
        thread = threading.Thread(target=_delete, args=(path,), name="spent", daemon=True)
        thread.start()
        self._threads.append(thread)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        for thread in self._threads:
            thread.join()


def _delete(path: Path) -> None:
    with suppress(OSError):  # whoever removes the container says what cannot be deleted
        for each in list(path.iterdir()) if path.is_dir() and not path.is_symlink() else [path]:
            if each.lstat().st_size >= _LEAST_BYTES:
                os.unlink(each)
