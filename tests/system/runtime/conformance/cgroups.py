"""Cases of `linux.resources`, of the cgroup's path, and of `update`, `pause` and `resume`."""

from __future__ import annotations

from typing import Any

from tests.system.runtime.conformance.case import Case

__all__ = ["CASES"]

# not below the cgroup of who calls: there runc puts what names no path
SLEEP = {"process.args": ["sleep", "60"], "linux.cgroupsPath": "/NAME"}
BEGIN = "$RT run -d $ID; C=/sys/fs/cgroup; "
CODE = "code $RT run $ID"
# which controller a machine has not is in the message, its words alike
WHETHER = (
    "$RT run -d $ID 2>err; echo code $?; grep -o 'cannot set [a-z_]* limit: container could not "
    "join or create cgroup' err"
)


def _limited(**resources: Any) -> dict[str, Any]:
    return SLEEP | {f"linux.resources.{key}": value for key, value in resources.items()}


def _shows(*files: str) -> str:
    """Return a script that prints files of the container's cgroup."""
    return BEGIN + "".join(
        f"echo {file} $(cat $C/{file.partition('.')[0]}/$ID/{file}); " for file in files
    )


def _updated(words: str, *files: str, before: str = "") -> str:
    return BEGIN + before + f"$RT update {words} $ID; echo code $?; " + _shows(*files)[len(BEGIN) :]


