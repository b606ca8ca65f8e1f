"""In which order docker's daemon looks at a container whose image it has not looked for."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from ipycontainer.engine.verification import verified
from ipycontainer.errors import InvalidArgument
from ipycontainer.model.config import ContainerConfig
from ipycontainer.model.mounts import MountPoint
from ipycontainer.model.privileges import Privileges, Sharing

WRONG: dict[str, Any] = {
    "workdir": "rel",
    "stop_signal": "NOPE",
    "mounts": (MountPoint("bind", "/x", "/nowhere/at/all", origin="--mount"),),
    "privileges": Privileges(cap_add=("NOPE",)),
    "sharing": Sharing(ipc="nope"),
}
WORDS = (
    "the working directory 'rel' is invalid, it needs to be an absolute path",
    "invalid signal: NOPE",
    'invalid mount config for type "bind": bind source path does not exist: /nowhere/at/all',
    'invalid CapAdd: unknown capability: "CAP_NOPE"',
    "invalid IPC mode: nope",
)


@pytest.mark.parametrize("first", range(len(WRONG)))
def test_the_first_wrong_thing_is_told(first: int) -> None:
    """Of several that are wrong."""
    wrong = dict(list(WRONG.items())[first:])
    with pytest.raises(InvalidArgument) as error:
        verified(ContainerConfig("nope", **wrong), None, rootless=False)
    assert error.value.message == WORDS[first]


def test_what_is_right_stays(tmp_path: Path) -> None:
    """And warns of nothing."""
    mount = MountPoint("bind", "/x", str(tmp_path), origin="--mount")
    config = ContainerConfig("nope", workdir="/w", mounts=(mount,))
    assert verified(config, None, rootless=False) == (config, ())
