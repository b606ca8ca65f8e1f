"""The verbs that look at one thing: inspect, logs, diff."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any, TypeAlias

import click

from ipycontainer.commands import lookup
from ipycontainer.commands.log_merging import merged
from ipycontainer.commands.records import Changes, Inspected, LogView, Outcome
from ipycontainer.commands.templates import TemplateError, in_order, parse_or_refuse, recognised
from ipycontainer.commands.verb import Session, verb
from ipycontainer.errors import (
    AmbiguousId,
    Conflict,
    EngineError,
    InvalidArgument,
    InvalidReference,
    NoSuchContainer,
    NotFound,
    UsageError,
)
from ipycontainer.model.log_range import LogRange
from ipycontainer.model.moments import parse_time
from ipycontainer.model.network import NO_SWARM

if TYPE_CHECKING:
    from ipycontainer.commands.engine_protocols import Container, Engine, LogEntry

__all__ = [
    "FORMAT_HELP",
    "container_inspect",
    "diff",
    "image_inspect",
    "inspect",
    "inspected",
    "logs",
    "volume_inspect",
]

Look: TypeAlias = "Callable[[Engine, str], Mapping[str, Any]]"

FORMAT_HELP = "Format output using a Go template, or 'json'"


@verb(
    "inspect",
    "Return low-level information on ipycontainer objects",
    "[OPTIONS] NAME|ID [NAME|ID...]",
    least=1,
)
@click.option("-f", "--format", "template", default="", help=FORMAT_HELP)
@click.option("-s", "--size", is_flag=True, help="Display total file sizes, of containers")
@click.option(
    "--type",
    "kind",
    default="",
    help="Return JSON for this type: container, image, network, volume",
)
@click.argument("names", nargs=-1)
def inspect(
    session: Session, template: str, size: bool, kind: str, names: tuple[str, ...]
) -> Outcome:
    """Return the objects in docker's shape; a name is a container's before it is an image's."""
    if kind not in ("", *_LOOKS):
        raise UsageError(f'"{kind}" is not a valid value for --type', exit_code=1)
    unsized: list[str] = []

    def look(engine: Engine, name: str) -> Mapping[str, Any]:
        found, thing = (kind, _LOOKS[kind](engine, name)) if kind else _anything(engine, name)
        if size and found == "container":
            return _sized(engine, thing)
        unsized.append(found)
        return thing

    told = inspected(session, look, template, names)
    ignored = tuple(f"--size ignored for {each}" for each in unsized) if size else ()
    return replace(told, warnings=ignored)


@verb(
    "inspect",
    "Display detailed information on one or more containers",
    "[OPTIONS] CONTAINER [CONTAINER...]",
    least=1,
    path="container inspect",
)
@click.option("-f", "--format", "template", default="", help=FORMAT_HELP)
@click.option("-s", "--size", is_flag=True, help="Display total file sizes")
@click.argument("names", nargs=-1)
def container_inspect(
    session: Session, template: str, size: bool, names: tuple[str, ...]
) -> Outcome:
    """Return containers only."""

    def look(engine: Engine, name: str) -> Mapping[str, Any]:
        thing = _container(engine, name)
        return _sized(engine, thing) if size else thing

    return inspected(session, look, template, names)


@verb(
    "inspect",
    "Display detailed information on one or more images",
    "[OPTIONS] IMAGE [IMAGE...]",
    least=1,
    path="image inspect",
)
@click.option("-f", "--format", "template", default="", help=FORMAT_HELP)
@click.argument("names", nargs=-1)
def image_inspect(session: Session, template: str, names: tuple[str, ...]) -> Outcome:
    """Return images only."""
    return inspected(session, _image, template, names)


@verb(
    "inspect",
    "Display detailed information on one or more volumes",
    "[OPTIONS] VOLUME [VOLUME...]",
    least=1,
    path="volume inspect",
)
@click.option("-f", "--format", "template", default="", help=FORMAT_HELP)
@click.argument("names", nargs=-1)
def volume_inspect(session: Session, template: str, names: tuple[str, ...]) -> Outcome:
    """Return volumes only."""
    return inspected(session, _volume, template, names, typed=True)


def inspected(
    session: Session, look: Look, template: str, names: Sequence[str], *, typed: bool = False
) -> Inspected:
    """Return the objects that names stand for, and the errors of the others.

    `typed`: docker's client keeps no JSON of them that a template could fall back on.
    """
    parsed = parse_or_refuse(template) if template not in ("", "json") else None
    objects: list[Mapping[str, Any]] = []
    texts: list[str] = []
    errors: list[EngineError] = []
    for name in names:
        try:
            thing = in_order(look(session.engine, name))
            objects.append(thing)
            if parsed is not None:
                make = parsed.of_fact if typed else parsed.of_object
                texts.append(make(thing, recognised(thing)))
        except (NotFound, InvalidReference, AmbiguousId, Conflict) as error:
            errors.append(error)
        except TemplateError as error:
            errors.append(UsageError(f"template parsing error: {error}", exit_code=1))
    return Inspected(
        objects=tuple(objects), template=template, texts=tuple(texts), errors=tuple(errors)
    )


def _container(engine: Engine, name: str) -> Mapping[str, Any]:
    return engine.containers.get(lookup.routed(name) if name else name).attrs


def _image(engine: Engine, name: str) -> Mapping[str, Any]:
    if not name:
        raise NotFound("No such image: ")
    return engine.images.get(name).attrs


