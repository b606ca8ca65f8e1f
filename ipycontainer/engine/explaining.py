"""A start, step by step: as it would be, and as it was, with what each step took.

Both come from the same plan that init executes (runtime.plan), for the bundle that is written, or
would be. Nothing is started here, and nothing asked of a monitor but whether it is done.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing, suppress
from dataclasses import replace
from types import MappingProxyType
from typing import TYPE_CHECKING

from ipycontainer.engine import bundle, network_files, sharing
from ipycontainer.engine.network_files import ALONE
from ipycontainer.errors import Conflict, ContainerNotRunning, NotFound
from ipycontainer.linux import cgroups
from ipycontainer.linux.cgroups import Cgroup, Hierarchies
from ipycontainer.model import ids, oci, oci_json
from ipycontainer.model.config import ContainerConfig
from ipycontainer.model.explained import ExplainedStep
from ipycontainer.model.mounts import MountPoint
from ipycontainer.model.state import ContainerRecord
from ipycontainer.runtime import beforehand, plan
from ipycontainer.runtime.network_steps import ConfigureInterface
from ipycontainer.runtime.plan import CgroupView
from ipycontainer.runtime.process_steps import Ready
from ipycontainer.runtime.reasons import reason
from ipycontainer.runtime.steps import Step
from ipycontainer.supervise import timeline
from ipycontainer.supervise.conversation import ask
from ipycontainer.supervise.timeline import Timeline

if TYPE_CHECKING:
    from ipycontainer.engine.container import Container
    from ipycontainer.engine.engine import Engine

__all__ = ["as_it_was", "as_it_would_be"]

_WRITE = (
    "engine",
    "write the bundle: config.json, hosts, hostname, resolv.conf",
    "openat, write",
    "What the container shall be stands in one file of OCI's format; the rest reads only that.",
)
_ASK = (
    "engine",
    "hand the bundle to the monitor that waits",
    "sendmsg",
    "A monitor is forked ahead, with an init in fresh namespaces: a start makes no process.",
)
_FORK = (
    "engine",
    "have the zygote fork a monitor for the bundle",
    "sendmsg, fork",
    "The kernel has threads and may not fork; the zygote is small, warm and has one thread.",
)
_CLONE = (
    "monitor",
    "clone init into new namespaces",
    "clone3",
    "Mounts, processes, names, queues and network of its own: this is what makes a container.",
)
_CGROUP = (
    "monitor",
    "make the cgroup",
    "mkdir, write",
    "The kernel counts and limits by groups of processes; this one is the container's.",
)
_WIRE = (
    "monitor",
    "make a pair of interfaces, one end on the bridge, one in the container",
    "netlink",
    "A veth pair is a cable between two network namespaces; published ports are bound here too.",
)
_READ = (
    "monitor",
    "read the bundle, and take addresses",
    "openat, read",
    "What others could have, too, is taken before anything is made.",
)
_HAND = (
    "monitor",
    "hand init the mounts that only its parent can make",
    "sendmsg",
    "A detached mount is a descriptor, and goes from process to process as one.",
)
_AWAIT = (
    "monitor",
    "answer init, and wait for its program",
    "recvmsg, execve",
    "Init does its steps meanwhile; here it had not said how far it was.",
)
_RECORD = (
    "monitor",
    "write that it runs",
    "pwrite",
    "From here on ps shows it, in every kernel and shell of this home.",
)
# Places of a container hold its whole id.
_LONG_ID = re.compile(r"(/[0-9a-f]{12})[0-9a-f]{52}(?=/|$| )")


def as_it_would_be(engine: Engine, config: ContainerConfig, name: str = "") -> list[ExplainedStep]:
    """Return the steps of a start that does not take place; raises as making it would.

    Addresses are taken by a start, so that none can be told.
    """
    with engine.containers.sketched(config, name) as (record, _):
        spec = _spec(engine, record)
    userns = engine.home.rootless
    hierarchies = cgroups.detect()
    place = str(engine.home.container(record.id))
    usable = spec.linux.cgroups_path and (not userns or cgroups.available(hierarchies))
    group = cgroups.locate(hierarchies, spec.linux.cgroups_path, ()) if usable else None
    steps = beforehand.steps_in(
        spec, place, userns=userns, hierarchies=hierarchies if group else None
    )
    ahead = beforehand.done_ahead(userns=userns) if steps is not None else ()
    if steps is None:
        steps = _plan(spec, place, group, userns, hierarchies)
    own = [
        ExplainedStep(*_WRITE),
        ExplainedStep(*(_ASK if ahead else _FORK)),
        *([ExplainedStep(*_CGROUP)] if group is not None else []),
        *([ExplainedStep(*_WIRE)] if record.config.endpoints else []),
    ]
    networks = {
        f"eth{number}": endpoint.network for number, endpoint in enumerate(record.config.endpoints)
    }
    return [
        replace(ExplainedStep(*_CLONE), ahead=bool(ahead)),
        *(replace(_explained(step), ahead=True) for step in ahead),
        *own,
        *(_explained(step, networks) for step in steps),
        ExplainedStep(*_RECORD),
    ]


def as_it_was(container: Container) -> list[ExplainedStep]:
    """Return the steps of the last start, in the order of their beginnings, with their times.

    What was done before anybody asked for the container comes first, and has no moment. A start
    that failed ends with the step that failed. Raises
    Conflict for one that was never started, or by another version, whose steps are not ours.
    """
    home = container.engine.home
    container.reload()
    _settle(container)
    directory = home.container(container.id)
    kept = timeline.read(directory)
    if kept is None:
        raise Conflict(
            f"nothing is known of a start of container {container.name}",
            hint=f"ipycontainer start {container.name} keeps its steps; "
            "run --explain shows them without a start",
        )
    times, hierarchies = kept
    spec = oci_json.from_json(json.loads((directory / "config.json").read_bytes()))
    if times.interfaces:
        known = {**spec.annotations, oci.ANNOTATION_INTERFACES: times.interfaces}
        spec = replace(spec, annotations=known)
    place, userns = str(directory), home.rootless
    group = None if times.cgroup is None else Cgroup(times.cgroup)
    steps: tuple[Step, ...] = ()
    ahead: tuple[Step, ...] = ()
    if not times.times:
        pass  # it failed before init told of any; there may not even have been a plan
    elif times.sandboxed:
        told = None if group is None else hierarchies
        steps = beforehand.steps_in(spec, place, userns=userns, hierarchies=told) or ()
        ahead = beforehand.done_ahead(userns=userns)
        if times.advanced:
            expected, steps = beforehand.split(spec, steps)
            ahead = (*ahead, *expected)
    else:
        steps = _plan(spec, place, group, userns, hierarchies)
    return _timed(times, ahead, steps, wired=bool(times.interfaces))


def _timed(
    times: Timeline, ahead: Sequence[Step], steps: Sequence[Step], *, wired: bool
) -> list[ExplainedStep]:
    """Put the moments to the steps; those of init follow each other without a gap."""
    marks = times.marks
    zero = times.asked[0] if times.asked else times.received
    rows: list[ExplainedStep] = []

    def add(step: ExplainedStep, start: int, end: int) -> None:
        rows.append(replace(step, start_ns=start - zero, duration_ns=end - start))

    if times.asked:
        add(ExplainedStep(*_WRITE), *times.asked)
        add(ExplainedStep(*(_ASK if times.sandboxed else _FORK)), times.asked[1], times.received)
    # What the monitor did between each two of its marks, as far as it came.
    if len(marks) > 2 and not times.sandboxed:
        add(ExplainedStep(*_CLONE), *marks[1:3])
    if len(marks) > 1 and times.cgroup is not None:
        add(ExplainedStep(*_CGROUP), *marks[:2])
    if len(marks) > 3 and wired:
        add(ExplainedStep(*_WIRE), *marks[2:4])
    noted = times.times[len(ahead) :]  # when init began, and what each step took
    at, durations = (noted[0], noted[1:]) if noted else (times.recorded, ())
    for step, taken in zip(steps, durations, strict=False):
        add(_explained(step), at, at + taken)
        at += taken
    if not times.error:
        add(ExplainedStep(*_RECORD), marks[4], times.recorded)
        for step in steps[len(durations) :]:  # since it reported: the report itself, and execve
            end = at if isinstance(step, Ready) else marks[4]
            add(_explained(step), at, max(at, end))
            at = max(at, end)
    rows.sort(key=lambda row: row.start_ns or 0)
    if times.error:
        failed, since = _failed(times, steps, len(durations) if noted else -1, at)
        add(replace(failed, error=times.error), since, max(since, times.recorded))
    before = [
        replace(_explained(step), ahead=True, duration_ns=taken)
        for step, taken in zip(ahead, times.times, strict=False)
    ]
    if times.sandboxed:
        before.insert(0, replace(ExplainedStep(*_CLONE), ahead=True))
    return [*before, *rows]


def _failed(
    times: Timeline, steps: Sequence[Step], done: int, at: int
) -> tuple[ExplainedStep, int]:
    """Return the step at which a start ended, and when that began.

    `done` counts the steps of init that went well, until `at`; -1 where it told of none.
    """
    if len(times.marks) < 4:
        clone = _HAND if times.sandboxed else _CLONE
        own = (_READ, _CGROUP, clone, _WIRE)[len(times.marks)]
        return ExplainedStep(*own), times.marks[-1] if times.marks else times.received
    if 0 <= done < len(steps):
        return _explained(steps[done]), at
    return ExplainedStep(*_AWAIT), times.marks[-1]


def _settle(container: Container) -> None:
    """Have the monitor answer: what it does after a start is done then."""
    if container.record.state.status.alive:
        with suppress(ContainerNotRunning, NotFound, Conflict):
            channel = container.engine.supervisor.monitor(container.id)
            with closing(channel):
                ask(channel, {"op": "attach", "streams": []})


def _explained(step: Step, networks: Mapping[str, str] = MappingProxyType({})) -> ExplainedStep:
    what = _LONG_ID.sub(r"\1…", step.describe())
    if isinstance(step, ConfigureInterface) and not step.addresses:
        what = f"configure {step.name}: a free address of network {networks[step.name]}"
    return ExplainedStep("init", what, *reason(step))


def _plan(
    spec: oci.Spec, place: str, group: Cgroup | None, userns: bool, hierarchies: Hierarchies
) -> tuple[Step, ...]:
    view = CgroupView.of(group, hierarchies)
    return plan.plan(spec, place, userns=userns, cgroup=view, own_cgroup=group)


def _spec(engine: Engine, record: ContainerRecord) -> oci.Spec:
    """Return what would stand in the bundle."""
    config = record.config
    named = tuple(_named(config.mounts))
    record = replace(record, config=replace(config, mounts=named))
    shared = network_files.joined(config)
    find = engine.containers.get
    other = find(shared).record if shared else None
    joined = sharing.donors(config, lambda ref: find(ref).record, other)
    spec = bundle.build(
        engine.home, record, (0, 0), other or ALONE.shared, engine.surroundings(record), joined
    )
    if not config.endpoints:
        return spec
    interfaces = [
        {"name": f"eth{number}", "addresses": [], "gateways": []}
        for number in range(len(config.endpoints))
    ]
    told = {"interfaces": interfaces, "resolver": network_files.has_resolver(config)}
    known = {**spec.annotations, oci.ANNOTATION_INTERFACES: json.dumps(told)}
    return replace(spec, annotations=known)


def _named(mounts: Sequence[MountPoint]) -> Iterator[MountPoint]:
    """Give volumes without a name one that nobody has."""
    for mount in mounts:
        unnamed = mount.type == "volume" and not mount.source
        yield replace(mount, source=ids.new_id()) if unnamed else mount
