"""The kernel's engine: one a home, made by the first line that needs it.

Used by magics. Loading the extension makes no home and no connection.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from ipycontainer.engine.engine import Engine

__all__ = ["connect", "disconnect"]

_engines: dict[str, Engine] = {}


def connect() -> Engine:
    """Return the engine of the home that IPYCONTAINER_HOME names now."""
    home = os.environ.get("IPYCONTAINER_HOME", "")
    if home not in _engines:
        import ipycontainer

        _engines[home] = ipycontainer.connect()
    return _engines[home]


def disconnect() -> None:
    """Close every engine; containers go on."""
    while _engines:
        _engines.popitem()[1].close()
