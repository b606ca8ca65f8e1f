"""Bundles for the runtime's tests: docker's defaults on the small image, run to the end."""

from __future__ import annotations

import json
import os
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from ipycontainer.linux import namespaces
from ipycontainer.model import oci
from ipycontainer.model.oci import Linux, Mount, Process, Root, Spec
from ipycontainer.runtime import defaults, filters
from ipycontainer.runtime.exec_joining import enter
from ipycontainer.runtime.launch import Launched, Stdio, follow, launch
from ipycontainer.runtime.sandbox import Sandbox

__all__ = ["Ended", "begin", "end", "join", "leftovers", "make_spec", "remove_cgroups", "run"]

# One for each of the workers that test beside each other: each takes its own away.
CGROUP = f"ipyc-test-runtime-{os.environ.get('PYTEST_XDIST_WORKER', 'alone')}"


@dataclass(frozen=True, slots=True)
class Ended:
    """A program that ran to its end: exit code, both outputs as one, WARNING lines."""

    code: int
    output: str
    warnings: tuple[str, ...]


def make_spec(bundle: str, *args: str, **options: Any) -> Spec:
    """Return the spec of a container as the engine makes it, with a writable layer in the bundle.

    Options: env, cwd, user, init, readonly, mounts (after the defaults), overlays (after the
    first), namespaces, tree, image_directories (made in a layer of its own).
    """
    userns = not namespaces.in_initial_userns()
    directory = Path(bundle)
    tree = options.get("tree") or os.environ.get("TEST_TREE") or f"{directory.parent}/tree"
    lowers = [tree]
    if (directory / "image").is_dir():
        lowers.insert(0, str(directory / "image"))
    overlays = [overlay(directory, "root", "/", lowers), *options.get("overlays", ())]
    annotations = {
        oci.ANNOTATION_OVERLAYS: json.dumps(overlays),
        oci.ANNOTATION_SECCOMP: "default",
    }
    if options.get("user"):
        annotations[oci.ANNOTATION_USER] = options["user"]
    if options.get("init"):
        annotations[oci.ANNOTATION_INIT] = "true"
    kinds = options.get("namespaces", ("mount", "pid", "uts", "ipc", "network"))
    return Spec(
        process=Process(
            args=args,
            env=(f"PATH={defaults.PATH}", *options.get("env", ())),
            cwd=options.get("cwd", "/"),
            capabilities=defaults.capabilities(),
            rlimits=defaults.RLIMITS,
        ),
        root=Root("rootfs", readonly=options.get("readonly", False)),
        hostname="box",
        mounts=(*defaults.mounts(), *options.get("mounts", ())),
        linux=Linux(
            namespaces=dict.fromkeys(kinds, ""),
            cgroups_path=f"/{CGROUP}/{directory.parent.name}-{directory.name}",
            device_rules=defaults.DEVICE_RULES,
            masked_paths=defaults.masked_paths(),
            readonly_paths=defaults.READONLY_PATHS,
            sysctl=defaults.sysctls(userns=userns) if "network" in kinds else {},
        ),
        annotations=annotations,
    )


def overlay(directory: Path, name: str, target: str, lowers: Sequence[str]) -> dict[str, Any]:
    """Return the annotation's entry for an overlay with an upper directory of its own."""
    upper, work = directory / f"{name}.upper", directory / f"{name}.work"
    upper.mkdir(exist_ok=True)
    work.mkdir(exist_ok=True)
    return {
        "target": target,
        "lowers": list(lowers),
        "upper": str(upper),
        "work": str(work),
        "userxattr": not namespaces.in_initial_userns(),
    }


def begin(
    spec: Spec, bundle: str, sandbox: Sandbox | None = None, **options: Any
) -> tuple[Launched, int]:
    """Start a container, in a sandbox where that fits; return it with the end of its output."""
    read, write = os.pipe()
    null = os.open("/dev/null", os.O_RDWR)
    program = filters.default_program(defaults.CAPABILITIES)
    try:
        stdio = Stdio(null, write, write)
        started = None
        if sandbox is not None and sandbox.begin(bundle, stdio):
            started = follow(sandbox, spec)
        if started is None:
            started = launch(spec, bundle, stdio, seccomp=program, **options)
    except BaseException:
        os.close(read)
        raise
    finally:
        os.close(write)
        os.close(null)
    return started, read


def join(started: Launched, spec: Spec, *args: str, **options: Any) -> Ended:
    """Run a further program in a container to its end."""
    read, write = os.pipe()
    null = os.open("/dev/null", os.O_RDWR)
    process = replace(spec.process, args=args, cwd=options.get("cwd", "/"))
    try:
        entered = enter(
            started.pid,
            started.start_ticks,
            spec,
            process,
            Stdio(null, write, write),
            user=options.get("user", ""),
            seccomp=filters.default_program(defaults.CAPABILITIES),
            cgroup=started.cgroup,
        )
    finally:
        os.close(write)
        os.close(null)
    return _collect(entered, read)


def end(started: Launched, read: int) -> Ended:
    """Read a container's output to its end, reap it and remove its cgroup."""
    ended = _collect(started, read)
    if started.cgroup is not None:
        started.cgroup.remove()
    return ended


def run(bundle: str, *args: str, **options: Any) -> Ended:
    """Run a container to its end."""
    started, read = begin(make_spec(bundle, *args, **options), bundle)
    return end(started, read)


def _collect(started: Launched, read: int) -> Ended:
    with open(read, "rb") as file:
        output = file.read().decode()
    _, status = os.waitpid(started.pid, 0)
    os.close(started.pidfd)
    return Ended(os.waitstatus_to_exitcode(status), output, started.warnings)


def remove_cgroups() -> None:
    """Remove the cgroup that those of all bundles lie in, unless one of them is left."""
    for pattern in (CGROUP, f"*/{CGROUP}"):
        for path in Path("/sys/fs/cgroup").glob(pattern):
            with suppress(OSError):
                path.rmdir()


def leftovers(bundle: str) -> list[str]:
    """Name what a start of this process has left: children, cgroups, mounts."""
    directory = Path(bundle)
    name = f"{directory.parent.name}-{directory.name}"
    found = [
        str(path)
        for pattern in (f"{CGROUP}/{name}", f"*/{CGROUP}/{name}")
        for path in Path("/sys/fs/cgroup").glob(pattern)
    ]
    try:
        found.append(f"child {os.waitpid(-1, os.WNOHANG)}")
    except ChildProcessError:
        pass
    if bundle in Path("/proc/self/mountinfo").read_text(encoding="utf-8"):
        found.append("a mount in this namespace")
    return found


def bind(source: str, target: str, *options: str) -> Mount:
    """Return a bind mount."""
    return Mount(target, "bind", source, ("rbind", *options))
