"""Every config.json that the engine writes is one by the runtime-spec's own JSON schema.

The schema is that of runtime-spec 1.2, as Debian's golang-github-opencontainers-specs-dev has it,
with its licence beside it (tests/unit/model/schema).
"""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import jsonschema
import pytest
import referencing
from hypothesis import given, settings
from hypothesis import strategies as st
from referencing.jsonschema import DRAFT4

from ipycontainer.engine import bundle
from ipycontainer.model import oci_json
from ipycontainer.model.config import ContainerConfig
from ipycontainer.model.hooks import Hook, Hooks, State
from ipycontainer.model.limits import Limits, Ulimit
from ipycontainer.model.mounts import MountPoint
from ipycontainer.model.oci import Scheduler
from ipycontainer.model.privileges import DeviceMapping, Privileges, Sharing
from ipycontainer.model.resources import DeviceValue, Resources
from ipycontainer.model.state import ContainerRecord, ContainerState, Overlay
from ipycontainer.store.home import Home

SCHEMA = Path(__file__).parents[1] / "model/schema"
# By its own options of the engine: each changes another part of the file.
OPTIONS: dict[str, dict[str, Any]] = {
    "terminal": {"tty": True},
    "read-only": {"read_only": True},
    "init": {"init": True, "user": "postgres:wheel", "groups": ("audio", "7")},
    "host network": {"network": "host"},
    "no network": {"network": "none"},
    "entrypoint": {"entrypoint": ("/bin/sh", "-c"), "workdir": "/w", "env": ("A=", "B=x=y")},
    "score": {"oom_score_adj": 500, "annotations": {"org.key": "value"}},
    "ulimits": {"ulimits": (Ulimit("nofile", 10, 20), Ulimit("core", -1, -1))},
    "memory": {
        "limits": Limits(
            memory=1 << 26,
            memory_swap=-1,
            memory_reservation=1 << 25,
            memory_swappiness=0,
            oom_kill_disable=True,
        )
    },
    "cpu": {
        "limits": Limits(
            cpu_shares=512,
            cpu_period=50000,
            cpu_quota=20000,
            cpuset_cpus="0",
            cpuset_mems="0",
            pids_limit=-1,
        )
    },
    "blocks": {"limits": Limits(blkio_weight=300, nano_cpus=1500000000)},
    "privileged": {"privileges": Privileges(privileged=True)},
    "rights": {
        "privileges": Privileges(
            cap_add=("NET_ADMIN",),
            cap_drop=("MKNOD",),
            devices=(DeviceMapping("/dev/null", "/dev/mine"),),
            device_rules=("c 7:* rwm", "a *:* m"),
            security_opt=("no-new-privileges", "seccomp=unconfined"),
        )
    },
    "shared": {
        "sharing": Sharing(pid="host", ipc="host", uts="host", cgroupns="host"),
    },
    "own": {
        "hostname": "box",
        "sharing": Sharing(
            cgroupns="private",
            domainname="place",
            shm_bytes=1 << 20,
            sysctls={"net.ipv4.ip_forward": "1"},
        ),
    },
    "mounts": {
        "mounts": (
            MountPoint("bind", "/a", "/etc", read_only=True),
            MountPoint("bind", "/b", "/etc", recursion="disabled"),
            MountPoint("tmpfs", "/t", options=("size=1m", "mode=700")),
        )
    },
    "files": {"files": {"/script": "print(1)"}},
}


def _validator(name: str) -> jsonschema.Draft4Validator:
    resources = [
        (path.name, DRAFT4.create_resource(json.loads(path.read_text())))
        for path in SCHEMA.glob("*.json")
    ]
    registry: Any = referencing.Registry().with_resources(resources)
    schema = json.loads((SCHEMA / name).read_text())
    return jsonschema.Draft4Validator({**schema, "id": name}, registry=registry)


CONFIG, STATE, FEATURES = (
    _validator(f"{name}-schema.json") for name in ("config", "state", "features")
)


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Home:
    """A home that exists as far as a bundle looks at it."""
    place = tmp_path_factory.mktemp("schema")
    (place / "home").mkdir()
    (place / "run").mkdir()
    return Home(place / "home", place / "run", "0123abcd", rootless=False)


