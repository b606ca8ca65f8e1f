"""What the monitors and inits of one zygote write to, told by the first and had by all later ones.

All forks of a zygote have their memory at the same addresses, and do the same. So the first lives
note which pages became their own, and a spare monitor and its init have those ahead, instead of
one by one while somebody waits.
"""

from __future__ import annotations

import mmap
import struct
from array import array
from collections.abc import Iterator
from contextlib import contextmanager, suppress

from ipycontainer.linux import pages, syscalls

__all__ = ["Practice"]

PR_GET_DUMPABLE, PR_SET_DUMPABLE = 3, 4  # linux/prctl.h
_LIMIT_BYTES = 1 << 16
_LIMIT_PAGES = 4096  # of 4 KiB: a life in which far more happened is no model for others
_COUNT = struct.Struct("@q")


class Practice:
    """The pages of one kind of process, in memory that all forks share; made before the first."""

    def __init__(self) -> None:
        self._shared = mmap.mmap(-1, _LIMIT_BYTES)

    def note(self) -> None:
        """Note the pages of this process, at the end of its life; what stands there stays."""
        if self._size():
            return
        with suppress(OSError), _visible():
            owned = pages.owned()
            raw = owned.tobytes()
            if sum(owned[1::2]) <= _LIMIT_PAGES * 4096 and _COUNT.size + len(raw) <= _LIMIT_BYTES:
                self._shared[_COUNT.size : _COUNT.size + len(raw)] = raw
                _COUNT.pack_into(self._shared, 0, len(raw))

    def use(self) -> None:
        """Have the pages that are noted."""
        if size := self._size():
            pages.own(array("Q", self._shared[_COUNT.size : _COUNT.size + size]))

    def _size(self) -> int:
        return int(_COUNT.unpack_from(self._shared)[0])


@contextmanager
def _visible() -> Iterator[None]:
    """Let an init that hides from tracers look at itself: as an ordinary user it could not.

    It is alone in its pid namespace as long as its program has not begun.
    """
    hidden = syscalls.prctl(PR_GET_DUMPABLE) == 0
    if hidden:
        syscalls.prctl(PR_SET_DUMPABLE, 1)
    try:
        yield
    finally:
        if hidden:
            syscalls.prctl(PR_SET_DUMPABLE, 0)
