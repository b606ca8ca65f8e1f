"""The ES modules of our widgets: what they share, and each one's own, as one text for anywidget."""

from __future__ import annotations

from pathlib import Path

__all__ = ["module"]

_HERE = Path(__file__).parent


def module(*paths: Path) -> str:
    """Return the module of these files with the shared part before them."""
    return "\n".join(path.read_text() for path in (_HERE / "page.js", *paths))
