"""Pulling from a real registry, and from one that breaks, delays, cuts, corrupts and lies."""

from __future__ import annotations

import gzip
import json
import os
import signal
import threading
import time
from pathlib import Path

import pytest
import zstandard

from ipycontainer.engine.engine import Engine
from ipycontainer.errors import EngineError, ImageFormatError, ImageNotFound, RegistryError
from ipycontainer.images.layout import Layout
from ipycontainer.model.transfer import Progress
from ipycontainer.store import events
from tests.archives import TarBuilder
from tests.image_archives import OCI_INDEX, OCI_MANIFEST, TestImage, digest_of, image, write_archive
from tests.registries import Fault, Front, Registry, skopeo
from tests.system.images.conftest import assert_nothing_left

pytestmark = pytest.mark.sampled

BLOB = r"/blobs/sha256:"


def runs(engine: Engine, name: str) -> bytes:
    """Return what the three layers look like from inside."""
    script = "cat /etc/added; ls /gone 2>&1; wc -c < /big"
    return engine.run(name, ["sh", "-c", script], network="none", remove=True).stdout


SEEN = b"added\nls: /gone: No such file or directory\n700000\n"


@pytest.mark.parametrize(
    "how", [{}, {"docker": True}, {"packed": False}], ids=["oci", "docker", "plain layers"]
)
def test_pulls_both_kinds_of_manifests(
    engine: Engine,
    shared_registry: Registry,
    repository: str,
    three_layers: TestImage,
    how: dict[str, bool],
) -> None:
    """The image has the registry's digest, docker's id, runs, and lies there for other tools."""
    digest = three_layers.push(shared_registry, repository, "1", **how)
    name = f"{shared_registry.host}/{repository}:1"

    engine.images.pull(f"{shared_registry.host}/{repository}", tag="1")

    pulled = engine.images.get(name)
    assert pulled.id == three_layers.id
    assert pulled.tags == [name]
    assert pulled.attrs["RepoDigests"] == [f"{shared_registry.host}/{repository}@{digest}"]
    assert pulled.attrs["Author"] == "a tester"
    assert runs(engine, name) == SEEN
    told = json.loads(skopeo("inspect", f"oci:{engine.home.layout}:{name}"))
    assert len(told["Layers"]) == 3
    skopeo("copy", "-q", f"oci:{engine.home.layout}:{name}", f"dir:{engine.home.root}/copy")
    by_digest = engine.images.get(f"{shared_registry.host}/{repository}@{digest}")
    assert by_digest == pulled


def test_pulls_by_digest(
    engine: Engine, shared_registry: Registry, repository: str, three_layers: TestImage
) -> None:
    """The digest is the name; no tag is given."""
    digest = three_layers.push(shared_registry, repository, "1")
    name = f"{shared_registry.host}/{repository}@{digest}"

    engine.images.pull(name)

    assert engine.images.get(name).tags == []
    with pytest.raises(ImageNotFound, match="manifest unknown"):
        engine.images.pull(f"{shared_registry.host}/{repository}@sha256:{'0' * 64}")


def test_zstd_layers_of_skopeo(
    engine: Engine,
    shared_registry: Registry,
    repository: str,
    three_layers: TestImage,
    tmp_path: Path,
) -> None:
    """Filled by skopeo, and compressed with zstd."""
    other = image([*three_layers.layers, TarBuilder().file("new", os.urandom(9)).build()])
    archive = write_archive(tmp_path / "image.tar", [(other, ["x:1"])])
    name = f"{shared_registry.host}/{repository}"
    skopeo(
        *("copy", "-q", "--dest-tls-verify=false", "--format", "oci"),
        *("--dest-compress-format", "zstd"),
        f"docker-archive:{archive}",
        f"docker://{name}:zstd",
    )
    _, raw, _ = shared_registry.request(
        "GET", f"/v2/{repository}/manifests/zstd", headers={"Accept": OCI_MANIFEST}
    )
    assert b"tar+zstd" in raw

    engine.images.pull(name, tag="zstd")

    assert runs(engine, f"{name}:zstd") == SEEN


