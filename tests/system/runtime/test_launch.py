"""Containers started by the runtime alone, on the real kernel."""

from __future__ import annotations

import os
import signal
import time
from pathlib import Path
from typing import Any

import pytest

from ipycontainer.errors import EngineError
from ipycontainer.runtime.launch import Stdio, launch
from tests.system.runtime import bundles
from tests.system.runtime.isolated import call

pytestmark = pytest.mark.sampled

FACTS = """
grep -E '^(Cap|Seccomp:|NoNewPrivs)' /proc/self/status
echo pid $$; echo session $(cut -d' ' -f6 /proc/1/stat); hostname; umask; pwd; echo home $HOME
for n in $(seq 0 40); do [ -e /proc/$$/fd/$n ] && echo fd $n; done
cat /proc/keys; (echo 1 > /proc/sys/kernel/domainname) 2>&1
ls /sys/firmware | wc -l; touch /sys/fs/cgroup/x 2>&1; touch /sys/x 2>&1
ip addr show lo | grep -c 'inet 127.0.0.1'
cat /proc/sys/net/ipv4/ip_unprivileged_port_start
(echo > /dev/null) && head -c 1 /dev/zero | wc -c; (: > /dev/full) ; ls -l /dev/ptmx
env | sort
"""


def _run(bundle: str, args: list[str], options: dict[str, Any]) -> dict[str, Any]:
    try:
        ended = bundles.run(bundle, *args, **options)
    except EngineError as error:
        return {**error.to_wire(), "left": bundles.leftovers(bundle)}
    return {"code": ended.code, "output": ended.output, "left": bundles.leftovers(bundle)}


def run(bundle: str, *args: str, **options: Any) -> dict[str, Any]:
    """Run a container in a process of its own; nothing may be left of it."""
    found: dict[str, Any] = call(_run, bundle, list(args), options)
    assert found["left"] == []
    return found


def test_a_default_container_is_what_docker_makes(bundle: str) -> None:
    """Capabilities, filter, masks, devices, namespaces and fds are docker's defaults."""
    output = run(bundle, "sh", "-c", FACTS, env=["A=1", "A=2"])["output"]
    lines = output.splitlines()

    for name in ("CapPrm", "CapEff", "CapBnd"):
        assert f"{name}:\t00000000a80425fb" in lines
    for name in ("CapInh", "CapAmb"):
        assert f"{name}:\t0000000000000000" in lines
    assert "Seccomp:\t2" in lines
    assert "NoNewPrivs:\t0" in lines
    assert {"pid 1", "session 1", "box", "0022", "home /root", "A=2"} <= set(lines)
    # busybox's sh opens fd 10 for itself at times; nothing of the engine's is there
    assert {line for line in lines if line.startswith("fd ")} <= {"fd 0", "fd 1", "fd 2", "fd 10"}
    assert output.count("Read-only file system") == 3
    names = {line.partition("=")[0] for line in lines if "=" in line and " " not in line}
    assert names == {"A", "HOME", "PATH", "PWD", "SHLVL"}


@pytest.mark.parametrize(
    ("user", "expected"),
    [
        ("postgres", "uid=70(postgres) gid=70(postgres) groups=70(postgres)"),
        ("70:0", "uid=70(postgres) gid=0(root) groups=0(root)"),
        ("1234", "uid=1234 gid=0(root) groups=0(root)"),
    ],
)
def test_users_are_looked_up_in_the_image(bundle: str, user: str, expected: str) -> None:
    """A name or number runs as what the container's own files say of it, without capabilities."""
    output = run(bundle, "sh", "-c", "id; grep CapEff /proc/self/status", user=user)["output"]

    assert output.splitlines() == [expected, "CapEff:\t0000000000000000"]


@pytest.mark.parametrize(
    ("args", "options", "kind", "message"),
    [
        (["nope"], {}, "CommandNotFound", 'exec: "nope": executable file not found in $PATH'),
        (["/nope"], {}, "CommandNotFound", 'exec: "/nope": stat /nope: no such file or directory'),
        (["/etc"], {}, "CommandNotExecutable", 'exec: "/etc": is a directory'),
        (["/etc/passwd"], {}, "CommandNotExecutable", 'exec: "/etc/passwd": permission denied'),
        (
            ["id"],
            {"user": "nobody2"},
            "InvalidArgument",
            "unable to find user nobody2: no matching entries in passwd file",
        ),
        (["id"], {"cwd": "tmp"}, "InvalidArgument", "Cwd must be an absolute path"),
        (
            ["id"],
            {"cwd": "/etc/passwd"},
            "StepFailed",
            "error during container init: mkdir /etc/passwd: not a directory",
        ),
    ],
)
def test_a_start_that_fails_says_why_and_leaves_nothing(
    bundle: str, args: list[str], options: dict[str, Any], kind: str, message: str
) -> None:
    """The messages are runc's; no process, cgroup or mount of the attempt remains."""
    found = run(bundle, *args, **options)

    assert (found["type"], found["message"]) == (kind, message)


