"""docker-py's arguments that have one answer here, and images of another platform."""

from __future__ import annotations

from typing import Any

import pytest

from ipycontainer.engine.docker_py.options import config_from_options
from ipycontainer.engine.single_choices import for_platform, is_for, refuse_other_platform
from ipycontainer.errors import ImageNotFound, InvalidArgument, Unsupported
from ipycontainer.model import platform
from ipycontainer.model.config import ContainerConfig
from ipycontainer.model.image import ImageConfig, ImageRecord


def image(architecture: str) -> ImageRecord:
    """Return an image of Linux."""
    return ImageRecord(
        id="sha256:1",
        manifest="sha256:2",
        created_ns=0,
        size=0,
        config=ImageConfig(),
        layers=(),
        os="linux",
        architecture=architecture,
    )


@pytest.mark.parametrize(
    "given",
    [
        {"runtime": "runc"},
        {"runtime": "io.containerd.runc.v2"},
        {"isolation": "default"},
        {"isolation": "Default"},
        {"device_requests": []},
        {"network_disabled": False},
    ],
)
def test_what_is_so_anyway_is_taken(given: dict[str, Any]) -> None:
    """It changes nothing."""
    assert config_from_options("i", (), given) == config_from_options("i", (), {})


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ({"runtime": "crun"}, "unknown or invalid runtime name: crun"),
        ({"isolation": "hyperv"}, "Invalid isolation: \"hyperv\" - linux only supports 'default'"),
    ],
)
def test_another_is_refused_in_dockers_words(given: dict[str, Any], words: str) -> None:
    """Nothing is accepted and ignored."""
    with pytest.raises(InvalidArgument) as caught:
        config_from_options("i", (), given)
    assert caught.value.message == words


def test_devices_of_a_driver_are_refused_by_name() -> None:
    """As `--gpus` is."""
    with pytest.raises(Unsupported, match=r"^device_requests is not supported yet$"):
        config_from_options("i", (), {"device_requests": [{"Count": -1}]})


def test_a_disabled_network_wins() -> None:
    """Whatever network was named beside it."""
    config = config_from_options("i", (), {"network_disabled": True, "network": "mine"})
    assert (config.network, config.endpoints) == ("none", ())


def test_an_image_of_another_platform_is_not_taken() -> None:
    """Docker's words name both."""
    amd = image("amd64")
    assert is_for(amd, "")
    assert is_for(amd, "linux/amd64")
    assert not is_for(amd, "linux/arm64")
    refuse_other_platform(amd, "i:1", "amd64")
    with pytest.raises(ImageNotFound) as caught:
        refuse_other_platform(amd, "i:1", "linux/arm64")
    assert caught.value.message == (
        "image with reference i:1 was found but does not match the specified platform: "
        "wanted linux/arm64, actual: linux/amd64"
    )


@pytest.mark.parametrize(
    ("machine", "made_for", "warned"),
    [
        ("amd64", "amd64", False),
        ("amd64", "386", False),
        ("amd64", "arm64", True),
        ("arm64", "arm", False),
        ("arm64", "amd64", True),
    ],
)
def test_an_image_for_other_machines_is_warned_of(
    monkeypatch: pytest.MonkeyPatch, machine: str, made_for: str, warned: bool
) -> None:
    """Unless its platform was asked for; another one that was is refused."""
    monkeypatch.setattr(platform, "own", lambda: platform.Platform("linux", machine))
    record = image(made_for)

    told = for_platform(record, ContainerConfig("app"))

    assert bool(told) is warned
    assert all(f"platform (linux/{made_for}) does not match" in each for each in told)
    asked = ContainerConfig("app", platform=f"linux/{made_for}")
    assert for_platform(record, asked) == ()
    with pytest.raises(ImageNotFound, match="does not match the specified platform"):
        for_platform(record, ContainerConfig("app", platform="linux/s390x"))
