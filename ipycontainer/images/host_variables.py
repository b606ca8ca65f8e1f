"""The environment of programs on the `host` image: what they need of the kernel's, and no more."""

from __future__ import annotations

import os

from ipycontainer.images.environment import PythonEnvironment
from ipycontainer.runtime.defaults import PATH

__all__ = ["ALIAS_DIRECTORY", "variables"]

# Holds `python` where the kernel's interpreter goes by another name (Debian has only python3).
ALIAS_DIRECTORY = "/.host/bin"

_ROOT_USER_BASE = "/root/.local"


def variables(environment: PythonEnvironment, aliased: bool, search: list[str]) -> tuple[str, ...]:
    """Return the image's variables as `K=V`: what a program needs of the kernel's, no more."""
    path = [ALIAS_DIRECTORY] if aliased else []
    path.append(os.path.dirname(environment.executable))
    found = {
        "MPLBACKEND": "Agg",
        "PIP_ROOT_USER_ACTION": "ignore",
        # Else output would come in blocks, at the end, since stdout is no terminal.
        "PYTHONUNBUFFERED": "1",
    }
    if environment.managed:
        # What pip changes here is the container's own copy (PEP 668 guards the machine's).
        found["PIP_BREAK_SYSTEM_PACKAGES"] = "1"
    if search:
        found["PYTHONPATH"] = ":".join(search)
    if environment.user_base and environment.user_base != _ROOT_USER_BASE:
        # Python looks for the user's packages below $HOME, which inside is /root.
        found["PYTHONUSERBASE"] = environment.user_base
        path.append(os.path.join(environment.user_base, "bin"))
    path += [entry for entry in PATH.split(":") if entry not in path]
    found |= {"PATH": ":".join(path), **environment.variables}
    return tuple(f"{name}={value}" for name, value in sorted(found.items()))
