"""Classes of bugs in what a container's process gets or sees: each harms only without its rule."""

from __future__ import annotations

import ctypes
import os
import signal
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from ipycontainer.errors import EngineError, InvalidArgument
from ipycontainer.linux import pidfd, seccomp, syscalls
from ipycontainer.model.oci import Spec
from ipycontainer.runtime import execve_steps, process_steps, root_steps, session_steps, users
from ipycontainer.runtime.launch import Launched
from ipycontainer.runtime.steps import Context, Identity
from tests.system.engine import weakened
from tests.system.runtime import bundles
from tests.system.runtime.isolated import call
from tests.system.security import rules
from tests.system.security.rules import either

pytestmark = pytest.mark.sampled

MARK = "of-the-host"
SYS_KEYCTL = 250  # asm/unistd_64.h


def _run(bundle: str, script: str, **wishes: Any) -> str:
    """Run a script in a container; return what it printed, or why it was refused."""
    try:
        return bundles.run(bundle, "sh", "-c", script, **wishes).output.strip()
    except EngineError as error:
        return f"refused: {error.message}"


def _beside(bundle: str, *scripts: str, **wishes: Any) -> list[str]:
    """Run scripts beside a container's program, as `exec` does."""
    spec = bundles.make_spec(bundle, "sleep", "100")
    started, read = bundles.begin(spec, bundle)
    try:
        return [_join(started, spec, script, **wishes) for script in scripts]
    finally:
        os.kill(started.pid, signal.SIGKILL)
        bundles.end(started, read)


def _join(started: Launched, spec: Spec, script: str, **wishes: Any) -> str:
    try:
        return bundles.join(started, spec, "sh", "-c", script, **wishes).output.strip()
    except EngineError as error:
        return f"refused: {error.message}"


def _both(bundle: str, script: str, **wishes: Any) -> list[str]:
    """Run a script as a container's program, and beside one."""
    return [_run(bundle, script, **wishes), *_beside(bundle, script, **wishes)]


def _status(field: str) -> str:
    return f"sed -n 's/^{field}:[[:space:]]*//p' /proc/self/status"


# ── what is open ─────────────────────────────────────────────────────────────────────────────

# Looks, over and over, for a process whose open files it may list besides its own.
WATCHER = "echo up; while :; do ls -l /proc/[0-9]*/fd 2>/dev/null | grep socket; done"


def _watch_joiners(bundle: str, holds: bool) -> bool:
    """Tell whether PID 1 ever saw a descriptor of those that join its namespaces."""
    if not holds:
        prctl = syscalls.prctl
        rules.put(
            syscalls, "prctl", lambda option, *rest: None if option == 4 else prctl(option, *rest)
        )
    # the moment between the program's capabilities and the program itself, made longer
    rules.before(execve_steps.Execute, "execute", lambda: time.sleep(0.05))
    spec = bundles.make_spec(bundle, "sh", "-c", WATCHER)
    started, read = bundles.begin(spec, bundle)
    for _ in range(5):
        bundles.join(started, spec, "true")
    os.kill(started.pid, signal.SIGKILL)
    return "socket:" in bundles.end(started, read).output


@either
def test_descriptors_of_a_process_that_joins(bundle: str, holds: bool) -> None:
    """CVE-2016-9962: who joins a container cannot be looked into from inside."""
    assert call(_watch_joiners, bundle, holds) == (not holds)