def _connect_too_late(bundle: str) -> list[str]:
    said = []

    def refuse(pid: int) -> None:
        os.waitid(os.P_PID, pid, os.WEXITED | os.WNOWAIT)
        raise ProcessLookupError("make veth: No such process")

    spec = bundles.make_spec(bundle, "true", mounts=(bundles.bind("/proc", "/etc/passwd"),))
    for connect in (None, refuse):
        try:
            bundles.begin(spec, bundle, connect=connect)
        except EngineError as error:
            said.append(error.message)
    return [*said, *bundles.leftovers(bundle)]


def test_init_that_ends_before_its_network_says_why(bundle: str) -> None:
    """Not that there is nobody to connect, which is what the kernel then says."""
    alone, connected = call(_connect_too_late, bundle)

    assert alone == connected
    assert "not a directory" in alone


def test_a_script_without_its_interpreter_has_started(bundle: str) -> None:
    """As with docker it is the container that ends, with 1 and the reason on its stderr."""
    image = Path(bundle, "image")
    image.mkdir()
    (image / "x").write_text("#!/no/such\n")
    (image / "y").write_bytes(b"no\0program")
    for name in ("x", "y"):
        (image / name).chmod(0o755)
    for init in (False, True):
        missing = run(bundle, "/x", init=init)
        odd = run(bundle, "/y", init=init)

        assert (missing["code"], missing["output"]) == (1, "exec /x: no such file or directory\n")
        assert (odd["code"], odd["output"]) == (1, "exec /y: exec format error\n")


def test_a_program_of_another_user_is_not_executable(bundle: str) -> None:
    """What root could execute is judged as the user that the program would run as."""
    image = Path(bundle, "image")
    image.mkdir()
    (image / "x").write_text("#!/bin/sh\n")
    (image / "x").chmod(0o700)
    found = run(bundle, "/x", user="postgres")

    assert found["type"] == "CommandNotExecutable"
    assert found["message"] == 'exec: "/x": permission denied'
    assert run(bundle, "/x")["code"] == 0


def test_a_working_directory_cannot_be_a_leaked_fd(bundle: str) -> None:
    """No `-w /proc/self/fd/N` leads out of the container (CVE-2024-21626)."""
    for number in range(3, 16):
        found = run(bundle, "pwd", cwd=f"/proc/self/fd/{number}")
        assert found.get("type") == "StepFailed", found


def test_a_missing_working_directory_is_made(bundle: str) -> None:
    """As docker does, with its parents, for a user that could not."""
    assert run(bundle, "pwd", cwd="/srv/a/b", user="postgres")["output"] == "/srv/a/b\n"


def test_a_read_only_root_can_be_written_nowhere_but_on_its_own_mounts(bundle: str) -> None:
    """--read-only closes the root and not /dev/shm."""
    script = "touch /x 2>&1; touch /tmp/x 2>&1; touch /dev/shm/x && echo shm"
    output = run(bundle, "sh", "-c", script, readonly=True)["output"]

    assert output.count("Read-only file system") == 2
    assert output.endswith("shm\n")


def _overlays(bundle: str, readonly: bool) -> list[Any]:
    shown = Path(bundle, "shown")
    shown.mkdir()
    (shown / "file").write_text("old")
    further = bundles.overlay(Path(bundle), "further", "/opt/deep/er", [str(shown)])
    script = "cat /opt/deep/er/file; echo new > /opt/deep/er/file || echo closed"
    ended = bundles.run(bundle, "sh", "-c", script, overlays=[further], readonly=readonly)
    return [ended.output, (shown / "file").read_text(), os.listdir(further["upper"])]


def test_further_overlays_have_their_own_upper(bundle: str) -> None:
    """A tree shown at its own path keeps changes in its own upper directory."""
    assert call(_overlays, bundle, False) == ["old", "old", ["file"]]


def test_a_read_only_root_closes_further_overlays(bundle: str) -> None:
    """--read-only is for all of the container's file tree."""
    output, _, upper = call(_overlays, bundle, True)

    assert "Read-only file system" in output
    assert upper == []


def _many_layers(bundle: str) -> str:
    long = Path(bundle, "x" * 200)
    layers = []
    for number in range(70):
        layer = long / f"{number}{'y' * 100}"
        layer.mkdir(parents=True)
        (layer / f"file{number}").touch()
        layers.append(str(layer))
    further = bundles.overlay(Path(bundle), "many", "/many", layers)
    return bundles.run(bundle, "sh", "-c", "ls /many | wc -l", overlays=[further]).output


def test_seventy_layers_with_long_paths_are_all_there(bundle: str) -> None:
    """Layers go one by one: mount(2) would cut their names at 4095 bytes in silence."""
    assert call(_many_layers, bundle) == "70\n"


