"""The files /etc/hosts and /etc/resolv.conf of a container.

The engine writes them with the bundle; a monitor adds the addresses that it takes.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Sequence
from pathlib import Path

from ipycontainer.network.attachments import Plug

__all__ = ["BASE", "HOST_GATEWAY", "add_own", "base", "remove", "renew", "resolv_conf"]

HOST_GATEWAY = "host-gateway"  # `--add-host NAME:host-gateway`: the default bridge's address
BASE = """127.0.0.1\tlocalhost
::1\tlocalhost ip6-localhost ip6-loopback
fe00::0\tip6-localnet
ff00::0\tip6-mcastprefix
ff02::1\tip6-allnodes
ff02::2\tip6-allrouters
"""
RESOLVER = "127.0.0.11"
# Docker's, for a machine whose only resolvers are behind its own loopback.
PUBLIC_RESOLVERS = ("8.8.8.8", "8.8.4.4")


def base(extra: Sequence[str], gateway: str) -> str:
    """Return /etc/hosts before the container has an address; `extra` are `NAME:ADDRESS`."""
    lines = []
    for text in extra:
        name, _, address = text.partition(":")
        lines.append(f"{gateway if address == HOST_GATEWAY else address}\t{name}\n")
    return BASE + "".join(lines)


def add_own(path: Path, plugs: Sequence[Plug], hostname: str, domain: str = "") -> None:
    """Write a container's own addresses into its /etc/hosts, which may be mounted already."""
    names = f"{hostname}.{domain} {hostname}" if domain else hostname
    lines = [
        f"{address}\t{names}\n"
        for plug in plugs
        for address in (plug.attachment.ipv4, plug.attachment.ipv6)
        if address
    ]
    with open(path, "r+", encoding="utf-8") as file:
        # those of an earlier run, which a restart policy has brought back
        kept = [line for line in file if not line.endswith(f"\t{names}\n")]
        file.seek(0)
        file.write("".join((*kept, *lines)))
        file.truncate()


def renew(path: Path, name: str, address: str) -> None:
    """Give the lines whose first name this is another address."""
    with open(path, "r+", encoding="utf-8") as file:
        lines = list(file)
        file.seek(0)
        for line in lines:
            _, _, names = line.partition("\t")
            file.write(f"{address}\t{names}" if names.split()[:1] == [name] else line)
        file.truncate()


def remove(path: Path, name: str) -> None:
    """Take the lines away whose first name this is, from a file that may be mounted already."""
    with open(path, "r+", encoding="utf-8") as file:
        kept = [line for line in file if line.split()[1:2] != [name]]
        file.seek(0)
        file.write("".join(kept))
        file.truncate()


def resolv_conf(
    of_host: str,
    *,
    servers: Sequence[str] = (),
    search: Sequence[str] = (),
    options: Sequence[str] = (),
    embedded: bool = False,
    shares_host: bool = False,
    stand_in: Sequence[str] = PUBLIC_RESOLVERS,
) -> tuple[str, tuple[str, ...]]:
    """Return /etc/resolv.conf and the servers that the embedded resolver asks.

    The user's words replace the machine's, line by line (`--dns-search .` drops them). With
    `embedded` the container asks 127.0.0.11. Servers on the machine's own loopback are of no use
    inside, unless the container shares it (`shares_host`): where there are no others, those of
    `stand_in` are asked.
    """
    found: dict[str, list[str]] = {"nameserver": [], "search": [], "options": []}
    for line in of_host.splitlines():
        words = line.split("#")[0].split(";")[0].split()
        if words[:1] == ["domain"]:
            words[0] = "search"
        if words and words[0] in found:
            if words[0] == "search":
                found["search"] = words[1:]
            else:
                found[words[0]] += words[1:]
    asked = list(servers) or found["nameserver"]
    if not servers and not shares_host and not embedded:
        asked = [server for server in asked if not _is_loopback(server)] or list(stand_in)
    names = [name for name in search if name != "."] if search else found["search"]
    chosen = list(options) or found["options"]
    if embedded and not any(option.startswith("ndots:") for option in chosen):
        chosen = [*chosen, "ndots:0"]
    lines = [f"nameserver {server}" for server in ([RESOLVER] if embedded else asked)]
    lines += [f"search {' '.join(names)}"] if names else []
    lines += [f"options {' '.join(chosen)}"] if chosen else []
    return "\n".join(lines) + "\n", tuple(asked)


def _is_loopback(server: str) -> bool:
    try:
        return ipaddress.ip_address(server.partition("%")[0]).is_loopback
    except ValueError:
        return False
