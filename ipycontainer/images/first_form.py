"""The first form of an image in an archive: a JSON a layer, by which docker before 1.10 loads it.

Docker's `save` writes them still, as blobs that nothing names (moby `image/tarexport/save.go` and
`image/v1/imagev1.go`, 26.1.5): tools that read archives by their files alone know them.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from hashlib import sha256
from typing import Any

from ipycontainer.images.manifest import compact

__all__ = ["texts"]

# What of an image's own JSON this form has, in its order.
_KEPT = (
    *("comment", "created", "container", "container_config", "docker_version", "author"),
    *("config", "architecture", "variant", "os"),
)
_NEVER = "1970-01-01T00:00:00Z"


def texts(config: Mapping[str, Any], chain_ids: Sequence[str]) -> Iterator[str]:
    """Yield the JSON of each layer, the lowest first: only the topmost one says what the image is.

    `config` is the image's own JSON. Each names the one below by its id, which comes from the rest.
    """
    parent = ""
    for chain_id in chain_ids:
        if chain_id == chain_ids[-1]:
            facts = {key: config[key] for key in _KEPT if config.get(key)}
        else:
            facts = {"created": _NEVER, "os": config.get("os", "linux")}
        below = {"parent": parent} if parent else {}
        named = {**facts, "layer_id": chain_id, **below}
        layer_id = sha256(compact(dict(sorted(named.items()))).encode()).hexdigest()
        yield compact({"id": layer_id, **({"parent": parent[7:]} if parent else {}), **facts})
        parent = f"sha256:{layer_id}"
