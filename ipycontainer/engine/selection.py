"""Which containers `ps` shows: docker's filters, without a kernel and without a store."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from ipycontainer.errors import InvalidArgument
from ipycontainer.model.state import ContainerRecord, Status

__all__ = ["containers"]


def containers(
    records: Sequence[ContainerRecord],
    every: bool,
    limit: int | None,
    filters: Mapping[str, Any],
) -> list[ContainerRecord]:
    """Return the records that docker's `ps` would show, in the order given (newest first).

    Keys are joined by and, values of one key by or; labels all have to match. `status` alone shows
    stopped ones too, as `limit` does. Names and ids are regular expressions. Raises InvalidArgument
    for an unknown key or status.
    """
    wanted = {key: _values(value) for key, value in filters.items()}
    for key in wanted:
        if key not in ("name", "id", "status", "label"):
            raise InvalidArgument(f"invalid filter '{key}'")
    for status in wanted.get("status", ()):
        if status not in list(Status):
            raise InvalidArgument(f"invalid filter 'status={status}'")
    found = [
        record
        for record in records
        if (every or limit or "status" in wanted or record.state.status.alive)
        and all(_matches(record, key, values) for key, values in wanted.items())
    ]
    return found[:limit] if limit is not None and limit > 0 else found


def _matches(record: ContainerRecord, key: str, values: Sequence[str]) -> bool:
    if key == "status":
        return record.state.status.value in values
    if key == "id":
        return any(_search(value, record.id) for value in values)
    if key == "name":
        return any(
            _search(value, record.name) or _search(value, f"/{record.name}") for value in values
        )
    return all(_has_label(record, value) for value in values)


def _search(pattern: str, text: str) -> bool:
    try:
        return re.search(pattern, text) is not None
    except re.error as error:
        raise InvalidArgument(f"invalid filter '{pattern}': {error}") from None


def _has_label(record: ContainerRecord, wanted: str) -> bool:
    name, equals, value = wanted.partition("=")
    labels = record.config.labels
    return name in labels and (not equals or labels[name] == value)


def _values(value: Any) -> Sequence[str]:
    if isinstance(value, str):
        return (value,)
    if isinstance(value, Iterable):
        return tuple(str(each) for each in value)
    return (str(value),)
