"""Limits and what a program sees inside, beside docker, where the machine has cgroup v2 alone.

Docker's daemon runs in the virtual machine, as root. Too slow for a usual run: by
`tests/vm/boot DIR PYTHON USER PYTHON -m slow tests/vm/test_beside_docker.py`, with
`IPYCONTAINER_VM_PARTS=root`, it runs alone. It takes longer than a boot is given, unless
`IPYCONTAINER_VM_SECONDS` gives more: `-k limits` and `-k inside` are its halves.
"""

from __future__ import annotations

import os
import shlex
from collections.abc import Callable, Iterator
from pathlib import Path
from subprocess import CompletedProcess

import pytest

from tests.oracle import conftest
from tests.oracle.limit_lines import (
    ASKED_BY_VERSION,
    DIFFERENT,
    HOLDING_ALIKE,
    LIMIT_SCENES,
    updates,
)
from tests.oracle.test_beside_docker import masked
from tests.oracle.test_inside import ONLY_DOCKER, ONLY_OURS, VARIANTS, seen, unlisted

Command = Callable[..., "CompletedProcess[str]"]

ours = conftest.ours  # a fixture: our command line in this process

pytestmark = [
    pytest.mark.slow,
    pytest.mark.timeout(1100),
    pytest.mark.skipif(os.geteuid() != 0, reason="docker's daemon needs root"),
]
# Nothing here speaks by the network, and its modules are slow to load.
UNCONNECTED = ("--bridge=none", "--iptables=false", "--ip6tables=false")

_RUN = "run --rm --network none"
_CGROUP = "/sys/fs/cgroup"


def _files(*names: str) -> str:
    return " ".join(f"{_CGROUP}/{name}" for name in names)


def _cat(*names: str) -> str:
    return f"cat {_files(*names)}"


_SWAP_LEFT = f"exec swap {_cat('memory.swap.max')}"


def _shown(*names: str) -> str:
    return " ".join(f"{{{{.{name}}}}}" for name in names)


SCENES = {
    "asked for": ASKED_BY_VERSION,
    "shown": LIMIT_SCENES["limits that are shown"],
    "hold under both versions": HOLDING_ALIKE,
    "processors and devices": (
        f"{_RUN} -c 300 busybox {_cat('cpu.weight')}",
        f"{_RUN} -c 2 busybox {_cat('cpu.weight')}",
        f"{_RUN} -c 262144 busybox {_cat('cpu.weight')}",
        f"{_RUN} --cpus 0.5 busybox {_cat('cpu.max')}",
        f"{_RUN} --cpu-quota -1 busybox {_cat('cpu.max')}",
        f"{_RUN} --cpu-quota 20000 busybox {_cat('cpu.max')}",
        f"{_RUN} --cpu-period 20000 --cpu-quota 2000 busybox {_cat('cpu.max')}",
        f"{_RUN} --cpu-period 20000 busybox {_cat('cpu.max')}",
        f"{_RUN} --pids-limit -5 busybox {_cat('pids.max')}",
        f"{_RUN} --pids-limit 77 busybox {_cat('pids.max')}",
        f"{_RUN} --cpuset-cpus 0 --cpuset-mems 0 busybox {_cat('cpuset.cpus', 'cpuset.mems')}",
        f"{_RUN} --blkio-weight 500 busybox true",
        f"{_RUN} --device-read-bps /dev/loop0:1mb busybox {_cat('io.max')}",
        f"{_RUN} --device-write-iops /dev/loop0:100 busybox {_cat('io.max')}",
    ),
    # not below 64m: the cgroup counts runc's init, too, which has ended at 16m before the start
    "memory": (
        f"{_RUN} -m 64m busybox {_cat('memory.max', 'memory.swap.max', 'memory.low')}",
        f"{_RUN} -m 64m --memory-swap 64m busybox {_cat('memory.max', 'memory.swap.max')}",
        f"{_RUN} -m 64m --memory-swap 100m busybox {_cat('memory.max', 'memory.swap.max')}",
        f"{_RUN} -m 64m --memory-swap -1 busybox {_cat('memory.max', 'memory.swap.max')}",
        f"{_RUN} --memory-reservation 10m busybox {_cat('memory.low', 'memory.max')}",
        f"{_RUN} --memory-reservation 10m --memory-swappiness 5 busybox true",
        f"{_RUN} -m 64m --oom-kill-disable busybox true",
        f"{_RUN} --kernel-memory 16m busybox true",
        f"{_RUN} -m 64m busybox tail /dev/zero",
        "run --network none -m 64m --name oom busybox tail /dev/zero",
        "inspect -f '{{.State.OOMKilled}} {{.State.ExitCode}} {{.State.Status}}' oom",
        "run --network none -m 64m --name child busybox sh -c 'tail /dev/zero; exit 5'",
        "inspect -f '{{.State.OOMKilled}} {{.State.ExitCode}} {{.State.Status}}' child",
        "run -d --network none -m 64m --memory-swap 80m --name swap busybox sleep 1000",
        "update --memory-swap 90m swap",
        "update --memory-swap -1 swap",
        _SWAP_LEFT,
        "update -m 70m --memory-swap 80m swap",
        f"exec swap {_cat('memory.max', 'memory.swap.max')}",
    ),
    "cgroups": (
        f"{_RUN} --cgroup-parent foo --pids-limit 5 busybox cat /proc/self/cgroup",
        f"{_RUN} --cgroupns host busybox cat /proc/self/cgroup",
        f"{_RUN} --cgroupns private busybox cat /proc/self/cgroup",
        f"{_RUN} busybox sh -c 'mkdir {_CGROUP}/x; echo 5 >{_CGROUP}/pids.max'",
        f"{_RUN} --privileged busybox sh -c 'mkdir {_CGROUP}/x && rmdir {_CGROUP}/x && echo yes'",
        f"{_RUN} busybox sh -c 'ls {_CGROUP} | sort'",
        f"{_RUN} busybox {_cat('cgroup.controllers', 'cgroup.subtree_control', 'cgroup.type')}",
        f"info -f '{_shown('CgroupVersion', 'CgroupDriver', 'MemoryLimit', 'SwapLimit')}'",
        f"info -f '{_shown('CPUCfsPeriod', 'CPUCfsQuota', 'CPUShares', 'CPUSet', 'PidsLimit')}'",
        "info -f '{{json .Warnings}}'",
    ),
    "changed": updates(
        _files(
            "cpu.weight",
            "cpu.max",
            "cpuset.cpus",
            "pids.max",
            "memory.max",
            "memory.low",
        ),
        _files("pids.max"),
        _files("cpu.weight", "memory.max", "memory.swap.max"),
    ),
}


