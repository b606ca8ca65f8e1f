"""A program inside our container beside one inside docker's: what it sees, and what it may do.

The same script in both, in several variants; every line that only one of them prints is a
difference, and stands below with its reason, or fails the test.
"""

from __future__ import annotations

import os
import platform
import re
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from subprocess import CompletedProcess

import pytest

from tests.oracle.conftest import users_engine

Command = Callable[..., "CompletedProcess[str]"]

HERE = Path(__file__).parent
NO_QUEUES = "WARNING: This machine has no /dev/mqueue to share.\n"  # an ordinary user mounts none
KINDS = ("cgroup", "ipc", "mnt", "net", "pid", "time", "user", "uts")
VARIANTS = {
    "default": "",
    "capabilities": "--cap-add SYS_ADMIN --cap-drop CHOWN",
    "privileged": "--privileged",
    "user": "--user 70:5 --group-add 0",
    "no new privileges": "--security-opt no-new-privileges",
    "unconfined": "--security-opt seccomp=unconfined",
    "read-only": "--read-only",
    "open paths": "--security-opt systempaths=unconfined",
    "namespaces": "--ipc none --cgroupns private --uts host",
    "host": "--pid host --ipc host",
}

NEWER_MASKS = "masked by moby's newest (GHSA-6fw5-f8r9-fgfm, GHSA-jq35-85cj-fj4p), not by 26.1.5"
MASK = "we show the null device that covers a file read-only, docker lets its mode be changed"
EMPTY = "our empty directory has room for nothing, and is marked nosuid"
CGROUPS = "a container has a cgroup of its own in the controllers that something is asked of"
CLOSED = "the directory of the controllers is read-only, too: it is runc that leaves it open"
_CONTROLLERS = r"(cpuset|name=systemd|\S*,?cpuset\S*|net_\S+|perf_event|hugetlb|rdma|misc)"
# Lines, as regular expressions, that docker's or our container prints alone.
ONLY_DOCKER = {
    r"hidden /proc/interrupts file of some": NEWER_MASKS,
    r"hidden /sys/devices/virtual/powercap directory with \d+": NEWER_MASKS,
    r"mount /proc/\S+ tmpfs (inode64,)?mode=755,nosuid,rw,size=65536k,(inode64,)?": MASK,
    r"mount /(proc|sys)/\S+ tmpfs (inode64,)?relatime,ro,": EMPTY,
    rf"cgroup \d+:{_CONTROLLERS}:/docker/ID": CGROUPS,
    r"cgroup 0::/docker/ID": CGROUPS,
    r"mount /sys/fs/cgroup/\S+ cgroup \S+": CGROUPS,
    r"mount /sys/fs/cgroup tmpfs \S*rw,(inode64,)?": CLOSED,
}
ONLY_OURS = {
    r"hidden /proc/interrupts file of 0": NEWER_MASKS,
    r"hidden /sys/devices/virtual/powercap directory with 0": NEWER_MASKS,
    r"mount /sys/devices/\S+ tmpfs \S+": NEWER_MASKS,
    r"mount /proc/\S+ tmpfs (inode64,)?mode=755,nosuid,ro,size=65536k,(inode64,)?": MASK,
    r"mount /proc/\S+ devtmpfs \S+": MASK,
    r"mount /(proc|sys)/\S+ tmpfs \S*nr_inodes=1,\S*ro,size=4k,(inode64,)?": EMPTY,
    rf"cgroup \d+:{_CONTROLLERS}:/": CGROUPS,
    r"cgroup 0::/": CGROUPS,
    r"mount /sys/fs/cgroup tmpfs \S*r[ow],size=64k,(inode64,)?": CLOSED,
}


NODES = "a user namespace makes no node (EPERM): the machine's own are shown, as its root's"
LIMITED = "an ordinary user has no cgroup of version 1, nor rules of devices there"
MAPPED = "who mounts in a user namespace owns what is mounted, by the ids of the machine"
PING = "the range needs ids that are mapped: docker leaves it out in a user namespace, too"
OWN = "docker's container shares the machine's user namespace, and with it its root"
REACH = "what is the machine's, its root alone may read or change; it may have no /dev/mqueue"
ALL = "privileged means all rights of the own user namespace, where docker's daemon may lack some"
# The same for an ordinary user's containers beside those of docker's root.
ONLY_DOCKER_BESIDE_USER = {
    **ONLY_DOCKER,
    r"device /dev/\S+ (character|block) special file \d+ \d+:\d+ \S+": NODES,
    r"mknod [cb]:\S+ (opens|is made)": NODES,
    r"rule .*": LIMITED,
    r"cgroup \d+:\S+:/docker/ID": LIMITED,
    r"access /sys/fs/cgroup\S* writable": LIMITED,
    r"mount /dev(/pts|/shm|/mqueue)? (tmpfs|devpts|mqueue) \S+": MAPPED,
    r"namespace user shared": OWN,
    r"status Cap(Bnd|Eff|Prm):\t\S+": ALL,
    r"hidden /proc/timer_list file of some": REACH,
    r"directory drwxrwxrwt root root /dev/(shm|mqueue)": REACH,
    r"access /dev/mqueue writable": REACH,
    r"sysctl net/ipv4/ping_group_range 0\t2147483647": PING,
}
ONLY_OURS_BESIDE_USER = {
    **ONLY_OURS,
    r"device /dev/\S+ (character|block) special file 6\d\d 65534:65534 \S+": NODES,
    r"mount /dev/\S+ devtmpfs \S+": NODES,
    r"mknod [cb]:\S+ is refused": NODES,
    r"cgroup \d+:\S+:/\S*": LIMITED,
    r"access /sys/fs/cgroup\S* closed": LIMITED,
    r"mount /dev(/pts|/shm|/mqueue)? (tmpfs|devpts|mqueue) \S+": MAPPED,
    r"mount /(proc|sys)/\S+ tmpfs gid=\d+,\S*nr_inodes=1,\S*ro,size=4k,uid=\S+": MAPPED,
    r"mount /sys/fs/cgroup tmpfs gid=\d+,\S*r[ow],size=64k,uid=\S+": MAPPED,
    r"namespace user own": OWN,
    r"status Cap(Bnd|Eff|Prm):\t000001ffffffffff": ALL,
    r"hidden /proc/timer_list file of 0": REACH,
    r"directory drwxrwxrwt nobody nobody /dev/(shm|mqueue)": REACH,
    r"directory ls: /dev/mqueue: No such file or directory": REACH,
    r"directory ls: No such ": REACH,
    r"access /dev/mqueue closed": REACH,
    r"sysctl net/ipv4/ping_group_range 65534\t65534": PING,
}


