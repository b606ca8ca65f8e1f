"""The steps of a start: their order, what a user namespace changes, what is refused."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import pytest

from ipycontainer.errors import EngineError, InvalidArgument, StepFailed, Unsupported
from ipycontainer.linux import mounts
from ipycontainer.linux.cgroups import Cgroup
from ipycontainer.model import oci
from ipycontainer.model.oci import Linux, Mount, Process, Root, Spec, User
from ipycontainer.runtime import clock_steps, defaults, idmap_steps
from ipycontainer.runtime.cgroup_mounts import MountCgroups
from ipycontainer.runtime.mount_steps import BindMount, MountFileSystem
from ipycontainer.runtime.namespace_donors import ShareShm
from ipycontainer.runtime.path_steps import BindDevices, MakeDevices
from ipycontainer.runtime.plan import CgroupView, Manner, plan, plan_process
from ipycontainer.runtime.process_steps import ResolveUser
from ipycontainer.runtime.session_steps import JoinNamespace
from ipycontainer.runtime.steps import Step
from ipycontainer.runtime.terminal_steps import ConnectTerminal

MOUNTS = defaults.mounts()
NEW = ("mount", "pid", "uts", "ipc", "network")


def _spec(**changes: Any) -> Spec:
    linux = {
        "namespaces": dict.fromkeys(NEW, ""),
        "cgroups_path": "/ipyc/box",
        "masked_paths": ("/proc/keys",),
        "readonly_paths": ("/proc/sys",),
        "sysctl": {"net.ipv4.ip_unprivileged_port_start": "0"},
        **changes.pop("linux", {}),
    }
    process = {"capabilities": defaults.capabilities(), **changes.pop("process", {})}
    spec = Spec(
        process=Process(**{"args": ("true",), **process}),
        hostname="box",
        mounts=defaults.mounts(),
        linux=Linux(**linux),
        annotations={
            oci.ANNOTATION_OVERLAYS: json.dumps(
                [{"target": "/", "lowers": ["/l"], "upper": "/u", "work": "/w"}]
            )
        },
    )
    return replace(spec, **changes)


def _names(steps: Sequence[Step]) -> list[str]:
    return [type(step).__name__ for step in steps]


def _plan(spec: Spec, **options: Any) -> tuple[Step, ...]:
    return plan(spec, "/bundle", **{"userns": False, **options})


def test_the_order_is_that_of_runc_and_crun() -> None:
    """Namespaces, then mounts, devices, masks, the pivot, and rights last."""
    names = _names(_plan(_spec(), own_cgroup=Cgroup({"pids": "/c"})))
    order = [
        "DieWithParent",
        "NewSessionKeyring",
        "HideFromTracers",
        "LoopbackUp",
        "SetSysctl",
        "SetHostname",
        "JoinCgroup",
        "IsolateMounts",
        "MountOverlay",
        "MountFileSystem",
        "MakeDevices",
        "LinkDevices",
        "TellParent",
        "MaskPaths",
        "RestrictPaths",
        "PivotRoot",
        "AwaitParent",
        "NewSession",
        "CloseFds",
        "ConnectStdio",
        "ResolveUser",
        "EnterWorkdir",
        "FindCommand",
        "ResetSignals",
        "FilterSystemCalls",
        "LimitPrivileges",
        "CheckCommand",
        "Ready",
        "Execute",
    ]

    assert [name for name in dict.fromkeys(names) if name in order] == order


def test_a_cgroup_namespace_comes_after_the_cgroup() -> None:
    """Made earlier, the container would see `/../..` for its own cgroup."""
    spec = _spec(linux={"namespaces": dict.fromkeys((*NEW, "cgroup"), "")})
    names = _names(_plan(spec, own_cgroup=Cgroup({"": "/c"})))

    assert names.index("JoinCgroup") < names.index("UnshareCgroup") < names.index("MountOverlay")


def test_a_user_namespace_waits_for_its_maps() -> None:
    """Init becomes root only when the parent has written them, and touches no cgroup itself."""
    spec = _spec(linux={"namespaces": dict.fromkeys((*NEW, "user"), "")})
    names = _names(_plan(spec, own_cgroup=Cgroup({"pids": "/c"})))

    assert names.index("AwaitParent") < names.index("BecomeRoot") < names.index("IsolateMounts")
    assert "JoinCgroup" not in names
    assert "BindDevices" in names


def test_a_held_start_reports_when_nothing_but_the_program_can_fail() -> None:
    """With `hold` the parent returns when rights are given up, as runc's `create` does."""
    names = _names(_plan(_spec(), hold=True))

    assert names[-3:] == ["CheckCommand", "Ready", "Execute"]
    assert names.index("LimitPrivileges") < names.index("Ready")


