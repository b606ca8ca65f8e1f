"""Cases of limits that need a device or a controller of the machine: blocks, huge pages, packets.

The controllers that this machine has not mounted are mounted for a case alone, in a mount namespace
of its own, by who may: both runtimes find them in /proc/self/mountinfo.
"""

from __future__ import annotations

from typing import Any

from tests.system.runtime.conformance.case import Case

__all__ = ["CASES"]

SLEEP = {"process.args": ["sleep", "60"], "linux.cgroupsPath": "/NAME"}
CODE = "code $RT run $ID"
BEGIN = "$RT run -d $ID; echo code $?; C=/sys/fs/cgroup; "
# any block device that the kernel knows
DEVICE = (
    "D=$(ls /sys/dev/block | head -n1); sed -i s,98001,${D%:*},g\\;s,98002,${D#*:},g config.json; "
)
AT = {"major": 98001, "minor": 98002}
# Where the machine has mounted a controller, that is taken; else it is mounted for the case alone,
# below /sys/fs/cgroup, since runc looks nowhere else. A hierarchy in which a cgroup is still on its
# way out stays when it is unmounted, and dockerd looks for its statistics there: mounted once more.
# One case at a time: a hierarchy cannot be mounted anew while another is on its way out.
ALONE = (
    "exec 9</sys/fs/cgroup; flock 9; "
    'M=$(awk \'$3 == "cgroup" && ("," $4 ",") ~ /,{0},/ {{ print $2; exit }}\' /proc/mounts); '
    'own=; [ "$M" ] || {{ M=/sys/fs/cgroup/$ID; own=$M; mkdir $M; }}; export M own; '
    "unshare --mount sh -c '[ ! \"$own\" ] || mount -t cgroup -o {0} {0} $M || exit 9; {1}'; "
    'until [ ! "$own" ] || grep -Pq "^{0}\\t0\\t" /proc/cgroups; '
    "do unshare --mount mount -t cgroup -o {0} {0} $own; sleep 0.05; done; "
    '[ ! "$own" ] || rmdir $own'
)
END = "$RT delete -f $ID; ls -d $M/$ID 2>/dev/null | wc -l"


def _limited(**resources: Any) -> dict[str, Any]:
    return SLEEP | {f"linux.resources.{key}": value for key, value in resources.items()}


def _shows(*files: str) -> str:
    return BEGIN + "".join(
        f"echo {file} $(cat $C/{file.partition('.')[0]}/$ID/{file} | tr '\\n' ' '); "
        for file in files
    )


def _alone(controllers: str, script: str) -> str:
    return ALONE.format(controllers, script)


RATES = tuple(
    Case(
        f"rate of a block device: {kind} {unit}",
        DEVICE
        + BEGIN
        + f"sed s,^$D,DEVICE, $C/blkio/$ID/blkio.throttle.{kind.lower()}_{unit.lower()}_device",
        _limited(blockIO={f"throttle{kind}{unit}Device": [AT | {"rate": 1048576}]}),
        "DEVICE 1048576",
        root=True,
    )
    for kind in ("Read", "Write")
    for unit in ("Bps", "IOPS")
)

