"""Docker's defaults as data: what the engine builds a bundle from when the user says nothing.

Sources: moby `daemon/pkg/oci/defaults.go` and `caps/defaults.go` of 2026-08 (tighter in its masks
than 26.1.5), the runtime-spec's default devices, and what runc 1.1.15 puts into `devices.list`.
Imports model only.
"""

from __future__ import annotations

import os
from dataclasses import replace

from ipycontainer.model.oci import Capabilities, Device, DeviceRule, Mount, Rlimit

__all__ = [
    "CAPABILITIES",
    "DEVICES",
    "DEVICE_LINKS",
    "DEVICE_RULES",
    "ETC_FILES",
    "MASKED_PATHS",
    "PATH",
    "READONLY_PATHS",
    "RLIMITS",
    "capabilities",
    "masked_paths",
    "mounts",
    "sysctls",
]

# Below /etc the engine's own, in each container's directory: written anew at each start.
ETC_FILES = ("resolv.conf", "hostname", "hosts")

PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"

# mask 0xa80425fb
CAPABILITIES = (
    "CAP_CHOWN",
    "CAP_DAC_OVERRIDE",
    "CAP_FSETID",
    "CAP_FOWNER",
    "CAP_MKNOD",
    "CAP_NET_RAW",
    "CAP_SETGID",
    "CAP_SETUID",
    "CAP_SETFCAP",
    "CAP_SETPCAP",
    "CAP_NET_BIND_SERVICE",
    "CAP_SYS_CHROOT",
    "CAP_KILL",
    "CAP_AUDIT_WRITE",
)

# In docker's order, which `inspect` shows.
MASKED_PATHS = (
    "/proc/asound",
    "/proc/acpi",
    "/proc/interrupts",
    "/proc/kcore",
    "/proc/keys",
    "/proc/latency_stats",
    "/proc/timer_list",
    "/proc/timer_stats",
    "/proc/sched_debug",
    "/proc/scsi",
    "/sys/firmware",
    "/sys/devices/virtual/powercap",
)

READONLY_PATHS = ("/proc/bus", "/proc/fs", "/proc/irq", "/proc/sys", "/proc/sysrq-trigger")

DEVICES = (
    Device("/dev/null", "c", 1, 3),
    Device("/dev/zero", "c", 1, 5),
    Device("/dev/full", "c", 1, 7),
    Device("/dev/random", "c", 1, 8),
    Device("/dev/urandom", "c", 1, 9),
    Device("/dev/tty", "c", 5, 0),
)

# (name in /dev, where it points)
DEVICE_LINKS = (
    ("fd", "/proc/self/fd"),
    ("stdin", "/proc/self/fd/0"),
    ("stdout", "/proc/self/fd/1"),
    ("stderr", "/proc/self/fd/2"),
    ("ptmx", "pts/ptmx"),
    *((("core", "/proc/kcore"),) if os.path.exists("/proc/kcore") else ()),
)

DEVICE_RULES = (
    DeviceRule(allow=False),
    DeviceRule(True, "b", None, None, "m"),
    DeviceRule(True, "c", None, None, "m"),
    DeviceRule(True, "c", 1, 3),
    DeviceRule(True, "c", 1, 5),
    DeviceRule(True, "c", 1, 7),
    DeviceRule(True, "c", 1, 8),
    DeviceRule(True, "c", 1, 9),
    DeviceRule(True, "c", 5, 0),
    DeviceRule(True, "c", 5, 1),  # console
    DeviceRule(True, "c", 5, 2),  # ptmx
    DeviceRule(True, "c", 10, 200),  # net/tun
    DeviceRule(True, "c", 136, None),  # pseudo-terminals
)

# A container must not inherit the limit of whatever started the engine; init takes its own hard
# limit where that is lower.
RLIMITS = (Rlimit("RLIMIT_NOFILE", 1048576, 1048576),)

_MOUNTS = (
    Mount("/proc", "proc", "proc", ("nosuid", "noexec", "nodev")),
    Mount("/dev", "tmpfs", "tmpfs", ("nosuid", "strictatime", "mode=755", "size=65536k")),
    Mount(
        "/dev/pts",
        "devpts",
        "devpts",
        ("nosuid", "noexec", "newinstance", "ptmxmode=0666", "mode=0620", "gid=5"),
    ),
    Mount("/sys", "sysfs", "sysfs", ("nosuid", "noexec", "nodev", "ro")),
    Mount("/sys/fs/cgroup", "cgroup", "cgroup", ("ro", "nosuid", "noexec", "nodev")),
    Mount("/dev/mqueue", "mqueue", "mqueue", ("nosuid", "noexec", "nodev")),
    Mount("/dev/shm", "tmpfs", "shm", ("nosuid", "noexec", "nodev", "mode=1777", "size=67108864")),
)

_CPUS = "/sys/devices/system/cpu"


def capabilities(names: tuple[str, ...] = CAPABILITIES) -> Capabilities:
    """Return the five sets as docker fills them.

    Inheritable and ambient stay empty (CVE-2022-24769).
    """
    return Capabilities(bounding=names, effective=names, permitted=names)


def masked_paths() -> tuple[str, ...]:
    """Return the masked paths of this machine: those of every CPU's throttling included."""
    try:
        cpus = sorted(name for name in os.listdir(_CPUS) if name[3:].isdecimal())
    except OSError:
        cpus = []
    throttles = (f"{_CPUS}/{name}/thermal_throttle" for name in cpus)
    return (*MASKED_PATHS, *(path for path in throttles if os.path.isdir(path)))


def mounts(
    *, shm_bytes: int | None = None, own_shm: bool = True, writable: bool = False
) -> tuple[Mount, ...]:
    """Return docker's mounts in docker's order. A read-only root changes none of them.

    `shm_bytes` is the size of /dev/shm, which is left out without `own_shm`; `writable` opens /sys
    and the cgroups, as for a privileged container.
    """
    if shm_bytes is None and own_shm and not writable:
        return _MOUNTS
    return tuple(
        _changed(mount, shm_bytes, writable=writable)
        for mount in _MOUNTS
        if own_shm or mount.destination != "/dev/shm"
    )


def _changed(mount: Mount, shm_bytes: int | None, *, writable: bool) -> Mount:
    words = mount.options
    if writable:
        words = tuple(word for word in words if word != "ro")
    if shm_bytes is not None and mount.source == "shm":
        words = (*words[:-1], f"size={shm_bytes}")
    return replace(mount, options=words)


def sysctls(*, userns: bool) -> dict[str, str]:
    """Return the parameters of a private network namespace: any user may open port 80, and ping.

    Ping only outside a user namespace, which maps too few groups for docker's range (EINVAL).
    """
    found = {"net.ipv4.ip_unprivileged_port_start": "0"}
    if not userns:
        found["net.ipv4.ping_group_range"] = "0 2147483647"
    return found
