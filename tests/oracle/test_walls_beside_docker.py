"""What a program may ask of the kernel, and what is covered in /proc and /sys, beside docker."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from subprocess import CompletedProcess

import pytest

Command = Callable[..., "CompletedProcess[str]"]

EPERM, ENOSYS = 1, 38
# Ours is moby's profile of 2026-05, docker's here that of 26.1: numbers of x86_64, newer than it.
NEWER = {
    **dict.fromkeys(range(457, 459), "statmount, listmount: allowed since docker 28"),
    **dict.fromkeys(range(459, 462), "lsm_*: refused without CAP_SYS_ADMIN since docker 28"),
    462: "mseal: allowed since docker 28",
    **dict.fromkeys(range(463, 467), "*xattrat: allowed since docker 28"),
}
# Every number that ends nothing and waits for nothing when all its arguments are -1.
ASK = """
import ctypes, json
libc, said = ctypes.CDLL(None, use_errno=True), {}
for number in (*range(425, 480),):
    ctypes.set_errno(0)
    libc.syscall(number, -1, -1, -1, -1, -1, -1)
    said[number] = ctypes.get_errno()
print(json.dumps(said))
"""
SHOWN = (
    "stat -c '%n %F %a %u' /proc/acpi /proc/asound /proc/kcore /proc/keys /proc/latency_stats "
    "/proc/scsi /proc/timer_list /sys/firmware /sys/devices/virtual/powercap /dev/* 2>&1"
)


def _answers(run: Command, *options: str) -> dict[int, int]:
    binds = [word for place in ("/usr", "/lib", "/lib64") for word in ("-v", f"{place}:{place}:ro")]
    done = run(
        *("run", "--rm", "--network", "none", *binds, *options, "busybox"),
        *("/usr/bin/python3", "-I", "-S", "-c", ASK),
    )
    assert done.returncode == 0, done.stderr
    return {int(number): answer for number, answer in json.loads(done.stdout).items()}


def test_system_calls_are_answered_as_by_docker(
    docker: Command, ours: Command, busybox_image: object
) -> None:
    """But for those that a newer docker's profile knows: each stands here with its reason."""
    if shutil.which("python3", path="/usr/bin") is None:
        pytest.skip("/usr/bin/python3 is missing: apt-get install -y python3")
    theirs, mine = _answers(docker), _answers(ours)
    assert {number for number in theirs if theirs[number] != mine[number]} <= set(NEWER)
    assert all(theirs[number] == ENOSYS for number in NEWER)
    assert all((mine[number] == EPERM) == (number in range(459, 462)) for number in NEWER)
    assert all(mine[number] == ENOSYS for number in range(470, 480))


@pytest.mark.parametrize("options", [(), ("--privileged",)], ids=["default", "privileged"])
def test_what_is_covered_is_what_docker_covers(
    docker: Command, ours: Command, busybox_image: object, options: tuple[str, ...]
) -> None:
    """The same kinds with the same modes; /proc/interrupts too since docker 28."""
    words = ("run", "--rm", "--network", "none", *options, "busybox", "sh", "-c")
    theirs, mine = docker(*words, SHOWN), ours(*words, SHOWN)
    assert mine.stdout == theirs.stdout
    covered = "cat /proc/interrupts | wc -c"
    assert docker(*words, covered).stdout.strip() != "0"
    assert (ours(*words, covered).stdout.strip() == "0") == (not options)
