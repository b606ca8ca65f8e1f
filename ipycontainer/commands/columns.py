"""Docker's columns: tables and templates of listings, and what each field of most of them says.

Sources: docker/cli `cli/command/formatter/{container,volume,custom,formatter}.go`, Go's
text/tabwriter with docker's settings (cells at least 10 wide, 3 spaces between).
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace

from ipycontainer.commands import check_columns, disk_columns, image_columns
from ipycontainer.commands.go_quoting import go_quote
from ipycontainer.commands.network_columns import (
    NETWORKS_HEADERS,
    NETWORKS_TABLE,
    network_fields,
)
from ipycontainer.commands.record_protocols import Check
from ipycontainer.commands.records import DiskUsage, Listing
from ipycontainer.commands.stats_columns import STATS_HEADERS, STATS_TABLE, sample_fields
from ipycontainer.commands.summaries import (
    CheckpointSummary,
    ContainerSummary,
    DiskSummary,
    HistorySummary,
    ImageSummary,
    NetworkSummary,
    VolumeSummary,
)
from ipycontainer.commands.table_cells import ago, ellipsis, short
from ipycontainer.commands.templates import Row, RowList, parse
from ipycontainer.model.sample import Sample
from ipycontainer.model.units import go_time, human_duration, human_size

__all__ = ["disk_text", "fields_used", "listing_lines", "status_text", "tabulate"]

_PS_TABLE = (
    "table {{.ID}}\t{{.Image}}\t{{.Command}}\t{{.RunningFor}}\t{{.Status}}\t{{.Ports}}\t{{.Names}}"
)

_PS_SIZES_TABLE = f"{_PS_TABLE}\t{{{{.Size}}}}"
_PS_HEADERS = {
    "Command": "COMMAND",
    "CreatedAt": "CREATED AT",
    "ID": "CONTAINER ID",
    "Image": "IMAGE",
    "Labels": "LABELS",
    "LocalVolumes": "LOCAL VOLUMES",
    "Mounts": "MOUNTS",
    "Names": "NAMES",
    "Networks": "NETWORKS",
    "Ports": "PORTS",
    "RunningFor": "CREATED",
    "Size": "SIZE",
    "State": "STATE",
    "Status": "STATUS",
}
_VOLUMES_TABLE = "table {{.Driver}}\t{{.Name}}"
_VOLUMES_HEADERS = {
    "Availability": "AVAILABILITY",
    "Driver": "DRIVER",
    "Group": "GROUP",
    "Labels": "LABELS",
    "Links": "LINKS",
    "Mountpoint": "MOUNTPOINT",
    "Name": "VOLUME NAME",
    "Scope": "SCOPE",
    "Size": "SIZE",
    "Status": "STATUS",
}
_PS_RAW = (
    "container_id: {{.ID}}\nimage: {{.Image}}\ncommand: {{.Command}}\n"
    "created_at: {{.CreatedAt}}\nstate: {{- pad .State 1 0}}\nstatus: {{- pad .Status 1 0}}\n"
    "names: {{.Names}}\nlabels: {{- pad .Labels 1 0}}\nports: {{- pad .Ports 1 0}}\n"
)
_VOLUMES_RAW = "name: {{.Name}}\ndriver: {{.Driver}}\n"
_NETWORKS_RAW = "network_id: {{.ID}}\nname: {{.Name}}\ndriver: {{.Driver}}\nscope: {{.Scope}}\n"
# What `system df -v --format raw` stands for.
_DISK_RAW = "".join(
    f"{{{{range .{kind}s}}}}type: {kind}\n{fields}\n{{{{end -}}}}\n"
    for kind, fields in (
        ("Image", disk_columns.IMAGES_RAW),
        ("Container", f"{_PS_RAW}size: {{{{.Size}}}}\n"),
        ("Volume", _VOLUMES_RAW),
    )
).removesuffix("\n")
_SECOND = 1_000_000_000


@dataclass(frozen=True, slots=True)
class _Form:
    """How one kind of listing is printed: its table, its fields, Go's name, what -q prints."""

    table: str
    headers: Mapping[str, str]
    go_type: str
    quiet: str
    has_labels: bool = False
    raw: str = "raw"