CASES = (
    *RATES,
    Case(
        "weight of leaves of a block device",
        DEVICE + CODE,
        _limited(blockIO={"weightDevice": [AT | {"leafWeight": 300}]}),
        "code 1",
        root=True,
    ),
    Case(
        "memory and swap together",
        _shows("memory.limit_in_bytes", "memory.memsw.limit_in_bytes"),
        _limited(memory={"limit": 33554432, "swap": 50331648}),
        "memory.memsw.limit_in_bytes 50331648",
        root=True,
    ),
    Case(
        "memory and swap that is less",
        CODE,
        _limited(memory={"limit": 33554432, "swap": 16777216}),
        "code 1",
        root=True,
    ),
    Case(
        "memory and swap without end",
        _shows("memory.limit_in_bytes"),
        _limited(memory={"limit": 33554432, "swap": -1}),
        "memory.limit_in_bytes 33554432",
        root=True,
    ),
    Case(
        "memory of the kernel's network is passed over",
        _shows("memory.limit_in_bytes"),
        _limited(memory={"limit": 33554432, "kernelTCP": 1048576}),
        "33554432",
        root=True,
    ),
    Case(
        "memory with all that is below",
        _shows("memory.limit_in_bytes", "memory.use_hierarchy"),
        _limited(memory={"limit": 33554432, "useHierarchy": True}),
        "memory.use_hierarchy 1",
        root=True,
    ),
    Case(
        "cpu burst",
        _shows("cpu.cfs_quota_us", "cpu.cfs_burst_us"),
        _limited(cpu={"quota": 20000, "period": 50000, "burst": 10000}),
        "cpu.cfs_burst_us 10000",
        root=True,
        runc=False,  # since 1.2
    ),
    Case(
        "cpu when nobody else wants it",
        _shows("cpu.idle"),
        _limited(cpu={"idle": 1}),
        "cpu.idle 1",
        root=True,
        runc=False,  # since 1.2 under version 1
    ),
    Case(
        "cpu in real time",
        _shows("cpu.rt_period_us", "cpu.rt_runtime_us"),
        _limited(cpu={"realtimePeriod": 500000, "realtimeRuntime": 10000}),
        "code ",
        root=True,
    ),
    Case(
        "huge pages",
        _alone(
            "hugetlb",
            "$RT run -d $ID; echo code $?; cat $M/$ID/hugetlb.2MB.limit_in_bytes; "
            "grep -c hugetlb:/$ID /proc/$(cat $M/$ID/cgroup.procs)/cgroup; " + END,
        ),
        _limited(hugepageLimits=[{"pageSize": "2MB", "limit": 4194304}]),
        "code 0\n4194304\n1\n0",
        root=True,
    ),
    Case(
        "huge pages of no size",
        _alone("hugetlb", "$RT run -d $ID 2>/dev/null; echo code $?; ls -d $M/$ID | wc -l"),
        _limited(hugepageLimits=[{"pageSize": "3MB", "limit": 4194304}]),
        "code 1\n0",
        root=True,
    ),
    Case(
        "huge pages that are taken",
        _alone(
            "hugetlb",
            "H=$(cat /proc/sys/vm/nr_hugepages); echo $((H + 4)) >/proc/sys/vm/nr_hugepages; "
            "$RT run $ID; echo code $?; echo $H >/proc/sys/vm/nr_hugepages",
        ),
        _limited(hugepageLimits=[{"pageSize": "2MB", "limit": 4194304}])
        | {
            "process.args": [
                "sh",
                "-c",
                "for n in 1 2 3; do fallocate -l 2M /huge/$n 2>/dev/null && echo taken; done",
            ],
            "mounts+": [
                {
                    "destination": "/huge",
                    "type": "hugetlbfs",
                    "source": "hugetlbfs",
                    "options": ["pagesize=2M"],
                }
            ],
        },
        "taken\ntaken\ncode",
        root=True,
    ),
    Case(
        "class of packets",
        _alone("net_cls", "$RT run -d $ID; echo code $?; cat $M/$ID/net_cls.classid; " + END),
        _limited(network={"classID": 1048577}),
        "code 0\n1048577\n0",
        root=True,
    ),
    Case(
        "priority of packets",
        _alone(
            "net_prio", "$RT run -d $ID; echo code $?; grep lo $M/$ID/net_prio.ifpriomap; " + END
        ),
        _limited(network={"priorities": [{"name": "lo", "priority": 5}]}),
        "code 0\nlo 5\n0",
        root=True,
    ),
    Case(
        "priority of packets of no interface",
        _alone("net_prio", "$RT run -d $ID 2>/dev/null; echo code $?"),
        _limited(network={"priorities": [{"name": "not-there", "priority": 5}]}),
        "code 1",
        root=True,
    ),
)
