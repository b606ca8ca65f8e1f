"""What the verbs ask of an engine's networks; a part of `commands.engine_protocols`."""

# ruff: noqa: D102  the names are documented where they are implemented, by the engine

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Protocol

from ipycontainer.model.network import NetworkRecord

__all__ = ["Network", "Networks"]


class Network(Protocol):
    """A network by docker-py's names."""

    @property
    def id(self) -> str: ...
    @property
    def record(self) -> NetworkRecord: ...
    @property
    def warnings(self) -> Sequence[str]: ...
    @property
    def users(self) -> int: ...

    def connect(
        self,
        container: str,
        aliases: Sequence[str] = (),
        links: Sequence[tuple[str, str]] = (),
        ipv4_address: str = "",
        ipv6_address: str = "",
        link_local_ips: Sequence[str] = (),
        driver_opt: Mapping[str, str] | None = None,
    ) -> None: ...
    def disconnect(self, container: str, force: bool = False) -> None: ...
    @property
    def attrs(self) -> Mapping[str, Any]: ...

    def remove(self) -> None: ...


class Networks(Protocol):
    """`engine.networks`."""

    def create(
        self,
        name: str,
        driver: str = "bridge",
        *,
        options: Mapping[str, str] | None = None,
        subnets: Sequence[str] = (),
        gateways: Sequence[str] = (),
        ranges: Sequence[str] = (),
        aux: Mapping[str, str] | None = None,
        internal: bool = False,
        attachable: bool = False,
        enable_ipv6: bool = False,
        labels: Mapping[str, str] | None = None,
        ingress: bool = False,
        scope: str = "",
        ipam_driver: str = "default",
        ipam_options: Mapping[str, str] | None = None,
        config_only: bool = False,
        config_from: str = "",
    ) -> Network: ...

    def get(self, ref: str) -> Network: ...
    def expect(
        self,
        name: str,
        container: str,
        aliases: Sequence[str] = (),
        links: Sequence[tuple[str, str]] = (),
        ipv4_address: str = "",
        ipv6_address: str = "",
        link_local_ips: Sequence[str] = (),
        driver_opt: Mapping[str, str] | None = None,
    ) -> None: ...
    def forget(self, name: str, container: str) -> None: ...
    def list(
        self, names: Sequence[str] = (), filters: Mapping[str, Any] | None = None
    ) -> Sequence[Network]: ...
    def prune(self, filters: Mapping[str, Any] | None = None) -> Mapping[str, Any]: ...
