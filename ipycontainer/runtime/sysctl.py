"""Kernel parameters of a container's own namespaces: which namespace each belongs to.

One of a namespace that is the host's would change the host. Source: runc
`libcontainer/configs/validate/validator.go`. Pure; a part of plan.
"""

from __future__ import annotations

from ipycontainer.errors import InvalidArgument
from ipycontainer.runtime.session_steps import SetSysctl

__all__ = ["need", "parameter"]

_SWAPPED = str.maketrans("./", "/.")

_OF_IPC = frozenset(
    f"kernel.{name}"
    for name in (
        *("msgmax", "msgmnb", "msgmni", "sem", "shmall", "shmmax", "shmmni", "shm_rmid_forced"),
    )
)


def parameter(key: str, value: str, own: frozenset[str]) -> SetSysctl:
    """Return the step that sets a parameter; `own` are the kinds of namespaces not the host's.

    Its parts stand between dots, or between slashes where one holds a dot (sysctl(8)). Raises
    InvalidArgument for one that belongs to no namespace, or to a host's.
    """
    first = next((letter for letter in key if letter in "./"), "")
    path = key.translate(_SWAPPED) if first != "/" else key
    key = key if first != "/" else key.translate(_SWAPPED)
    if key.startswith("net."):
        kind = "network"
    elif key.startswith("fs.mqueue.") or key in _OF_IPC:
        kind = "ipc"
    elif key == "kernel.domainname":
        kind = "uts"
    else:
        raise InvalidArgument(f'sysctl "{key}" is not in a separate kernel namespace')
    need(own, kind, f'sysctl "{key}"')
    if ".." in path.split("/") or "" in path.split("/"):
        raise InvalidArgument(f'invalid sysctl "{key}"')
    return SetSysctl(key, value, path)


def need(own: frozenset[str], kind: str, what: str) -> None:
    """Raise InvalidArgument unless a namespace is the container's own."""
    if kind not in own:
        raise InvalidArgument(f"{what} is not allowed without a {kind} namespace of its own")
