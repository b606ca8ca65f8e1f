"""Images that move in the cells of a real kernel: bars, frames, interrupts."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.archives import TarBuilder
from tests.image_archives import image
from tests.kernel.conftest import Cell, Notebook
from tests.registries import Fault, Front, front, registry


@pytest.fixture
def remote(tmp_path: Path, busybox_tar: Path) -> Iterator[Front]:
    """A registry with the image x:1, through a proxy that can misbehave."""
    place = tmp_path / "registry"
    place.mkdir()
    with registry(place) as real, front(real.host) as before:
        top = TarBuilder().file("big", os.urandom(300_000)).build()
        image([busybox_tar.read_bytes(), top]).push(real, "x", "1")
        yield before


def pictures(cell: Cell) -> list[str]:
    """Return the HTML of every picture that the cell showed."""
    return [
        content["data"]["text/html"]
        for kind, content in cell.messages
        if kind in ("display_data", "update_display_data")
    ]


def test_a_pull_ends_as_text_and_its_image_as_frames(notebook: Notebook, remote: Front) -> None:
    """One display that is drawn over; `images` and `history` have numbers for sizes."""
    notebook.load()
    cell = notebook.do(f"%container pull {remote.host}/x:1")
    shown = pictures(cell)
    assert "Pull complete" in shown[-1]
    assert "<progress" not in shown[-1]
    assert "Downloaded newer image" in shown[-1]
    assert f"{remote.host}/x:1" in cell.text()

    frame = notebook.do("f = %container images\nrow = f[f.tag == '1'].iloc[0]\nint(row['size'])")
    assert int(frame.data["text/plain"]) > 2_000_000
    assert "sha256:" in notebook.do("row.digest").data["text/plain"]
    steps = notebook.do(f"h = %container history {remote.host}/x:1\nh['size'].tolist()")
    assert steps.data["text/plain"].startswith("[0, 300000, ")
    told = notebook.do("h.layer.tolist(), h.files.tolist()[:2], bool(h.files[2] > 1)")
    assert told.data["text/plain"] == "([<NA>, 1, 0], [0, 1], True)"
    ran = notebook.do(f"%container run --rm --network none {remote.host}/x:1 sh -c 'wc -c < /big'")
    assert ran.text() == "300000\n"


def test_an_interrupt_stops_a_pull(notebook: Notebook, remote: Front) -> None:
    """The last picture says so, nothing is listed, and the next try works."""
    notebook.load()
    remote.faults = [Fault("/blobs/", "cut", after=1000, times=10_000, over=20_000)]
    asked: list[bool] = []

    def interrupt(cell: Cell) -> None:
        if not asked and "Downloading" in "".join(pictures(cell)):
            asked.append(True)
            notebook.manager.interrupt_kernel()

    cell = notebook.run(f"%container pull {remote.host}/x:1", interrupt)
    assert cell.ename == "KeyboardInterrupt"
    assert "stopped" in pictures(cell)[-1]
    assert "<progress" not in pictures(cell)[-1]
    remote.faults = []
    left = notebook.do("l = %container images\nl.repository.tolist()")
    assert left.data["text/plain"] == "['host']"
    notebook.do(f"%container run --rm --network none {remote.host}/x:1 true")


def test_a_kernels_loop_goes_on_while_images_come(notebook: Notebook, tmp_path: Path) -> None:
    """What else a notebook awaits is served meanwhile: a pull is the work of other processes."""
    place = tmp_path / "registry"
    place.mkdir()
    big = TarBuilder()
    for number in range(30):
        big.file(f"f{number}", os.urandom(1 << 20))
    with registry(place) as real:
        image([big.build()]).push(real, "big", "1")
        notebook.load()
        notebook.do("import asyncio, time, ipycontainer\nengine = ipycontainer.connect()")
        cell = notebook.do(
            f"""
            began, ticks = time.monotonic(), 0
            pull = asyncio.ensure_future(
                asyncio.to_thread(engine.images.pull, "{real.host}/big:1")
            )
            while not pull.done():
                await asyncio.sleep(0.005)
                ticks += 1
            print((await pull).tags, time.monotonic() - began, ticks)
            """
        )
    tag, seconds, ticks = cell.text().split()
    assert tag == f"['{real.host}/big:1']"
    assert int(ticks) >= float(seconds) / 0.005 / 4, (seconds, ticks)  # a quarter: others work too
