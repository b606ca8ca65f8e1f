"""What docker's rules say of containers, networks and volumes: the model of a soak test."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

__all__ = ["IN_USE", "RULES", "Box", "Model"]

# From what a verb is allowed, and where it leads; what is missing is refused.
RULES: dict[str, dict[str, str]] = {
    "start": {"created": "running", "exited": "running", "running": "running"},
    "stop": {"running": "exited", "exited": "exited", "created": "created"},
    "kill": {"running": "exited"},
    "pause": {"running": "paused"},
    "unpause": {"paused": "running"},
    "exec": {"running": "running"},
    "rm": {"created": "", "exited": ""},
    "rm -f": dict.fromkeys(("created", "exited", "running", "paused"), ""),
}
ANY = ""  # an error of whatever kind
IN_USE = "by stopped containers alone"


@dataclass
class Box:
    """A container: its status, the networks that it wants, its volume, its checkpoints."""

    status: str
    networks: set[str]
    volume: str
    checkpoints: set[str] = field(default_factory=set)

    @property
    def lives(self) -> bool:
        """Tell whether it runs, or stands still."""
        return self.status in ("running", "paused")


@dataclass
class Model:
    """All that a home has."""

    boxes: dict[str, Box] = field(default_factory=dict)
    networks: set[str] = field(default_factory=set)
    volumes: set[str] = field(default_factory=set)
    tags: set[str] = field(default_factory=set)

    def seen(self) -> dict[str, Any]:
        """Return what every process must see."""
        return {
            "containers": {name: box.status for name, box in self.boxes.items()},
            "networks": sorted(self.networks),
            "volumes": sorted(self.volumes),
            "tags": sorted(self.tags),
        }

    def running(self) -> list[str]:
        """Return the names of containers that have a monitor."""
        return sorted(name for name, box in self.boxes.items() if box.lives)

    # ── containers ───────────────────────────────────────────────────────────────────────────

    def allowed(self, name: str) -> list[str]:
        """Return the verbs that a container's state allows."""
        return [verb for verb in RULES if self.boxes[name].status in RULES[verb]]

    def is_open(self, name: str, verb: str) -> bool:
        """Tell whether docker's answer is one: that to a paused one hangs on cgroups' version."""
        box = self.boxes.get(name)
        return box is None or box.status != "paused" or verb not in ("stop", "kill")

    def refusal(self, name: str, verb: str) -> str | None:
        """Return the error that a verb must get, None for none."""
        if name not in self.boxes:
            return "NoSuchContainer"
        return None if self.boxes[name].status in RULES[verb] else ANY

    def act(self, name: str, verb: str) -> None:
        """Do what was done."""
        box = self.boxes[name]
        box.status = RULES[verb][box.status]
        if not box.status:
            del self.boxes[name]

    # ── networks and volumes ─────────────────────────────────────────────────────────────────

    def network_refusal(self, network: str) -> str | None:
        """Return the error that a removal must get; IN_USE where only stopped ones want it."""
        if network not in self.networks:
            return "NoSuchNetwork"
        users = [box for box in self.boxes.values() if network in box.networks]
        if any(box.lives for box in users):
            return "NetworkInUse"
        return IN_USE if users else None

    def can_change_networks(self, name: str, network: str, verb: str) -> bool:
        """Tell whether the model knows the answer: of no container that stands still or has none.

        Nor of one that would be on no network at all.
        """
        box = self.boxes[name]
        alone = verb == "disconnect" and box.networks == {network}
        return box.status != "paused" and not alone

    def join_refusal(self, name: str, network: str, verb: str) -> str | None:
        """Return the error that `connect` or `disconnect` must get."""
        box = self.boxes[name]
        if verb == "disconnect":
            return None if network in box.networks else ANY
        if "none" in box.networks:
            return "Conflict"
        return "Conflict" if network in box.networks and box.lives else None

    def join(self, name: str, network: str, verb: str) -> None:
        """Do what was done."""
        box = self.boxes[name]
        box.networks = box.networks | {network} if verb == "connect" else box.networks - {network}

    def volume_refusal(self, volume: str) -> str | None:
        """Return the error that a volume's removal must get."""
        if volume not in self.volumes:
            return "NoSuchVolume"
        used = any(box.volume == volume for box in self.boxes.values())
        return "VolumeInUse" if used else None
