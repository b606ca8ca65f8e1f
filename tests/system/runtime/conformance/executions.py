"""Cases of `exec`: words, files, users, streams and terminals that are odd or wrong."""

from __future__ import annotations

from typing import Any

from tests.system.runtime.conformance.case import Case

__all__ = ["CASES"]

SLEEP: dict[str, Any] = {"process.args": ["sleep", "60"]}
LIMITED: dict[str, Any] = {"process.args": ["sleep", "60"], "linux.cgroupsPath": "/NAME"}


def sh(text: str) -> dict[str, Any]:
    """Return the edit that has a shell do something."""
    return {"process.args": ["sh", "-c", text]}


CASES = (
    Case(
        "exec with an environment without a value",
        "$RT run -d $ID; $RT exec -e A $ID sh -c 'echo \"[$A]\"'; echo code $?",
        SLEEP,
        "code 255",
    ),
    Case(
        "exec with an environment of nothing",
        ("$RT run -d $ID; $RT exec -e A= -e B=' x' $ID sh -c 'echo \"[$A][$B]\"'; echo code $?"),
        SLEEP,
        "[][ x]\ncode 0",
    ),
    Case(
        "exec with an environment twice",
        (
            "$RT run -d $ID; $RT exec -e PATH=/nope -e PATH=/bin:/usr/bin -e A=1 -e "
            "A=2 $ID sh -c 'echo $A'; echo code $?"
        ),
        SLEEP,
        "2\ncode 0",
    ),
    Case(
        "exec as a user by name",
        "$RT run -d $ID; code $RT exec -u root $ID true; code $RT exec -u 0:root $ID true",
        SLEEP,
        "code 255\ncode 255",
    ),
    Case(
        "exec as a user below all",
        (
            "$RT run -d $ID; code $RT exec -u -1 $ID true; code $RT exec -u 4294967296 "
            "$ID true; code $RT exec -u '' $ID true"
        ),
        SLEEP,
        "code 255\ncode 255\ncode 0",
        runc=False,
    ),
    Case(
        "exec as another user has its home",
        ("$RT run -d $ID; $RT exec -u 65534:65534 $ID sh -c 'echo $HOME; id -u'; echo code $?"),
        SLEEP,
        "/nonexistent\n65534\ncode 0",
        root=True,
    ),
    Case(
        "exec as a user without a name",
        (
            "$RT run -d $ID; $RT exec -u 12345:6 $ID sh -c 'echo $HOME; id -u; id -g; "
            "id -G'; echo code $?"
        ),
        SLEEP,
        "/\n12345\n6\n6\ncode 0",
        root=True,
    ),
    Case(
        "exec in a directory that is not there",
        (
            "$RT run -d $ID; $RT exec --cwd /not/there $ID pwd; echo code $?; $RT exec "
            "$ID ls -d /not; echo code $?"
        ),
        SLEEP,
        "code 255\ncode 1",
    ),
    Case(
        "exec in a directory that is not absolute",
        "$RT run -d $ID; $RT exec --cwd etc $ID pwd; echo code $?",
        SLEEP,
        "code 255",
    ),
    Case(
        "exec in a directory that is a file",
        "$RT run -d $ID; $RT exec --cwd /etc/passwd $ID pwd; echo code $?",
        SLEEP,
        "code 255",
    ),
    Case(
        "exec with a capability that is unknown",
        "$RT run -d $ID; $RT exec -c CAP_NOPE $ID true; echo code $?",
        SLEEP,
        "code 0",
    ),
    Case(
        "exec with two capabilities",
        (
            "$RT run -d $ID; $RT exec -c CAP_CHOWN -c CAP_FOWNER $ID grep Cap "
            "/proc/self/status; echo code $?"
        ),
        SLEEP,
        "CapBnd",
    ),
    Case(
        "exec in the background that fails",
        "$RT run -d $ID; $RT exec -d $ID sh -c 'exit 3'; echo code $?",
        SLEEP,
        "code 0",
    ),
    Case(
        "exec in the background that is not there",
        "$RT run -d $ID; $RT exec -d $ID nope; echo code $?",
        SLEEP,
        "code 255",
    ),
    Case(
        "exec with a pid file that cannot be written",
        "$RT run -d $ID; $RT exec --pid-file /nope/p $ID sleep 1; echo code $?",
        SLEEP,
        "code 255",
    ),
    Case(
        "exec with a pid file",
        (
            "$RT run -d $ID; $RT exec --pid-file p $ID true; echo code $?; tr -d 0-9 "
            "<p | wc -c; [ -s p ]; echo $?"
        ),
        SLEEP,
        "code 0\n0\n0",
    ),
    Case(
        "exec by a file that is not there",
        "$RT run -d $ID; code $RT exec -p nope.json $ID; code $RT exec -p config.json $ID",
        SLEEP,
        "code 255\ncode 255",
    ),
    Case(
        "exec by a file of nothing",
        (
            "$RT run -d $ID; echo '{}' >p.json; code $RT exec -p p.json $ID; echo null "
            ">p.json; code $RT exec -p p.json $ID; echo '[]' >p.json; code $RT exec -p "
            "p.json $ID"
        ),
        SLEEP,
        "code 255\ncode 255\ncode 255",
    ),
    Case(
        "exec by a file and words",
        (
            '$RT run -d $ID; echo \'{"args": ["echo", "file"], "cwd": "/", "env": '
            '["PATH=/bin"]}\' >p.json; $RT exec -p p.json $ID echo words; echo code $?'
        ),
        SLEEP,
        "file\ncode 0",
    ),
    Case(
        "exec by a file with limits and a score",
        (
            '$RT run -d $ID; echo \'{"args": ["sh", "-c", "ulimit -n; cat '
            '/proc/self/oom_score_adj; umask; id -u"], "cwd": "/tmp", "env": '
            '["PATH=/bin"], "oomScoreAdj": 300, "rlimits": [{"type": "RLIMIT_NOFILE", '
            '"soft": 17, "hard": 18}], "user": {"uid": 0, "gid": 0, "umask": 63}}\' '
            ">p.json; $RT exec -p p.json $ID; echo code $?"
        ),
        SLEEP,
        "17\n0\n0077\n0\ncode 0",
        runc=False,
    ),
    Case(
        "exec of words with dashes",
        "$RT run -d $ID; $RT exec $ID echo -n --tty -d; echo code $?",
        SLEEP,
        "--tty -dcode 0",
    ),
    Case(
        "exec of what may not be executed",
        (
            "$RT run -d $ID; $RT exec $ID /etc/passwd; echo code $?; $RT exec $ID "
            "/etc; echo code $?; $RT exec $ID ''; echo code $?"
        ),
        SLEEP,
        "code 255\ncode 255\ncode 255",
    ),
    Case(
        "exec by another path",
        (
            "$RT run -d $ID; $RT exec -e PATH=/nope $ID true; echo code $?; $RT exec "
            "-e PATH=/nope $ID /bin/true; echo code $?"
        ),
        SLEEP,
        "code 255\ncode 0",
    ),
    Case(
        "exec with an AppArmor profile without AppArmor",
        (
            "$RT run -d $ID; [ -d /sys/kernel/security/apparmor ] && echo code 255 || "
            "code $RT exec --apparmor nothing $ID true"
        ),
        SLEEP,
        "code 255",
    ),
    Case(
        "exec with a label without SELinux",
        "$RT run -d $ID; code $RT exec --process-label system_u:x $ID true",
        SLEEP,
        "code 255",
    ),
    Case(
        "exec with groups that are no numbers",
        "$RT run -d $ID; code $RT exec -g x $ID true; code $RT exec -g -1 $ID true",
        SLEEP,
        "code 1\ncode 255",
    ),
    Case(
        "exec with file descriptors that are not open",
        (
            "$RT run -d $ID; code $RT exec --preserve-fds 9 $ID true; code $RT exec "
            "--preserve-fds x $ID true; code $RT exec --preserve-fds -1 $ID true"
        ),
        SLEEP,
        "code 255\ncode 1\ncode 0",
    ),
    Case(
        "exec by a part of the id",
        "$RT run -d $ID; I=$ID; code $RT exec ${I%?} true",
        SLEEP,
        "code 255",
    ),
    Case(
        "exec killed by other signals",
        (
            "$RT run -d $ID; $RT exec $ID sh -c 'kill -TERM $$'; echo code $?; $RT "
            "exec $ID sh -c 'kill -INT $$'; echo code $?"
        ),
        SLEEP,
        "code 143\ncode 130",
    ),
    Case(
        "exec has the container's limits and umask",
        (
            "$RT run -d $ID; $RT exec $ID sh -c 'ulimit -n; ulimit -c; umask; cat "
            "/proc/self/oom_score_adj'; echo code $?"
        ),
        {
            "process.args": ["sleep", "60"],
            "process.rlimits": [{"type": "RLIMIT_NOFILE", "soft": 33, "hard": 44}],
            "process.user.umask": 63,
            "process.oomScoreAdj": 200,
        },
        "33\n0\n0077\n200\ncode 0",
        runc=False,
    ),
    Case(
        "exec without input and output",
        (
            "$RT run -d $ID; $RT exec $ID cat <&-; echo code $?; $RT exec $ID echo x "
            ">&-; echo code $?"
        ),
        SLEEP,
        "code 0\ncode 0",
    ),
    Case(
        "exec of much output",
        "$RT run -d $ID; $RT exec $ID sh -c 'yes 12345678 | head -n 100000' | wc -c",
        SLEEP,
        "900000",
    ),
    Case(
        "exec sees what the container wrote",
        "$RT run -d $ID; $RT exec $ID cat /tmp-file; echo code $?",
        sh("echo own >/tmp-file; exec sleep 60"),
        "own\ncode 0",
    ),
    Case(
        "exec is a child of none inside",
        "$RT run -d $ID; $RT exec $ID sh -c 'grep PPid /proc/self/status'",
        SLEEP,
        "PPid:\t0",
    ),
    Case(
        "exec is in the container's cgroup",
        "$RT run -d $ID; $RT exec $ID grep pids: /proc/self/cgroup; echo code $?",
        LIMITED,
        "8:pids:/ID\ncode 0",
        root=True,
    ),
    Case(
        "exec after the first process has ended",
        "$RT run -d $ID; until_is stopped; code $RT exec $ID true",
        sh("sleep 0.2"),
        "code 255",
    ),
)