def test_devices_are_bound_in_a_user_namespace() -> None:
    """mknod(2) is refused there (EPERM), whoever asks."""
    outside, inside = _plan(_spec()), _plan(_spec(), userns=True)

    assert any(isinstance(step, MakeDevices) for step in outside)
    assert any(isinstance(step, BindDevices) for step in inside)
    assert not any(isinstance(step, MakeDevices) for step in inside)


def test_a_bind_of_dev_brings_its_own_devices() -> None:
    """Nothing is made in the host's /dev."""
    spec = _spec(mounts=(Mount("/dev/", "bind", "/dev", ("rbind",)),))

    assert not {"MakeDevices", "LinkDevices"} & set(_names(_plan(spec)))


def test_the_hosts_network_shows_the_hosts_sys_in_a_user_namespace() -> None:
    """Sysfs may be mounted only where the network namespace is the own one (EPERM)."""
    spaces = dict.fromkeys(("mount", "pid", "ipc", "uts"), "")
    spec = _spec(linux={"namespaces": spaces, "sysctl": {}})
    binds = [
        step
        for step in _plan(spec, userns=True)
        if isinstance(step, BindMount) and step.target == "/sys"
    ]

    assert [(bind.source, bind.recursive) for bind in binds] == [("/sys", True)]
    assert binds[0].set_bits & mounts.MOUNT_ATTR_RDONLY


def test_group_5_is_given_up_where_it_is_not_mapped() -> None:
    """Devpts is tried with docker's options first, then without a group."""
    devpts = [
        step
        for step in _plan(_spec(), userns=True)
        if isinstance(step, MountFileSystem) and step.kind == "devpts"
    ]

    assert ("gid", "5") in devpts[0].options
    assert devpts[0].fallback is not None
    assert "gid" not in dict(devpts[0].fallback)


def test_cgroups_are_shown_read_only() -> None:
    """Version 1 shows a directory a controller, version 2 mounts its own file system."""
    view = CgroupView((("pids", "/sys/fs/cgroup/pids/ipyc/box"),))
    v1 = [step for step in _plan(_spec(), cgroup=view) if isinstance(step, MountCgroups)]
    spec = _spec(linux={"namespaces": dict.fromkeys((*NEW, "cgroup"), "")})
    v2 = [
        step
        for step in _plan(spec, cgroup=CgroupView(v2=True))
        if isinstance(step, MountFileSystem) and step.kind == "cgroup2"
    ]

    assert v1[0].binds == view.binds
    assert v2[0].attributes & mounts.MOUNT_ATTR_RDONLY


def test_a_read_only_root_closes_every_overlay() -> None:
    """After all mount points are made, before the pivot."""
    overlays = [
        {"target": "/", "lowers": ["/l"], "upper": "/u", "work": "/w"},
        {"target": "/usr", "lowers": ["/usr"], "upper": "/u2", "work": "/w2"},
    ]
    spec = _spec(
        root=Root(readonly=True), annotations={oci.ANNOTATION_OVERLAYS: json.dumps(overlays)}
    )
    steps = _plan(spec)
    names = _names(steps)

    assert names.index("MakeReadOnly") == names.index("PivotRoot") - 1
    assert "make /, /usr read-only" in [step.describe() for step in steps]


def test_a_read_only_dev_is_closed_behind_its_devices_and_its_terminal() -> None:
    """The mount itself is made writable."""
    dev = Mount("/dev/", "tmpfs", "tmpfs", ("nosuid", "ro"))
    steps = _plan(_spec(mounts=(*MOUNTS, dev), process={"terminal": True}))
    names = _names(steps)
    made = [step for step in steps if isinstance(step, MountFileSystem) and step.target == "/dev"]

    assert [bool(step.attributes & mounts.MOUNT_ATTR_RDONLY) for step in made] == [False, False]
    assert names.index("ConnectTerminal") == names.index("MakeReadOnly") - 1
    assert "make /dev read-only" in [step.describe() for step in steps]


def test_a_user_has_its_own_group_among_the_further_ones_unless_told_otherwise() -> None:
    """Docker has it, OCI does not."""
    spec = _spec(process={"user": User(5, 6, (7, 7))})
    found = [
        step.ids.groups
        for manner in (Manner(), Manner(add_own_group=False))
        for step in _plan(spec, manner=manner)
        if isinstance(step, ResolveUser)
    ]

    assert found == [(6, 7), (7,)]


