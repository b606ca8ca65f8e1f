"""Manifests and indexes: what is read of them, and what is refused."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ipycontainer.errors import EngineError, ImageFormatError, ImageNotFound
from ipycontainer.images import manifest
from ipycontainer.images.manifest import Index, Manifest
from ipycontainer.model.platform import Platform

D = "sha256:" + "a" * 64
CONFIG = {"mediaType": "application/vnd.oci.image.config.v1+json", "digest": D, "size": 2}
LAYER = {"mediaType": "application/vnd.oci.image.layer.v1.tar+gzip", "digest": D, "size": 7}


def raw(**fields: Any) -> bytes:
    """Return a manifest with some fields changed; None takes one away."""
    value = {"schemaVersion": 2, "config": CONFIG, "layers": [LAYER]} | fields
    return json.dumps({key: each for key, each in value.items() if each is not None}).encode()


def entry(name: str, **fields: Any) -> dict[str, Any]:
    """Return an entry of an index; its size is its place in the test."""
    system, architecture, *variant = name.split("/")
    platform = {"os": system, "architecture": architecture}
    if variant:
        platform["variant"] = variant[0]
    return {"digest": D, "size": 1, "platform": platform, **fields}


def index(*entries: dict[str, Any]) -> Index:
    """Return an index of these entries, numbered by size."""
    numbered = [{**each, "size": number} for number, each in enumerate(entries)]
    found = manifest.parse(json.dumps({"schemaVersion": 2, "manifests": numbered}).encode())
    assert isinstance(found, Index)
    return found


def test_a_manifest_is_read() -> None:
    """Its own type, else what the registry calls it, else OCI's."""
    found = manifest.parse(raw(), "application/vnd.docker.distribution.manifest.v2+json; x=y")
    assert isinstance(found, Manifest)
    assert found.media_type == "application/vnd.docker.distribution.manifest.v2+json"
    assert [layer.size for layer in found.layers] == [7]
    assert found.descriptor.digest == manifest.digest_of(raw())
    plain = manifest.parse(raw())
    assert isinstance(plain, Manifest)
    assert plain.media_type == "application/vnd.oci.image.manifest.v1+json"


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"", "not JSON"),
        (b"[]", "not a JSON object"),
        (b'{"a":' * 100_000, "not JSON"),
        (b" " * (5 << 20), "more than 4194304 bytes"),
        (raw(schemaVersion=1), "schema 1"),
        (raw(mediaType="application/vnd.docker.distribution.manifest.v1+json"), "schema 1"),
        (raw(mediaType="text/html"), "unsupported manifest media type"),
        (raw(manifests=[]), "both an image's and an index"),
        (raw(config=None), "lacks a descriptor"),
        (raw(config={**CONFIG, "mediaType": "x/y"}), "not an image"),
        (raw(config={**CONFIG, "size": 1 << 30}), "config has more than"),
        (raw(layers=None), "lacks its layers"),
        (raw(layers={}), "lacks its layers"),
        (raw(layers=[LAYER] * 10_000), "max depth exceeded: 10000 of at most 125"),
        (raw(layers=[7]), "lacks a descriptor"),
        (raw(layers=[{**LAYER, "digest": "sha256:A"}]), "unsupported digest"),
        (raw(layers=[{**LAYER, "digest": "sha512:" + "a" * 128}]), "unsupported digest"),
        (raw(layers=[{**LAYER, "size": -1}]), "invalid size"),
        (raw(layers=[{**LAYER, "size": True}]), "invalid size"),
        (raw(layers=[{**LAYER, "size": 1 << 60}]), "invalid size"),
        (
            raw(layers=[{**LAYER, "mediaType": "application/x.foreign.y", "urls": ["http://x"]}]),
            "foreign",
        ),
    ],
    ids=lambda value: str(value)[:40] if isinstance(value, str) else "",
)
def test_what_is_no_manifest_is_refused(content: bytes, words: str) -> None:
    """By the field that is wrong."""
    with pytest.raises(ImageFormatError, match=words):
        manifest.parse(content)


@given(
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.text(max_size=5),
        lambda inner: (
            st.lists(inner, max_size=4)
            | st.dictionaries(
                st.sampled_from(["config", "layers", "manifests", "digest", "size", "platform"]),
                inner,
                max_size=4,
            )
        ),
    )
)
def test_no_json_does_more_than_be_refused(value: Any) -> None:
    """Whatever its shape."""
    try:
        manifest.parse(json.dumps(value).encode())
    except EngineError:
        pass


@pytest.mark.parametrize(
    ("wanted", "chosen"),
    [
        ("linux/amd64", 0),
        ("linux/arm64", 1),
        ("linux/arm64/v8", 1),
        ("linux/arm/v7", 3),
        ("linux/arm/v6", 4),
        ("linux/arm", 3),
    ],
)
def test_an_index_gives_the_best(wanted: str, chosen: int) -> None:
    """By variant where there are several; what is no image does not count."""
    found = index(
        entry("linux/amd64"),
        entry("linux/arm64/v8"),
        entry("unknown/unknown"),
        entry("linux/arm/v7"),
        entry("linux/arm/v6"),
        entry("linux/amd64", artifactType="x/y"),
    )
    assert manifest.choose(found, Platform(*wanted.split("/")), "x").size == chosen


def test_an_older_arm_runs_on_a_newer_one() -> None:
    """Not the other way round."""
    found = index(entry("linux/arm/v5"), entry("linux/arm/v6"))
    assert manifest.choose(found, Platform("linux", "arm", "v7"), "x").size == 1
    with pytest.raises(ImageNotFound, match="no matching manifest for linux/arm/v5") as caught:
        manifest.choose(index(entry("linux/arm/v7")), Platform("linux", "arm", "v5"), "x")
    assert "linux/arm/v7" in caught.value.hint


def test_an_index_without_platforms_means_any() -> None:
    """Its first entry."""
    found = index({"digest": D}, {"digest": D})
    assert manifest.choose(found, Platform(), "x").size == 0
