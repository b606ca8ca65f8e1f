"""How much room the images, containers and volumes of a home take: `df`, in docker's shape."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from ipycontainer.images import host

if TYPE_CHECKING:
    from ipycontainer.engine.engine import Engine

__all__ = ["df", "written_bytes"]


def written_bytes(engine: Engine, containers: Sequence[str]) -> dict[str, int]:
    """Return what containers have written, by their ids; without those that are gone."""
    if not containers:
        return {}
    found = engine.supervisor.work("sizes", {"containers": list(containers)})["containers"]
    return {str(name): int(size) for name, size in found.items()}


def df(engine: Engine) -> dict[str, Any]:
    """Return docker's `/system/df`; `host` takes no room and is left out.

    A layer that several images share counts once in LayersSize. There is no build cache. What a
    volume with options holds lies elsewhere: docker leaves it out, too.
    """
    this_machine = host.image_record().id
    images = [each for each in engine.images.list() if each.id != this_machine]
    containers = engine.containers.list(all=True)
    volumes = [each for each in engine.volumes.list() if not each.record.options]
    asked = {
        "containers": [each.id for each in containers],
        "volumes": [each.name for each in volumes],
    }
    sizes = engine.supervisor.work("sizes", asked)
    layers = {layer.chain_id: layer.size for each in images for layer in each.record.layers}
    by_id = {each.id: each.record.size for each in images}
    rows = []
    for each in containers:
        record, written = each.record, int(sizes["containers"].get(each.id, 0))
        rows.append(
            {
                "Id": record.id,
                "Names": [f"/{record.name}"],
                "Image": record.config.image,
                "ImageID": record.image_id,
                "State": record.state.status.value,
                "SizeRw": written,
                "SizeRootFs": written + by_id.get(record.image_id, 0),
            }
        )
    return {
        "LayersSize": sum(layers.values()),
        "Images": [
            {
                "Id": each.id,
                "RepoTags": list(each.tags),
                "Containers": each.containers,
                "SharedSize": each.shared,
                "Size": each.record.size,
            }
            for each in images
        ],
        "Containers": rows,
        "Volumes": [
            {
                **each.attrs,
                "UsageData": {
                    "RefCount": len(each.record.users),
                    "Size": int(sizes["volumes"].get(each.name, 0)),
                },
            }
            for each in volumes
        ],
        "BuildCache": [],
    }
