"""Which containers `ps` shows, and what docker-py's options mean."""

from __future__ import annotations

from dataclasses import replace

import pytest

from ipycontainer.engine import selection
from ipycontainer.engine.docker_py.options import config_from_options
from ipycontainer.engine.merging import merge_image
from ipycontainer.errors import InvalidArgument, NoSuchContainer, Unsupported
from ipycontainer.model.config import ContainerConfig
from ipycontainer.model.image import ImageConfig
from ipycontainer.model.network import PortBinding
from ipycontainer.model.state import ContainerRecord, ContainerState, Status

BASE = ContainerRecord(
    "", "", "sha256:0", 0, ContainerConfig("busybox"), ContainerState(Status.RUNNING)
)


class Nobody:
    """Surroundings in which containers know each other, and everything else is one."""

    def find(self, ref: str) -> ContainerRecord:
        """Find by name."""
        for each in RECORDS:
            if each.name == ref:
                return each
        raise NoSuchContainer(f"No such container: {ref}")

    def descends(self, image_id: str, ref: str) -> bool:
        """Know one image."""
        return ref == "busybox" and image_id == "sha256:0"

    def networks(self, record: ContainerRecord) -> frozenset[str]:
        """Know one network."""
        return frozenset({"bridge"})

    def network_ids(self, record: ContainerRecord) -> frozenset[str]:
        """Know its id, where the container has run."""
        return frozenset() if record.name == "new" else frozenset({"b00c"})

    def ports(self, record: ContainerRecord) -> list[str]:
        """Know who leads out."""
        return ["80/tcp", "2/udp"] if record.name in ("web", "new") else []

    def health(self, record: ContainerRecord) -> str:
        """Know one that is well."""
        return "healthy" if record.name == "web" else "none"


def record(name: str, status: Status = Status.RUNNING, **labels: str) -> ContainerRecord:
    """Return a container with this name."""
    return replace(
        BASE,
        id=(name.encode().hex() * 64)[:64],
        name=name,
        config=ContainerConfig("busybox", labels=labels),
        state=ContainerState(status),
    )


def publishing(made: ContainerRecord) -> ContainerRecord:
    """Return a container with a published port."""
    port = PortBinding(80, "tcp", first=8080)
    return replace(made, config=replace(made.config, ports=(port,)))


RECORDS = [
    publishing(record("web", tier="front", stage="test")),
    publishing(record("db", tier="back")),
    record("old-web", Status.EXITED, tier="front"),
    record("new", Status.CREATED),
]


@pytest.mark.parametrize(
    ("every", "limit", "filters", "names"),
    [
        (False, None, {}, "web db"),
        (True, None, {}, "web db old-web new"),
        (False, 3, {}, "web db old-web"),
        (False, None, {"name": "web"}, "web"),
        (True, None, {"name": ["web"]}, "web old-web"),
        (True, None, {"name": "^/web$"}, "web"),
        (False, None, {"status": ["exited", "created"]}, "old-web new"),
        (True, None, {"label": "tier=front"}, "web old-web"),
        (True, None, {"label": ["tier=front", "stage"]}, "web"),
        (True, None, {"id": RECORDS[1].id[:8]}, "db"),
        (True, None, {"id": ""}, ""),
        (True, None, {"name": "web", "status": "exited"}, "old-web"),
    ],
)
def test_filters_choose_as_dockers_do(
    every: bool, limit: int | None, filters: dict[str, object], names: str
) -> None:
    """Keys are joined by and, values by or, labels by and; status and limit show stopped ones."""
    chosen = selection.containers(RECORDS, every, limit, filters, Nobody())
    assert " ".join(each.name for each in chosen) == names


