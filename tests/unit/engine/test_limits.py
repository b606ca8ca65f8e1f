"""Docker's rules for limits: refusals, WARNINGs, updates, and what OCI gets."""

from __future__ import annotations

from dataclasses import replace

import pytest

from ipycontainer.engine import capacity, limits
from ipycontainer.engine.capacity import Capacity
from ipycontainer.engine.docker_py.limit_options import limits_from_options
from ipycontainer.errors import Conflict, InvalidArgument, ResourceError, Unsupported
from ipycontainer.linux.cgroups import Hierarchies
from ipycontainer.model.config import ContainerConfig
from ipycontainer.model.limits import NO_CGROUP, DeviceLimit, Limits, Ulimit
from ipycontainer.model.resources import Resources

MIB = 1 << 20
V2 = capacity.capacity(
    Hierarchies("v2", {}, "/nowhere"), frozenset({"memory", "cpu", "cpuset", "pids", "io"})
)
V2 = replace(V2, cpus="0-3", mems="0", processors=4)
NOTHING = Capacity(frozenset(), "v1", cpus="0-3", mems="0", processors=4)


def test_version_2_has_no_switches_of_version_1() -> None:
    """What only version 1 can is dropped with docker's words; real-time limits are refused."""
    asked = Limits(memory=64 * MIB, memory_swappiness=5, oom_kill_disable=True)
    kept, warnings = limits.checked(asked, V2)
    assert (kept.memory_swappiness, kept.oom_kill_disable) == (None, None)
    assert [text.rpartition(". ")[2] for text in warnings] == [
        "Memory swappiness discarded.",
        "OomKillDisable discarded.",
    ]
    with pytest.raises(InvalidArgument, match="does not support CPU real-time scheduler"):
        limits.checked(Limits(cpu_realtime_runtime=5), V2)


def test_without_cgroups_everything_is_dropped_with_a_word() -> None:
    """As for an ordinary user without delegation; nothing is left for the runtime."""
    device = (DeviceLimit("/dev/sda", 100),)
    asked = Limits(
        memory=64 * MIB,
        memory_reservation=32 * MIB,
        memory_swappiness=1,
        oom_kill_disable=True,
        cpu_shares=5,
        nano_cpus=1,
        cpuset_cpus="0",
        pids_limit=5,
        blkio_weight=5,
        blkio_weight_device=device,
        device_read_bps=device,
        device_write_bps=device,
        device_read_iops=device,
        device_write_iops=device,
    )
    kept, warnings = limits.checked(asked, NOTHING)
    assert warnings == (NO_CGROUP,)
    assert limits.resources(kept) is None


def test_memory_without_swap_accounting() -> None:
    """The memory is limited, the swap is not, and docker says so."""
    able = replace(V2, able=V2.able - {"swap"})
    kept, warnings = limits.checked(Limits(memory=64 * MIB, memory_swap=128 * MIB), able)
    assert kept.memory_swap == -1
    assert warnings[0].endswith("Memory limited without swap.")
    assert limits.resources(kept) == Resources(memory_limit=64 * MIB)


@pytest.mark.parametrize(
    "asked", [Limits(memory=64 * MIB, memory_swap=128 * MIB), Limits(memory_swap=-1)]
)
def test_an_update_of_memory_that_nobody_counts_changes_nothing(asked: Limits) -> None:
    """Nor does it ask for a cgroup, which such a container has not."""
    kept, warnings = limits.checked(asked, NOTHING, update=True)
    assert len(warnings) == (asked.memory > 0)
    assert limits.change(Limits(), kept) is None


def test_swap_is_twice_the_memory() -> None:
    """Docker's default, and what says nothing is not kept."""
    config = ContainerConfig("x", limits=Limits(memory=64 * MIB, pids_limit=-1))
    kept, _ = limits.admit(config, V2)
    assert (kept.limits.memory_swap, kept.limits.pids_limit) == (128 * MIB, None)


def test_a_parent_without_cgroups_is_dropped() -> None:
    """With a word, as everything else of a cgroup that cannot be made."""
    kept, warnings = limits.admit(ContainerConfig("x", cgroup_parent="/a"), NOTHING)
    assert (kept.cgroup_parent, len(warnings)) == ("", 1)


def test_processors_are_a_quota() -> None:
    """--cpus is a quota over docker's period."""
    assert limits.resources(Limits(nano_cpus=1_500_000_000)) == Resources(
        cpu_period=100_000, cpu_quota=150_000
    )


