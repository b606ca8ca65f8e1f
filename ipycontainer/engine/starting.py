"""Starting, attaching and executing: the engine's side of a container's processes.

Each way ends in a Foreground, or in nothing when it is detached. The bundle is written anew for
each start: what the machine offers may have changed since the last.
"""

from __future__ import annotations

import shlex
import time
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from ipycontainer import faults
from ipycontainer.engine import (
    bundle,
    health,
    log_options,
    mount_specs,
    mounts,
    network_files,
    sharing,
    wishes,
)
from ipycontainer.engine.foreground import Foreground, Pipes, Source
from ipycontainer.engine.links import Link
from ipycontainer.engine.network_files import ALONE, Neighbours
from ipycontainer.engine.results import ExecResult
from ipycontainer.errors import (
    Conflict,
    ContainerNotRunning,
    EngineError,
    InvalidArgument,
    NoSuchContainer,
    OperationTimeout,
    StepFailed,
)
from ipycontainer.model.state import ContainerRecord
from ipycontainer.model.window import NO_WINDOW, Window
from ipycontainer.network.hosts import HOST_GATEWAY
from ipycontainer.store import containers as store_containers
from ipycontainer.store import endpoints, monitor_statements
from ipycontainer.store.database import Transaction
from ipycontainer.supervise import wording
from ipycontainer.supervise.conversation import ask
from ipycontainer.supervise.protocol import Channel, Message

if TYPE_CHECKING:
    from ipycontainer.engine.container import Container

__all__ = ["attach", "exec_run", "execute", "start", "start_detached"]

NEVER_RAN = 128  # docker's exit code of a container whose start failed
# What docker prints between the daemon's words and the runtime's.
CREATE_FAILED = (
    "failed to create task for container: failed to create shim task: OCI runtime create failed: "
    "runc create failed: unable to start container process: {}: unknown"
)
NOT_ABSOLUTE = "OCI runtime exec failed: exec failed: Cwd must be an absolute path: unknown"
EXEC_FAILED = "OCI runtime exec failed: exec failed: unable to start container process: {}: unknown"


def start_detached(container: Container) -> None:
    """Start a container that nobody watches; its engine looks after the monitor's end."""
    channel, _ = _launch(container, (), ())
    container.engine.watch(container.id, channel)


def start(
    container: Container, stdin: Source, outputs: tuple[str, ...], window: Window = NO_WINDOW
) -> Foreground:
    """Start a container and watch its streams."""
    pipes = _pipes(container, stdin, outputs)
    try:
        channel, _ = _launch(container, pipes.streams, pipes.theirs, window)
    except BaseException:
        pipes.close()
        raise
    pipes.handed()
    keys = window.detach_keys if container.record.config.tty else b""
    return Foreground(container, channel, pipes, is_exec=False, detach_keys=keys)


def _pipes(container: Container, stdin: Source, outputs: tuple[str, ...]) -> Pipes:
    """Return the pipes to a container's program; a terminal is one stream for both outputs."""
    config = container.record.config
    if config.tty:
        outputs = tuple(name for name in outputs if name == "stdout")
    return Pipes(stdin if config.open_stdin else None, outputs)


def attach(
    container: Container, stdin: Source, outputs: tuple[str, ...], window: Window = NO_WINDOW
) -> Foreground:
    """Watch what a running container prints from now on."""
    channel = container.engine.supervisor.monitor(container.id)
    pipes = _pipes(container, stdin, outputs)
    try:
        ask(channel, {"op": "attach", "streams": pipes.streams}, pipes.theirs)
    except BaseException:
        pipes.close()
        channel.close()
        raise
    pipes.handed()
    if not container.record.config.tty:
        return Foreground(container, channel, pipes, is_exec=False)
    foreground = Foreground(
        container, channel, pipes, is_exec=False, detach_keys=window.detach_keys
    )
    if window.size != (0, 0):
        # a size that is new has programs draw themselves anew: what they drew is not in our window
        rows, columns = window.size
        foreground.resize(rows + 1, columns + 1)
        foreground.resize(rows, columns)
    return foreground


def _launch(
    container: Container,
    streams: Sequence[str],
    fds: Sequence[int],
    window: Window = NO_WINDOW,
) -> tuple[Channel, Message]:
    engine, config = container.engine, container.record.config
    began = time.perf_counter_ns()
    faults.point("start: before the bundle")
    reached: tuple[str, ...] = ()
    try:
        wishes.settle_endpoints(engine.store, container.id, config)
        mounts.make_sources(config.mounts)
        around, neighbours = engine.surroundings(container.record), _neighbours(container)
        reached = monitor_statements.CAME_AND_LEFT  # docker looks at the rest from there only
        joined = sharing.donors(
            config, lambda name: engine.containers.get(name).record, neighbours.shared
        )
        bundle.write(engine.home, container.record, window.size, neighbours, around, joined)
        log = log_options.of_request(container.record)
    except EngineError as error:
        with engine.store.write() as tx:
            monitor_statements.failed(
                tx,
                container.id,
                # docker lets the code of an earlier end stand
                container.record.state.exit_code or NEVER_RAN,
                error.message,
                time.time_ns(),
                reached,
                attached=bool(streams),
            )
        raise
    if to_mount := mount_specs.volumes_to_mount(around.volumes):
        engine.supervisor.work("mount-volumes", {"names": to_mount})
    if config.endpoints and engine.home.rootless:
        container.warnings += engine.hold_networks()
    faults.point("start: before the request")
    try:
        channel, answer = engine.supervisor.start(
            container.id,
            {
                "streams": list(streams),
                "open_stdin": config.open_stdin,
                "stdin_once": config.open_stdin and config.attach_stdin,
                "auto_remove": config.auto_remove,
                "restart": config.restart,
                "restart_limit": config.restart_limit,
                "health": health.of_request(config),
                "log": log,
                "failure": CREATE_FAILED,
                "asked": [began, time.perf_counter_ns()],
            },
            fds,
        )
    except StepFailed as error:
        raise _in_dockers_words(error, CREATE_FAILED) from None
    container.warnings += tuple(answer.body.get("warnings", ()))
    return channel, answer


