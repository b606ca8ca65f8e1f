"""Cases of mounts by all of their words, and of the root's path."""

from __future__ import annotations

from typing import Any

from tests.system.runtime.conformance.case import Case

__all__ = ["CASES"]

RAN: dict[str, Any] = {"process.args": ["sh", "-c", "echo ran"]}


def sh(text: str) -> dict[str, Any]:
    """Return the edit that has a shell do something."""
    return {"process.args": ["sh", "-c", text]}


SHOW = (
    "grep ' /m ' /proc/self/mountinfo | cut -d' ' -f6; touch /m/x 2>&1; "
    "grep ' /m ' /proc/self/mountinfo | sed 's/.* - //' | cut -d' ' -f1"
)


def _mounted(kind: str, source: str, *options: str) -> dict[str, Any]:
    mount = {"destination": "/m", "type": kind, "source": source, "options": list(options)}
    return {"process.args": ["sh", "-c", SHOW], "mounts+": [mount]}


CASES = (
    *(
        Case(
            f"tmpfs with the word {word}",
            "$RT run $ID; echo code $?",
            _mounted("tmpfs", "t", *word.split()),
            shows,
            root=root,
        )
        for word, shows, root in (
            ("async", "rw,relatime\ntmpfs\ncode 0", False),
            ("atime", "rw,relatime\ntmpfs\ncode 0", False),
            ("diratime", "rw,relatime\ntmpfs\ncode 0", False),
            ("loud", "rw,relatime\ntmpfs\ncode 0", False),
            ("silent", "rw,relatime\ntmpfs\ncode 0", False),
            ("norelatime", "rw,relatime\ntmpfs\ncode 0", False),
            ("nostrictatime", "rw,relatime\ntmpfs\ncode 0", False),
            ("mand", "rw,relatime\ntmpfs\ncode 0", False),
            ("nomand", "rw,relatime\ntmpfs\ncode 0", False),
            ("iversion", "rw,relatime\ntmpfs\ncode 0", False),
            ("noiversion", "rw,relatime\ntmpfs\ncode 0", False),
            ("lazytime", "rw,relatime\ntmpfs\ncode 0", False),
            ("symfollow nosymfollow", "rw,relatime,nosymfollow\ntmpfs\ncode 0", False),
            ("remount", "code 1", False),
            ("private", "rw,relatime\ntmpfs\ncode 0", False),
            ("rshared", "rw,relatime\ntmpfs\ncode 0", False),
            ("ro exec nodev", "code 0", False),
            ("size=1m mode=700 uid=5", "code ", False),
            ("nr_inodes=5", "rw,relatime\ntmpfs\ncode 0", False),
            ("size=x", "code 1", False),
            ("foo", "code 1", False),
            ("mode=x", "code 1", False),
        )
    ),
    *(
        Case(
            f"bind with the word {word}",
            "mkdir s; touch s/f; sed -i s,SOURCE,$(pwd)/s, config.json; $RT run $ID; echo code $?",
            _mounted("bind", "SOURCE", "bind", *word.split()),
            shows,
            root=root,
        )
        for word, shows, root in (
            ("defaults", "code 0", False),
            ("lazytime", "code 0", False),
            ("nosymfollow", "nosymfollow", False),
            ("mand", "code 0", False),
            ("sync", "code 0", False),
            ("dirsync", "code 0", False),
            ("iversion", "code 0", False),
            ("silent", "code 0", False),
            ("nodiratime ro", "code ", False),
            ("private", "code 0", False),
            ("rprivate ro", "Read-only file system", False),
            ("unbindable", "code 0", False),
            ("rbind", "code 0", False),
            ("remount ro", "code 1", False),
            ("size=1m", "code 0", False),
            ("foo", "code 0", False),
        )
    ),
    Case(
        "root by a dot",
        "cp -r rootfs/* . 2>/dev/null; $RT run $ID; echo code $?",
        RAN | {"root.path": "."},
        "ran\ncode 0",
    ),
    Case(
        "root that is empty",
        "code $RT run $ID",
        RAN | {"root.path": ""},
        "code 1",
    ),
    Case(
        "root with a slash at its end",
        "$RT run $ID; echo code $?",
        RAN | {"root.path": "rootfs/"},
        "ran\ncode 0",
    ),
    Case(
        "root read-only and a tmpfs in it",
        "$RT run $ID; echo code $?",
        sh("touch /m/x && echo yes; touch /x 2>&1; touch /dev/x && echo dev")
        | {
            "root.readonly": True,
            "mounts+": [{"destination": "/m", "type": "tmpfs", "source": "t", "options": []}],
        },
        "yes\ntouch: /x: Read-only file system\ndev\ncode 0",
    ),
    Case(
        "bind by a relative source",
        "mkdir s; touch s/f; $RT run $ID; echo code $?",
        sh("ls /m")
        | {"mounts+": [{"destination": "/m", "type": "bind", "source": "s", "options": ["bind"]}]},
        "f\ncode 0",
    ),
    Case(
        "bind by a source that is a link",
        "mkdir s; touch s/f; ln -s s l; $RT run $ID; echo code $?",
        sh("ls /m")
        | {"mounts+": [{"destination": "/m", "type": "bind", "source": "l", "options": ["rbind"]}]},
        "f\ncode 0",
    ),
    Case(
        "bind without a type",
        "mkdir s; touch s/f; $RT run $ID; echo code $?",
        sh("ls /m") | {"mounts+": [{"destination": "/m", "source": "s", "options": ["rbind"]}]},
        "f\ncode 0",
    ),
    Case(
        "mount without a type",
        "code $RT run $ID",
        RAN | {"mounts+": [{"destination": "/m", "source": "s"}]},
        "code 1",
    ),
    Case(
        "bind onto the root",
        "mkdir s; touch s/f; code $RT run $ID",
        RAN
        | {"mounts+": [{"destination": "/", "type": "bind", "source": "s", "options": ["rbind"]}]},
        "code 1",
    ),
    Case(
        "tmpfs in an odd place",
        "$RT run $ID; echo code $?",
        sh("grep -c tmpfs /proc/self/mountinfo >/dev/null; touch /tmp/x/y && echo made")
        | {
            "mounts+": [{"destination": "//tmp//x/", "type": "tmpfs", "source": "t", "options": []}]
        },
        "made\ncode 0",
    ),
    Case(
        "bind of a fifo",
        "mkfifo p; $RT run $ID; echo code $?",
        sh("[ -p /m ] && echo fifo")
        | {"mounts+": [{"destination": "/m", "type": "bind", "source": "p", "options": ["bind"]}]},
        "fifo\ncode 0",
    ),
    Case(
        "bind of a socket",
        (
            'perl -MIO::Socket::UNIX -e \'IO::Socket::UNIX->new(Local => "k", Listen '
            "=> 1)'; $RT run $ID; echo code $?"
        ),
        sh("[ -S /m ] && echo socket")
        | {"mounts+": [{"destination": "/m", "type": "bind", "source": "k", "options": ["bind"]}]},
        "socket\ncode 0",
    ),
    Case(
        "bind of a device",
        "$RT run $ID; echo code $?",
        sh("echo x >/m && echo written; [ -c /m ] && echo device")
        | {
            "mounts+": [
                {"destination": "/m", "type": "bind", "source": "/dev/null", "options": ["bind"]}
            ]
        },
        "written\ndevice\ncode 0",
    ),
    Case(
        "bind of a device without devices",
        "$RT run $ID; echo code $?",
        sh("echo x 2>&1 >/m")
        | {
            "mounts+": [
                {
                    "destination": "/m",
                    "type": "bind",
                    "source": "/dev/null",
                    "options": ["bind", "nodev"],
                }
            ]
        },
        "sh: can't create /m: Permission denied\ncode 1",
    ),
    Case(
        "bind of a file on a link",
        "echo own >f; ln -s /etc/target rootfs/lnk; $RT run $ID; echo code $?",
        sh("cat /lnk; cat /etc/target")
        | {
            "mounts+": [{"destination": "/lnk", "type": "bind", "source": "f", "options": ["bind"]}]
        },
        "own\nown\ncode 0",
    ),
    Case(
        "bind of a file in a directory that is not there",
        "echo own >f; $RT run $ID; echo code $?",
        sh("cat /not/there/f")
        | {
            "mounts+": [
                {"destination": "/not/there/f", "type": "bind", "source": "f", "options": ["bind"]}
            ]
        },
        "own\ncode 0",
    ),
    Case(
        "proc twice",
        "$RT run $ID; echo code $?",
        sh("ls -d /p2/self >/dev/null && echo two")
        | {
            "mounts+": [
                {"destination": "/p2", "type": "proc", "source": "proc", "options": ["nosuid"]}
            ]
        },
        "two\ncode 0",
    ),
    Case(
        "proc read-only",
        "$RT run $ID; echo code $?",
        sh("grep ' /p2 ' /proc/self/mountinfo | cut -d' ' -f6")
        | {
            "mounts+": [{"destination": "/p2", "type": "proc", "source": "proc", "options": ["ro"]}]
        },
        "ro,relatime\ncode 0",
    ),
    Case(
        "proc that hides",
        "$RT run $ID; echo code $?",
        sh("grep ' /p2 ' /proc/self/mountinfo | sed 's/.*- //'")
        | {
            "mounts+": [
                {"destination": "/p2", "type": "proc", "source": "proc", "options": ["hidepid=2"]}
            ]
        },
        "proc proc rw,hidepid=invisible\ncode 0",
    ),
    Case(
        "mqueue twice",
        "$RT run $ID; echo code $?",
        sh("touch /q2/x && ls /dev/mqueue")
        | {
            "mounts+": [{"destination": "/q2", "type": "mqueue", "source": "mqueue", "options": []}]
        },
        "x\ncode 0",
    ),
    Case(
        "cgroups that can be written",
        "$RT run $ID; echo code $?",
        sh("grep -c 'cgroup rw' /proc/self/mountinfo | head -c 1 | grep -c [1-9]")
        | {
            "linux.namespaces+": [{"type": "cgroup"}],
            "mounts+": [
                {
                    "destination": "/sys/fs/cgroup",
                    "type": "cgroup",
                    "source": "cgroup",
                    "options": ["rw"],
                }
            ],
        },
        "1\ncode 0",
        root=True,
    ),
)