def unlisted(lines: set[str], reasons: dict[str, str]) -> list[str]:
    """Return the lines that no reason is given for."""
    return sorted(
        line for line in lines if not any(re.fullmatch(pattern, line) for pattern in reasons)
    )


@pytest.mark.sampled
@pytest.mark.parametrize("variant", VARIANTS)
def test_the_same_inside(variant: str, docker: Command, shell: Command, busybox_tar: Path) -> None:
    """Capabilities, filter, masks, mounts, devices, limits, namespaces, environment and files."""
    shell("import", str(busybox_tar), "busybox:latest")
    theirs, ours = seen(docker, variant), seen(shell, variant)
    assert unlisted(theirs - ours, ONLY_DOCKER) == []
    assert unlisted(ours - theirs, ONLY_OURS) == []


@pytest.fixture(scope="module")
def user(busybox_tar: Path) -> Iterator[Command]:
    """Our command line as an ordinary user."""
    with users_engine(busybox_tar) as run:
        yield run


@pytest.mark.sampled
@pytest.mark.parametrize("variant", VARIANTS)
def test_the_same_inside_for_an_ordinary_user(variant: str, docker: Command, user: Command) -> None:
    """But for what a user namespace takes away, and nothing more than docker's root lets in."""
    theirs, ours = seen(docker, variant), seen(user, variant)
    assert unlisted(theirs - ours, ONLY_DOCKER_BESIDE_USER) == []
    assert unlisted(ours - theirs, ONLY_OURS_BESIDE_USER) == []


def seen(run: Command, variant: str) -> set[str]:
    """Return what the script says inside a container of that variant."""
    own = "\n".join(os.readlink(f"/proc/self/ns/{kind}") for kind in KINDS)
    options = VARIANTS[variant].split()
    hostname = () if "--uts" in options else ("-h", "box")
    words = ("run", "--rm", "--network", "none", *hostname, "-e", f"NAMESPACES={own}", *options)
    result = run(*words, "busybox", "sh", "-c", (HERE / "inside.sh").read_text())
    assert result.stderr in ("", NO_QUEUES)
    assert len(result.stdout.splitlines()) > 100
    return set(re.sub(r"\b[0-9a-f]{12}\b", "SHORT", result.stdout).splitlines())


OLD_PROFILE = "newer than 26.1.5's profile, which answers ENOSYS; the newest one names it"
AF_ALG = "refused by moby's newest (family 38, AF_ALG), not by 26.1.5"
CALLS = {
    **dict.fromkeys((str(number) for number in range(457, 467)), OLD_PROFILE),
    "socket:38": AF_ALG,
}


def binds() -> Iterator[str]:
    """Yield the options that show this Python in a container."""
    places = {"/usr": "/usr", "/usr/lib": "/lib", "/usr/lib64": "/lib64"}
    if not sys.base_prefix.startswith("/usr"):
        places[sys.base_prefix] = sys.base_prefix
    for source, target in {**places, str(HERE / "sweep.py"): "/sweep.py"}.items():
        if os.path.exists(source):
            yield from ("-v", f"{source}:{target}:ro")


@pytest.mark.skipif(platform.machine() != "x86_64", reason="numbers of x86_64")
@pytest.mark.parametrize(
    "options", ["", "--cap-add SYS_ADMIN --cap-add SYS_PTRACE", "--cap-drop ALL"]
)
def test_the_same_calls_are_let_through(
    options: str, docker: Command, shell: Command, busybox_tar: Path
) -> None:
    """Every system call is allowed, refused, or unknown, as under docker."""
    shell("import", str(busybox_tar), "busybox:latest")
    program = (os.path.realpath(sys.executable), "-I", "-S", "/sweep.py")
    found = []
    for run in (docker, shell):
        words = ("run", "--rm", "--network", "none", *binds(), *options.split(), "busybox")
        result = run(*words, *program)
        assert (result.stderr, result.returncode) == ("", 0)
        found.append(dict(line.rsplit(" ", 1) for line in result.stdout.splitlines()))
    theirs, ours = found
    assert len(theirs) > 500
    different = {name for name in theirs | ours if theirs.get(name) != ours.get(name)}
    assert different - set(CALLS) == set()
    loose = {name for name in different if ours[name] == "allowed" and theirs[name] != "ENOSYS"}
    assert loose == set()