def test_an_index_gives_the_platform_that_is_asked_for(
    engine: Engine, shared_registry: Registry, repository: str, busybox_tar: Path
) -> None:
    """This machine's by default; attestations are no images; another machine's by --platform."""
    own = image([busybox_tar.read_bytes()])
    other = image([busybox_tar.read_bytes()], architecture="arm64", variant="v8")
    entries = []
    for number, (each, platform) in enumerate(
        (
            (other, {"os": "linux", "architecture": "arm64", "variant": "v8"}),
            (own, {"os": "unknown", "architecture": "unknown"}),
            (own, {"os": "linux", "architecture": os.uname().machine.replace("x86_64", "amd64")}),
        )
    ):
        raw, _ = each.manifest(annotations={"n": str(number)})
        each.push(shared_registry, repository, f"n{number}", annotations={"n": str(number)})
        entries.append(
            {
                "mediaType": OCI_MANIFEST,
                "digest": digest_of(raw),
                "size": len(raw),
                "platform": platform,
            }
        )
    index = json.dumps({"schemaVersion": 2, "mediaType": OCI_INDEX, "manifests": entries}).encode()
    shared_registry.put_manifest(repository, "all", index, OCI_INDEX)
    name = f"{shared_registry.host}/{repository}:all"

    engine.images.pull(name)

    pulled = engine.images.get(name)
    assert pulled.id == own.id
    assert pulled.attrs["RepoDigests"] == [
        f"{shared_registry.host}/{repository}@{digest_of(index)}"
    ]
    engine.images.pull(name, platform="linux/arm64")
    assert engine.images.get(name).attrs["Architecture"] == "arm64"
    with pytest.raises(ImageNotFound, match="no matching manifest for linux/s390x"):
        engine.images.pull(name, platform="linux/s390x")


def test_layers_are_fetched_and_unpacked_once(
    engine: Engine, bad: Front, shared_registry: Registry, repository: str, three_layers: TestImage
) -> None:
    """A second image on the same layers fetches its own alone, and both say what they share."""
    own = TarBuilder().file("own", b"own").build()
    other = image([*three_layers.layers[:2], own])
    three_layers.push(shared_registry, repository, "1")
    other.push(shared_registry, repository, "2")
    engine.images.pull(f"{bad.host}/{repository}", tag="1")
    bad.seen.clear()
    told: list[Progress] = []

    engine.images.pull(f"{bad.host}/{repository}", tag="2", on_progress=told.append)

    assert len([path for _, path, _ in bad.seen if BLOB[1:] in path]) == 2  # its config, and one
    assert [each.status for each in told].count("Already exists") == 2
    assert len(os.listdir(engine.home.layers)) == 4
    listed = {each.tags[0].rpartition(":")[2]: each for each in engine.images.list()}
    assert listed["1"].shared == listed["2"].shared > 700_000
    engine.images.remove(f"{bad.host}/{repository}:1")
    assert runs(engine, f"{bad.host}/{repository}:2").endswith(b"700000\n")
    engine.images.remove(f"{bad.host}/{repository}:2")
    assert_nothing_left(engine)


# ── a network that fails ─────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    "faults",
    [
        [Fault(BLOB, "cut", after=10_000, times=30, over=20_000)],
        [Fault(BLOB, "reset", after=100_000, times=7, over=200_000)],
        [Fault(BLOB, "cut", after=0, times=2)],
        [Fault(BLOB, "stall", after=5_000)],
        [Fault(BLOB, "", status=503, times=2)],
        [Fault("/manifests/", "", status=429, headers={"Retry-After": "0"}, times=2)],
        [Fault("/manifests/", "cut", after=5, times=2)],
        [Fault(BLOB, "flip", after=2000, over=20_000)],
        [Fault(BLOB, "cut", after=300, over=20_000), Fault(BLOB, "flip", after=20, over=20_000)],
    ],
    ids=lambda faults: "+".join(f"{each.what or each.status}" for each in faults),
)
def test_what_passes_is_got_over(
    engine: Engine,
    bad: Front,
    shared_registry: Registry,
    repository: str,
    three_layers: TestImage,
    faults: list[Fault],
) -> None:
    """Breaks are resumed, refusals waited for, one wrong content fetched anew."""
    three_layers.push(shared_registry, repository, "1")
    bad.faults = faults

    engine.images.pull(f"{bad.host}/{repository}", tag="1")

    assert runs(engine, f"{bad.host}/{repository}:1") == SEEN
    assert all(each.times == 0 for each in faults)
    if faults[0].what in ("cut", "reset") and faults[0].after and faults[0].pattern == BLOB:
        assert bad.ranges()


