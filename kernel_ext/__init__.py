"""The notebook's face: `%container` and `%%container`, and how their results are shown.

The uppermost room: it may import every other, and nothing imports it but `ipycontainer`'s
`load_ipython_extension`, lazily. The way of a cell goes by module: magics (with options, split,
expand) -> ipycontainer.commands -> display (with frames, cards) or, for a program that runs in the
foreground, foreground and output.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from IPython.core.interactiveshell import InteractiveShell

__all__ = ["load_ipython_extension", "unload_ipython_extension"]


def load_ipython_extension(shell: InteractiveShell) -> None:
    """Give the shell the magic `container`; loading again replaces it. Never fails."""
    from kernel_ext.extension import load

    load(shell)


def unload_ipython_extension(shell: InteractiveShell) -> None:
    """Take the magic away; containers go on running."""
    from kernel_ext.extension import unload

    unload(shell)