def test_the_last_of_two_equal_variables_wins() -> None:
    """As runc, which takes them for a map."""
    execute = _plan(_spec(process={"env": ("A=1", "B=2", "A=3")}))[-1]

    assert execute.env == {"A": "3", "B": "2"}  # type: ignore[attr-defined]


@pytest.mark.parametrize(
    ("changes", "kind", "words"),
    [
        ({"process": {"args": ()}}, InvalidArgument, "no command specified"),
        ({"process": {"cwd": "x"}}, InvalidArgument, "Cwd must be an absolute path"),
        ({"process": {"env": ("NOVALUE",)}}, InvalidArgument, "NOVALUE"),
        ({"mounts": (Mount("/x", "none"),)}, Unsupported, 'mount type "none" of /x'),
        ({"mounts": (Mount("//", "tmpfs"),)}, InvalidArgument, "hide the container's root"),
        ({"mounts": (Mount("/proc/sys", "tmpfs"),)}, StepFailed, "inside /proc"),
        ({"mounts": (Mount("/a/../proc/sys", "bind", "/x"),)}, StepFailed, "inside /proc"),
        ({"mounts": (Mount("/proc", "tmpfs"),)}, StepFailed, "not of type proc"),
        ({"mounts": (Mount("/x", "bind", "/y", ("size=1",)),)}, Unsupported, '"size"'),
        ({"linux": {"sysctl": {"kernel.hostname": "x"}}}, InvalidArgument, "kernel.hostname"),
        ({"linux": {"sysctl": {"vm.swappiness": "1"}}}, InvalidArgument, "vm.swappiness"),
        ({"linux": {"sysctl": {"net./../x": "1"}}}, InvalidArgument, "net./../x"),
        ({"linux": {"rootfs_propagation": "open"}}, InvalidArgument, "rootfsPropagation=open"),
        ({"linux": {"namespaces": {"space": ""}}}, InvalidArgument, 'namespace "space"'),
        ({"linux": {"namespaces": {"mount": "", "pid": ""}}}, InvalidArgument, "network namespace"),
        ({"annotations": {oci.ANNOTATION_OVERLAYS: "{"}}, InvalidArgument, "no JSON"),
        (
            {"annotations": {oci.ANNOTATION_OVERLAYS: "[{}]"}},
            InvalidArgument,
            "target",
        ),
    ],
)
def test_what_cannot_be_done_is_refused_by_name(
    changes: dict[str, Any], kind: type[EngineError], words: str
) -> None:
    """Before anything is made; nothing of a spec is ignored in silence."""
    with pytest.raises(kind) as caught:
        _plan(_spec(**changes))

    assert words in caught.value.message


def test_clocks_come_before_init_hides() -> None:
    """A process that hides may not write its own /proc (EACCES)."""
    linux = {
        "namespaces": {**dict.fromkeys(NEW, ""), "time": ""},
        "time_offsets": {"boottime": (7, 5)},
    }
    steps = _plan(_spec(linux=linux))
    names = _names(steps)

    assert names.index("UnshareTime") < names.index("HideFromTracers")
    assert clock_steps.UnshareTime((("boottime", 7, 5),)) in steps


@pytest.mark.parametrize(
    ("namespaces", "offsets", "words"),
    [
        ({"mount": ""}, {"boottime": (1, 0)}, "time namespace isn't enabled"),
        ({"mount": "", "time": "/x"}, {"boottime": (1, 0)}, "both namespace path and time offsets"),
        ({"mount": "", "time": ""}, {"realtime": (1, 0)}, "no clock realtime"),
    ],
)
def test_clocks_that_cannot_be(
    namespaces: dict[str, str], offsets: dict[str, tuple[int, int]], words: str
) -> None:
    """Offsets need a time namespace that is new, and a clock that it has."""
    spec = _spec(linux={"namespaces": namespaces, "time_offsets": offsets})
    with pytest.raises(InvalidArgument, match=words):
        clock_steps.clocks(spec)


