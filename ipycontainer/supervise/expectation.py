"""What the next container will probably be: the last one again, under another id.

Cells are run again and again. Two starts in a row whose bundles differ in nothing but their program
and environment teach it; a spare monitor then goes ahead for a third one (supervise.reservation).
The last one's program is expected, too: another one is only a little slower. Kept in the home's
cache, so that the next zygote knows, too.
"""

from __future__ import annotations

import json
from contextlib import suppress
from functools import lru_cache
from typing import Any

from ipycontainer.model import oci_json
from ipycontainer.model.oci import (
    ANNOTATION_NETWORKS,
    ANNOTATION_OVERLAYS,
    ANNOTATION_VOLUMES,
    Spec,
)
from ipycontainer.runtime.beforehand import differ_in_program_only, without_program
from ipycontainer.runtime.defaults import ETC_FILES
from ipycontainer.store.home import Home
from ipycontainer.supervise.repair import cgroup_path

__all__ = ["expected", "forget", "learn", "parse"]

STARTS = 2  # alike, before a third one is expected
_FILE = "again.json"
_ID, _SHORT_ID = "{id}", "{short id}"


def learn(home: Home, container_id: str, config: bytes, *, again: bool) -> None:
    """Take note of a start, by what its bundle said; `again`: its engine could have used another.

    Such a one is what an engine reserves a monitor for: nothing of the user's is mounted in it.
    """
    raw = json.loads(config)
    if not again or not _can_be_made_ahead(home, raw, container_id):
        forget(home)
        return
    networks = ANNOTATION_NETWORKS in raw["annotations"]  # the next one has another place there
    text = json.dumps(without_program(raw)) if networks else config.decode()
    text = text.replace(container_id, _ID).replace(container_id[:12], _SHORT_ID)
    before = _read(home)
    alike = before and differ_in_program_only(json.loads(before["config"]), json.loads(text))
    starts = before["starts"] + 1 if alike else 1
    path = home.cache / _FILE
    making = path.with_name(f"{_FILE}.{container_id[:12]}")
    with suppress(OSError):
        making.write_text(
            json.dumps({"root": str(home.root), "starts": starts, "config": text}), encoding="ascii"
        )
        making.rename(path)


def forget(home: Home) -> None:
    """Expect nothing, until two starts are alike again."""
    with suppress(OSError):
        (home.cache / _FILE).unlink()


def expected(home: Home, container_id: str) -> str | None:
    """Return the text of the bundle that is expected, for a container with this id."""
    known = _read(home)
    if known.get("starts", 0) < STARTS:
        return None
    config = str(known["config"])
    return config.replace(_ID, container_id).replace(_SHORT_ID, container_id[:12])


@lru_cache(maxsize=1)
def parse(config: bytes) -> Spec:
    """Return the spec of a bundle's text. Raises InvalidArgument, naming the key.

    The last one is kept: a bundle that is expected is parsed before it comes.
    """
    return oci_json.from_json(json.loads(config))


def _read(home: Home) -> dict[str, Any]:
    try:
        found = json.loads((home.cache / _FILE).read_bytes())
    except (OSError, ValueError):
        return {}
    # a home that was moved or copied has other paths
    known = isinstance(found, dict) and found.get("root") == str(home.root)
    return found if known else {}


def _can_be_made_ahead(home: Home, raw: dict[str, Any], container_id: str) -> bool:
    """Tell whether nothing is shown in it that may be another thing by the next start.

    What the machine's own image shows is looked at again then (`Reservation.stands`).
    """
    annotations, linux = raw["annotations"], raw["linux"]
    own = f"{home.container(container_id)}/"
    inside = {
        mount["source"].removeprefix(own)
        for mount in raw["mounts"]
        if mount.get("source", "").startswith(own)
    }
    return (
        inside <= {*ETC_FILES}
        and ANNOTATION_VOLUMES not in annotations
        and '"by"' not in annotations.get(ANNOTATION_OVERLAYS, '"by"')
        and linux.get("cgroupsPath") == cgroup_path(home, container_id)
    )
