"""The zygote's first steps: keep out of its memory what no fork of it needs, then be the zygote.

Each page of the zygote is copied, mapped and unmapped again by every start. `dataclasses` imports
`inspect` with all of Python's own syntax tools, 2 MB, for classes without a docstring alone. Run by
`supervisor` as the zygote's program; imports nothing before that is done.
"""

import sys
import types

__all__ = ["main"]


def main() -> int:
    """Be the zygote, with the arguments of the command line."""
    code: int = load().main(sys.argv[1:])
    return code


def load() -> types.ModuleType:
    """Import all that a zygote has, and no more, and return its module."""
    later = types.ModuleType("inspect")
    later.__getattr__ = _inspect  # type: ignore[method-assign]
    sys.modules["inspect"] = later
    from ipycontainer.supervise import zygote

    return zygote


def _inspect(name: str) -> object:
    """Give somebody who does need `inspect` the real one (a module's `__getattr__`, PEP 562)."""
    if name.startswith("__"):
        raise AttributeError(name)
    sys.modules.pop("inspect", None)
    import inspect

    return getattr(inspect, name)
