"""The options that `run` and `create` share, and the ContainerConfig that they make.

What docker's client checks raises UsageError, what its daemon checks InvalidArgument: the faces
print them differently. Whatever needs the image or the store is the engine's to check.
"""

from __future__ import annotations

import posixpath
from collections.abc import Callable
from typing import Any, TypeVar

import click

from ipycontainer.commands import policies, privileges, sharing, single_choices
from ipycontainer.commands.environment_files import last_words, resolve
from ipycontainer.commands.limit_options import LIMIT_OPTIONS, limit_fields
from ipycontainer.commands.mount_words import MountWord, mount_points
from ipycontainer.commands.network_options import NETWORK_OPTIONS, networking
from ipycontainer.commands.types import Assignment, Integer, Label, List, Stream, String
from ipycontainer.commands.verb import Session
from ipycontainer.errors import InvalidArgument, InvalidReference, UsageError
from ipycontainer.model.config import ContainerConfig
from ipycontainer.model.signals import parse_stop_signal

__all__ = ["configuration", "creation_options"]

Function = TypeVar("Function", bound=Callable[..., Any])


_OPTIONS = (
    click.option(
        "-a",
        "--attach",
        "streams",
        type=Stream(),
        multiple=True,
        help="Attach to STDIN, STDOUT or STDERR",
    ),
    click.option("--entrypoint", type=String(), help="Overwrite the image's ENTRYPOINT"),
    click.option(
        "-e", "--env", type=Assignment(), multiple=True, help="Set an environment variable"
    ),
    click.option("--env-file", type=List(), multiple=True, help="Read variables from a file"),
    click.option("-h", "--hostname", type=String(), default="", help="Container host name"),
    click.option(
        "--init/--no-init", default=None, help="Run an init that forwards signals and reaps"
    ),
    click.option("-i", "--interactive", is_flag=True, help="Keep STDIN open"),
    click.option("-l", "--label", type=Label(), multiple=True, help="Set metadata on a container"),
    click.option("--name", type=String(), default="", help="Assign a name to the container"),
    *NETWORK_OPTIONS,
    click.option("--platform", default="", help="Set platform if server is multi-platform capable"),
    click.option(
        "--pull", default="missing", help='Pull image before running ("always", "missing", "never")'
    ),
    click.option("-q", "--quiet", is_flag=True, help="Suppress the pull output"),
    click.option(
        "--restart",
        type=String(),
        default="no",
        help="Restart policy to apply when a container exits (default no)",
    ),
    click.option("--read-only", is_flag=True, help="Mount the root file system read only"),
    click.option("--rm", is_flag=True, help="Remove the container when it exits"),
    click.option("--stop-signal", type=String(), default="", help="Signal to stop the container"),
    click.option("--stop-timeout", type=Integer(), help="Seconds to wait for it before killing"),
    click.option("-t", "--tty", is_flag=True, help="Allocate a pseudo-TTY"),
    click.option("-u", "--user", type=String(), default="", help="User: <name|uid>[:<group|gid>]"),
    click.option("--mount", type=MountWord(), multiple=True, help="Attach a filesystem mount"),
    click.option("--tmpfs", type=List(), multiple=True, help="Mount a tmpfs directory"),
    click.option("-v", "--volume", type=List(), multiple=True, help="Bind mount a volume"),
    click.option("--volume-driver", type=String(), default="", help="Volume driver for volumes"),
    click.option("--volumes-from", type=List(), multiple=True, help="Mount another's volumes"),
    click.option(
        "-w", "--workdir", type=String(), default="", help="Working directory inside the container"
    ),
    *policies.health_options,
    *policies.LOG_OPTIONS,
    *LIMIT_OPTIONS,
    *privileges.OPTIONS,
    *sharing.OPTIONS,
    *single_choices.OPTIONS,
    click.argument("image"),
    click.argument("command", nargs=-1, type=click.UNPROCESSED),
)


def creation_options(function: Function) -> Function:
    """Declare the options of `run` and `create` on a verb."""
    for declare in reversed(_OPTIONS):
        function = declare(function)
    return function


def configuration(
    session: Session,
    *,
    image: str,
    command: tuple[str, ...],
    entrypoint: str | None,
    env: tuple[str, ...],
    env_file: tuple[str, ...],
    hostname: str,
    init: bool | None,
    interactive: bool,
    label: tuple[str, ...],
    mount: tuple[Any, ...],
    read_only: bool,
    restart: str,
    rm: bool,
    stop_signal: str,
    stop_timeout: int | None,
    streams: tuple[str, ...],
    tmpfs: tuple[str, ...],
    tty: bool,
    user: str,
    volume: tuple[str, ...],
    volume_driver: str,
    volumes_from: tuple[str, ...],
    workdir: str,
    detach: bool = False,
    **further: Any,
) -> ContainerConfig:
    """Return the configuration that the options ask for. Raises UsageError, InvalidArgument.

    `further` are the options of groups that have a module of their own.
    """
    if not image or image.startswith("-"):
        raise InvalidReference("invalid reference format")
    single_choices.check(**further)
    if rm and policies.read_policy(restart)[0] not in ("", "no"):  # of any name
        raise UsageError("Conflicting options: --restart and --rm")
    policy, limit = policies.restart_policy(restart)
    driver, log_options = policies.logging(**further)
    interactive = interactive or isinstance(session.stdin, bytes)
    if stop_signal:
        parse_stop_signal(stop_signal)
    return ContainerConfig(
        image=image,
        command=command,
        entrypoint=None if entrypoint is None else (entrypoint,) if entrypoint else (),
        env=last_words(resolve(env_file, env, session.environment, session.cwd)),
        workdir=_workdir(workdir),
        user=user,
        hostname=hostname,
        labels=sharing.labels(further["label_file"], label, session.cwd),
        mounts=mount_points(volume, mount, tmpfs, session.cwd),
        volumes_from=volumes_from,
        volume_driver=volume_driver,
        read_only=read_only,
        init=init,
        stop_signal=stop_signal,
        stop_timeout=stop_timeout,
        restart=policy,
        restart_limit=limit,
        healthcheck=policies.health_check(**further),
        log_driver=driver,
        log_options=log_options,
        tty=tty,
        open_stdin=interactive,
        attach_stdin=(interactive or "stdin" in streams) and not detach,
        attach_stdout=not detach and (not streams or "stdout" in streams),
        attach_stderr=not detach and (not streams or "stderr" in streams),
        auto_remove=rm,
        **limit_fields(further),
        privileges=privileges.privileges(session.cwd, **further),
        sharing=sharing.sharing(**further),
        groups=further["group_add"],
        annotations=sharing.annotation_map(further["annotation"]),
        extra_hosts=further["add_host"],
        **networking(further),
        id_file=further["cidfile"],
        runtime=further["runtime"],
        storage_options=further["storage_opt"],
    )


def _workdir(path: str) -> str:
    if not path:
        return ""
    if not path.startswith("/"):
        raise InvalidArgument(
            f"the working directory '{path}' is invalid, it needs to be an absolute path"
        )
    return posixpath.normpath("/" + path.lstrip("/"))
