"""Fixtures of images that move: a registry, one that misbehaves before it, and layered images."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from ipycontainer.engine.engine import Engine
from ipycontainer.images.layout import Layout
from tests.archives import TarBuilder
from tests.image_archives import TestImage, image
from tests.registries import Front, Registry, front, registry


@pytest.fixture(scope="session")
def shared_registry(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Registry]:
    """A registry of the whole run; each test has its own repositories in it."""
    with registry(tmp_path_factory.mktemp("registry")) as running:
        yield running


@pytest.fixture
def bad(shared_registry: Registry) -> Iterator[Front]:
    """The registry through a proxy that does what it is told to."""
    with front(shared_registry.host) as running:
        yield running


@pytest.fixture
def repository(request: pytest.FixtureRequest) -> str:
    """A repository's name that only this test uses."""
    return f"r{abs(hash(request.node.nodeid)):x}"


@pytest.fixture(autouse=True)
def no_settings_of_the_user(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Docker's configuration and ours are those of the test."""
    monkeypatch.setenv("DOCKER_CONFIG", str(tmp_path / "docker"))
    monkeypatch.setenv("IPYCONTAINER_CONFIG", str(tmp_path / "config.json"))
    for name in ("http_proxy", "https_proxy", "no_proxy"):
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.upper(), raising=False)


@pytest.fixture(scope="session")
def three_layers(busybox_tar: Path) -> TestImage:
    """Busybox, a layer of random bytes above it, and one that removes and replaces files."""
    middle = TarBuilder().file("big", os.urandom(700_000)).file("gone", b"x").build()
    top = TarBuilder().file(".wh.gone").file("etc/added", b"added\n").build()
    return image([busybox_tar.read_bytes(), middle, top])


def assert_nothing_left(engine: Engine, after: str = "") -> None:
    """No image but this machine, no blob, no layer, nothing half done."""
    assert [each.tags for each in engine.images.list()] == [["host:latest"]], after
    layout = Layout(engine.home)
    for place in (layout.ingest, layout.blobs, engine.home.layers, engine.home.trash):
        assert os.listdir(place) == [], f"{place} {after}"
