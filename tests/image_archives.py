"""Whole images for tests, made layer by layer: as docker's archive, or as blobs for a registry."""

from __future__ import annotations

import gzip
import hashlib
import io
import json
import tarfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ipycontainer.images.media_types import DOCKER_MANIFEST_TYPE
from tests.registries import Registry

__all__ = ["OCI_MANIFEST", "TestImage", "digest_of", "image", "write_archive"]

OCI_MANIFEST = "application/vnd.oci.image.manifest.v1+json"
OCI_INDEX = "application/vnd.oci.image.index.v1+json"


def digest_of(content: bytes) -> str:
    """Return the digest of some bytes."""
    return f"sha256:{hashlib.sha256(content).hexdigest()}"


@dataclass(frozen=True)
class TestImage:
    """An image as bytes: its layers as tars, and its config."""

    __test__ = False

    layers: tuple[bytes, ...]
    config: bytes

    @property
    def id(self) -> str:
        """Return what names it everywhere."""
        return digest_of(self.config)

    def manifest(
        self, *, packed: bool = True, docker: bool = False, **changes: Any
    ) -> tuple[bytes, dict[str, bytes]]:
        """Return a manifest and the blobs that it names, by digest."""
        blobs = {self.id: self.config}
        layers = []
        for layer in self.layers:
            blob = gzip.compress(layer, 1, mtime=0) if packed else layer
            blobs[digest_of(blob)] = blob
            kind = "application/vnd.oci.image.layer.v1.tar" + ("+gzip" if packed else "")
            if docker:
                kind = "application/vnd.docker.image.rootfs.diff.tar" + (".gzip" if packed else "")
            layers.append({"mediaType": kind, "digest": digest_of(blob), "size": len(blob)})
        config_type = (
            "application/vnd.docker.container.image.v1+json"
            if docker
            else "application/vnd.oci.image.config.v1+json"
        )
        value: dict[str, Any] = {
            "schemaVersion": 2,
            "mediaType": DOCKER_MANIFEST_TYPE if docker else OCI_MANIFEST,
            "config": {"mediaType": config_type, "digest": self.id, "size": len(self.config)},
            "layers": layers,
            **changes,
        }
        return json.dumps(value).encode(), blobs

    def push(self, registry: Registry, repository: str, tag: str, **how: Any) -> str:
        """Put it into a registry; return the manifest's digest."""
        raw, blobs = self.manifest(**how)
        for digest, blob in blobs.items():
            registry.put_blob(repository, blob, digest)
        registry.put_manifest(repository, tag, raw, json.loads(raw)["mediaType"])
        return digest_of(raw)


def image(
    layers: Sequence[bytes], *, architecture: str = "amd64", variant: str = "", **config: Any
) -> TestImage:
    """Return an image of these tars."""
    value: dict[str, Any] = {
        "architecture": architecture,
        **({"variant": variant} if variant else {}),
        "os": "linux",
        "created": "2024-01-02T03:04:05.678Z",
        "author": "a tester",
        "config": {"Cmd": ["/bin/sh"], "Env": ["PATH=/bin"], "Labels": {"a": "b"}, **config},
        "rootfs": {"type": "layers", "diff_ids": [digest_of(layer) for layer in layers]},
        "history": [
            {"created": "2024-01-02T03:04:05Z", "created_by": f"layer {number}"}
            for number in range(len(layers))
        ]
        + [{"created": "2024-01-02T03:04:06Z", "created_by": "CMD", "empty_layer": True}],
    }
    return TestImage(tuple(layers), json.dumps(value).encode())


def write_archive(path: Path, images: Sequence[tuple[TestImage, Sequence[str]]]) -> Path:
    """Write images as docker before 25 saved them: a directory a layer, and manifest.json."""
    listed = []
    written: set[str] = set()
    with tarfile.open(path, "w") as archive:
        for each, tags in images:
            names = []
            for layer in each.layers:
                name = f"{digest_of(layer)[7:]}/layer.tar"
                names.append(name)
                if name not in written:
                    written.add(name)
                    _add(archive, name, layer)
            config = f"{each.id[7:]}.json"
            _add(archive, config, each.config)
            listed.append({"Config": config, "RepoTags": list(tags) or None, "Layers": names})
        _add(archive, "manifest.json", json.dumps(listed).encode())
    return path


def _add(archive: tarfile.TarFile, name: str, content: bytes) -> None:
    member = tarfile.TarInfo(name)
    member.size = len(content)
    archive.addfile(member, io.BytesIO(content))