def _neighbours(container: Container) -> Neighbours:
    """Return what a bundle must know of others: looked up only for a container that asks."""
    config = container.record.config
    shared = network_files.joined(config)
    wants_gateway = any(text.endswith(f":{HOST_GATEWAY}") for text in config.extra_hosts)
    links = config.bridge_links
    if not shared and not wants_gateway and not links:
        return ALONE
    with container.engine.store.read() as tx:
        other = store_containers.find(tx, shared) if shared else None
        gateway = network_files.host_gateway(tx, container.engine.home, config)
        linked = tuple(_linked(tx, container.record, *link) for link in links)
    return Neighbours(other, gateway, linked)


def _linked(tx: Transaction, record: ContainerRecord, name: str, alias: str) -> Link:
    """Return a linked container that runs. Raises docker's refusals."""
    dead = Conflict(f"Cannot link to a non running container: /{name} AS /{record.name}/{alias}")
    try:
        target = store_containers.find(tx, name)
    except NoSuchContainer:  # to docker it is the name of one that is gone
        raise dead from None
    found = [each for each in endpoints.of_container(tx, target.id) if each.ipv4]
    if not target.state.status.alive or not found:
        raise dead
    return Link(alias, target, found[0].ipv4)


def execute(
    container: Container,
    cmd: Sequence[str],
    environment: Sequence[str],
    user: str,
    workdir: str,
    stdin: Source,
    detach: bool,
    tty: bool = False,
    window: Window = NO_WINDOW,
    privileged: bool = False,
) -> Foreground:
    """Execute a command in a running container.

    `privileged` gives it all capabilities; the container's filter stays, as docker's does.
    """
    if not cmd:
        raise InvalidArgument("No exec command specified")
    channel = _monitor_of(container)  # which wakes up while we read
    try:
        container.reload()
        container.refuse_while_paused(
            f"Container {container.name} is paused, unpause the container before exec"
        )
        if workdir and not workdir.startswith("/"):
            raise InvalidArgument(NOT_ABSOLUTE)
    except BaseException:
        channel.close()
        raise
    record = container.record
    outputs = ("stdout",) if tty else ("stdout", "stderr")
    pipes = Pipes(stdin, () if detach else outputs)
    rows, columns = window.size
    try:
        ask(
            channel,
            {
                "op": "exec",
                "args": list(cmd),
                "env": list(bundle.merge_env(bundle.base_env(record, tty=tty), environment)),
                "cwd": workdir or record.config.workdir or "/",
                "user": user or record.config.user,
                "tty": tty,
                "rows": rows,
                "columns": columns,
                "privileged": privileged,
                "streams": pipes.streams,
            },
            pipes.theirs,
        )
    except BaseException as error:
        pipes.close()
        channel.close()
        if isinstance(error, StepFailed):
            raise _in_dockers_words(error, EXEC_FAILED) from None
        raise
    pipes.handed()
    keys = window.detach_keys if tty else b""
    return Foreground(container, channel, pipes, is_exec=True, detach_keys=keys)


def _monitor_of(container: Container) -> Channel:
    try:
        return container.engine.supervisor.monitor(container.id)
    except ContainerNotRunning:
        container.reload()  # it may be gone
        raise ContainerNotRunning(f"container {container.id} is not running") from None


def exec_run(
    container: Container,
    cmd: str | Sequence[str],
    environment: Mapping[str, str] | Sequence[str],
    user: str,
    workdir: str,
    wanted: tuple[bool, bool],
    demux: bool,
    detach: bool,
    feed: bytes | None,
    timeout: float | None,
    privileged: bool = False,
) -> ExecResult:
    """Execute a command and collect what it prints; see `Container.exec_run`."""
    env = (
        [f"{name}={value}" for name, value in environment.items()]
        if isinstance(environment, Mapping)
        else list(environment)
    )
    words = shlex.split(cmd) if isinstance(cmd, str) else list(cmd)
    foreground = container.exec(
        words,
        environment=env,
        user=user,
        workdir=workdir,
        stdin=feed,
        detach=detach,
        privileged=privileged,
    )
    if detach:
        foreground.detach()
        return ExecResult(None, b"")
    collected, timed_out = foreground.collect(timeout)
    code = foreground.wait()
    if timed_out:
        raise OperationTimeout(f"{words[0]} did not end within {timeout} seconds and was killed")
    out, err = (
        b"".join(data for stream, data in collected if stream == name and shown)
        for name, shown in zip(("stdout", "stderr"), wanted, strict=True)
    )
    if demux:
        return ExecResult(code, (out, err))
    shown = {name for name, yes in zip(("stdout", "stderr"), wanted, strict=True) if yes}
    return ExecResult(code, b"".join(data for stream, data in collected if stream in shown))


def _in_dockers_words(error: StepFailed, form: str) -> StepFailed:
    message = wording.sentence(form, error.message)
    return type(error)(message, hint=error.hint, step=error.step, errno=error.errno)
