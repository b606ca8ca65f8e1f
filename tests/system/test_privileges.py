"""What containers may do and what they share, on real kernel objects."""

from __future__ import annotations

import os
import subprocess
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from ipycontainer.engine.engine import Engine
from ipycontainer.engine.results import ExecResult
from ipycontainer.linux import capabilities

Shell = Callable[..., "subprocess.CompletedProcess[str]"]

pytestmark = [pytest.mark.sampled, pytest.mark.usefixtures("busybox_image")]

STATUS = "sed -n 's/^\\(Cap[A-Z][a-z]*\\|NoNewPrivs\\|Seccomp\\):.//p' /proc/self/status | xargs"
GONE_SECONDS = 10


def said(result: ExecResult) -> str:
    """Return what an executed command printed."""
    assert isinstance(result.output, bytes)
    return result.output.decode()


def printed(engine: Engine, script: str, **options: Any) -> str:
    """Return what a script prints in a container with these options."""
    options = {"network": "none", "remove": True, **options}
    output = engine.containers.run("busybox", ["sh", "-c", script], **options)
    assert isinstance(output, bytes)
    return output.decode().strip()


def rights(engine: Engine, **options: Any) -> list[str]:
    """Return CapInh, CapPrm, CapEff, CapBnd, CapAmb, NoNewPrivs and Seccomp of a program."""
    return printed(engine, STATUS, **options).split()


def everything() -> str:
    """Return the mask of all capabilities that can be given here."""
    mask = (1 << capabilities.last() + 1) - 1
    return f"{mask if os.geteuid() else capabilities.own_bounding():016x}"


def test_capabilities_and_filters_of_a_program(engine: Engine) -> None:
    """Three sets alike, two empty; a filter but for the privileged and the unconfined."""
    none, base = "0" * 16, "00000000a80425fb"
    assert rights(engine) == [none, base, base, base, none, "0", "2"]
    traced = "00000000a80c25fa"
    given = rights(engine, cap_add=["SYS_PTRACE"], cap_drop=["chown"])
    assert given == [none, traced, traced, traced, none, "0", "2"]
    every = everything()
    assert rights(engine, privileged=True) == [none, every, every, every, none, "0", "0"]
    user = rights(engine, user="1000" if os.geteuid() == 0 else "0", cap_drop=["ALL"])
    assert user == [*[none] * 5, "0", "2"]
    new = rights(engine, security_opt=["no-new-privileges", "seccomp=unconfined"])
    assert new[5:] == ["1", "0"]


def test_what_capabilities_open(engine: Engine) -> None:
    """A filter is made for the capabilities: with SYS_ADMIN a container may mount."""
    script = "mount -t tmpfs none /tmp && echo done"
    assert printed(engine, f"{script} || true") == ""
    assert printed(engine, script, cap_add=["SYS_ADMIN"]) == "done"


def test_a_profile_of_the_users_own(engine: Engine) -> None:
    """It takes the place of the default one, for a program and for what is executed beside it."""
    profile = (
        '{"defaultAction":"SCMP_ACT_ALLOW","syscalls":'
        '[{"names":["mkdir","mkdirat"],"action":"SCMP_ACT_ERRNO","errnoRet":5}]}'
    )
    container = engine.containers.run(
        "busybox",
        ["sleep", "100"],
        detach=True,
        network="none",
        security_opt=[f"seccomp={profile}"],
    )
    result = container.exec_run(["sh", "-c", "mkdir /x || unshare -m true && echo unfiltered"])
    assert b"Input/output error" in result.output
    allowed = container.exec_run(["sh", "-c", "mkdir /x"], privileged=True)
    assert allowed.exit_code == 1
    container.remove(force=True)


def test_an_executed_program_may_be_privileged(engine: Engine) -> None:
    """It has all capabilities, and the container's filter still."""
    container = engine.containers.run("busybox", ["sleep", "100"], detach=True, network="none")
    plain, wide = (
        said(container.exec_run(["sh", "-c", STATUS], privileged=wanted)).split()
        for wanted in (False, True)
    )
    assert (plain[2], wide[2]) == ("00000000a80425fb", everything())
    assert plain[6] == wide[6] == "2"
    container.remove(force=True)


def test_open_system_paths(engine: Engine) -> None:
    """Nothing is masked or read-only below /proc, and /sys stays closed."""
    script = "grep -c ' /proc/' /proc/mounts; grep -c ' /sys .*[ ,]ro,' /proc/mounts; true"
    assert printed(engine, script, security_opt=["systempaths=unconfined"]).split() == ["0", "1"]


def test_names_sizes_groups_and_parameters(engine: Engine) -> None:
    """Of the container's own namespaces, files and process."""
    script = (
        "cat /proc/sys/kernel/domainname /proc/sys/kernel/msgmax /proc/sys/net/ipv4/ip_forward;"
        "grep ' /dev/shm ' /proc/mounts | grep -o 'size=[0-9]*k'; grep box /etc/hosts"
    )
    found = printed(
        engine,
        script,
        domainname="example.org",
        sysctls={"kernel.msgmax": 4096, "net.ipv4.ip_forward": 1},
        shm_size="1m",
        extra_hosts={"box": "1.2.3.4"},
    )
    assert found.split() == ["example.org", "4096", "1", "size=1024k", "1.2.3.4", "box"]
    groups = printed(engine, "id -G", group_add=["tty", "0"])
    assert set(groups.split()) == {"0", "5"}


