"""Cases of what the runtime-spec has since 1.2.1 and 1.3, which runc 1.1 does not know.

Interfaces are made by the script and named after its own process, since cases run side by side.
"""

from __future__ import annotations

from typing import Any

from tests.system.runtime.conformance.case import Case

__all__ = ["CASES"]

RUN = "$RT run $ID; echo code $?"
POLICY = "$RT run $ID | cut -d' ' -f2 | sort -u"
MAPS = {"process.args": ["cat", "/proc/self/numa_maps"]}
WHERE = ["grep", "Cpus_allowed_list", "/proc/self/status"]
ON = "$RT run -d $ID; $RT exec $ID grep Cpus_allowed_list /proc/self/status; echo code $?"
# a pair, so that its end that stays tells where the other one is
DEVICE = (
    "D=d$$; ip link add $D type veth peer name e$$; sed -i s,DEVICE,$D, config.json; "
    "ip address add 192.0.2.9/30 dev $D; ip address add 2001:db8::9/64 dev $D nodad; "
)
GONE = "; ip link delete e$$ 2>/dev/null; ip link show $D >/dev/null 2>&1 || echo gone"


def _policy(mode: str, nodes: str = "", *flags: str) -> dict[str, Any]:
    policy: dict[str, Any] = {"mode": mode}
    policy |= {"nodes": nodes} if nodes else {}
    policy |= {"flags": list(flags)} if flags else {}
    return MAPS | {"linux.memoryPolicy": policy}


def _affinity(**lists: str) -> dict[str, Any]:
    return {"process.args": ["sleep", "60"], "process.execCPUAffinity": lists}


def _device(name: str, *args: str) -> dict[str, Any]:
    return {
        "linux.netDevices": {"DEVICE": {"name": name} if name else {}},
        "process.args": list(args or ("ls", "/sys/class/net")),
    }


