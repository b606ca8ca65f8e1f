"""ipycontainer: a container engine that lives in a Jupyter kernel.

`connect()` gives an engine; `%load_ext ipycontainer` gives the magic. Names are loaded when they
are first used: the zygote imports this package too, and must get nothing but what it asks for.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ipycontainer.version import __version__

if TYPE_CHECKING:
    from pathlib import Path

    from ipycontainer.engine.container import Container
    from ipycontainer.engine.engine import Engine
    from ipycontainer.engine.images import Image
    from ipycontainer.engine.results import ExecResult, RunResult
    from ipycontainer.errors import ContainerError, EngineError, ImageNotFound, NotFound

__all__ = [
    "Container",
    "ContainerError",
    "Engine",
    "EngineError",
    "ExecResult",
    "Image",
    "ImageNotFound",
    "NotFound",
    "RunResult",
    "__version__",
    "connect",
    "load_ipython_extension",
    "unload_ipython_extension",
]

_PLACES = {
    "Container": "ipycontainer.engine.container",
    "Engine": "ipycontainer.engine.engine",
    "ExecResult": "ipycontainer.engine.results",
    "Image": "ipycontainer.engine.image",
    "RunResult": "ipycontainer.engine.results",
    "ContainerError": "ipycontainer.errors",
    "EngineError": "ipycontainer.errors",
    "ImageNotFound": "ipycontainer.errors",
    "NotFound": "ipycontainer.errors",
}


def __getattr__(name: str) -> Any:
    if name in _PLACES:
        from importlib import import_module

        return getattr(import_module(_PLACES[name]), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def connect(home: str | Path | None = None) -> Engine:
    """Return an engine on a home: a directory, $IPYCONTAINER_HOME, or the user's default one.

    Raises Unsupported, with the command that mends it, where this machine cannot run containers.
    """
    from ipycontainer.engine.engine import Engine

    return Engine(home)


def load_ipython_extension(shell: Any) -> None:
    """Register `%container` in an IPython shell (`%load_ext ipycontainer`)."""
    from kernel_ext import load_ipython_extension as load

    load(shell)


def unload_ipython_extension(shell: Any) -> None:
    """Take `%container` away again; containers go on."""
    from kernel_ext import unload_ipython_extension as unload

    unload(shell)
