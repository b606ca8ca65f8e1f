"""Types of another engine's config.json."""

from __future__ import annotations

import json
from typing import Any

import pytest

from ipycontainer.errors import InvalidArgument
from ipycontainer.model import oci_json, oci_types
from ipycontainer.model.oci import Process, Spec


@pytest.mark.parametrize(
    ("raw", "message"),
    [
        ([], "array into Go value of type specs.Spec"),
        ({"hostname": 5}, "number into Go struct field Spec.hostname of type string"),
        ({"process": "x"}, "string into Go struct field Spec.process of type specs.Process"),
        (
            {"process": {"args": ["a", 1]}},
            "number into Go struct field Process.process.args of type string",
        ),
        (
            {"process": {"args": "a"}},
            "string into Go struct field Process.process.args of type []string",
        ),
        (
            {"process": {"user": {"uid": -1}}},
            "number -1 into Go struct field User.process.user.uid of type uint32",
        ),
        (
            {"process": {"user": {"uid": 1.5}}},
            "number 1.5 into Go struct field User.process.user.uid of type uint32",
        ),
        (
            {"process": {"oomScoreAdj": True}},
            "bool into Go struct field Process.process.oomScoreAdj of type int",
        ),
        ({"root": {"readonly": 1}}, "number into Go struct field Root.root.readonly of type bool"),
        (
            {"annotations": {"a": {}}},
            "object into Go struct field Spec.annotations of type string",
        ),
        (
            {"linux": {"timeOffsets": {"monotonic": {"secs": "1"}}}},
            "string into Go struct field LinuxTimeOffset.linux.timeOffsets.secs of type int64",
        ),
        (
            {"mounts": [{"destination": "/a", "options": "ro"}]},
            "string into Go struct field Mount.mounts.options of type []string",
        ),
    ],
)
def test_what_is_of_another_type_is_refused(raw: Any, message: str) -> None:
    """Field and type are named in the words of Go's decoder."""
    with pytest.raises(InvalidArgument) as caught:
        oci_types.check(raw)

    assert caught.value.message == f"json: cannot unmarshal {message}"


def test_null_and_what_the_specification_lacks_are_passed_over() -> None:
    """Null leaves a field as it was; a key of nobody's may hold anything."""
    oci_types.check({"process": None, "mounts": None, "unheard": 5, "linux": {"unheard": []}})


def test_our_own_bundles_are_of_these_types() -> None:
    """What the engine writes would be taken from anybody."""
    spec = Spec(Process(args=("true",), rlimits=()), hostname="box")

    oci_types.check(json.loads(json.dumps(oci_json.to_json(spec))))


def test_keys_in_other_letters_are_the_specifications() -> None:
    """As Go reads them; keys of maps, and those that nobody knows, stay as they are."""
    raw = {
        "HOSTNAME": "x",
        "process": {"Args": ["a"], "user": {"UID": 1}, "Unknown": 1},
        "annotations": {"Hostname": "y"},
        "mounts": [{"Destination": "/m"}],
    }

    assert oci_types.folded(raw) == {
        "hostname": "x",
        "process": {"args": ["a"], "user": {"uid": 1}, "Unknown": 1},
        "annotations": {"Hostname": "y"},
        "mounts": [{"destination": "/m"}],
    }


def test_what_the_specification_does_not_know_is_left_out() -> None:
    """At every depth, but not the names of a map, which are free."""
    raw = {
        "foo": 1,
        "pids": {"limit": 5, "bar": [2]},
        "hugepageLimits": [{"pageSize": "2MB", "limit": 1, "baz": None}],
        "unified": {"memory.high": "5"},
    }

    assert oci_types.known(raw, "LinuxResources") == {
        "pids": {"limit": 5},
        "hugepageLimits": [{"pageSize": "2MB", "limit": 1}],
        "unified": {"memory.high": "5"},
    }
