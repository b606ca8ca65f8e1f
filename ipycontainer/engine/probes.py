"""Try what a start of a container does, step by step, and print what failed as JSON.

Run as a file, `python -I -S probes.py HOME`, by engine.doctor, which judges. It imports nothing but
the standard library and keeps Python 3.8's syntax, since scripts/demo runs it before anything is
installed. Each try is made in a forked child, so this file is never imported by a process that has
threads.
"""

from __future__ import annotations

import contextlib
import ctypes
import errno
import fcntl
import json
import os
import platform
import pwd
import shutil
import socket
import struct
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any, Callable, Dict, List, Optional, Sequence, Tuple

__all__ = ["probe"]

# linux/sched.h, linux/mount.h
CLONE_NEWNS, CLONE_NEWUSER = 0x00020000, 0x10000000
# pid, net, ipc, uts and cgroup
CLONE_OTHERS = 0x20000000 | 0x40000000 | 0x08000000 | 0x04000000 | 0x02000000
MS_REC, MS_PRIVATE = 0x4000, 1 << 18
CAP_SYS_ADMIN = 21  # linux/capability.h
# linux/netlink.h, linux/rtnetlink.h, linux/if_link.h, linux/netfilter/nf_tables.h
NETLINK_ROUTE, NETLINK_NETFILTER = 0, 12
NLMSG_ERROR, NLM_F_MAKE = 2, 0x4 | 0x400 | 0x200  # ACK, CREATE, EXCL
RTM_NEWLINK, IFLA_LINKINFO, IFLA_INFO_KIND = 16, 18, 1
NFT_GETGEN = 10 << 8 | 16
PIVOT_ROOT = {"x86_64": 155, "aarch64": 41, "riscv64": 41}  # asm/unistd.h

PACKAGE_TOOLS = ("apt-get", "dnf", "zypper", "pacman", "apk")
# The controllers that a container's cgroup is made in, where version 1 has them.
CONTROLLERS = ("freezer", "devices", "pids", "memory", "cpu", "cpuacct")

Step = Tuple[str, Callable[[], object]]


def probe(home: str) -> Dict[str, Any]:
    """Try everything and return the facts. Only for a process without threads."""
    place = _nearest(home)
    rootless = os.geteuid() != 0 or not _capable(CAP_SYS_ADMIN)
    facts: Dict[str, Any] = {
        "system": platform.system(),
        "release": platform.release(),
        "python": list(sys.version_info[:3]),
        "euid": os.geteuid(),
        "user": _user(),
        "rootless": rootless,
        "home": home,
        "database": _database(home),
        "inside": any(map(os.path.exists, ("/.dockerenv", "/run/.containerenv"))),
        "packages": next((name for name in PACKAGE_TOOLS if shutil.which(name)), ""),
        "pasta": shutil.which("pasta") or "",
        "ps": shutil.which("ps") or "",
        "tun": _opens("/dev/net/tun"),
        "chrooted": not _mounted_root(),
        "apparmor": _read("/sys/module/apparmor/parameters/enabled") == "Y",
        "chain": _in_child(lambda: _chain(rootless)),
        "proc": _in_child(lambda: [*_chain(rootless), ("mount /proc", _mount_proc)])[1],
        "network": _in_child(lambda: [*_chain(rootless), *_networks()]),
        "overlay": {
            "path": place,
            "errno": _overlay(place, rootless),
            "elsewhere": "",
            "closed": not os.access(place, os.W_OK | os.X_OK),
        },
        "seccomp": _loads("libseccomp.so.2"),
        "cgroup": _cgroup(),
        "mapping": _mapping() if rootless else {"programs": True, "error": ""},
    }
    if facts["overlay"]["errno"] and not _overlay("/var/tmp", rootless):
        facts["overlay"]["elsewhere"] = "/var/tmp/ipycontainer-{}".format(os.geteuid())
    for name in ("apparmor_restrict_unprivileged_userns", "unprivileged_userns_clone"):
        facts[name] = _read("/proc/sys/kernel/" + name)
    facts["max_user_namespaces"] = _read("/proc/sys/user/max_user_namespaces")
    return facts


