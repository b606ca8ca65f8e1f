"""Cases of `mounts` and of the root: every option, and where mounts may be made."""

from __future__ import annotations

from typing import Any

from tests.system.runtime.conformance.case import Case

__all__ = ["CASES"]

RUN = "$RT run $ID; echo code $?"
# the mount's own options, sorted, and how it propagates
SHOW = (
    'awk \'$5 == "/x" || $5 ~ "^/x/" {n = split($6, o, ","); '
    "for (i = 1; i <= n; i++) for (j = i + 1; j <= n; j++) if (o[j] < o[i]) "
    '{t = o[i]; o[i] = o[j]; o[j] = t} line = $5; for (i = 1; i <= n; i++) line = line " " o[i]; '
    'print line " " $7}\' /proc/self/mountinfo'
)


def _sh(text: str) -> dict[str, Any]:
    return {"process.args": ["sh", "-c", text]}


def _mount(target: str, kind: str, source: str, *options: str) -> dict[str, Any]:
    return {"destination": target, "type": kind, "source": source, "options": list(options)}


def _of(*mounts: dict[str, Any], text: str = SHOW) -> dict[str, Any]:
    return _sh(text) | {"mounts+": list(mounts)}


def _tmpfs(*options: str, text: str = SHOW) -> dict[str, Any]:
    return _of(_mount("/x", "tmpfs", "tmpfs", *options), text=text)


def _bind(*options: str, text: str = SHOW, source: str = "given") -> dict[str, Any]:
    return _of(_mount("/x", "bind", source, *options), text=text)


OPTIONS = (
    *(("ro",), ("rw",), ("nosuid",), ("suid",), ("nodev",), ("noexec",), ("exec",), ("noatime",)),
    *(("nodiratime",), ("strictatime",), ("relatime",), ("ro", "rw"), ("nosuid", "suid")),
    *(("noatime", "nodev", "noexec", "nosuid", "ro"), ("sync",), ("dirsync",)),
)
# an ordinary user cannot take off, or change, what the machine's mount has
LOCKED = (
    *(("suid",), ("exec",), ("nosuid", "suid"), ("noatime",), ("nodiratime",), ("strictatime",)),
    ("noatime", "nodev", "noexec", "nosuid", "ro"),
)
RECURSIVE = (
    *("rro", "rrw", "rnosuid", "rnodev", "rnoexec", "rnoatime", "rnodiratime", "rstrictatime"),
    *("rrelatime",),
)
GIVEN = "mkdir given; echo text >given/file; chmod 755 given; "
# a tree with a mount below, in a mount namespace of the script's own
BELOW = (
    "mkdir given; unshare -m --propagation PROPAGATION sh -c '"
    "mount -t tmpfs outer given; mkdir given/sub; mount -t tmpfs inner given/sub; $RT run $ID'"
)
PRIVATE = BELOW.replace("PROPAGATION", "private")

