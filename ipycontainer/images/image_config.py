"""An image's configuration, read from the JSON that somebody else wrote.

The counterpart of oci_config, which writes one. Pure; source: OCI image-spec `config.md`.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from ipycontainer.errors import ImageFormatError
from ipycontainer.images.manifest import MOST_LAYERS, json_object
from ipycontainer.model.health import Healthcheck
from ipycontainer.model.image import History, ImageConfig

__all__ = ["ReadConfig", "read"]

_MOST_HISTORY = 10_000
_DIGEST = re.compile(r"sha256:[0-9a-f]{64}")
_TIME = re.compile(
    r"(\d{4}-\d\d-\d\d)[Tt ](\d\d:\d\d:\d\d)(?:\.(\d{1,9})\d*)?([Zz]|[+-]\d\d:\d\d)", re.ASCII
)


@dataclass(frozen=True, slots=True)
class ReadConfig:
    """What an image's configuration says; `diff_ids` from the base upwards."""

    config: ImageConfig
    diff_ids: tuple[str, ...]
    created_ns: int
    architecture: str
    os: str
    variant: str
    author: str
    comment: str
    history: tuple[History, ...]
    engine_version: str


def read(raw: bytes) -> ReadConfig:
    """Return what a configuration says. Raises ImageFormatError, naming the field."""
    value = json_object(raw, "the image's config")
    system = _text(value, "os") or "linux"
    if system != "linux":
        raise ImageFormatError(f'image operating system "{system}" cannot be used on this platform')
    rootfs = value.get("rootfs")
    diff_ids = _texts(rootfs if isinstance(rootfs, dict) else {}, "diff_ids")
    if len(diff_ids) > MOST_LAYERS:
        raise ImageFormatError(f"max depth exceeded: {len(diff_ids)} of at most {MOST_LAYERS}")
    for diff_id in diff_ids:
        if not _DIGEST.fullmatch(diff_id):
            raise ImageFormatError(f"unsupported digest {diff_id[:100]!r}")
    rows = value.get("history") or []
    if not isinstance(rows, list) or len(rows) > _MOST_HISTORY:
        raise ImageFormatError("the image's config has an invalid history")
    history = tuple(_history(row) for row in rows)
    settings = value.get("config") or {}
    if not isinstance(settings, dict):
        raise ImageFormatError("the image's config has invalid settings")
    return ReadConfig(
        config=_settings(settings),
        diff_ids=diff_ids,
        created_ns=_moment(value.get("created")),
        architecture=_text(value, "architecture"),
        os=system,
        variant=_text(value, "variant"),
        author=_text(value, "author"),
        comment=_text(value, "comment") or (history[-1].comment if history else ""),
        history=history,
        engine_version=_text(value, "docker_version"),
    )


def _settings(value: Mapping[str, Any]) -> ImageConfig:
    return ImageConfig(
        env=_texts(value, "Env"),
        entrypoint=_texts(value, "Entrypoint"),
        command=_texts(value, "Cmd"),
        workdir=_text(value, "WorkingDir"),
        user=_text(value, "User"),
        labels=_labels(value),
        exposed_ports=_keys(value, "ExposedPorts"),
        volumes=_keys(value, "Volumes"),
        stop_signal=_text(value, "StopSignal"),
        on_build=_texts(value, "OnBuild"),
        healthcheck=_healthcheck(value),
        empty_command=value.get("Cmd") == [],
    )


def _healthcheck(value: Mapping[str, Any]) -> Healthcheck | None:
    """Return docker's health check, which OCI's specification does not have."""
    found = value.get("Healthcheck")
    if found is None:
        return None
    if not isinstance(found, dict):
        raise ImageFormatError("the image's config has an invalid Healthcheck")
    numbers = {name: found.get(key) or 0 for name, key in _HEALTH_NUMBERS.items()}
    if not all(isinstance(number, int) and number >= 0 for number in numbers.values()):
        raise ImageFormatError("the image's config has an invalid Healthcheck")
    return Healthcheck(_texts(found, "Test"), **numbers)


_HEALTH_NUMBERS = {
    "interval_ns": "Interval",
    "timeout_ns": "Timeout",
    "start_period_ns": "StartPeriod",
    "start_interval_ns": "StartInterval",
    "retries": "Retries",
}


def _history(row: Any) -> History:
    if not isinstance(row, dict):
        raise ImageFormatError("the image's config has an invalid history")
    return History(
        created_ns=_moment(row.get("created")),
        created_by=_text(row, "created_by"),
        comment=_text(row, "comment"),
        empty_layer=row.get("empty_layer") is True,
    )


def _text(value: Mapping[str, Any], key: str) -> str:
    found = value.get(key)
    if found is None:
        return ""
    if not isinstance(found, str):
        raise ImageFormatError(f"the image's config has an invalid {key}")
    return found


def _texts(value: Mapping[str, Any], key: str) -> tuple[str, ...]:
    found = value.get(key)
    if found is None:
        return ()
    if isinstance(found, str):  # very old builders wrote a command so
        return (found,)
    if not isinstance(found, Sequence) or not all(isinstance(word, str) for word in found):
        raise ImageFormatError(f"the image's config has an invalid {key}")
    return tuple(found)


def _keys(value: Mapping[str, Any], key: str) -> tuple[str, ...]:
    found = value.get(key)
    if found is None:
        return ()
    if not isinstance(found, dict):
        raise ImageFormatError(f"the image's config has an invalid {key}")
    return tuple(found)


def _labels(value: Mapping[str, Any]) -> dict[str, str]:
    found = value.get("Labels")
    if found is None:
        return {}
    if not isinstance(found, dict) or not all(isinstance(text, str) for text in found.values()):
        raise ImageFormatError("the image's config has an invalid Labels")
    return dict(found)


def _moment(text: Any) -> int:
    """Return an RFC 3339 time in nanoseconds since the epoch, 0 for none and for Go's zero time."""
    if text is None or text == "":
        return 0
    found = _TIME.fullmatch(text) if isinstance(text, str) else None
    if found is None:
        raise ImageFormatError(f"the image's config has an invalid time {str(text)[:100]!r}")
    day, clock, fraction, zone = found.groups()
    try:
        moment = datetime.fromisoformat(f"{day}T{clock}{'+00:00' if zone in 'Zz' else zone}")
    except ValueError:
        raise ImageFormatError(f"the image's config has an invalid time {text!r}") from None
    if moment.year == 1:
        return 0
    seconds = int((moment - datetime(1970, 1, 1, tzinfo=UTC)).total_seconds())
    return seconds * 1_000_000_000 + int((fraction or "").ljust(9, "0"))
