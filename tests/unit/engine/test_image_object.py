"""What `image inspect` shows of an image's settings: docker's object, in its order."""

from __future__ import annotations

from typing import Any

from ipycontainer.engine import inspect
from ipycontainer.model.health import Healthcheck
from ipycontainer.model.image import ImageConfig, ImageRecord

EMPTY = [
    *("Hostname", "Domainname", "User", "AttachStdin", "AttachStdout", "AttachStderr", "Tty"),
    *("OpenStdin", "StdinOnce", "Env", "Cmd", "Image", "Volumes", "WorkingDir", "Entrypoint"),
    *("OnBuild", "Labels"),
]


def shown(config: ImageConfig) -> dict[str, Any]:
    """Return the settings as they are shown."""
    record = ImageRecord("sha256:0", "", 0, 0, config)
    found: dict[str, Any] = inspect.image(record, (), "overlay2")["Config"]
    return found


def test_what_was_not_given_is_left_out_where_docker_does() -> None:
    """The names of a container's settings, those empty that an image has not."""
    found = shown(ImageConfig())
    assert list(found) == EMPTY
    assert {name: found[name] for name in ("Env", "Labels", "Tty", "Hostname")} == {
        "Env": None,
        "Labels": None,
        "Tty": False,
        "Hostname": "",
    }


def test_what_was_given_is_shown() -> None:
    """A health check, ports by their names' order, a signal: none of them is lost."""
    config = ImageConfig(
        exposed_ports=("90/udp", "80/tcp"),
        stop_signal="SIGINT",
        healthcheck=Healthcheck(("CMD-SHELL", "true"), interval_ns=5_000_000_000),
    )
    found = shown(config)
    assert list(found["ExposedPorts"]) == ["80/tcp", "90/udp"]
    assert found["Healthcheck"] == {"Test": ["CMD-SHELL", "true"], "Interval": 5_000_000_000}
    assert found["StopSignal"] == "SIGINT"


def test_layers_are_told_by_their_places() -> None:
    """The topmost apart from those below it; an image whose layers are elsewhere has none."""
    record = ImageRecord("sha256:0", "", 0, 0, ImageConfig())
    assert inspect.image(record, ("/c", "/b", "/a"), "overlay2")["GraphDriver"] == {
        "Data": {"LowerDir": "/b:/a", "UpperDir": "/c"},
        "Name": "overlay2",
    }
    assert inspect.image(record, ("/a",), "vfs")["GraphDriver"] == {
        "Data": {"UpperDir": "/a"},
        "Name": "vfs",
    }
    assert inspect.image(record, (), "overlay2")["GraphDriver"]["Data"] is None
