"""An image's configuration as somebody else wrote it."""

from __future__ import annotations

import json
from typing import Any

import pytest

from ipycontainer.errors import ImageFormatError
from ipycontainer.images import image_config
from ipycontainer.model.health import Healthcheck

D = "sha256:" + "a" * 64


def raw(**fields: Any) -> bytes:
    """Return a configuration with some fields changed."""
    value = {"architecture": "amd64", "os": "linux", "rootfs": {"diff_ids": [D]}}
    return json.dumps(value | fields).encode()


def test_everything_is_read() -> None:
    """As OCI and docker write it; what is missing or null is empty."""
    read = image_config.read(
        raw(
            created="2024-01-02T03:04:05.678901234+01:00",
            variant="v2",
            author="me",
            config={
                "Env": ["A=1"],
                "Cmd": ["x"],
                "Entrypoint": "one word",
                "Labels": {"a": "b"},
                "Volumes": {"/v": {}},
                "ExposedPorts": None,
                "Healthcheck": {"Test": ["CMD", "true"], "Retries": 3},
                "Unknown": 1,
            },
            history=[
                {"created": "2024-01-02T02:04:05Z", "created_by": "a", "comment": "c"},
                {"empty_layer": True},
            ],
        )
    )
    assert read.created_ns == 1_704_161_045_678_901_234
    assert (read.variant, read.author, read.diff_ids) == ("v2", "me", (D,))
    assert read.config.env == ("A=1",)
    assert read.config.entrypoint == ("one word",)
    assert read.config.volumes == ("/v",)
    assert read.config.labels == {"a": "b"}
    assert read.config.healthcheck == Healthcheck(("CMD", "true"), retries=3)
    assert [row.empty_layer for row in read.history] == [False, True]
    assert (read.engine_version, read.config.empty_command) == ("", False)
    older = image_config.read(raw(docker_version="20.10.5", config={"Cmd": []}))
    assert (older.engine_version, older.config.empty_command) == ("20.10.5", True)
    assert image_config.read(raw(created="0001-01-01T00:00:00Z")).created_ns == 0


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        ({"os": "windows"}, '"windows" cannot be used'),
        ({"os": 1}, "invalid os"),
        ({"created": "yesterday"}, "invalid time"),
        ({"created": "2024-13-01T00:00:00Z"}, "invalid time"),
        ({"created": 5}, "invalid time"),
        ({"rootfs": {"diff_ids": ["x"]}}, "unsupported digest"),
        ({"rootfs": {"diff_ids": [D] * 200}}, "max depth"),
        ({"rootfs": {"diff_ids": [1]}}, "invalid diff_ids"),
        ({"config": []}, None),
        ({"config": [1]}, "invalid settings"),
        ({"config": {"Env": {"A": 1}}}, "invalid Env"),
        ({"config": {"Labels": {"a": 1}}}, "invalid Labels"),
        ({"config": {"Volumes": ["/v"]}}, "invalid Volumes"),
        ({"config": {"Healthcheck": []}}, "invalid Healthcheck"),
        ({"config": {"Healthcheck": {"Interval": "1s"}}}, "invalid Healthcheck"),
        ({"history": {}}, None),
        ({"history": [1]}, "invalid history"),
        ({"history": [{}] * 20_000}, "invalid history"),
    ],
)
def test_a_bad_field_is_named(fields: dict[str, Any], words: str | None) -> None:
    """Empty ones of another type are let through, as Go does with null."""
    if words is None:
        image_config.read(raw(**fields))
        return
    with pytest.raises(ImageFormatError, match=words):
        image_config.read(raw(**fields))
