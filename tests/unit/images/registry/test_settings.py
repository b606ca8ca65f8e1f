"""Which registries may be asked without TLS, and which addresses go through a proxy."""

from __future__ import annotations

from urllib.parse import urlsplit

import pytest

from ipycontainer.images.registry.settings import Credentials, RegistrySettings
from ipycontainer.images.registry.web import Web


@pytest.mark.parametrize(
    ("host", "insecure"),
    [
        ("localhost", True),
        ("localhost:5000", True),
        ("127.0.0.1:5000", True),
        ("127.9.9.9", True),
        ("[::1]:5000", True),
        ("named.test:5000", True),
        ("named.test", False),
        ("bare.test:99", True),
        ("10.1.2.3:80", True),
        ("10.2.0.1", False),
        ("registry-1.docker.io", False),
        ("localhost.evil.test", False),
        ("127.0.0.1.evil.test", False),
    ],
)
def test_who_may_be_asked_plainly(host: str, insecure: bool) -> None:
    """This machine, and what is configured by name or address range."""
    settings = RegistrySettings(insecure=("named.test:5000", "bare.test", "10.1.0.0/16"))
    assert settings.is_insecure(host) == insecure


@pytest.mark.parametrize(
    ("url", "proxy"),
    [
        ("http://a.test/v2/", "http://p:1"),
        ("https://a.test/v2/", "http://s:2"),
        ("https://sub.no.test/", ""),
        ("https://no.test/", ""),
        ("https://yesno.test/", "http://s:2"),
        ("https://exact.test:5000/", ""),
        ("https://exact.test/", "http://s:2"),
        ("https://10.1.2.3/", ""),
        ("http://127.0.0.1:5000/", ""),
        ("http://localhost/", ""),
    ],
)
def test_which_way_a_request_goes(url: str, proxy: str) -> None:
    """As Go reads the variables: names with what is below them, hosts with ports, ranges."""
    no = "no.test, exact.test:5000,10.0.0.0/8"
    web = Web(RegistrySettings(proxies={"http": "p:1", "https": "http://s:2", "no": no}))
    assert web._proxy(urlsplit(url)) == proxy


def test_settings_cross_to_a_worker_and_no_log() -> None:
    """Whole, and without showing a password."""
    settings = RegistrySettings(Credentials("u", "secret"), insecure=("a",), proxies={"no": "x"})
    assert RegistrySettings.from_wire(settings.to_wire()) == settings
    assert "secret" not in repr(settings)
