"""Classes of bugs in what comes from registries and archives: each harms only without its rule."""

from __future__ import annotations

import ctypes
import gzip
import hashlib
import io
import json
import os
import signal
import stat
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from ipycontainer.errors import EngineError, ImageFormatError
from ipycontainer.images import compression, manifest
from ipycontainer.images.blob_stream import BlobStream
from ipycontainer.images.compression import Decompressed
from ipycontainer.images.layout import Layout
from ipycontainer.images.registry import web
from ipycontainer.images.registry.settings import RegistrySettings
from ipycontainer.linux.dirfd import DirFd
from ipycontainer.model.image import Descriptor
from ipycontainer.storage import attributes, trees, unpack
from ipycontainer.store.home import open_home
from tests.archives import TarBuilder
from tests.system.security import rules
from tests.system.security.rules import either

MARK = "of-the-attacker"


@dataclass(frozen=True)
class Place:
    """Where a layer is unpacked, and a directory beside it that must stay as it is."""

    tree: Path
    victim: Path

    def take(self, archive: TarBuilder) -> str:
        """Unpack an archive; return why it was refused, "" where it was not."""
        try:
            with DirFd.open(self.tree) as target:
                unpack.unpack(io.BytesIO(archive.build()).read, target, userxattr=True)
        except (EngineError, OSError) as error:
            return str(error)
        return ""

    @property
    def harmed(self) -> bool:
        """Tell whether anything beside the layer has changed, or is reached from inside."""
        kept = (self.victim / "kept").stat() if (self.victim / "kept").exists() else None
        beside = sorted(path.name for path in self.victim.iterdir())
        around = sorted(path.name for path in self.tree.parent.iterdir())
        alone = kept is not None and kept.st_nlink == 1 and kept.st_size == 4
        return not alone or beside != ["kept"] or around != ["layer", "victim"]


@pytest.fixture
def place(tmp_path: Path) -> Place:
    """A layer's directory, and what lies beside it."""
    made = Place(tmp_path / "here/layer", tmp_path / "here/victim")
    made.tree.mkdir(parents=True)
    made.victim.mkdir()
    (made.victim / "kept").write_text("kept")
    return made


# ── tar ──────────────────────────────────────────────────────────────────────────────────────

Make = Callable[[str], TarBuilder]

# By where the victim lies: archives that want to write there, or to have what is there.
ESCAPES: dict[str, Make] = {
    "parent": lambda _: TarBuilder().file("../victim/new", b"x"),
    "absolute": lambda victim: TarBuilder().file(f"{victim}/new", b"x"),
    "through a link": lambda victim: TarBuilder().symlink("a", victim).file("a/new", b"x"),
    "through two links": lambda victim: (
        TarBuilder().symlink("a", "b").symlink("b", victim).file("a/new", b"x")
    ),
    "a link up": lambda _: TarBuilder().symlink("a", "../victim").file("a/new", b"x"),
    "hard link": lambda victim: TarBuilder().hardlink("a", f"{victim}/kept"),
    "hard link up": lambda _: TarBuilder().hardlink("a", "../victim/kept"),
    "hard link through a link": lambda victim: (
        TarBuilder().symlink("d", victim).hardlink("a", "d/kept")
    ),
    "a directory that became a link": lambda victim: (
        TarBuilder().directory("d").file("d/x").symlink("d", victim).file("d/new", b"x")
    ),
    "a link that became a directory's name": lambda victim: (
        TarBuilder().symlink("d", victim).directory("d/new")
    ),
    "a fifo through a link": lambda victim: TarBuilder().symlink("d", victim).fifo("d/new"),
    "whiteout through a link": lambda victim: TarBuilder().symlink("d", victim).file("d/.wh.kept"),
    "whiteout of the parent": lambda _: TarBuilder().directory("d").file("d/.wh..."),
    "PAX name": lambda victim: TarBuilder().file("x" * 200 + f"/../../{'../' * 9}{victim}/new"),
}


@pytest.mark.parametrize("way", ESCAPES)
def test_an_archive_that_wants_out(place: Place, way: str) -> None:
    """CVE-2025-4517 and its kin: nothing is written, linked or deleted outside of the layer."""
    place.take(ESCAPES[way](str(place.victim)))
    assert not place.harmed


