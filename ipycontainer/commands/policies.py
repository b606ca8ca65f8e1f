"""Options of `run` and `create` about what becomes of a container: docker's words, our records.

What docker's client checks raises UsageError, what its daemon checks InvalidArgument.
"""

from __future__ import annotations

from ipycontainer.errors import InvalidArgument, UsageError

__all__ = ["restart_policy"]

_POLICIES = ("no", "always", "on-failure", "unless-stopped")


def restart_policy(text: str) -> tuple[str, int]:
    """Return a restart policy and its number. Raises UsageError, InvalidArgument as docker does."""
    name, colon, count = text.partition(":")
    limit = 0
    if colon and not name:
        raise UsageError("invalid restart policy format: no policy provided before colon")
    if colon:
        try:
            limit = int(count)
        except ValueError:
            words = "invalid restart policy format: maximum retry count must be an integer"
            raise UsageError(words) from None
    name = name or "no"
    if name not in _POLICIES:
        raise InvalidArgument(
            f"invalid restart policy: unknown policy '{name}'; "
            "use one of 'no', 'always', 'on-failure', or 'unless-stopped'"
        )
    if limit and name != "on-failure":
        raise InvalidArgument(
            "invalid restart policy: maximum retry count can only be used with 'on-failure'"
        )
    if limit < 0:
        raise InvalidArgument("invalid restart policy: maximum retry count cannot be negative")
    return name, limit
