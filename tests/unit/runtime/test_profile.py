"""Seccomp profiles in docker's form, resolved for a machine."""

from __future__ import annotations

import json
from typing import Any

import pytest

from ipycontainer.errors import InvalidArgument
from ipycontainer.runtime import profile

ALLOW = "SCMP_ACT_ALLOW"


def names(
    entry: dict[str, Any], bounding: tuple[str, ...] = (), release: str = "6.1.0"
) -> list[str]:
    """Return the names that are left of one entry."""
    text = json.dumps({"defaultAction": "SCMP_ACT_ERRNO", "syscalls": [{"action": ALLOW, **entry}]})
    resolved = profile.resolve(text, bounding, release)
    assert resolved is not None
    return [name for each in resolved["syscalls"] for name in each["names"]]


def test_conditions_decide_which_entries_count() -> None:
    """Architectures by Go's names, capabilities all or any, kernels from one on."""
    assert names({"names": ["a"], "includes": {"caps": ["CAP_X", "CAP_Y"]}}, ("CAP_X",)) == []
    assert names({"names": ["a"], "includes": {"caps": ["CAP_X"]}}, ("CAP_X", "CAP_Y")) == ["a"]
    assert names({"names": ["a"], "excludes": {"caps": ["CAP_X", "CAP_Y"]}}, ("CAP_X",)) == []
    assert names({"names": ["a"], "excludes": {"caps": ["CAP_X"]}}) == ["a"]
    assert names({"names": ["a"], "includes": {"arches": ["s390x"]}}) == []
    assert names({"names": ["a"], "includes": {"arches": ["amd64", "arm64"]}}) == ["a"]
    assert names({"names": ["a"], "excludes": {"arches": ["amd64", "arm64"]}}) == []
    assert names({"names": ["a"], "includes": {"minKernel": "6.1"}}) == ["a"]
    assert names({"names": ["a"], "includes": {"minKernel": "6.10"}}) == []
    assert names({"names": ["a"], "excludes": {"minKernel": "5.4"}}) == []
    assert names({"name": "old"}) == ["old"]


def test_an_empty_profile_is_no_filter() -> None:
    """Neither an action nor a rule: docker takes it for none."""
    assert profile.resolve("{}", ()) is None
    assert profile.resolve("null", ()) is None


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("[]", "cannot unmarshal array into Go value of type seccomp.Seccomp"),
        ("3", "cannot unmarshal number"),
        ('{"syscalls":[{"includes":{"minKernel":"x"}}]}', 'invalid kernel version: "x", expected'),
        (
            '{"defaultAction":"SCMP_ACT_ALLOW","architectures":["A"],"archMap":[{}]}',
            "both 'architectures' and 'archMap' are specified",
        ),
        ('{"syscalls":[{"name":"a","names":["b"]}]}', "both 'name' and 'names' are specified"),
    ],
)
def test_profiles_that_mean_nothing(text: str, words: str) -> None:
    """In docker's words."""
    with pytest.raises(InvalidArgument, match=words):
        profile.resolve(text, ())


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"defaultAction": "FOO"}, "string FOO is not a valid action for seccomp"),
        ({"syscalls": [{"names": ["a"], "action": "X"}]}, "string X is not a valid action"),
        (
            {"syscalls": [{"names": ["a"], "action": ALLOW, "args": [{"op": "Y"}]}]},
            "string Y is not a valid operator for seccomp",
        ),
        ({"syscalls": [{"names": ["a"], "action": "SCMP_ACT_NOTIFY"}]}, "listenerPath is not set"),
        ({}, ""),
    ],
)
def test_what_the_runtime_would_refuse(changes: dict[str, Any], words: str) -> None:
    """Named before anything is started."""
    resolved = profile.resolve(json.dumps({"defaultAction": ALLOW, **changes}), ())
    assert resolved is not None
    assert words in profile.refusal(resolved)
    assert bool(words) == bool(profile.refusal(resolved))