WEIGHTS = "runc 1.1 draws a straight line from shares to weights, later ones the kernel's own curve"
LOST = (
    "docker 26's command line loses rates of devices on its way (its inspect has none); asked by "
    "its API, its daemon writes the line that ours does"
)
BELOW = "what is below the least of shares wraps around in runc 1.1, and is the least here"
UNTOLD = "docker tells runc what was changed alone, which cannot make version 2's swap of that"
FEWER = (
    "hugetlb, rdma and misc, which no option of docker's sets, are let in where a bundle asks for "
    "them: each makes the making of every cgroup longer"
)
BRIDGES = "nothing of ours needs the switches by which bridges ask iptables"
NO_END = "docker tells runc of no -1: what runs keeps its limit of swap until the next start"
DIFFERENT_HERE: dict[str, str] = {
    f"{_RUN} -c 300 busybox {_cat('cpu.weight')}": WEIGHTS,
    f"{_RUN} -c 1 busybox true": BELOW,
    f"{_RUN} --device-read-bps /dev/loop0:1mb busybox {_cat('io.max')}": LOST,
    f"{_RUN} --device-write-iops /dev/loop0:100 busybox {_cat('io.max')}": LOST,
    "update --memory-swap 16m lim": UNTOLD,
    "update --memory-swap 90m swap": UNTOLD,
    _SWAP_LEFT: NO_END,
    f"{_RUN} busybox sh -c 'ls {_CGROUP} | sort'": FEWER,
    f"{_RUN} busybox {_cat('cgroup.controllers', 'cgroup.subtree_control', 'cgroup.type')}": FEWER,
    "info -f '{{json .Warnings}}'": BRIDGES,
}


@pytest.fixture(scope="module")
def docker(busybox_tar: Path) -> Iterator[Command]:
    """Docker's command line against a daemon in the virtual machine."""
    with conftest.daemon(busybox_tar, *UNCONNECTED) as run:
        yield run


@pytest.mark.parametrize("scene", SCENES)
def test_limits_are_dockers(scene: str, docker: Command, ours: Command, busybox_tar: Path) -> None:
    """Every line gives docker's output, errors and exit code."""
    ours("import", str(busybox_tar), "busybox:latest")
    different = []
    for line in SCENES[scene]:
        words = shlex.split(line)
        theirs, own = (masked(run(*words, stdin="in\n"), words) for run in (docker, ours))
        if theirs != own and line not in {**DIFFERENT, **DIFFERENT_HERE}:
            different.append(f"{line}\n  docker {theirs}\n  ours   {own}")
    for run in (docker, ours):
        if left := run("ps", "-aq").stdout.split():
            run("rm", "-fv", *left)
    assert not different, "\n".join(different)


@pytest.mark.parametrize("variant", VARIANTS)
def test_the_same_inside(variant: str, docker: Command, ours: Command, busybox_tar: Path) -> None:
    """Capabilities, filter, masks, mounts, devices, limits, namespaces, environment and files."""
    ours("import", str(busybox_tar), "busybox:latest")
    theirs, own = seen(docker, variant), seen(ours, variant)
    assert unlisted(theirs - own, ONLY_DOCKER) == []
    assert unlisted(own - theirs, ONLY_OURS) == []