def _in_child(steps: Callable[[], Sequence[Step]]) -> Tuple[str, int]:
    """Run the steps in a child and return name and errno of the one that failed (0: none did)."""
    reader, writer = os.pipe()
    child = os.fork()
    if child == 0:
        failed = ("the probe", errno.EIO)
        try:
            failed = ("", 0)
            for name, step in steps():
                failed = (name, 0)
                step()
        except OSError as error:
            failed = (failed[0], error.errno or errno.EIO)
        finally:
            os.write(writer, json.dumps(failed).encode())
            os._exit(0)
    os.close(writer)
    with os.fdopen(reader, "rb") as pipe:
        text = pipe.read()
    os.waitpid(child, 0)
    name, code = json.loads(text.decode()) if text else ("the probe", errno.EIO)
    return str(name), int(code)


def _chain(rootless: bool) -> List[Step]:
    """Return the way of a start: namespaces, ids, a private mount tree, a new root."""
    uid, gid = os.geteuid(), os.getegid()
    user: List[Step] = [
        ("a user namespace", lambda: _unshare(CLONE_NEWUSER)),
        # user_namespaces(7): without this an ordinary user may map no group
        ("writing setgroups", lambda: _write("/proc/self/setgroups", "deny")),
        ("mapping the user", lambda: _write("/proc/self/uid_map", "0 {} 1".format(uid))),
        ("mapping the group", lambda: _write("/proc/self/gid_map", "0 {} 1".format(gid))),
    ]
    return [
        *(user if rootless else []),
        ("a mount namespace", lambda: _unshare(CLONE_NEWNS)),
        ("pid, network, ipc, uts and cgroup namespaces", lambda: _unshare(CLONE_OTHERS)),
        ("a private mount tree", lambda: _mount("none", "/", None, MS_REC | MS_PRIVATE)),
        ("mounting a tmpfs", lambda: _mount("tmpfs", "/tmp", "tmpfs")),
        ("pivot_root", _pivot),
    ]


def _pivot() -> None:
    number = PIVOT_ROOT.get(platform.machine())
    if number is None:
        return
    # Into the old root and back, which leaves everything as it was for the steps that follow.
    os.makedirs("/tmp/old")
    os.chdir("/tmp")
    for new, old in ((b".", b"old"), (b"old", b"old/tmp")):
        _check(_libc().syscall(ctypes.c_long(number), new, old))
        os.chdir("/")


def _mount_proc() -> None:
    # Only the first child lives in the new pid namespace; its errno comes back as its exit code.
    child = os.fork()
    if child == 0:
        code = 0
        try:
            _mount("proc", "/tmp", "proc")
        except OSError as error:
            code = error.errno or errno.EIO
        os._exit(code)
    code = os.waitpid(child, 0)[1] >> 8
    if code:
        raise OSError(code, os.strerror(code))


def _networks() -> List[Step]:
    """Return what a network is made of; the namespace that the child is in goes with it."""
    return [
        ("veth", lambda: _make_link(b"veth")),
        ("bridge", lambda: _make_link(b"bridge")),
        ("nf_tables", lambda: _ask_netlink(NETLINK_NETFILTER, NFT_GETGEN, 0, bytes(4))),
    ]


def _make_link(kind: bytes) -> None:
    info = struct.pack("=HH", 4 + len(kind), IFLA_INFO_KIND) + kind + bytes(-len(kind) % 4)
    body = bytes(16) + struct.pack("=HH", 4 + len(info), IFLA_LINKINFO) + info
    _ask_netlink(NETLINK_ROUTE, RTM_NEWLINK, NLM_F_MAKE, body)


def _ask_netlink(protocol: int, kind: int, flags: int, body: bytes) -> None:
    """Send one request, and raise what the kernel answers if that is an error."""
    with socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, protocol) as netlink:
        netlink.settimeout(5)
        netlink.send(struct.pack("=IHHII", 16 + len(body), kind, 1 | flags, 1, 0) + body)
        answer = netlink.recv(65536)
    if struct.unpack_from("=H", answer, 4)[0] == NLMSG_ERROR:
        code = -struct.unpack_from("=i", answer, 16)[0]
        if code:
            raise OSError(code, os.strerror(code))


