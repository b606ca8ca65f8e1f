"""Load and unload: the magic, how containers look, one line about this machine.

Called by the package's front door. Loading makes no home and starts nothing, and whatever is wrong
with the machine is said in that line, not raised: a notebook must open anywhere.
"""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any

from kernel_ext import connection
from kernel_ext.cards import CONTAINER_TYPE, container_html, container_text

if TYPE_CHECKING:
    from collections.abc import Callable

    from IPython.core.interactiveshell import InteractiveShell

__all__ = ["MAGIC", "load", "unload"]

MAGIC, BY_HAND = "container", "byhand"
_FORMS: dict[str, Callable[..., Any]] = {"text/html": container_html, "text/plain": container_text}


def load(shell: InteractiveShell) -> None:
    """Register everything, in place of what an earlier load registered."""
    from kernel_ext.byhand import ByHandMagics
    from kernel_ext.magics import ContainerMagics

    _end_by_hand(shell)
    shell.register_magics(ContainerMagics(shell), ByHandMagics(shell))
    for mime, form in _FORMS.items():
        _formatters(shell)[mime].for_type(CONTAINER_TYPE, form)
    print(_line())


def unload(shell: InteractiveShell) -> None:
    """Take everything back and close the engine's connections; containers go on running."""
    _end_by_hand(shell)
    for kind in ("line", "cell"):
        for name in (MAGIC, BY_HAND):
            shell.magics_manager.magics[kind].pop(name, None)
    for mime in _FORMS:
        _formatters(shell)[mime].pop(CONTAINER_TYPE, None)
    if "kernel_ext.live" in sys.modules:
        from kernel_ext import live

        live.stop_all()
    connection.disconnect()


def _end_by_hand(shell: InteractiveShell) -> None:
    """End the scratch process of an earlier load."""
    earlier = shell.magics_manager.registry.get("ByHandMagics")
    if earlier is not None:
        earlier.end()


def _formatters(shell: InteractiveShell) -> dict[str, Any]:
    assert shell.display_formatter is not None  # only while a shell is being built
    formatters: dict[str, Any] = shell.display_formatter.formatters
    return formatters


def _line() -> str:
    """Return doctor's line; whatever fails there must not keep a notebook from opening."""
    try:
        from ipycontainer.engine import doctor

        return doctor.line(running=connection.running())
    except Exception as error:  # noqa: BLE001  whatever this machine does to its probes
        return f"ipycontainer: cannot examine this machine ({type(error).__name__}: {error})"
