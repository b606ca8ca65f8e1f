"""Errors on the way to a registry are told as Go's net package tells them."""

from __future__ import annotations

import socket
from pathlib import Path

import pytest

from ipycontainer.images.registry import web
from ipycontainer.images.registry.settings import RegistrySettings
from ipycontainer.images.registry.web import NetworkFailure, Web


@pytest.fixture
def name_server(monkeypatch: pytest.MonkeyPatch) -> None:
    """A machine that asks 192.0.2.53 for names."""
    monkeypatch.setattr(web, "_name_server", lambda: "192.0.2.53")


def told(monkeypatch: pytest.MonkeyPatch, error: OSError) -> str:
    """Return what is told of a connection that fails so."""

    def fail(*_: object, **__: object) -> socket.socket:
        raise error

    monkeypatch.setattr(socket, "create_connection", fail)
    with pytest.raises(NetworkFailure) as failure:
        Web(RegistrySettings()).request("GET", "https://hub.example/v2/")
    return failure.value.message


@pytest.mark.usefixtures("name_server")
def test_a_name_that_nobody_has_is_told_with_the_server_that_said_so(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """As docker, which does its own asking."""
    error = socket.gaierror(socket.EAI_NONAME, "Name or service not known")
    assert told(monkeypatch, error) == (
        'Get "https://hub.example/v2/": dial tcp: lookup hub.example on 192.0.2.53:53: no such host'
    )


def test_a_refusal_is_told_with_the_address_that_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    """Not with the name that led there."""

    def found(*_: object, **__: object) -> list[tuple[object, ...]]:
        return [(socket.AF_INET6, socket.SOCK_STREAM, 6, "", ("fd00::7", 443, 0, 0))]

    monkeypatch.setattr(socket, "getaddrinfo", found)
    words = told(monkeypatch, ConnectionRefusedError(111, "Connection refused"))
    assert words.endswith("dial tcp [fd00::7]:443: connect: connection refused")


def test_the_server_is_the_first_that_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """In resolv.conf, whose comments and other words are passed over; Go's own without one."""
    file = tmp_path / "resolv.conf"
    file.write_text(
        "# nameserver 1.1.1.1\noptions ndots:0\nnameserver fd00::53\nnameserver 9.9.9.9"
    )
    monkeypatch.setattr(web, "RESOLV_CONF", str(file))
    assert web._name_server() == "fd00::53"
    file.write_text("search example\n")
    assert web._name_server() == "127.0.0.1"
