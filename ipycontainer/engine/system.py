"""The facts of `version` and `info`, and the end of a home."""

from __future__ import annotations

import os
import platform
import shutil
import signal
import socket
import threading
import time
import uuid
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ipycontainer.engine import capacity
from ipycontainer.engine.api_version import API_VERSION, MIN_API_VERSION
from ipycontainer.engine.capacity import Capacity
from ipycontainer.engine.waiting import ready
from ipycontainer.errors import EngineError, HomeDamaged
from ipycontainer.linux import cgroups
from ipycontainer.model.state import Status
from ipycontainer.model.units import rfc3339nano
from ipycontainer.network import outside
from ipycontainer.runtime import reaper
from ipycontainer.store import containers as store_containers
from ipycontainer.store import images as store_images
from ipycontainer.store import liveness, places
from ipycontainer.version import __version__

if TYPE_CHECKING:
    from ipycontainer.engine.engine import Engine

__all__ = ["info", "reset", "version"]

_NO_COMMIT = {"ID": "", "Expected": ""}  # no such programs stand behind this engine

ARCHITECTURES = {"x86_64": "amd64", "aarch64": "arm64"}

END_SECONDS = 10  # for a monitor that was killed


def version() -> dict[str, Any]:
    """Return docker's `version` object of a server."""
    architecture = ARCHITECTURES.get(platform.machine(), platform.machine())
    return {
        "Platform": {"Name": "ipycontainer"},
        "Components": [
            {
                "Name": "Engine",
                "Version": __version__,
                "Details": {
                    "ApiVersion": API_VERSION,
                    "Arch": architecture,
                    "KernelVersion": platform.release(),
                    "MinAPIVersion": MIN_API_VERSION,
                    "Os": "linux",
                    "PythonVersion": platform.python_version(),
                },
            }
        ],
        "Version": __version__,
        "ApiVersion": API_VERSION,
        "MinAPIVersion": MIN_API_VERSION,
        "PythonVersion": platform.python_version(),
        "Os": "linux",
        "Arch": architecture,
        "KernelVersion": platform.release(),
    }


def info(engine: Engine) -> dict[str, Any]:
    """Return docker's `info` object, as far as it means something here."""
    with engine.store.read() as tx:
        states = [record.state.status for record in store_containers.list_all(tx)]
        images = sum(bool(each.manifest) for each in store_images.list_all(tx))  # not `host`
    hierarchies, able = cgroups.detect(), capacity.of(engine)
    running = sum(status.alive for status in states)
    paused = states.count(Status.PAUSED)
    security = ["name=seccomp,profile=builtin"]
    if hierarchies.version == "v2":
        security.append("name=cgroupns")
    if engine.home.rootless:
        security.append("name=rootless")
    return {
        "ID": str(uuid.uuid5(uuid.NAMESPACE_URL, str(engine.home.root))),
        "Containers": len(states),
        "ContainersRunning": running - paused,
        "ContainersPaused": paused,
        "ContainersStopped": len(states) - running,
        "Images": images,
        "Driver": engine.driver.name,
        "DriverStatus": [
            ["Chosen because", engine.driver.reason],
            ["Backing Filesystem", places.file_system(engine.home.root)],
            ["userxattr", str(engine.home.rootless).lower()],
        ],
        "Plugins": {
            "Volume": ["local"],
            "Network": ["bridge", "host", "null"],
            "Authorization": None,
            "Log": ["json-file", "local"],
        },
        **_limits(able),
        "IPv4Forwarding": _is_on("ipv4/ip_forward"),
        "BridgeNfIptables": _is_on("bridge/bridge-nf-call-iptables"),
        "BridgeNfIp6tables": _is_on("bridge/bridge-nf-call-ip6tables"),
        "Debug": False,
        "NFd": len(os.listdir("/proc/self/fd")),
        "NGoroutines": threading.active_count(),
        "LoggingDriver": "json-file",
        "CgroupDriver": "cgroupfs" if able.able else "none",
        "CgroupVersion": "1" if hierarchies.is_v1 else "2",
        "NetworkWayOut": outside.described(rootless=engine.home.rootless),
        "SystemTime": rfc3339nano(time.time_ns()),
        "KernelVersion": platform.release(),
        "OperatingSystem": _release("PRETTY_NAME", "Linux"),
        "OSVersion": _release("VERSION_ID", ""),
        "OSType": "linux",
        "Architecture": platform.machine(),
        "IndexServerAddress": "https://index.docker.io/v1/",
        "RegistryConfig": {
            "AllowNondistributableArtifactsCIDRs": None,
            "AllowNondistributableArtifactsHostnames": None,
            "InsecureRegistryCIDRs": ["127.0.0.0/8"],
            "IndexConfigs": {
                "docker.io": {"Name": "docker.io", "Mirrors": [], "Secure": True, "Official": True}
            },
            "Mirrors": None,
        },
        "NCPU": len(os.sched_getaffinity(0)),
        "MemTotal": os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES"),
        "GenericResources": None,
        "DockerRootDir": str(engine.home.root),
        "HttpProxy": _proxy("HTTP_PROXY"),
        "HttpsProxy": _proxy("HTTPS_PROXY"),
        "NoProxy": _proxy("NO_PROXY"),
        "Name": socket.gethostname(),
        "Labels": [],
        "ExperimentalBuild": False,
        "ServerVersion": __version__,
        "Runtimes": {"ipycontainer": {"path": "python -m ipycontainer.runtime"}},
        "DefaultRuntime": "ipycontainer",
        "Swarm": {
            "NodeID": "",
            "NodeAddr": "",
            "LocalNodeState": "inactive",
            "ControlAvailable": False,
            "Error": "",
            "RemoteManagers": None,
        },
        "LiveRestoreEnabled": True,  # a container needs its monitor, and no kernel
        "Isolation": "",
        # no file: our own interpreter runs it, under this name inside
        "InitBinary": reaper.TITLE.decode(),
        **dict.fromkeys(("ContainerdCommit", "RuncCommit", "InitCommit"), _NO_COMMIT),
        "SecurityOptions": security,
        "DefaultAddressPools": None,
        "CDISpecDirs": [],
        "Warnings": [engine.home.note] if engine.home.note else None,
    }


