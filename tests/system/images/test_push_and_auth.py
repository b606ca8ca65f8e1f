"""Pushing, and being let in: by password, by token, by helpers, through proxies."""

from __future__ import annotations

import base64
import json
import os
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from ipycontainer.engine import credentials
from ipycontainer.engine.engine import Engine
from ipycontainer.errors import ImageNotFound, RegistryError
from tests.conftest import Shell
from tests.image_archives import TestImage
from tests.registries import PASSWORD, USER, Fault, Front, Registry, front, registry, skopeo

pytestmark = pytest.mark.sampled


def manifest_of(name: str) -> str:
    """Return the digest that skopeo sees."""
    return str(json.loads(skopeo("inspect", "--tls-verify=false", f"docker://{name}"))["Digest"])


@pytest.mark.parametrize("docker", [False, True], ids=["oci", "docker"])
def test_what_was_pulled_is_pushed_with_the_same_digest(
    engine: Engine,
    shared_registry: Registry,
    repository: str,
    three_layers: TestImage,
    docker: bool,
) -> None:
    """To another repository of the registry, which takes the layers from the first."""
    digest = three_layers.push(shared_registry, repository, "1", docker=docker)
    here, there = (f"{shared_registry.host}/{repository}{end}" for end in ("", "/other"))
    engine.images.pull(here, tag="1")
    engine.images.get(f"{here}:1").tag(there, "2")

    said = engine.images.push(there, tag="2")

    assert f"2: digest: {digest}" in said
    assert f"Mounted from {repository}" in said
    assert manifest_of(f"{there}:2") == digest
    assert f"{there}@{digest}" in engine.images.get(f"{there}:2").attrs["RepoDigests"]
    assert "Layer already exists" in engine.images.push(there, tag="2")


def test_an_imported_image_goes_out_and_comes_back(
    engine: Engine, shared_registry: Registry, repository: str, busybox_tar: Path, tmp_path: Path
) -> None:
    """Skopeo copies it; another home pulls the same id."""
    name = f"{shared_registry.host}/{repository}:1"
    made = engine.images.import_(busybox_tar, repository=name)
    assert "Pushed" in engine.images.push(name, tag=None)

    skopeo("copy", "-q", "--src-tls-verify=false", f"docker://{name}", f"dir:{tmp_path}/copy")
    engine.images.remove(name)
    engine.images.pull(name)
    assert engine.images.get(name).id == made.id
    with pytest.raises(ImageNotFound, match="does not exist locally with the tag"):
        engine.images.push(f"{shared_registry.host}/nothing")


@pytest.mark.parametrize(
    "faults",
    [
        [Fault("/blobs/uploads/", "", method="PUT", status=413, times=9, over=1 << 20)],
        [Fault("/blobs/uploads/", "", method="PUT", status=503, times=2)],
        [Fault("/blobs/uploads/", "", method="POST", status=429, times=1)],
        [Fault("/manifests/", "", method="PUT", status=502, times=1)],
    ],
    ids=["chunks", "503", "429", "502"],
)
def test_a_push_gets_over_what_passes(
    engine: Engine,
    bad: Front,
    repository: str,
    busybox_tar: Path,
    faults: list[Fault],
) -> None:
    """And sends in chunks what a registry finds too large in one piece."""
    name = f"{bad.host}/{repository}:1"
    engine.images.import_(busybox_tar, repository=name)
    bad.faults = faults

    engine.images.push(name, tag=None)

    assert manifest_of(name).startswith("sha256:")
    assert any(method == "PATCH" for method, _, _ in bad.seen) == (faults[0].status == 413)


# ── being let in ─────────────────────────────────────────────────────────────────────────────


@pytest.fixture
def closed(tmp_path: Path) -> Iterator[Registry]:
    """A registry that wants a password."""
    place = tmp_path / "closed"
    place.mkdir()
    with registry(place, password=True) as running:
        yield running


