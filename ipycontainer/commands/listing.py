"""The verb that lists containers: ps."""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

import click

from ipycontainer.commands.columns import fields_used
from ipycontainer.commands.label_records import LabelListing, LabelSummary
from ipycontainer.commands.live import Live, rung
from ipycontainer.commands.network_columns import ports_text
from ipycontainer.commands.records import Listing, Outcome
from ipycontainer.commands.refusals import FILTERS
from ipycontainer.commands.summaries import ContainerSummary
from ipycontainer.commands.templates import TemplateError
from ipycontainer.commands.types import Filter, Integer
from ipycontainer.commands.verb import Session, verb
from ipycontainer.engine.selection import KEYS
from ipycontainer.errors import EngineError, InvalidArgument, Unsupported, UsageError
from ipycontainer.model.config import ContainerConfig

if TYPE_CHECKING:
    from ipycontainer.commands.engine_protocols import Container, Engine

__all__ = ["grouped", "ps", "sized", "summary_of", "with_links"]

_QUIET_RAW = "container_id: {{.ID}}"
_IGNORED_FORMAT = "Ignoring custom format, because both --format and --quiet are set."


@verb("ps", "List containers", "[OPTIONS]", most=0)
@click.option("-a", "--all", "everything", is_flag=True, help="Show all, not just running ones")
@click.option(
    "-f", "--filter", "filters", type=Filter(), multiple=True, help="Filter output, as name=web"
)
@click.option("--format", "template", default="", help="'table', 'json', or a Go template")
@click.option("-n", "--last", type=Integer(), default=-1, help="Show n last created containers")
@click.option("-l", "--latest", is_flag=True, help="Show the latest created container")
@click.option("--no-trunc", is_flag=True, help="Don't truncate output")
@click.option("-q", "--quiet", is_flag=True, help="Only display container IDs")
@click.option("-s", "--size", is_flag=True, help="Display total file sizes")
@click.option("--labels", is_flag=True, help="Show a row for each label instead")
@click.option("--watch", is_flag=True, help="Go on: show the list anew when something happens")
def ps(
    session: Session,
    everything: bool,
    filters: tuple[tuple[str, str], ...],
    template: str,
    last: int,
    latest: bool,
    no_trunc: bool,
    quiet: bool,
    size: bool,
    labels: bool,
    watch: bool,
) -> Outcome:
    """Return the running containers, newest first; -a, -n, -l and status= show others too."""
    ignored = (_IGNORED_FORMAT,) if quiet and template else ()
    used = _used(template, "".join(f"WARNING: {each}\n" for each in ignored))
    wanted = grouped("ps", filters, KEYS)
    limit = 1 if latest and last == -1 else last
    engine = session.engine

    def rows() -> list[ContainerSummary]:
        found = engine.containers.list(
            all=everything, limit=limit if limit > 0 else None, filters=wanted or None
        )
        names: dict[str, str] = {}
        summaries = [summary_of(engine, container, names) for container in found]
        if no_trunc and not quiet:  # nothing else shows these names
            summaries = with_links(summaries, engine.containers.list(all=True))
        if not quiet and (size or "Size" in used):  # docker counts for both
            return sized(engine, summaries)
        return summaries

    def listing() -> Listing:
        return Listing(
            kind="ps",
            rows=tuple(rows()),
            now_ns=time.time_ns(),
            quiet=quiet,
            no_trunc=no_trunc,
            template=template if not quiet else _QUIET_RAW if template == "raw" else "",
            sizes=size,
            warnings=ignored,
        )

    if labels and (watch or quiet or template or size):
        raise UsageError("--labels is a listing of its own: leave out -q, -s, --format and --watch")
    if labels:
        return LabelListing(rows=tuple(_labels(rows())), now_ns=time.time_ns())
    if not watch:
        return listing()
    return Live(
        kind="ps",
        title="all containers" if everything else "running containers",
        listings=rung(engine.bell, listing),
        source=_Rows(rows),
        bell=engine.bell,
    )


def _labels(rows: Sequence[ContainerSummary]) -> Iterator[LabelSummary]:
    for row in rows:
        for key, value in sorted(row.labels.items()):
            yield LabelSummary(row.id, row.name, key, value)


