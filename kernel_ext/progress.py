"""How far something is, in a page: a bar that appears when it takes long, and goes at the end."""

from __future__ import annotations

import html
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from IPython.display import HTML, DisplayHandle, clear_output, display

from ipycontainer.model.units import human_size

__all__ = ["bar"]

_PATIENCE_SECONDS, _SECONDS = 0.7, 0.25
_STYLE = "display:flex;gap:.7em;align-items:center;font-family:monospace"


@contextmanager
def bar(label: str) -> Iterator[Callable[[int], object]]:
    """Show a bar with the bytes that are done, from what is called with them."""
    begun = last = time.monotonic()
    handle: DisplayHandle | None = None

    def progress(done: int) -> None:
        nonlocal last, handle
        now = time.monotonic()
        if now - begun < _PATIENCE_SECONDS or now - last < _SECONDS:
            return
        last = now
        text = f"{html.escape(label)} {human_size(done, 3)}"
        shown = HTML(  # type: ignore[no-untyped-call]
            f'<div style="{_STYLE}"><progress></progress><span>{text}</span></div>'
        )
        if handle is None:
            handle = display(shown, display_id=True)  # type: ignore[no-untyped-call]
        else:
            handle.update(shown)  # type: ignore[no-untyped-call]

    try:
        yield progress
    finally:
        if handle is not None:
            clear_output()  # type: ignore[no-untyped-call]
