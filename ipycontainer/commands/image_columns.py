"""Docker's columns for `images` and `history`: what each field of a template says.

Sources: docker/cli `cli/command/formatter/image.go`, `cli/command/image/formatter_history.go`.
Below columns, which makes lines of them.
"""

from __future__ import annotations

from ipycontainer.commands.summaries import HistorySummary, ImageSummary
from ipycontainer.commands.table_cells import ago, ellipsis, short
from ipycontainer.model.units import go_time, human_size, rfc3339

__all__ = [
    "HISTORY_EXACT_TABLE",
    "HISTORY_HEADERS",
    "HISTORY_TABLE",
    "IMAGES_DIGESTS_TABLE",
    "IMAGES_HEADERS",
    "IMAGES_TABLE",
    "history_fields",
    "image_fields",
    "raw_image",
]

IMAGES_TABLE = "table {{.Repository}}\t{{.Tag}}\t{{.ID}}\t{{.CreatedSince}}\t{{.Size}}"
IMAGES_DIGESTS_TABLE = (
    "table {{.Repository}}\t{{.Tag}}\t{{.Digest}}\t{{.ID}}\t{{.CreatedSince}}\t{{.Size}}"
)
IMAGES_HEADERS = {
    "Containers": "CONTAINERS",
    "CreatedAt": "CREATED AT",
    "CreatedSince": "CREATED",
    "Digest": "DIGEST",
    "ID": "IMAGE ID",
    "Repository": "REPOSITORY",
    "SharedSize": "SHARED SIZE",
    "Size": "SIZE",
    "Tag": "TAG",
    "UniqueSize": "UNIQUE SIZE",
    "VirtualSize": "SIZE",
}
HISTORY_TABLE = "table {{.ID}}\t{{.CreatedSince}}\t{{.CreatedBy}}\t{{.Size}}\t{{.Comment}}"
HISTORY_EXACT_TABLE = "table {{.ID}}\t{{.CreatedAt}}\t{{.CreatedBy}}\t{{.Size}}\t{{.Comment}}"
HISTORY_HEADERS = {
    "Comment": "COMMENT",
    "CreatedAt": "CREATED AT",
    "CreatedBy": "CREATED BY",
    "CreatedSince": "CREATED",
    "ID": "IMAGE",
    "Size": "SIZE",
}
_NONE = "<none>"
_CREATED_BY_COLUMNS = 45


def image_fields(
    row: ImageSummary, now_ns: int, no_trunc: bool, with_digest: bool
) -> dict[str, str]:
    """Return the fields of an image's row; the digest only where somebody asks for it."""
    return {
        "Containers": "N/A",
        "CreatedAt": go_time(row.created_ns),
        "CreatedSince": ago(row.created_ns, now_ns) if row.created_ns else "N/A",
        "Digest": row.digest if with_digest or row.tag == _NONE else _NONE,
        "ID": row.id if no_trunc else short(row.id),
        "Repository": row.repository,
        "SharedSize": "N/A",
        "Size": human_size(row.size, 3),
        "Tag": row.tag,
        "UniqueSize": "N/A",
        "VirtualSize": human_size(row.size),
    }


def raw_image(fields: dict[str, str], with_digest: bool) -> list[str]:
    """Return the lines of `images --format raw` for a row, an empty one at their end."""
    return [
        f"repository: {fields['Repository']}",
        f"tag: {fields['Tag']}",
        *([f"digest: {fields['Digest']}"] if with_digest else []),
        f"image_id: {fields['ID']}",
        f"created_at: {fields['CreatedAt']}",
        f"virtual_size: {fields['Size']}",
        "",
    ]


def history_fields(row: HistorySummary, now_ns: int, no_trunc: bool, human: bool) -> dict[str, str]:
    """Return the fields of a step's row; without `human` exact times and bytes."""
    stamp = rfc3339(row.created_ns) if row.created_ns else ""
    since = "" if not row.created_ns else ago(row.created_ns, now_ns) if human else stamp
    # Tabs would break the table, and are in every RUN of several lines.
    words = row.created_by.replace("\t", " ")
    return {
        "Comment": row.comment,
        "CreatedAt": stamp,
        "CreatedBy": words if no_trunc else ellipsis(words, _CREATED_BY_COLUMNS),
        "CreatedSince": since if human or not row.created_ns else stamp,
        "ID": row.id if no_trunc or row.id == "<missing>" else short(row.id),
        "Size": human_size(row.size, 3) if human else str(row.size),
    }
