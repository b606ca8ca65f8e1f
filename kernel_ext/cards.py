"""How the engine's objects look when a cell returns one: one line of text, a small card in HTML.

Registered with IPython's formatters by name when the extension is loaded, so that neither the
engine knows HTML nor loading the extension imports the engine. Read from their records, as they are
now; the last ones known, of what is gone. Everything is escaped and styled inline.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import suppress
from typing import TYPE_CHECKING, Any

from ipycontainer.errors import EngineError
from ipycontainer.model.units import human_size
from kernel_ext.badges import state_badge
from kernel_ext.visible import escaped

if TYPE_CHECKING:
    from ipycontainer.model.network import PublishedPort
    from ipycontainer.model.state import ContainerRecord

__all__ = ["FORMS"]


def _current(thing: Any) -> Any:
    """Return the object with its record as it is now, where it can be read anew."""
    with suppress(EngineError, AttributeError):
        thing.reload()
    return thing


def _card(title: str, lines: Iterable[str]) -> str:
    rows = "".join(f"<div>{line}</div>" for line in (title, *filter(None, lines)))
    return (
        '<div style="display:inline-block;border:1px solid rgba(130,130,130,.4);'
        f'border-radius:.5em;padding:.5em .9em;line-height:1.6">{rows}</div>'
    )


def _title(name: str, full_id: str = "", badge: str = "") -> str:
    short = full_id.removeprefix("sha256:")[:12]
    shown = f' <code title="{escaped(full_id)}">{short}</code>' if short else ""
    return f"<strong>{escaped(name)}</strong>{shown}{f' {badge}' if badge else ''}"


def _said(what: str, value: str) -> str:
    return f"{what} {escaped(value)}" if value else ""


def _pairs(labels: Mapping[str, str]) -> str:
    return ", ".join(f"{key}={value}" if value else key for key, value in sorted(labels.items()))


# ── a container ──────────────────────────────────────────────────────────────────────────────


def _container_text(container: Any) -> str:
    record = _current(container).record
    return f"{record.name}  {record.short_id}  {record.config.image}  {_status(record)}"


def _container_html(container: Any) -> str:
    record = _current(container).record
    command = " ".join([*(record.config.entrypoint or ()), *record.config.command])
    badge = state_badge(record.state.status.value, record.state.exit_code)
    published: Sequence[PublishedPort] = ()
    with suppress(EngineError):
        published = container.published if record.config.ports or record.config.publish_all else ()
    return _card(
        _title(record.name, record.id, badge),
        (
            _said("image", record.config.image),
            f"command <code>{escaped(command)}</code>" if command else "",
            f"ports {', '.join(map(_port, published))}" if published else "",
            escaped(record.state.error),
        ),
    )


def _status(record: ContainerRecord) -> str:
    state = record.state
    return f"exited ({state.exit_code})" if state.status == "exited" else state.status.value


def _port(port: PublishedPort) -> str:
    """Return a port of this machine, as a link where a browser may find somebody there."""
    inside = f"{port.port}/{port.protocol}"
    if port.protocol != "tcp":
        return escaped(f"{port.host_port} → {inside}")
    host = "localhost" if port.address in ("", "0.0.0.0", "::") else port.address
    host = f"[{host}]" if ":" in host else host
    where = escaped(f"http://{host}:{port.host_port}/")
    link = f'<a href="{where}" target="_blank" rel="noopener">{port.host_port}</a>'
    return f"{link} → {escaped(inside)}"


# ── an image, a network, a volume ────────────────────────────────────────────────────────────


def _image_text(image: Any) -> str:
    record = image.record
    names = ", ".join(record.tags) or "<none>"
    return f"{names}  {record.id.removeprefix('sha256:')[:12]}  {human_size(record.size, 3)}"


def _image_html(image: Any) -> str:
    record = image.record
    config = record.config
    layers = len(record.layers)
    command = " ".join([*(config.entrypoint or ()), *config.command])
    return _card(
        _title(", ".join(record.tags) or "<none>", record.id),
        (
            f"{human_size(record.size, 3)} in {layers} layer{'' if layers == 1 else 's'}",
            f"command <code>{escaped(command)}</code>" if command else "",
            _said("ports", ", ".join(config.exposed_ports)),
            _said("labels", _pairs(config.labels)),
        ),
    )


def _network_text(network: Any) -> str:
    record = _current(network).record
    subnets = ", ".join(pool.subnet for pool in record.config.pools)
    return f"{record.name}  {record.id[:12]}  {record.config.driver}  {subnets}".rstrip()


def _network_html(network: Any) -> str:
    record = _current(network).record
    pools = ", ".join(
        f"{pool.subnet} by {pool.gateway}" if pool.gateway else pool.subnet
        for pool in record.config.pools
    )
    return _card(
        _title(record.name, record.id),
        (
            _said("driver", record.config.driver),
            _said("addresses", pools),
            "internal: no way out" if record.config.internal else "",
            _said("labels", _pairs(record.config.labels)),
        ),
    )


def _volume_text(volume: Any) -> str:
    record = _current(volume).record
    return f"{record.name}  local"


def _volume_html(volume: Any) -> str:
    record = _current(volume).record
    users = len(record.users)
    return _card(
        _title(record.name),
        (
            f"a volume of {users} container{'' if users == 1 else 's'}",
            _said("options", _pairs(record.options)),
            _said("labels", _pairs(record.labels)),
        ),
    )


def _plain(text: Callable[[Any], str]) -> Callable[[Any, Any, bool], None]:
    """Return a writer with IPython's signature for text/plain."""

    def write(thing: Any, printer: Any, cycle: bool) -> None:
        del cycle  # nothing here holds what could hold it
        printer.text(text(thing))

    return write


# By the type's name: how it is written by MIME type.
FORMS: Mapping[str, Mapping[str, Callable[..., Any]]] = {
    f"ipycontainer.engine.{name}": {"text/plain": _plain(text), "text/html": page}
    for name, text, page in (
        ("container.Container", _container_text, _container_html),
        ("image.Image", _image_text, _image_html),
        ("networks.Network", _network_text, _network_html),
        ("volumes.Volume", _volume_text, _volume_html),
    )
}
