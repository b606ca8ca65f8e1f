"""Open live views, and know which cell shows which: one that is run again ends its former view."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from IPython.core.getipython import get_ipython

from kernel_ext.live.containers import ContainersView
from kernel_ext.live.log import LogView
from kernel_ext.live.processes import ProcessesView
from kernel_ext.live.stats import StatsView

if TYPE_CHECKING:
    from ipycontainer.commands.live import Live
    from ipycontainer.commands.records import LogView as LogRecord
    from kernel_ext.live.view import View

__all__ = ["current_cell", "open_listing", "open_log", "stop_all"]

_KINDS: dict[str, type[StatsView | ContainersView | ProcessesView]] = {
    "stats": StatsView,
    "ps": ContainersView,
    "top": ProcessesView,
}
_open: dict[str, View] = {}


def open_listing(live: Live) -> View:
    """Show a listing that goes on, in the current cell."""
    return _opened(_KINDS[live.kind](live))


def open_log(record: LogRecord) -> View:
    """Show logs that are followed, in the current cell."""
    return _opened(LogView(record))


def stop_all() -> None:
    """End all views."""
    while _open:
        _open.popitem()[1].stop()


def current_cell() -> str:
    """Return what names the cell that runs: the page's id of it, else the request's."""
    shell: Any = get_ipython()
    parent = shell.get_parent() if hasattr(shell, "get_parent") else {}
    name = parent.get("metadata", {}).get("cellId") or parent.get("header", {}).get("msg_id", "")
    return str(name)


def _opened(view: View) -> View:
    cell = current_cell()
    if (former := _open.pop(cell, None)) is not None:
        former.stop()
    _open[cell] = view
    view.start(cell)
    return view
