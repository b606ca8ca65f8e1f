"""What an engine is told of a container that is ready (supervise.reservation, its other side)."""

from __future__ import annotations

import select
from dataclasses import dataclass
from pathlib import Path

from ipycontainer.model.state import Overlay
from ipycontainer.storage.snapshots import Made
from ipycontainer.supervise.protocol import Channel

__all__ = ["Reserved", "told_by"]

# For whoever is about to be the monitor to say what it has; the start has to wait for it anyway. A
# zygote answers at once but where a monitor is nearly ready (supervise.spares, PATIENCE_SECONDS).
PATIENCE_MILLISECONDS = 250


@dataclass(frozen=True, slots=True)
class Reserved:
    """A container without a row: who makes one writes it under this id, or takes another id."""

    id: str
    made: Made


def told_by(channel: Channel) -> Reserved | None:
    """Return what a reserved monitor has made ready; None for nothing, or when it does not say."""
    poll = select.poll()
    poll.register(channel.fileno(), select.POLLIN)
    message = channel.receive() if poll.poll(PATIENCE_MILLISECONDS) else None
    if message is None or "id" not in message.body:
        return None
    overlays = tuple(
        Overlay(**{**each, "lowers": tuple(each["lowers"])}) for each in message.body["overlays"]
    )
    return Reserved(str(message.body["id"]), Made(Path(message.body["place"]), overlays))