def test_a_password_opens_the_registry(
    engine: Engine, closed: Registry, busybox_tar: Path, shell: Shell, tmp_path: Path
) -> None:
    """Kept by login where docker keeps it, used by push and pull, forgotten by logout."""
    name = f"{closed.host}/x:1"
    engine.images.import_(busybox_tar, repository=name)
    with pytest.raises(RegistryError, match=r"^no basic auth credentials$"):
        engine.images.push(name, tag=None)

    wrong = shell("login", "-u", USER, "--password-stdin", closed.host, stdin="wrong\n")
    assert (wrong.returncode, wrong.stdout) == (1, "")
    assert wrong.stderr == (
        "Error response from daemon: login attempt to "
        f"http://{closed.host}/v2/ failed with status: 401 Unauthorized\n"
    )
    right = shell("login", "-u", USER, "--password-stdin", closed.host, stdin=f"{PASSWORD}\n")
    assert (right.returncode, right.stdout) == (0, "Login Succeeded\n")
    assert right.stderr.startswith("WARNING! Your password will be stored unencrypted in ")
    kept = json.loads((tmp_path / "docker" / "config.json").read_text())
    pair = base64.b64encode(f"{USER}:{PASSWORD}".encode()).decode()
    assert kept == {"auths": {closed.host: {"auth": pair}}}
    assert (tmp_path / "docker" / "config.json").stat().st_mode & 0o777 == 0o600

    engine.images.push(name, tag=None)
    engine.images.remove(name)
    engine.images.pull(name)

    assert shell("logout", closed.host).stdout == f"Removing login credentials for {closed.host}\n"
    engine.images.remove(name)
    asked = f'Head "http://{closed.host}/v2/x/manifests/1": no basic auth credentials'
    with pytest.raises(RegistryError, match=re.escape(asked)):
        engine.images.pull(name)
    with pytest.raises(RegistryError, match=r"^unauthorized: authentication required$"):
        engine.images.pull(name, auth_config={"username": USER, "password": "wrong"})
    engine.images.pull(name, auth_config={"username": USER, "password": PASSWORD})


def test_what_a_registry_has_not_is_named(
    engine: Engine,
    shared_registry: Registry,
    repository: str,
    three_layers: TestImage,
    shell: Shell,
) -> None:
    """A digest that it does not know, and a platform that an image is not for."""
    three_layers.push(shared_registry, repository, "1")
    name = f"{shared_registry.host}/{repository}"
    digest = f"sha256:{'0' * 64}"
    missing = f"manifest for {name}@{digest} not found: manifest unknown: manifest unknown"
    with pytest.raises(ImageNotFound, match=missing):
        engine.images.pull(f"{name}@{digest}")
    other = shell("pull", "--platform", "linux/arm64", f"{name}:1")
    assert (other.returncode, other.stdout.splitlines()[-1]) == (
        1,
        f"Status: Downloaded newer image for {name}:1",
    )
    assert other.stderr == (
        f"image with reference {name}:1 was found but does not match the specified platform: "
        "wanted linux/arm64, actual: linux/amd64\n"
    )


def test_a_token_opens_the_registry(
    engine: Engine, bad: Front, shared_registry: Registry, repository: str, three_layers: TestImage
) -> None:
    """Asked for once for a repository; anonymous, by password, or by identity token."""
    three_layers.push(shared_registry, repository, "1")
    name = f"{bad.host}/{repository}:1"
    bad.wants_token = True

    with pytest.raises(RegistryError, match="incorrect username or password"):
        engine.images.pull(name)
    engine.login(USER, PASSWORD, registry=bad.host)
    engine.images.pull(name)
    tokens = [path for _, path, _ in bad.seen if path.startswith("/token")]
    assert "scope=repository%3A" in tokens[-1]
    assert f"account={USER}" in tokens[-1]

    engine.images.remove(name)
    credentials.remember(bad.host, credentials.Credentials(identity_token="identity"))
    bad.token_key = "access_token"
    engine.images.pull(name)
    credentials.forget(bad.host)
    engine.images.remove(name)
    bad.wants_password = False
    bad.seen.clear()
    engine.images.pull(name)
    assert len([path for _, path, _ in bad.seen if path.startswith("/token")]) == 1
    engine.images.push(name, tag=None)


