"""`spec` and `features`: a first config.json, and what this runtime can do."""

from __future__ import annotations

import argparse
import json
import os
from pathlib import Path
from typing import Any

from ipycontainer.errors import Conflict
from ipycontainer.linux import capabilities, memory_policy, namespaces
from ipycontainer.model import oci_json
from ipycontainer.runtime import seccomp
from ipycontainer.runtime.command_line.report import Log
from ipycontainer.runtime.defaults import PATH
from ipycontainer.runtime.options import known_options
from ipycontainer.runtime.state import StateDir
from ipycontainer.version import __version__

__all__ = ["features", "spec"]

_CAPABILITIES = ["CAP_AUDIT_WRITE", "CAP_KILL", "CAP_NET_BIND_SERVICE"]
_QUIET = ["nosuid", "noexec", "nodev"]
_MASKED = (
    *("/proc/acpi", "/proc/asound", "/proc/kcore", "/proc/keys", "/proc/latency_stats"),
    *("/proc/timer_list", "/proc/timer_stats", "/proc/sched_debug", "/sys/firmware", "/proc/scsi"),
)
_READ_ONLY = ("/proc/bus", "/proc/fs", "/proc/irq", "/proc/sys", "/proc/sysrq-trigger")
_HOOKS = ("prestart", "createRuntime", "createContainer", "startContainer", "poststart", "poststop")


def spec(options: argparse.Namespace, states: StateDir, log: Log) -> int:
    """Write config.json as `runc spec` does; one that is there stays (Conflict)."""
    path = Path(options.bundle or ".", "config.json")
    if path.exists():
        raise Conflict(f"File {path.name} exists. Remove it first")
    text = json.dumps(_rootless(_example()) if options.rootless else _example(), indent="\t")
    path.write_text(text, encoding="utf-8")
    return 0


def _mount(target: str, kind: str, source: str, *options: str) -> dict[str, Any]:
    found: dict[str, Any] = {"destination": target, "type": kind, "source": source}
    return {**found, "options": list(options)} if options else found


def _example() -> dict[str, Any]:
    return {
        "ociVersion": oci_json.OCI_VERSION,
        "process": {
            "terminal": True,
            "user": {"uid": 0, "gid": 0},
            "args": ["sh"],
            "env": [f"PATH={PATH}", "TERM=xterm"],
            "cwd": "/",
            "capabilities": dict.fromkeys(
                ("bounding", "effective", "permitted", "ambient"), _CAPABILITIES
            ),
            "rlimits": [{"type": "RLIMIT_NOFILE", "hard": 1024, "soft": 1024}],
            "noNewPrivileges": True,
        },
        "root": {"path": "rootfs", "readonly": True},
        "hostname": "runc",
        "mounts": [
            _mount("/proc", "proc", "proc"),
            _mount("/dev", "tmpfs", "tmpfs", "nosuid", "strictatime", "mode=755", "size=65536k"),
            _mount(
                *("/dev/pts", "devpts", "devpts", "nosuid", "noexec", "newinstance"),
                *("ptmxmode=0666", "mode=0620", "gid=5"),
            ),
            _mount("/dev/shm", "tmpfs", "shm", *_QUIET, "mode=1777", "size=65536k"),
            _mount("/dev/mqueue", "mqueue", "mqueue", *_QUIET),
            _mount("/sys", "sysfs", "sysfs", *_QUIET, "ro"),
            _mount("/sys/fs/cgroup", "cgroup", "cgroup", *_QUIET, "relatime", "ro"),
        ],
        "linux": {
            "resources": {"devices": [{"allow": False, "access": "rwm"}]},
            "namespaces": [{"type": kind} for kind in ("pid", "network", "ipc", "uts", "mount")],
            "maskedPaths": list(_MASKED),
            "readonlyPaths": list(_READ_ONLY),
        },
    }


def _rootless(config: dict[str, Any]) -> dict[str, Any]:
    """Change an example so that an ordinary user can run it, with one id and the host's network."""
    for mount in config["mounts"]:
        if mount["destination"] == "/sys":
            mount |= _mount("/sys", "none", "/sys", "rbind", *_QUIET, "ro")
        elif "options" in mount:
            mount["options"] = [
                word for word in mount["options"] if not word.startswith(("gid=", "uid="))
            ]
    linux = config["linux"]
    del linux["resources"]
    kinds = [each for each in linux["namespaces"] if each["type"] != "network"]
    linux["namespaces"] = [*kinds, {"type": "user"}]
    config["linux"] = {
        key: [{"containerID": 0, "hostID": own, "size": 1}]
        for key, own in (("uidMappings", os.geteuid()), ("gidMappings", os.getegid()))
    } | linux
    return config


def features(options: argparse.Namespace, states: StateDir, log: Log) -> int:
    """Print what this runtime knows, as the runtime-spec's features.md has it."""
    found = {
        "ociVersionMin": "1.0.0",
        "ociVersionMax": oci_json.OCI_VERSION,
        "hooks": list(_HOOKS),
        "mountOptions": list(known_options()),
        "linux": {
            "namespaces": sorted(namespaces.FLAGS),
            "capabilities": list(capabilities.NAMES[: capabilities.last() + 1]),
            "cgroup": {"v1": True, "v2": True, "systemd": False, "systemdUser": False},
            "seccomp": {
                "enabled": True,
                "actions": sorted(seccomp.ACTIONS),
                "operators": sorted(f"SCMP_CMP_{name}" for name in seccomp.OPERATORS),
                "archs": list(seccomp.architectures()),
                "knownFlags": sorted(seccomp.FLAGS),
                "supportedFlags": sorted(seccomp.FLAGS),
            },
            "apparmor": {"enabled": True},
            "selinux": {"enabled": False},
            "intelRdt": {"enabled": False},
            "mountExtensions": {"idmap": {"enabled": True}},
            "netDevices": {"enabled": True},
            "memoryPolicy": {
                "modes": sorted(memory_policy.MODES),
                "flags": sorted(memory_policy.FLAGS),
            },
        },
        "annotations": {"io.ipycontainer.version": __version__},
        "potentiallyUnsafeConfigAnnotations": ["io.ipycontainer."],
    }
    print(json.dumps(found, indent=4))
    return 0
