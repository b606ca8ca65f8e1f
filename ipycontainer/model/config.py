"""What a user asks of a container: the frozen record behind `create`, kept as JSON in the store."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, is_dataclass
from functools import cache
from typing import Any

from ipycontainer.model.health import Healthcheck
from ipycontainer.model.limits import Limits, Ulimit
from ipycontainer.model.mounts import Bind, MountPoint
from ipycontainer.model.network import BRIDGE, WITHOUT_ADDRESSES, EndpointConfig, PortBinding
from ipycontainer.model.privileges import Privileges, Sharing

__all__ = ["DEFAULT_STOP_SECONDS", "ContainerConfig"]

NO_LIMITS = Limits()
DEFAULT_STOP_SECONDS = 10  # docker's grace between the stop signal and SIGKILL


@dataclass(frozen=True, slots=True)
class ContainerConfig:
    """Everything that `create` was told, before the image's own settings are laid under it.

    `entrypoint` is None for the image's, () for none at all. `env` holds `K=V`; a `K` alone was
    resolved by the caller. `stop_timeout` is in seconds, -1 waits for ever, None takes the default.
    `mounts` are the user's and, from creation on, also those that `volumes_from` (other containers,
    each with `:ro` or `:rw` after it) and the image add. `network` is docker's network mode:
    `default`, `none`, `host`, `container:ID`, or the first of the networks that `endpoints` name.
    `apart` is which of the networks without addresses it is on, `none` or `host`, once that was
    changed: "" for neither, None for what its mode says (`stands_on`).
    `hidden_volumes` are places where an unnamed volume was asked for, as typed, and something else
    is mounted. `exposed` are ports as `80/tcp`. `links` are `NAME:ALIAS`. `image_mounts` are
    read-only views that the image itself brings (the `host` image's), decided at creation and not
    shown as the user's. `files` maps an absolute path inside to the text of a small read-only file
    that is kept with the container: a cell's script. `exchange` is a directory inside for values
    of a notebook: they come in by its `in`, read-only, and go out by its `out`. `cgroup_parent` is
    a path below each controller's mount.
    `extra_hosts` are `NAME:ADDRESS`, `annotations` go to the OCI runtime as they are.
    `restart` is docker's policy, `restart_limit` the number of `on-failure`, 0 for none.
    `platform` is the one that the image must be for, "" for whichever it is.
    """

    image: str
    command: tuple[str, ...] = ()
    entrypoint: tuple[str, ...] | None = None
    env: tuple[str, ...] = ()
    workdir: str = ""
    user: str = ""
    hostname: str = ""
    labels: Mapping[str, str] = field(default_factory=dict)
    network: str = "default"
    endpoints: tuple[EndpointConfig, ...] = ()
    apart: str | None = None
    ports: tuple[PortBinding, ...] = ()
    exposed: tuple[str, ...] = ()
    publish_all: bool = False
    mac_address: str = ""
    links: tuple[str, ...] = ()
    dns: tuple[str, ...] = ()
    dns_search: tuple[str, ...] = ()
    dns_options: tuple[str, ...] = ()
    extra_hosts: tuple[str, ...] = ()
    mounts: tuple[MountPoint, ...] = ()
    hidden_volumes: tuple[str, ...] = ()
    volumes_from: tuple[str, ...] = ()
    volume_driver: str = ""
    read_only: bool = False
    init: bool | None = None
    stop_signal: str = ""
    stop_timeout: int | None = None
    tty: bool = False
    open_stdin: bool = False
    attach_stdin: bool = False
    attach_stdout: bool = False
    attach_stderr: bool = False
    restart: str = "no"
    log_driver: str = "json-file"
    log_options: Mapping[str, str] = field(default_factory=dict)
    healthcheck: Healthcheck | None = None
    restart_limit: int = 0
    auto_remove: bool = False
    image_mounts: tuple[Bind, ...] = ()
    files: Mapping[str, str] = field(default_factory=dict)
    exchange: str = ""
    limits: Limits = NO_LIMITS
    ulimits: tuple[Ulimit, ...] = ()
    oom_score_adj: int = 0
    cgroup_parent: str = ""
    privileges: Privileges = field(default_factory=Privileges)
    sharing: Sharing = field(default_factory=Sharing)
    groups: tuple[str, ...] = ()
    annotations: Mapping[str, str] = field(default_factory=dict)
    id_file: str = ""
    runtime: str = ""
    storage_options: tuple[str, ...] = ()
    platform: str = ""

    @property
    def is_limited(self) -> bool:
        """Tell whether its cgroup has to be looked after: most containers ask for nothing."""
        return bool(self.oom_score_adj or self.cgroup_parent or self.limits != NO_LIMITS)

    @property
    def stands_on(self) -> str:
        """Return which of docker's networks without addresses it is on, "" for neither."""
        if self.apart is not None:
            return self.apart
        return self.network if self.network in WITHOUT_ADDRESSES else ""

    @property
    def bridge_links(self) -> tuple[tuple[str, str], ...]:
        """Return links of the default network, which make names: whom each leads to, its alias."""
        if self.network != BRIDGE:
            return ()
        pairs = (link.partition(":")[::2] for link in self.links)
        return tuple((name, alias or name) for name, alias in pairs)

    @property
    def exposed_ports(self) -> tuple[str, ...]:
        """Return the ports that it says it has, published ones included, each once, by number."""
        ports = {*self.exposed, *(binding.key for binding in self.ports)}
        return tuple(sorted(ports, key=lambda port: (int(port.partition("/")[0]), port)))

    @property
    def volume_places(self) -> tuple[str, ...]:
        """Return where unnamed volumes were asked for, by `-v` or the image, in order, as typed."""
        mounted = (
            mount.typed_target or mount.target
            for mount in self.mounts
            if mount.type == "volume" and mount.anonymous and mount.origin in ("-v", "VOLUME")
        )
        return tuple(sorted({*self.hidden_volumes, *mounted}))

    @property
    def is_guest(self) -> bool:
        """Tell whether it shares another container's network: what it wants of others waits."""
        return self.network.startswith("container:")

    def to_json(self) -> dict[str, Any]:
        """Return the record as a JSON object for the store, without what has its default value.

        Every statement on the row moves this text: most of it would be defaults.
        """
        return {
            name: _plain(value)
            for name, default in _defaults().items()
            if (value := getattr(self, name)) != default
        }

    @classmethod
    def from_json(cls, raw: Mapping[str, Any]) -> ContainerConfig:
        """Return the record that `to_json` wrote; unknown keys of a newer version are dropped."""
        known = {name: raw[name] for name in cls.__dataclass_fields__ if name in raw}
        for name in (
            *("command", "env", "exposed", "links", "groups"),
            *("dns", "dns_search", "dns_options", "extra_hosts", "hidden_volumes"),
        ):
            known[name] = tuple(known.get(name, ()))
        if known.get("entrypoint") is not None:
            known["entrypoint"] = tuple(known["entrypoint"])
        known["endpoints"] = tuple(
            EndpointConfig.from_json(endpoint) for endpoint in known.get("endpoints", ())
        )
        known["ports"] = tuple(PortBinding(**port) for port in known.get("ports", ()))
        known["volumes_from"] = tuple(known.get("volumes_from", ()))
        known["mounts"] = tuple(MountPoint.from_json(each) for each in known.get("mounts", ()))
        known["image_mounts"] = tuple(Bind(**bind) for bind in known.get("image_mounts", ()))
        known["limits"] = Limits.from_json(known["limits"]) if "limits" in known else NO_LIMITS
        known["ulimits"] = tuple(Ulimit(**limit) for limit in known.get("ulimits", ()))
        known["privileges"] = Privileges.from_json(raw.get("privileges", {}))
        if known.get("healthcheck") is not None:
            check = dict(known["healthcheck"])
            known["healthcheck"] = Healthcheck(**{**check, "test": tuple(check["test"])})
        known["sharing"] = Sharing.from_json(raw.get("sharing", {}))
        return cls(**known)


@cache
def _defaults() -> Mapping[str, Any]:
    """Return every field's default value; the image has none."""
    bare = ContainerConfig("")
    return {name: getattr(bare, name) for name in ContainerConfig.__dataclass_fields__}


def _plain(value: Any) -> Any:
    """Return a field's value as what JSON can hold."""
    if isinstance(value, tuple):
        return [_plain(each) for each in value]
    return asdict(value) if is_dataclass(value) and not isinstance(value, type) else value
