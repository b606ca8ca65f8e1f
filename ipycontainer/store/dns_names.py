"""Names of containers on networks, as the embedded resolver answers them.

A container is known on each network that it runs on by its name, its short id, its host name and
its aliases; a link gives another one a further name for one container alone. Run by monitors: no
column here may change its meaning.
"""

from __future__ import annotations

import json
from collections.abc import Sequence

from ipycontainer.store.database import Transaction

__all__ = ["addresses_of", "leads_out", "linked_to", "names_of"]

_OTHERS = (
    "SELECT e.ipv4, e.ipv6, e.wanted, c.name, c.id,"
    " lower(json_extract(c.config, '$.hostname')) AS hostname FROM endpoints e"
    " JOIN containers c ON c.id = e.container_id"
    " WHERE e.network_id = ? AND e.endpoint_id != ''"
)


def addresses_of(tx: Transaction, container_id: str, name: str) -> Sequence[str] | None:
    """Return the addresses that a name has for a container, None where it means nothing.

    `name` is in lower case; `NAME.NETWORK` is tried at every dot, as docker does.
    """
    networks = _networks(tx, container_id)
    found = _on(tx, networks, name)
    at = name.rfind(".")
    while found is None and at > 0:
        network = name[at + 1 :]
        chosen = [each for each in networks if each[1].lower() == network]
        if chosen:
            found = _on(tx, chosen, name[:at])
        at = name.rfind(".", 0, at)
    return found


def names_of(tx: Transaction, container_id: str, address: str) -> Sequence[str]:
    """Return the names that an address on one of a container's networks has, first the best."""
    for network_id, network, _ in _networks(tx, container_id):
        row = tx.one(f"{_OTHERS} AND (e.ipv4 = ? OR e.ipv6 = ?)", (network_id, address, address))
        if row is not None:
            return (f"{row['name']}.{network}",)
    return ()


def linked_to(tx: Transaction, container_id: str) -> list[tuple[str, str]]:
    """Return who has a link of the default network to a container and runs: id, and the alias."""
    name = tx.scalar("SELECT name FROM containers WHERE id = ?", (container_id,))
    rows = tx.all(
        "SELECT c.id, l.value AS link FROM containers c, json_each(c.config, '$.links') l"
        " WHERE c.status IN ('running', 'paused')"
        " AND json_extract(c.config, '$.network') = 'bridge'"
    )
    parts = [(row["id"], *row["link"].partition(":")[::2]) for row in rows]
    known = (name, container_id, container_id[:12])
    return [(linker, alias or target) for linker, target, alias in parts if target in known]


def leads_out(tx: Transaction, container_id: str) -> bool:
    """Tell whether a container is on a network that is not internal."""
    rows = tx.all(
        "SELECT n.config FROM endpoints e JOIN networks n ON n.id = e.network_id"
        " WHERE e.container_id = ? AND e.endpoint_id != ''",
        (container_id,),
    )
    return any(not json.loads(row["config"]).get("internal") for row in rows)


def _networks(tx: Transaction, container_id: str) -> list[tuple[str, str, dict[str, str]]]:
    """Return id, name and own links (alias to name) of the networks that a container runs on."""
    rows = tx.all(
        "SELECT n.id, n.name, e.wanted FROM endpoints e JOIN networks n ON n.id = e.network_id"
        " WHERE e.container_id = ? AND e.endpoint_id != '' AND n.name != 'bridge'"
        " ORDER BY e.position",
        (container_id,),
    )
    found = []
    for row in rows:
        links = {}
        for link in json.loads(row["wanted"]).get("links", ()):
            name, _, alias = link.partition(":")
            links[(alias or name).lower()] = name
        found.append((row["id"], row["name"], links))
    return found


def _on(
    tx: Transaction, networks: Sequence[tuple[str, str, dict[str, str]]], name: str
) -> Sequence[str] | None:
    for network_id, _, links in networks:
        wanted = links.get(name, name)
        rows = tx.all(
            f"{_OTHERS} AND (c.name = ? COLLATE NOCASE OR substr(c.id, 1, 12) = ?"
            " OR c.id = ? OR instr(lower(e.wanted), ?) > 0 OR hostname = ?)",
            (network_id, wanted, wanted, wanted, json.dumps(wanted.lower()), wanted.lower()),
        )
        found = [
            address
            for row in rows
            if wanted.lower() == row["hostname"]
            or _is_called(row["name"], row["id"], row["wanted"], wanted.lower())
            for address in (row["ipv4"], row["ipv6"])
            if address
        ]
        if found:
            return found
    return None


def _is_called(name: str, container_id: str, wanted: str, asked: str) -> bool:
    aliases = [alias.lower() for alias in json.loads(wanted).get("aliases", ())]
    return asked in (name.lower(), container_id[:12], container_id, *aliases)