@pytest.mark.parametrize(
    ("fault", "words"),
    [
        (Fault(BLOB, "flip", after=30, times=99, over=20_000), "verification failed for digest"),
        (Fault(BLOB, "cut", after=0, times=99), "unexpected EOF"),
        (
            Fault(BLOB, "body", body=b"short", times=99, over=20_000),
            "has 5 bytes, the manifest says",
        ),
        (
            Fault(BLOB, "body", body=b"x" * 900_000, times=99, over=20_000),
            "the manifest says|verification",
        ),
        (Fault("/manifests/", "flip", after=30, times=99), "manifest verification failed"),
        (Fault(BLOB, "", status=404, times=99), "not found|unknown"),
        (Fault("/manifests/", "", status=500, times=99), "unexpected HTTP status"),
        (
            Fault("/manifests/", "body", body=b'{"x": "' + b"y" * (100 << 20) + b'"}', times=99),
            "more than 4194304 bytes",
        ),
    ],
    ids=["flip", "cut", "short", "long", "manifest", "missing", "500", "huge manifest"],
)
def test_what_stays_wrong_is_refused_and_leaves_nothing(
    engine: Engine,
    bad: Front,
    shared_registry: Registry,
    repository: str,
    three_layers: TestImage,
    tmp_path: Path,
    fault: Fault,
    words: str,
) -> None:
    """In a clear error, however often it is tried."""
    (tmp_path / "config.json").write_text('{"max-download-attempts": 2}')
    three_layers.push(shared_registry, repository, "1")
    bad.faults = [fault]

    with pytest.raises(EngineError, match=words):
        engine.images.pull(f"{bad.host}/{repository}", tag="1")

    assert_nothing_left(engine)


def lie(raw: bytes, change: str) -> bytes:
    """Return a manifest that lies in one field."""
    value = json.loads(raw)
    layer = value["layers"][1]
    if change == "size":
        layer["size"] += 1
    elif change == "smaller":
        layer["size"] -= 1
    elif change == "digest":
        layer["digest"] = value["layers"][0]["digest"]
        layer["size"] = value["layers"][0]["size"]
    elif change == "fewer":
        del value["layers"][1]
    elif change == "both":
        value["manifests"] = []
    elif change == "many":
        value["layers"] = value["layers"] * 3334
    elif change == "algorithm":
        layer["digest"] = "md5:" + "0" * 32
    elif change == "foreign":
        layer["mediaType"] = "application/vnd.docker.image.rootfs.foreign.diff.tar.gzip"
    elif change == "artifact":
        value["config"]["mediaType"] = "application/vnd.cncf.helm.config.v1+json"
    return json.dumps(value).encode()


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ("size", "the manifest says"),
        ("smaller", "the manifest says"),
        ("digest", "wrong diff id"),
        ("fewer", "length mismatch"),
        ("both", "both an image's and an index"),
        ("many", "max depth exceeded"),
        ("algorithm", "unsupported digest"),
        ("foreign", "foreign"),
        ("artifact", "not an image"),
    ],
)
def test_a_manifest_that_lies(
    engine: Engine,
    bad: Front,
    shared_registry: Registry,
    repository: str,
    three_layers: TestImage,
    change: str,
    words: str,
) -> None:
    """Whatever it says is held against the bytes that come."""
    raw, _ = three_layers.manifest()
    three_layers.push(shared_registry, repository, "1")
    wrong = lie(raw, change)
    bad.faults = [
        Fault(
            "/manifests/",
            "",
            status=200,
            body=wrong,
            headers={"Content-Type": OCI_MANIFEST, "Docker-Content-Digest": digest_of(wrong)},
            times=99,
        )
    ]

    with pytest.raises(ImageFormatError, match=words):
        engine.images.pull(f"{bad.host}/{repository}", tag="1")

    assert_nothing_left(engine)


@pytest.mark.parametrize("pack", ["gzip", "zstd"])
def test_a_bomb_is_refused(
    engine: Engine, shared_registry: Registry, repository: str, pack: str
) -> None:
    """A layer that expands without end is given up early."""
    tar = TarBuilder().file("zeros", b"\0" * (80 << 20)).build()
    blob = gzip.compress(tar) if pack == "gzip" else zstandard.ZstdCompressor().compress(tar)
    made = image([tar])
    raw, _ = made.manifest()
    value = json.loads(raw)
    value["layers"] = [
        {
            "mediaType": f"application/vnd.oci.image.layer.v1.tar+{pack}",
            "digest": digest_of(blob),
            "size": len(blob),
        }
    ]
    shared_registry.put_blob(repository, blob, digest_of(blob))
    shared_registry.put_blob(repository, made.config, made.id)
    shared_registry.put_manifest(repository, "1", json.dumps(value).encode(), OCI_MANIFEST)

    with pytest.raises(ImageFormatError, match="expands more than 400 times"):
        engine.images.pull(f"{shared_registry.host}/{repository}", tag="1")

    assert_nothing_left(engine)


