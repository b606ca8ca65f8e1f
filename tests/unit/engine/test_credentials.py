"""Docker's config file: read and written as docker's client does."""

from __future__ import annotations

import base64
import json
from pathlib import Path

import pytest

from ipycontainer.engine import config_file, credentials, registry_settings
from ipycontainer.engine.credentials import HUB_KEY, Credentials
from ipycontainer.errors import EngineError, InvalidArgument


@pytest.fixture(autouse=True)
def config(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where docker's file lies in this test."""
    monkeypatch.setenv("DOCKER_CONFIG", str(tmp_path))
    monkeypatch.setenv("IPYCONTAINER_CONFIG", str(tmp_path / "ours.json"))
    return tmp_path / "config.json"


def auth(text: str) -> str:
    """Return a pair as the file has it."""
    return base64.b64encode(text.encode()).decode()


@pytest.mark.parametrize(
    ("host", "key"),
    [
        ("docker.io", HUB_KEY),
        ("index.docker.io", HUB_KEY),
        ("https://index.docker.io/v1/", HUB_KEY),
        ("ghcr.io", "ghcr.io"),
        ("https://a.test:5/v2/", "a.test:5"),
    ],
)
def test_under_which_name_they_are_kept(host: str, key: str) -> None:
    """The hub has a name of its own."""
    assert credentials.key_of(host) == key


def test_what_is_kept_is_found(config: Path) -> None:
    """And everything else in the file stays."""
    config.write_text('{"auths": {"other": {"auth": "eDp5"}}, "currentContext": "c"}')
    credentials.remember("docker.io", Credentials("me", "p:a:ss"))

    assert credentials.look_up("docker.io") == Credentials("me", "p:a:ss")
    assert credentials.look_up("other") == Credentials("x", "y")
    assert credentials.look_up("nobody.test") == Credentials()
    assert json.loads(config.read_text())["currentContext"] == "c"
    assert credentials.forget("docker.io")
    assert not credentials.forget("docker.io")
    assert credentials.look_up("docker.io") == Credentials()
    assert list(config.parent.iterdir()) == [config]


def test_older_spellings_are_understood(config: Path) -> None:
    """Whole addresses, plain fields, identity tokens."""
    config.write_text(
        json.dumps(
            {
                "auths": {
                    "https://a.test/v1/": {"auth": auth("u:p")},
                    "b.test": {"username": "u2", "password": "p2"},
                    "c.test": {"auth": auth("u3:"), "identitytoken": "t"},
                }
            }
        )
    )
    assert credentials.look_up("a.test") == Credentials("u", "p")
    assert credentials.look_up("b.test") == Credentials("u2", "p2")
    assert credentials.look_up("c.test") == Credentials("u3", "", "t")


@pytest.mark.parametrize(
    ("content", "words"),
    [
        ("no json", "not JSON"),
        ("[]", "not a JSON object"),
        ('{"auths": {"a.test": {"auth": "!"}}}', "invalid auth configuration file"),
        (f'{{"auths": {{"a.test": {{"auth": "{auth("nocolon")}"}}}}}}', "invalid auth"),
        ('{"credsStore": "../evil"}', "invalid credential helper"),
        ('{"credsStore": "not-there"}', "docker-credential-not-there"),
    ],
)
def test_a_broken_file_is_named(config: Path, content: str, words: str) -> None:
    """Instead of asking as nobody."""
    config.write_text(content)
    with pytest.raises(EngineError, match=words):
        credentials.look_up("a.test")


def test_our_own_settings_have_dockers_keys(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Those of daemon.json; the file goes before the environment."""
    monkeypatch.setenv("HTTP_PROXY", "http://env:1")
    monkeypatch.setenv("no_proxy", "x")
    (tmp_path / "ours.json").write_text(
        json.dumps(
            {
                "insecure-registries": ["a.test:5000"],
                "registry-mirrors": ["https://m.test"],
                "max-concurrent-downloads": 7,
                "proxies": {"https-proxy": "http://file:2", "no-proxy": "y"},
            }
        )
    )
    read = registry_settings.read(Credentials())
    assert read.insecure == ("a.test:5000",)
    assert read.mirrors == ("https://m.test",)
    assert read.downloads == 7
    assert read.proxies == {"http": "http://env:1", "https": "http://file:2", "no": "y"}


def test_the_storage_driver_is_a_word(tmp_path: Path) -> None:
    """Without the key it is none in particular."""
    assert config_file.storage_driver() == ""
    (tmp_path / "ours.json").write_text('{"storage-driver": "vfs"}')
    assert config_file.storage_driver() == "vfs"
    (tmp_path / "ours.json").write_text('{"storage-driver": 1}')
    with pytest.raises(InvalidArgument, match="must be a text"):
        config_file.storage_driver()


@pytest.mark.parametrize(
    ("content", "words"),
    [
        ('{"insecure-registrys": []}', "unknown key 'insecure-registrys'"),
        ('{"insecure-registries": "a"}', "must be a list"),
        ('{"max-concurrent-downloads": 0}', "must be a number"),
        ('{"proxies": []}', "must be an object"),
        ("{", "not JSON"),
    ],
)
def test_a_mistake_in_our_settings_is_named(tmp_path: Path, content: str, words: str) -> None:
    """With the file."""
    (tmp_path / "ours.json").write_text(content)
    with pytest.raises(InvalidArgument, match=words):
        registry_settings.read(Credentials())