_FORMS: Mapping[str, _Form] = {
    "ps": _Form(_PS_TABLE, _PS_HEADERS, "formatter.ContainerContext", "{{.ID}}", True, _PS_RAW),
    "images": _Form(
        image_columns.IMAGES_TABLE,
        image_columns.IMAGES_HEADERS,
        "formatter.imageContext",
        "{{.ID}}",
    ),
    "history": _Form(
        image_columns.HISTORY_TABLE,
        image_columns.HISTORY_HEADERS,
        "image.historyContext",
        "{{.ID}}",
    ),
    "volumes": _Form(
        _VOLUMES_TABLE,
        _VOLUMES_HEADERS,
        "formatter.volumeContext",
        "{{.Name}}",
        True,
        _VOLUMES_RAW,
    ),
    "networks": _Form(
        NETWORKS_TABLE,
        NETWORKS_HEADERS,
        "network.networkContext",
        "{{.ID}}",
        True,
        _NETWORKS_RAW,
    ),
    "checkpoints": _Form(
        "table {{.Name}}\t{{.CreatedSince}}\t{{.Size}}",
        {"CreatedSince": "CREATED", "Name": "CHECKPOINT", "Size": "SIZE"},
        "checkpoints.context",
        "{{.Name}}",
    ),
    "disk": _Form(
        disk_columns.TABLE,
        disk_columns.HEADERS,
        "formatter.diskUsageImagesContext",
        "",
        raw=disk_columns.RAW,
    ),
    "stats": _Form(STATS_TABLE, STATS_HEADERS, "container.statsContext", ""),
    "checks": _Form(check_columns.TABLE, check_columns.HEADERS, "doctor.checkContext", ""),
}


def listing_lines(listing: Listing) -> list[str]:
    """Return the lines that docker prints. Raises TemplateError."""
    kind = _FORMS[listing.kind]
    form = listing.template or "table"
    # `images -q --format` keeps the format, `ps -q --format` drops it with a warning.
    if listing.quiet and not listing.template:
        form = kind.quiet
    fields = [_fields(row, listing) for row in listing.rows]
    if form == "raw" and listing.kind == "images":
        if listing.quiet:
            return [f"image_id: {each['ID']}" for each in fields]
        return [line for each in fields for line in image_columns.raw_image(each, listing.digests)]
    is_table = form.startswith("table")
    template = parse(_whole(form, kind, listing))
    labels: list[Mapping[str, str]] = [getattr(row, "labels", {}) for row in listing.rows]
    lines = [
        template.of_row(each, kind.go_type, _label(own) if kind.has_labels else None)
        for each, own in zip(fields, labels, strict=True)
    ]
    if not is_table:
        return lines
    return tabulate([template.head(kind.headers, _heading), *lines])


def _whole(form: str, kind: _Form, listing: Listing) -> str:
    """Return the template that a form's one word stands for, and what its escapes mean."""
    if form == "json":
        return "{{json .}}"
    if form == "raw":
        return kind.raw + ("size: {{.Size}}\n" if listing.sizes else "")
    if form == "table":
        form = kind.table
        if listing.digests:
            form = image_columns.IMAGES_DIGESTS_TABLE
        elif listing.kind == "ps" and listing.sizes:
            form = _PS_SIZES_TABLE
        elif not listing.human:
            form = image_columns.HISTORY_EXACT_TABLE
    text = form.removeprefix("table")
    return text.strip(" ").replace("\\t", "\t").replace("\\n", "\n")


def fields_used(template: str) -> frozenset[str]:
    """Return what a template of `ps` asks of a container, tried on none as docker tries it.

    Raises TemplateError: docker refuses what fails on a container without anything.
    """
    asked = _Asked(_container_fields(_NO_CONTAINER, 0, no_trunc=False))
    parse(template).of_row(asked, _FORMS["ps"].go_type, _label({}))
    return frozenset(asked.names)


