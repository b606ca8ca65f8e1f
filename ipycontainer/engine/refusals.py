"""What docker prints around the words of its runtime, where a bundle itself is refused."""

from __future__ import annotations

from ipycontainer.errors import EngineError

__all__ = ["by_runtime"]

_REFUSED = (
    "failed to create task for container: failed to create shim task: OCI runtime create failed: "
    "runc create failed: {}: unknown"
)


def by_runtime(words: str) -> EngineError:
    """Return the error of a start whose bundle the runtime would not take."""
    return EngineError(_REFUSED.format(words))
