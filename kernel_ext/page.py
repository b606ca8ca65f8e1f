"""The ES modules of our widgets: what they share, and each one's own, as one text for anywidget.

And their end: a widget that stays open is asked for by every page that is loaded.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

__all__ = ["close", "module"]

_HERE = Path(__file__).parent


def module(*paths: Path) -> str:
    """Return the module of these files with the shared part before them."""
    return "\n".join(path.read_text() for path in (_HERE / "page.js", *paths))


def close(widget: Any) -> None:
    """Close a widget with its layout, which ipywidgets would leave open."""
    widget.layout.close()
    widget.close()
