"""Restart policies by docker's names, and what docker's daemon says of those that are none."""

from __future__ import annotations

from ipycontainer.errors import InvalidArgument

__all__ = ["checked_policy"]

_POLICIES = ("no", "always", "on-failure", "unless-stopped")


def checked_policy(name: str, limit: int) -> tuple[str, int]:
    """Return a policy and how often it starts again, 0 for no limit. Raises InvalidArgument."""
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
