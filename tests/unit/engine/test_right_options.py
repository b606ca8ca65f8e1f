"""docker-py's arguments about privileges and namespaces."""

from __future__ import annotations

from typing import Any

import pytest

from ipycontainer.engine.docker_py.options import config_from_options
from ipycontainer.errors import InvalidArgument
from ipycontainer.model.config import ContainerConfig
from ipycontainer.model.privileges import DeviceMapping, Privileges, Sharing


def config(**options: Any) -> ContainerConfig:
    """Return the config of docker-py's arguments."""
    return config_from_options("busybox", ("true",), options)


def test_privileges() -> None:
    """Lists as docker-py takes them; devices as words or as the API's objects."""
    made = config(
        privileged=True,
        cap_add=["NET_ADMIN"],
        cap_drop=["ALL"],
        devices=["/dev/x:/dev/y:r", {"PathOnHost": "/dev/z"}],
        device_cgroup_rules=["c 1:* r"],
        security_opt=["systempaths=unconfined", "no-new-privileges"],
    )
    assert made.privileges == Privileges(
        privileged=True,
        cap_add=("NET_ADMIN",),
        cap_drop=("ALL",),
        devices=(DeviceMapping("/dev/x", "/dev/y", "r"), DeviceMapping("/dev/z", "/dev/z")),
        device_rules=("c 1:* r",),
        security_opt=("no-new-privileges",),
        open_paths=True,
    )


def test_namespaces() -> None:
    """Modes, sizes as words or numbers, and what goes into files and groups."""
    made = config(
        pid_mode="host",
        ipc_mode="container:x",
        uts_mode="host",
        cgroupns="private",
        userns_mode="host",
        domainname="d",
        shm_size="1m",
        sysctls={"net.x": 1},
        group_add=[5, "tty"],
        extra_hosts={"a": "1.2.3.4"},
        annotations={"k": "v"},
    )
    assert made.sharing == Sharing(
        "host", "container:x", "host", "private", "host", "d", 1 << 20, {"net.x": "1"}
    )
    assert (made.groups, made.extra_hosts) == (("5", "tty"), ("a:1.2.3.4",))
    assert made.annotations == {"k": "v"}
    assert ContainerConfig.from_json(made.to_json()) == made


@pytest.mark.parametrize(
    "options",
    [
        {"pid_mode": "x"},
        {"uts_mode": "x"},
        {"cgroupns": "x"},
        {"userns_mode": "x"},
        {"device_cgroup_rules": ["x"]},
        {"devices": ["/dev/x:y"]},
        {"shm_size": "x"},
    ],
)
def test_wrong_words_are_refused(options: dict[str, Any]) -> None:
    """Before anything is made."""
    with pytest.raises(InvalidArgument):
        config(**options)
