"""Containers on networks: who wants to be on which, and who has which address while it runs.

The engine writes what is wanted (`add`, `remove`); a monitor takes addresses for its container
(`take`) and lets them go with its end (`release`, called by `monitor_statements`). An address is
taken by a UNIQUE index within one transaction, so that no two containers ever have the same.
"""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterable
from dataclasses import asdict, dataclass

from ipycontainer.errors import Conflict
from ipycontainer.model.network import Attachment, EndpointConfig, PublishedPort
from ipycontainer.store.database import Transaction

__all__ = [
    "COOLING_SECONDS",
    "GivenBack",
    "add",
    "add_port",
    "busy_addresses",
    "held",
    "keep_left",
    "left_ones",
    "of_container",
    "of_network",
    "ports_of",
    "release",
    "remove",
    "remove_ports",
    "settle",
    "take",
    "targets_of",
    "unsettle",
    "unsettled",
]

# The kernel takes an interface down in the background, 15 to 40 ms after its namespace's end: who
# got the same address at once would have a double on the bridge.
COOLING_SECONDS = 0.5
UNSETTLED = -1  # the position of one that a container is coming to, or leaving

_COLUMNS = (
    "container_id, network_id, position, wanted, endpoint_id, ipv4, ipv6, mac, interface, port"
)


@dataclass(frozen=True, slots=True)
class GivenBack:
    """Who had an address until now, and the interface on the bridge whose end is waited for."""

    container_id: str
    port: str


def add(tx: Transaction, container_id: str, network_id: str, wanted: EndpointConfig) -> None:
    """Say that a container shall be on a network. Raises Conflict when it is already."""
    at = tx.scalar(
        "SELECT coalesce(max(position) + 1, 0) FROM endpoints WHERE container_id = ?",
        (container_id,),
    )
    try:
        tx.execute(
            "INSERT INTO endpoints (container_id, network_id, position, wanted)"
            " VALUES (?, ?, ?, ?)",
            (container_id, network_id, at, json.dumps(asdict(wanted), separators=(",", ":"))),
        )
    except sqlite3.IntegrityError:
        raise Conflict(
            f"endpoint with name {container_id[:12]} already exists in network {wanted.network}"
        ) from None


def remove(tx: Transaction, container_id: str, network_id: str, time_ns: int) -> bool:
    """Say that a container shall not be on a network any more; False when it was not."""
    _cool(tx, container_id, time_ns, network_id)
    return bool(
        tx.execute(
            "DELETE FROM endpoints WHERE container_id = ? AND network_id = ?",
            (container_id, network_id),
        )
    )


def keep_left(tx: Transaction, container_id: str, interface: str, started_ns: int) -> None:
    """Remember the name of an interface that a container leaves, for as long as it runs."""
    tx.execute(
        "DELETE FROM interfaces_left WHERE container_id = ? AND started_ns != ?",
        (container_id, started_ns),
    )
    tx.execute(
        "INSERT OR REPLACE INTO interfaces_left (container_id, interface, started_ns)"
        " VALUES (?, ?, ?)",
        (container_id, interface, started_ns),
    )


def left_ones(tx: Transaction, container_id: str, started_ns: int) -> set[str]:
    """Return the names of the interfaces that a container has had in this run and left."""
    rows = tx.all(
        "SELECT interface FROM interfaces_left WHERE container_id = ? AND started_ns = ?",
        (container_id, started_ns),
    )
    return {row["interface"] for row in rows}


def unsettle(tx: Transaction, container_id: str, network_id: str) -> None:
    """Say that a running container is about to be on a network, or to leave it.

    Who dies before `settle` or `remove` leaves it so: then `supervise.network_connect` takes it
    off.
    """
    tx.execute(
        "UPDATE endpoints SET position = ? WHERE container_id = ? AND network_id = ?",
        (UNSETTLED, container_id, network_id),
    )


def settle(tx: Transaction, container_id: str, network_id: str) -> None:
    """Say that a container is on the network that it came to, after those that it had."""
    tx.execute(
        "UPDATE endpoints SET position = (SELECT max(position) + 1 FROM endpoints"
        " WHERE container_id = ?) WHERE container_id = ? AND network_id = ?",
        (container_id, container_id, network_id),
    )


def unsettled(tx: Transaction) -> list[tuple[str, str]]:
    """Return the containers that are coming to a network or leaving one, with its id."""
    rows = tx.all("SELECT container_id, network_id FROM endpoints WHERE position = ?", (UNSETTLED,))
    return [(row["container_id"], row["network_id"]) for row in rows]


def of_container(tx: Transaction, container_id: str) -> list[Attachment]:
    """Return the networks of a container in the order in which they were given."""
    rows = tx.all(
        f"SELECT {_COLUMNS} FROM endpoints WHERE container_id = ? ORDER BY position",
        (container_id,),
    )
    return [_attachment(row) for row in rows]


def of_network(tx: Transaction, network_id: str) -> list[Attachment]:
    """Return the containers that are on a network now."""
    rows = tx.all(
        f"SELECT {_COLUMNS} FROM endpoints WHERE network_id = ? AND endpoint_id != ''",
        (network_id,),
    )
    return [_attachment(row) for row in rows]


def held(tx: Transaction) -> list[str]:
    """Return the ids of the containers that have an address or a port now."""
    rows = tx.all(
        "SELECT container_id FROM endpoints WHERE endpoint_id != ''"
        " UNION SELECT container_id FROM published_ports"
    )
    return [row["container_id"] for row in rows]