def _leaked_directory(bundle: str, way: str, holds: bool) -> list[str]:
    """Leave a directory of the host open, and let a container have it as its own."""
    victim = Path(bundle, "victim")
    victim.mkdir(exist_ok=True)
    (victim / MARK).touch()
    leaked = os.open(victim, os.O_RDONLY | os.O_DIRECTORY)
    os.set_inheritable(leaked, True)
    if not holds:
        rules.put(process_steps.CloseFds, "execute", lambda self, ctx: None)

        def enter(self: process_steps.EnterWorkdir, ctx: Context) -> None:
            os.chdir(self.path)

        rules.put(process_steps.EnterWorkdir, "execute", enter)
        rules.put(process_steps.MakeWorkdir, "execute", lambda self, ctx: None)
    numbers = (*range(3, 31), leaked)
    if way == "run":
        found = [_run(bundle, "ls", cwd=f"/proc/self/fd/{number}") for number in numbers]
    else:
        spec = bundles.make_spec(bundle, "sleep", "100")
        started, read = bundles.begin(spec, bundle)
        found = [_join(started, spec, "ls", cwd=f"/proc/self/fd/{number}") for number in numbers]
        os.kill(started.pid, signal.SIGKILL)
        bundles.end(started, read)
    found.append(_run(bundle, "ls /proc/self/fd | wc -l"))
    return found


@pytest.mark.parametrize("way", ["run", "exec"])
@either
def test_a_directory_that_leaked(bundle: str, way: str, holds: bool) -> None:
    """CVE-2024-21626: no descriptor of the host's is open inside, and none a working directory."""
    *tries, count = call(_leaked_directory, bundle, way, holds)
    if holds:
        assert all(said.startswith("refused: ") for said in tries)
        assert count == "4"  # three standard streams, and ls's own
    else:
        assert any(MARK in said for said in tries)


# ── capabilities, filters, groups ────────────────────────────────────────────────────────────


def _inheritable(bundle: str, holds: bool) -> list[str]:
    if not holds:
        put = syscalls.capset
        rules.put(
            syscalls, "capset", lambda wanted, permitted, _: put(wanted, permitted, permitted)
        )
    return [*_both(bundle, _status("CapInh")), *_both(bundle, _status("CapAmb"))]


@either
def test_inheritable_capabilities(bundle: str, holds: bool) -> None:
    """CVE-2022-24769, CVE-2022-29162: no capability passes an execve(2) by inheritance."""
    *inheritable, first, second = (int(mask, 16) for mask in call(_inheritable, bundle, holds))
    assert [mask == 0 for mask in inheritable] == [holds, holds]
    assert first == second == 0


def _filtered(bundle: str, holds: bool) -> list[str]:
    if not holds:
        rules.put(seccomp, "install", lambda *_: None)
    return _both(bundle, _status("Seccomp"))


@either
def test_rare_system_calls(bundle: str, holds: bool) -> None:
    """CVE-2022-0847, CVE-2022-0185: a program and what is executed beside it have the filter."""
    assert call(_filtered, bundle, holds) == ["2" if holds else "0"] * 2


def _groups(bundle: str, holds: bool) -> list[str]:
    if not holds:
        found = users.lookup

        def lookup(*words: Any) -> Identity:
            identity = found(*words)
            return replace(identity, groups=tuple(g for g in identity.groups if g != identity.gid))

        rules.put(users, "lookup", lookup)
    return _both(bundle, _status("Groups"), user="postgres")


@either
def test_a_group_that_is_left_out(bundle: str, holds: bool) -> None:
    """CVE-2022-36109: the primary group is among the further ones, so that none can be shed."""
    assert call(_groups, bundle, holds) == (["70", "70"] if holds else ["", ""])


def _as_user(bundle: str, words: list[str], holds: bool) -> list[str]:
    if not holds:  # C's atoi(3), which many a runtime has used
        rules.put(users, "_number", _atoi)
    spec = bundles.make_spec(bundle, "sleep", "100")
    started, read = bundles.begin(spec, bundle)
    said = [_join(started, spec, "id -u", user=word) for word in words]
    os.kill(started.pid, signal.SIGKILL)
    bundles.end(started, read)
    return said


def _atoi(word: str) -> int | None:
    digits = word.strip().lstrip("+")
    count = next((at for at, letter in enumerate(digits) if not letter.isdigit()), len(digits))
    return int(digits[:count]) & 0xFFFFFFFF if count else 0