CASES = (
    *(Case(f"tmpfs with {' '.join(words)}", RUN, _tmpfs(*words), "/x ") for words in OPTIONS),
    *(
        Case(
            f"bind with {' '.join(words)}",
            GIVEN + RUN,
            _bind("rbind", *words),
            "/x ",
            root=words in LOCKED,
        )
        for words in OPTIONS
        if words[0] not in ("sync", "dirsync")
    ),
    *(
        Case(f"recursive bind with {word}", PRIVATE, _bind("rbind", word), "/x/sub", root=True)
        for word in RECURSIVE
    ),
    Case("bind that is not recursive", PRIVATE, _bind("bind"), "/x ", root=True),
    Case(
        "recursive bind read-only leaves what is below",
        PRIVATE,
        _bind("rbind", "ro"),
        "/x/sub",
        root=True,
    ),
    *(
        Case(
            f"bind that is {word}",
            BELOW.replace("PROPAGATION", "shared"),
            _bind("rbind", word),
            "/x/sub",
            root=True,
        )
        for word in ("private", "rprivate", "slave", "rslave", "rshared", "unbindable")
    ),
    Case(
        "tmpfs of a size and mode",
        RUN,
        _tmpfs(
            "size=64k",
            "mode=711",
            text="df -k /x | tail -1 | tr -s ' ' | cut -d' ' -f2; stat -c %a /x",
        ),
        "64\n711",
    ),
    Case(
        "tmpfs keeps the mode of what it hides",
        "mkdir -m 1770 rootfs/x; " + RUN,
        _tmpfs(text="stat -c %a /x"),
        "1770",
    ),
    Case("tmpfs in a new place", RUN, _tmpfs(text="stat -c %a /x"), "code 0"),
    Case(
        "tmpfs that is filled with what it hides",
        "mkdir -p rootfs/x/d; echo in >rootfs/x/d/f; ln -s d rootfs/x/l; chmod 640 rootfs/x/d/f;"
        + RUN,
        _tmpfs("tmpcopyup", text="cat /x/l/f; stat -c %a /x/d/f; echo new >/x/n; ls /x"),
        "in\n640\nd\nl\nn",
    ),
    Case(
        "bind of a file",
        GIVEN + RUN,
        _of(_mount("/x/y", "bind", "given/file", "bind"), text="cat /x/y"),
        "text",
    ),
    Case(
        "bind of a directory is writable",
        GIVEN + RUN + "; cat given/new",
        _bind("rbind", text="echo w >/x/new"),
        "w\n",
    ),
    Case(
        "bind read-only is not written to",
        GIVEN + RUN,
        _bind("rbind", "ro", text="echo w 2>&1 >/x/new | tail -1"),
        "Read-only file system",
    ),
    Case(
        "bind without execution",
        GIVEN + "cp rootfs/bin/busybox given/b;" + RUN,
        _bind("rbind", "noexec", text="/x/b true; echo $?"),
        "126",
    ),
    Case(
        "bind by option alone",
        GIVEN + RUN,
        _of(_mount("/x", "", "given", "rbind"), text="cat /x/file"),
        "text",
    ),
    Case(
        "bind of type none",
        GIVEN + RUN,
        _of(_mount("/x", "none", "given", "rbind"), text="cat /x/file"),
        "text",
    ),
    Case(
        "bind by an absolute source",
        RUN,
        _of(_mount("/x", "bind", "/proc/version", "bind"), text="wc -l </x"),
        "1",
    ),
    Case("bind of what is not there", "code $RT run $ID", _bind("rbind", source="nope"), "code 1"),
    Case(
        "bind of a directory on a file",
        GIVEN + "touch rootfs/x; code $RT run $ID",
        _bind("rbind"),
        "code 1",
    ),
    Case(
        "mounts in their order",
        GIVEN + RUN,
        _of(
            _mount("/x", "tmpfs", "tmpfs", "mode=755"),
            _mount("/x/y", "bind", "given", "rbind"),
            text="cat /x/y/file; ls /x",
        ),
        "text\ny",
    ),
    Case(
        "mount that a later one hides",
        GIVEN + RUN,
        _of(
            _mount("/x", "bind", "given", "rbind"),
            _mount("/x", "tmpfs", "tmpfs"),
            text="ls /x | wc -l",
        ),
        "0",
    ),
    Case(
        "mount in a deep place",
        RUN,
        _of(_mount("/a/b/c", "tmpfs", "tmpfs", "mode=700"), text="stat -c %a /a /a/b /a/b/c"),
        "755\n755\n700",
    ),
    Case(
        "mount by a link of the root's",
        "mkdir rootfs/real; ln -s /real rootfs/x; " + GIVEN + RUN,
        _bind("rbind", text="cat /real/file"),
        "text",
    ),
    Case(
        "mount by a link that leads out",
        "ln -s ../../../../../tmp rootfs/x; " + GIVEN + RUN,
        _bind("rbind", text="cat /tmp/file"),
        "text",
    ),
    Case(
        "mount in a place that is not absolute",
        RUN,
        _of(_mount("x", "tmpfs", "tmpfs", "mode=700"), text="stat -c %a /x"),
        "700",
    ),
    Case(
        "mount in a place with dots",
        RUN,
        _of(_mount("/a/../x", "tmpfs", "tmpfs", "mode=700"), text="stat -c %a /x"),
        "700",
    ),
    Case(
        "mount that changes another one",
        RUN,
        _of(_mount("/x", "tmpfs", "tmpfs"), _mount("/x", "tmpfs", "tmpfs", "remount", "ro")),
        "/x ",
        runc=False,
    ),
    Case(
        "overlay",
        "mkdir low up work rootfs/x; echo low >low/f; D=$(pwd);"
        'sed -i "s,PLACE,$D,g" config.json;' + RUN + "; ls up",
        _of(
            _mount(
                "/x",
                "overlay",
                "overlay",
                "lowerdir=PLACE/low,upperdir=PLACE/up,workdir=PLACE/work",
            ),
            text="cat /x/f; echo new >/x/new",
        ),
        "low\ncode 0\nnew",
        root=True,
    ),
    Case(
        "file system of an unknown type",
        "code $RT run $ID",
        _of(_mount("/x", "nope", "nope")),
        "code 1",
    ),
    Case("option that the file system lacks", "code $RT run $ID", _tmpfs("nope=1"), "code 1"),
    Case(
        "mount inside proc",
        "code $RT run $ID",
        _of(_mount("/proc/tty", "tmpfs", "tmpfs")),
        "code 1",
    ),
    Case(
        "bind inside proc",
        GIVEN + "code $RT run $ID",
        _of(_mount("/proc/tty", "bind", "given", "rbind")),
        "code 1",
    ),
    Case(
        "tmpfs instead of proc",
        "code $RT run $ID",
        {"mounts": [_mount("/proc", "tmpfs", "tmpfs")]},
        "code 1",
    ),
    Case(
        "file over one of proc's that may be covered",
        GIVEN + RUN,
        _of(_mount("/proc/uptime", "bind", "given/file", "bind"), text="cat /proc/uptime"),
        "text",
    ),
    Case(
        "proc",
        RUN,
        _sh(
            "awk '$5 == \"/proc\" {print $(NF-2)}' /proc/self/mountinfo; ls /proc/1"
            " | grep -c status"
        ),
        "proc\n2",
    ),
    Case(
        "message queues",
        RUN,
        _sh("awk '$5 == \"/dev/mqueue\" {print $(NF-2), $6}' /proc/self/mountinfo"),
        "mqueue rw",
    ),
    Case(
        "pseudo-terminals",
        RUN,
        _sh("stat -c %a /dev/pts; ls -l /dev/pts/ptmx | cut -c1-10;readlink /dev/ptmx"),
        "crw-rw-rw-\npts/ptmx",
    ),
    Case(
        "cgroups are shown read-only",
        RUN,
        _sh("ls /sys/fs/cgroup/memory/cgroup.procs; mkdir /sys/fs/cgroup/memory/n; echo $?"),
        "1",
        root=True,
    ),
    Case(
        "root that is read-only",
        RUN,
        _sh("touch /f 2>&1; touch /dev/f; ls /dev/f") | {"root.readonly": True},
        "Read-only file system\n/dev/f",
    ),
    Case("root that is writable", RUN + "; ls rootfs/f", _sh("touch /f; ls /f"), "/f"),
    Case(
        "root by an absolute path",
        'sed -i "s,PLACE,$(pwd)/rootfs," config.json;' + RUN,
        _sh("ls /etc/passwd") | {"root.path": "PLACE"},
        "/etc/passwd",
    ),
    Case("root that is not there", "code $RT run $ID", {"root.path": "nope"}, "code 1"),
    Case("no root", "code $RT run $ID", {"root-": None}, "code 1"),
    *(
        Case(
            f"root's propagation {word}",
            RUN,
            _sh("awk '$5 == \"/\" {print $7}' /proc/self/mountinfo | tr -d 0-9")
            | {"linux.rootfsPropagation": word},
            shown,
            root=True,
            runc=shown == "-",  # runc 1.1 leaves it private
        )
        for word, shown in (
            *(("", "-"), ("private", "-"), ("rprivate", "-"), ("shared", "shared:")),
            *(("rshared", "shared:"), ("unbindable", "unbindable")),
        )
    ),
    Case(
        "root's propagation that is unknown",
        "code $RT run $ID",
        {"linux.rootfsPropagation": "nope"},
        "code 1",
    ),
    Case(
        "masked file",
        RUN,
        _sh("cat /etc/passwd | wc -c") | {"linux.maskedPaths": ["/etc/passwd"]},
        "0",
    ),
    Case(
        "masked directory",
        RUN,
        _sh("ls -A /etc | wc -l; touch /etc/f; echo $?") | {"linux.maskedPaths": ["/etc"]},
        "0\n1",
    ),
    Case(
        "masked path that is not there",
        RUN,
        _sh("echo ran") | {"linux.maskedPaths": ["/nope", "/etc/nope"]},
        "ran",
    ),
    Case("masked by default", RUN, _sh("wc -c </proc/keys; ls /sys/firmware | wc -l"), "0\n0"),
    Case(
        "read-only paths",
        RUN,
        _sh(
            "touch /etc/f; echo $?; touch /tmp/f; echo $?; "
            "echo x >/proc/sys/kernel/hostname; echo $?"
        )
        | {"linux.readonlyPaths": ["/etc", "/proc/sys", "/nope"]},
        "1\n0\n1",
    ),
    Case(
        "root without a pivot",
        "$RT run --no-pivot $ID; echo code $?",
        _sh("ls /etc/passwd; ls / | wc -l; ls /.. | wc -l"),
        "/etc/passwd\n11",
        root=True,
    ),
)
