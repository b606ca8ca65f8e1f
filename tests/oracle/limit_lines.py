"""Lines that limit containers, for test_beside_docker: values of every option, valid and not.

The devices that lines name are /dev/loop0, which every Linux has. What is asked for in the same
words under both versions of cgroups, and told from another version's files, is taken from here by
tests/vm/test_beside_docker.
"""

# ruff: noqa: E501  a line is one line

from __future__ import annotations

from ipycontainer.linux import capabilities

__all__ = ["ASKED_BY_VERSION", "DIFFERENT", "HOLDING_ALIKE", "LIMIT_SCENES", "updates"]

# Those of which docker warns, or which it refuses, by what the machine's version of cgroups has.
_BY_VERSION = """
-m 10m|-m 10m --memory-swap 5m|-m 10m --memory-swap -1|--memory-reservation 20m|--memory-swappiness 50
--oom-kill-disable|--oom-kill-disable -m 10m|--kernel-memory 16m
--cpu-period 50000 --cpu-quota 50000|--cpu-rt-period 1000|--cpu-rt-runtime 2000000 --cpu-rt-period 1000000
--cpuset-cpus 0-500|--cpuset-mems 100|--pids-limit 7|--blkio-weight 500
--blkio-weight-device /dev/loop0:500|--device-read-bps /dev/loop0:1mb|--device-write-iops /dev/loop0:100
"""
_VALUES = """
-m 4m|-m 5242879|-m foo|-m 10x|-m 1.2.3|-m ''|-m 6m|-m 0|-m -1|-m 1.5g|-m 64MiB|-m 9999999999999999999
--memory-swap 10m|--memory-swap foo|--memory-swap -1|--memory-swap -2 -m 10m
--memory-reservation 4m|-m 10m --memory-reservation 20m|--memory-reservation -1
--memory-swappiness 101|--memory-swappiness -2|--memory-swappiness -1|--memory-swappiness x
--oom-kill-disable=x|--oom-kill-disable=false
--oom-score-adj 1001|--oom-score-adj -1001|--oom-score-adj 7|--oom-score-adj x
-c 1|-c -1|-c 0|-c 512|-c x|--cpu-shares=0x10
--cpus 3|--cpus x|--cpus -1|--cpus 0.0000000001|--cpus 1.5|--cpus 1/2|--cpus 1 --cpu-period 10000|--cpus 1 --cpu-quota 10000
--cpu-period 10|--cpu-period 1000001|--cpu-period -1|--cpu-period 50000|--cpu-quota 10|--cpu-quota -1|--cpu-quota 50000
--cpu-rt-runtime x
--cpuset-cpus x|--cpuset-cpus 1-0|--cpuset-cpus 0|--cpuset-cpus 0-|--cpuset-mems x|--cpuset-mems 0
--pids-limit -1|--pids-limit 0|--pids-limit x|--pids-limit -5
--blkio-weight 5|--blkio-weight 1001|--blkio-weight -1|--blkio-weight 70000|--blkio-weight x
--blkio-weight-device loop0:500|--blkio-weight-device /dev/loop0:5|--blkio-weight-device /dev/loop0|--blkio-weight-device /dev/loop0:x
--device-read-bps /dev/loop0:-1|--device-read-bps /dev/loop0|--device-read-bps loop0:1|--device-read-bps /dev/loop0:x|--device-read-bps /etc/passwd:1
--device-read-iops /dev/loop0:-100|--device-read-iops /dev/loop0:1mb|--device-write-iops x|--device-write-bps :1
--ulimit nofile=20:10|--ulimit foo=1|--ulimit nofile|--ulimit nofile=x|--ulimit nofile=1:2:3|--ulimit core=-1:5|--ulimit =5|--ulimit nofile=1:
"""


def _words(values: str) -> list[str]:
    return [words for line in values.strip().splitlines() for words in line.split("|")]


def _asked_for(values: str) -> tuple[str, ...]:
    return tuple(f"create --network none {words} busybox true" for words in _words(values))


ASKED_BY_VERSION = _asked_for(_BY_VERSION)

_SHOWN = "{{.CpuShares}} {{.Memory}} {{.NanoCpus}} {{.CgroupParent}} {{.BlkioWeight}} {{.BlkioWeightDevice}} {{.CpuPeriod}} {{.CpuQuota}} {{.CpuRealtimePeriod}} {{.CpuRealtimeRuntime}} {{.CpusetCpus}} {{.CpusetMems}} {{.MemoryReservation}} {{.MemorySwap}} {{json .MemorySwappiness}} {{json .OomKillDisable}} {{json .PidsLimit}} {{.OomScoreAdj}}"
SHOWN = _SHOWN.replace("{{.", "{{.HostConfig.").replace("{{json .", "{{json .HostConfig.")