class _Asked(dict[str, str]):
    """Fields that remember who was asked for."""

    def __init__(self, fields: Mapping[str, str]) -> None:
        super().__init__(fields)
        self.names: set[str] = set()

    def __getitem__(self, name: str) -> str:
        self.names.add(name)
        return super().__getitem__(name)


def _label(labels: Mapping[str, str]) -> Callable[[str], str]:
    return lambda name: labels.get(name, "")


def _heading(label: str) -> str:
    """Return the head of a label's column: `com.example.some-name` is headed "some name"."""
    return re.sub("[-_]", " ", label.rpartition(".")[2])


def disk_text(usage: DiskUsage) -> str:
    """Return what `system df -v` prints: a table for each kind, one JSON object, or a template's.

    Raises TemplateError.
    """
    now_ns, whole = usage.now_ns, bool(usage.template)
    parts = (
        Listing(kind="images", rows=usage.images, now_ns=now_ns, no_trunc=whole, sizes=True),
        Listing(kind="ps", rows=usage.containers, now_ns=now_ns, no_trunc=whole),
        Listing(kind="volumes", rows=usage.volumes, now_ns=now_ns),
    )
    if usage.template not in ("", "json"):
        raw = usage.template == "raw"
        return _disk_template(_DISK_RAW if raw else usage.template, parts)
    if usage.template:
        lists = [",".join(listing_lines(replace(part, template="json"))) for part in parts]
        images, containers, volumes = lists
        return (
            f'{{"Images":[{images}],"Containers":[{containers}],"Volumes":[{volumes}],'
            '"BuildCache":[]}'
        )
    tables = (
        disk_columns.IMAGES_TABLE,
        disk_columns.CONTAINERS_TABLE,
        disk_columns.VOLUMES_TABLE,
    )
    titles = ("Images", "Containers", "Local Volumes")
    lines: list[str] = []
    for title, part, table in zip(titles, parts, tables, strict=True):
        lines += [f"{title} space usage:", "", *listing_lines(replace(part, template=table)), ""]
    return "\n".join([*lines, "Build cache usage: 0B", "", disk_columns.CACHE, ""])


def _disk_template(template: str, parts: Sequence[Listing]) -> str:
    """Return what a template makes of all listings at once, without an end of the line."""
    lists = {"BuildCache": RowList("formatter.buildCacheContext", ())}
    for name, part in zip(("Images", "Containers", "Volumes"), parts, strict=True):
        form = _FORMS[part.kind]
        rows = [
            Row(_fields(row, part), _label(getattr(row, "labels", {})) if form.has_labels else None)
            for row in part.rows
        ]
        lists[name] = RowList(form.go_type, rows)
    return parse(template).of_lists(lists, "formatter.diskUsageContext")


def _fields(
    row: ContainerSummary
    | ImageSummary
    | NetworkSummary
    | VolumeSummary
    | HistorySummary
    | CheckpointSummary
    | DiskSummary
    | Sample
    | Check,
    listing: Listing,
) -> dict[str, str]:
    if isinstance(row, CheckpointSummary):
        return {
            "CreatedSince": ago(row.created_ns, listing.now_ns),
            "Name": row.name,
            "Size": human_size(row.size, 3),
        }
    if isinstance(row, DiskSummary):
        return disk_columns.disk_fields(row)
    if isinstance(row, NetworkSummary):
        return network_fields(row, listing.no_trunc)
    if isinstance(row, Sample):
        return sample_fields(row, listing.no_trunc)
    if isinstance(row, VolumeSummary):
        return _volume_fields(row)
    if isinstance(row, ContainerSummary):
        return _container_fields(row, listing.now_ns, listing.no_trunc)
    if isinstance(row, HistorySummary):
        return image_columns.history_fields(row, listing.now_ns, listing.no_trunc, listing.human)
    if not isinstance(row, ImageSummary):
        return check_columns.check_fields(row)
    with_digest = listing.digests or "{{.Digest}}" in listing.template
    fields = image_columns.image_fields(row, listing.now_ns, listing.no_trunc, with_digest)
    return fields | disk_columns.image_sizes(row) if listing.sizes else fields