def _limits(able: Capacity) -> dict[str, bool]:
    """Return which limits containers can be given here, by docker's names."""
    return {
        "MemoryLimit": "memory" in able,
        "SwapLimit": "swap" in able,
        "CpuCfsPeriod": "quota" in able,
        "CpuCfsQuota": "quota" in able,
        "CPUShares": "shares" in able,
        "CPUSet": "cpuset" in able,
        "PidsLimit": "pids" in able,
        "OomKillDisable": "oom_kill_disable" in able,
    }


def _is_on(name: str) -> bool:
    """Tell whether a switch of the kernel's network is on; one that is missing is off."""
    try:
        with open(f"/proc/sys/net/{name}", encoding="ascii") as file:
            return file.read().strip() == "1"
    except OSError:
        return False


def _release(key: str, otherwise: str) -> str:
    try:
        return platform.freedesktop_os_release().get(key, otherwise)
    except OSError:
        return otherwise


def _proxy(name: str) -> str:
    """Return a proxy of the environment, with its user and password made unreadable, as in docker.

    Source: moby `daemon/info.go`, which prints what Go's url.URL makes of `xxxxx:xxxxx`.
    """
    found = os.environ.get(name) or os.environ.get(name.lower(), "")
    scheme, there, rest = found.partition("://")
    place, slash, path = (rest if there else scheme).partition("/")
    if "@" not in place:
        return found
    return f"{scheme + there if there else ''}xxxxx:xxxxx@{place.rpartition('@')[2]}{slash}{path}"


def _end_holder(lock: Path) -> None:
    """Kill the monitor that holds a lock, and with it its container; wait until it has ended."""
    pid = liveness.holder(lock)
    if pid is None:
        return
    with suppress(ProcessLookupError):
        process = os.pidfd_open(pid)
        try:
            if liveness.holder(lock) == pid:  # still: the number was not given to another process
                signal.pidfd_send_signal(process, signal.SIGKILL)
                ready(process, END_SECONDS)
        finally:
            os.close(process)


def reset(engine: Engine) -> None:
    """End every container, remove all that the home holds, and the home itself.

    Where the database cannot be read, or knows nothing of a container that runs, its monitor is
    found by the lock that it holds.
    """
    try:
        engine.settle()
        for container in engine.containers.list(all=True):
            with suppress(EngineError):
                container.remove(force=True)
    except HomeDamaged:
        engine.store.close()
        for end in ("", "-wal", "-shm"):
            engine.home.database.with_name(f"{engine.home.database.name}{end}").unlink(
                missing_ok=True
            )
    for lock in liveness.monitor_locks(engine.home.runtime):
        _end_holder(lock)
    engine.supervisor.work("empty", {})
    engine.supervisor.quit()
    engine.store.close()
    shutil.rmtree(engine.home.root, ignore_errors=True)
    shutil.rmtree(engine.home.runtime, ignore_errors=True)
    with suppress(OSError):
        path = f"/{engine.home.cgroup}"
        cgroups.locate(cgroups.detect(), path, cgroups.ON_DEMAND_V1).remove()
