"""What docker's `system df` prints: its columns, and the tables of `-v`.

Source: docker/cli `cli/command/formatter/disk_usage.go` (26.1.5).
"""

from __future__ import annotations

from ipycontainer.commands.summaries import DiskSummary, ImageSummary
from ipycontainer.model.units import human_size

__all__ = [
    "CACHE",
    "CONTAINERS_TABLE",
    "HEADERS",
    "IMAGES_RAW",
    "IMAGES_TABLE",
    "RAW",
    "TABLE",
    "VOLUMES_TABLE",
    "disk_fields",
    "image_sizes",
]

TABLE = "table {{.Type}}\t{{.TotalCount}}\t{{.Active}}\t{{.Size}}\t{{.Reclaimable}}"
HEADERS = {
    "Active": "ACTIVE",
    "Reclaimable": "RECLAIMABLE",
    "Size": "SIZE",
    "TotalCount": "TOTAL",
    "Type": "TYPE",
}
IMAGES_TABLE = (
    "table {{.Repository}}\t{{.Tag}}\t{{.ID}}\t{{.CreatedSince}}\t{{.Size}}\t{{.SharedSize}}"
    "\t{{.UniqueSize}}\t{{.Containers}}"
)
CONTAINERS_TABLE = (
    "table {{.ID}}\t{{.Image}}\t{{.Command}}\t{{.LocalVolumes}}\t{{.Size}}\t{{.RunningFor}}"
    "\t{{.Status}}\t{{.Names}}"
)
VOLUMES_TABLE = "table {{.Name}}\t{{.Links}}\t{{.Size}}"
RAW = (
    "type: {{.Type}}\ntotal: {{.TotalCount}}\nactive: {{.Active}}\nsize: {{.Size}}\n"
    "reclaimable: {{.Reclaimable}}\n"
)
# What `--format raw` of -v stands for, but for a container's part, which is that of `ps`.
IMAGES_RAW = (
    "repository: {{.Repository}}\ntag: {{.Tag}}\ndigest: {{.Digest}}\nimage_id: {{.ID}}\n"
    "created_at: {{.CreatedAt}}\nvirtual_size: {{.Size}}\n"
)
CACHE = "CACHE ID   CACHE TYPE   SIZE      CREATED   LAST USED   USAGE     SHARED"


def disk_fields(row: DiskSummary) -> dict[str, str]:
    """Return the fields of one kind of things; of nothing, no share can be given back."""
    reclaimable = human_size(row.reclaimable)
    if row.size > 0:
        reclaimable += f" ({row.reclaimable * 100 // row.size}%)"
    return {
        "Active": str(row.active),
        "Reclaimable": reclaimable,
        "Size": human_size(row.size),
        "TotalCount": str(row.total),
        "Type": row.type,
    }


def image_sizes(row: ImageSummary) -> dict[str, str]:
    """Return the fields of an image's row that only `system df -v` fills."""
    return {
        "Containers": str(row.containers),
        "Digest": "",  # docker asks for none there
        "SharedSize": human_size(row.shared),
        "UniqueSize": human_size(row.size - row.shared),
    }
