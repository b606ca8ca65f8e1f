"""The verbs on volumes: create, ls, prune, rm, update; `inspect` stands with its kin."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

import click

from ipycontainer.commands.confirming import confirmed
from ipycontainer.commands.listing import grouped
from ipycontainer.commands.lookup import check_route
from ipycontainer.commands.natural_order import natural
from ipycontainer.commands.records import Done, Lines, Listing, Outcome
from ipycontainer.commands.summaries import VolumeSummary
from ipycontainer.commands.types import Filter, Label, List
from ipycontainer.commands.verb import Session, verb
from ipycontainer.errors import EngineError, NoSuchVolume, UsageError
from ipycontainer.model.units import human_size

if TYPE_CHECKING:
    from collections.abc import Mapping

    from ipycontainer.commands.engine_protocols import Volume

__all__ = ["create", "ls", "prune", "rm", "update", "volume_summary"]

_CLUSTER_TABLE = "table {{.Name}}\t{{.Group}}\t{{.Driver}}\t{{.Availability}}\t{{.Status}}"
_ANONYMOUS = "anonymous local volumes not used by at least one container."
_ALL = "all local volumes not used by at least one container."


@verb(
    "create",
    "Create a volume",
    "[OPTIONS] [VOLUME]",
    most=1,
    path="volume create",
    canonical="volume create",  # not the verb that makes a container
)
@click.option("-d", "--driver", default="local", help="Specify volume driver name")
@click.option("--label", type=Label(), multiple=True, help="Set metadata for a volume")
@click.option("--name", default="", help="Specify volume name")
@click.option("-o", "--opt", type=List(), multiple=True, help="Set driver specific options")
@click.argument("volume", required=False)
def create(
    session: Session,
    driver: str,
    label: tuple[str, ...],
    name: str,
    opt: tuple[str, ...],
    volume: str | None,
) -> Outcome:
    """Return the name of the volume; one that is there already is success."""
    if name and volume:
        raise UsageError(
            "conflicting options: either specify --name or provide positional arg, not both",
            exit_code=1,
        )
    options = dict(word.partition("=")[::2] for word in opt)
    labels = dict(word.partition("=")[::2] for word in label)
    made = session.engine.volumes.create(
        name or volume or None, driver=driver, driver_opts=options, labels=labels
    )
    return Lines(lines=(made.name,))


@verb("ls", "List volumes", "[OPTIONS]", most=0, path="volume ls", canonical="volumes")
@click.option("--cluster", is_flag=True, help="Display only cluster volumes: a swarm's, here none")
@click.option(
    "-f", "--filter", "filters", type=Filter(), multiple=True, help="dangling=, label=, name="
)
@click.option("--format", "template", default="", help="'table', 'json', or a Go template")
@click.option("-q", "--quiet", is_flag=True, help="Only display volume names")
def ls(
    session: Session,
    cluster: bool,
    filters: tuple[tuple[str, str], ...],
    template: str,
    quiet: bool,
) -> Outcome:
    """Return volumes by name."""
    engine = session.engine
    wanted = grouped("volumes", filters, ("dangling", "driver", "label", "name"))
    found = sorted(engine.volumes.list(filters=wanted or None), key=lambda each: natural(each.name))
    if cluster:  # docker then has one form only
        found, template = [], "" if quiet else _CLUSTER_TABLE
    names = {each.id: each.name for each in engine.containers.list(all=True)}
    return Listing(
        kind="volumes",
        rows=tuple(volume_summary(volume, names) for volume in found),
        now_ns=time.time_ns(),
        quiet=quiet,
        template=template,
    )


def volume_summary(volume: Volume, names: Mapping[str, str]) -> VolumeSummary:
    """Return the row of one volume; `names` are those of containers, by id."""
    return VolumeSummary(
        name=volume.name,
        driver="local",
        mountpoint=volume.mountpoint,
        created_ns=volume.record.created_ns,
        labels=dict(volume.record.labels),
        containers=tuple(names.get(user, user) for user in volume.record.users),
        anonymous=volume.record.anonymous,
    )


@verb("rm", "Remove one or more volumes", "[OPTIONS] VOLUME [VOLUME...]", least=1, path="volume rm")
@click.option("-f", "--force", is_flag=True, help="Force the removal of one or more volumes")
@click.argument("volumes", nargs=-1)
def rm(session: Session, force: bool, volumes: tuple[str, ...]) -> Outcome:
    """Return the names that were removed; with -f what is not there is no error."""
    done: list[str] = []
    errors: list[EngineError] = []
    for name in volumes:
        try:
            check_route(name)
            session.engine.volumes.get(name).remove(force=force)
            done.append(name)
        except NoSuchVolume as error:
            if force:
                done.append(name)
            else:
                errors.append(error)
        except EngineError as error:
            errors.append(error)
    return Done(names=tuple(done), errors=tuple(errors))


@verb(
    "update",
    "Update a volume (cluster volumes only)",
    "[OPTIONS] [VOLUME]",
    most=1,
    path="volume update",
    canonical="volume update",
)
@click.option("--availability", default="active", help="Cluster Volume availability")
@click.argument("volume", required=False)
def update(session: Session, availability: str, volume: str | None) -> Outcome:
    """Say what docker says of every volume outside of a swarm."""
    del availability
    if volume is None:
        raise UsageError("which volume?", exit_code=2)
    check_route(volume)
    session.engine.volumes.get(volume)
    raise UsageError("Can only update cluster volumes", exit_code=1)


@verb("prune", "Remove unused local volumes", "[OPTIONS]", most=0, path="volume prune")
@click.option("-a", "--all", "everything", is_flag=True, help="Remove all unused volumes")
@click.option("--filter", "filters", type=Filter(), multiple=True, help="label=, label!=")
@click.option("-f", "--force", is_flag=True, help="Do not prompt for confirmation")
def prune(
    session: Session, everything: bool, filters: tuple[tuple[str, str], ...], force: bool
) -> Outcome:
    """Return what was removed, and the bytes that it gave back."""
    wanted = grouped("volumes", filters, ("all", "label", "label!"))
    if everything and "all" in wanted:
        raise UsageError(
            "conflicting options: cannot specify both --all and --filter all=1", exit_code=1
        )
    if everything:
        wanted["all"] = ["true"]
    what = _ALL if everything else _ANONYMOUS
    if not force and not confirmed(session, f"WARNING! This will remove {what}"):
        return Lines()
    told = session.engine.volumes.prune(filters=wanted or None)
    deleted = [str(name) for name in told["VolumesDeleted"] or ()]
    lines = ["Deleted Volumes:", *deleted, ""] if deleted else []
    size = human_size(int(told["SpaceReclaimed"]))
    return Lines(lines=(*lines, f"Total reclaimed space: {size}"))