def _overlay(place: str, rootless: bool) -> int:
    """Return 0, or the errno with which an overlay with its upper directory in `place` failed."""
    try:
        base = tempfile.mkdtemp(prefix=".ipyc-doctor-", dir=place)
    except OSError as error:
        return error.errno or errno.EIO
    lower, upper, work, merged = (os.path.join(base, name) for name in ("l", "u", "w", "m"))
    try:
        for path in (lower, upper, work, merged):
            os.mkdir(path)
        Path(lower, "file").touch()
        options = "lowerdir={},upperdir={},workdir={}".format(lower, upper, work)
        options += ",userxattr" if rootless else ""
        steps: List[Step] = [
            ("mount", lambda: _mount("overlay", merged, "overlay", 0, options)),
            ("remove", lambda: os.unlink(os.path.join(merged, "file"))),
        ]
        return _in_child(lambda: [*_chain(rootless)[: 5 if rootless else 1], *steps])[1]
    finally:
        # overlay leaves work/work with mode 000
        with contextlib.suppress(OSError):
            os.chmod(os.path.join(work, "work"), 0o700)
        shutil.rmtree(base, ignore_errors=True)


def _database(home: str) -> Dict[str, Any]:
    """Tell why the database cannot be read, and which monitors live that it does not name."""
    path, known, error = Path(home) / "state.db", set(), ""
    if path.exists():
        import sqlite3  # which this very interpreter may lack

        try:
            with contextlib.closing(sqlite3.connect(path.as_uri() + "?mode=ro", uri=True)) as rows:
                known = {str(row[0])[:12] for row in rows.execute("SELECT id FROM containers")}
        except sqlite3.Error as raised:
            error = str(raised)
    locks = [lock for lock in (Path(home) / "run").glob("*.l") if lock.stem.isalnum()]
    living = {lock.stem for lock in locks if len(lock.stem) == 12 and _is_locked(lock)}
    return {"error": error, "unnamed": sorted(living - known)}


def _is_locked(path: Path) -> bool:
    """Tell whether a living process has a lock on a file (struct flock of fcntl.h)."""
    flock = struct.Struct("@hhqqi0q")
    with contextlib.suppress(OSError), open(path, "rb") as file:
        asked = flock.pack(fcntl.F_WRLCK, os.SEEK_SET, 0, 0, 0)
        return bool(flock.unpack(fcntl.fcntl(file, fcntl.F_GETLK, asked))[0] != fcntl.F_UNLCK)
    return False


def _mapping() -> Dict[str, Any]:
    """Have newuidmap and newgidmap map a child, with this user's subordinate ids."""
    ranges = [_range(path) for path in ("/etc/subuid", "/etc/subgid")]
    tools = [shutil.which(name) for name in ("newuidmap", "newgidmap")]
    facts = {"programs": all(tools), "error": ""}
    if not all(tools):
        return dict(facts, error="newuidmap is not installed")
    if not all(ranges):
        return dict(facts, error="no subordinate ids in /etc/subuid and /etc/subgid")
    ready, go = os.pipe(), os.pipe()
    child = os.fork()
    if child == 0:
        with contextlib.suppress(OSError):
            _unshare(CLONE_NEWUSER)
            os.write(ready[1], b".")
            os.read(go[0], 1)
        os._exit(0)
    os.close(ready[1])
    os.read(ready[0], 1)
    for tool, own, more in zip(tools, (os.geteuid(), os.getegid()), ranges):
        first, count = more or (0, 0)
        ids = [str(number) for number in (0, own, 1, 1, first, count)]
        done = subprocess.run([str(tool), str(child), *ids], stderr=subprocess.PIPE, check=False)
        if done.returncode and not facts["error"]:
            facts["error"] = done.stderr.decode(errors="replace").strip() or "newuidmap failed"
    os.write(go[1], b".")
    os.waitpid(child, 0)
    return facts


def _range(path: str) -> Optional[Tuple[int, int]]:
    names = (_user(), str(os.geteuid()))
    for row in _read(path).splitlines():
        fields = row.split(":")
        if len(fields) == 3 and fields[0] in names and (fields[1] + fields[2]).isdigit():
            return int(fields[1]), int(fields[2])
    return None


