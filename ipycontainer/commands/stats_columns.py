"""Docker's columns for `stats`. Source: docker/cli `cli/command/container/formatter_stats.go`."""

from __future__ import annotations

from ipycontainer.model.sample import Sample
from ipycontainer.model.units import human_size, human_size_binary

__all__ = ["STATS_HEADERS", "STATS_TABLE", "sample_fields"]

STATS_TABLE = (
    "table {{.ID}}\t{{.Name}}\t{{.CPUPerc}}\t{{.MemUsage}}\t{{.MemPerc}}\t{{.NetIO}}\t"
    "{{.BlockIO}}\t{{.PIDs}}"
)
STATS_HEADERS = {
    "BlockIO": "BLOCK I/O",
    "CPUPerc": "CPU %",
    "Container": "CONTAINER",
    "ID": "CONTAINER ID",
    "MemPerc": "MEM %",
    "MemUsage": "MEM USAGE / LIMIT",
    "Name": "NAME",
    "NetIO": "NET I/O",
    "PIDs": "PIDS",
}


def sample_fields(row: Sample, no_trunc: bool) -> dict[str, str]:
    """Return what each field of a template says of a container."""
    return {
        "BlockIO": f"{human_size(row.read_bytes, 3)} / {human_size(row.write_bytes, 3)}",
        "CPUPerc": f"{row.cpu_percent:.2f}%",
        "Container": row.container,
        "ID": row.id if no_trunc else row.id[:12],
        "MemPerc": f"{row.memory_percent:.2f}%",
        "MemUsage": f"{human_size_binary(row.memory)} / {human_size_binary(row.memory_limit)}",
        "Name": row.name,
        "NetIO": f"{human_size(row.rx_bytes, 3)} / {human_size(row.tx_bytes, 3)}",
        "PIDs": str(row.pids),
    }
