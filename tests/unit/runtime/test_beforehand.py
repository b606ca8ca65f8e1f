"""What is left to do in a sandbox, decided without a kernel."""

from __future__ import annotations

from dataclasses import replace

import pytest

from ipycontainer.linux.cgroups import Hierarchies
from ipycontainer.model import oci
from ipycontainer.model.oci import Mount, Spec
from ipycontainer.runtime import beforehand

V1 = Hierarchies("v1", {"pids": "/sys/fs/cgroup/pids"})


def _left(spec: Spec, hierarchies: Hierarchies | None = None) -> list[str] | None:
    found = beforehand.steps_in(spec, "/bundle", userns=False, hierarchies=hierarchies)
    return None if found is None else [type(step).__name__ for step in found]


def _spec(*mounts: Mount) -> Spec:
    spec = beforehand.sample(userns=False, scratch="/bundle")
    return replace(spec, mounts=(*spec.mounts, *mounts))


def test_what_every_container_has_is_taken_over() -> None:
    """Once, in the place of the first, and before what is mounted into it."""
    left = _left(_spec(Mount("/dev/shm/mine", "bind", "/srv", ("rbind",))))

    assert left is not None
    assert left.count("TakeTrees") == 1
    assert not {"MountFileSystem", "MakeDevices", "MaskPaths", "SetSysctl"} & set(left)
    assert left.index("MountOverlay") < left.index("TakeTrees") < left.index("BindMount")


def test_init_waits_for_its_cgroup() -> None:
    """It is there before the cgroup is."""
    spec = _spec()
    spec = replace(spec, linux=replace(spec.linux, cgroups_path="/home/1"))
    left = _left(spec, V1)

    assert left is not None
    assert left.index("AwaitParent") + 1 == left.index("JoinCgroup")


@pytest.mark.parametrize(
    "target", ["/sys/firmware", "/sys", "/proc/self"], ids=["masked", "whole", "proc"]
)
def test_a_mount_among_them_needs_an_init_of_its_own(target: str) -> None:
    """A mask that came first would be covered by it."""
    spec = _spec()
    mount = Mount(target, "tmpfs", "tmpfs")
    if target == "/proc/self":
        with pytest.raises(Exception, match="inside /proc"):
            _left(replace(spec, mounts=(*spec.mounts, mount)))
    else:
        assert _left(replace(spec, mounts=(*spec.mounts, mount))) is None


@pytest.mark.parametrize("change", ["network", "filter", "shm", "sysctl", "masks"])
def test_another_container_needs_an_init_of_its_own(change: str) -> None:
    """One on the host's network, unfiltered, or with other options for what is there."""
    spec = _spec()
    linux = spec.linux
    if change == "network":
        kinds = {kind: "" for kind in beforehand.KINDS if kind != "network"}
        spec = replace(spec, linux=replace(linux, namespaces=kinds, sysctl={}))
    elif change == "filter":
        annotations = {**spec.annotations}
        del annotations[oci.ANNOTATION_SECCOMP]
        spec = replace(spec, annotations=annotations)
    elif change == "shm":
        mounts = tuple(
            replace(mount, options=("nosuid", "size=1m"))
            if mount.destination == "/dev/shm"
            else mount
            for mount in spec.mounts
        )
        spec = replace(spec, mounts=mounts)
    elif change == "sysctl":
        spec = replace(spec, linux=replace(linux, sysctl={"net.core.somaxconn": "9"}))
    else:
        spec = replace(spec, linux=replace(linux, masked_paths=()))

    assert _left(spec) is None
