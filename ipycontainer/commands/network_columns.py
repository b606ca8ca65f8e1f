"""Docker's columns for `network ls` and `port`, and its words for the ports of `ps`.

Sources: docker/cli `cli/command/network/formatter.go`, `cli/command/container/port.go`,
`cli/command/formatter/container.go`.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from ipycontainer.commands.natural_order import natural
from ipycontainer.commands.records import PortListing
from ipycontainer.commands.summaries import NetworkSummary
from ipycontainer.model.network import PublishedPort
from ipycontainer.model.units import go_time

__all__ = ["NETWORKS_HEADERS", "NETWORKS_TABLE", "network_fields", "port_lines", "ports_text"]

NETWORKS_TABLE = "table {{.ID}}\t{{.Name}}\t{{.Driver}}\t{{.Scope}}"
NETWORKS_HEADERS = {
    "CreatedAt": "CREATED AT",
    "Driver": "DRIVER",
    "ID": "NETWORK ID",
    "IPv6": "IPV6",
    "Internal": "INTERNAL",
    "Labels": "LABELS",
    "Name": "NAME",
    "Scope": "SCOPE",
}


def network_fields(row: NetworkSummary, no_trunc: bool) -> dict[str, str]:
    """Return the fields of a template for a network."""
    return {
        "CreatedAt": go_time(row.created_ns, with_fraction=True),
        "Driver": row.driver,
        "ID": row.id if no_trunc else row.id[:12],
        "IPv6": str(row.ipv6).lower(),
        "Internal": str(row.internal).lower(),
        "Labels": ",".join(f"{key}={row.labels[key]}" for key in sorted(row.labels)),
        "Name": row.name,
        "Scope": "local",
    }


def port_lines(listing: PortListing) -> list[str]:
    """Return the lines of `port`, in natural order."""
    lines = []
    for row in listing.rows:
        host = f"[{row.address}]" if ":" in row.address else row.address
        where = f"{host}:{row.host_port}"
        lines.append(where if listing.only else f"{row.port}/{row.protocol} -> {where}")
    return sorted(lines, key=natural)


def ports_text(published: Sequence[PublishedPort], exposed: Iterable[str]) -> str:
    """Return the PORTS of `ps`: published ones with their places, others alone.

    As docker's: neighbours make a range where the port is the same on both sides; ports that differ
    come last, one by one.
    """
    shown = {f"{port.port}/{port.protocol}" for port in published}
    listed = [(port.port, port.address, port.host_port, port.protocol) for port in published]
    for text in exposed:
        number, _, protocol = text.partition("/")
        if text not in shown:
            listed.append((int(number), "", 0, protocol))
    groups: dict[tuple[str, str], list[int]] = {}
    finished: list[str] = []
    mappings: list[str] = []
    for port, address, host_port, protocol in sorted(listed):
        if address and host_port != port:
            mappings.append(f"{address}:{host_port}->{port}/{protocol}")
            continue
        span = groups.setdefault((address, protocol), [port, port])
        if port > span[1] + 1:
            finished.append(_span(address, protocol, *span))
            groups[address, protocol] = [port, port]
        span = groups[address, protocol]
        span[1] = port
    finished += (_span(*key, *span) for key, span in groups.items())
    return ", ".join((*finished, *mappings))


def _span(address: str, protocol: str, first: int, last: int) -> str:
    ports = str(first) if first == last else f"{first}-{last}"
    return f"{address}:{ports}->{ports}/{protocol}" if address else f"{ports}/{protocol}"
