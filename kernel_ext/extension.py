"""Load and unload: the magic, how containers look, one line about this machine.

Called by the package's front door. Loading makes no home and starts nothing, and whatever is wrong
with the machine is said in that line, not raised: a notebook must open anywhere.
"""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any

from kernel_ext import completion, connection, help_page
from kernel_ext.cards import FORMS

if TYPE_CHECKING:
    from IPython.core.interactiveshell import InteractiveShell

__all__ = ["MAGIC", "load", "unload"]

MAGIC, BY_HAND = "container", "byhand"


def load(shell: InteractiveShell) -> None:
    """Register everything, in place of what an earlier load registered."""
    from kernel_ext.byhand import ByHandMagics
    from kernel_ext.known import KnownHome
    from kernel_ext.magics import ContainerMagics

    _end_by_hand(shell)
    _forget_settings(shell)
    magics = ContainerMagics(shell)
    configurables: list[Any] = shell.configurables  # which %config lists and sets
    configurables.append(magics)
    shell.register_magics(magics, ByHandMagics(shell))
    completion.register(shell, KnownHome(lambda: shell.user_ns))
    help_page.register(shell)
    for kind, forms in FORMS.items():
        for mime, form in forms.items():
            _formatters(shell)[mime].for_type(kind, form)
    print(_line())


def unload(shell: InteractiveShell) -> None:
    """Take everything back and close the engine's connections; containers go on running."""
    _end_by_hand(shell)
    for kind in ("line", "cell"):
        for name in (MAGIC, BY_HAND):
            shell.magics_manager.magics[kind].pop(name, None)
    for kind, forms in FORMS.items():
        for mime in forms:
            _formatters(shell)[mime].pop(kind, None)
    if "kernel_ext.live" in sys.modules:
        from kernel_ext import live

        live.stop_all()
    _forget_settings(shell)
    completion.unregister(shell)
    help_page.unregister(shell)
    connection.disconnect()
    from kernel_ext import display  # not loaded before the first line

    display.forget_warnings()


def _forget_settings(shell: InteractiveShell) -> None:
    known = shell.configurables
    known[:] = [each for each in known if type(each).__name__ != "ContainerMagics"]


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