def test_a_helper_keeps_the_password(
    engine: Engine,
    closed: Registry,
    busybox_tar: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """`credHelpers` of docker's configuration, by docker's protocol."""
    helper = tmp_path / "docker-credential-test"
    helper.write_text(
        "#!/bin/sh\ncase $1 in\n"
        f"store) cat > {tmp_path}/kept ;;\n"
        f"erase) rm -f {tmp_path}/kept ;;\n"
        f"get) test -f {tmp_path}/kept && exec cat {tmp_path}/kept\n"
        "echo credentials not found in native keychain; exit 1 ;;\nesac\n"
    )
    helper.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:{os.environ['PATH']}")
    (tmp_path / "docker").mkdir()
    config = tmp_path / "docker" / "config.json"
    config.write_text(json.dumps({"credHelpers": {closed.host: "test"}, "kept": 1}))

    engine.login(USER, PASSWORD, registry=closed.host)

    assert json.loads((tmp_path / "kept").read_text())["Secret"] == PASSWORD
    assert PASSWORD not in config.read_text()
    assert json.loads(config.read_text())["kept"] == 1
    name = f"{closed.host}/x:1"
    engine.images.import_(busybox_tar, repository=name)
    engine.images.push(name, tag=None)
    engine.logout(closed.host)
    with pytest.raises(RegistryError, match="no basic auth credentials"):
        engine.images.push(name, tag=None)


@pytest.mark.parametrize("asks", [False, True], ids=["takes", "asks"])
def test_another_host_gets_no_password(
    engine: Engine,
    bad: Front,
    shared_registry: Registry,
    repository: str,
    three_layers: TestImage,
    asks: bool,
) -> None:
    """Where a registry sends us for a blob, nobody sees who we are, nor learns it by asking."""
    three_layers.push(shared_registry, repository, "1")
    bad.wants_token = True
    name = f"{bad.host}/{repository}:1"
    login = {"username": USER, "password": PASSWORD}
    with front(shared_registry.host) as other:
        other.wants_token = asks
        bad.faults = [
            Fault(
                f"/blobs/{digest}",
                "",
                status=307,
                headers={"Location": f"http://{other.host}/v2/{repository}/blobs/{digest}"},
                times=99,
            )
            for digest in three_layers.manifest()[1]
        ]
        if asks:
            with pytest.raises(RegistryError, match="denied"):
                engine.images.pull(name, auth_config=login)
        else:
            engine.images.pull(name, auth_config=login)
        assert other.seen
        assert not any("authorization" in headers for _, _, headers in other.seen)
        assert not any(path.startswith("/token") for _, path, _ in other.seen)


# ── ways through the network ─────────────────────────────────────────────────────────────────


def test_a_proxy_is_gone_through(
    engine: Engine,
    bad: Front,
    shared_registry: Registry,
    repository: str,
    three_layers: TestImage,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """By the environment or by our configuration; names are the proxy's to find."""
    three_layers.push(shared_registry, repository, "1")
    name = f"registry.test:5000/{repository}:1"
    (tmp_path / "config.json").write_text('{"insecure-registries": ["registry.test:5000"]}')
    monkeypatch.setenv("http_proxy", f"http://user:pass@{bad.host}")
    monkeypatch.setenv("HTTPS_PROXY", "http://127.0.0.1:1")

    engine.images.pull(name)

    ours = [headers for _, path, headers in bad.seen if path.startswith("http://registry.test")]
    assert ours
    pair = base64.b64encode(b"user:pass").decode()
    assert {each["proxy-authorization"] for each in ours} == {f"Basic {pair}"}
    monkeypatch.setenv("NO_PROXY", "example.org,.test")
    engine.images.remove(name)
    with pytest.raises(RegistryError, match=r"dial tcp: lookup registry\.test on "):
        engine.images.pull(name)


def test_a_mirror_stands_for_dockers_hub(
    engine: Engine,
    bad: Front,
    shared_registry: Registry,
    three_layers: TestImage,
    tmp_path: Path,
    repository: str,
) -> None:
    """Asked first, and the image has its own name."""
    three_layers.push(shared_registry, f"someone/{repository}", "1")
    mirrors = {"registry-mirrors": ["http://127.0.0.1:1", f"http://{bad.host}"]}
    (tmp_path / "config.json").write_text(json.dumps(mirrors))

    engine.images.pull(f"someone/{repository}", tag="1")

    assert engine.images.get(f"someone/{repository}:1").tags == [f"someone/{repository}:1"]
