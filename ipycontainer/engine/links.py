"""Links on the default bridge: what a container is told of another one at its start.

Docker's of 2018: a line in /etc/hosts and a set of variables (its `links/links.go`). On networks of
users a link is only a name that the resolver knows for this container alone.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from ipycontainer.errors import NotFound
from ipycontainer.model.state import ContainerRecord
from ipycontainer.network import hosts
from ipycontainer.store import containers as store_containers

if TYPE_CHECKING:
    from ipycontainer.engine.engine import Engine

__all__ = ["Link", "environment", "hosts_lines", "remove"]

_NOT_TOLD = ("HOME", "PATH")


@dataclass(frozen=True, slots=True)
class Link:
    """Another container under a name of this one's choice."""

    alias: str
    target: ContainerRecord
    address: str


def hosts_lines(links: Sequence[Link]) -> str:
    """Return the lines of /etc/hosts: address, alias, host name, and the name where it differs."""
    lines = []
    for link in links:
        target = link.target
        names = [link.alias, target.config.hostname or target.short_id]
        names += [target.name] if target.name != link.alias else []
        lines.append(f"{link.address}\t{' '.join(names)}\n")
    return "".join(lines)


def remove(engine: Engine, record: ContainerRecord, alias: str) -> None:
    """Take a link away, of a running container from its /etc/hosts too. Raises NotFound."""
    config = record.config
    if config.network != "bridge":
        raise NotFound(f"no link {alias}")
    kept = tuple(link for link in config.links if _alias(link) != alias)
    if kept == config.links:
        raise NotFound(f"no link {alias}")
    with engine.store.write() as tx:
        store_containers.keep_endpoints(tx, record.id, replace(config, links=kept))
    if record.state.status.alive:
        hosts.remove(engine.home.container(record.id) / "hosts", alias)


def _alias(link: str) -> str:
    name, _, alias = link.partition(":")
    return alias or name


def environment(own_name: str, links: Sequence[Link]) -> tuple[str, ...]:
    """Return the variables `ALIAS_NAME`, `ALIAS_PORT...` and `ALIAS_ENV_...` of all links."""
    return tuple(word for link in links for word in _of_link(own_name, link))


def _of_link(own_name: str, link: Link) -> list[str]:
    prefix = link.alias.upper().replace("-", "_")
    config = link.target.config
    ports = sorted(
        (int(key.partition("/")[0]), key.partition("/")[2]) for key in config.exposed_ports
    )
    words = []
    if ports:
        number, protocol = ports[0]
        words.append(f"{prefix}_PORT={protocol}://{link.address}:{number}")
    for number, protocol in ports:
        name = f"{prefix}_PORT_{number}_{protocol.upper()}"
        words += [
            f"{name}={protocol}://{link.address}:{number}",
            f"{name}_ADDR={link.address}",
            f"{name}_PORT={number}",
            f"{name}_PROTO={protocol}",
        ]
    words.append(f"{prefix}_NAME=/{own_name}/{link.alias}")
    words += [
        f"{prefix}_ENV_{word}" for word in config.env if word.partition("=")[0] not in _NOT_TOLD
    ]
    return words