def is_shared(tx: Transaction, container_id: str) -> bool:
    """Tell whether another container runs in this one's network namespace, or may soon."""
    asked = (
        "SELECT 1 FROM containers WHERE json_extract(config, '$.network') = ?"
        " AND status NOT IN ('exited', 'dead', 'removing') LIMIT 1"
    )
    return tx.one(asked, (f"container:{container_id}",)) is not None


def busy_addresses(
    tx: Transaction, network_id: str, now_ns: int
) -> tuple[set[str], dict[str, GivenBack]]:
    """Return the addresses of a network that containers have, and those just given back."""
    rows = tx.all("SELECT ipv4, ipv6 FROM endpoints WHERE network_id = ?", (network_id,))
    taken = {address for row in rows for address in row if address is not None}
    tx.execute(
        "DELETE FROM cooling WHERE since_ns < ?", (now_ns - int(COOLING_SECONDS * 1_000_000_000),)
    )
    cooling = tx.all(
        "SELECT address, container_id, port FROM cooling WHERE network_id = ?", (network_id,)
    )
    return taken, {row["address"]: GivenBack(row["container_id"], row["port"]) for row in cooling}


def take(tx: Transaction, attachment: Attachment) -> None:
    """Write what a container has on a network while it runs. Raises Conflict for a taken one."""
    try:
        tx.execute(
            "UPDATE endpoints SET endpoint_id = ?, ipv4 = ?, ipv6 = ?, mac = ?, interface = ?,"
            " port = ? WHERE container_id = ? AND network_id = ?",
            (
                attachment.endpoint_id,
                attachment.ipv4 or None,
                attachment.ipv6 or None,
                attachment.mac,
                attachment.interface,
                attachment.port,
                attachment.container_id,
                attachment.network_id,
            ),
        )
    except sqlite3.IntegrityError:
        raise Conflict("Address already in use") from None


def release(tx: Transaction, container_id: str, time_ns: int) -> None:
    """Let go of all that a container has; what it wants stays."""
    _cool(tx, container_id, time_ns)
    tx.execute(
        "UPDATE endpoints SET endpoint_id = '', ipv4 = NULL, ipv6 = NULL, mac = '',"
        " interface = '', port = '' WHERE container_id = ?",
        (container_id,),
    )
    tx.execute("DELETE FROM published_ports WHERE container_id = ?", (container_id,))


def _cool(tx: Transaction, container_id: str, time_ns: int, network_id: str = "") -> None:
    rows = tx.all(
        "SELECT network_id, ipv4, ipv6, port FROM endpoints"
        " WHERE container_id = ? AND endpoint_id != '' AND ? IN ('', network_id)",
        (container_id, network_id),
    )
    for row in rows:
        for address in (row["ipv4"], row["ipv6"]):
            if address is not None:
                tx.execute(
                    "INSERT OR REPLACE INTO cooling (network_id, address, since_ns, port,"
                    " container_id) VALUES (?, ?, ?, ?, ?)",
                    (row["network_id"], address, time_ns, row["port"], container_id),
                )


# ── ports ────────────────────────────────────────────────────────────────────────────────────────


def add_port(tx: Transaction, container_id: str, port: PublishedPort, target: str) -> None:
    """Write that a port of this machine leads to a container's `target`, before it does.

    Replaces what an end that nobody told has left: the socket that goes with it is ours now.
    """
    tx.execute(
        "INSERT OR REPLACE INTO published_ports"
        " (container_id, protocol, address, host_port, port, target) VALUES (?, ?, ?, ?, ?, ?)",
        (container_id, port.protocol, port.address, port.host_port, port.port, target),
    )


def remove_ports(tx: Transaction, container_id: str) -> None:
    """Write that no port of this machine leads to a container any more."""
    tx.execute("DELETE FROM published_ports WHERE container_id = ?", (container_id,))


def ports_of(tx: Transaction, container_ids: Iterable[str]) -> dict[str, list[PublishedPort]]:
    """Return the published ports of containers, by their ids."""
    return {
        container_id: [port for port, _ in targets_of(tx, container_id)]
        for container_id in container_ids
    }


def ports_in_use(tx: Transaction) -> set[tuple[str, int]]:
    """Return the protocol and number of each port of the machine that leads to a container."""
    rows = tx.all("SELECT DISTINCT protocol, host_port FROM published_ports")
    return {(row["protocol"], row["host_port"]) for row in rows}


def targets_of(tx: Transaction, container_id: str) -> list[tuple[PublishedPort, str]]:
    """Return the published ports of a container, each with the address that it leads to."""
    rows = tx.all(
        "SELECT protocol, address, host_port, port, target FROM published_ports"
        " WHERE container_id = ? ORDER BY port, protocol, address, host_port",
        (container_id,),
    )
    return [
        (
            PublishedPort(row["protocol"], row["address"], row["host_port"], row["port"]),
            row["target"],
        )
        for row in rows
    ]


def _attachment(row: sqlite3.Row) -> Attachment:
    return Attachment(
        row["container_id"],
        row["network_id"],
        row["position"],
        EndpointConfig.from_json(json.loads(row["wanted"])),
        row["endpoint_id"],
        row["ipv4"] or "",
        row["ipv6"] or "",
        row["mac"],
        row["interface"],
        row["port"],
    )
