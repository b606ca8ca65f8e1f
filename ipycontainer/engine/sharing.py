"""What a container shares with the machine or with another container, and how it is called there.

Between the user's words (model.privileges.Sharing) and the bundle's namespaces. What docker's
daemon refuses at creation `settled` refuses; a donor must run when its guest starts.
Sources: moby `daemon/{container_operations_unix,daemon_unix,oci_linux}.go`, docker 26.1.5.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace

from ipycontainer.engine.refusals import by_runtime
from ipycontainer.errors import EngineError, InvalidArgument, NoSuchContainer
from ipycontainer.model import oci
from ipycontainer.model.config import ContainerConfig
from ipycontainer.model.privileges import DEFAULT_SHM_BYTES, Privileges
from ipycontainer.model.state import ContainerRecord, Status

__all__ = [
    "NO_DONORS",
    "Donors",
    "cgroupns",
    "check_modes",
    "check_sysctls",
    "donors",
    "ipc",
    "namespaces",
    "settled",
]

Find = Callable[[str], ContainerRecord]

_DONOR = "container:"
_OWN_ANNOTATIONS = "io.ipycontainer."
_IPC_MODES = ("", "none", "private", "shareable", "host")


@dataclass(frozen=True, slots=True)
class Donors:
    """The running inits whose namespaces a container joins: (pid, start ticks) by kind."""

    inits: Mapping[str, tuple[int, int]]

    def annotations(self) -> dict[str, str]:
        """Return what the runtime is told: who they are, and whose /dev/shm is shared."""
        if not self.inits:
            return {}
        ticks = {str(pid): start for pid, start in self.inits.values()}
        shm = {oci.ANNOTATION_SHM: str(self.inits["ipc"][0])} if "ipc" in self.inits else {}
        return {oci.ANNOTATION_DONORS: json.dumps(ticks), **shm}


NO_DONORS = Donors({})


def check_modes(config: ContainerConfig) -> None:
    """Raise docker's refusal of what needs no other container to be seen as wrong."""
    sharing = config.sharing
    if not sharing.ipc.startswith(_DONOR) and sharing.ipc not in _IPC_MODES:
        raise InvalidArgument(f"invalid IPC mode: {sharing.ipc}")
    if sharing.shm_bytes < 0:
        raise InvalidArgument("SHM size can not be less than 0")


def settled(config: ContainerConfig, find: Find) -> ContainerConfig:
    """Return a config with donors by their ids and the words that docker adds itself.

    Raises InvalidArgument and NoSuchContainer in docker's words.
    """
    sharing = config.sharing
    if sharing.uts == "host" and config.hostname:
        raise InvalidArgument("conflicting options: hostname and the UTS mode")
    for name in config.annotations:
        if not name:
            raise InvalidArgument(
                "invalid Annotations: the empty string is not permitted as an annotation key"
            )
        if name.startswith(_OWN_ANNOTATIONS):
            raise InvalidArgument(f"invalid Annotations: {name} is the engine's own")
    sharing = replace(
        sharing,
        pid=_with_id(sharing.pid, find),
        ipc=_with_id(sharing.ipc, find),
        shm_bytes=sharing.shm_bytes or DEFAULT_SHM_BYTES,
    )
    return replace(config, sharing=sharing, privileges=_labelled(config))


def _with_id(mode: str, find: Find) -> str:
    name = mode.removeprefix(_DONOR) if mode.startswith(_DONOR) else ""
    return f"{_DONOR}{find(name).id}" if name else mode


def _labelled(config: ContainerConfig) -> Privileges:
    """Return the privileges with docker's own word for what SELinux could not keep apart."""
    privileges, sharing = config.privileges, config.sharing
    shares = privileges.privileged or "host" in (sharing.pid, sharing.ipc)
    if not shares or any(word.startswith("label=") for word in privileges.security_opt):
        return privileges
    return replace(privileges, security_opt=(*privileges.security_opt, "label=disable"))


def donors(config: ContainerConfig, find: Find, network: ContainerRecord | None = None) -> Donors:
    """Return the inits to join now; `network` is the container whose network is shared.

    Raises EngineError, in docker's words, where one cannot be joined.
    """
    found = {}
    if network is not None:
        found["network"] = (network.state.pid, network.state.start_ticks)
    for kind, mode in (("pid", config.sharing.pid), ("ipc", config.sharing.ipc)):
        if not mode.startswith(_DONOR):
            continue
        failed = f"failed to join {kind.upper()} namespace: "
        try:
            donor = find(mode.removeprefix(_DONOR))
        except NoSuchContainer as error:
            raise NoSuchContainer(f"{failed}{error.message}", hint=error.hint) from None
        failed += f"container {donor.id}"
        state = donor.state
        if not state.status.alive or state.status is Status.RESTARTING or not state.pid:
            raise EngineError(f"{failed} is not running")
        if kind == "ipc" and ipc(donor.config) not in ("shareable", "host"):
            raise EngineError(
                f"{failed}: non-shareable IPC (hint: use IpcMode:shareable for the donor container)"
            )
        found[kind] = (state.pid, state.start_ticks)
    return Donors(found)


def ipc(config: ContainerConfig) -> str:
    """Return the mode of the IPC namespace, docker's default where none was given."""
    return config.sharing.ipc or "private"


def cgroupns(config: ContainerConfig, *, unified: bool) -> str:
    """Return the mode of the cgroup namespace: docker's default depends on the version."""
    if config.sharing.cgroupns:
        return config.sharing.cgroupns
    return "private" if unified else "host"


def namespaces(config: ContainerConfig, joined: Donors, *, unified: bool) -> dict[str, str]:
    """Return the kinds of namespaces that are not the host's, each with a path to join or "".

    That of the network is another's business.
    """
    wanted = {"mount": "", "pid": "", "uts": "", "ipc": ""}
    sharing = config.sharing
    if cgroupns(config, unified=unified) == "private":
        wanted["cgroup"] = ""
    for kind, mode in (("pid", sharing.pid), ("uts", sharing.uts), ("ipc", sharing.ipc)):
        if mode == "host":
            del wanted[kind]
    for kind, (pid, _) in joined.inits.items():
        if kind in wanted:
            wanted[kind] = f"/proc/{pid}/ns/{kind}"
    return wanted


def check_sysctls(config: ContainerConfig) -> None:
    """Refuse, as runc does, a parameter of a namespace that is the machine's own."""
    for name in config.sharing.sysctls:
        if name.startswith("net."):
            if config.network == "host":
                raise by_runtime(f'sysctl "{name}" not allowed in host network namespace')
        elif config.sharing.ipc == "host":
            raise by_runtime(f'sysctl "{name}" is not allowed in the hosts ipc namespace')
    if config.sharing.domainname and config.sharing.uts == "host":
        raise by_runtime('sysctl "kernel.domainname" is not in a separate kernel namespace')
