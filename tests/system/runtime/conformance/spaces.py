"""Cases of namespaces, identity of the machine, kernel parameters and id maps."""

from __future__ import annotations

from typing import Any

from tests.system.runtime.conformance.case import Case

__all__ = ["CASES"]

KINDS = ("pid", "network", "ipc", "uts", "mount")
FILES = {"network": "net", "mount": "mnt"}
RUN = "$RT run $ID; echo code $?"
MAPS = [{"containerID": 0, "hostID": 100000, "size": 65536}]


def _namespaces(*kinds: str, **paths: str) -> dict[str, Any]:
    return {
        "linux.namespaces": [
            *({"type": kind} for kind in kinds),
            *({"type": kind, "path": path} for kind, path in paths.items()),
        ]
    }


def _new(kind: str) -> Case:
    file = FILES.get(kind, kind)
    return Case(
        f"{kind} namespace that is new",
        f'[ "$($RT run $ID)" = "$(readlink /proc/self/ns/{file})" ] && echo same || echo new',
        {"process.args": ["readlink", f"/proc/self/ns/{file}"]},
        "new",
    )


def _inherited(kind: str, edits: dict[str, Any]) -> Case:
    file = FILES.get(kind, kind)
    return Case(
        f"{kind} namespace that is the caller's",
        f'[ "$($RT run $ID)" = "$(readlink /proc/self/ns/{file})" ] && echo same || echo new',
        {"process.args": ["readlink", f"/proc/self/ns/{file}"]}
        | _namespaces(*(each for each in KINDS if each != kind))
        | edits,
        "same",
        root=True,
    )


def _joined(kind: str, option: str) -> Case:
    """A namespace of another process, which the script puts into the bundle by its path."""
    file = FILES.get(kind, kind)
    return Case(
        f"{kind} namespace by path",
        f"unshare {option} sleep 60 & other=$!; sleep 0.3; inner=$other;"
        "[ -d /proc/$(cat /proc/$other/task/$other/children) ] 2>/dev/null;"
        f"path=$(readlink /proc/$other/ns/{file});"
        f"sed -i s,OTHER,/proc/$other/ns/{file}, config.json;"
        '[ "$($RT run $ID)" = "$path" ] && echo joined || echo not; kill $other',
        {"process.args": ["readlink", f"/proc/self/ns/{file}"]}
        | _namespaces(*(each for each in KINDS if each != kind), **{kind: "OTHER"})
        | ({"hostname-": None} if kind == "uts" else {}),
        "joined",
        root=True,
    )


AHEAD = {
    "linux.timeOffsets": {
        "monotonic": {"secs": 1000, "nanosecs": 7},
        "boottime": {"secs": 1_000_000, "nanosecs": 5},
    }
}
CLOCKS = {"linux.namespaces+": [{"type": "time"}]}

