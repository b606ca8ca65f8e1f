"""The OCI runtime-spec's `config.json` as frozen records: the border between engine and runtime.

Names follow the specification (runtime-spec 1.3, `config.md` and `config-linux.md`) in snake case.
What OCI cannot say stands in annotations `io.ipycontainer.*`, listed at the top. Fields that the
runtime does not carry out are not modelled: `oci_json` refuses them by name, never drops them.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from ipycontainer.model.hooks import Hooks
from ipycontainer.model.resources import Resources

__all__ = [
    "ANNOTATION_DEVICES",
    "ANNOTATION_DONORS",
    "ANNOTATION_GROUPS",
    "ANNOTATION_INIT",
    "ANNOTATION_INTERFACES",
    "ANNOTATION_NETWORKS",
    "ANNOTATION_OVERLAYS",
    "ANNOTATION_SECCOMP",
    "ANNOTATION_SHM",
    "ANNOTATION_USER",
    "ANNOTATION_VOLUMES",
    "BY_BIND",
    "BY_PARENT",
    "Capabilities",
    "Device",
    "DeviceRule",
    "ExecAffinity",
    "IdMapping",
    "Linux",
    "MemoryPolicy",
    "Mount",
    "Process",
    "Rlimit",
    "Root",
    "Scheduler",
    "Spec",
    "User",
]

# JSON list of {"target", "lowers": [...], "upper", "work", "userxattr": bool}, in mount order; the
# first one's target is "/". With "by" it is no overlay of the kernel's: "bind" takes the upper
# directory as it is, "parent" what the parent mounts and hands to init (one word for all of them).
# Without the annotation, root.path is a ready tree (another engine's bundle).
ANNOTATION_OVERLAYS = "io.ipycontainer.overlays"
BY_BIND, BY_PARENT = "bind", "parent"
# `U[:G]` by name or number, looked up by init in the container's own /etc/passwd and /etc/group.
ANNOTATION_USER = "io.ipycontainer.user"
# JSON list of further groups, by name or number.
ANNOTATION_GROUPS = "io.ipycontainer.groups"
# "default": docker's default profile, which the runtime has itself, for docker's default
# capabilities, compiled once; "capabilities": the same for those of the bundle; else a digest under
# which the compiled form of linux.seccomp is kept.
ANNOTATION_SECCOMP = "io.ipycontainer.seccomp"
# JSON object: the path of a device node inside -> its path here, where they differ. In a user
# namespace nodes are bound, not made.
ANNOTATION_DEVICES = "io.ipycontainer.devices"
# JSON object: the pid of each process whose namespaces are joined by path -> its start time, in
# ticks (field 22 of /proc/PID/stat), so that a pid that was given anew is not joined.
ANNOTATION_DONORS = "io.ipycontainer.donors"
# The pid of the process whose /dev/shm is shown as ours; it stands in ANNOTATION_DONORS, too.
ANNOTATION_SHM = "io.ipycontainer.shm"
# "true": a small init of ours stays PID 1, forwards signals and reaps (`--init`).
ANNOTATION_INIT = "io.ipycontainer.init"
# The engine's monitor puts interfaces into the network namespace during the start. JSON object of
# what else it does for the container: "ports" (list of PortBinding), "publish" (where they are
# bound that name no address), "servers" (whom its resolver asks; without it there is none), "name".
ANNOTATION_NETWORKS = "io.ipycontainer.networks"
# JSON object: "interfaces", a list of {"name", "addresses": ["A/PREFIX"], "gateways": [...]} that
# the parent's `connect` has put there and init configures; "resolver", whether init opens one.
# Known at the start only, so that it stands in no file.
ANNOTATION_INTERFACES = "io.ipycontainer.interfaces"
# JSON list of volumes that are mounted in the engine's own namespace before the start: there is no
# sandbox from before, and who ends the container unmounts them.
ANNOTATION_VOLUMES = "io.ipycontainer.volumes"


@dataclass(frozen=True, slots=True)
class User:
    """Numeric ids of a process; names travel in ANNOTATION_USER."""

    uid: int = 0
    gid: int = 0
    additional_gids: tuple[int, ...] = ()
    umask: int | None = None


@dataclass(frozen=True, slots=True)
class Capabilities:
    """Five sets of capability names (`CAP_CHOWN`)."""

    bounding: tuple[str, ...] = ()
    effective: tuple[str, ...] = ()
    permitted: tuple[str, ...] = ()
    inheritable: tuple[str, ...] = ()
    ambient: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Rlimit:
    """A resource limit: `type` is `RLIMIT_NOFILE` and its kin."""

    type: str
    soft: int
    hard: int


@dataclass(frozen=True, slots=True)
class Scheduler:
    """How the kernel runs a program: `policy` is `SCHED_OTHER` and its kin, flags go by name.

    `runtime`, `deadline` and `period` are nanoseconds, of SCHED_DEADLINE.
    """

    policy: str
    nice: int = 0
    priority: int = 0
    flags: tuple[str, ...] = ()
    runtime: int = 0
    deadline: int = 0
    period: int = 0


@dataclass(frozen=True, slots=True)
class ExecAffinity:
    """On which processors what is executed later runs: `initial` until it is in the cgroup.

    Lists as the kernel has them (`0-3,7`), "" for no change.
    """

    initial: str = ""
    final: str = ""


@dataclass(frozen=True, slots=True)
class Process:
    """What to execute, as whom and with which rights.

    `console_size` is that of the terminal in rows and columns, (0, 0) for none in particular;
    `io_priority` a class (`IOPRIO_CLASS_BE`) and a number.
    """

    args: tuple[str, ...]
    env: tuple[str, ...] = ()
    cwd: str = "/"
    user: User = field(default_factory=User)
    terminal: bool = False
    console_size: tuple[int, int] = (0, 0)
    capabilities: Capabilities = field(default_factory=Capabilities)
    rlimits: tuple[Rlimit, ...] = ()
    no_new_privileges: bool = False
    oom_score_adj: int | None = None
    apparmor_profile: str = ""
    selinux_label: str = ""
    scheduler: Scheduler | None = None
    io_priority: tuple[str, int] | None = None
    exec_affinity: ExecAffinity = field(default_factory=ExecAffinity)


@dataclass(frozen=True, slots=True)
class Root:
    """The root directory: `path` is relative to the bundle or absolute."""

    path: str = "rootfs"
    readonly: bool = False


@dataclass(frozen=True, slots=True)
class IdMapping:
    """A line of a new user namespace's map.

    `size` ids from `host_id` on are `container_id` and its followers inside.
    """

    container_id: int
    host_id: int
    size: int


@dataclass(frozen=True, slots=True)
class Mount:
    """One mount, in mount(8)'s words. The mappings are for its files' owners, () for none."""

    destination: str
    type: str = ""
    source: str = ""
    options: tuple[str, ...] = ()
    uid_mappings: tuple[IdMapping, ...] = ()
    gid_mappings: tuple[IdMapping, ...] = ()


@dataclass(frozen=True, slots=True)
class Device:
    """A device node to make; `type` is c, b or p."""

    path: str
    type: str
    major: int
    minor: int
    file_mode: int = 0o666
    uid: int = 0
    gid: int = 0


@dataclass(frozen=True, slots=True)
class DeviceRule:
    """A rule of the device cgroup; None stands for `*`."""

    allow: bool
    type: str = "a"
    major: int | None = None
    minor: int | None = None
    access: str = "rwm"


@dataclass(frozen=True, slots=True)
class MemoryPolicy:
    """From which memory nodes a program gets its pages: `mode` is `MPOL_BIND` and its kin."""

    mode: str
    nodes: str = ""
    flags: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Linux:
    """The Linux part. `namespaces` maps OCI's type to a path to join, or "" for a new one.

    `seccomp` is the profile in OCI's resolved form, None for no filter. `cgroups_path` names the
    container's cgroup below each controller's mount; `resources` are its limits, None for none.
    `time_offsets` maps a clock to the (seconds, nanoseconds) by which it is ahead of the machine's.
    `net_devices` maps an interface of the caller's network namespace, which is moved into the
    container's, to its name there.
    """

    namespaces: Mapping[str, str] = field(default_factory=dict)
    cgroups_path: str = ""
    devices: tuple[Device, ...] = ()
    device_rules: tuple[DeviceRule, ...] = ()
    resources: Resources | None = None
    masked_paths: tuple[str, ...] = ()
    readonly_paths: tuple[str, ...] = ()
    rootfs_propagation: str = ""
    sysctl: Mapping[str, str] = field(default_factory=dict)
    seccomp: Mapping[str, Any] | None = None
    personality: str = ""
    uid_mappings: tuple[IdMapping, ...] = ()
    gid_mappings: tuple[IdMapping, ...] = ()
    time_offsets: Mapping[str, tuple[int, int]] = field(default_factory=dict)
    memory_policy: MemoryPolicy | None = None
    net_devices: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Spec:
    """A whole `config.json`."""

    process: Process
    root: Root = field(default_factory=Root)
    hostname: str = ""
    domainname: str = ""
    mounts: tuple[Mount, ...] = ()
    linux: Linux = field(default_factory=Linux)
    hooks: Hooks = field(default_factory=Hooks)
    annotations: Mapping[str, str] = field(default_factory=dict)