_RUN = "run --rm --network none"
_V1 = "/sys/fs/cgroup"
_LOWER_BY_ONE = f"{_RUN} --oom-score-adj -1 busybox cat /proc/self/oom_score_adj"
_LOW = "run --network none --name low --oom-score-adj -500 busybox cat /proc/self/oom_score_adj"
_SHOW_LOW = "inspect -f '{{.HostConfig.OomScoreAdj}} {{.State.ExitCode}} {{.State.Status}}' low"

# Root may lack this capability, where it is root of a container or of a machine within another:
# docker's container then does not start (its init dies, and cannot say why), ours runs.
_MAY_LOWER = "CAP_SYS_RESOURCE" in capabilities.names_of(capabilities.own_bounding())
_KEPT = "without CAP_SYS_RESOURCE ours runs with 0 and podman's warning, runc's init dies"
DIFFERENT: dict[str, str] = (
    {} if _MAY_LOWER else dict.fromkeys((_LOWER_BY_ONE, _LOW, _SHOW_LOW), _KEPT)
)

# What is told of these hangs on no version's files.
HOLDING_ALIKE = (
    f"{_RUN} --pids-limit 1 busybox sh -c 'true & true'",
    f"{_RUN} --cpuset-cpus 0 busybox grep Cpus_allowed_list /proc/self/status",
    f"{_RUN} --oom-score-adj 500 busybox cat /proc/self/oom_score_adj",
    f"{_RUN} --ulimit nofile=100:200 --ulimit core=0 --ulimit stack=-1 busybox sh -c 'ulimit -Sn; ulimit -Hn; ulimit -c; ulimit -s'",
    f"{_RUN} -c 1 busybox true",
    f"{_RUN} -c -1 busybox true",
    f"{_RUN} --cpus 0.001 busybox true",
    f"{_RUN} --cpu-rt-runtime 1000 busybox true",
    f"{_RUN} --ulimit nofile=9999999 busybox true",
)


def updates(changed: str, pids: str, begun: str) -> tuple[str, ...]:
    """Return the lines that change the limits of a container, running, paused and stopped.

    Each argument names the files that tell of it inside: of what was changed, of the limit of
    processes, and of what is so after the next start. Shares are those of which all versions of
    runc make the same weight.
    """
    return (
        "run -d --network none --name lim busybox sleep 1000",
        *(
            f"update {words} lim"
            for words in (
                "",
                "-m 4m",
                "-m 10m",
                "-m 10m --memory-swap 20m",
                "-m 30m",
                "-m 15m",
                "--memory-swap 16m",
                "-m 32m --memory-swap 64m",
                "-m 12m --memory-swap 13m",
                "--memory-swap -1",
                "-m 64m",
                "--memory-reservation 80m",
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
                "--blkio-weight 5 -c 200",
            )
        ),
        f"exec lim cat {changed}",
        "exec lim grep Cpus_allowed_list /proc/1/status",
        f"inspect -f '{SHOWN}' lim",
        "update --pids-limit -1 lim",
        f"exec lim cat {pids}",
        "update -c 5 nope lim",
        "pause lim",
        "update -c 50 lim",
        f"exec lim cat {pids}",
        "unpause lim",
        "stop -t 0 lim",
        "update -c 700 lim",
        "update -m 300m --memory-swap 600m lim",
        "container update -c 2 lim",
        "start lim",
        f"exec lim cat {begun}",
        "stats --no-stream --format '{{.Name}} {{.PIDs}}' lim",
        "rm -f lim",
    )