def _cgroup() -> Dict[str, Any]:
    """Tell the version of the cgroup hierarchy, and whether a cgroup can be made in it."""
    root = Path("/sys/fs/cgroup")
    if (root / "cgroup.controllers").exists():
        own = [row[3:] for row in _read("/proc/self/cgroup").splitlines() if row[:3] == "0::"]
        place = root / (own[0] if own else "/").lstrip("/") if os.geteuid() else root
        writable = _makes_directory(place)
        asked = _of_systemd(root)
        if not writable and asked.exists():
            place, writable = asked, True
        return {
            "version": "v2",
            "writable": writable,
            "controllers": _read(str(place / "cgroup.controllers")).split(),
        }
    present = [root / name for name in CONTROLLERS if (root / name / "tasks").exists()]
    if not present:
        return {"version": "no cgroups", "writable": False, "controllers": []}
    version = "hybrid" if (root / "unified" / "cgroup.procs").exists() else "v1"
    controllers = [place.name for place in present]
    return {
        "version": version,
        "writable": all(map(_makes_directory, present)),
        "controllers": controllers,
    }


def _of_systemd(root: Path) -> Path:
    """Return what this user's systemd divides, and is asked for; no path where it cannot be."""
    uid = os.geteuid()
    places = (os.environ.get("XDG_RUNTIME_DIR", ""), "/run/user/{}".format(uid))
    sockets = [place + name for place in places if place for name in ("/bus", "/systemd/private")]
    if not uid or not any(map(os.path.exists, sockets)):
        return root / "none"
    return root / "user.slice/user-{0}.slice/user@{0}.service".format(uid)


def _makes_directory(place: Path) -> bool:
    probe_directory = place / "ipyc-doctor-{}".format(os.getpid())
    try:
        probe_directory.mkdir()
        probe_directory.rmdir()
    except OSError:
        return False
    return True


def _mounted_root() -> bool:
    """Tell whether `/` is a mount point, as it is but for a chroot(2) to a mere directory."""
    return any(row.split()[4:5] == ["/"] for row in _read("/proc/self/mountinfo").splitlines())


def _opens(path: str) -> bool:
    try:
        os.close(os.open(path, os.O_RDWR | os.O_CLOEXEC))
    except OSError:
        return False
    return True


def _nearest(path: str) -> str:
    """Return the path or the nearest parent that exists: a home is not made to be probed."""
    path = os.path.abspath(path)
    while not os.path.isdir(path):
        path = os.path.dirname(path)
    return path


def _capable(number: int) -> bool:
    for row in _read("/proc/self/status").splitlines():
        if row.startswith("CapEff:"):
            return bool(int(row.split()[1], 16) >> number & 1)
    return False


def _user() -> str:
    try:
        return pwd.getpwuid(os.geteuid()).pw_name
    except KeyError:
        return str(os.geteuid())


def _read(path: str) -> str:
    try:
        with open(path, encoding="utf-8", errors="replace") as file:
            return file.read().strip()
    except OSError:
        return ""


def _write(path: str, text: str) -> None:
    with open(path, "w", encoding="ascii") as file:
        file.write(text)


def _loads(library: str) -> bool:
    try:
        ctypes.CDLL(library)
    except OSError:
        return False
    return True


def _libc() -> ctypes.CDLL:
    return ctypes.CDLL(None, use_errno=True)


def _check(result: int) -> None:
    if result:
        code = ctypes.get_errno()
        raise OSError(code, os.strerror(code))


def _unshare(flags: int) -> None:
    _check(_libc().unshare(ctypes.c_int(flags)))


def _mount(
    source: str, target: str, kind: Optional[str], flags: int = 0, options: str = ""
) -> None:
    _check(
        _libc().mount(
            os.fsencode(source),
            os.fsencode(target),
            os.fsencode(kind) if kind else None,
            ctypes.c_ulong(flags),
            os.fsencode(options) if options else None,
        )
    )


if __name__ == "__main__":
    print(json.dumps(probe(sys.argv[1])))
