"""Live views: what goes on in a cell after the cell has ended.

`stats`, `top --watch`, `ps --watch` and `logs -f` return at once. One thread (pump) waits for all
of them, on the home's bell and on the monitors of the logs; each view (view and its four kinds) has
a widget for the page, and beside it a still picture of HTML that a saved notebook keeps.
"""

from __future__ import annotations

from kernel_ext.live.opening import open_listing, open_log, stop_all

__all__ = ["open_listing", "open_log", "stop_all"]
