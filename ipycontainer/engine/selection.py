"""Which containers `ps` shows: docker's filters, without a kernel and without a store."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any, Protocol

from ipycontainer.errors import AmbiguousId, InvalidArgument, NoSuchContainer
from ipycontainer.model.filters import grouped, has_label, matches, unknown
from ipycontainer.model.state import ContainerRecord, Status

__all__ = ["KEYS", "Surroundings", "containers"]

KEYS = (
    *("ancestor", "before", "exited", "expose", "health", "id", "is-task", "isolation", "label"),
    *("name", "network", "publish", "since", "status", "volume"),
)
_LAST_PORT = 65535
_HEALTH = ("starting", "healthy", "unhealthy", "none")


class Surroundings(Protocol):
    """What filters ask that stands in no container's record."""

    def find(self, ref: str) -> ContainerRecord:
        """Return the container that a word means; raises NoSuchContainer."""

    def descends(self, image_id: str, ref: str) -> bool:
        """Tell whether an image is the one that a word means, or stands on it."""

    def networks(self, record: ContainerRecord) -> frozenset[str]:
        """Return the names of a container's networks."""

    def network_ids(self, record: ContainerRecord) -> frozenset[str]:
        """Return the ids of its networks; docker takes the beginning of one, too."""

    def ports(self, record: ContainerRecord) -> Sequence[str]:
        """Return the ports that a container shows now, as `80/tcp`: none without a way out."""

    def health(self, record: ContainerRecord) -> str:
        """Return a container's health, `none` for one that is not checked."""


def containers(
    records: Sequence[ContainerRecord],
    every: bool,
    limit: int | None,
    filters: Mapping[str, Any],
    around: Surroundings,
) -> list[ContainerRecord]:
    """Return the records that docker's `ps` would show, in the order given (newest first).

    Keys are joined by and, values of one key by or; labels all have to match. `status` alone shows
    stopped ones too, as `limit` does. Names and ids are regular expressions. Raises InvalidArgument
    for an unknown key or value, NoSuchContainer for what `before` and `since` name.
    """
    wanted = grouped(filters)
    _check(wanted)
    tests: list[_Test | _Meant] = [_Test(key, values, around) for key, values in wanted.items()]
    if "id" in wanted:
        tests.append(_Meant(records, wanted["id"]))
    found = [
        record
        for record in records
        if (every or limit or "status" in wanted or record.state.status.alive)
        and all(test(record) for test in tests)
    ]
    return found[:limit] if limit is not None and limit > 0 else found


def _check(wanted: Mapping[str, Sequence[str]]) -> None:
    for key in wanted:
        if key not in KEYS:
            raise unknown(key)
    for status in wanted.get("status", ()):
        if status not in list(Status):
            raise InvalidArgument(f"invalid filter 'status={status}'")
    for code in wanted.get("exited", ()):
        if re.fullmatch(r"[+-]?\d+", code) is None:
            raise InvalidArgument(
                f"invalid filter 'exited={code}': strconv.Atoi: parsing \"{code}\": invalid syntax"
            )
    for health in wanted.get("health", ()):
        if health not in _HEALTH:
            raise InvalidArgument(f"unrecognized filter value for health: {health}")
    for value in wanted.get("is-task", ()):
        if value.lower() not in ("true", "false", "1", "0"):
            raise InvalidArgument(f"invalid filter 'is-task=[{value}]'")


class _Test:
    """One key's question to a record."""

    def __init__(self, key: str, values: Sequence[str], around: Surroundings) -> None:
        self._values = values
        self._around = around
        self._ask = getattr(self, f"_{key.replace('-', '_')}")
        if key in ("before", "since"):
            try:
                self._moment = around.find(values[-1]).created_ns
            except AmbiguousId:
                raise NoSuchContainer(f"No such container: {values[-1]}") from None
        if key in ("publish", "expose"):
            self._ports = {port for value in values for port in _ports(value, key)}

    def __call__(self, record: ContainerRecord) -> bool:
        return bool(self._ask(record))

    def _ancestor(self, record: ContainerRecord) -> bool:
        return any(self._around.descends(record.image_id, ref) for ref in self._values)

    def _before(self, record: ContainerRecord) -> bool:
        return record.created_ns < self._moment

    def _since(self, record: ContainerRecord) -> bool:
        return record.created_ns > self._moment

    def _exited(self, record: ContainerRecord) -> bool:
        state = record.state
        ended = not state.status.alive and state.started_ns > 0
        return ended and state.exit_code in {int(value) for value in self._values}

    def _expose(self, record: ContainerRecord) -> bool:
        return record.state.status.alive and not self._ports.isdisjoint(self._around.ports(record))

    def _publish(self, record: ContainerRecord) -> bool:
        published = {f"{each.first}/{each.protocol}" for each in record.config.ports if each.first}
        wanted = record.state.status.alive and not published.isdisjoint(self._ports)
        return wanted and bool(self._around.ports(record))

    def _health(self, record: ContainerRecord) -> bool:
        return self._around.health(record) in self._values

    def _id(self, record: ContainerRecord) -> bool:
        return any(value and matches(value, record.id) for value in self._values)

    def _is_task(self, _: ContainerRecord) -> bool:
        return any(value.lower() in ("false", "0") for value in self._values)  # swarm's: never

    def _isolation(self, _: ContainerRecord) -> bool:
        return True  # Windows'

    def _label(self, record: ContainerRecord) -> bool:
        return all(has_label(record.config.labels, value) for value in self._values)

    def _name(self, record: ContainerRecord) -> bool:
        return any(
            matches(value, record.name) or matches(value, f"/{record.name}")
            for value in self._values
        )

    def _network(self, record: ContainerRecord) -> bool:
        if self._around.networks(record) & set(self._values):
            return True
        ids = self._around.network_ids(record)
        return any(each.startswith(value) for each in ids for value in self._values)

    def _status(self, record: ContainerRecord) -> bool:
        return record.state.status.value in self._values

    def _volume(self, record: ContainerRecord) -> bool:
        mounts = record.config.mounts
        return any(value in (each.source, each.target) for each in mounts for value in self._values)


class _Meant:
    """Whether docker finds a container by one of these ids: what several begin with finds none."""

    def __init__(self, records: Sequence[ContainerRecord], values: Sequence[str]) -> None:
        self._ids: set[str] = set()
        for value in values:
            found = [each.id for each in records if each.id.startswith(value)]
            if len(found) == 1:
                self._ids.add(found[0])

    def __call__(self, record: ContainerRecord) -> bool:
        return record.id in self._ids


def _ports(text: str, key: str) -> list[str]:
    """Return the ports of `80`, `80/udp` or `80-90/tcp`, as docker names them."""
    numbers, _, protocol = text.partition("/")
    first, dash, last = numbers.partition("-")
    for number in (first, last) if dash else (first,):
        if not number.isdecimal():
            raise InvalidArgument(
                f"error while looking up for {key} {text}: strconv.ParseUint: "
                f'parsing "{number}": invalid syntax'
            )
        if int(number) > _LAST_PORT:
            raise InvalidArgument(
                f"error while looking up for {key} {text}: strconv.ParseUint: "
                f'parsing "{number}": value out of range'
            )
    end = int(last) if dash else int(first)
    if end < int(first):
        raise InvalidArgument(
            f"error while looking up for {key} {text}: Invalid range specified for the Port: "
            f"{numbers}"
        )
    return [f"{port}/{protocol or 'tcp'}" for port in range(int(first), end + 1)]