def test_mapped_binds_are_taken_before_the_mounts() -> None:
    """One message brings the trees of all of them, in the order of the mounts."""
    line = (oci.IdMapping(0, 5, 1),)
    mounts = (
        Mount("/a", "bind", "/s", ("bind",), line, line),
        Mount("/b", "bind", "/s", ("bind",)),
        Mount("/c", "bind", "/s", ("rbind", "idmap")),
    )
    steps = _plan(_spec(mounts=mounts))
    binds = {step.target: step.mapped for step in steps if isinstance(step, BindMount)}

    assert {target: binds[target] for target in ("/a", "/b", "/c")} == {
        "/a": True,
        "/b": False,
        "/c": True,
    }
    taken = steps.index(idmap_steps.TakeMapped(("/a", "/c")))
    assert taken < min(number for number, step in enumerate(steps) if isinstance(step, BindMount))


def test_unknown_capabilities_are_refused() -> None:
    """A typing error must not end as a missing right."""
    capabilities = replace(defaults.capabilities(), bounding=("CAP_NOPE",))

    with pytest.raises(InvalidArgument, match="CAP_NOPE"):
        _plan(_spec(process={"capabilities": capabilities}))


def test_a_joined_program_takes_the_same_last_steps() -> None:
    """`exec` ends as a start does, with the user that was asked for and no small init."""
    spec = _spec()
    spec = replace(spec, annotations={**spec.annotations, oci.ANNOTATION_INIT: "true"})
    joined = plan_process(spec, replace(spec.process, args=("id",)), user="70")

    assert _names(joined) == _names(_plan(spec))[-len(joined) :]
    assert "find user 70" in [step.describe() for step in joined]
    assert joined[-1].reap is False  # type: ignore[attr-defined]
    assert _plan(spec)[-1].reap is True  # type: ignore[attr-defined]


def test_a_terminal_takes_the_place_of_the_three_streams() -> None:
    """It is opened once the user is known, whose it shall be; only the first program's console."""
    spec = _spec(process={"terminal": True, "console_size": (30, 100)})

    first = _names(_plan(spec))
    opened = next(step for step in _plan(spec) if isinstance(step, ConnectTerminal))
    assert "ConnectStdio" not in first
    assert first.index("ResolveUser") < first.index("ConnectTerminal") < first.index("Execute")
    assert opened == ConnectTerminal(console=True, size=(30, 100))

    further = plan_process(spec, replace(spec.process), user="")
    assert ConnectTerminal(console=False, size=(30, 100)) in further


def test_namespaces_of_others_are_joined_with_their_start_time() -> None:
    """By init, before its mounts, but for that of pids, which the parent joins; and their shm."""
    spaces = {**dict.fromkeys(NEW, ""), "pid": "/proc/42/ns/pid", "ipc": "/proc/42/ns/ipc"}
    spec = _spec(linux={"namespaces": spaces})
    donors = {oci.ANNOTATION_DONORS: '{"42": 7}', oci.ANNOTATION_SHM: "42"}
    steps = _plan(replace(spec, annotations={**spec.annotations, **donors}))
    joined = [step for step in steps if isinstance(step, JoinNamespace)]
    assert joined == [JoinNamespace("ipc", "/proc/42/ns/ipc", 7)]
    assert ShareShm(42, 7) in steps
    names = _names(steps)
    assert names.index("JoinNamespace") < names.index("IsolateMounts") < names.index("ShareShm")
    assert names.index("ShareShm") < names.index("PivotRoot")


def test_an_apparmor_profile_is_named_before_rights_go() -> None:
    """Its file belongs to root, and the filter may refuse to write."""
    names = _names(_plan(_spec(process={"apparmor_profile": "mine"})))
    assert names.index("SetAppArmor") < names.index("FilterSystemCalls")
    assert "SetAppArmor" not in _names(_plan(_spec()))


def test_bound_devices_come_from_where_they_are() -> None:
    """In a user namespace a node with another name here is bound from its own path."""
    spec = _spec(linux={"devices": (oci.Device("/dev/x", "c", 1, 5),)})
    sources = {oci.ANNOTATION_DEVICES: '{"/dev/x": "/dev/zero"}'}
    steps = _plan(replace(spec, annotations={**spec.annotations, **sources}), userns=True)
    (bound,) = [step for step in steps if isinstance(step, BindDevices)]
    assert bound.sources == (("/dev/x", "/dev/zero"),)


def test_a_writable_cgroup_is_shown_writable() -> None:
    """As a privileged container has it."""
    writable = tuple(replace(m, options=tuple(o for o in m.options if o != "ro")) for m in MOUNTS)
    for mounted, expected in ((MOUNTS, False), (writable, True)):
        steps = _plan(_spec(mounts=mounted), cgroup=CgroupView((("pids", "/x"),)))
        (shown,) = [step for step in steps if isinstance(step, MountCgroups)]
        assert shown.writable is expected