@either
def test_a_user_that_is_half_a_number(bundle: str, holds: bool) -> None:
    """CVE-2026-30892: what is not wholly a number or a name is nobody, and never root."""
    words = ["0abc", "+0", " 0", "4294967296", "0x10", "-0", "\u0660"]
    said = call(_as_user, bundle, words, holds)
    assert all(each.startswith("refused: ") for each in said) if holds else said[0] == "0"


def _poisoned(bundle: str, poison: str, holds: bool) -> str:
    """Look a user up in an image whose passwd is none."""
    etc = Path(bundle, "image/etc")
    etc.mkdir(parents=True)
    outside = Path(bundle, "outside")
    outside.write_text("evil:x:0:0::/:/bin/sh\n")
    passwd = etc / "passwd"
    if poison == "link":
        passwd.symlink_to(outside)
    elif poison == "fifo":
        os.mkfifo(passwd)
    elif poison == "device":
        passwd.symlink_to("/dev/zero")
    elif poison == "large":
        passwd.write_bytes(b"x" * users.READ_LIMIT_BYTES + b"\nevil:x:0:0::/:/bin/sh\n")
    else:
        passwd.write_text("evil:x:4294967296:0::/:\nevil:x:-1:0::/:\nevil:x:0x0:0::/:\n")
    if not holds:
        users.READ_LIMIT_BYTES <<= 4
        rules.put(users, "_file_number", lambda word: int(word) & 0xFFFFFFFF)
        # read before the root is the container's, and whatever it is
        early: list[bytes] = []
        if poison == "link":
            rules.before(root_steps.PivotRoot, "execute", lambda: early.append(passwd.read_bytes()))

        def anything(ctx: Context, path: str) -> bytes:
            if early:
                return early[0]
            signal.signal(signal.SIGALRM, _nobody_writes)
            signal.pthread_sigmask(signal.SIG_UNBLOCK, [signal.SIGALRM])
            signal.alarm(1)
            fd = os.open(f"/proc/self/fd/{ctx.root.fd}/{path}", os.O_RDONLY)
            return os.read(fd, users.READ_LIMIT_BYTES)

        rules.put(process_steps, "_read_small", anything)
    found = users.lookup

    def told(user: str, passwd: bytes, *rest: Any) -> Identity:
        if passwd.startswith(b"\0" * users.READ_LIMIT_BYTES):
            raise InvalidArgument("no end was found")
        return found(user, passwd, *rest)

    rules.put(users, "lookup", told)
    return _run(bundle, "id -u", user="evil").splitlines()[-1]


def _nobody_writes(*_: object) -> None:
    raise InvalidArgument("nobody ever writes")


ENDLESS = {"fifo": "nobody ever writes", "device": "no end was found"}
POISONS = ("link", "fifo", "device", "large", "numbers")


@pytest.mark.parametrize("poison", POISONS)
@either
def test_a_passwd_that_is_poisoned(bundle: str, poison: str, holds: bool) -> None:
    """No link leads to the host's, nothing endless is read, no number wraps around to root."""
    said = call(_poisoned, bundle, poison, holds)
    if holds:
        assert said.startswith("refused: unable to find user evil")
    elif poison in ENDLESS:
        assert said.endswith(ENDLESS[poison])
    else:
        assert said == "0"


# ── keys, memory, pids ───────────────────────────────────────────────────────────────────────


def _keyring(bundle: str, holds: bool) -> bool:
    """Tell whether two containers have session keyrings of their own."""
    if not holds:
        rules.put(session_steps.NewSessionKeyring, "execute", lambda self, ctx: None)

    def look() -> None:
        # KEYCTL_GET_KEYRING_ID of KEY_SPEC_SESSION_KEYRING (linux/keyctl.h)
        os.write(1, b"%d\n" % ctypes.CDLL(None).syscall(SYS_KEYCTL, 0, -3, 0))

    rules.before(process_steps.FilterSystemCalls, "execute", look)
    said = {_run(bundle, "true") for _ in range(2)}
    return len(said) == 2