@pytest.mark.parametrize(
    ("layer", "words"),
    [
        (TarBuilder().symlink("d", "/etc").file("d/passwd", b"evil").build(), "no such file"),
        (TarBuilder().file("../../outside", b"evil").build(), None),
        (TarBuilder().symlink("d", "/etc").hardlink("stolen", "d/shadow").build(), "no such file"),
        (TarBuilder().file("a", b"x").build()[:700], "unexpected EOF"),
        (b"no archive" * 100, "invalid tar header"),
    ],
    ids=["symlink", "dots", "hard link", "cut off", "rubbish"],
)
def test_tricks_in_layers_lead_nowhere(
    engine: Engine,
    shared_registry: Registry,
    repository: str,
    layer: bytes,
    words: str | None,
) -> None:
    """Paths stay inside the layer, or the image is refused."""
    image([layer]).push(shared_registry, repository, "1")
    name = f"{shared_registry.host}/{repository}"
    if words is None:
        engine.images.pull(name, tag="1")
        assert not (engine.home.root / "outside").exists()
        assert b"evil" not in Path("/etc/passwd").read_bytes()
        return
    with pytest.raises(ImageFormatError, match=words):
        engine.images.pull(name, tag="1")
    assert_nothing_left(engine)


def test_one_who_loses_patience_leaves_nothing(
    engine: Engine, bad: Front, shared_registry: Registry, repository: str, three_layers: TestImage
) -> None:
    """A pull that is cancelled in the middle ends at once, with its processes and files."""
    three_layers.push(shared_registry, repository, "1")
    bad.faults = [Fault(BLOB, "cut", after=1000, times=10_000, over=20_000)]
    transfer = engine.images.pulling(f"{bad.host}/{repository}", "1")
    for progress in transfer:
        if progress.status == "Downloading":
            break

    transfer.cancel()

    deadline = time.monotonic() + 10
    while os.listdir(Layout(engine.home).ingest) and time.monotonic() < deadline:
        time.sleep(0.01)
    deadline = time.monotonic() + 10
    while os.listdir(engine.home.layers) and time.monotonic() < deadline:
        time.sleep(0.01)
    assert_nothing_left(engine)


def test_two_at_once_pull_one_image(
    engine: Engine, shared_registry: Registry, repository: str, three_layers: TestImage
) -> None:
    """Both get it, and it lies there once."""
    three_layers.push(shared_registry, repository, "1")
    name = f"{shared_registry.host}/{repository}:1"
    errors: list[BaseException] = []

    def pull() -> None:
        try:
            engine.images.pull(name)
        except BaseException as error:  # noqa: BLE001
            errors.append(error)
        finally:
            engine.store.close()

    threads = [threading.Thread(target=pull) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert errors == []
    assert runs(engine, name) == SEEN
    assert len(os.listdir(engine.home.layers)) == 3
    assert os.listdir(Layout(engine.home).ingest) == []


def test_a_worker_that_is_killed_leaves_no_part_of_an_image(
    engine: Engine, bad: Front, shared_registry: Registry, repository: str, three_layers: TestImage
) -> None:
    """Killed in the middle of a download: its children end, the next command sweeps up."""
    three_layers.push(shared_registry, repository, "1")
    bad.faults = [Fault(BLOB, "cut", after=1000, times=10_000, over=20_000)]
    transfer = engine.images.pulling(f"{bad.host}/{repository}", "1")
    for progress in transfer:
        if progress.status == "Downloading":
            break
    worker = [
        int(entry)
        for entry in os.listdir("/proc")
        if entry.isdecimal() and _holds(int(entry), str(Layout(engine.home).ingest))
    ]
    assert worker
    for pid in worker:
        os.kill(pid, signal.SIGKILL)

    with pytest.raises(EngineError, match="died"):
        transfer.result()

    import ipycontainer

    with ipycontainer.connect(engine.home.root) as later:
        deadline = time.monotonic() + 10
        while os.listdir(Layout(later.home).ingest) and time.monotonic() < deadline:
            later.supervisor.work("repair", {})
        assert_nothing_left(later)


def _holds(pid: int, place: str) -> bool:
    try:
        fds = os.listdir(f"/proc/{pid}/fd")
        return any(os.readlink(f"/proc/{pid}/fd/{fd}").startswith(place) for fd in fds)
    except OSError:
        return False


def test_run_in_python_pulls_what_is_missing(
    engine: Engine, shared_registry: Registry, repository: str, three_layers: TestImage
) -> None:
    """As docker's package does; `create` does not. The events tell of it."""
    three_layers.push(shared_registry, repository, "1")
    name = f"{shared_registry.host}/{repository}:1"
    with pytest.raises(ImageNotFound):
        engine.containers.create(name, ["true"])

    assert engine.containers.run(name, ["echo", "x"], network="none", remove=True) == b"x\n"

    with engine.store.read() as tx:
        told = [(event.action, event.attributes["name"]) for event in events.since(tx, 0)]
    assert ("pull", name) in told


def test_a_registry_that_is_not_there(engine: Engine) -> None:
    """In docker's words, at once or after a few tries."""
    with pytest.raises(RegistryError, match=r'Get "http://127.0.0.1:1/v2/": dial tcp .*refused'):
        engine.images.pull("127.0.0.1:1/x:1")
    assert_nothing_left(engine)