LIMIT_SCENES: dict[str, tuple[str, ...]] = {
    "limits that are asked for": (*ASKED_BY_VERSION, *_asked_for(_VALUES)),
    "limits that are shown": tuple(
        line
        for number, words in enumerate(
            (
                "-m 10m",
                "-m 10m --memory-swap 20m",
                "-m 10m --memory-swap -1",
                "--memory-reservation 7m --memory-swappiness 0",
                "--oom-kill-disable -m 10m -c 100",
                "--cpus 1.5 --cpuset-cpus 0 --cpuset-mems 0",
                "--cpu-period 20000 --cpu-quota 10000",
                "--pids-limit -5",
                "--pids-limit 7 --oom-score-adj 5",
                "--blkio-weight 500 --cgroup-parent foo",
                "--ulimit nofile=5 --ulimit core=-1 --ulimit nofile=7:8",
            )
        )
        for line in (
            f"create --network none --name shown{number} {words} busybox true",
            f"inspect -f '{SHOWN}' shown{number}",
            f"inspect -f '{{{{json .HostConfig.Ulimits}}}}' shown{number}",
        )
    ),
    "limits that hold": (
        f"{_RUN} -c 300 busybox cat {_V1}/cpu/cpu.shares",
        f"{_RUN} --cpus 0.5 busybox cat {_V1}/cpu/cpu.cfs_quota_us {_V1}/cpu/cpu.cfs_period_us",
        f"{_RUN} --cpu-quota -1 busybox cat {_V1}/cpu/cpu.cfs_quota_us",
        f"{_RUN} --cpu-period 20000 --cpu-quota 2000 busybox cat {_V1}/cpu/cpu.cfs_quota_us {_V1}/cpu/cpu.cfs_period_us",
        f"{_RUN} -m 16m busybox cat {_V1}/memory/memory.limit_in_bytes {_V1}/memory/memory.memsw.limit_in_bytes",
        f"{_RUN} -m 16m --memory-swap -1 busybox cat {_V1}/memory/memory.memsw.limit_in_bytes",
        f"{_RUN} --memory-reservation 10m --memory-swappiness 5 busybox cat {_V1}/memory/memory.soft_limit_in_bytes {_V1}/memory/memory.swappiness",
        f"{_RUN} -m 16m --oom-kill-disable busybox head -1 {_V1}/memory/memory.oom_control",
        f"{_RUN} --pids-limit -5 busybox cat {_V1}/pids/pids.max",
        f"{_RUN} --cpuset-cpus 0 --cpuset-mems 0 busybox cat {_V1}/cpuset/cpuset.cpus {_V1}/cpuset/cpuset.mems",
        *HOLDING_ALIKE,
        _LOWER_BY_ONE,
        _LOW,
        _SHOW_LOW,
        "rm low",
        f"{_RUN} -m 16m busybox tail /dev/zero",
        "run --network none -m 16m --name oom busybox tail /dev/zero",
        "inspect -f '{{.State.OOMKilled}} {{.State.ExitCode}} {{.State.Status}}' oom",
        "run --network none -m 16m --name child busybox sh -c 'tail /dev/zero; exit 5'",
        "inspect -f '{{.State.OOMKilled}} {{.State.ExitCode}} {{.State.Status}}' child",
        "ps -a --filter name=oom",
    ),
    "stats": (
        "stats --no-stream",
        "stats --no-stream nope",
        "stats --foo",
        "create --network none --name one busybox sleep 1000",
        "stats --no-stream",
        "stats --no-stream -a",
        "stats --no-stream one",
        "stats --no-stream --no-trunc one",
        "stats --no-stream one nope",
        "stats --no-stream --format json one",
        "stats --no-stream --format '{{json .}}' one",
        "stats --no-stream -a --format '{{.Name}} {{.CPUPerc}} {{.MemUsage}} {{.MemPerc}} {{.NetIO}} {{.BlockIO}} {{.PIDs}} {{.ID}} {{.Container}}'",
        "stats --no-stream -a --format 'table {{.Name}}\\t{{.PIDs}}\\t{{.Container}}'",
        "stats --no-stream -a --format '{{.Nope}}'",
        "run -d --network none --name two busybox sleep 1000",
        "stats --no-stream --format '{{.Name}} {{.PIDs}} {{.NetIO}}' two one",
        "stats --no-stream --format '{{.Name}} {{.PIDs}}'",
        "run -d --network none --name three -m 64m busybox sleep 1000",
        "container stats --no-stream --format '{{.Name}} {{.PIDs}} {{.Container}}' -a",
        "rm -f one two three",
    ),
    "update": (
        "update",
        "update x",
        "update --foo x",
        "update -m foo x",
        "update -m 10m nope",
        "update -m 4m nope",
        "update --cpus 99 nope",
        "update --blkio-weight 500 nope",
        *updates(
            f"{_V1}/cpu/cpu.shares {_V1}/cpu/cpu.cfs_quota_us {_V1}/pids/pids.max {_V1}/memory/memory.limit_in_bytes {_V1}/memory/memory.soft_limit_in_bytes",
            f"{_V1}/pids/pids.max",
            f"{_V1}/cpu/cpu.shares {_V1}/memory/memory.limit_in_bytes",
        ),
    ),
}