CASES = tuple(
    Case(name, script, edits, shows, root=True)
    for name, script, edits, shows in (
        (
            "memory limit",
            _shows("memory.limit_in_bytes"),
            _limited(memory={"limit": 33554432}),
            "33554432",
        ),
        (
            "memory reservation",
            _shows("memory.soft_limit_in_bytes"),
            _limited(memory={"reservation": 16777216}),
            "16777216",
        ),
        (
            "memory swappiness",
            _shows("memory.swappiness"),
            _limited(memory={"swappiness": 40}),
            "40",
        ),
        (
            "memory without limit",
            _shows("memory.limit_in_bytes"),
            _limited(memory={"limit": -1}),
            "memory.limit_in_bytes 9",
        ),
        (
            "memory of the kernel is passed over",
            _shows("memory.limit_in_bytes"),
            _limited(memory={"limit": 33554432, "kernel": 1048576}),
            "33554432",
        ),
        ("cpu shares", _shows("cpu.shares"), _limited(cpu={"shares": 512}), "512"),
        (
            "cpu quota and period",
            _shows("cpu.cfs_quota_us", "cpu.cfs_period_us"),
            _limited(cpu={"quota": 20000, "period": 50000}),
            "20000",
        ),
        ("cpu quota without end", _shows("cpu.cfs_quota_us"), _limited(cpu={"quota": -1}), "-1"),
        ("processors", _shows("cpuset.cpus"), _limited(cpu={"cpus": "0", "mems": "0"}), "0"),
        ("processors that are not there", CODE, _limited(cpu={"cpus": "999"}), "code 1"),
        ("number of processes", _shows("pids.max"), _limited(pids={"limit": 20}), "20"),
        (
            "number of processes without limit",
            _shows("pids.max"),
            _limited(pids={"limit": -1}),
            "max",
        ),
        (
            "file of version 2 under version 1",
            CODE,
            _limited(unified={"memory.max": "1G"}),
            "code 1",
        ),
        (
            "weight of block devices",
            BEGIN + "cat $C/blkio/$ID/blkio*.weight",
            _limited(blockIO={"weight": 500}),
            "500",
        ),
        (
            "weight of a block device that is not there",
            CODE,
            _limited(blockIO={"weightDevice": [{"major": 250, "minor": 250, "weight": 300}]}),
            "code 1",
        ),
        (
            "weight of leaves",
            CODE,
            _limited(blockIO={"leafWeight": 500}),
            "code 1",
        ),
        (
            "rate of a block device that is not there",
            CODE,
            _limited(blockIO={"throttleReadBpsDevice": [{"major": 250, "minor": 9, "rate": 5}]}),
            "code 1",
        ),
        *(
            (f"{name} on a machine that may lack it", WHETHER, _limited(**{key: value}), "code ")
            for name, key, value in (
                ("huge pages", "hugepageLimits", [{"pageSize": "2MB", "limit": 4194304}]),
                ("huge pages of no size", "hugepageLimits", [{"pageSize": "3MB", "limit": 4096}]),
                ("remote memory", "rdma", {"mlx5_1": {"hcaHandles": 3, "hcaObjects": 10}}),
                ("class of packets", "network", {"classID": 1048577}),
                ("priority of packets", "network", {"priorities": [{"name": "lo", "priority": 5}]}),
            )
        ),
        (
            "remote memory of no device",
            CODE,
            _limited(rdma={}) | {"process.args": ["true"]},
            "code 0",
        ),
        (
            "memory that is checked before it is limited",
            _shows("memory.limit_in_bytes"),
            _limited(memory={"limit": 67108864, "checkBeforeUpdate": True}),
            "67108864",
        ),
        (
            "memory and nobody who is killed for it",
            BEGIN + "grep 'kill_disable' $C/memory/$ID/memory.oom_control",
            _limited(memory={"limit": 67108864, "disableOOMKiller": True}),
            "oom_kill_disable 1",
        ),
        (
            "memory swappiness of nothing",
            _shows("memory.swappiness"),
            _limited(memory={"swappiness": 0}),
            "memory.swappiness 0",
        ),
        ("memory swappiness beyond all", CODE, _limited(memory={"swappiness": 200}), "code 1"),
        ("cpu shares of one", CODE, _limited(cpu={"shares": 1}), "code 1"),
        ("cpu shares beyond all", CODE, _limited(cpu={"shares": 9999999}), "code 1"),
        ("cpu period too short", CODE, _limited(cpu={"period": 1}), "code 1"),
        ("processors that are no list", CODE, _limited(cpu={"cpus": "abc"}), "code 1"),
        ("memory nodes that are not there", CODE, _limited(cpu={"mems": "7"}), "code 1"),
        (
            "number of processes of nothing",
            _shows("pids.max"),
            _limited(pids={"limit": 0}),
            "pids.max max",
        ),
        (
            "number of processes below nothing",
            _shows("pids.max"),
            _limited(pids={"limit": -5}),
            "pids.max max",
        ),
        (
            "cgroup by an absolute path",
            BEGIN + "cat $C/pids/ipyc-conform/$ID/cgroup.procs | wc -l; $RT delete -f $ID;"
            "ls $C/pids/ipyc-conform/$ID | wc -l; rmdir $C/*/ipyc-conform 2>/dev/null",
            SLEEP | {"linux.cgroupsPath": "/ipyc-conform/NAME"},
            "1\n0",
        ),
        (
            "cgroup is gone with the container",
            BEGIN + "ls -d $C/pids/$ID; $RT delete -f $ID; ls -d $C/*/$ID | wc -l",
            SLEEP,
            "0",
        ),
        (
            "processes of the cgroup",
            BEGIN + "[ $(cat $C/pids/$ID/cgroup.procs) = $(pid) ]; echo $?",
            SLEEP,
            "0",
        ),
        (
            "update memory",
            _updated("--memory 64M", "memory.limit_in_bytes"),
            _limited(memory={"limit": 33554432}),
            "67108864",
        ),
        (
            "update memory in bytes",
            _updated("--memory 52428800", "memory.limit_in_bytes"),
            _limited(memory={"limit": 33554432}),
            "52428800",
        ),
        (
            "update memory to no limit",
            _updated("--memory -1", "memory.limit_in_bytes"),
            _limited(memory={"limit": 33554432}),
            "code 0\nmemory.limit_in_bytes 9",
        ),
        (
            "update memory reservation",
            _updated("--memory-reservation 33554432", "memory.soft_limit_in_bytes"),
            SLEEP,
            "33554432",
        ),
        (
            "update cpu",
            _updated(
                "--cpu-share 100 --cpu-period 100000 --cpu-quota 30000",
                "cpu.shares",
                "cpu.cfs_period_us",
                "cpu.cfs_quota_us",
            ),
            SLEEP,
            "cpu.shares 100",
        ),
        (
            "update quota alone",
            _updated("--cpu-quota 30000", "cpu.cfs_period_us", "cpu.cfs_quota_us"),
            _limited(cpu={"quota": 20000, "period": 50000}),
            "cpu.cfs_quota_us 30000",
        ),
        (
            "update number of processes",
            _updated("--pids-limit 10", "pids.max"),
            _limited(pids={"limit": 20}),
            "pids.max 10",
        ),
        (
            "update processors",
            _updated("--cpuset-cpus 0 --cpuset-mems 0", "cpuset.cpus"),
            _limited(cpu={"cpus": "0", "mems": "0"}),
            "cpuset.cpus 0",
        ),
        (
            "update by a file",
            _updated(
                "-r new.json",
                "memory.limit_in_bytes",
                "pids.max",
                before='echo \'{"memory": {"limit": 52428800}, "pids": {"limit": 30}}\' >new.json;',
            ),
            SLEEP,
            "pids.max 30",
        ),
        (
            "update by standard input",
            BEGIN + 'echo \'{"pids": {"limit": 31}}\' | $RT update -r - $ID; echo code $?; '
            "cat $C/pids/$ID/pids.max",
            SLEEP,
            "code 0\n31",
        ),
        ("update with nonsense", BEGIN + "code $RT update --memory lots $ID", SLEEP, "code 1"),
        (
            "update of a container that is not there",
            "code $RT update --memory 64M $ID",
            SLEEP,
            "code 1",
        ),
        (
            "update of a schema that the machine lacks",
            BEGIN + "code $RT update --l3-cache-schema L3:0=f $ID",
            SLEEP,
            "code 1",
        ),
        (
            "pause and resume",
            BEGIN + "$RT pause $ID; st; cat $C/freezer/$ID/freezer.state; $RT resume $ID; st; "
            "cat $C/freezer/$ID/freezer.state",
            SLEEP,
            "paused\nFROZEN\nrunning\nTHAWED",
        ),
        (
            "pause of a created container",
            "$RT create $ID; $RT pause $ID; st; $RT resume $ID; st",
            SLEEP,
            "paused\ncreated",
        ),
        (
            "pause twice and resume what runs",
            BEGIN + "code $RT resume $ID; $RT pause $ID; code $RT pause $ID",
            SLEEP,
            "code 1\n",
        ),
        (
            "pause of a container that is not there",
            "code $RT pause $ID; code $RT resume $ID",
            SLEEP,
            "code 1\ncode 1",
        ),
        (
            "exec in a paused container",
            BEGIN + "$RT pause $ID; code $RT exec $ID true",
            SLEEP,
            "code 255",
        ),
        (
            "kill of a paused container",
            BEGIN + "$RT pause $ID; $RT kill $ID KILL; until_is stopped;st",
            SLEEP,
            "stopped",
        ),
        (
            "delete by force of a paused container",
            BEGIN + "$RT pause $ID; code $RT delete -f $ID; code $RT state $ID",
            SLEEP,
            "code 0\ncode 1",
        ),
        (
            "exec in a cgroup below",
            BEGIN + "mkdir $C/pids/$ID/sub; $RT exec --cgroup pids:sub $ID grep -o 'pids:.*sub$' "
            "/proc/self/cgroup | grep -o sub; echo code $?",
            SLEEP,
            "sub\ncode 0",
        ),
        (
            "exec in a cgroup that is not there",
            BEGIN + "code $RT exec --cgroup pids:nope $ID true",
            SLEEP,
            "code 255",
        ),
        (
            "intel's resource director",
            CODE,
            SLEEP | {"linux.intelRdt": {"l3CacheSchema": "L3:0=f"}},
            "code 1",
        ),
    )
)
