"""What may be wider or longer than the page: it scrolls, by mouse and by the arrow keys after Tab.

Below frame_html and the still pictures. JupyterLab and Notebook 7 take the arrow keys for moving
between cells, unless what has the focus says that it wants none of their shortcuts. A click must
not take those away, so it gives the focus to a part inside, which says nothing. A page that does
not trust us drops both: Tab still comes here by the browser's own rule, but the arrows stay the
page's (tried there: tabindex, Shift, Ctrl, End; only fields that can be written in are left alone).
"""

from __future__ import annotations

from kernel_ext.visible import escaped

__all__ = ["scrolling"]


def scrolling(inner: str, style: str = "overflow-x:auto", name: str = "table") -> str:
    """Return HTML in a part that scrolls."""
    return (
        f'<div role="region" aria-label="{escaped(name)}" tabindex="0" '
        f'data-lm-suppress-shortcuts="true" style="{style}"><div tabindex="-1">{inner}</div></div>'
    )