def _hold(bundle: str) -> list[Any]:
    read, write = os.pipe()
    spec = bundles.make_spec(bundle, "echo", "on")
    started, output = bundles.begin(spec, bundle, hold=read)
    os.set_blocking(output, False)
    time.sleep(0.1)
    try:
        early = os.read(output, 10).decode()
    except BlockingIOError:
        early = "nothing"
    os.write(write, b"1")
    os.set_blocking(output, True)
    return [early, bundles.end(started, output).output, len(started.times) > 10]


def test_a_held_container_waits_for_the_word(bundle: str) -> None:
    """With `hold`, launch returns when all is made, and nothing of the program runs before."""
    assert call(_hold, bundle) == ["nothing", "on\n", True]


def _parent_dies(bundle: str) -> bool:
    read, write = os.pipe()
    child = os.fork()
    if child == 0:
        spec = bundles.make_spec(bundle, "sleep", "100", user="postgres")
        started, _ = bundles.begin(spec, bundle)
        os.write(write, str(started.pid).encode())
        os.kill(os.getpid(), signal.SIGKILL)
    pid = int(os.read(read, 20))
    os.waitpid(child, 0)
    for _ in range(200):
        if not Path(f"/proc/{pid}/root").exists():
            return True
        time.sleep(0.02)
    return False


def test_a_container_does_not_outlive_its_parent(bundle: str) -> None:
    """The parent's death kills a program that runs as another user, too."""
    assert call(_parent_dies, bundle)
    call(_sweep, bundle)


def _sweep(bundle: str) -> None:
    name = f"{Path(bundle).parent.name}-bundle"
    for path in Path("/sys/fs/cgroup").glob(f"*/{bundles.CGROUP}/{name}"):
        path.rmdir()


def _stdio_in_any_order(bundle: str) -> list[str]:
    """Give 1 as stdin, 2 as stdout and 0 as stderr."""
    in_read, in_write = os.pipe()
    out_read, out_write = os.pipe()
    err_read, err_write = os.pipe()
    os.write(in_write, b"word\n")
    os.close(in_write)
    saved = [os.dup(fd) for fd in (0, 1, 2)]
    os.dup2(in_read, 1)
    os.dup2(out_write, 2)
    os.dup2(err_write, 0)
    spec = bundles.make_spec(bundle, "sh", "-c", "read a; echo out $a; echo err >&2")
    try:
        started = launch(spec, bundle, Stdio(1, 2, 0))
    finally:
        for number, fd in enumerate(saved):
            os.dup2(fd, number)
    for fd in (out_write, err_write):
        os.close(fd)
    out, err = os.read(out_read, 100).decode(), os.read(err_read, 100).decode()
    os.waitpid(started.pid, 0)
    if started.cgroup:
        started.cgroup.remove()
    return [out, err]


def test_stdio_may_be_given_in_any_order(bundle: str) -> None:
    """The three fds reach the program as asked, though they are each other's numbers."""
    assert call(_stdio_in_any_order, bundle) == ["out word\n", "err\n"]


def test_a_user_can_open_its_own_stdout(bundle: str) -> None:
    """/dev/stdout is a pipe that the program's user owns."""
    assert run(bundle, "sh", "-c", "echo x > /dev/stdout", user="postgres")["output"] == "x\n"


def _fds(bundle: str) -> list[int]:
    before = len(os.listdir("/proc/self/fd"))
    bundles.run(bundle, "true")
    try:
        bundles.run(bundle, "nope")
    except EngineError:
        pass
    return [before, len(os.listdir("/proc/self/fd"))]


def test_a_start_leaks_no_fd_into_its_parent(bundle: str) -> None:
    """A monitor has as many open files after a start as before, failed or not."""
    before, after = call(_fds, bundle)
    assert before == after


def _cgroup(bundle: str) -> list[Any]:
    spec = bundles.make_spec(bundle, "sh", "-c", "sleep 100 & sleep 100 & echo up; wait")
    started, read = bundles.begin(spec, bundle)
    os.read(read, 3)
    if started.cgroup is None:
        os.kill(started.pid, signal.SIGKILL)
        bundles.end(started, read)
        return []
    count = len(started.cgroup.pids())
    started.cgroup.kill()
    ended = bundles.end(started, read)
    return [count, ended.code, bundles.leftovers(bundle)]


def test_a_cgroup_holds_all_processes_and_can_be_killed(bundle: str) -> None:
    """Where this user may make cgroups: with version 1 that is root alone."""
    found = call(_cgroup, bundle)

    assert found == ([3, -9, []] if found or os.geteuid() == 0 else [])


def test_devices_outside_dockers_list_cannot_be_opened(bundle: str) -> None:
    """A node of the kernel's log can be made by root, and opened by nobody."""
    script = "mknod /kmsg c 1 11 2>/dev/null; cat /kmsg >/dev/null 2>&1 || echo closed"
    assert run(bundle, "sh", "-c", script)["output"] == "closed\n"
