"""The facts of `version` and `info`, and the end of a home."""

from __future__ import annotations

import os
import platform
import shutil
import socket
import time
import uuid
from contextlib import suppress
from typing import TYPE_CHECKING, Any

from ipycontainer.engine import capacity
from ipycontainer.engine.api_version import API_VERSION, MIN_API_VERSION
from ipycontainer.errors import EngineError
from ipycontainer.linux import cgroups
from ipycontainer.model.state import Status
from ipycontainer.network import outside
from ipycontainer.store import containers as store_containers
from ipycontainer.store import images as store_images
from ipycontainer.store import places
from ipycontainer.version import __version__

if TYPE_CHECKING:
    from ipycontainer.engine.engine import Engine

__all__ = ["info", "reset", "version"]

ARCHITECTURES = {"x86_64": "amd64", "aarch64": "arm64"}


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
        images = len(store_images.list_all(tx))
    hierarchies = cgroups.detect()
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
        **_limits(hierarchies),
        "IPv4Forwarding": _forwards(),
        "Debug": False,
        "LoggingDriver": "json-file",
        "CgroupDriver": "cgroupfs" if capacity.of(engine).able else "none",
        "CgroupVersion": "1" if hierarchies.is_v1 else "2",
        "NetworkWayOut": outside.described(rootless=engine.home.rootless),
        "SystemTime": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()),
        "KernelVersion": platform.release(),
        "OperatingSystem": platform.freedesktop_os_release().get("PRETTY_NAME", "Linux")
        if os.path.exists("/etc/os-release")
        else "Linux",
        "OSType": "linux",
        "Architecture": platform.machine(),
        "IndexServerAddress": "https://index.docker.io/v1/",
        "RegistryConfig": {"InsecureRegistryCIDRs": ["127.0.0.0/8"], "Mirrors": None},
        "NCPU": len(os.sched_getaffinity(0)),
        "MemTotal": os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES"),
        "DockerRootDir": str(engine.home.root),
        "HttpProxy": _variable("HTTP_PROXY"),
        "HttpsProxy": _variable("HTTPS_PROXY"),
        "NoProxy": _variable("NO_PROXY"),
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
        },
        "LiveRestoreEnabled": True,  # a container needs its monitor, and no kernel
        "Isolation": "",
        "InitBinary": "ipycontainer-init",
        "SecurityOptions": security,
        "Warnings": [engine.home.note] if engine.home.note else None,
    }


def _limits(hierarchies: cgroups.Hierarchies) -> dict[str, bool]:
    """Return which limits the machine's kernel has, by docker's names."""
    there = hierarchies.controllers
    memory, cpu = "memory" in there, "cpu" in there
    return {
        "MemoryLimit": memory,
        "SwapLimit": memory,
        "CpuCfsPeriod": cpu,
        "CpuCfsQuota": cpu,
        "CPUShares": cpu,
        "CPUSet": "cpuset" in there,
        "PidsLimit": "pids" in there,
        "OomKillDisable": memory and hierarchies.is_v1,
    }


def _forwards() -> bool:
    try:
        with open("/proc/sys/net/ipv4/ip_forward", encoding="ascii") as file:
            return file.read().strip() == "1"
    except OSError:
        return False


def _variable(name: str) -> str:
    return os.environ.get(name) or os.environ.get(name.lower(), "")


def reset(engine: Engine) -> None:
    """End every container, remove all that the home holds, and the home itself."""
    engine.settle()
    for container in engine.containers.list(all=True):
        with suppress(EngineError):
            container.remove(force=True)
    engine.supervisor.work("empty", {})
    engine.supervisor.quit()
    engine.store.close()
    shutil.rmtree(engine.home.root, ignore_errors=True)
    shutil.rmtree(engine.home.runtime, ignore_errors=True)
    with suppress(OSError):
        path = f"/{engine.home.cgroup}"
        cgroups.locate(cgroups.detect(), path, cgroups.ON_DEMAND_V1).remove()
