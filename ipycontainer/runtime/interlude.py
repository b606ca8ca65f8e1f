"""What the parent does once a container's tree stands, while init waits for it.

Interfaces come first, so that hooks find the network as the container will. Imports linux, model
and the rest of runtime.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from ipycontainer.model.oci import Spec
from ipycontainer.runtime import net_devices
from ipycontainer.runtime.hooks import run_hooks
from ipycontainer.runtime.plan import Manner

__all__ = ["interlude"]


def interlude(spec: Spec, manner: Manner | None) -> Callable[[int], None] | None:
    """Return what is to be done with init's pid, None where there is nothing."""
    devices = spec.linux.net_devices
    state = None if manner is None else manner.state
    hooks = () if state is None else (*spec.hooks.prestart, *spec.hooks.create_runtime)
    if not devices and not hooks:
        return None

    def done(pid: int) -> None:
        if devices:
            net_devices.move(devices, pid)
        if state is not None:
            run_hooks(hooks, replace(state, status="creating", pid=pid))

    return done
