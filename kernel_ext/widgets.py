"""Whether a page can show widgets, and what to do where not."""

from __future__ import annotations

from importlib.util import find_spec
from typing import TYPE_CHECKING

from IPython.core.getipython import get_ipython

from ipycontainer.errors import UsageError

if TYPE_CHECKING:
    from IPython.core.interactiveshell import InteractiveShell

__all__ = ["lack", "need"]

_PACKAGES = ("anywidget", "pyte")


def lack() -> str:
    """Return what is missing for widgets, in words; "" where they can be shown.

    A page without widgets behind a kernel that has them cannot be told from here; its user sees the
    widget's text, and of a live view the still picture.
    """
    if missing := _missing():
        return f"%pip install {' '.join(missing)}"
    if getattr(get_ipython(), "kernel", None) is None:
        return "this is no notebook"
    return ""


def need(shell: InteractiveShell) -> None:
    """Raise UsageError where a terminal cannot be shown in a cell, with what to do instead."""
    if missing := _missing():
        raise UsageError(
            f"a terminal in a cell needs {' and '.join(missing)}",
            hint=f"%pip install {' '.join(missing)}, or use a terminal: ipycontainer run -it …",
            exit_code=1,
        )
    if getattr(shell, "kernel", None) is None:
        raise UsageError(
            "this is no notebook: a terminal is shown in a page",
            hint="Type it in a shell: ipycontainer run -it …",
            exit_code=1,
        )


def _missing() -> list[str]:
    return [name for name in _PACKAGES if find_spec(name) is None]