_NO_CONTAINER = ContainerSummary(
    id="", name="", image="", command="", created_ns=0, status="none", image_id="none"
)


def _container_fields(row: ContainerSummary, now_ns: int, no_trunc: bool) -> dict[str, str]:
    image = row.image if no_trunc or row.image != row.image_id else short(row.image)
    mounts = row.mounts if no_trunc else [ellipsis(mount, 15) for mount in row.mounts]
    return {
        "Command": go_quote(row.command if no_trunc else ellipsis(row.command, 20)),
        "CreatedAt": go_time(row.created_ns),
        "ID": row.id if no_trunc else short(row.id),
        "Image": image or "<no image>",
        "Labels": _labels(row.labels),
        "LocalVolumes": str(row.local_volumes),
        "Mounts": ",".join(mounts),
        "Names": ",".join(sorted((row.name, *row.link_names))) if no_trunc else row.name,
        "Networks": ",".join(row.networks),
        "Ports": row.ports,
        "RunningFor": ago(row.created_ns, now_ns),
        "Size": _size(row),
        "State": row.status if row is not _NO_CONTAINER else "",
        "Status": status_text(row, now_ns),
    }


def _size(row: ContainerSummary) -> str:
    """Return docker's `written (virtual all)`; what was not counted is no byte there."""
    written = human_size(max(row.written, 0), 3)
    return f"{written} (virtual {human_size(row.whole, 3)})" if row.whole > 0 else written


def _volume_fields(row: VolumeSummary) -> dict[str, str]:
    return {
        "Availability": "N/A",
        "Driver": row.driver,
        "Group": "N/A",
        "Labels": _labels(row.labels),
        "Links": "N/A" if row.size < 0 else str(len(row.containers)),
        "Mountpoint": row.mountpoint,
        "Name": row.name,
        "Scope": "local",
        "Size": "N/A" if row.size < 0 else human_size(row.size),
        "Status": "N/A",
    }


def _labels(labels: Mapping[str, str]) -> str:
    return ",".join(f"{key}={labels[key]}" for key in sorted(labels))


def status_text(row: ContainerSummary, now_ns: int) -> str:
    """Return a state as `ps` words it: `Up 3 minutes`, `Exited (137) 2 hours ago`."""
    up = f"Up {human_duration((now_ns - row.started_ns) / _SECOND)}"
    health = f"health: {row.health}" if row.health == "starting" else row.health
    ended = ago(row.finished_ns, now_ns)
    words: dict[str, Callable[[], str]] = {
        "created": lambda: "Created",
        "running": lambda: f"{up} ({health})" if health else up,
        "paused": lambda: f"{up} (Paused)",
        "restarting": lambda: f"Restarting ({row.exit_code}) {ended}",
        "removing": lambda: "Removal In Progress",
        "dead": lambda: "Dead",
        "exited": lambda: f"Exited ({row.exit_code}) {ended}",
        "none": lambda: "",
    }
    return words[row.status]()


def tabulate(rows: Sequence[str]) -> list[str]:
    """Return rows of cells between tabs as aligned lines, as Go's tabwriter makes them.

    A column reaches over neighbouring lines that have it; a line's last cell is in none.
    """
    lines = [line.split("\t") for row in rows for line in row.split("\n")]
    widths: list[list[int]] = [[0] * (len(cells) - 1) for cells in lines]
    for column in range(max(map(len, lines), default=1) - 1):
        start = 0
        while start < len(lines):
            end = start
            while end < len(lines) and len(lines[end]) > column + 1:
                end += 1
            if end > start:
                width = max(10, 3 + max(len(cells[column]) for cells in lines[start:end]))
                for number in range(start, end):
                    widths[number][column] = width
            start = max(end, start + 1)
    return [
        "".join(cell.ljust(width) for cell, width in zip(cells, sizes, strict=False)) + cells[-1]
        for cells, sizes in zip(lines, widths, strict=True)
    ]
