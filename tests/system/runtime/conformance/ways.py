"""Cases of the words around containers: `update`, `list`, `state`, `ps`, `spec`, logs and ids."""

from __future__ import annotations

from typing import Any

from tests.system.runtime.conformance.case import Case

__all__ = ["CASES"]

SLEEP: dict[str, Any] = {"process.args": ["sleep", "60"]}
LIMITED: dict[str, Any] = {"process.args": ["sleep", "60"], "linux.cgroupsPath": "/NAME"}
TRUE: dict[str, Any] = {"process.args": ["true"]}


CASES = (
    Case(
        "id that is long",
        f"code $RT create {'A' * 200}; $RT list -q | wc -l; $RT delete -f {'A' * 200}",
        SLEEP,
        "code 0\n1",
    ),
    Case(
        "id that is too long",
        f"code $RT create {'x' * 1025}; code $RT create {'y' * 300}",
        SLEEP,
        "code 1\ncode 1",
    ),
    Case(
        "state directory behind the command",
        "code $RT create --root x $ID",
        SLEEP,
        "code 1",
    ),
    Case(
        "list of nothing",
        "$RT list -f json; $RT list -q; $RT list | wc -l",
        SLEEP,
        "null\n1",
    ),
    Case(
        "list of what has stopped",
        (
            "$RT run --keep $ID; $RT list | awk '{print $1, $2, $3}'; $RT list -f json "
            "| grep -o '\"pid\":0'"
        ),
        TRUE,
        'ID PID STATUS\nID 0 stopped\n"pid":0',
    ),
    Case(
        "list of two",
        "$RT create $ID; $RT create $ID-2; $RT list -q; $RT delete $ID-2",
        SLEEP,
        "ID\nID-2",
    ),
    Case(
        "list names the owner",
        "$RT create $ID; $RT list | awk 'NR == 1 {print $5, $6} NR == 2 {print $6}'",
        SLEEP,
        "CREATED OWNER",
    ),
    Case(
        "list names the moment",
        ("$RT create $ID; $RT list -f json | grep -cE 'created\":\"20[0-9-]*T[0-9:]*\\.[0-9]*Z'"),
        SLEEP,
        "1",
    ),
    Case(
        "list by words that are not there",
        "code $RT list more; code $RT list --nope",
        SLEEP,
        "code 1\ncode 1",
    ),
    Case(
        "state of what is paused",
        ("$RT run -d $ID; $RT pause $ID; $RT state $ID | grep -o '\"status\".*'; $RT resume $ID"),
        SLEEP,
        '"status": "paused",',
        root=True,
    ),
    Case(
        "state of two",
        "$RT create $ID; code $RT state $ID $ID",
        SLEEP,
        "code 1",
    ),
    Case(
        "pause and resume of what has stopped",
        "$RT run --keep $ID; code $RT pause $ID; code $RT resume $ID",
        TRUE,
        "code 1\ncode 1",
        root=True,
    ),
    Case(
        "update by a file that is not there",
        (
            "$RT run -d $ID; code $RT update -r nope.json $ID; echo '{' >x.json; code "
            "$RT update -r x.json $ID; echo '{}' >x.json; code $RT update -r x.json $ID"
        ),
        LIMITED,
        "code 1\ncode 1\ncode 0",
        root=True,
    ),
    Case(
        "update of nothing",
        "$RT run -d $ID; code $RT update $ID; st",
        LIMITED,
        "code 0\nrunning",
        root=True,
    ),
    Case(
        "update of what has stopped",
        "$RT run --keep $ID; code $RT update --pids-limit 5 $ID",
        {"process.args": ["true"], "linux.cgroupsPath": "/NAME"},
        "code 1",
        root=True,
    ),
    Case(
        "update of what is created",
        (
            "$RT create $ID; code $RT update --pids-limit 5 $ID; cat "
            "/sys/fs/cgroup/pids/$ID/pids.max"
        ),
        LIMITED,
        "code 0\n5",
        root=True,
    ),
    Case(
        "update of what is paused",
        (
            "$RT run -d $ID; $RT pause $ID; code $RT update --pids-limit 5 $ID; st; "
            "cat /sys/fs/cgroup/pids/$ID/pids.max; $RT resume $ID"
        ),
        LIMITED,
        "code 0\npaused\n5",
        root=True,
    ),
    Case(
        "update of weights of block devices",
        (
            "$RT run -d $ID; code $RT update --blkio-weight 300 $ID; cat "
            "/sys/fs/cgroup/blkio/$ID/blkio*weight; code $RT update --blkio-weight 5 "
            "$ID"
        ),
        LIMITED,
        "code 0\n300\ncode 0",
        root=True,
    ),
    Case(
        "update of a quota without end",
        (
            "$RT run -d $ID; code $RT update --cpu-quota -1 $ID; cat "
            "/sys/fs/cgroup/cpu/$ID/cpu.cfs_quota_us; code $RT update --cpu-period "
            "50000 $ID; cat /sys/fs/cgroup/cpu/$ID/cpu.cfs_period_us"
        ),
        LIMITED | {"linux.resources.cpu": {"quota": 20000}},
        "code 0\n-1\ncode 0\n50000",
        root=True,
    ),
    Case(
        "update of processors that are not there",
        (
            "$RT run -d $ID; code $RT update --cpuset-cpus 99 $ID; code $RT update "
            "--cpuset-cpus x $ID; code $RT update --cpuset-mems 9 $ID; st"
        ),
        LIMITED,
        "code 1\ncode 1\ncode 1\nrunning",
        root=True,
    ),
    Case(
        "update of memory and swap",
        (
            "$RT run -d $ID; code $RT update --memory 32M --memory-swap 64M $ID; cat "
            "/sys/fs/cgroup/memory/$ID/memory.limit_in_bytes "
            "/sys/fs/cgroup/memory/$ID/memory.memsw.limit_in_bytes; code $RT update "
            "--memory 128M --memory-swap 256M $ID; cat "
            "/sys/fs/cgroup/memory/$ID/memory.memsw.limit_in_bytes; code $RT update "
            "--memory-swap 1M $ID"
        ),
        LIMITED,
        "code 0\n33554432\n67108864",
        root=True,
    ),
    Case(
        "update of the kernel's memory",
        "$RT run -d $ID; code $RT update --kernel-memory 32M --kernel-memory-tcp 1M $ID",
        LIMITED,
        "code 0",
        root=True,
    ),
    Case(
        "update of processes without end",
        (
            "$RT run -d $ID; code $RT update --pids-limit -1 $ID; cat "
            "/sys/fs/cgroup/pids/$ID/pids.max; code $RT update --pids-limit 0 $ID; cat "
            "/sys/fs/cgroup/pids/$ID/pids.max; code $RT update --pids-limit x $ID"
        ),
        LIMITED | {"linux.resources.pids": {"limit": 9}},
        "code 0\nmax\ncode 0\nmax\ncode 1",
        root=True,
    ),
    Case(
        "update with words that are no numbers",
        (
            "$RT run -d $ID; for w in cpu-share cpu-quota cpu-period blkio-weight "
            "memory-reservation cpu-rt-period; do code $RT update --$w x $ID; done; st"
        ),
        LIMITED,
        "code 1\n",
        root=True,
    ),
    Case(
        "update of memory by sizes",
        (
            "$RT run -d $ID; for m in 20m 30MB 40MiB 5242880b 0.05g; do code $RT "
            "update --memory $m $ID; cat "
            "/sys/fs/cgroup/memory/$ID/memory.limit_in_bytes; done"
        ),
        LIMITED,
        "code 0\n20971520",
        root=True,
    ),
    Case(
        "update as a user",
        "$RT run -d $ID; code $RT update --pids-limit 5 $ID",
        SLEEP,
        "code ",
    ),
    Case(
        "pause as a user",
        "$RT run -d $ID; code $RT pause $ID; st; code $RT resume $ID",
        SLEEP,
        "code ",
    ),
    Case(
        "processes of what is not there",
        "code $RT ps $ID; $RT run --keep $ID; code $RT ps $ID",
        TRUE,
        "code 1\ncode 0",
        root=True,
    ),
    Case(
        "processes in an unknown form",
        "$RT run -d $ID; code $RT ps -f nope $ID",
        SLEEP,
        "code 1",
        root=True,
    ),
    Case(
        "processes of what is created",
        "$RT create $ID; $RT ps $ID | wc -l; $RT ps -f json $ID | tr -d '[]\\n' | wc -w",
        SLEEP,
        "2\n1",
        root=True,
    ),
    Case(
        "spec in a directory that is not there",
        (
            "code $RT spec -b nope; mkdir s; code $RT spec -b s; code $RT spec "
            "--rootless -b s; grep -c uidMappings s/config.json"
        ),
        SLEEP,
        "code 1\ncode 0\ncode 1\n0",
    ),
    Case(
        "spec with a word too many",
        "mkdir s; cd s; code $RT spec x; ls",
        SLEEP,
        "code 1",
    ),
    Case(
        "features with a word too many",
        "code $RT features x",
        SLEEP,
        "code 1",
    ),
    Case(
        "no command",
        "code $RT; code $RT --help; code $RT help; code $RT create --help; code $RT exec -h",
        SLEEP,
        "code 0\ncode 0\ncode 0\ncode 0\ncode 0",
    ),
    Case(
        "versions",
        "$RT --version | grep -c '^spec: '; code $RT -v",
        SLEEP,
        "1\ncode 0",
    ),
    Case(
        "log that cannot be written",
        "code $RT --log /nope/l create $ID; code $RT state $ID",
        SLEEP,
        "code 1\ncode 1",
    ),
    Case(
        "log in an unknown form",
        "code $RT --log l --log-format nope create $ID; code $RT state $ID",
        SLEEP,
        "code 1\ncode 1",
    ),
    Case(
        "log of what goes well",
        (
            "$RT --log l create $ID; echo code $?; wc -c <l; $RT --debug --log l state "
            "$ID >/dev/null; echo code $?"
        ),
        SLEEP,
        "code 0\n0\ncode 0",
    ),
    Case(
        "state directory that cannot be made",
        (
            "touch f; RT2=$(echo $RT | sed 's,--root .*,,'); code $RT2 --root f/x "
            "create $ID; code $RT2 --root f create $ID"
        ),
        SLEEP,
        "code 1\ncode 1",
    ),
    Case(
        "id 'a b'",
        "code $RT create 'a b'; $RT list -q | wc -l; $RT delete -f -- 'a b' >/dev/null 2>&1",
        SLEEP,
        "code 1\n0",
    ),
    Case(
        "id 'a+b'",
        "code $RT create 'a+b'; $RT list -q | wc -l; $RT delete -f -- 'a+b' >/dev/null 2>&1",
        SLEEP,
        "code 0\n1",
    ),
    Case(
        "id 'a.b_c-d'",
        (
            "code $RT create 'a.b_c-d'; $RT list -q | wc -l; $RT delete -f -- "
            "'a.b_c-d' >/dev/null 2>&1"
        ),
        SLEEP,
        "code 0\n1",
    ),
    Case(
        "id 'ä'",
        "code $RT create 'ä'; $RT list -q | wc -l; $RT delete -f -- 'ä' >/dev/null 2>&1",
        SLEEP,
        "code 1\n0",
    ),
    Case(
        "id 'a:b'",
        "code $RT create 'a:b'; $RT list -q | wc -l; $RT delete -f -- 'a:b' >/dev/null 2>&1",
        SLEEP,
        "code 1\n0",
    ),
    Case(
        "id 'a@b'",
        "code $RT create 'a@b'; $RT list -q | wc -l; $RT delete -f -- 'a@b' >/dev/null 2>&1",
        SLEEP,
        "code 1\n0",
    ),
    Case(
        "id '.hidden'",
        (
            "code $RT create '.hidden'; $RT list -q | wc -l; $RT delete -f -- "
            "'.hidden' >/dev/null 2>&1"
        ),
        SLEEP,
        "code 0\n1",
    ),
    Case(
        "id '_x'",
        "code $RT create '_x'; $RT list -q | wc -l; $RT delete -f -- '_x' >/dev/null 2>&1",
        SLEEP,
        "code 0\n1",
    ),
    Case(
        "id '+'",
        "code $RT create '+'; $RT list -q | wc -l; $RT delete -f -- '+' >/dev/null 2>&1",
        SLEEP,
        "code 0\n1",
    ),
)
