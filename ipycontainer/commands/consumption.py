"""The verb stats: what containers use, once or each second."""

from __future__ import annotations

import time

import click

from ipycontainer.commands import lookup
from ipycontainer.commands.live import Live
from ipycontainer.commands.records import Listing, Outcome
from ipycontainer.commands.verb import Session, verb
from ipycontainer.model.sample import Sample

__all__ = ["stats"]


@verb(
    "stats",
    "Display a live stream of container(s) resource usage statistics",
    "[OPTIONS] [CONTAINER...]",
)
@click.option("-a", "--all", "everything", is_flag=True, help="Show all, not just running ones")
@click.option("--format", "template", default="", help="'table', 'json', or a Go template")
@click.option("--no-stream", is_flag=True, help="Print only the first result")
@click.option("--no-trunc", is_flag=True, help="Don't truncate output")
@click.argument("containers", nargs=-1)
def stats(
    session: Session,
    everything: bool,
    template: str,
    no_stream: bool,
    no_trunc: bool,
    containers: tuple[str, ...],
) -> Outcome:
    """Return a row for each container, or an endless sequence of such listings."""
    engine = session.engine
    containers = tuple(lookup.routed(name) for name in containers)

    def listing(rows: tuple[Sample, ...]) -> Listing:
        return Listing(
            kind="stats",
            rows=rows,
            now_ns=time.time_ns(),
            no_trunc=no_trunc,
            template=template,
        )

    if no_stream:
        return listing(next(engine.samples(containers, everything), ()))
    return Live(
        kind="stats",
        title=", ".join(containers) or ("all containers" if everything else "running containers"),
        listings=map(listing, engine.samples(containers, everything)),
        source=engine.sampler(containers, everything),  # a wrong name is told before anything else
        bell=engine.bell,
    )
