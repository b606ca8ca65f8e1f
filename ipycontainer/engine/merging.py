"""A user's words over an image's settings: what a container is, when both have been heard."""

from __future__ import annotations

from dataclasses import replace

from ipycontainer.errors import InvalidArgument
from ipycontainer.images import host
from ipycontainer.model.config import ContainerConfig
from ipycontainer.model.image import ImageConfig, ImageRecord

__all__ = ["beside_script", "merge_image", "require_command"]


def merge_image(config: ContainerConfig, image: ImageConfig) -> ContainerConfig:
    """Lay a user's words over an image's settings, by docker's rules.

    An entrypoint of the user's drops the image's command; labels and environment are merged by
    name, the user's first.
    """
    named = {word.partition("=")[0] for word in config.env}
    if config.entrypoint is None:
        entrypoint, command = image.entrypoint, config.command or image.command
    else:
        entrypoint, command = config.entrypoint, config.command
    return replace(
        config,
        entrypoint=entrypoint,
        command=command,
        env=(*config.env, *(word for word in image.env if word.partition("=")[0] not in named)),
        workdir=config.workdir or image.workdir,
        user=config.user or image.user,
        labels={**image.labels, **config.labels},
        stop_signal=config.stop_signal or image.stop_signal,
        healthcheck=(
            image.healthcheck
            if config.healthcheck is None
            else config.healthcheck.or_else(image.healthcheck)
        ),
        exposed=tuple(dict.fromkeys((*config.exposed, *image.exposed_ports))),
    )


def beside_script(config: ContainerConfig) -> ContainerConfig:
    """Let a Python script of a cell import what lies in the working directory, as the cell could.

    Python puts the script's own directory on its path, which is `/` here, not the working one.
    """
    if not any(path.endswith(".py") for path in config.files):
        return config
    variables = dict(word.partition("=")[::2] for word in config.env)
    places = [config.workdir or "/", *filter(None, [variables.get("PYTHONPATH", "")])]
    kept = (word for word in config.env if not word.startswith("PYTHONPATH="))
    return replace(config, env=(*kept, f"PYTHONPATH={':'.join(places)}"))


def require_command(config: ContainerConfig, image: ImageRecord) -> None:
    """Raise docker's refusal where neither words nor image say what shall run."""
    merged = merge_image(config, image.config)
    if not (merged.command or merged.entrypoint or host.is_under(image)):
        raise InvalidArgument("no command specified")
