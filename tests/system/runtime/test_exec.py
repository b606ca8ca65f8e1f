"""Further programs in a running container, and the small init."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Callable
from typing import Any

from ipycontainer.errors import EngineError
from ipycontainer.model.oci import Spec
from ipycontainer.runtime.launch import Launched
from tests.system.runtime import bundles
from tests.system.runtime.isolated import call

MISSING = "no such file or directory"


def _inside(bundle: str, use: Callable[[Launched, Spec], Any], *args: str) -> Any:
    spec = bundles.make_spec(bundle, *(args or ("sleep", "100")))
    started, read = bundles.begin(spec, bundle)
    try:
        return use(started, spec)
    finally:
        os.kill(started.pid, signal.SIGKILL)
        bundles.end(started, read)


def _facts(bundle: str) -> Any:
    script = (
        "grep -E '^(CapEff|CapInh|CapAmb|Seccomp:)' /proc/self/status; hostname;"
        "readlink /proc/1/exe;"
        "for n in $(seq 0 40); do [ -e /proc/$$/fd/$n ] && echo fd $n; done;"
        "cmp /proc/1/cgroup /proc/self/cgroup && echo same; cut -d' ' -f6 /proc/self/stat"
    )
    return _inside(bundle, lambda c, spec: bundles.join(c, spec, "sh", "-c", script).output)


def test_a_joined_program_is_limited_as_the_container_is(bundle: str) -> None:
    """Namespaces, cgroup, capabilities and filter are the container's; only stdio is open."""
    lines = call(_facts, bundle).splitlines()

    assert {"CapEff:\t00000000a80425fb", "CapInh:\t0000000000000000"} <= set(lines)
    assert {"Seccomp:\t2", "box", "/bin/busybox", "same"} <= set(lines)
    assert {line for line in lines if line.startswith("fd ")} <= {"fd 0", "fd 1", "fd 2", "fd 10"}


def _users(bundle: str) -> Any:
    def use(container: Launched, spec: Spec) -> list[str]:
        return [
            bundles.join(container, spec, "id", "-u", user=user).output
            for user in ("postgres", "65534", "")
        ]

    return _inside(bundle, use)


def test_a_joined_program_runs_as_the_user_asked_for(bundle: str) -> None:
    """By name, by number, or as the container does."""
    assert call(_users, bundle) == ["70\n", "65534\n", "0\n"]


def _failures(bundle: str) -> Any:
    def attempt(container: Launched, spec: Spec, *args: str, **options: str) -> str:
        try:
            bundles.join(container, spec, *args, **options)
        except EngineError as error:
            return f"{type(error).__name__}: {error.message}"
        return "no error"

    def use(container: Launched, spec: Spec) -> list[str]:
        from dataclasses import replace

        return [
            attempt(container, spec, "nope"),
            attempt(container, spec, "id", user="nobody2"),
            attempt(container, spec, "id", cwd="/missing"),
            attempt(replace(container, start_ticks=1), spec, "id"),
        ]

    found = _inside(bundle, use)
    return [*found, bundles.leftovers(bundle)]


def test_a_join_that_fails_says_why_and_leaves_nothing(bundle: str) -> None:
    """Messages are runc's; a process that took over the pid is never joined."""
    assert call(_failures, bundle) == [
        'CommandNotFound: exec: "nope": executable file not found in $PATH',
        "InvalidArgument: unable to find user nobody2: no matching entries in passwd file",
        f'StepFailed: chdir to cwd ("/missing") set in config.json failed: {MISSING}',
        "ContainerNotRunning: the container has ended",
        [],
    ]


def _spy(bundle: str) -> Any:
    """PID 1 lists every process's open files, over and over, while programs join."""
    spy = (
        "while :; do ls -l /proc/[0-9]*/fd 2>/dev/null; cat /proc/[0-9]*/environ 2>/dev/null; done"
    )
    spec = bundles.make_spec(bundle, "sh", "-c", spy)
    os.environ["HOST_SECRET"] = "of-the-host"
    started, read = bundles.begin(spec, bundle)
    os.set_blocking(read, False)
    seen = b""
    for _ in range(40):
        bundles.join(started, spec, "true")
        try:
            while part := os.read(read, 1 << 20):
                seen += part
        except BlockingIOError:
            pass
    os.kill(started.pid, signal.SIGKILL)
    os.set_blocking(read, True)
    ended = bundles.end(started, read)
    text = seen.decode(errors="replace") + ended.output
    return [len(text) > 1000, "socket:" in text, "HOST_SECRET" in text, bundle in text]


def test_nothing_of_the_joiner_is_seen_from_inside(bundle: str) -> None:
    """A watching PID 1 sees no socket, path or environment of the host's (CVE-2016-9962)."""
    assert call(_spy, bundle) == [True, False, False, False]


def _small_init(bundle: str) -> Any:
    script = (
        "tr '\\0' ' ' < /proc/1/cmdline; echo; (sleep 0.05 &); sleep 0.3;"
        "grep -l '^State:.Z' /proc/[0-9]*/status;"
        "ls /proc/1/fd >/dev/null 2>&1 || echo hidden; exit 7"
    )
    ended = bundles.run(bundle, "sh", "-c", script, init=True, user="postgres")
    trap = "trap 'echo asked; exit 4' TERM; echo up; while :; do sleep 0.05; done"
    spec = bundles.make_spec(bundle, "sh", "-c", trap, init=True)
    started, read = bundles.begin(spec, bundle)
    os.read(read, 3)
    time.sleep(0.1)
    os.kill(started.pid, signal.SIGTERM)
    asked = bundles.end(started, read)
    spec = bundles.make_spec(bundle, "sleep", "100", init=True)
    started, read = bundles.begin(spec, bundle)
    os.kill(started.pid, signal.SIGTERM)
    return [ended.code, ended.output, asked.code, asked.output, bundles.end(started, read).code]


def test_the_small_init_reaps_forwards_and_hides_itself(bundle: str) -> None:
    """Orphans are reaped, signals reach the program, its code is the container's (128+n)."""
    code, output, asked, said, killed = call(_small_init, bundle)

    assert (code, asked, said, killed) == (7, 4, "asked\n", 143)
    title, *rest = output.splitlines()
    assert title.startswith("/sbin/docker-init -- sh -c tr ")
    assert rest == ["hidden"]


def _init_failure(bundle: str) -> Any:
    try:
        bundles.run(bundle, "nope", init=True)
    except EngineError as error:
        return [error.message, bundles.leftovers(bundle)]
    return ["no error", []]


def test_a_missing_command_is_told_through_the_small_init(bundle: str) -> None:
    """The start fails as it does without --init."""
    assert call(_init_failure, bundle) == [
        'exec: "nope": executable file not found in $PATH',
        [],
    ]
