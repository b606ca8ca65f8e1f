"""config.json and back."""

from __future__ import annotations

import json
from typing import Any

import pytest

from ipycontainer.errors import InvalidArgument
from ipycontainer.model import oci, oci_json
from ipycontainer.model.oci import IdMapping, Linux, Process, Root, Spec, User
from ipycontainer.runtime import defaults


def _full() -> Spec:
    return Spec(
        process=Process(
            args=("sh", "-c", "x"),
            env=("A=1",),
            cwd="/w",
            user=User(1, 2, (3,), 0o27),
            capabilities=defaults.capabilities(),
            rlimits=defaults.RLIMITS,
            no_new_privileges=True,
            oom_score_adj=5,
        ),
        root=Root("tree", True),
        hostname="h",
        domainname="d",
        mounts=defaults.mounts(),
        linux=Linux(
            namespaces={"mount": "", "network": "/proc/1/ns/net"},
            cgroups_path="/c",
            devices=defaults.DEVICES,
            device_rules=defaults.DEVICE_RULES,
            masked_paths=defaults.MASKED_PATHS,
            readonly_paths=defaults.READONLY_PATHS,
            rootfs_propagation="slave",
            sysctl={"net.x": "1"},
            seccomp={"defaultAction": "SCMP_ACT_ALLOW"},
            uid_mappings=(IdMapping(0, 1000, 1),),
            gid_mappings=(IdMapping(0, 1000, 1),),
        ),
        annotations={oci.ANNOTATION_USER: "web"},
    )


def test_a_spec_comes_back_unchanged() -> None:
    """Through JSON text, with every field set."""
    spec = _full()

    assert oci_json.from_json(json.loads(json.dumps(oci_json.to_json(spec)))) == spec


def test_the_smallest_bundle_gets_defaults() -> None:
    """Only a process with its command is needed."""
    spec = oci_json.from_json(
        {"ociVersion": "1.0.0", "process": {"args": ["x"], "cwd": "/"}, "root": {}}
    )

    assert spec == Spec(process=Process(args=("x",)))


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("linux", {"intelRdt": {"closID": "x"}}),
        ("linux", {"resources": {"memory": {"kernel": 1}}}),
        ("linux", {"mountLabel": "x"}),
    ],
)
def test_what_is_not_carried_out_is_refused(key: str, value: Any) -> None:
    """By the key's name; empty values of other engines are no request."""
    with pytest.raises(InvalidArgument, match="not supported"):
        oci_json.from_json({"process": {"args": ["x"]}, "root": {"path": "r"}, key: value})


@pytest.mark.parametrize(
    "raw",
    [{}, {"process": []}, {"process": {"args": 1}}, {"process": {"args": ["x"]}, "mounts": 1}],
)
def test_what_is_no_spec_is_refused(raw: Any) -> None:
    """With one of our own errors, never a traceback."""
    with pytest.raises(InvalidArgument):
        oci_json.from_json(raw)