CASES = (
    *(
        Case(f"memory policy {mode}", POLICY, _policy(mode, nodes), shows, runc=False)
        for mode, nodes, shows in (
            ("MPOL_DEFAULT", "", "default\n"),
            ("MPOL_BIND", "0", "bind:0\n"),
            ("MPOL_PREFERRED", "0", "prefer:0\n"),
            ("MPOL_PREFERRED_MANY", "0", "prefer"),
            ("MPOL_INTERLEAVE", "0-0", "interleave:0\n"),
            ("MPOL_WEIGHTED_INTERLEAVE", "0", "weighted"),
            ("MPOL_LOCAL", "", "local\n"),
        )
    ),
    Case(
        "memory policy with a flag",
        POLICY,
        _policy("MPOL_BIND", "0", "MPOL_F_STATIC_NODES"),
        "bind=static:0\n",
        runc=False,
    ),
    Case(
        "memory policy of what is executed",
        "$RT run -d $ID; $RT exec $ID cat /proc/self/numa_maps | cut -d' ' -f2 | sort -u",
        _policy("MPOL_BIND", "0") | {"process.args": ["sleep", "60"]},
        "bind:0\n",
        runc=False,
    ),
    *(
        Case(f"memory policy {what}", "code $RT run $ID", _policy(*words), "code 1", runc=False)
        for what, words in (
            ("that is unknown", ("MPOL_NOPE", "0")),
            ("with a flag that is unknown", ("MPOL_BIND", "0", "MPOL_F_NOPE")),
            ("of nodes that are not there", ("MPOL_BIND", "7")),
            ("of nodes that are no list", ("MPOL_BIND", "a-b")),
            ("of no nodes", ("MPOL_BIND",)),
            ("of the default and nodes", ("MPOL_DEFAULT", "0")),
        )
    ),
    Case("processors of what is executed", ON, _affinity(final="1"), "list:\t1\n", runc=False),
    Case(
        "processors of what is executed, at first",
        ON,
        _affinity(initial="0"),
        "list:\t0\n",
        runc=False,
    ),
    Case(
        "processors of what is executed, at first and at last",
        ON,
        _affinity(initial="0", final="1"),
        "list:\t1\n",
        runc=False,
    ),
    Case(
        "processors of what is executed are not the program's",
        "grep Cpus_allowed_list /proc/self/status >own; $RT run $ID | cmp - own && echo same",
        _affinity(final="1") | {"process.args": WHERE},
        "same",
        runc=False,
    ),
    Case(
        "processors by the file of what is executed",
        '$RT run -d $ID; echo \'{"args": ["grep", "Cpus_allowed_list", "/proc/self/status"], '
        '"cwd": "/", "env": ["PATH=/bin"], "execCPUAffinity": {"final": "0"}}\' >p.json; '
        "$RT exec -p p.json $ID; echo code $?",
        _affinity(final="1"),
        "list:\t0\ncode 0",
        runc=False,
    ),
    *(
        Case(
            f"{when} processors of what is executed that are no list: {text}",
            "code $RT create $ID; code $RT state $ID",
            _affinity(**{when: text}),
            "code 1\ncode 1",
            runc=False,
        )
        for when, text in (("initial", "0-"), ("final", "x"), ("final", "3-1"), ("initial", "0,,1"))
    ),
    Case(
        "processors of what is executed that are not there",
        "$RT run -d $ID; code $RT exec $ID true; st",
        _affinity(final="900"),
        "code 255\nrunning",
        runc=False,
    ),
    Case("interface of the machine", DEVICE + RUN + GONE, _device(""), "d", root=True, runc=False),
    Case(
        "interface of the machine by another name",
        DEVICE + RUN + GONE,
        _device("inner0"),
        "inner0\nlo\ncode 0\ngone",
        root=True,
        runc=False,
    ),
    Case(
        "interface of the machine by a pattern",
        DEVICE + RUN + GONE,
        _device("lan%d"),
        "lan0\nlo\ncode 0\ngone",
        root=True,
        runc=False,
    ),
    Case(
        "interface of the machine keeps its addresses and is up",
        DEVICE + "ip link set e$$ up; " + RUN + GONE,
        _device("inner0", "ip", "address", "show", "inner0"),
        "inet6 2001:db8::9/64 scope global",
        root=True,
        runc=False,
    ),
    Case(
        "interface of the machine in a namespace by path",
        DEVICE + "unshare --net sleep 60 & other=$!; "
        "until [ $(readlink /proc/$other/ns/net) != $(readlink /proc/self/ns/net) ]; do "
        "sleep 0.02; done; "
        "sed -i s,OTHER,/proc/$other/ns/net, config.json; $RT run $ID; echo code $?; "
        "nsenter -t $other -n ip -4 -o address show inner0 | grep -o '192[^ ]*'; kill $other"
        + GONE,
        _device("inner0")
        | {
            "linux.namespaces": [
                *({"type": kind} for kind in ("pid", "ipc", "uts", "mount")),
                {"type": "network", "path": "OTHER"},
            ]
        },
        "code 0\n192.0.2.9/30",
        root=True,
        runc=False,
    ),
    Case(
        "interface of the machine before a hook",
        DEVICE + "printf '#!/bin/sh\\n[ -e /sys/class/net/%s ] || echo away >>hooked' $D >hook; "
        "chmod +x hook; " + RUN + "; cat hooked" + GONE,
        _device("inner0", "true")
        | {"hooks": {"createRuntime": [{"path": "/bin/sh", "args": ["sh", "hook"]}]}},
        "code 0\naway",
        root=True,
        runc=False,
    ),
    Case(
        "interface of the machine by a name that is there",
        DEVICE + "code $RT run $ID; ip link show e$$ >/dev/null; echo left $?; ip link delete e$$",
        _device("lo"),
        "code 1\nleft 0",
        root=True,
        runc=False,
    ),
    Case(
        "interface that the machine lacks",
        DEVICE + "code $RT run $ID; ip -o link show $D | wc -l; ip link delete e$$",
        {"linux.netDevices": {"DEVICE": {}, "not-there": {}}},
        "code 1\n1",
        root=True,
        runc=False,
    ),
    Case(
        "two interfaces by one name",
        DEVICE + "sed -i s,SECOND,e$$, config.json; code $RT run $ID; ip -o link show $D "
        "| wc -l; ip link delete e$$",
        {"linux.netDevices": {"DEVICE": {"name": "x"}, "SECOND": {"name": "x"}}},
        "code 1\n1",
        root=True,
        runc=False,
    ),
    Case(
        "interface of the machine in its own network namespace",
        "code $RT run $ID",
        _device("")
        | {"linux.namespaces": [{"type": kind} for kind in ("pid", "ipc", "uts", "mount")]},
        "code 1",
        root=True,
        runc=False,
    ),
    Case(
        "interface of the machine that this user may not move",
        "sed -i s,DEVICE,lo, config.json; code $RT run $ID",
        _device(""),
        "code 1",
        runc=False,
    ),
    Case(
        "personality with a flag",
        "code $RT run $ID",
        {"linux.personality": {"domain": "LINUX", "flags": ["ADDR_NO_RANDOMIZE"]}},
        "code 1",
        runc=False,
    ),
    *(
        Case(
            f"intel's resource director: {word}",
            "code $RT run $ID",
            {"linux.intelRdt": {word: value}},
            "code 1",
            root=True,
            runc=False,
        )
        for word, value in (
            ("closID", "guaranteed"),
            ("memBwSchema", "MB:0=70"),
            ("enableCMT", True),
            ("enableMBM", True),
            ("schemata", ["L3:0=f"]),
            ("enableMonitoring", True),
        )
    ),
)
