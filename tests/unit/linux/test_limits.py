"""Limits in the words of both versions' files, and what writing them does with contradictions."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ipycontainer.errors import InvalidArgument, StepFailed, Unsupported
from ipycontainer.linux import limits
from ipycontainer.linux.cgroups import Cgroup
from ipycontainer.model.resources import DeviceValue, PageLimit, RdmaLimit, Resources

DISK = (DeviceValue(8, 0, 1000),)
ALL: dict[str, Any] = {
    "memory_limit": 1000,
    "memory_swap": 3000,
    "memory_reservation": 500,
    "cpu_shares": 1024,
    "cpu_quota": 50_000,
    "cpu_period": 200_000,
    "cpus": "0-1",
    "mems": "0",
    "pids_limit": 7,
    "blkio_weight": 500,
    "blkio_weight_device": (DeviceValue(8, 0, 10),),
    "read_bps": DISK,
    "write_iops": DISK,
}


def written(resources: Resources, *, v2: bool) -> dict[str, str]:
    """Return file and value of each setting."""
    return {each.file: each.value for each in limits.settings(resources, v2=v2)}


def test_version_1() -> None:
    """OCI's numbers go in as they are."""
    assert written(Resources(**ALL, memory_swappiness=0, oom_kill_disable=True), v2=False) == {
        "cpuset.cpus": "0-1",
        "cpuset.mems": "0",
        "cpu.shares": "1024",
        "cpu.cfs_period_us": "200000",
        "cpu.cfs_quota_us": "50000",
        "memory.limit_in_bytes": "1000",
        "memory.memsw.limit_in_bytes": "3000",
        "memory.soft_limit_in_bytes": "500",
        "memory.oom_control": "1",
        "memory.swappiness": "0",
        "pids.max": "7",
        "blkio.weight": "500",
        "blkio.weight_device": "8:0 10",
        "blkio.throttle.read_bps_device": "8:0 1000",
        "blkio.throttle.write_iops_device": "8:0 1000",
    }


def test_version_2() -> None:
    """Swap counts alone, weights have other scales, a quota stands before its period."""
    found = limits.settings(Resources(**ALL), v2=True)
    assert [(each.file, each.value) for each in found] == [
        ("cpuset.cpus", "0-1"),
        ("cpuset.mems", "0"),
        ("memory.swap.max", "2000"),
        ("memory.max", "1000"),
        ("memory.low", "500"),
        ("cpu.weight", "100"),
        ("cpu.max", "50000 200000"),
        ("pids.max", "7"),
        ("io.weight", "default 4950"),
        ("io.weight", "8:0 1"),
        ("io.max", "8:0 rbps=1000"),
        ("io.max", "8:0 wiops=1000"),
    ]
    assert limits.controllers(Resources(**ALL), v2=True) == (
        "cpuset",
        "memory",
        "cpu",
        "pids",
        "io",
    )


@pytest.mark.parametrize(
    ("resources", "expected"),
    [
        (Resources(memory_limit=-1), {"memory.max": "max"}),
        (Resources(memory_swap=-1), {"memory.swap.max": "max"}),
        (
            Resources(memory_limit=5, memory_swap=5),
            {"memory.max": "5", "memory.swap.max": "0"},
        ),
        (Resources(cpu_quota=-1), {"cpu.max": "max 100000"}),
        (Resources(cpu_period=5000), {"cpu.max": "max 5000"}),
        (Resources(pids_limit=-1), {"pids.max": "max"}),
        (Resources(cpu_burst=5, cpu_idle=1), {"cpu.idle": "1", "cpu.max.burst": "5"}),
        (Resources(unified={"memory.high": "5"}), {"memory.high": "5"}),
    ],
)
def test_edges_of_version_2(resources: Resources, expected: dict[str, str]) -> None:
    """Unlimited is a word there."""
    assert written(resources, v2=True) == expected