@either
def test_keys_of_the_session(bundle: str, holds: bool) -> None:
    """A container has a session keyring of its own."""
    assert call(_keyring, bundle, holds) == holds


def _reused(bundle: str, holds: bool) -> bool:
    """Let a pid be used again for another process, and join it as if it were the container."""
    if not holds:
        rules.put(pidfd, "open_verified", lambda pid, ticks: os.pidfd_open(pid))
    spec = bundles.make_spec(bundle, "sleep", "100")
    started, read = bundles.begin(spec, bundle)
    # What tells the two apart is when each began: the one that was meant began before.
    meant = replace(started, start_ticks=started.start_ticks - 1)
    said = _join(meant, spec, "echo joined")
    os.kill(started.pid, signal.SIGKILL)
    bundles.end(started, read)
    return said == "joined"


@either
def test_a_pid_that_is_used_again(bundle: str, holds: bool) -> None:
    """A process is named by pid and start: another one with the same pid is never joined."""
    assert call(_reused, bundle, holds) == (not holds)


# ── files of the engine ──────────────────────────────────────────────────────────────────────


def _others_see(place: str, holds: bool) -> bool:
    """Tell whether another user reaches a set-uid program of an image in the home's layers."""
    from ipycontainer.store.home import open_home

    home = open_home(Path(place, "home"))
    layer = home.layers / "layer"
    layer.mkdir()
    (layer / "su").touch(0o4755)
    os.chmod(place, 0o755)
    if not holds:
        for directory in (home.root, home.layers):
            directory.chmod(0o755)
    child = os.fork()
    if child == 0:
        os.setgroups([])
        os.setresgid(1, 1, 1)
        os.setresuid(1, 1, 1)
        os._exit(0 if os.access(layer / "su", os.X_OK) else 1)
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0


@either
def test_programs_of_images_and_other_users(bundle: str, holds: bool) -> None:
    """CVE-2021-41091: nobody else on the machine finds a set-uid program in the home."""
    assert call(_others_see, str(Path(bundle).parent), holds) == (not holds)


# ── through the engine ───────────────────────────────────────────────────────────────────────

CHECKED = """
import json, sys, time, ipycontainer
from ipycontainer.commands import grammar
from ipycontainer.linux import oom
oom.set_own_score(300)
engine = ipycontainer.connect(sys.argv[1])
line = "run -d --name box --network none --health-interval 100ms --health-cmd".split()
grammar.invoke(
    lambda: engine, [*line, "grep ^Seccomp: /proc/self/status", "busybox", "sleep", "100"]
)
box = engine.containers.get("box")
while not (log := box.attrs["State"]["Health"]["Log"]):
    time.sleep(0.05)
    box.reload()

def score(pid):
    return int(open(f"/proc/{pid}/oom_score_adj").read())

pid = box.record.state.pid
monitor = open(f"/proc/{pid}/stat").read().rpartition(")")[2].split()[1]
print(json.dumps([log[0]["Output"].split()[-1], score(monitor), score(pid)]))
box.remove(force=True)
"""
UNFILTERED = {"linux/seccomp.py": "def install(*_): pass"}
UNMARKED = {"supervise/zygote.py": "oom.set_own_score = lambda _: None"}


@pytest.mark.usefixtures("busybox_image")
@pytest.mark.parametrize("without", [{}, UNFILTERED, UNMARKED], ids=["holds", "filter", "score"])
def test_a_health_check_and_who_is_killed_first(
    home: Path, tmp_path: Path, without: dict[str, str]
) -> None:
    """CVE-2022-0847 in a health check, which has the filter; and docker's oom_score_adj.

    The engine is one that the kernel is to kill first, as a notebook server may be: neither the
    monitor nor its container is.
    """
    filtered, *scores = weakened.run(CHECKED, tmp_path, without, str(home))
    assert filtered == ("0" if without is UNFILTERED else "2")
    assert scores == ([300, 300] if without is UNMARKED else [0, 0])
