"""Templates beside docker's: the same text or the same error, executed on docker's own object."""

from __future__ import annotations

import json
import random
from collections.abc import Callable, Iterator
from subprocess import CompletedProcess
from typing import Any

import pytest

from ipycontainer.commands.templates import TemplateError, parse
from ipycontainer.commands.templates.shapes import recognised
from tests.oracle.template_lines import NETWORK_TEMPLATES, TEMPLATES

Docker = Callable[..., "CompletedProcess[str]"]
SAMPLE = 120


@pytest.fixture(scope="module")
def thing(docker: Docker) -> Iterator[dict[str, Any]]:
    """A container that runs, as docker tells it."""
    words = ("--network", "none", "--name", "t1", "-l", "a=1", "-l", "b.c=x", "-e", "A=1")
    docker("run", "-d", *words, "busybox", "sleep", "10000")
    found: dict[str, Any] = json.loads(docker("inspect", "t1").stdout)[0]
    yield found
    docker("rm", "-f", "t1")


def ours(template: str, thing: dict[str, Any]) -> str:
    """Return what a template makes of an object, or what is said of it."""
    try:
        return parse(template).of_object(thing, recognised(thing)) + "\n"
    except TemplateError as error:
        return f"\ntemplate parsing error: {error}\n"


def compared(docker: Docker, thing: dict[str, Any], templates: list[str]) -> list[str]:
    """Return the templates of which docker makes something else."""
    different = []
    for template in templates:
        result = docker("inspect", "-f", template, thing["Name"].strip("/"))
        theirs, own = result.stdout + result.stderr, ours(template, thing)
        if theirs.strip("\n") != own.encode(errors="surrogateescape").decode(
            errors="replace"
        ).strip("\n"):
            different.append(f"{template}\n  docker {theirs!r}\n  ours   {own!r}")
    return different


def test_a_sample_of_templates_gives_what_docker_gives(
    docker: Docker, thing: dict[str, Any]
) -> None:
    """Some of the templates, others in each run."""
    seed = random.randrange(1 << 32)
    print(f"seed {seed}")
    templates = random.Random(seed).sample(TEMPLATES, SAMPLE)
    assert not (found := compared(docker, thing, templates)), "\n".join(found)


@pytest.mark.slow
def test_every_template_gives_what_docker_gives(docker: Docker, thing: dict[str, Any]) -> None:
    """All of them."""
    assert not (found := compared(docker, thing, TEMPLATES)), "\n".join(found)


def test_times_have_go_s_methods(docker: Docker) -> None:
    """What can be called on a time, its layouts, and what cannot: all as docker's client has it."""
    docker("network", "create", "net1")
    thing: dict[str, Any] = json.loads(docker("network", "inspect", "net1").stdout)[0]
    try:
        assert not (found := compared(docker, thing, NETWORK_TEMPLATES)), "\n".join(found)
    finally:
        docker("network", "rm", "net1")


def test_a_health_check_has_times(docker: Docker) -> None:
    """Start and End of a check, and what lies between them."""
    words = ("--network", "none", "--name", "h1", "--health-cmd", "true", "--health-interval", "1s")
    docker("run", "-d", *words, "busybox", "sleep", "10000")
    log = "(index .State.Health.Log 0)"
    try:
        docker("events", "--until", "20s", "-f", "container=h1", "-f", "event=health_status")
        thing: dict[str, Any] = json.loads(docker("inspect", "h1").stdout)[0]
        templates = [
            f"{{{{{log}.Start.Year}}}} {{{{{log}.End.Nanosecond}}}}",
            f"{{{{{log}.End.Sub {log}.Start}}}}",
            f"{{{{({log}.End.Sub {log}.Start).Seconds}}}}",
            "{{.Config.Healthcheck.Interval.Seconds}} {{.Config.Healthcheck.Interval}}",
        ]
        assert not (found := compared(docker, thing, templates)), "\n".join(found)
    finally:
        docker("rm", "-f", "h1")
