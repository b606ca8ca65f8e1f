"""From a record to a bundle: docker's defaults, and what is hidden from a bind."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest

from ipycontainer.engine import bundle
from ipycontainer.errors import InvalidArgument
from ipycontainer.model import oci, oci_json
from ipycontainer.model.config import ContainerConfig
from ipycontainer.model.mounts import MountPoint
from ipycontainer.model.state import ContainerRecord, ContainerState, Overlay
from ipycontainer.store.home import Home


@pytest.fixture
def home(tmp_path: Path) -> Home:
    """A home that exists as far as a bundle looks at it."""
    (tmp_path / "home").mkdir()
    (tmp_path / "run").mkdir()
    return Home(tmp_path / "home", tmp_path / "run", "0123abcd", rootless=False)


@pytest.fixture
def record() -> ContainerRecord:
    """A container of a plain image."""
    return ContainerRecord(
        id="a1" * 32,
        name="box",
        image_id="sha256:" + "0" * 64,
        created_ns=1,
        config=ContainerConfig("busybox", command=("true",), env=("PATH=/mine", "A=1")),
        state=ContainerState(),
        overlays=(Overlay("/", ("/layers/x",), "/c/upper0", "/c/work0"),),
    )


def test_a_bundle_says_all_that_the_runtime_must_know(home: Home, record: ContainerRecord) -> None:
    """What is written as config.json reads back as the same spec."""
    spec = bundle.build(home, record)
    assert oci_json.from_json(json.loads(json.dumps(oci_json.to_json(spec)))) == spec


def test_the_environment_begins_as_dockers(home: Home, record: ContainerRecord) -> None:
    """PATH and HOSTNAME come first, and a value of the container's takes their place."""
    env = bundle.build(home, record).process.env
    assert env == ("PATH=/mine", f"HOSTNAME={record.short_id}", "A=1")


def test_the_host_network_has_no_namespace_and_no_parameters(
    home: Home, record: ContainerRecord
) -> None:
    """With `--network host` neither a network namespace nor its sysctls are asked for."""
    spec = bundle.build(home, replace(record, config=replace(record.config, network="host")))
    assert "network" not in spec.linux.namespaces
    assert spec.linux.sysctl == {}


@pytest.mark.parametrize("source", ["/", "{parent}", "{home}/..", "{link}"])
def test_a_bind_that_contains_the_engine_hides_it(
    home: Home, record: ContainerRecord, source: str, tmp_path: Path
) -> None:
    """Home and runtime directory are covered by an empty directory, and a WARNING says so."""
    (tmp_path / "link").symlink_to(tmp_path)
    words = {"parent": tmp_path, "home": home.root, "link": tmp_path / "link"}
    config = replace(record.config, mounts=(MountPoint("bind", "/mnt", source.format(**words)),))
    covers = [
        mount
        for mount in bundle.build(home, replace(record, config=config)).mounts
        if mount.source == str(home.empty_dir)
    ]
    assert {Path(mount.destination).name for mount in covers} == {"home", "run"}
    assert all("rro" in mount.options for mount in covers)
    assert len(bundle.warnings_of(home, config)) >= 2


@pytest.mark.parametrize("below", ["", "containers", "state.db"])
def test_the_engines_own_files_cannot_be_bound(
    home: Home, record: ContainerRecord, below: str
) -> None:
    """A bind of the home, or of anything in it, is refused."""
    config = replace(record.config, mounts=(MountPoint("bind", "/mnt", str(home.root / below)),))
    with pytest.raises(InvalidArgument, match="belongs to the engine"):
        bundle.warnings_of(home, config)


def test_under_cgroups_2_the_cgroup_namespace_is_private(
    home: Home, record: ContainerRecord, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Docker's default depends on the version of cgroups."""
    monkeypatch.setattr(bundle, "is_unified", lambda: True)
    assert "cgroup" in bundle.build(home, record).linux.namespaces

    monkeypatch.setattr(bundle, "is_unified", lambda: False)
    assert "cgroup" not in bundle.build(home, record).linux.namespaces


def test_what_oci_cannot_say_stands_in_annotations(home: Home, record: ContainerRecord) -> None:
    """User by name, init and the overlays travel as annotations."""
    config = replace(record.config, user="postgres:wheel", init=True)
    spec = bundle.build(home, replace(record, config=config))
    assert spec.annotations[oci.ANNOTATION_USER] == "postgres:wheel"
    assert spec.annotations[oci.ANNOTATION_INIT] == "true"
    (overlay,) = json.loads(spec.annotations[oci.ANNOTATION_OVERLAYS])
    assert overlay["lowers"] == ["/layers/x"]
