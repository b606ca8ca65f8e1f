"""What was configured about registries, as it crosses from the engine to a worker.

The engine reads docker's files and the user's environment (engine.registry_settings); here it is
only data. Pure.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

__all__ = ["ANONYMOUS", "HUB", "Credentials", "RegistrySettings", "is_loopback"]


HUB = "registry-1.docker.io"  # the host that answers for docker.io


@dataclass(frozen=True, slots=True)
class Credentials:
    """A name and password, or a token to ask for others with. All empty: nobody."""

    username: str = ""
    password: str = field(default="", repr=False)
    identity_token: str = field(default="", repr=False)

    def __bool__(self) -> bool:
        return bool(self.username or self.identity_token)


ANONYMOUS = Credentials()


@dataclass(frozen=True, slots=True)
class RegistrySettings:
    """The keys of docker's `daemon.json` that concern registries, and what belongs to them.

    `insecure` are `host[:port]` or address ranges that may be asked without TLS or with a
    certificate that nobody vouches for. `proxies` maps http, https and no to what the environment
    variables hold. `certificates` maps `host[:port]` to a directory as below /etc/docker/certs.d.
    """

    credentials: Credentials = ANONYMOUS
    insecure: tuple[str, ...] = ()
    mirrors: tuple[str, ...] = ()
    proxies: Mapping[str, str] = field(default_factory=dict)
    certificates: str = ""
    trust_file: str = ""
    downloads: int = 3
    uploads: int = 5
    attempts: int = 5
    timeout_seconds: float = 30.0

    def is_insecure(self, host: str) -> bool:
        """Tell whether a registry may be asked without TLS: by configuration, or on this machine.

        So it is with docker, which never asks for the certificate of 127.0.0.0/8.
        """
        name = host.rpartition(":")[0] if _has_port(host) else host
        if is_loopback(name) or host in self.insecure or name in self.insecure:
            return True
        try:
            address = ipaddress.ip_address(name.strip("[]"))
        except ValueError:
            return False
        return any(address in net for text in self.insecure if (net := _network(text)) is not None)

    def to_wire(self) -> dict[str, Any]:
        """Return the settings as JSON; they go to our own worker only."""
        return asdict(self)

    @classmethod
    def from_wire(cls, raw: Mapping[str, Any]) -> RegistrySettings:
        """Return what `to_wire` wrote."""
        known: dict[str, Any] = {
            name: tuple(value)
            if isinstance(value, Sequence) and not isinstance(value, str)
            else value
            for name, value in raw.items()
            if name in cls.__dataclass_fields__
        }
        known["credentials"] = Credentials(**raw.get("credentials", {}))
        return cls(**known)


def is_loopback(name: str) -> bool:
    """Tell whether a host's name means this machine."""
    name = name.strip("[]")
    if name == "localhost":
        return True
    try:
        return ipaddress.ip_address(name).is_loopback
    except ValueError:
        return False


def _has_port(host: str) -> bool:
    return host.rpartition(":")[2].isdigit() and not host.endswith("]")


def _network(text: str) -> ipaddress.IPv4Network | ipaddress.IPv6Network | None:
    try:
        return ipaddress.ip_network(text, strict=False)
    except ValueError:
        return None
