"""Cases of binds whose files have other owners inside: mappings of a mount, `idmap`, `ridmap`.

runc 1.1 passes all of that over; what is shown is what the specification says (config.md "Mounts").
"""

from __future__ import annotations

from typing import Any

from tests.system.runtime.conformance.case import Case

__all__ = ["CASES"]

KINDS = ("pid", "network", "ipc", "uts", "mount", "user")
MAPS = [{"containerID": 0, "hostID": 100000, "size": 65536}]
IN_USERS = {
    "linux.uidMappings": MAPS,
    "linux.gidMappings": MAPS,
    "linux.namespaces": [{"type": kind} for kind in KINDS],
}
FILES = "mkdir d; touch d/f; chown 3:4 d/f; "
RUN = "$RT run $ID; echo code $?"


def _sh(text: str) -> dict[str, Any]:
    return {"process.args": ["sh", "-c", text]}


def _bind(*words: str, **more: Any) -> dict[str, Any]:
    mount = {"destination": "/x", "type": "bind", "source": "d", "options": list(words)}
    return {"mounts+": [mount | more]}


def _maps(inside: int, outside: int, size: int = 10) -> dict[str, Any]:
    line = {"containerID": inside, "hostID": outside, "size": size}
    return {"uidMappings": [line], "gidMappings": [line]}


CASES = tuple(
    Case(name, script, edits, shows, root=True, runc=False)
    for name, script, edits, shows in (
        (
            "owners by a map of the mount",
            FILES + RUN,
            _sh("stat -c '%u %g' /x/f") | _bind("bind", **_maps(0, 1000)),
            "1003 1004\ncode 0",
        ),
        (
            "owners that the map lacks",
            FILES + RUN,
            _sh("stat -c '%u %g' /x/f; touch /x/f; rm /x/f && ls /x | wc -l")
            | _bind("bind", **_maps(0, 1000, 3)),
            "65534 65534\n",
        ),
        (
            "owners in a user namespace are those of the host's files",
            FILES + "chown -R 100000:100000 rootfs; " + RUN + "; stat -c '%u %g' d/g",
            _sh("stat -c '%u %g' /x/f; touch /x/g; stat -c '%u %g' /x/g")
            | IN_USERS
            | _bind("bind", "idmap"),
            "3 4\n0 0\ncode 0\n0 0",
        ),
        (
            "owners of a tree with all below it",
            "mkdir -p d/e; mount -t tmpfs t d/e; touch d/e/f; chown 5:5 d/e/f; "
            "chown -R 100000:100000 rootfs; " + RUN + "; umount d/e",
            _sh("stat -c '%u %g' /x/e/f") | IN_USERS | _bind("rbind", "ridmap"),
            "5 5\ncode 0",
        ),
        (
            "owners of a read-only bind",
            FILES + "chown -R 100000:100000 rootfs; " + RUN,
            _sh("stat -c %u /x/f; touch /x/g 2>/dev/null || echo closed")
            | IN_USERS
            | _bind("bind", "idmap", "ro", "nosuid"),
            "3\nclosed\ncode 0",
        ),
        (
            "owners by a word without any map",
            FILES + "code $RT run $ID",
            _bind("bind", "idmap"),
            "code 1",
        ),
        (
            "owners by a map of users alone",
            FILES + "code $RT run $ID",
            _bind("bind", uidMappings=MAPS),
            "code 1",
        ),
        (
            "owners of a file system that is no bind",
            "code $RT run $ID",
            {"mounts+": [{"destination": "/x", "type": "tmpfs", "source": "t", **_maps(0, 0)}]},
            "code 1",
        ),
    )
)
