"""Which namespaces a container joins, and what docker refuses of it."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from ipycontainer.engine import sharing
from ipycontainer.errors import EngineError, InvalidArgument, NoSuchContainer
from ipycontainer.model import oci
from ipycontainer.model.config import ContainerConfig
from ipycontainer.model.privileges import Privileges, Sharing
from ipycontainer.model.state import ContainerRecord, ContainerState, Status

DONOR = "d0" * 32


def config(network: str = "none", **words: Any) -> ContainerConfig:
    """Return a container's config with these words about its namespaces."""
    return ContainerConfig("busybox", network=network, sharing=Sharing(**words))


def donor(status: Status = Status.RUNNING, **words: Any) -> ContainerRecord:
    """Return another container."""
    state = ContainerState(status, pid=42 if status.alive else 0, start_ticks=7)
    return ContainerRecord(DONOR, "donor", "sha256:0", 1, config(**words), state)


def unknown(name: str) -> ContainerRecord:
    """Find nobody."""
    raise NoSuchContainer(f"No such container: {name}")


@pytest.mark.parametrize(
    ("asked", "words"),
    [
        (
            replace(config(uts="host"), hostname="x"),
            "conflicting options: hostname and the UTS mode",
        ),
        (
            replace(config(), annotations={"": "x"}),
            "invalid Annotations: the empty string is not permitted as an annotation key",
        ),
        (
            replace(config(), annotations={"io.ipycontainer.overlays": "[]"}),
            "invalid Annotations: io.ipycontainer.overlays is the engine's own",
        ),
    ],
)
def test_what_is_refused_at_creation(asked: ContainerConfig, words: str) -> None:
    """In docker's words; an annotation cannot stand in for the engine's own."""
    with pytest.raises(InvalidArgument) as error:
        sharing.settled(asked, unknown)
    assert error.value.message == words


@pytest.mark.parametrize(
    ("asked", "words"),
    [
        (config(ipc="foo"), "invalid IPC mode: foo"),
        (config(ipc="private:x"), "invalid IPC mode: private:x"),
        (config(shm_bytes=-1), "SHM size can not be less than 0"),
    ],
)
def test_what_is_refused_before_the_image_is_known(asked: ContainerConfig, words: str) -> None:
    """In docker's words, without a look at other containers."""
    with pytest.raises(InvalidArgument) as error:
        sharing.check_modes(asked)
    assert error.value.message == words


def test_a_donor_is_kept_by_its_id() -> None:
    """A name may be another's tomorrow; one that is nobody's is refused."""
    settled = sharing.settled(config(pid="container:x", ipc="container:y"), lambda _: donor())
    assert (settled.sharing.pid, settled.sharing.ipc) == (f"container:{DONOR}",) * 2
    with pytest.raises(NoSuchContainer, match="No such container: x"):
        sharing.settled(config(pid="container:x"), unknown)


def test_dockers_own_word_for_selinux() -> None:
    """What shares the host's processes or memory cannot be kept apart by labels."""
    assert sharing.settled(config(pid="host"), unknown).privileges.security_opt == (
        "label=disable",
    )
    named = replace(config(pid="host"), privileges=Privileges(security_opt=("label=type:x",)))
    assert sharing.settled(named, unknown).privileges.security_opt == ("label=type:x",)
    assert sharing.settled(config(), unknown).privileges.security_opt == ()


def test_namespaces_by_mode() -> None:
    """The host's are left out, a donor's are joined by path, all others are new."""
    alone = sharing.namespaces(config(), sharing.NO_DONORS, unified=False)
    assert alone == dict.fromkeys(("mount", "pid", "uts", "ipc"), "")
    hosts = sharing.namespaces(
        config(pid="host", ipc="host", uts="host"), sharing.NO_DONORS, unified=False
    )
    assert hosts == {"mount": ""}
    private = sharing.namespaces(config(cgroupns="private"), sharing.NO_DONORS, unified=False)
    assert private["cgroup"] == ""
    assert "cgroup" not in sharing.namespaces(
        config(cgroupns="host"), sharing.NO_DONORS, unified=True
    )
    guest = config(pid=f"container:{DONOR}", ipc=f"container:{DONOR}")
    joined = sharing.donors(guest, lambda _: donor(ipc="shareable"))
    assert sharing.namespaces(guest, joined, unified=False) == {
        "mount": "",
        "pid": "/proc/42/ns/pid",
        "uts": "",
        "ipc": "/proc/42/ns/ipc",
    }
    assert joined.annotations() == {
        oci.ANNOTATION_DONORS: '{"42": 7}',
        oci.ANNOTATION_SHM: "42",
    }


@pytest.mark.parametrize(
    ("kind", "other", "words"),
    [
        ("pid", donor(Status.EXITED), f"failed to join PID namespace: container {DONOR} is not r"),
        ("ipc", donor(Status.CREATED), f"failed to join IPC namespace: container {DONOR} is not r"),
        ("ipc", donor(), "non-shareable IPC .hint: use IpcMode:shareable for the donor container."),
        ("ipc", donor(ipc="none"), "non-shareable IPC"),
    ],
)
def test_donors_that_cannot_be_joined(kind: str, other: ContainerRecord, words: str) -> None:
    """One that does not run, or does not share."""
    with pytest.raises(EngineError, match=words):
        sharing.donors(config(**{kind: f"container:{DONOR}"}), lambda _: other)


@pytest.mark.parametrize(
    ("asked", "words"),
    [
        (config("host", sysctls={"net.x": "1"}), 'sysctl "net.x" not allowed in host network'),
        (
            config(ipc="host", sysctls={"kernel.sem": "1"}),
            'sysctl "kernel.sem" is not allowed in the hosts ipc namespace',
        ),
        (config(uts="host", domainname="x"), 'sysctl "kernel.domainname" is not in a separate'),
    ],
)
def test_parameters_of_the_host_are_refused(asked: ContainerConfig, words: str) -> None:
    """As docker's runtime does at the start."""
    with pytest.raises(EngineError, match=words):
        sharing.check_sysctls(asked)
