"""How a container looks when a cell returns it: one line of text, a small card in HTML.

Registered with IPython's formatters by name when the extension is loaded, so that neither the
engine knows HTML nor loading the extension imports the engine.
"""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING, Any, Protocol

from ipycontainer.errors import EngineError
from kernel_ext.badges import state_badge
from kernel_ext.visible import escaped

if TYPE_CHECKING:
    from ipycontainer.model.state import ContainerRecord

__all__ = ["CONTAINER_TYPE", "container_html", "container_text"]

CONTAINER_TYPE = "ipycontainer.engine.container.Container"


class _Container(Protocol):
    @property
    def record(self) -> ContainerRecord: ...

    def reload(self) -> None: ...


def _record(container: _Container) -> ContainerRecord:
    """Return the record as it is now; the last one known, of a container that is gone."""
    with suppress(EngineError):
        container.reload()
    return container.record


def container_text(container: _Container, printer: Any, cycle: bool) -> None:
    """Write the container as one line: IPython's signature for text/plain."""
    del cycle  # a container holds nothing that could hold it
    record = _record(container)
    printer.text(f"{record.name}  {record.short_id}  {record.config.image}  {_status(record)}")


def container_html(container: _Container) -> str:
    """Return the container's card."""
    record = _record(container)
    command = " ".join([*(record.config.entrypoint or ()), *record.config.command])
    title = (
        f"<strong>{escaped(record.name)}</strong> "
        f'<code title="{escaped(record.id)}">{escaped(record.short_id)}</code> '
        f"{state_badge(record.state.status.value, record.state.exit_code)}"
    )
    lines = [title, f"image {escaped(record.config.image)}"]
    if command:
        lines.append(f"command <code>{escaped(command)}</code>")
    if record.state.error:
        lines.append(escaped(record.state.error))
    rows = "".join(f"<div>{line}</div>" for line in lines)
    return (
        '<div style="display:inline-block;border:1px solid rgba(130,130,130,.4);'
        f'border-radius:.5em;padding:.5em .9em;line-height:1.6">{rows}</div>'
    )


def _status(record: ContainerRecord) -> str:
    state = record.state
    return f"exited ({state.exit_code})" if state.status == "exited" else state.status.value