@pytest.mark.parametrize(
    ("filters", "names"),
    [
        ({"ancestor": "busybox", "network": "bridge"}, "web db old-web new"),
        ({"ancestor": "other"}, ""),
        ({"network": "b00"}, "web db old-web"),
        ({"network": "00c"}, ""),
        ({"health": ["healthy"]}, "web"),
        ({"health": "none"}, "db old-web new"),
        ({"exited": "0"}, ""),
        ({"is-task": "true"}, ""),
        ({"isolation": "default", "volume": "/x"}, ""),
        ({"expose": "1-3/udp"}, "web"),
        ({"expose": "1-3"}, ""),
        ({"publish": "8080"}, "web"),
        ({"publish": "80"}, ""),
    ],
)
def test_filters_that_look_around(filters: dict[str, str], names: str) -> None:
    """Images, networks and health are asked of others; what swarm and Windows have is nowhere."""
    chosen = selection.containers(RECORDS, True, None, filters, Nobody())
    assert " ".join(each.name for each in chosen) == names


@pytest.mark.parametrize("filters", [{"colour": "red"}, {"status": "ill"}, {"exited": "x"}])
def test_a_filter_that_means_nothing_is_refused(filters: dict[str, str]) -> None:
    """An unknown key or status, and a broken pattern, raise InvalidArgument."""
    with pytest.raises(InvalidArgument, match="invalid filter"):
        selection.containers(RECORDS, True, None, filters, Nobody())


@pytest.mark.parametrize(
    ("user", "image", "words"),
    [
        (ContainerConfig("i"), ImageConfig(entrypoint=("e",), command=("c",)), "e c"),
        (ContainerConfig("i", ("x",)), ImageConfig(entrypoint=("e",), command=("c",)), "e x"),
        (ContainerConfig("i", entrypoint=("u",)), ImageConfig(("A=1",), ("e",), ("c",)), "u"),
        (ContainerConfig("i", ("x",), entrypoint=()), ImageConfig(entrypoint=("e",)), "x"),
    ],
)
def test_entrypoint_and_command_merge_by_dockers_rules(
    user: ContainerConfig, image: ImageConfig, words: str
) -> None:
    """An entrypoint of the user's drops the image's command; a command alone does not."""
    merged = merge_image(user, image)
    assert " ".join((*(merged.entrypoint or ()), *merged.command)) == words


def test_dockerpys_options_are_understood() -> None:
    """Environment, labels and volumes are taken as mappings or lists, as docker-py takes them."""
    config = config_from_options(
        "i",
        ("true",),
        {
            "environment": {"A": "1", "B": None},
            "labels": ["x"],
            "volumes": {"/src": {"bind": "/dst", "mode": "ro"}},
            "network_mode": "none",
            "entrypoint": "sh -c",
            "privileged": False,
        },
    )
    assert config.env == ("A=1",)
    assert config.labels == {"x": ""}
    assert [(each.source, each.target, each.read_only) for each in config.mounts] == [
        ("/src", "/dst", True)
    ]
    assert (config.network, config.entrypoint) == ("none", ("sh", "-c"))


def test_ports_and_networks_are_read_as_docker_py_writes_them() -> None:
    """A port may be a number or `80/udp`; where it leads a number, a pair, a list or nothing."""
    config = config_from_options(
        "i",
        (),
        {
            "network": "mine",
            "links": {"db": None},
            "ports": {80: 8080, "53/udp": ("127.0.0.1", 5353), "443/tcp": [1, 2], (9, "tcp"): None},
        },
    )
    assert [(port.key, port.address, port.first) for port in config.ports] == [
        ("80/tcp", "", 8080),
        ("53/udp", "127.0.0.1", 5353),
        ("443/tcp", "", 1),
        ("443/tcp", "", 2),
        ("9/tcp", "", 0),
    ]
    assert [(each.network, each.links) for each in config.endpoints] == [("mine", ("db:db",))]


@pytest.mark.parametrize(
    "options",
    [{"cpu_count": 2}, {"device_requests": [{"Count": -1}]}, {"volumes": ["name:/x:odd"]}],
)
def test_what_is_not_there_yet_is_refused_by_name(options: dict[str, object]) -> None:
    """An option that would be ignored is refused instead."""
    with pytest.raises(Unsupported, match="not supported yet"):
        config_from_options("i", (), options)
