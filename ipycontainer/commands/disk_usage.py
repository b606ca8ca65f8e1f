"""The verb system df: how much room images, containers and volumes take."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import click

from ipycontainer.commands.image_listing import image_rows
from ipycontainer.commands.listing import summary_of, with_links
from ipycontainer.commands.records import DiskUsage, Listing, Outcome
from ipycontainer.commands.summaries import DiskSummary
from ipycontainer.commands.verb import Session, verb
from ipycontainer.commands.volumes import volume_summary

__all__ = ["df"]

_ACTIVE = ("running", "paused", "restarting")


@verb("df", "Show ipycontainer disk usage", "[OPTIONS]", most=0, path="system df")
@click.option("--format", "template", default="", help="'table', 'json', or a Go template")
@click.option("-v", "--verbose", is_flag=True, help="Show detailed information on space usage")
def df(session: Session, template: str, verbose: bool) -> Outcome:
    """Return one row for each kind; with -v one for each thing."""
    used = session.engine.df()
    if verbose:
        return _each(session, used, _of_all(template))
    rows = (
        _images(used),
        _containers(used),
        _volumes(used),
        DiskSummary("Build Cache", 0, 0, 0, 0),
    )
    return Listing(kind="disk", rows=rows, now_ns=time.time_ns(), template=template)


def _of_all(template: str) -> str:
    """Return the template of `-v`, of which docker makes no table: "table" before it is dropped."""
    form = template.removeprefix("table").strip()
    return "json" if form == "{{json .}}" else form.replace("\\t", "\t").replace("\\n", "\n")


def _images(used: Mapping[str, Any]) -> DiskSummary:
    """Return the row of images; docker keeps only what an image in use shares with no other."""
    images, size = used["Images"], int(used["LayersSize"])
    busy = [each for each in images if each["Containers"] > 0]
    kept = sum(each["Size"] - each["SharedSize"] for each in busy)
    return DiskSummary("Images", len(images), len(busy), size, size - kept)


def _containers(used: Mapping[str, Any]) -> DiskSummary:
    containers = used["Containers"]
    size = sum(each["SizeRw"] for each in containers)
    busy = [each for each in containers if each["State"] in _ACTIVE]
    free = size - sum(each["SizeRw"] for each in busy)
    return DiskSummary("Containers", len(containers), len(busy), size, free)


def _volumes(used: Mapping[str, Any]) -> DiskSummary:
    facts = [each["UsageData"] for each in used["Volumes"]]
    size = sum(each["Size"] for each in facts)
    busy = sum(each["RefCount"] > 0 for each in facts)
    free = sum(each["Size"] for each in facts if not each["RefCount"])
    return DiskSummary("Local Volumes", len(facts), busy, size, free)


def _each(session: Session, used: Mapping[str, Any], template: str) -> DiskUsage:
    engine = session.engine
    known = {each["Id"] for each in used["Images"]}
    images = [
        row for image in engine.images.list() if image.id in known for row in image_rows(image)
    ]
    written = {each["Id"]: int(each["SizeRw"]) for each in used["Containers"]}
    names: dict[str, str] = {}
    every = engine.containers.list(all=True)
    containers = [
        replace(summary_of(engine, each, names), written=written[each.id])
        for each in every
        if each.id in written
    ]
    held = {each["Name"]: int(each["UsageData"]["Size"]) for each in used["Volumes"]}
    volumes = [
        replace(volume_summary(each, {}), size=held[each.name])
        for each in engine.volumes.list()
        if each.name in held
    ]
    return DiskUsage(
        images=tuple(images),
        containers=tuple(with_links(containers, every)),
        volumes=tuple(volumes),
        now_ns=time.time_ns(),
        template=template,
    )
