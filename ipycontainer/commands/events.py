"""The verb events: what happened in a home, past and live."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

import click

from ipycontainer.commands.records import EventView, Outcome
from ipycontainer.commands.templates import TemplateError, parse
from ipycontainer.commands.types import Filter
from ipycontainer.commands.verb import Session, verb
from ipycontainer.errors import InvalidArgument, UsageError
from ipycontainer.model.filters import has_label
from ipycontainer.model.go_json import go_json
from ipycontainer.model.moments import parse_time
from ipycontainer.model.units import rfc3339nano_fixed

if TYPE_CHECKING:
    from ipycontainer.commands.engine_protocols import Event

__all__ = ["event_line", "event_object", "events", "matches"]

_WRONG_FORMAT = 64  # docker's exit code of a template that it cannot use
_GO_TYPE = "*events.Message"
_NAMED = ("config", "container", "daemon", "network", "node", "plugin", "secret", "service")
_OBJECTS = (*_NAMED, "volume")


@verb("events", "Get real time events from the server", "[OPTIONS]", most=0)
@click.option("-f", "--filter", "filters", type=Filter(), multiple=True, help="as container=web")
@click.option("--format", "template", default="", help="'json', or a Go template")
@click.option("--since", default="", help="Show all events created since timestamp")
@click.option("--until", default="", help="Stream events until this timestamp")
def events(
    session: Session,
    filters: tuple[tuple[str, str], ...],
    template: str,
    since: str,
    until: str,
) -> Outcome:
    """Return the events as they come: from --since, or from now, until --until or an interrupt.

    With --until alone they begin with the oldest that is known.
    """
    line = _writer(template)
    try:
        begin = parse_time(since) if since else None
        end = parse_time(until) if until else None
    except InvalidArgument as error:
        raise UsageError(error.message, exit_code=1) from None
    if begin is not None and end is not None and end < begin:
        raise InvalidArgument(
            f"`since` time ({_sent(since, begin)}) cannot be after `until` time "
            f"({_sent(until, end)})"
        )
    if begin is None and end is not None:  # then docker begins with all that it remembers
        begin = 0
    if end == 0:  # of what was until then docker tells all that it remembers
        end = time.time_ns()
    wanted = _grouped(filters)
    found = session.engine.events(begin, end)
    return EventView(
        events=(event for event in found if matches(event, wanted)), line=line, until_ns=end
    )


def _sent(text: str, time_ns: int) -> str:
    """Return a time as docker's client sends it: seconds as they were typed, or what it made."""
    if text.replace(".", "", 1).isdigit():
        return text
    seconds, fraction = divmod(time_ns, 1_000_000_000)
    return f"{seconds}.{fraction:09d}" if "-" in text[1:] else str(seconds)


def _grouped(filters: Sequence[tuple[str, str]]) -> dict[str, list[str]]:
    grouped: dict[str, list[str]] = {}
    for key, value in filters:
        grouped.setdefault(key, []).append(value)
    return grouped


def matches(event: Event, wanted: Mapping[str, Sequence[str]]) -> bool:
    """Tell whether an event passes: keys are joined by and, values of one key by or.

    A key that docker does not know asks for nothing, as in docker.
    """
    return all(_passes(event, key, values) for key, values in wanted.items())


def _passes(event: Event, key: str, values: Sequence[str]) -> bool:
    attributes = event.attributes
    if key == "event":
        return any(event.action == each or event.action.startswith(f"{each}:") for each in values)
    if key == "type":
        return event.type in values
    if key == "label":
        return all(has_label(attributes, each) for each in values)
    if key == "image":
        image = attributes.get("name" if event.type == "image" else "image", "")
        return any(each in (event.actor, image, image.partition(":")[0]) for each in values)
    if key == "scope":
        return "local" in values
    if key in _OBJECTS:
        name = attributes.get("name", "")
        fits = (event.actor.startswith(each) or name.startswith(each) for each in values)
        return event.type == key and any(fits)
    return True


def _writer(template: str) -> Callable[[Event], str]:
    """Return what makes a line of an event. Raises UsageError for a template that cannot."""
    if not template:
        return event_line
    if template in ("json", "{{json .}}"):
        return lambda event: go_json(event_object(event, for_json=True))
    try:
        parsed = parse(template)
        parsed.of_fact(_EMPTY, _GO_TYPE)
    except TemplateError as error:
        message = f"Error parsing format: {error}"
        raise UsageError(message, exit_code=_WRONG_FORMAT) from None
    return lambda event: parsed.of_fact(event_object(event), _GO_TYPE)


def event_line(event: Event) -> str:
    """Return an event as docker prints it: time, type, action, actor, attributes by name."""
    attributes = ", ".join(f"{key}={value}" for key, value in sorted(event.attributes.items()))
    moment = rfc3339nano_fixed(event.time_ns)
    return f"{moment} {event.type} {event.action} {event.actor} ({attributes})"


def event_object(event: Event, *, for_json: bool = False) -> dict[str, Any]:
    """Return docker's Message, by the names of its templates or of its JSON."""
    is_old = event.type in ("container", "image")  # these have the fields of docker's first years
    status, actor = (event.action, event.actor) if is_old else ("", "")
    origin = event.attributes.get("image", "") if event.type == "container" else ""
    shared = {
        "Type": event.type,
        "Action": event.action,
        "Actor": {"ID": event.actor, "Attributes": dict(sorted(event.attributes.items()))},
    }
    seconds = event.time_ns // 1_000_000_000
    if not for_json:
        older = {"Status": status, "ID": actor, "From": origin, "Scope": "local"}
        return {**older, **shared, "Time": seconds, "TimeNano": event.time_ns}
    older = {"status": status, "id": actor, "from": origin}
    shown = {key: value for key, value in older.items() if value}
    return {**shown, **shared, "scope": "local", "time": seconds, "timeNano": event.time_ns}


class _Nothing:
    """An event before there is one: docker tries a template on it."""

    time_ns = 0
    type = action = actor = ""
    attributes: Mapping[str, str] = MappingProxyType({})


_EMPTY = event_object(_Nothing())
