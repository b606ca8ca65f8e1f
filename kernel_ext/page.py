"""The ES modules of our widgets: what they share, and each one's own, as one text for anywidget."""

from __future__ import annotations

from pathlib import Path

__all__ = ["module"]

_HERE = Path(__file__).parent


def module(path: Path) -> str:
    """Return the module at `path` with the shared part before it."""
    return f"{(_HERE / 'page.js').read_text()}\n{path.read_text()}"
