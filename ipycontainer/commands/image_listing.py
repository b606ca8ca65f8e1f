"""The verbs that list images and their steps: images, history."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import click

from ipycontainer.commands.listing import grouped
from ipycontainer.commands.records import Listing, Outcome
from ipycontainer.commands.summaries import HistorySummary, ImageSummary
from ipycontainer.commands.types import Filter
from ipycontainer.commands.verb import Session, verb
from ipycontainer.engine.image_selection import fits
from ipycontainer.errors import ImageNotFound

if TYPE_CHECKING:
    from ipycontainer.commands.engine_protocols import Image

__all__ = ["history", "image_rows", "images"]

_NONE = "<none>"
_FILTERS = ("before", "dangling", "label", "reference", "since", "until")


@verb("images", "List images", "[OPTIONS] [REPOSITORY[:TAG]]", most=1)
@click.option(
    "-a",
    "--all",
    "everything",
    is_flag=True,
    help="Show all images, also those without a name that others stand on",
)
@click.option("--digests", is_flag=True, help="Show digests")
@click.option(
    "-f",
    "--filter",
    "filters",
    type=Filter(),
    multiple=True,
    help="dangling=, label=, before=, since=, until=, reference=PATTERN",
)
@click.option("--format", "template", default="", help="'table', 'json', or a Go template")
@click.option("--no-trunc", is_flag=True, help="Don't truncate output")
@click.option("-q", "--quiet", is_flag=True, help="Only show image IDs")
@click.argument("repository", required=False)
def images(
    session: Session,
    everything: bool,
    digests: bool,
    filters: tuple[tuple[str, str], ...],
    template: str,
    no_trunc: bool,
    quiet: bool,
    repository: str | None,
) -> Outcome:
    """Return a row for each tag, newest image first; in a shell `host` where it is asked for."""
    wanted = grouped("images", filters, _FILTERS)
    found = session.engine.images.list(name=repository, all=everything, filters=wanted or None)
    if session.values is None and not repository and "reference" not in wanted:
        # `rmi $(images -q)` must not meet what no one can remove; a frame has room for it
        found = [image for image in found if image.record.manifest]
    patterns = [[repository] if repository else [], wanted.get("reference", [])]
    rows = [
        row for image in found for row in image_rows(image, [p for p in patterns if p], digests)
    ]
    rows.sort(key=lambda row: -row.created_ns)
    return Listing(
        kind="images",
        rows=tuple(rows),
        now_ns=time.time_ns(),
        quiet=quiet,
        no_trunc=no_trunc,
        template="" if quiet and template == "table" else template,
        digests=digests,
    )


def image_rows(
    image: Image, patterns: Sequence[Sequence[str]] = (), every_digest: bool = False
) -> list[ImageSummary]:
    """Return the rows of an image: one a tag; one a digest where that is its only name.

    With `every_digest` a tag has as many rows as its repository has digests, as in docker.
    """
    record = image.record
    by_repository: dict[str, list[str]] = {}
    for name in record.digests:
        repository, _, digest = name.partition("@")
        if not _wanted(name, patterns):
            continue
        by_repository.setdefault(repository, []).append(digest)
    rows: list[ImageSummary] = []

    def add(repository: str, tag: str, digest: str) -> None:
        rows.append(
            ImageSummary(
                id=record.id,
                repository=repository,
                tag=tag,
                digest=digest,
                created_ns=record.created_ns,
                size=record.size,
                shared=image.shared,
                containers=image.containers,
            )
        )

    tagged = set()
    for name in record.tags:
        repository, _, tag = name.rpartition(":")
        if _wanted(name, patterns):
            tagged.add(repository)
            known = by_repository.get(repository, [_NONE])
            for digest in known if every_digest else known[:1]:
                add(repository, tag, digest)
    for repository, known in by_repository.items():
        if repository not in tagged:
            for digest in known if every_digest else known[:1]:
                add(repository, _NONE, digest)
    if not record.tags and not record.digests and not patterns:
        add(_NONE, _NONE, _NONE)
    return rows


def _wanted(name: str, patterns: Sequence[Sequence[str]]) -> bool:
    return all(any(fits(name, pattern) for pattern in some) for some in patterns)


@verb("history", "Show the history of an image", "[OPTIONS] IMAGE", least=1, most=1)
@click.option("--format", "template", default="", help="'table', 'json', or a Go template")
@click.option(
    "-H",
    "--human/--no-human",
    "human",
    default=True,
    help="Print sizes and dates in human readable format",
)
@click.option("--no-trunc", is_flag=True, help="Don't truncate output")
@click.option("-q", "--quiet", is_flag=True, help="Only show image IDs")
@click.argument("image")
def history(
    session: Session, template: str, human: bool, no_trunc: bool, quiet: bool, image: str
) -> Outcome:
    """Return the steps of an image, newest first, with the sizes of their layers."""
    if not image:
        raise ImageNotFound("page not found")  # docker's client asks for nothing by no name
    found = session.engine.images.get(image)
    # Only a frame has a column for it, and who counts reads every directory of the layers.
    wanted = session.values is not None and not quiet and not template
    files = found.layer_files() if wanted else ()
    steps: Sequence[Mapping[str, object]] = found.history()
    numbers = reversed(found.record.layer_numbers())
    rows = tuple(
        HistorySummary(
            id=str(step["Id"]),
            created_ns=int(str(step["Created"])) * 1_000_000_000,
            created_by=str(step["CreatedBy"]),
            size=int(str(step["Size"])),
            comment=str(step["Comment"]),
            layer=number,
            files=files[number] if files and number >= 0 else 0,
        )
        for step, number in zip(steps, numbers, strict=True)
    )
    return Listing(
        kind="history",
        rows=rows,
        now_ns=time.time_ns(),
        quiet=quiet,
        no_trunc=no_trunc,
        template=template,
        human=human,
    )
