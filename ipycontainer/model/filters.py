"""Docker's filters, as far as all lists have them alike: a text or several, and labels."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from ipycontainer.errors import InvalidArgument

__all__ = ["grouped", "has_label", "matches", "single_until", "switch", "unknown"]


def grouped(filters: Mapping[str, Any] | None) -> dict[str, Sequence[str]]:
    """Return each filter's values, which docker-py takes one by one or in a list."""
    return {key: _several(value) for key, value in (filters or {}).items()}


def _several(value: Any) -> Sequence[str]:
    if isinstance(value, bool):
        return ("true" if value else "false",)
    if isinstance(value, Iterable) and not isinstance(value, str):
        return tuple(str(each) for each in value)
    return (str(value),)


def single_until(words: Iterable[str]) -> str | None:
    """Return the moment of a prune's `until`, None without one. InvalidArgument for several."""
    several = tuple(dict.fromkeys(words))
    if len(several) > 1:
        raise InvalidArgument("more than one until filter specified")
    return several[0] if several else None


def unknown(key: str) -> InvalidArgument:
    """Return docker's refusal of a filter that is none."""
    return InvalidArgument(f"invalid filter '{key}'" if key else "invalid filter")


def switch(key: str, words: Sequence[str]) -> bool:
    """Return what a filter says that is on or off.

    Another word beside one that says it is heard by nobody. Source: docker `api/types/filters`,
    GetBoolOrDefault. Raises InvalidArgument.
    """
    on, off = ({"1", "true"} & set(words), {"0", "false"} & set(words))
    if bool(on) == bool(off):
        raise InvalidArgument(f"invalid filter '{key}=[{' '.join(sorted(set(words)))}]'")
    return bool(on)


def has_label(labels: Mapping[str, str], wanted: str) -> bool:
    """Tell whether there is a label `NAME`, or with `NAME=VALUE` that value of it."""
    name, equals, value = wanted.partition("=")
    return name in labels and (not equals or labels[name] == value)


def matches(pattern: str, text: str) -> bool:
    """Tell whether a filter's word is the text itself, or an expression that matches it."""
    try:
        return pattern == text or re.search(pattern, text) is not None
    except re.error:
        return False  # as docker