CASES = (
    Case(
        "time namespace that is new",
        '[ "$($RT run $ID)" = "$(readlink /proc/self/ns/time)" ] && echo same || echo new',
        {"process.args": ["readlink", "/proc/self/ns/time"]} | CLOCKS,
        "new",
        runc=False,
    ),
    Case(
        "clocks that are ahead",
        "a=$(cut -d. -f1 /proc/uptime); $RT run $ID >out; echo code $?; cat out | tr -s ' '; "
        "b=$(tail -n1 out | cut -d. -f1); [ $((b - a)) -ge 1000000 ] && echo ahead",
        {"process.args": ["cat", "/proc/self/timens_offsets", "/proc/uptime"]} | CLOCKS | AHEAD,
        "code 0\nmonotonic 1000 7\nboottime 1000000 5\n",
        runc=False,
    ),
    Case(
        "clocks of what is executed",
        "$RT run -d $ID; $RT exec $ID cat /proc/self/timens_offsets | tr -s ' '; "
        "[ $($RT exec $ID readlink /proc/self/ns/time) = $(readlink /proc/$(pid)/ns/time) ]; "
        "echo $?",
        {"process.args": ["sleep", "60"]} | CLOCKS | AHEAD,
        "boottime 1000000 5\n0\n",
        runc=False,
    ),
    Case(
        "time namespace by path",
        "unshare --time --boottime 5000 sleep 60 & other=$!; sleep 0.3;"
        "sed -i s,OTHER,/proc/$other/ns/time, config.json; "
        "$RT run $ID | tr -s ' ' | grep boot; kill $other",
        {"process.args": ["cat", "/proc/self/timens_offsets"]} | _namespaces(*KINDS, time="OTHER"),
        "boottime 5000 0",
        root=True,
        runc=False,
    ),
    Case(
        "clocks that are ahead of the machine's own",
        "$RT run $ID; echo code $?",
        {"process.args": ["echo", "ran"]} | AHEAD,
        "code 1",
        runc=False,
    ),
    Case(
        "clock that is the machine's alone",
        "$RT run $ID; echo code $?",
        {"process.args": ["echo", "ran"], "linux.timeOffsets": {"realtime": {"secs": 5}}} | CLOCKS,
        "code 1",
        runc=False,
    ),
    *(_new(kind) for kind in KINDS if kind != "network"),
    Case(
        "network namespace that is new",
        '[ "$($RT run $ID)" = "$(readlink /proc/self/ns/net)" ] && echo same || echo new',
        {"process.args": ["readlink", "/proc/self/ns/net"]},
        "new",
        root=True,
    ),
    _inherited("network", {}),
    _inherited("ipc", {}),
    _inherited("uts", {"hostname-": None}),
    _inherited("pid", {}),
    _joined("network", "--net"),
    _joined("ipc", "--ipc"),
    _joined("uts", "--uts"),
    Case(
        "cgroup namespace that is new",
        RUN,
        {"process.args": ["sh", "-c", "cut -d: -f3 /proc/self/cgroup | sort -u"]}
        | _namespaces(*KINDS, "cgroup"),
        "/\n",
        root=True,
    ),
    Case("first process of its pid namespace", RUN, {"process.args": ["sh", "-c", "echo $$"]}, "1"),
    Case(
        "loopback of a new network namespace is up",
        RUN,
        {"process.args": ["cat", "/sys/class/net/lo/flags"]},
        "0x9",
        root=True,
    ),
    Case(
        "namespace by a path that is not there",
        "code $RT run $ID",
        _namespaces("pid", "mount", network="/nope"),
        "code 1",
        root=True,
    ),
    Case(
        "namespace by a path of another kind",
        "code $RT run $ID",
        _namespaces("pid", "mount", "uts", network="/proc/self/ns/ipc"),
        "code 1",
        root=True,
    ),
    Case("namespace twice", "code $RT run $ID", _namespaces(*KINDS, "pid"), "code 1"),
    Case("namespace of an unknown kind", "code $RT run $ID", _namespaces(*KINDS, "none"), "code 1"),
    Case(
        "masked paths without a mount namespace",
        "code $RT run $ID",
        _namespaces("pid", "uts", "ipc"),
        "code 1",
        root=True,
    ),
    Case(
        "user namespace with a map of many ids",
        "chown -R 100000:100000 rootfs; " + RUN,
        {
            "process.args": [
                "sh",
                "-c",
                "cat /proc/self/uid_map | tr -s ' '; id -u; stat -c %u /bin",
            ],
            "linux.uidMappings": MAPS,
            "linux.gidMappings": MAPS,
        }
        | _namespaces(*KINDS, "user"),
        "0 100000 65536\n0\n0",
        root=True,
    ),
    Case(
        "user namespace and another user",
        "chown -R 100000:100000 rootfs; " + RUN,
        {
            "process.args": ["sh", "-c", "id -u; id -g; id -G"],
            "process.user": {"uid": 5, "gid": 6, "additionalGids": [7]},
            "linux.uidMappings": MAPS,
            "linux.gidMappings": MAPS,
        }
        | _namespaces(*KINDS, "user"),
        "5\n6\n6 7",
        root=True,
    ),
    Case(
        "devices of a user namespace",
        "chown -R 100000:100000 rootfs; " + RUN,
        {
            "process.args": ["sh", "-c", "echo x >/dev/null && head -c2 /dev/zero | wc -c"],
            "linux.uidMappings": MAPS,
            "linux.gidMappings": MAPS,
        }
        | _namespaces(*KINDS, "user"),
        "2",
        root=True,
    ),
    Case(
        "user namespace without maps",
        "code $RT run $ID",
        _namespaces(*KINDS, "user"),
        "code 1",
        root=True,
    ),
    Case("own id alone is mapped", RUN, {"process.args": ["sh", "-c", "id -u; id -g"]}, "0\n0"),
    Case("host name", RUN, {"hostname": "box", "process.args": ["hostname"]}, "box"),
    Case(
        "host name of the caller's namespace",
        "code $RT run $ID",
        {"hostname": "box"} | _namespaces("pid", "mount", "ipc"),
        "code 1",
        root=True,
    ),
    Case(
        "domain name",
        RUN,
        {"domainname": "place", "process.args": ["cat", "/proc/sys/kernel/domainname"]},
        "place",
        runc=False,
    ),
    Case(
        "kernel parameter of the network",
        RUN,
        {
            "linux.sysctl": {"net.ipv4.ip_forward": "1"},
            "process.args": ["cat", "/proc/sys/net/ipv4/ip_forward"],
        },
        "1",
        root=True,
    ),
    Case(
        "kernel parameter of the network by slashes",
        RUN,
        {
            "linux.sysctl": {"net/ipv4/conf/lo/forwarding": "1"},
            "process.args": ["cat", "/proc/sys/net/ipv4/conf/lo/forwarding"],
        },
        "1",
        root=True,
    ),
    Case(
        "kernel parameter of messages",
        RUN,
        {
            "linux.sysctl": {"kernel.msgmax": "4096", "fs.mqueue.msg_max": "20"},
            "process.args": ["cat", "/proc/sys/kernel/msgmax", "/proc/sys/fs/mqueue/msg_max"],
        },
        "4096\n20",
        root=True,
    ),
    Case(
        "kernel parameter of the domain name",
        RUN,
        {
            "linux.sysctl": {"kernel.domainname": "dom"},
            "process.args": ["cat", "/proc/sys/kernel/domainname"],
        },
        "dom",
        root=True,
    ),
    Case(
        "kernel parameter of the host name",
        "code $RT run $ID",
        {"linux.sysctl": {"kernel.hostname": "x"}},
        "code 1",
    ),
    Case(
        "kernel parameter of the machine",
        "code $RT run $ID",
        {"linux.sysctl": {"vm.swappiness": "1"}},
        "code 1",
    ),
    Case(
        "kernel parameter of the caller's network",
        "code $RT run $ID",
        {"linux.sysctl": {"net.ipv4.ip_forward": "1"}} | _namespaces("pid", "mount", "uts", "ipc"),
        "code 1",
        root=True,
    ),
    Case(
        "kernel parameter that is not there",
        "code $RT run $ID",
        {"linux.sysctl": {"net.ipv4.nope": "1"}},
        "code 1",
        root=True,
    ),
)
