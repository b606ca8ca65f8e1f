"""docker-py's arguments about platform, runtime, isolation and network on real containers."""

from __future__ import annotations

import pytest

from ipycontainer.engine.engine import Engine
from ipycontainer.errors import ImageNotFound, InvalidArgument
from ipycontainer.model import platform

pytestmark = pytest.mark.usefixtures("busybox_image")


def test_what_this_machine_has_anyway_is_taken(engine: Engine) -> None:
    """Its own platform and docker's names for what there is."""
    out = engine.containers.run(
        "busybox",
        "echo yes",
        remove=True,
        platform=str(platform.own()),
        runtime="runc",
        isolation="default",
        network_mode="none",
    )
    assert out == b"yes\n"


def test_a_disabled_network_leaves_lo_alone(engine: Engine) -> None:
    """Beside any other word about networks."""
    box = engine.containers.create(
        "busybox", ["ls", "/sys/class/net"], network_disabled=True, network="bridge"
    )
    box.start()
    assert box.wait()["StatusCode"] == 0
    assert box.logs() == b"lo\n"
    box.remove()


def test_another_platform_is_not_what_is_here(engine: Engine) -> None:
    """Docker's daemon does not find such an image, and nothing is made."""
    with pytest.raises(ImageNotFound, match="does not match the specified platform: wanted linux/"):
        engine.containers.create("busybox", "true", platform="linux/s390x")
    with pytest.raises(InvalidArgument, match="unknown or invalid runtime name: crun"):
        engine.containers.create("busybox", "true", runtime="crun")
    assert engine.containers.list(all=True) == []
