"""docker-py's keyword arguments of `create` and `run`, turned into a ContainerConfig.

An option that docker-py has and we do not (yet) is refused by name, never accepted and ignored.
"""

from __future__ import annotations

import shlex
from collections.abc import Mapping, Sequence
from typing import Any

from ipycontainer.engine import single_choices
from ipycontainer.engine.docker_py import mount_options, right_options
from ipycontainer.engine.docker_py.limit_options import take_limit_fields
from ipycontainer.engine.docker_py.network_options import take_network_fields
from ipycontainer.engine.docker_py.upkeep_options import take_upkeep_fields
from ipycontainer.errors import Unsupported
from ipycontainer.model.config import ContainerConfig

__all__ = ["config_from_options", "words"]


def config_from_options(
    image: str, command: tuple[str, ...], options: Mapping[str, Any]
) -> ContainerConfig:
    """Return the config that docker-py's options mean; raises Unsupported and InvalidArgument."""
    given = {name: value for name, value in options.items() if value is not None}
    entrypoint = given.pop("entrypoint", None)
    stop_timeout = given.pop("stop_timeout", None)
    single_choices.take(given)
    config = ContainerConfig(
        image=image,
        command=command,
        entrypoint=None if entrypoint is None else words(entrypoint),
        env=_environment(given.pop("environment", ())),
        workdir=given.pop("working_dir", ""),
        user=str(given.pop("user", "")),
        hostname=given.pop("hostname", ""),
        labels=_labels(given.pop("labels", {})),
        **take_network_fields(given),
        mounts=(
            *mount_options.volumes(given.pop("volumes", ())),
            *mount_options.mounts(given.pop("mounts", ())),
            *mount_options.tmpfs(given.pop("tmpfs", {})),
        ),
        volumes_from=tuple(given.pop("volumes_from", ())),
        volume_driver=str(given.pop("volume_driver", "")),
        read_only=bool(given.pop("read_only", False)),
        init=given.pop("init", None),
        stop_signal=str(given.pop("stop_signal", "")),
        **take_upkeep_fields(given),
        stop_timeout=None if stop_timeout is None else int(stop_timeout),
        open_stdin=bool(given.pop("stdin_open", False)),
        tty=bool(given.pop("tty", False)),
        **take_limit_fields(given),
        privileges=right_options.privileges(given),
        sharing=right_options.sharing(given),
        groups=tuple(str(group) for group in given.pop("group_add", ())),
        annotations=dict(given.pop("annotations", {})),
        extra_hosts=right_options.extra_hosts(given.pop("extra_hosts", ())),
    )
    left = [name for name, value in given.items() if value not in (False, [], {}, ())]
    if left:
        raise Unsupported(f"{left[0]} is not supported yet")
    return config


def words(value: str | Sequence[str]) -> tuple[str, ...]:
    """Return the words of a command, which may be a line of a shell."""
    return tuple(shlex.split(value) if isinstance(value, str) else value)


def _environment(value: Mapping[str, str | None] | Sequence[str]) -> tuple[str, ...]:
    if isinstance(value, Mapping):
        # docker-py: None stands for a variable that is named without a value, hence unset
        return tuple(f"{name}={text}" for name, text in value.items() if text is not None)
    return tuple(value)


def _labels(value: Mapping[str, str] | Sequence[str]) -> dict[str, str]:
    if isinstance(value, Mapping):
        return dict(value)
    return dict.fromkeys(value, "")
