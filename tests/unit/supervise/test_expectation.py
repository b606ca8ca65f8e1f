"""What the next container will be, told by the last ones."""

from __future__ import annotations

import json
from typing import Any

from ipycontainer.store.home import Home
from ipycontainer.supervise import expectation

ONE, TWO, THREE = "1" * 64, "2" * 64, "3" * 64


def _config(home: Home, container_id: str, **changes: Any) -> bytes:
    place = home.container(container_id)
    overlay = {
        "target": "/",
        "lowers": ["/l"],
        "upper": f"{place}/upper0",
        "work": f"{place}/work0",
    }
    raw = {
        "process": {"args": ["date"], "env": [f"HOSTNAME={container_id[:12]}"], "cwd": "/"},
        "hostname": container_id[:12],
        "mounts": [{"source": f"{place}/hosts", "destination": "/etc/hosts"}],
        "linux": {"cgroupsPath": f"/ipyc-{home.hash8}/{container_id}"},
        "annotations": {"io.ipycontainer.overlays": json.dumps([overlay])},
    }
    return json.dumps({**raw, **changes}).encode()


def _learn(home: Home, container_id: str, again: bool = True, **changes: Any) -> None:
    expectation.learn(home, container_id, _config(home, container_id, **changes), again=again)


def test_two_alike_tell_the_third(bare_home: Home) -> None:
    """Under the third one's id at every place, but for the program."""
    _learn(bare_home, ONE)
    assert expectation.expected(bare_home, THREE) is None
    _learn(bare_home, TWO, process={"args": ["ls"], "env": ["A=1"], "cwd": "/"})
    text = expectation.expected(bare_home, THREE)
    assert text is not None

    told, third = json.loads(text), json.loads(_config(bare_home, THREE))
    assert ONE[:12] not in text
    assert TWO[:12] not in text
    for raw in (told, third):
        del raw["process"]["args"], raw["process"]["env"]
    assert told == third


def test_the_same_program_is_expected_to_the_byte(bare_home: Home) -> None:
    """So that nothing needs to be read or planned where it comes."""
    _learn(bare_home, ONE)
    _learn(bare_home, TWO)
    text = expectation.expected(bare_home, THREE)
    assert text is not None
    assert text.encode() == _config(bare_home, THREE)


def test_another_one_tells_nothing(bare_home: Home) -> None:
    """Not even the next after it: two must be alike."""
    for container_id, cwd in ((ONE, "/"), (TWO, "/"), (THREE, "/tmp")):
        _learn(bare_home, container_id, process={"args": ["ls"], "env": [], "cwd": cwd})
    assert expectation.expected(bare_home, ONE) is None


def test_what_may_be_another_thing_next_time_is_not_expected(bare_home: Home) -> None:
    """A start with mounts of the user's, a file of the container's, volumes, other cgroups."""
    place = bare_home.container(TWO)
    for changes in (
        {"mounts": [{"source": f"{place}/file-0", "destination": "/f"}]},
        {"linux": {"cgroupsPath": f"/mine/{TWO}"}},
        {"annotations": {"io.ipycontainer.overlays": '[{"by": "bind"}]'}},
        {"again": False},
    ):
        _learn(bare_home, ONE)
        _learn(bare_home, TWO, **changes)
        _learn(bare_home, ONE)
        assert expectation.expected(bare_home, THREE) is None
        expectation.forget(bare_home)


def test_a_home_elsewhere_expects_nothing(bare_home: Home) -> None:
    """The paths of what was run are those of another home."""
    _learn(bare_home, ONE)
    _learn(bare_home, TWO)
    path = bare_home.cache / "again.json"
    path.write_text(json.dumps({**json.loads(path.read_text()), "root": "/elsewhere"}))
    assert expectation.expected(bare_home, THREE) is None