@pytest.mark.parametrize("kind", ["pid", "ipc", "uts", "cgroup"])
def test_the_hosts_namespaces(engine: Engine, kind: str) -> None:
    """A container has the machine's own where that was asked for, and one of its own else."""
    modes = {"pid": "pid_mode", "ipc": "ipc_mode", "uts": "uts_mode", "cgroup": "cgroupns"}
    here = os.readlink(f"/proc/self/ns/{kind}")
    script = f"readlink /proc/self/ns/{kind}"
    assert printed(engine, script, **{modes[kind]: "host"}) == here
    other = {"cgroupns": "private"} if kind == "cgroup" else {}
    assert printed(engine, script, **other) != here


def test_shared_processes_and_memory(engine: Engine) -> None:
    """A guest sees its donor's processes and its /dev/shm, and outlives neither's sharing."""
    donor = engine.containers.run(
        "busybox",
        ["sh", "-c", "echo mine > /dev/shm/file; exec sleep 100"],
        detach=True,
        network="none",
        ipc_mode="shareable",
        name="donor",
    )
    script = (
        "tr '\\0' ' ' < /proc/1/cmdline; cat /dev/shm/file; echo yours > /dev/shm/file;"
        "readlink /proc/self/ns/pid; readlink /proc/self/ns/ipc"
    )
    shared: dict[str, Any] = {"pid_mode": "container:donor", "ipc_mode": "container:donor"}
    found = printed(engine, script, **shared).split()
    links = donor.exec_run(["sh", "-c", "readlink /proc/1/ns/pid; readlink /proc/1/ns/ipc"])
    theirs = said(links)
    assert found == ["sleep", "100", "mine", *theirs.split()]
    assert donor.exec_run(["cat", "/dev/shm/file"]).output == b"yours\n"
    guest = engine.containers.run(
        "busybox", ["sleep", "100"], detach=True, network="none", **shared
    )
    assert guest.exec_run(["cat", "/proc/1/comm"]).output == b"sleep\n"
    donor.stop(timeout=0)
    assert guest.wait(timeout=20)["StatusCode"] == 137
    guest.remove()
    donor.remove()


def test_nothing_outlives_a_container_that_shares_processes(engine: Engine) -> None:
    """What its program left behind ends with it, as in a pid namespace of its own."""
    container = engine.containers.run(
        "busybox",
        ["sh", "-c", "sleep 4321 & (setsid sleep 4321 &) ; exec sleep 4321"],
        detach=True,
        network="none",
        pid_mode="host",
    )
    beside = container.exec(["sleep", "4321"], detach=True)
    beside.detach()
    assert _count(b"sleep\x004321\x00") == 4
    container.kill()
    deadline = time.monotonic() + GONE_SECONDS
    while (left := _count(b"sleep\x004321\x00")) and time.monotonic() < deadline:
        time.sleep(0.05)
    container.remove()
    assert left == 0


def _count(command: bytes) -> int:
    found = 0
    for entry in os.scandir("/proc"):
        try:
            found += entry.name.isdecimal() and command == Path(entry.path, "cmdline").read_bytes()
        except OSError:
            continue
    return found


def test_a_failed_start_is_kept_with_its_reason(engine: Engine) -> None:
    """A device that is not there keeps a container from starting, and inspect says why."""
    container = engine.containers.create(
        "busybox", ["true"], network="none", devices=["/dev/nope:/dev/x"]
    )
    with pytest.raises(Exception, match='custom device "/dev/nope": no such file or directory'):
        container.start()
    state = container.attrs["State"]
    assert (state["Status"], state["ExitCode"]) == ("created", 128)
    assert "/dev/nope" in state["Error"]
    container.remove()


def test_the_file_of_an_id(shell: Shell, tmp_path: Path) -> None:
    """It holds the id; a container that could not be made leaves none; one is never overwritten."""
    file = tmp_path / "cid"
    words = ("create", "--network", "none", "--cidfile", str(file))
    refused = shell(*words, "nosuchimage", "true")
    assert refused.returncode == 1
    assert not file.exists()
    made = shell(*words, "busybox", "true")
    assert made.stdout.strip() == file.read_text()
    assert shell(*words, "busybox", "true").returncode == 1
    assert made.stdout.strip() == file.read_text()
    shell("rm", made.stdout.strip())


def test_init_reaps_and_forwards(engine: Engine) -> None:
    """Also where it is not the first process of its pid namespace."""
    for pid_mode in ("", "host"):
        found = printed(
            engine,
            "(sleep 0.05 &); sleep 0.3; grep -l 'State:.*Z' /proc/[0-9]*/status | wc -l"
            if not pid_mode
            else "(sleep 0.05 &); sleep 0.3; echo 0",
            init=True,
            pid_mode=pid_mode,
        )
        assert found == "0"


def test_an_init_is_shown_as_it_was_typed(engine: Engine, shell: Shell) -> None:
    """Inspect says true, false or nothing, and where it is false the program is the first one."""
    own = "[ $$ = 1 ] && echo first || echo later"
    for number, (words, shown, place) in enumerate(
        (
            ((), None, "first"),
            (("--init",), True, "later"),
            (("--init=false",), False, "first"),
            (("--init", "--init=0"), False, "first"),
        )
    ):
        name = f"typed{number}"
        done = shell("run", "--name", name, "--network", "none", *words, "busybox", "sh", "-c", own)
        assert done.stdout.strip() == place, done.stderr
        assert engine.containers.get(name).attrs["HostConfig"].get("Init") is shown
    for given in (None, False, True):
        made = engine.containers.create("busybox", ["true"], network="none", init=given)
        assert made.attrs["HostConfig"].get("Init") is given