def _record(config: ContainerConfig) -> ContainerRecord:
    return ContainerRecord(
        id="a1" * 32,
        name="box",
        image_id="sha256:" + "0" * 64,
        created_ns=1,
        config=config,
        state=ContainerState(),
        overlays=(Overlay("/", ("/layers/x",), "/c/upper0", "/c/work0"),),
    )


def test_the_schema_refuses_what_is_no_config() -> None:
    """The judge itself works: a wrong type, a missing key and an unknown kind are seen."""
    good: dict[str, Any] = {"ociVersion": "1.2.0", "root": {"path": "r"}}
    assert not list(CONFIG.iter_errors(good))
    assert list(CONFIG.iter_errors({"root": {"path": "r"}}))
    assert list(CONFIG.iter_errors({**good, "hostname": 1}))
    assert list(CONFIG.iter_errors({**good, "linux": {"namespaces": [{"type": "no"}]}}))


@settings(max_examples=25, deadline=None)
@given(chosen=st.sets(st.sampled_from(sorted(OPTIONS)), max_size=6), rootless=st.booleans())
def test_a_bundle_of_the_engines_is_valid(home: Home, chosen: set[str], rootless: bool) -> None:
    """For any combination of options, as root and as an ordinary user."""
    changes: dict[str, Any] = {}
    for name in sorted(chosen):
        changes |= OPTIONS[name]
    sharing = changes.get("sharing", Sharing())
    if changes.get("network") == "host" and sharing.sysctls:
        changes["sharing"] = replace(sharing, sysctls={})  # refused: they are the machine's
    if sharing.uts == "host":
        changes.pop("hostname", None)
    config = ContainerConfig("busybox", **{"command": ("true",), **changes})
    spec = bundle.build(replace(home, rootless=rootless), _record(config))
    raw = json.loads(json.dumps(oci_json.to_json(spec)))

    assert [error.message for error in CONFIG.iter_errors(raw)] == []


def test_what_only_other_engines_ask_for_is_valid(home: Home) -> None:
    """Hooks, scheduling, weights of devices and the rest of what can be written."""
    spec = bundle.build(home, _record(ContainerConfig("busybox", command=("true",))))
    weights = (DeviceValue(8, 0, 500),)
    spec = replace(
        spec,
        hooks=Hooks(prestart=(Hook("/x", ("x", "y"), ("A=1",), 3),), poststop=(Hook("/z"),)),
        process=replace(
            spec.process,
            scheduler=Scheduler("SCHED_DEADLINE", flags=("SCHED_FLAG_RECLAIM",), runtime=1),
            io_priority=("IOPRIO_CLASS_BE", 4),
        ),
        linux=replace(
            spec.linux,
            personality="LINUX32",
            rootfs_propagation="shared",
            resources=Resources(
                blkio_weight_device=weights, read_bps=weights, unified={"memory.high": "1"}
            ),
        ),
    )
    raw = json.loads(json.dumps(oci_json.to_json(spec)))

    assert [error.message for error in CONFIG.iter_errors(raw)] == []
    assert oci_json.from_json(raw) == spec


def test_the_command_lines_own_words_are_valid(capsys: pytest.CaptureFixture[str]) -> None:
    """What `spec` writes, what `features` prints, and the state that hooks read."""
    from ipycontainer.runtime import command_line

    assert command_line.main(["features"]) == 0
    features = json.loads(capsys.readouterr().out)
    state = State("1.2.0", "box", "created", 7, "/b", {"a": "b"}).to_json()

    assert [error.message for error in FEATURES.iter_errors(features)] == []
    assert [error.message for error in STATE.iter_errors(state)] == []


@pytest.mark.parametrize("rootless", [True, False])
def test_a_first_config_is_valid(tmp_path: Path, rootless: bool) -> None:
    """`spec` writes one for root, and another for an ordinary user."""
    from ipycontainer.runtime import command_line

    words = ["spec", "--bundle", str(tmp_path), *(["--rootless"] if rootless else [])]
    assert command_line.main(words) == 0

    raw = json.loads((tmp_path / "config.json").read_text())
    assert [error.message for error in CONFIG.iter_errors(raw)] == []
    assert ("user" in oci_json.from_json(raw).linux.namespaces) == rootless
