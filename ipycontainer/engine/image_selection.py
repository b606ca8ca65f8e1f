"""Which images `images` shows and `image prune` takes: docker's filters, without a store.

Source of the rules: moby `daemon/images/images.go`, `image_prune.go` (26.1.5).
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from ipycontainer.model.filters import grouped, has_label, single_until, switch, unknown
from ipycontainer.model.go_path import path_match
from ipycontainer.model.image import ImageRecord
from ipycontainer.model.moments import parse_time

__all__ = ["fits", "images", "prune_arguments"]

_KNOWN = ("before", "dangling", "label", "reference", "since", "until")
_PRUNE_KNOWN = ("dangling", "label", "label!", "until")


def images(
    records: Sequence[ImageRecord],
    name: str,
    filters: Mapping[str, Any],
    find: Callable[[str], ImageRecord],
    *,
    everything: bool = True,
) -> list[ImageRecord]:
    """Return the records that docker's `images` would show, in the order given.

    Keys are joined by and, values of one key by or; labels all have to match. `find` answers what
    before= and since= name. Without `everything` those without a name that others were committed
    from are left out. Raises InvalidArgument for an unknown key.
    """
    wanted = grouped(filters)
    for key in wanted:
        if key not in _KNOWN:
            raise unknown(key)
    dangling = switch("dangling", wanted["dangling"]) if "dangling" in wanted else None
    before = min((_created(find, ref) for ref in wanted.get("before", ())), default=None)
    until = [parse_time(text, time.time_ns()) for text in wanted.get("until", ())]
    if until:
        before = min([*until, *([before] if before is not None else [])])
    since = max((_created(find, ref) for ref in wanted.get("since", ())), default=None)
    heads_only = not everything or dangling is True
    parents = {record.parent for record in records} if heads_only else set()
    return [
        record
        for record in records
        if (record.tags or record.digests or record.id not in parents)
        and (dangling is None or dangling == (not record.tags))
        and (before is None or record.created_ns < before)
        and (since is None or record.created_ns > since)
        and all(has_label(record.config.labels, text) for text in wanted.get("label", ()))
        and (not name or _named(record, [name]))
        and ("reference" not in wanted or _named(record, wanted["reference"]))
    ]


def _created(find: Callable[[str], ImageRecord], ref: str) -> int:
    return find(ref).created_ns


def _named(record: ImageRecord, patterns: Sequence[str]) -> bool:
    return any(fits(name, pattern) for name in _names(record) for pattern in patterns)


def _names(record: ImageRecord) -> list[str]:
    return [*record.tags, *record.digests]


def fits(name: str, pattern: str) -> bool:
    """Tell whether a name fits a pattern by Go's path.Match, with its tag or digest or without."""
    bare = name.partition("@")[0] if "@" in name else name.rpartition(":")[0]
    return any(path_match(pattern, text) for text in (name, bare))


def prune_arguments(filters: Mapping[str, Any], kept: str) -> dict[str, Any]:
    """Return what a worker needs to prune: which images, and the one to keep in any case."""
    wanted = grouped(filters)
    for key in wanted:
        if key not in _PRUNE_KNOWN:
            raise unknown(key)
    dangling = switch("dangling", wanted["dangling"]) if "dangling" in wanted else None
    until = single_until(wanted.get("until", ()))
    before = None if until is None else parse_time(until, time.time_ns())
    return {
        "every": dangling is False,
        "before_ns": before,
        "labels": list(wanted.get("label", ())),
        "without": list(wanted.get("label!", ())),
        "kept": [kept],
    }