@pytest.mark.parametrize("v2", [False, True])
def test_huge_pages_and_remote_memory(v2: bool) -> None:
    """A file for each size of page, one line a device; version 1 marks packets as well."""
    resources = Resources(
        huge_pages=(PageLimit("2MB", 5), PageLimit("1GB", 0)),
        rdma=(RdmaLimit("a", 3, 4), RdmaLimit("b", None, 5), RdmaLimit("c")),
        network_class=None if v2 else 7,
        network_priorities=() if v2 else (("lo", 5),),
    )
    file = "max" if v2 else "limit_in_bytes"
    expected = [
        ("hugetlb", f"hugetlb.2MB.{file}", "5"),
        ("hugetlb", f"hugetlb.1GB.{file}", "0"),
        ("rdma", "rdma.max", "a hca_handle=3 hca_object=4"),
        ("rdma", "rdma.max", "b hca_object=5"),
    ]
    if not v2:
        expected = [("net_cls", "net_cls.classid", "7"), *expected]
        expected.append(("net_prio", "net_prio.ifpriomap", "lo 5"))

    found = limits.settings(resources, v2=v2)

    assert [(each.controller, each.file, each.value) for each in found] == expected


@pytest.mark.parametrize(
    ("resources", "v2", "kind", "message"),
    [
        (Resources(cpu_shares=1), False, InvalidArgument, "the minimum allowed cpu-shares is 2"),
        (Resources(cpu_shares=1 << 20), False, InvalidArgument, "allowed cpu-shares is 262144"),
        (Resources(unified={"a.b": "c"}), False, InvalidArgument, "cannot use unified"),
        (Resources(unified={"../a": "c"}), True, InvalidArgument, "without slashes"),
        (Resources(memory_swap=5), True, InvalidArgument, "swap limit without memory limit"),
        (Resources(memory_limit=9, memory_swap=5), True, InvalidArgument, "should be >= memory"),
        (Resources(oom_kill_disable=True), True, Unsupported, "oom kill disable"),
        (Resources(memory_swappiness=5), True, Unsupported, "memory swappiness"),
        (Resources(cpu_realtime_runtime=5), True, Unsupported, "cpu realtime runtime"),
        (Resources(network_class=5), True, Unsupported, "network limits"),
        (Resources(blkio_leaf_weight=5), True, Unsupported, "leaf weight"),
        (Resources(memory_swappiness=101), False, InvalidArgument, "valid range is 0-100"),
    ],
)
def test_what_a_version_cannot(
    resources: Resources, v2: bool, kind: type[Exception], message: str
) -> None:
    """Refused by name, in runc's words where it has some."""
    with pytest.raises(kind, match=message):
        limits.settings(resources, v2=v2)


@given(st.integers(2, 262144), st.integers(2, 262144))
def test_weights_keep_the_order_of_shares(first: int, second: int) -> None:
    """More shares are never less weight, and the ends meet the ends."""
    low, high = sorted((first, second))
    assert 1 <= limits.weight_of_shares(low) <= limits.weight_of_shares(high) <= 10000
    assert [limits.weight_of_shares(shares) for shares in (2, 1024, 262144)] == [1, 100, 10000]


def test_a_refused_value_is_told_as_runc_tells_it(tmp_path: Path) -> None:
    """Value, file and reason stand in the message."""
    with pytest.raises(StepFailed) as failed:
        limits.apply(Cgroup({"pids": str(tmp_path)}), Resources(pids_limit=5))
    place = tmp_path / "pids.max"
    assert failed.value.message == (
        f'failed to write "5": write {place}: no such file or directory'
    )


def test_what_contradicts_for_a_moment_is_tried_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A limit above the swap limit of before is refused until that one was raised."""
    for name in ("memory.limit_in_bytes", "memory.memsw.limit_in_bytes"):
        (tmp_path / name).write_text("5")
    order: list[str] = []

    def write(_: Cgroup, setting: limits.Setting) -> None:
        order.append(setting.file)
        if setting.file == "memory.limit_in_bytes" and len(order) == 1:
            raise OSError(22, "Invalid argument")

    monkeypatch.setattr(limits, "_write", write)
    limits.apply(Cgroup({"memory": str(tmp_path)}), Resources(memory_limit=10, memory_swap=10))
    assert order == [
        "memory.limit_in_bytes",
        "memory.memsw.limit_in_bytes",
        "memory.limit_in_bytes",
    ]