def network_attributes(engine: Engine, name: str) -> Mapping[str, Any]:
    if not name:
        raise NotFound("No such network: ")
    return engine.networks.get(name).attrs


def _volume(engine: Engine, name: str) -> Mapping[str, Any]:
    if not name:
        raise NotFound("No such volume: ")
    return engine.volumes.get(name).attrs


def _plugin(engine: Engine, name: str) -> Mapping[str, Any]:
    # no NotFound: of those docker's client speaks itself, here its daemon does
    raise Conflict(f'plugin "{name}" not found')


def _of_swarm(engine: Engine, name: str) -> Mapping[str, Any]:
    raise Conflict(NO_SWARM)


_THINGS: dict[str, Look] = {
    "container": _container,
    "image": _image,
    "network": network_attributes,
    "volume": _volume,
}
_LOOKS: dict[str, Look] = {
    **_THINGS,
    "plugin": _plugin,
    **dict.fromkeys(("node", "secret", "service", "task"), _of_swarm),
}


def _anything(engine: Engine, name: str) -> tuple[str, Mapping[str, Any]]:
    """Return the first thing of that name, and what it is."""
    hint = ""
    for kind, look in _THINGS.items():
        try:
            return kind, look(engine, name)
        except NoSuchContainer:
            continue
        except (NotFound, InvalidReference) as error:
            hint = error.hint if kind == "network" else hint
        except InvalidArgument:
            if name:
                raise
            break  # docker's client asks for nothing by no name
    raise NotFound(f"No such object: {name}", hint=hint)


def _sized(engine: Engine, thing: Mapping[str, Any]) -> Mapping[str, Any]:
    """Return a container's object with its sizes, where docker has them."""
    written = engine.written_bytes([str(thing["Id"])]).get(str(thing["Id"]), 0)
    try:
        below = engine.images.get(str(thing["Image"])).record.size
    except NotFound:
        below = 0
    found: dict[str, Any] = {}
    for key, value in thing.items():
        found[key] = value
        if key == "GraphDriver":
            found |= {"SizeRw": written, "SizeRootFs": written + below}
    return found


@verb(
    "logs",
    "Fetch the logs of a container",
    "[OPTIONS] CONTAINER",
    least=1,
    most=1,
    many_with="--follow",
)
@click.option("--details", is_flag=True, help="Show extra details provided to logs")
@click.option("-f", "--follow", is_flag=True, help="Follow log output")
@click.option(
    "--since", default="", help="Show logs since a time (2013-01-02T13:23:37Z) or 42m ago"
)
@click.option("-n", "--tail", default="all", help="Number of lines to show from the end")
@click.option("-t", "--timestamps", is_flag=True, help="Show timestamps")
@click.option(
    "--until", default="", help="Show logs before a time (2013-01-02T13:23:37Z) or 42m ago"
)
@click.argument("containers", nargs=-1)
def logs(
    session: Session,
    details: bool,
    follow: bool,
    since: str,
    tail: str,
    timestamps: bool,
    until: str,
    containers: tuple[str, ...],
) -> Outcome:
    """Return the lines of a log, each with its stream; with -f until the container ends.

    With -f several are followed at once, which docker leaves to compose.
    """
    target, *others = (lookup.inspected(session, each) for each in containers)
    if any(each.record.config.log_driver == "none" for each in (target, *others)):
        raise InvalidArgument("configured logging driver does not support reading")
    # docker's daemon takes the word 0 for no end, and no other that means the epoch
    end = _moment("until", "" if until == "0" else until)
    wanted = LogRange(_moment("since", since), end, _tail(tail))
    if others:
        entries = _merged((target, *others), wanted)
    else:
        entries = target.log_chunks(wanted, follow=follow)
    return LogView(
        container=target,
        entries=entries,
        timestamps=timestamps,
        follow=follow,
        details=f"{target.log_details()} " if details else "",
        others=tuple(others),
        wanted=wanted,
    )


def _merged(containers: Sequence[Container], wanted: LogRange) -> Iterator[LogEntry]:
    """Yield the lines of several; nothing is opened before the first is wanted."""
    yield from merged([each.follow_log(wanted) for each in containers])


def _moment(name: str, text: str) -> int | None:
    if not text:
        return None
    try:
        return parse_time(text)
    except InvalidArgument as error:
        raise UsageError(f'invalid value for "{name}": {error.message}', exit_code=1) from None


def _tail(text: str) -> int | None:
    """Return how many lines are wanted, None for all: what is no number is all, in docker."""
    try:
        lines = int(text)
    except ValueError:
        return None
    return lines if lines >= 0 else None


@verb(
    "diff",
    "Inspect changes to files or directories on a container's filesystem",
    "[OPTIONS] CONTAINER [OTHER]",
    least=1,
    most=1,
    dockers_synopsis="CONTAINER",
    beyond=1,
)
@click.option("--content", is_flag=True, help="Show how the texts of files differ, too")
@click.argument("container")
@click.argument("other", required=False)
def diff(session: Session, content: bool, container: str, other: str | None) -> Outcome:
    """Return what a container changed, in docker's order; with OTHER what that has otherwise.

    Then each is a container, `NAME:CHECKPOINT`, or an image.
    """
    if not container.strip("/"):
        raise UsageError("Container name cannot be empty", exit_code=1)
    engine = session.engine
    if other is not None:
        rows, text = engine.compare(container, other, text=content)
    else:
        target = lookup.container(session, container)
        rows, text = target.diff_content() if content else (target.changes(), "")
    return Changes(rows=tuple(rows), content=text if content else None)