class _Rows:
    """The rows of ps, read again after each ring; it never ends."""

    def __init__(self, read: Callable[[], Sequence[ContainerSummary]]) -> None:
        self._read = read
        self._rows = read()  # a wrong filter is told now

    def refresh(self) -> bool:
        """Read."""
        self._rows = self._read()
        return True

    def rows(self) -> Sequence[ContainerSummary]:
        """Return what the last reading found."""
        return self._rows


def _used(template: str, before: str) -> frozenset[str]:
    """Return the fields that a template uses. Raises UsageError for one that fails on nothing.

    `before` is what docker has said by then.
    """
    how = "failed to parse template"
    try:
        return fields_used(template)
    except TemplateError as error:
        if "executing" in str(error):
            how = "failed to execute template"
        raise UsageError(f"{before}{how}: {error}", exit_code=1) from None


def _networks(config: ContainerConfig) -> tuple[str, ...]:
    """Return the names of a container's networks; beside the machine's own there may be others."""
    names = (endpoint.network for endpoint in config.endpoints)
    return (*names, *filter(None, (config.stands_on,)))


def summary_of(engine: Engine, container: Container, names: dict[str, str]) -> ContainerSummary:
    """Return the row of one container; `names` keeps which image each name means by now."""
    record = container.record
    config, state = record.config, record.state
    return ContainerSummary(
        id=record.id,
        name=record.name,
        image=_image_name(engine, config.image, record.image_id, names),
        command=_command_line([*(config.entrypoint or ()), *config.command]),
        created_ns=record.created_ns,
        status=state.status.value,
        exit_code=state.exit_code,
        started_ns=state.started_ns,
        finished_ns=state.finished_ns,
        labels=dict(config.labels),
        pid=state.pid,
        image_id=record.image_id,
        mounts=tuple(mount.source for mount in config.mounts if mount.origin != "--tmpfs"),
        local_volumes=sum(mount.type == "volume" for mount in config.mounts),
        health=container.health,
        networks=_networks(config),
        ports=ports_text(container.published, container.exposed) if state.status.alive else "",
    )


def with_links(
    rows: Sequence[ContainerSummary], every: Sequence[Container]
) -> list[ContainerSummary]:
    """Return the rows with what links of the default network call each container."""
    found: dict[str, list[str]] = {}
    for record in (container.record for container in every):
        for name, alias in record.config.bridge_links:
            found.setdefault(name, []).append(f"{record.name}/{alias}")
    return [replace(row, link_names=tuple(found.get(row.name, ()))) for row in rows]


def sized(engine: Engine, rows: Sequence[ContainerSummary]) -> list[ContainerSummary]:
    """Return the rows with what each container has written, without and with its image."""
    written = engine.written_bytes([row.id for row in rows])
    images = {image.id: image.record.size for image in engine.images.list(all=True)}
    return [
        replace(
            row,
            written=written.get(row.id, 0),
            whole=written.get(row.id, 0) + images.get(row.image_id, 0),
        )
        for row in rows
    ]


def _image_name(engine: Engine, typed: str, image_id: str, names: dict[str, str]) -> str:
    """Return the image as typed, or its id once the name stands for another one or for nothing."""
    digits = typed.removeprefix("sha256:")
    if re.fullmatch(r"[0-9a-f]{4,64}", digits) and image_id[7:].startswith(digits):
        return typed
    if typed not in names:
        try:
            names[typed] = engine.images.get(typed).id
        except EngineError:
            names[typed] = ""
    return typed if names[typed] == image_id else image_id


def _command_line(words: Sequence[str]) -> str:
    """Return a command as docker's daemon joins it: quotes around words with spaces, no escapes."""
    first, *rest = words or [""]
    return " ".join([first, *(f"'{word}'" if " " in word else word for word in rest)])


def grouped(
    kind: str, filters: Sequence[tuple[str, str]], known: Sequence[str]
) -> dict[str, list[str]]:
    """Return filters by key; refuses by name what docker has besides."""
    grouped: dict[str, list[str]] = {}
    for key, value in filters:
        if not key:
            if value:
                raise InvalidArgument("invalid filter")
            continue  # `--filter ""` asks for nothing, in docker
        if key in FILTERS[kind].split():
            raise Unsupported(f"--filter {key}= is not supported yet")
        if key not in known:
            raise InvalidArgument(f"invalid filter '{key}'")
        grouped.setdefault(key, []).append(value)
    return grouped
