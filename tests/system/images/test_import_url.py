"""Root file systems from the web, platforms by name, and the caller's own loop meanwhile."""

from __future__ import annotations

import asyncio
import gzip
import io
import os
import threading
import time
from collections.abc import Iterator
from contextlib import suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from ipycontainer.engine.engine import Engine
from ipycontainer.errors import EngineError, ImageNotFound, InvalidArgument, RegistryError
from ipycontainer.images.layout import Layout
from ipycontainer.images.registry.web import NetworkFailure
from tests.archives import TarBuilder
from tests.conftest import Shell
from tests.image_archives import image
from tests.registries import Registry
from tests.system.images.conftest import assert_nothing_left

pytestmark = pytest.mark.sampled


@pytest.fixture
def site(busybox_tar: Path) -> Iterator[str]:
    """The address of a server with the small image, and with what goes wrong."""
    content = busybox_tar.read_bytes()

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            with suppress(ConnectionError):  # who asked has left
                self.answer()

        def answer(self) -> None:
            body = {"/plain.tar": content, "/packed.tar.gz": gzip.compress(content, 1)}
            if self.path == "/moved.tar":
                self.send_response(302)
                self.send_header("Location", "/plain.tar")
                self.end_headers()
                return
            if self.path in body or self.path in ("/cut.tar", "/stuck.tar"):
                whole = body.get(self.path, content)
                self.send_response(200)
                self.send_header("Content-Length", str(len(whole)))
                self.end_headers()
                self.wfile.write(whole if self.path in body else whole[: len(whole) // 2])
                if self.path == "/stuck.tar":
                    while not stopped.wait(0.02):  # it goes on, and never ends
                        self.wfile.write(b"\0")
                return
            self.send_response(404 if self.path == "/missing.tar" else 500)
            self.end_headers()
            self.wfile.write(b"nothing of\nthat name")

        def log_message(self, *_: object) -> None:
            pass

    stopped = threading.Event()
    running = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    running.daemon_threads = True
    thread = threading.Thread(target=running.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    yield f"http://127.0.0.1:{running.server_address[1]}"
    stopped.set()
    running.shutdown()
    running.server_close()
    thread.join()


@pytest.mark.parametrize("name", ["plain.tar", "packed.tar.gz", "moved.tar"])
def test_an_archive_comes_from_an_address(
    shell: Shell, engine: Engine, site: str, name: str
) -> None:
    """Plain, compressed, or behind a redirect; its history says where it is from."""
    done = shell("import", "-c", 'CMD ["true"]', f"{site}/{name}", "web:1")
    assert (done.returncode, done.stderr) == (0, "")
    said, image_id = done.stdout.splitlines()
    assert said == f"Downloading from {site}/{name}"
    record = engine.images.get("web:1").record
    assert (image_id, record.comment) == (record.id, f"Imported from {site}/{name}")
    seen = engine.run("web:1", ["echo", "here"], network="none", remove=True)
    assert seen.stdout == b"here\n"


def test_how_far_it_is_can_be_watched(engine: Engine, site: str, busybox_tar: Path) -> None:
    """In bytes that have come."""
    told: list[int] = []
    engine.images.import_(f"{site}/plain.tar", "web", progress=told.append)
    assert told == sorted(told)
    assert not told or told[-1] <= busybox_tar.stat().st_size


@pytest.mark.parametrize(
    ("name", "kind", "words"),
    [
        ("missing.tar", ImageNotFound, "with status 404 Not Found: nothing of that name"),
        ("broken.tar", RegistryError, "with status 500 Internal Server Error: nothing of that"),
        ("cut.tar", NetworkFailure, "unexpected EOF"),
    ],
)
def test_what_does_not_come_whole_is_no_image(
    engine: Engine, site: str, name: str, kind: type[EngineError], words: str
) -> None:
    """The error says what the server did, and nothing is left."""
    with pytest.raises(kind if kind is not NetworkFailure else RegistryError, match=words):
        engine.images.import_(f"{site}/{name}", "web")
    assert_nothing_left(engine)


def test_nobody_there_is_said(shell: Shell, engine: Engine) -> None:
    """By the words of Go's net package, on one line."""
    done = shell("import", "http://127.0.0.1:9/x.tar", "web")
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr == (
        'Error response from daemon: Get "http://127.0.0.1:9/x.tar": '
        "dial tcp 127.0.0.1:9: connect: connection refused\n"
    )
    assert_nothing_left(engine)


def test_one_that_hangs_can_be_given_up(engine: Engine, site: str) -> None:
    """Whoever asked leaves, and the worker with its half goes."""

    def stop(_: int) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        engine.images.import_(f"{site}/stuck.tar", "web", progress=stop)
    deadline = time.monotonic() + 20
    ingest = Layout(engine.home).ingest
    while any((*engine.home.layers.iterdir(), *ingest.iterdir())) and time.monotonic() < deadline:
        time.sleep(0.05)
    assert_nothing_left(engine)


def test_a_platform_is_what_is_said_of_an_import(
    shell: Shell, engine: Engine, busybox_tar: Path, tmp_path: Path
) -> None:
    """Another one is written into the image, is saved by its name, and no other is."""
    done = shell("import", "--platform", "linux/arm/v7", str(busybox_tar), "other:1")
    assert done.returncode == 0, done.stderr
    record = engine.images.get("other:1").record
    assert (record.os, record.architecture, record.variant) == ("linux", "arm", "v7")
    refused = shell("import", "--platform", "windows/amd64", str(busybox_tar), "w:1")
    assert refused.stderr == "Error response from daemon: operating system is not supported\n"
    with pytest.raises(InvalidArgument, match="cannot parse platform specifier"):
        engine.images.import_(busybox_tar, platform="a/b/c/d")
    saved = tmp_path / "saved.tar"
    assert shell("save", "--platform", "linux/arm", "-o", str(saved), "other:1").returncode == 0
    wrong = shell("save", "--platform", "linux/s390x", "-o", str(tmp_path / "no.tar"), "other:1")
    assert wrong.returncode == 1
    assert wrong.stderr == (
        "Error response from daemon: image with reference other:1 was found but its platform "
        "(linux/arm/v7) does not match the specified platform (linux/s390x)\n"
    )
    assert not (tmp_path / "no.tar").exists()
    engine.images.remove("other:1")
    with pytest.raises(EngineError, match="no image for the platform linux/amd64"):
        engine.images.load(saved.read_bytes(), platform="linux/amd64")
    (loaded,) = engine.images.load(saved.read_bytes(), platform="linux/arm/v7")
    assert loaded.tags == ["other:1"]


def test_the_callers_loop_goes_on_meanwhile(
    engine: Engine, shared_registry: Registry, repository: str
) -> None:
    """A pull and a load are others' work: the process that asked has its time for itself."""
    big = TarBuilder()
    for number in range(30):
        big.file(f"f{number}", os.urandom(1 << 20))
    image([big.build()]).push(shared_registry, repository, "1")
    name = f"{shared_registry.host}/{repository}:1"

    async def measured(work: object) -> tuple[float, int, float]:
        assert callable(work)
        running = asyncio.ensure_future(asyncio.to_thread(work))
        began, own, ticks = time.monotonic(), time.process_time(), 0
        while not running.done():
            await asyncio.sleep(0.005)
            ticks += 1
        await running
        return time.monotonic() - began, ticks, time.process_time() - own

    archive = io.BytesIO()
    for work in (lambda: engine.images.pull(name), lambda: _save_and_load(engine, name, archive)):
        seconds, ticks, own_seconds = asyncio.run(measured(work))
        assert ticks >= seconds / 0.005 / 4, (seconds, ticks)  # a quarter: the machine is busy
        assert own_seconds < max(0.5 * seconds, 0.2), (seconds, own_seconds)


def _save_and_load(engine: Engine, name: str, _: io.BytesIO) -> None:
    fd = os.memfd_create("archive")
    with os.fdopen(fd, "w+b") as file:
        with engine.images.saving([name], file.fileno()) as transfer:
            transfer.result()
        engine.images.remove(name)
        file.seek(0)
        engine.images.load(file)
