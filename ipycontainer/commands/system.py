"""The verbs about the engine itself: version, info, doctor, system reset."""

from __future__ import annotations

import platform
from typing import Any

import click

from ipycontainer.commands.records import Diagnosis, Done, Facts, Outcome
from ipycontainer.commands.verb import Session, verb
from ipycontainer.engine.api_version import API_VERSION
from ipycontainer.errors import EngineError, UsageError
from ipycontainer.version import __version__

__all__ = ["doctor", "info", "reset", "version"]

_FORMAT_HELP = "Format output using a Go template, or 'json'"
CONTEXT = "default"  # docker's name of what a client speaks with when nothing else was chosen
_RESET_SAYS = "This will remove all containers, images, logs and files of the engine's home."


@verb("version", "Show the ipycontainer version information", "[OPTIONS]", most=0)
@click.option("-f", "--format", "template", default="", help=_FORMAT_HELP)
def version(session: Session, template: str) -> Outcome:
    """Return the versions of client and engine; without an engine the client's and the reason."""
    errors: tuple[EngineError, ...] = ()
    server: dict[str, Any] | None = None
    try:
        server = dict(session.engine.version())
    except EngineError as error:
        errors = (error,)
    client = {
        "Version": __version__,
        "ApiVersion": API_VERSION,
        "DefaultAPIVersion": API_VERSION,
        "PythonVersion": platform.python_version(),
        "Os": platform.system().lower(),
        "Arch": {"x86_64": "amd64", "aarch64": "arm64"}.get(platform.machine(), platform.machine()),
        "Context": CONTEXT,
    }
    data = {"Client": client, "Server": server}
    return Facts(kind="version", data=data, template=template, errors=errors)


@verb("info", "Display system-wide information", "[OPTIONS]", most=0)
@click.option("-f", "--format", "template", default="", help=_FORMAT_HELP)
def info(session: Session, template: str) -> Outcome:
    """Return what the engine says of itself, in the shape of docker's API."""
    data = dict(session.engine.info())
    data["ClientInfo"] = {
        "Debug": False,
        "Version": __version__,
        "Context": CONTEXT,
        "Plugins": [],
        "Warnings": None,
    }
    warnings = () if template else tuple(data.get("Warnings") or ())
    return Facts(kind="info", data=data, template=template, warnings=warnings)


@verb(
    "doctor",
    "Check what the engine needs of this machine, and how to mend it",
    "[OPTIONS]",
    most=0,
)
@click.option("-f", "--format", "template", default="", help=_FORMAT_HELP)
def doctor(session: Session, template: str) -> Outcome:
    """Return each check with its remedy; works where no engine can."""
    from ipycontainer.engine.doctor import checks

    return Diagnosis(checks=tuple(checks()), template=template)


@verb(
    "reset",
    "Remove everything below the engine's home",
    "[OPTIONS]",
    most=0,
    path="system reset",
    canonical="system reset",
)
@click.option("-f", "--force", is_flag=True, help="Do it: without this, nothing is removed")
def reset(session: Session, force: bool) -> Outcome:
    """Empty the home through its own user namespace, containers that run included."""
    if not force:
        raise UsageError(
            f"{_RESET_SAYS} Say --force to do it",
            exit_code=1,
            hint="ipycontainer system reset --force",
        )
    session.engine.reset()
    return Done()
