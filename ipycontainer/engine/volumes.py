"""`engine.volumes` and the volumes in it, with docker-py's names."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, Self

from ipycontainer.engine import inspect
from ipycontainer.engine.resource import Resource
from ipycontainer.errors import EngineError, InvalidArgument, NoSuchVolume
from ipycontainer.model import ids
from ipycontainer.model.booleans import go_bool
from ipycontainer.model.filters import grouped, has_label, matches, switch, unknown
from ipycontainer.model.mounts import ANONYMOUS_LABEL
from ipycontainer.model.volume import DRIVER, VolumeRecord
from ipycontainer.storage import volumes
from ipycontainer.store import volumes as store_volumes

if TYPE_CHECKING:
    from ipycontainer.engine.engine import Engine

__all__ = ["Volume", "Volumes"]


class Volume(Resource[VolumeRecord]):
    """A volume of this engine."""

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *error: object) -> None:
        """Remove it, also where it was there before; VolumeInUse while a container has it."""
        self.remove(force=True)

    @property
    def id(self) -> str:
        """Return its name: volumes have no other id."""
        return self.record.name

    @property
    def short_id(self) -> str:
        """Return its name."""
        return self.record.name

    @property
    def name(self) -> str:
        """Return its name."""
        return self.record.name

    @property
    def mountpoint(self) -> str:
        """Return its directory on this machine; an ordinary user's may hold files of other ids."""
        return str(self.engine.home.volume(self.name))

    @property
    def attrs(self) -> dict[str, Any]:
        """Return what `docker volume inspect` shows."""
        return inspect.volume(self.record, self.mountpoint)

    def remove(self, force: bool = False) -> None:
        """Remove it with all that is in it; VolumeInUse as long as a container has it.

        With `force` one that is gone already is no error.
        """
        try:
            self.engine.supervisor.work("remove-volume", {"name": self.name})
        except NoSuchVolume:
            if not force:
                raise


class Volumes:
    """The volumes of an engine."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def create(
        self,
        name: str | None = None,
        driver: str | None = None,
        driver_opts: Mapping[str, str] | None = None,
        labels: Mapping[str, str] | None = None,
    ) -> Volume:
        """Make a volume, or return the one that has this name; without a name it gets one."""
        wanted = name or ids.new_id()
        if driver not in (None, "", DRIVER):
            raise InvalidArgument(
                f"create {wanted}: error looking up volume plugin {driver}: "
                f'plugin "{driver}" not found'
            )
        given = dict(labels or {})
        with self._engine.store.write() as tx:
            record, _ = volumes.create(
                self._engine.home,
                tx,
                wanted,
                anonymous=not name,
                labels=given if name else {**given, ANONYMOUS_LABEL: ""},
                options=driver_opts,
            )
        return Volume(self._engine, record)

    def get(self, name: str) -> Volume:
        """Return the volume of this name; NoSuchVolume."""
        with self._engine.store.read() as tx:
            return Volume(self._engine, store_volumes.get(tx, name))

    def list(self, filters: Mapping[str, Any] | None = None) -> list[Volume]:
        """Return volumes by name.

        `filters` are docker's: dangling, driver, label and name, each a text or a list of them.
        """
        self._engine.settle()
        with self._engine.store.read() as tx:
            records = store_volumes.list_all(tx)
        chosen = select(records, filters or {})
        return [Volume(self._engine, record) for record in chosen]

    def prune(self, filters: Mapping[str, Any] | None = None) -> dict[str, Any]:
        """Remove volumes that no container has: anonymous ones, with the filter `all` also others.

        One with options stays, as docker's does: what it stands for lies elsewhere. Returns
        docker-py's form: VolumesDeleted and SpaceReclaimed, in bytes.
        """
        wanted = grouped(filters)
        everything = _everything(wanted.pop("all", ["false"]))
        for key in wanted:
            if key not in ("label", "label!"):
                raise unknown(key)
        deleted: list[str] = []
        reclaimed = 0
        for volume in self.list({"dangling": "true", **wanted}):
            if volume.record.options or not (everything or volume.record.anonymous):
                continue
            size = self.sizes([volume.name])[volume.name]
            try:
                volume.remove()
            except EngineError:
                continue  # a container has taken it meanwhile
            deleted.append(volume.name)
            reclaimed += size
        self._engine.tell_pruned("volume", reclaimed)
        return {"VolumesDeleted": deleted or None, "SpaceReclaimed": reclaimed}

    def sizes(self, names: Sequence[str]) -> dict[str, int]:
        """Return the bytes of all files in volumes, by name; counted by a worker."""
        if not names:
            return {}
        found = self._engine.supervisor.work("sizes", {"volumes": list(names)})["volumes"]
        return {str(name): int(size) for name, size in found.items()}


def select(records: Sequence[VolumeRecord], filters: Mapping[str, Any]) -> Sequence[VolumeRecord]:
    """Return the volumes that pass docker's filters. Raises InvalidArgument."""
    found = list(records)
    for key, words in grouped(filters).items():
        if key == "dangling":
            wanted = switch(key, words)
            found = [record for record in found if (not record.users) == wanted]
        elif key == "driver":
            found = [record for record in found if DRIVER in words]
        elif key == "name":
            found = [
                record for record in found if any(matches(word, record.name) for word in words)
            ]
        elif key in ("label", "label!"):
            hit = [
                record for record in found if all(has_label(record.labels, word) for word in words)
            ]
            found = hit if key == "label" else [each for each in found if each not in hit]
        else:
            raise unknown(key)
    return found


def _everything(words: Sequence[str]) -> bool:
    """Return what the filter `all` says, which is read by Go's strconv.ParseBool."""
    if len(words) > 1:
        raise InvalidArgument(f"invalid filter 'all=[{' '.join(words)}]'")
    if (said := go_bool(words[0])) is not None:
        return said
    reason = f'strconv.ParseBool: parsing "{words[0]}": invalid syntax'
    raise InvalidArgument(f"invalid filter 'all': {reason}")
