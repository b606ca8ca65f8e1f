"""Cases of odd namespaces, maps, kernel parameters and hidden paths."""

from __future__ import annotations

from typing import Any

from tests.system.runtime.conformance.case import Case

__all__ = ["CASES"]

RAN: dict[str, Any] = {"process.args": ["sh", "-c", "echo ran"]}


def sh(text: str) -> dict[str, Any]:
    """Return the edit that has a shell do something."""
    return {"process.args": ["sh", "-c", text]}


# its maps are written a moment after it has begun
OTHER_USER = (
    "chown -R 100000:100000 rootfs; "
    "unshare --user --map-users=0:100000:65536 --map-groups=0:100000:65536 {} sleep 60 & o=$!; "
    "until grep -q 65536 /proc/$o/uid_map && grep -q 65536 /proc/$o/gid_map; do sleep 0.02; done; "
    "until grep -q sleep /proc/$o/comm; do sleep 0.02; done"
)

CASES = (
    Case(
        "namespace by a relative path",
        "code $RT run $ID",
        RAN
        | {
            "linux.namespaces": [
                {"type": "pid"},
                {"type": "ipc"},
                {"type": "uts"},
                {"type": "mount"},
                {"type": "network", "path": "ns"},
            ]
        },
        "code 1",
        root=True,
    ),
    Case(
        "namespace by a path that is a directory",
        "code $RT run $ID",
        RAN
        | {
            "linux.namespaces": [
                {"type": "pid"},
                {"type": "ipc"},
                {"type": "uts"},
                {"type": "mount"},
                {"type": "network", "path": "/proc"},
            ]
        },
        "code 1",
        root=True,
    ),
    Case(
        "namespace of no kind",
        "code $RT run $ID",
        RAN
        | {
            "linux.namespaces": [
                {"type": "pid"},
                {"type": "network"},
                {"type": "ipc"},
                {"type": "uts"},
                {"type": "mount"},
                {"type": ""},
            ]
        },
        "code 1",
    ),
    Case(
        "namespace in capitals",
        "code $RT run $ID",
        RAN | {"linux.namespaces": [{"type": "PID"}, {"type": "mount"}]},
        "code 1",
    ),
    Case(
        "no namespaces",
        "code $RT run $ID",
        {"process.args": ["true"], "linux.namespaces": []},
        "code 1",
        root=True,
    ),
    Case(
        "pid namespace by path",
        (
            "unshare --pid --fork sleep 60 & o=$!; until p=$(cat "
            '/proc/$o/task/$o/children) && [ "$p" ]; do sleep 0.02; done; sed -i '
            "s,OTHER,/proc/${p% }/ns/pid, config.json; [ $($RT run $ID) = $(readlink "
            "/proc/${p% }/ns/pid) ] && echo joined; kill ${p% }"
        ),
        {
            "process.args": ["readlink", "/proc/self/ns/pid"],
            "linux.namespaces": [
                {"type": "network"},
                {"type": "ipc"},
                {"type": "uts"},
                {"type": "mount"},
                {"type": "pid", "path": "OTHER"},
            ],
        },
        "joined",
        root=True,
    ),
    *(
        Case(
            f"user namespace by path{what}",
            f"{OTHER_USER.format(options)}; sed -i s,OTHER,/proc/$o/ns,g config.json; "
            "$RT run $ID >out; echo code $?; grep -v user: out; "
            "[ $(grep user: out) = $(readlink /proc/$o/ns/user) ] && echo joined; kill $o",
            {
                "process.args": [
                    "sh",
                    "-c",
                    (
                        "readlink /proc/self/ns/user; tr -s ' ' </proc/self/uid_map; id -u; "
                        "stat -c %u /bin; cat /sys/class/net/lo/flags; ls /dev/null"
                    ),
                ],
                "linux.namespaces": [
                    *({"type": kind} for kind in ("pid", "mount", "ipc", "uts")),
                    {"type": "network", **({"path": "OTHER/net"} if options else {})},
                    {"type": "user", "path": "OTHER/user"},
                ],
            },
            "code 0\n 0 100000 65536\n0\n0\n0x",
            root=True,
        )
        for what, options in (("", ""), (" and its network namespace", "--net"))
    ),
    *(
        Case(
            f"user namespace by path and maps that are {what}",
            f"{OTHER_USER.format('')}; sed -i s,OTHER,/proc/$o/ns,g config.json; "
            "code $RT run $ID; kill $o",
            {
                "process.args": ["true"],
                "linux.namespaces": [
                    *({"type": kind} for kind in ("pid", "mount", "ipc", "uts", "network")),
                    {"type": "user", "path": "OTHER/user"},
                ],
                **{
                    f"linux.{kind}Mappings": [{"containerID": 0, "hostID": first, "size": 65536}]
                    for kind in ("uid", "gid")
                },
            },
            shows,
            root=True,
        )
        for what, first, shows in (("its own", 100000, "code 0"), ("others", 200000, "code 1"))
    ),
    Case(
        "maps without a user namespace",
        "$RT run $ID; echo code $?",
        sh("cat /proc/self/uid_map | tr -s ' '")
        | {
            "linux.uidMappings": [{"containerID": 0, "hostID": 1000, "size": 10}],
            "linux.gidMappings": [{"containerID": 0, "hostID": 1000, "size": 10}],
        },
        " 0 0 4294967295\ncode 0",
        root=True,
    ),
    Case(
        "maps that overlap",
        "code $RT run $ID",
        RAN
        | {
            "linux.namespaces": [
                {"type": "pid"},
                {"type": "network"},
                {"type": "ipc"},
                {"type": "uts"},
                {"type": "mount"},
                {"type": "user"},
            ],
            "linux.uidMappings": [
                {"containerID": 0, "hostID": 100000, "size": 10},
                {"containerID": 5, "hostID": 200000, "size": 10},
            ],
            "linux.gidMappings": [
                {"containerID": 0, "hostID": 100000, "size": 10},
                {"containerID": 5, "hostID": 200000, "size": 10},
            ],
        },
        "code 1",
        root=True,
    ),
    Case(
        "maps of two ranges",
        "chown -R 100000:100000 rootfs; $RT run $ID; echo code $?",
        sh("tr -s ' ' </proc/self/uid_map")
        | {
            "linux.namespaces": [
                {"type": "pid"},
                {"type": "network"},
                {"type": "ipc"},
                {"type": "uts"},
                {"type": "mount"},
                {"type": "user"},
            ],
            "linux.uidMappings": [
                {"containerID": 0, "hostID": 100000, "size": 10},
                {"containerID": 10, "hostID": 200000, "size": 90},
            ],
            "linux.gidMappings": [
                {"containerID": 0, "hostID": 100000, "size": 10},
                {"containerID": 10, "hostID": 200000, "size": 90},
            ],
        },
        " 0 100000 10\n 10 200000 90\ncode 0",
        root=True,
    ),
    Case(
        "map of nothing",
        "code $RT run $ID",
        RAN
        | {
            "linux.namespaces": [
                {"type": "pid"},
                {"type": "network"},
                {"type": "ipc"},
                {"type": "uts"},
                {"type": "mount"},
                {"type": "user"},
            ],
            "linux.uidMappings": [{"containerID": 0, "hostID": 100000, "size": 0}],
            "linux.gidMappings": [{"containerID": 0, "hostID": 100000, "size": 0}],
        },
        "code 1",
        root=True,
    ),
    Case(
        "map without root",
        "chown -R 100000:100000 rootfs; code $RT run $ID",
        RAN
        | {
            "linux.namespaces": [
                {"type": "pid"},
                {"type": "network"},
                {"type": "ipc"},
                {"type": "uts"},
                {"type": "mount"},
                {"type": "user"},
            ],
            "linux.uidMappings": [{"containerID": 1, "hostID": 100000, "size": 10}],
            "linux.gidMappings": [{"containerID": 1, "hostID": 100000, "size": 10}],
        },
        "code 1",
        root=True,
    ),
    Case(
        "map of ids that are a user's no more",
        "code $RT run $ID",
        RAN | {"linux.uidMappings": [{"containerID": 0, "hostID": 0, "size": 1}]},
        "code ",
    ),
    Case(
        "kernel parameter with a wrong value",
        "code $RT run $ID",
        {"linux.sysctl": {"net.ipv4.ip_forward": "abc"}},
        "code 1",
        root=True,
    ),
    Case(
        "kernel parameter of several numbers",
        "$RT run $ID; echo code $?",
        sh("cat /proc/sys/kernel/sem | tr '\\t' ' '")
        | {"linux.sysctl": {"kernel.sem": "250 32000 100 128"}},
        "250 32000 100 128\ncode 0",
        root=True,
    ),
    Case(
        "kernel parameter without a name",
        "code $RT run $ID",
        RAN | {"linux.sysctl": {"": "1"}},
        "code 1",
    ),
    Case(
        "kernel parameter of users",
        "code $RT run $ID",
        RAN | {"linux.sysctl": {"user.max_user_namespaces": "1"}},
        "code 1",
    ),
    Case(
        "kernel parameter with dots that lead out",
        "code $RT run $ID",
        RAN | {"linux.sysctl": {"net/../kernel/panic": "1"}},
        "code 1",
        root=True,
    ),
    Case(
        "masked path that is not absolute",
        "$RT run $ID; echo code $?",
        RAN | {"linux.maskedPaths": ["proc/kcore"]},
        "ran\ncode 0",
    ),
    Case(
        "masked path by a link",
        "ln -s etc rootfs/lnk; $RT run $ID; echo code $?",
        sh("ls /etc | wc -l") | {"linux.maskedPaths": ["/lnk"]},
        "0\ncode 0",
    ),
    Case(
        "masked path twice",
        "$RT run $ID; echo code $?",
        sh("cat /etc/passwd | wc -c") | {"linux.maskedPaths": ["/etc/passwd", "/etc/passwd"]},
        "0\ncode 0",
    ),
    Case(
        "read-only path that is a file",
        "$RT run $ID; echo code $?",
        sh("echo x 2>&1 >>/etc/passwd; echo y >/etc/other && echo made")
        | {"linux.readonlyPaths": ["/etc/passwd"]},
        "made",
    ),
    Case(
        "read-only path that is not there",
        "$RT run $ID; echo code $?",
        RAN | {"linux.readonlyPaths": ["/nope"]},
        "ran\ncode 0",
    ),
    Case(
        "read-only path by a link",
        "ln -s etc rootfs/lnk; $RT run $ID; echo code $?",
        sh("touch /etc/x 2>&1 && echo made") | {"linux.readonlyPaths": ["/lnk"]},
        "touch: /etc/x: Read-only file system\ncode 1",
    ),
    Case(
        "read-only root by its path",
        "$RT run $ID; echo code $?",
        sh("touch /x 2>&1; echo ran") | {"linux.readonlyPaths": ["/"]},
        "touch: /x: Read-only file system\nran\ncode 0",
    ),
)
