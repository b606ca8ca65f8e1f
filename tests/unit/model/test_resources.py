"""`linux.resources` as our bundles and other engines' have it."""

from __future__ import annotations

from typing import Any

import pytest

from ipycontainer.errors import InvalidArgument
from ipycontainer.model.resources import DeviceValue, PageLimit, RdmaLimit, Resources

FULL = Resources(
    memory_limit=1,
    memory_reservation=2,
    memory_swap=-1,
    memory_swappiness=0,
    oom_kill_disable=True,
    cpu_shares=3,
    cpu_quota=-1,
    cpu_period=4,
    cpu_realtime_runtime=5,
    cpu_realtime_period=6,
    cpus="0-1",
    mems="0",
    pids_limit=7,
    blkio_weight=8,
    blkio_weight_device=(DeviceValue(8, 0, 10),),
    read_bps=(DeviceValue(8, 0, 1), DeviceValue(8, 16, 2)),
    memory_check=True,
    blkio_leaf_weight=9,
    blkio_leaf_weight_device=(DeviceValue(8, 16, 11),),
    huge_pages=(PageLimit("2MB", 4 << 20),),
    rdma=(RdmaLimit("mlx5_1", 3, None), RdmaLimit("mlx5_2", None, 0)),
    network_class=1048577,
    network_priorities=(("lo", 5),),
    unified={"memory.high": "5"},
)


def test_comes_back_as_it_was() -> None:
    """What is written is read again."""
    assert Resources.from_json(FULL.to_json()) == FULL


@pytest.mark.parametrize(
    "raw",
    [
        {},
        {"devices": [{"allow": False}]},
        {"memory": {}, "cpu": {"shares": 0, "cpus": ""}, "pids": {"limit": 0}},
        {"memory": {"useHierarchy": True, "kernel": 0}, "blockIO": {"weight": 0, "leafWeight": 0}},
        {"hugepageLimits": [], "network": {}, "rdma": None},
    ],
)
def test_nothing_is_asked(raw: dict[str, Any]) -> None:
    """Empty parts and zeros of other engines are no request."""
    assert Resources.from_json(raw) is None


def test_weights_have_a_name_of_their_own() -> None:
    """The specification says `weight` where the rates say `rate`."""
    raw = {"blockIO": {"weightDevice": [{"major": 8, "minor": 0, "weight": 500}]}}
    found = Resources.from_json(raw)
    assert found is not None
    assert found.blkio_weight_device == (DeviceValue(8, 0, 500),)


@pytest.mark.parametrize(
    ("raw", "name"),
    [
        ({"memory": {"kernel": 5}}, "linux.resources.memory.kernel"),
        ({"pids": {"most": 5}}, "linux.resources.pids.most"),
        ({"gpu": {"limit": 5}}, "linux.resources.gpu"),
    ],
)
def test_what_is_not_carried_out_is_refused(raw: dict[str, Any], name: str) -> None:
    """By its name."""
    with pytest.raises(InvalidArgument, match=name):
        Resources.from_json(raw)
