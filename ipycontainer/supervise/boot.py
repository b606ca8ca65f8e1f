"""The zygote's first steps: keep out of its memory what no fork of it needs, then be the zygote.

Each page of the zygote is copied, mapped and unmapped again by every start. `dataclasses` imports
`inspect` with all of Python's own syntax tools, 2 MB, for classes without a docstring and, since
Python 3.13, for annotations, which every class has itself. Run by `supervisor` as the zygote's
program; imports nothing before that is done.
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
    sys.modules["inspect"] = _Later("inspect")
    from ipycontainer.supervise import zygote

    return zygote


class _Later(types.ModuleType):
    """A module `inspect` that becomes the real one for who needs more of it than annotations."""

    _real: types.ModuleType | None = None

    @staticmethod
    def get_annotations(kind: type) -> dict[str, object]:
        """Return a class's own annotations, unevaluated, as a dict of the caller's."""
        return dict(vars(kind).get("__annotations__", {}))

    def __getattr__(self, name: str) -> object:
        if name.startswith("__"):
            raise AttributeError(name)
        if self._real is None:
            del sys.modules["inspect"]
            import inspect

            self._real = inspect
        return getattr(self._real, name)
