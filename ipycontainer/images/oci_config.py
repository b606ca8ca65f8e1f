"""An image's configuration as the JSON that OCI and docker share (image-spec `config.md`).

Pure; written at import, its digest is the image's id. Imports model.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from typing import Any

from ipycontainer.images.layout import CONFIG_TYPE, MANIFEST_TYPE
from ipycontainer.model.image import Descriptor, History, ImageConfig
from ipycontainer.model.units import rfc3339nano
from ipycontainer.version import __version__

__all__ = ["config_json", "manifest_json"]


def config_json(
    config: ImageConfig,
    *,
    created_ns: int,
    architecture: str,
    variant: str = "",
    diff_ids: Iterable[str],
    history: Iterable[History],
) -> bytes:
    """Return the bytes of an image's configuration."""
    settings: dict[str, Any] = {
        "User": config.user,
        "ExposedPorts": {port: {} for port in config.exposed_ports},
        "Env": list(config.env),
        "Entrypoint": list(config.entrypoint),
        "Cmd": list(config.command),
        "Volumes": {path: {} for path in config.volumes},
        "WorkingDir": config.workdir,
        "Labels": dict(config.labels),
        "StopSignal": config.stop_signal,
        # docker's, not OCI's
        "OnBuild": list(config.on_build),
        "Healthcheck": config.healthcheck.to_docker() if config.healthcheck is not None else None,
    }
    return _bytes(
        {
            "created": rfc3339nano(created_ns),
            "architecture": architecture,
            **({"variant": variant} if variant else {}),
            "os": "linux",
            "docker_version": __version__,
            "config": {
                **{name: value for name, value in settings.items() if value},
                **({"Cmd": []} if config.empty_command else {}),
            },
            "rootfs": {"type": "layers", "diff_ids": list(diff_ids)},
            "history": [_history(row) for row in history],
        }
    )


def manifest_json(config: Descriptor, layers: Iterable[Descriptor]) -> bytes:
    """Return the bytes of an image's manifest (image-spec `manifest.md`)."""
    return _bytes(
        {
            "schemaVersion": 2,
            "mediaType": MANIFEST_TYPE,
            "config": _descriptor(config, CONFIG_TYPE),
            "layers": [_descriptor(layer, layer.media_type) for layer in layers],
        }
    )


def _history(row: History) -> dict[str, Any]:
    written: dict[str, Any] = {"created": rfc3339nano(row.created_ns)}
    if row.created_by:
        written["created_by"] = row.created_by
    if row.comment:
        written["comment"] = row.comment
    if row.empty_layer:
        written["empty_layer"] = True
    return written


def _descriptor(descriptor: Descriptor, media_type: str) -> dict[str, Any]:
    return {"mediaType": media_type, "digest": descriptor.digest, "size": descriptor.size}


def _bytes(value: dict[str, Any]) -> bytes:
    return json.dumps(value, separators=(",", ":"), ensure_ascii=False).encode()