@pytest.mark.parametrize("path", ["/dev/null", "/no/such"])
def test_devices_that_cannot_be_limited(path: str) -> None:
    """Only block devices have rates."""
    with pytest.raises(ResourceError, match=path):
        limits.resources(Limits(device_read_bps=(DeviceLimit(path, 5),)))


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        (Limits(cpu_period=5), Limits(nano_cpus=5), "Nano CPUs cannot be updated as CPU Period"),
        (Limits(cpu_quota=5), Limits(nano_cpus=5), "Nano CPUs cannot be updated as CPU Quota"),
        (Limits(nano_cpus=5), Limits(cpu_period=5), "CPU Period cannot be updated as NanoCPUs"),
        (Limits(nano_cpus=5), Limits(cpu_quota=5), "CPU Quota cannot be updated as NanoCPUs"),
        (Limits(), Limits(memory=5), "Memory limit should be smaller than already set"),
        (Limits(memory=5, memory_swap=6), Limits(memory=7), "Memory limit should be smaller"),
        (Limits(memory=5, memory_swap=-1), Limits(memory=3), "Memory limit should be smaller"),
    ],
)
def test_updates_that_contradict(old: Limits, new: Limits, message: str) -> None:
    """In docker's words."""
    with pytest.raises(Conflict, match=message):
        limits.merged(old, new)


def test_updates_keep_the_rest() -> None:
    """What was not given stays; no limit of processes is shown as 0, as docker does."""
    old = Limits(memory=5, memory_swap=-1, cpu_shares=7, pids_limit=9)
    assert limits.merged(old, Limits(memory=6, memory_swap=-1, pids_limit=-1)) == replace(
        old, memory=6, pids_limit=0
    )
    assert limits.change(old, Limits(memory=6)) == Resources(memory_limit=6)
    assert limits.change(old, Limits(pids_limit=-1)) == Resources(pids_limit=-1)
    assert limits.change(old, Limits()) is None


def test_docker_py_names() -> None:
    """Options of docker's Python package; what is none is refused by name."""
    assert limits_from_options({"mem_limit": "1g", "memswap_limit": -1, "cpu_shares": 5}) == Limits(
        memory=1 << 30, memory_swap=-1, cpu_shares=5
    )
    with pytest.raises(Unsupported, match="restart_policy"):
        limits_from_options({"restart_policy": {"Name": "always"}})


def test_configuration_comes_back_from_the_store() -> None:
    """Limits are records again, and one of an older version has none."""
    config = ContainerConfig(
        "x",
        limits=Limits(memory=5, device_read_bps=(DeviceLimit("/dev/sda", 5),)),
        ulimits=(Ulimit("core", 0, 0),),
    )
    raw = config.to_json()
    assert ContainerConfig.from_json(raw) == config
    assert ContainerConfig.from_json({"image": "x"}).limits == Limits()


@pytest.mark.parametrize("capacity_of", [V2, NOTHING])
@pytest.mark.parametrize(
    ("wrong", "words"),
    [
        (Limits(memory_reservation=MIB), "Minimum memory reservation allowed is 6MB"),
        (Limits(memory=7 * MIB, memory_reservation=8 * MIB), "less than memory reservation"),
        (Limits(memory=8 * MIB, memory_swap=7 * MIB), "memoryswap limit should be larger"),
        (Limits(cpu_period=100), "CPU cfs period can not be less"),
        (Limits(cpu_quota=10), "CPU cfs quota can not be less"),
        (Limits(cpuset_cpus="x"), "Invalid value x for cpuset cpus"),
        (Limits(cpuset_cpus="99"), "Requested CPUs are not available - requested 99, available: 0"),
        (Limits(cpuset_mems="9"), "Requested memory nodes are not available"),
    ],
)
def test_a_wrong_value_is_refused_also_where_it_would_be_dropped(
    capacity_of: Capacity, wrong: Limits, words: str
) -> None:
    """Who may make no cgroup hears of a typing error as everybody does."""
    with pytest.raises(InvalidArgument, match=words):
        limits.checked(wrong, capacity_of)


@pytest.mark.parametrize(
    ("contradiction", "words"),
    [
        (Limits(memory=64 * MIB, memory_reservation=65 * MIB), "less than memory reservation"),
        (Limits(memory=64 * MIB, memory_swap=63 * MIB), "memoryswap limit should be larger"),
        (Limits(memory_swap=64 * MIB), "always set the Memory limit"),
    ],
)
def test_what_single_updates_made_of_it_is_looked_at_by_a_start(
    contradiction: Limits, words: str
) -> None:
    """Each was allowed alone; unlimited swap contradicts nothing."""
    with pytest.raises(InvalidArgument, match=words):
        limits.check_again(contradiction)

    limits.check_again(replace(contradiction, memory_swap=-1, memory_reservation=0))
