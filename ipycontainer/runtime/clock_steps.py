"""The step to a time namespace: clocks that differ from the machine's by what the bundle says.

Planned by runtime.plan, executed by runtime.init. Imports linux, model and steps only.
"""

from __future__ import annotations

from dataclasses import dataclass

from ipycontainer.errors import InvalidArgument
from ipycontainer.linux import namespaces
from ipycontainer.model.oci import Spec
from ipycontainer.runtime.steps import Context, Step

__all__ = ["UnshareTime", "clocks"]

_CLOCKS = ("monotonic", "boottime")  # all that a time namespace has of its own


@dataclass(frozen=True, slots=True)
class UnshareTime:
    """Get clocks of one's own, which are ahead of the machine's, or behind.

    Before HideFromTracers: the kernel lets only a dumpable process write its own /proc.
    """

    offsets: tuple[namespaces.TimeOffset, ...]

    def execute(self, ctx: Context) -> None:
        """Enter a new time namespace."""
        namespaces.unshare_time(self.offsets)

    def describe(self) -> str:
        """Say it."""
        ahead = "".join(f", {name} {sec} s ahead" for name, sec, _ in self.offsets)
        return f"new time namespace{ahead}"


def clocks(spec: Spec) -> list[Step]:
    """Return the step to clocks of one's own. Raises InvalidArgument in runc's words."""
    path, offsets = spec.linux.namespaces.get("time"), spec.linux.time_offsets
    if offsets and path is None:
        raise InvalidArgument(
            "time namespace offsets specified, but time namespace isn't enabled in the config"
        )
    if offsets and path:
        raise InvalidArgument(
            "time namespace enabled, but both namespace path and time offsets specified -- you "
            "may only provide one"
        )
    if unknown := [clock for clock in offsets if clock not in _CLOCKS]:
        raise InvalidArgument(f"invalid time offset: there is no clock {unknown[0]}")
    lines = tuple((clock, sec, nano) for clock, (sec, nano) in offsets.items())
    return [UnshareTime(lines)] if path == "" else []
