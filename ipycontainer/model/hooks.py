"""The runtime-spec's hooks and the state that they read (config.md "POSIX-platform Hooks").

Frozen records that cross from a bundle to whoever runs them.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from ipycontainer.errors import InvalidArgument

__all__ = ["Hook", "Hooks", "State"]


@dataclass(frozen=True, slots=True)
class Hook:
    """A program of the bundle's; `args` begin with its own name, `timeout` is in seconds.

    Without an `env` (None) it has that of who runs it, as by runc; an empty one is empty.
    """

    path: str
    args: tuple[str, ...] = ()
    env: tuple[str, ...] | None = None
    timeout: int | None = None


@dataclass(frozen=True, slots=True)
class Hooks:
    """What is run at each moment of a container's life, in order."""

    prestart: tuple[Hook, ...] = ()
    create_runtime: tuple[Hook, ...] = ()
    create_container: tuple[Hook, ...] = ()
    start_container: tuple[Hook, ...] = ()
    poststart: tuple[Hook, ...] = ()
    poststop: tuple[Hook, ...] = ()

    def to_json(self) -> dict[str, Any]:
        """Return the object's keys; moments without a hook are left out."""
        return {
            key: [_to_json(hook) for hook in getattr(self, name)]
            for key, name in _MOMENTS.items()
            if getattr(self, name)
        }

    @classmethod
    def from_json(cls, raw: Mapping[str, Any]) -> Hooks:
        """Return what an object asks for. Raises InvalidArgument for a hook that is none."""
        return cls(
            **{
                name: tuple(_from_json(key, hook) for hook in raw.get(key) or ())
                for key, name in _MOMENTS.items()
            }
        )


_MOMENTS = {
    "prestart": "prestart",
    "createRuntime": "create_runtime",
    "createContainer": "create_container",
    "startContainer": "start_container",
    "poststart": "poststart",
    "poststop": "poststop",
}


@dataclass(frozen=True, slots=True)
class State:
    """A container's state as the runtime-spec shows it (runtime.md "State")."""

    oci_version: str
    id: str
    status: str
    pid: int
    bundle: str
    annotations: Mapping[str, str] = field(default_factory=dict)

    def to_json(self) -> dict[str, Any]:
        """Return the object that hooks read; a container without a process has no pid."""
        return {
            "ociVersion": self.oci_version,
            "id": self.id,
            "status": self.status,
            **({"pid": self.pid} if self.pid else {}),
            "bundle": self.bundle,
            **({"annotations": dict(sorted(self.annotations.items()))} if self.annotations else {}),
        }


def _to_json(hook: Hook) -> dict[str, Any]:
    return {
        "path": hook.path,
        **({"args": list(hook.args)} if hook.args else {}),
        **({"env": list(hook.env)} if hook.env is not None else {}),
        **({"timeout": hook.timeout} if hook.timeout is not None else {}),
    }


def _from_json(moment: str, raw: Mapping[str, Any]) -> Hook:
    path, timeout = str(raw["path"]), raw.get("timeout")
    if not path.startswith("/"):
        raise InvalidArgument(f"{moment} hook: path {path!r} is not absolute")
    if timeout is not None and int(timeout) <= 0:
        raise InvalidArgument(f"{moment} hook {path}: timeout {timeout} must be more than zero")
    args = _words(raw.get("args"))
    env = None if raw.get("env") is None else _words(raw["env"])
    return Hook(path, args, env, None if timeout is None else int(timeout))


def _words(raw: Sequence[Any] | None) -> tuple[str, ...]:
    return tuple(str(word) for word in raw or ())
