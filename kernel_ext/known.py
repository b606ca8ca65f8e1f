"""What this home has, for completion: read from its database, without starting anything.

Nothing here raises or makes a home: who is typing gets no candidates then. Only what lies in a
container's directory needs a worker, since an ordinary user's kernel cannot see it; it is kept for
a moment, because each further letter asks again.
"""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, TypeVar

from kernel_ext import connection

if TYPE_CHECKING:
    from collections.abc import Iterator

    from ipycontainer.commands.engine_protocols import EngineFactory
    from ipycontainer.store.database import Transaction

__all__ = ["KnownHome"]

_KEPT_SECONDS = 3.0
_PLAIN_NAME = re.compile(r"[^\s'\"\\`${};&|<>]+")  # what need not be quoted in a line
_PLAIN = (bool, int, float, str, list, tuple, dict)
Found = TypeVar("Found")


class KnownHome:
    """The names of a home, and of the notebook's variables."""

    def __init__(
        self, variables: Callable[[], Mapping[str, Any]], connect: EngineFactory | None = None
    ) -> None:
        self._variables = variables
        self._connect = connect or connection.connect
        self._kept: dict[tuple[str, str], tuple[float, Sequence[str]]] = {}

    def containers(self) -> Sequence[tuple[str, str]]:
        """Return names and states, newest first."""

        def read(tx: Transaction) -> list[tuple[str, str]]:
            from ipycontainer.store import containers

            return [(each.name, each.state.status.value) for each in containers.list_all(tx)]

        return _read(read)

    def images(self) -> Sequence[str]:
        """Return names; a tag `latest` is left out where it is meant anyway."""

        def read(tx: Transaction) -> list[str]:
            from ipycontainer.store import images

            tags = (tag for image in images.list_all(tx) for tag in image.tags)
            names = (name for tag in tags for name in (tag.removesuffix(":latest"), tag))
            return [*dict.fromkeys((*names, "host"))]

        return _read(read)

    def networks(self) -> Sequence[str]:
        """Return names."""

        def read(tx: Transaction) -> list[str]:
            from ipycontainer.store import networks

            return [each.name for each in networks.list_all(tx)]

        return _read(read)

    def volumes(self) -> Sequence[str]:
        """Return the names of those that were given one."""

        def read(tx: Transaction) -> list[str]:
            from ipycontainer.store import volumes

            return [each.name for each in volumes.list_all(tx) if not each.anonymous]

        return _read(read)

    def checkpoints(self, container: str) -> Sequence[str]:
        """Return a container's."""
        return self._lasting(
            (container, ""),
            lambda engine: [each.tag for each in engine.containers.get(container).checkpoints()],
        )

    def paths(self, container: str, directory: str) -> Sequence[str]:
        """Return the names in a container's directory; those of directories end with a slash."""
        return self._lasting(
            (container, directory),
            lambda engine: filter(
                _PLAIN_NAME.fullmatch, engine.containers.get(container).names(directory)
            ),
        )

    def variables(self) -> Sequence[str]:
        """Return the names of frames and plain values."""
        found = self._variables()
        return [
            name
            for name, value in list(found.items())
            if not name.startswith("_") and _can_go(value) and name not in ("In", "Out")
        ]

    def _lasting(self, key: tuple[str, str], ask: Callable[[Any], Iterable[str]]) -> Sequence[str]:
        at, names = self._kept.get(key, (0.0, ()))
        if time.monotonic() - at < _KEPT_SECONDS:
            return names
        try:
            names = tuple(ask(self._connect()))
        except Exception:  # noqa: BLE001  whatever is wrong, the next line that is run says it
            names = ()
        self._kept = {key: (time.monotonic(), names)}
        return names


def _can_go(value: object) -> bool:
    kinds = {kind.__module__.split(".")[0] for kind in type(value).__mro__}
    return isinstance(value, _PLAIN) or ("pandas" in kinds and hasattr(value, "iloc"))


def _read(read: Callable[[Transaction], Sequence[Found]]) -> Sequence[Found]:
    """Read from the home's database; nothing where there is no home."""
    try:
        with _reading() as tx:
            return read(tx)
    except Exception:  # noqa: BLE001  whatever is wrong, the next line that is run says it
        return ()


@contextmanager
def _reading() -> Iterator[Transaction]:
    from ipycontainer.store.database import Store
    from ipycontainer.store.home import open_home

    store = Store(open_home(create=False))
    try:
        with store.read() as tx:
            yield tx
    finally:
        store.close()
