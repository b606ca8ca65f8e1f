"""Limits and what a program sees inside, beside docker, where the machine has cgroup v2 alone.

Docker's daemon runs in the virtual machine, as root. Too slow for a usual run: by
`tests/vm/boot DIR PYTHON USER PYTHON -m slow tests/vm/test_beside_docker.py`, with
`IPYCONTAINER_VM_PARTS=root`, it runs alone.
"""

from __future__ import annotations

import os
import shlex
from collections.abc import Callable, Iterator
from pathlib import Path
from subprocess import CompletedProcess

import pytest

from ipycontainer.engine.engine import Engine
from tests.oracle.conftest import daemon, here
from tests.oracle.limit_lines import DIFFERENT, LIMIT_SCENES, SHOWN
from tests.oracle.test_beside_docker import masked
from tests.oracle.test_inside import ONLY_DOCKER, ONLY_OURS, VARIANTS, seen, unlisted

Command = Callable[..., "CompletedProcess[str]"]

pytestmark = [
    pytest.mark.slow,
    pytest.mark.timeout(1100),
    pytest.mark.skipif(os.geteuid() != 0, reason="docker's daemon needs root"),
]
# Nothing here speaks by the network, and its modules are slow to load.
UNCONNECTED = ("--bridge=none", "--iptables=false", "--ip6tables=false")

_RUN = "run --rm --network none"
_CGROUP = "/sys/fs/cgroup"


def _cat(*names: str) -> str:
    return "cat " + " ".join(f"{_CGROUP}/{name}" for name in names)


def _shown(*names: str) -> str:
    return " ".join(f"{{{{.{name}}}}}" for name in names)