def test_an_archive_that_wants_out_without_the_rule(
    place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    """By the paths that they name, most of them get there."""

    def openat(self: DirFd, path: str, flags: int, mode: int = 0) -> int:
        where = path if path.startswith("/") else f"/proc/self/fd/{self.fd}/{path}"
        return os.open(where, flags & ~os.O_NOFOLLOW | os.O_CLOEXEC, mode)

    monkeypatch.setattr(DirFd, "openat", openat)
    monkeypatch.setattr(unpack, "clean", lambda name: name)
    monkeypatch.setattr(unpack, "_DIRECTORY", os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    out = []
    for way, make in ESCAPES.items():
        place.take(make(str(place.victim)))
        if place.harmed:
            out.append(way)
        for path in (*place.victim.iterdir(), *place.tree.iterdir()):
            if path.is_dir() and not path.is_symlink():
                continue
            path.unlink()
        for path in (*place.victim.iterdir(), *place.tree.iterdir()):
            fd = os.open(path.parent, os.O_RDONLY)
            trees.remove(fd, path.name)
            os.close(fd)
        (place.victim / "kept").write_text("kept")
    assert {"parent", "absolute", "through a link", "a link up", "hard link"} <= set(out)


WHITEOUTS = (".wh.", ".wh..", ".wh...")


@pytest.mark.parametrize("name", WHITEOUTS)
def test_a_whiteout_of_no_name(place: Place, name: str) -> None:
    """A whiteout deletes a name of its own directory, never that directory or the one above."""
    assert "invalid whiteout" in place.take(TarBuilder().directory("d").file(f"d/{name}"))
    assert not place.harmed


def test_a_whiteout_of_no_name_without_the_rule(
    place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It hides what lies below its own directory, or below the one above."""
    monkeypatch.setattr(unpack, "_NO_NAMES", frozenset())
    for name, hidden in ((".wh..", "d"), (".wh...", ".")):
        place.take(TarBuilder().directory("d").file(f"d/{name}"))
        assert os.getxattr(place.tree / hidden, "user.overlay.opaque") == b"y"


def test_a_whiteout_by_device(place: Place) -> None:
    """What means `deleted` to overlayfs cannot come as a device of the archive."""
    assert "0:0" in place.take(TarBuilder().device("gone", 0, 0))
    assert list(place.tree.iterdir()) == []


def test_a_whiteout_by_device_without_the_rule(
    place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Made as any other device it would hide the lower layers' file."""

    def device(self: Any, parent: DirFd, name: str, entry: Any, path: str) -> bool:
        os.mknod(name, stat.S_IFCHR | 0o600, 0, dir_fd=parent.fd)
        return True

    monkeypatch.setattr(unpack.Unpacker, "_device", device)
    place.take(TarBuilder().device("gone", 0, 0))
    assert attributes.is_whiteout((place.tree / "gone").stat())


@either
def test_attributes_that_mean_something_to_overlayfs(
    place: Place, monkeypatch: pytest.MonkeyPatch, holds: bool
) -> None:
    """An archive sets file capabilities and what is the user's own, never overlayfs's marks."""
    if not holds:
        monkeypatch.setattr(attributes, "allowed", lambda _: True)
    marks = {"user.overlay.opaque": "y", "user.mine": "1"}
    place.take(TarBuilder().file("f", b"x", xattrs=marks))
    found = os.listxattr(place.tree / "f")
    assert "user.mine" in found
    assert ("user.overlay.opaque" in found) == (not holds)


# ── deleting ─────────────────────────────────────────────────────────────────────────────────


def _remove_by_path(directory: int, name: str) -> None:
    path = f"/proc/self/fd/{directory}/{name}"
    for entry in os.listdir(path):
        inside = f"{path}/{entry}"
        if os.path.islink(inside) or not os.path.isdir(inside):
            os.unlink(inside)
            continue
        time.sleep(0.001)  # between the check and the use
        for file in os.listdir(inside):
            os.unlink(f"{inside}/{file}")
        os.rmdir(inside)
    os.rmdir(path)


@either
def test_a_tree_that_changes_while_it_is_deleted(tmp_path: Path, holds: bool) -> None:
    """CVE-2024-23652: who swaps directories for links meanwhile has nothing else deleted."""
    remove = trees.remove if holds else _remove_by_path
    victim, here = tmp_path / "victim", tmp_path / "here"
    victim.mkdir()
    here.mkdir()
    exchange = ctypes.CDLL(None).renameat2
    directory = os.open(here, os.O_RDONLY | os.O_DIRECTORY)
    lost = rounds = 0
    while rounds < (rules.ROUNDS if holds else rules.LOSING_ROUNDS) and not lost:
        rounds += 1
        for number in range(8):
            (victim / str(number)).touch()
        place, link = here / "tree/way", here / "tree/link"
        place.mkdir(parents=True)
        for number in range(8):
            (place / str(number)).touch()
        link.symlink_to(victim)
        child = os.fork()
        if child == 0:
            while True:
                exchange(-100, os.fsencode(place), -100, os.fsencode(link), 2)
        try:
            remove(directory, "tree")
        except OSError:
            pass
        finally:
            os.kill(child, signal.SIGKILL)
            os.waitpid(child, 0)
        trees.remove(directory, "tree")
        lost = 8 - len(os.listdir(victim))
    os.close(directory)
    assert (lost > 0) == (not holds)


# ── digests, sizes, bombs ────────────────────────────────────────────────────────────────────


def _lie(tmp_path: Path, said: bytes, size: int, sent: bytes) -> str:
    """Take in a blob that is not what its descriptor says; return why it was refused."""
    layout = Layout(open_home(tmp_path / "home"))
    digest = f"sha256:{hashlib.sha256(said).hexdigest()}"
    stream = BlobStream(layout, Descriptor("application/octet-stream", digest, size))
    try:
        stream.write(sent)
        stream.finish()
    except ImageFormatError as error:
        return error.message
    finally:
        stream.close()
    return ""


@either
def test_a_blob_that_is_another(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, holds: bool
) -> None:
    """What comes is measured and hashed: neither another content nor another size is taken."""
    if not holds:
        monkeypatch.setattr(BlobStream, "finish", lambda _: None)
    said = [
        _lie(tmp_path, b"right", 5, b"wrong"),
        _lie(tmp_path, b"right", 6, b"right"),
        _lie(tmp_path, b"right", 5, b"right"),
    ]
    assert [bool(words) for words in said] == ([True, True, False] if holds else [False] * 3)
    assert "more than the 4 bytes" in _lie(tmp_path, b"right", 4, b"right")


@either
def test_a_manifest_that_is_two_things(monkeypatch: pytest.MonkeyPatch, holds: bool) -> None:
    """CVE-2021-41190: what has layers and manifests both is neither."""
    if not holds:
        monkeypatch.setattr(
            manifest, "parse", lambda raw: manifest._manifest(raw, "", json.loads(raw))
        )
    both = {
        "schemaVersion": 2,
        "config": {
            "mediaType": "application/vnd.oci.image.config.v1+json",
            "digest": f"sha256:{'0' * 64}",
            "size": 1,
        },
        "layers": [],
        "manifests": [],
    }
    try:
        manifest.parse(json.dumps(both).encode())
    except ImageFormatError:
        assert holds
    else:
        assert not holds


@either
def test_an_archive_that_expands_a_thousand_times(
    monkeypatch: pytest.MonkeyPatch, holds: bool
) -> None:
    """A bomb is given up once it would hurt, however small it came."""
    if not holds:
        monkeypatch.setattr(compression, "MOST_RATIO", 1 << 60)
    bomb = io.BytesIO(gzip.compress(bytes(compression.RATIO_FROM_BYTES + (8 << 20)), 9))
    stream = Decompressed(bomb.read, 1 << 40)
    total = 0
    try:
        while piece := stream.read(1 << 20):
            total += len(piece)
    except ImageFormatError:
        assert holds
        return
    assert not holds
    assert total == compression.RATIO_FROM_BYTES + (8 << 20)


# ── credentials ──────────────────────────────────────────────────────────────────────────────


@contextmanager
def _server(answer: Callable[[BaseHTTPRequestHandler], None]) -> Iterator[str]:
    """Serve HTTP on loopback; each request is answered by the function."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            answer(self)

        def log_message(self, format: str, *values: object) -> None:  # noqa: A002
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    server.server_close()
    thread.join()


@either
def test_a_password_that_follows_a_redirect(monkeypatch: pytest.MonkeyPatch, holds: bool) -> None:
    """CVE-2020-15157: who is somewhere else, be it another port, is not told the password."""
    heard: list[str | None] = []
    if not holds:
        monkeypatch.setattr(web, "origin", lambda _: ("http", "all alike", 80))

    def there(request: BaseHTTPRequestHandler) -> None:
        heard.append(request.headers.get("Authorization"))
        request.send_response(200)
        request.send_header("Content-Length", "0")
        request.end_headers()

    with _server(there) as elsewhere:

        def here(request: BaseHTTPRequestHandler) -> None:
            request.send_response(307)
            request.send_header("Location", f"{elsewhere}/blob")
            request.send_header("Content-Length", "0")
            request.end_headers()

        with _server(here) as first:
            client = web.Web(RegistrySettings())
            headers = {"Authorization": "Basic c2VjcmV0"}
            client.request("GET", f"{first}/v2/", headers).read(100)
    assert heard == [None if holds else "Basic c2VjcmV0"]
