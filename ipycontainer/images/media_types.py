"""Media types of manifests, configs and layers: OCI's, and docker's own which came before.

Sources: OCI image-spec `media-types.md`; distribution `docs/spec/manifest-v2-2.md`. Pure.
"""

from __future__ import annotations

from ipycontainer.images.layout import (
    CONFIG_TYPE,
    INDEX_TYPE,
    LAYER_GZIP_TYPE,
    LAYER_TYPE,
    LAYER_ZSTD_TYPE,
    MANIFEST_TYPE,
)

__all__ = [
    "ACCEPTED",
    "CONFIG_TYPES",
    "DOCKER_LIST_TYPE",
    "DOCKER_MANIFEST_TYPE",
    "INDEX_TYPES",
    "MANIFEST_TYPES",
    "OBSOLETE_TYPES",
    "is_foreign",
    "layer_type",
]

DOCKER_MANIFEST_TYPE = "application/vnd.docker.distribution.manifest.v2+json"
DOCKER_LIST_TYPE = "application/vnd.docker.distribution.manifest.list.v2+json"
DOCKER_CONFIG_TYPE = "application/vnd.docker.container.image.v1+json"

MANIFEST_TYPES = frozenset({MANIFEST_TYPE, DOCKER_MANIFEST_TYPE})
INDEX_TYPES = frozenset({INDEX_TYPE, DOCKER_LIST_TYPE})
CONFIG_TYPES = frozenset({CONFIG_TYPE, DOCKER_CONFIG_TYPE})
# Schema 1, which signs a format without digests of uncompressed layers; docker has dropped it too.
OBSOLETE_TYPES = frozenset(
    {
        "application/vnd.docker.distribution.manifest.v1+json",
        "application/vnd.docker.distribution.manifest.v1+prettyjws",
    }
)
ACCEPTED = (MANIFEST_TYPE, INDEX_TYPE, DOCKER_MANIFEST_TYPE, DOCKER_LIST_TYPE)

_BY_COMPRESSION = {"": LAYER_TYPE, "gzip": LAYER_GZIP_TYPE, "zstd": LAYER_ZSTD_TYPE}


def is_foreign(media_type: str) -> bool:
    """Tell whether a layer is one that its maker does not let registries pass on.

    Its `urls` are never fetched: they made a client send its password anywhere (CVE-2020-15157).
    """
    return ".foreign." in media_type or ".nondistributable." in media_type


def layer_type(compression: str) -> str:
    """Return OCI's type of a layer by its compression: "", gzip or zstd."""
    return _BY_COMPRESSION[compression]