SCENES = {
    # those of which docker warns, or which it refuses, by what the machine has
    "asked for": tuple(
        f"create --network none {words} busybox true"
        for words in (
            "-m 10m",
            "-m 10m --memory-swap 5m",
            "-m 10m --memory-swap -1",
            "--memory-reservation 20m",
            "--memory-swappiness 50",
            "--oom-kill-disable",
            "--oom-kill-disable -m 10m",
            "--kernel-memory 16m",
            "--cpu-period 50000 --cpu-quota 50000",
            "--cpu-rt-period 1000",
            "--cpu-rt-runtime 2000000 --cpu-rt-period 1000000",
            "--cpuset-cpus 0-500",
            "--cpuset-mems 100",
            "--pids-limit 7",
            "--blkio-weight 500",
            "--blkio-weight-device /dev/loop0:500",
            "--device-read-bps /dev/loop0:1mb",
            "--device-write-iops /dev/loop0:100",
        )
    ),
    "shown": LIMIT_SCENES["limits that are shown"][:21],
    # not below 64m: the cgroup counts runc's init, too, which has ended at 16m before the start
    "hold": (
        f"{_RUN} -c 300 busybox {_cat('cpu.weight')}",
        f"{_RUN} -c 2 busybox {_cat('cpu.weight')}",
        f"{_RUN} -c 262144 busybox {_cat('cpu.weight')}",
        f"{_RUN} -c 1 busybox true",
        f"{_RUN} -c -1 busybox true",
        f"{_RUN} --cpus 0.5 busybox {_cat('cpu.max')}",
        f"{_RUN} --cpus 0.001 busybox true",
        f"{_RUN} --cpu-quota -1 busybox {_cat('cpu.max')}",
        f"{_RUN} --cpu-quota 20000 busybox {_cat('cpu.max')}",
        f"{_RUN} --cpu-period 20000 --cpu-quota 2000 busybox {_cat('cpu.max')}",
        f"{_RUN} --cpu-period 20000 busybox {_cat('cpu.max')}",
        f"{_RUN} --cpu-rt-runtime 1000 busybox true",
        f"{_RUN} -m 64m busybox {_cat('memory.max', 'memory.swap.max', 'memory.low')}",
        f"{_RUN} -m 64m --memory-swap 64m busybox {_cat('memory.max', 'memory.swap.max')}",
        f"{_RUN} -m 64m --memory-swap 100m busybox {_cat('memory.max', 'memory.swap.max')}",
        f"{_RUN} -m 64m --memory-swap -1 busybox {_cat('memory.max', 'memory.swap.max')}",
        f"{_RUN} --memory-reservation 10m busybox {_cat('memory.low', 'memory.max')}",
        f"{_RUN} --memory-reservation 10m --memory-swappiness 5 busybox true",
        f"{_RUN} -m 64m --oom-kill-disable busybox true",
        f"{_RUN} --kernel-memory 16m busybox true",
        f"{_RUN} --pids-limit 1 busybox sh -c 'true & true'",
        f"{_RUN} --pids-limit -5 busybox {_cat('pids.max')}",
        f"{_RUN} --pids-limit 77 busybox {_cat('pids.max')}",
        f"{_RUN} --cpuset-cpus 0 --cpuset-mems 0 busybox {_cat('cpuset.cpus', 'cpuset.mems')}",
        f"{_RUN} --cpuset-cpus 0 busybox grep Cpus_allowed_list /proc/self/status",
        f"{_RUN} --blkio-weight 500 busybox true",
        f"{_RUN} --device-read-bps /dev/loop0:1mb busybox {_cat('io.max')}",
        f"{_RUN} --device-write-iops /dev/loop0:100 busybox {_cat('io.max')}",
        f"{_RUN} --oom-score-adj 500 busybox cat /proc/self/oom_score_adj",
        f"{_RUN} --ulimit nofile=100:200 busybox sh -c 'ulimit -Sn; ulimit -Hn'",
        f"{_RUN} --cgroup-parent foo --pids-limit 5 busybox cat /proc/self/cgroup",
        f"{_RUN} --cgroupns host busybox cat /proc/self/cgroup",
        f"{_RUN} --cgroupns private busybox cat /proc/self/cgroup",
        f"{_RUN} busybox sh -c 'mkdir {_CGROUP}/x; echo 5 >{_CGROUP}/pids.max'",
        f"{_RUN} --privileged busybox sh -c 'mkdir {_CGROUP}/x && rmdir {_CGROUP}/x && echo yes'",
        f"{_RUN} busybox sh -c 'ls {_CGROUP} | sort'",
        f"{_RUN} busybox {_cat('cgroup.controllers', 'cgroup.subtree_control', 'cgroup.type')}",
        f"{_RUN} -m 64m busybox tail /dev/zero",
        "run --network none -m 64m --name oom busybox tail /dev/zero",
        "inspect -f '{{.State.OOMKilled}} {{.State.ExitCode}} {{.State.Status}}' oom",
        "run --network none -m 64m --name child busybox sh -c 'tail /dev/zero; exit 5'",
        "inspect -f '{{.State.OOMKilled}} {{.State.ExitCode}} {{.State.Status}}' child",
        f"info -f '{_shown('CgroupVersion', 'CgroupDriver', 'MemoryLimit', 'SwapLimit')}'",
        f"info -f '{_shown('CpuCfsPeriod', 'CpuCfsQuota', 'CPUShares', 'CPUSet', 'PidsLimit')}'",
        "info -f '{{json .Warnings}}'",
    ),
    "changed": (
        "run -d --network none --name lim busybox sleep 1000",
        *(
            f"update {words} lim"
            for words in (
                "",
                "-m 4m",
                "-m 10m",
                "-m 10m --memory-swap 20m",
                "-m 30m",
                "--memory-swap 16m",
                "-m 32m --memory-swap 64m",
                "--memory-swap -1",
                "--memory-reservation 20m",
                "--cpus 1",
                "--cpus 99",
                "--cpu-period 10000",
                "--cpu-quota 10000",
                "-c 262144",
                "--cpuset-cpus 0",
                "--cpuset-cpus 500",
                "--pids-limit 50",
                "--blkio-weight 500",
            )
        ),
        f"exec lim {_cat('cpu.weight', 'cpu.max', 'cpuset.cpus', 'pids.max', 'memory.max')}",
        f"exec lim {_cat('memory.low', 'memory.swap.max')}",
        "exec lim cat /proc/self/cgroup",
        f"inspect -f '{SHOWN}' lim",
        "update --pids-limit -1 lim",
        f"exec lim {_cat('pids.max')}",
        "pause lim",
        f"exec lim {_cat('cgroup.freeze')}",
        "update -c 2 lim",
        "unpause lim",
        "stop -t 0 lim",
        "update -m 300m --memory-swap 600m lim",
        "start lim",
        f"exec lim {_cat('cpu.weight', 'memory.max', 'memory.swap.max')}",
        "stats --no-stream --format '{{.Name}} {{.PIDs}}' lim",
        "rm -f lim",
    ),
}  # fmt: skip


WEIGHTS = "runc 1.1 draws a straight line from shares to weights, later ones the kernel's own curve"
BELOW = "what is below the least of shares wraps around in runc 1.1, and is the least here"
DIFFERENT_HERE: dict[str, str] = {
    f"{_RUN} -c 300 busybox {_cat('cpu.weight')}": WEIGHTS,
    f"{_RUN} -c 1 busybox true": BELOW,
}


@pytest.fixture(scope="module")
def docker(busybox_tar: Path) -> Iterator[Command]:
    """Docker's command line against a daemon in the virtual machine."""
    with daemon(busybox_tar, *UNCONNECTED) as run:
        yield run


@pytest.fixture
def ours(
    engine: Engine, capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> Iterator[Command]:
    """Our command line, in this process."""
    monkeypatch.chdir(engine.home.root.parent)
    with here(engine, capfd) as run:
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
