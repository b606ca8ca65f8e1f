"""The file /etc/hosts of a container.

The engine writes it with the bundle; a monitor adds the addresses that it takes.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from ipycontainer.network.attachments import Plug

__all__ = ["BASE", "HOST_GATEWAY", "add_own", "base", "remove", "renew"]

HOST_GATEWAY = "host-gateway"  # `--add-host NAME:host-gateway`: the default bridge's address
BASE = """127.0.0.1\tlocalhost
::1\tlocalhost ip6-localhost ip6-loopback
fe00::0\tip6-localnet
ff00::0\tip6-mcastprefix
ff02::1\tip6-allnodes
ff02::2\tip6-allrouters
"""


def base(extra: Sequence[str], gateway: str) -> str:
    """Return /etc/hosts before the container has an address; `extra` are `NAME:ADDRESS`."""
    lines = []
    for text in extra:
        name, _, address = text.partition(":")
        lines.append(f"{gateway if address == HOST_GATEWAY else address}\t{name}\n")
    return BASE + "".join(lines)


def add_own(path: Path, plugs: Sequence[Plug], hostname: str, domain: str = "") -> None:
    """Write a container's own addresses into its /etc/hosts, which may be mounted already."""
    names = f"{hostname}.{domain}" if domain else hostname
    first, dot, _ = names.partition(".")
    if first and dot:  # the whole name, and the bare one, wherever the user has said the domain
        names = f"{names} {first}"
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
