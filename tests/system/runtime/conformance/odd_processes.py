"""Cases of configs and processes that are odd: letters, environments, limits, rights."""

from __future__ import annotations

from typing import Any

from tests.system.runtime.conformance.case import Case

__all__ = ["CASES"]

RAN: dict[str, Any] = {"process.args": ["sh", "-c", "echo ran"]}


def sh(text: str) -> dict[str, Any]:
    """Return the edit that has a shell do something."""
    return {"process.args": ["sh", "-c", text]}


CASES = (
    Case(
        "many arguments",
        "$RT run $ID; echo code $?",
        {"process.args": ["sh", "-c", "echo $#", *["x" * 100] * 2000]},
        "1999\ncode 0",
    ),
    Case(
        "argument that is too long",
        "code $RT run $ID",
        {"process.args": ["true", "x" * 200000]},
        "code 1",
    ),
    Case(
        "version that is missing",
        "code $RT run $ID",
        {"ociVersion-": 0},
        "code 0",
    ),
    Case(
        "version that is none",
        "code $RT run $ID",
        RAN | {"ociVersion": "x"},
        "code 0",
    ),
    Case(
        "version of a later age",
        "$RT run $ID; echo code $?",
        RAN | {"ociVersion": "2.0.0"},
        "ran\ncode 0",
    ),
    Case(
        "keys in other letters",
        (
            'sed -i \'s/"hostname":/"HostName":/; s/"args":/"ARGS":/\' config.json; '
            "$RT run $ID; echo code $?"
        ),
        sh("hostname") | {"hostname": "other"},
        "other\ncode 0",
    ),
    Case(
        "key twice",
        'sed -i \'s/^{/{"hostname": "first", /\' config.json; $RT run $ID; echo code $?',
        sh("hostname") | {"hostname": "second"},
        "second\ncode 0",
    ),
    Case(
        "config with a byte order mark",
        ("printf '\\357\\273\\277' >c; cat config.json >>c; mv c config.json; code $RT run $ID"),
        RAN,
        "code 1",
    ),
    Case(
        "config with a wrong byte",
        "sed -i 's/BYTE/\\xff/' config.json; $RT run $ID; echo code $?",
        sh("echo BYTE | wc -c"),
        "4\ncode 0",
    ),
    Case(
        "config with spaces around",
        (
            "(printf '\\n\\n  '; cat config.json; echo) >c; mv c config.json; $RT run "
            "$ID; echo code $?"
        ),
        RAN,
        "ran\ncode 0",
    ),
    Case(
        "sections of other platforms",
        "$RT run $ID; echo code $?",
        RAN | {"windows": {"layerFolders": ["x"]}, "solaris": {"milestone": "x"}},
        "ran\ncode 0",
    ),
    Case(
        "no section of this platform",
        "code $RT run $ID",
        RAN | {"linux": None},
        "code 1",
    ),
    Case(
        "working directory that is a link",
        "ln -s etc rootfs/lnk; $RT run $ID; echo code $?",
        sh("pwd; pwd -P") | {"process.cwd": "/lnk"},
        "/etc\n/etc\ncode 0",
    ),
    Case(
        "working directory with a slash at its end",
        "$RT run $ID; echo code $?",
        sh("pwd") | {"process.cwd": "/etc/"},
        "/etc\ncode 0",
    ),
    Case(
        "working directory below a link that leads out",
        "ln -s /nope/out rootfs/lnk; $RT run $ID; echo code $?",
        sh("pwd") | {"process.cwd": "/lnk/d"},
        "code 1",
    ),
    Case(
        "working directory of another",
        "mkdir -m 700 rootfs/own; $RT run $ID; echo code $?",
        sh("pwd") | {"process.cwd": "/own", "process.user": {"uid": 70, "gid": 70}},
        "/own\ncode 0",
        root=True,
    ),
    Case(
        "working directory in proc",
        "$RT run $ID; echo code $?",
        sh("pwd") | {"process.cwd": "/proc/self"},
        "/proc/1\ncode 0",
    ),
    Case(
        "environment without an equals sign",
        "$RT run $ID; echo code $?",
        sh("env | grep -c ALONE") | {"process.env": ["PATH=/bin:/usr/bin", "ALONE"]},
        "code 1",
    ),
    Case(
        "environment with an empty entry",
        "$RT run $ID; echo code $?",
        sh("env | wc -l") | {"process.env": ["PATH=/bin:/usr/bin", ""]},
        "code 1",
    ),
    Case(
        "environment with an empty name",
        "$RT run $ID; echo code $?",
        RAN | {"process.env": ["PATH=/bin:/usr/bin", "=x"]},
        "code 1",
    ),
    Case(
        "environment with odd names",
        "$RT run $ID; echo code $?",
        sh("env | grep -E '^(a b|x-y|ä)=' | sort")
        | {"process.env": ["PATH=/bin:/usr/bin", "a b=1", "x-y=2", "ä=3"]},
        "code 0",
    ),
    Case(
        "environment with a nul",
        "code $RT run $ID",
        RAN | {"process.env": ["PATH=/bin", "A=a\x00b"]},
        "code 1",
    ),
    Case(
        "environment of nothing",
        "$RT run $ID; echo code $?",
        {"process.args": ["/bin/sh", "-c", "env | sort | grep -v _="], "process.env": []},
        "code 0",
    ),
    Case(
        "environment with lines",
        "$RT run $ID; echo code $?",
        sh('echo "$A"') | {"process.env": ["PATH=/bin", "A=one\ntwo"]},
        "one\ntwo\ncode 0",
    ),
    Case(
        "home that is empty",
        "$RT run $ID; echo code $?",
        sh('echo "[$HOME]"') | {"process.env": ["PATH=/bin", "HOME="]},
        "[/root]\ncode 0",
    ),
    Case(
        "home of who is unknown",
        "$RT run $ID; echo code $?",
        sh('echo "[$HOME]"') | {"process.user": {"uid": 4242, "gid": 4242}},
        "[/]\ncode 0",
        root=True,
    ),
    Case(
        "argument with a nul",
        "code $RT run $ID",
        {"process.args": ["echo", "a\x00b"]},
        "code 1",
    ),
    Case(
        "arguments with odd letters",
        "$RT run $ID; echo code $?",
        {"process.args": ["printf", "%s|", "a b", "", "ä", "\"'\\", "\n"]},
        "a b||ä|\"'\\|\n|code 0",
    ),
    Case(
        "script without an interpreter's name",
        (
            "mkdir rootfs/own; echo 'echo bare' >rootfs/own/s; chmod 755 rootfs/own/s; "
            "$RT run $ID; echo code $?"
        ),
        {"process.args": ["/own/s"]},
        "code 1",
    ),
    Case(
        "script with an interpreter that is missing",
        (
            "mkdir rootfs/own; echo '#!/nope' >rootfs/own/s; chmod 755 rootfs/own/s; "
            "$RT run $ID; echo code $?"
        ),
        {"process.args": ["/own/s"]},
        "code 1",
    ),
    Case(
        "command by a relative path",
        "$RT run $ID; echo code $?",
        {"process.args": ["bin/echo", "ran"]},
        "ran\ncode 0",
    ),
    Case(
        "group twice",
        "$RT run $ID; echo code $?",
        sh("id -G") | {"process.user": {"uid": 0, "gid": 0, "additionalGids": [5, 5, 6]}},
        "0 5 6\ncode 0",
        root=True,
    ),
    Case(
        "umask of all",
        "$RT run $ID; echo code $?",
        sh("umask; touch /tmp/x; stat -c %a /tmp/x") | {"process.user.umask": 511},
        "0777\n0\ncode 0",
    ),
    Case(
        "umask beyond all",
        "$RT run $ID; echo code $?",
        sh("umask") | {"process.user.umask": 1023},
        "0777\ncode 0",
    ),
    Case(
        "limit without end",
        "$RT run $ID; echo code $?",
        sh("ulimit -c; ulimit -H -c")
        | {"process.rlimits": [{"type": "RLIMIT_CORE", "soft": 0, "hard": 18446744073709551615}]},
        "0\nunlimited\ncode 0",
    ),
    Case(
        "limits of all kinds",
        "$RT run $ID; echo code $?",
        sh("cat /proc/self/limits | cut -c1-48 | sort")
        | {
            "process.rlimits": [
                {"type": "RLIMIT_CORE", "soft": 7, "hard": 9},
                {"type": "RLIMIT_MSGQUEUE", "soft": 8, "hard": 10},
                {"type": "RLIMIT_NICE", "soft": 9, "hard": 11},
                {"type": "RLIMIT_RTPRIO", "soft": 10, "hard": 12},
                {"type": "RLIMIT_SIGPENDING", "soft": 11, "hard": 13},
                {"type": "RLIMIT_LOCKS", "soft": 12, "hard": 14},
                {"type": "RLIMIT_RTTIME", "soft": 13, "hard": 15},
            ]
        },
        "code 1",
    ),
    Case(
        "limit that is negative",
        "code $RT run $ID",
        RAN | {"process.rlimits": [{"type": "RLIMIT_CORE", "soft": -1, "hard": -1}]},
        "code 1",
    ),
    Case(
        "limit without a number",
        "$RT run $ID; echo code $?",
        sh("ulimit -c") | {"process.rlimits": [{"type": "RLIMIT_CORE"}]},
        "0\ncode 0",
    ),
    Case(
        "capability in small letters",
        "$RT run $ID; echo code $?",
        sh("grep CapEff /proc/self/status")
        | {
            "process.capabilities": {
                "bounding": ["cap_kill"],
                "effective": ["cap_kill"],
                "permitted": ["cap_kill"],
            }
        },
        "CapEff:\t0000000000000000\ncode 0",
    ),
    Case(
        "capability without its prefix",
        "$RT run $ID; echo code $?",
        sh("grep CapEff /proc/self/status")
        | {
            "process.capabilities": {
                "bounding": ["KILL"],
                "effective": ["KILL"],
                "permitted": ["KILL"],
            }
        },
        "CapEff:\t0000000000000000\ncode 0",
    ),
    Case(
        "capability twice",
        "$RT run $ID; echo code $?",
        sh("grep CapEff /proc/self/status")
        | {
            "process.capabilities": {
                "bounding": ["CAP_KILL", "CAP_KILL"],
                "effective": ["CAP_KILL", "CAP_KILL"],
                "permitted": ["CAP_KILL", "CAP_KILL"],
            }
        },
        "CapEff:\t0000000000000020\ncode 0",
    ),
    Case(
        "capability that is effective and not permitted",
        "$RT run $ID; echo code $?",
        sh("grep Cap /proc/self/status")
        | {"process.capabilities": {"bounding": ["CAP_KILL"], "effective": ["CAP_KILL"]}},
        "code 1",
    ),
    Case(
        "capability that is permitted and not bounded",
        "$RT run $ID; echo code $?",
        sh("grep Cap /proc/self/status")
        | {"process.capabilities": {"permitted": ["CAP_KILL"], "effective": ["CAP_KILL"]}},
        "code 0",
    ),
    Case(
        "ambient capabilities of root",
        "$RT run $ID; echo code $?",
        sh("grep Cap /proc/self/status")
        | {
            "process.capabilities": {
                "bounding": ["CAP_KILL"],
                "effective": ["CAP_KILL"],
                "permitted": ["CAP_KILL"],
                "inheritable": ["CAP_KILL"],
                "ambient": ["CAP_KILL"],
            }
        },
        "CapAmb:\t0000000000000020",
    ),
    Case(
        "capabilities that are null",
        "$RT run $ID; echo code $?",
        sh("grep CapEff /proc/self/status") | {"process.capabilities": None},
        "CapEff:\t0000000000000000\ncode 0",
    ),
    Case(
        "capabilities in namespaces of the machine's",
        "$RT run $ID; echo code $?",
        sh("grep CapEff /proc/self/status")
        | {
            "process.capabilities": {
                "bounding": ["CAP_SYS_ADMIN", "CAP_NET_ADMIN"],
                "effective": ["CAP_SYS_ADMIN", "CAP_NET_ADMIN"],
                "permitted": ["CAP_SYS_ADMIN", "CAP_NET_ADMIN"],
            }
        },
        "CapEff:\t0000000000201000\ncode 0",
    ),
    Case(
        "oom score of one who is never killed",
        "$RT run $ID; echo code $?",
        sh("cat /proc/self/oom_score_adj") | {"process.oomScoreAdj": -1000},
        "code 1",
        root=True,
    ),
    Case(
        "host name that is empty",
        "$RT run $ID; echo code $?",
        sh("[ $(hostname) ] && echo some") | {"hostname": ""},
        "some\ncode 0",
    ),
    Case(
        "host name with odd letters",
        "$RT run $ID; echo code $?",
        sh("hostname") | {"hostname": "a b_ä."},
        "a b_ä.\ncode 0",
    ),
)
