"""Live views in a real kernel: the page is played by the test."""

from __future__ import annotations

import queue
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.kernel.conftest import PATIENCE_SECONDS, Cell, Notebook

VIEW = "application/vnd.jupyter.widget-view+json"


class Page:
    """What a browser would do with a live view: greet, and take what is sent."""

    def __init__(self, notebook: Notebook, cell: Cell) -> None:
        self._client = notebook.client
        shown = [content["data"] for kind, content in cell.messages if kind == "display_data"]
        self._comm = next(data[VIEW]["model_id"] for data in shown if VIEW in data)
        self.still: dict[str, Any] = shown[-1]  # the picture that a saved notebook keeps
        self.messages: list[dict[str, Any]] = []
        self.closed = False

    def send(self, **content: Any) -> None:
        """Send what a page sends."""
        data = {"method": "custom", "content": content}
        message = self._client.session.msg("comm_msg", {"comm_id": self._comm, "data": data})
        self._client.shell_channel.send(message)

    def until(self, enough: Callable[[], object]) -> None:
        """Take messages until there was enough."""
        deadline = time.monotonic() + PATIENCE_SECONDS
        while not enough():
            assert time.monotonic() < deadline, self.messages[-3:]
            try:
                message = self._client.get_iopub_msg(timeout=1)
            except queue.Empty:
                continue
            self._take(message["msg_type"], message["content"])

    def _take(self, kind: str, content: dict[str, Any]) -> None:
        if kind == "update_display_data" and content["data"].get("text/plain"):
            self.still = content["data"]
        if content.get("comm_id") != self._comm:
            return
        if kind == "comm_close":
            self.closed = True
        elif kind == "comm_msg" and content["data"]["method"] == "custom":
            self.messages.append(content["data"]["content"])
            self.send(seen=self.messages[-1]["number"])

    def do(self, code: str) -> None:
        """Run a cell whose messages are the page's to take."""
        self._client.execute(code)

    def of(self, key: str) -> list[Any]:
        """Return all values that came under a key, one list after the other."""
        return [value for message in self.messages for value in message.get(key, ())]


@pytest.fixture
def opened(notebook: Notebook, busybox_tar: Path) -> Callable[[str], Page]:
    """Run a line that opens a view, and return its page, which has greeted."""
    notebook.load()
    notebook.do(f"%container import {busybox_tar} busybox")

    def open_view(line: str) -> Page:
        page = Page(notebook, notebook.do(line))
        page.send(ready=True)
        page.until(lambda: page.messages)
        return page

    return open_view


def run(notebook: Notebook, name: str, script: str) -> None:
    """Run a container in the background."""
    notebook.do(f"c = %container run -d --network none --name {name} busybox sh -c '{script}'")


def test_stats(notebook: Notebook, opened: Callable[[str], Page]) -> None:
    """It ticks while cells run, sees who comes, and leaves a picture when it is stopped."""
    run(notebook, "busy", "while :; do :; done")
    page = opened("s = %container stats")
    assert "busy" in page.still["text/html"]
    page.until(lambda: len(page.of("moments")) >= 3)
    names = [row[1] for row in page.of("moments")[-1][1]]
    assert names == ["busy"]
    assert page.of("moments")[-1][1][0][2] > 10  # per cent of a processor
    run(notebook, "late", "sleep 1000")
    page.until(lambda: len(page.of("moments")[-1][1]) == 2)
    frame = notebook.do("f = s.frame(); f.columns[0], set(f.name), f.cpu_percent.max() > 10")
    assert frame.data["text/plain"] == "('time', {'busy', 'late'}, np.True_)"
    page.do("s.stop()")
    page.until(lambda: page.closed)
    assert "stopped at" in page.still["text/plain"]
    assert page.still["text/html"].count("data:image/svg+xml;base64,") == 5
    threads = notebook.do("import threading; [t.name for t in threading.enumerate()]")
    assert "container views" not in threads.data["text/plain"]


def test_one_thread_serves_all_views(notebook: Notebook, opened: Callable[[str], Page]) -> None:
    """Four views, one thread; a cell that is run again ends its former view."""
    run(notebook, "web", "sleep 1000")
    for line in ("stats", "top --watch web", "ps --watch", "logs -f web"):
        opened(f"%container {line}")
    threads = notebook.do("import threading; [t.name for t in threading.enumerate()]")
    assert threads.data["text/plain"].count("container views") == 1


def test_ps_waits_for_the_bell(notebook: Notebook, opened: Callable[[str], Page]) -> None:
    """Nothing is sent while nothing happens; what happens is sent at once."""
    page = opened("%container ps --watch")
    before = len(page.messages)
    time.sleep(1.5)
    page.until(lambda: True)
    assert len(page.messages) == before
    run(notebook, "web", "sleep 1000")
    page.until(lambda: any(row["state"] == "running" for row in page.messages[-1]["rows"]))
    notebook.do("%container pause web")
    page.until(lambda: page.messages[-1]["rows"][0]["state"] == "paused")
    notebook.do("%container rm -f web")
    page.until(lambda: page.messages[-1]["rows"] == [])


def test_top_has_both_pids(notebook: Notebook, opened: Callable[[str], Page]) -> None:
    """The tree of processes, with the pid here and inside; it ends with its container."""
    run(notebook, "web", "sleep 1000 & wait")
    page = opened("t = %container top --watch web")
    page.until(lambda: len(page.messages[-1]["rows"]) == 2)
    first, second = page.messages[-1]["rows"]
    assert [row[1] for row in (first, second)] == [1, 2]
    assert [row[7] for row in (first, second)] == [0, 1]
    assert second[8] == "sleep 1000"
    assert Path(f"/proc/{second[0]}").exists()
    frame = notebook.do("f = t.frame(); f.pid_inside.tolist(), f.ppid[1] == f.pid[0]")
    assert frame.data["text/plain"] == "([1, 2], np.True_)"
    page.do("%container kill web")
    page.until(lambda: page.closed)
    assert "ended at" in page.still["text/plain"]


def test_logs_of_several(notebook: Notebook, opened: Callable[[str], Page]) -> None:
    """Lines come with their container, stream and colours; at the end that is said."""
    script = 'printf "\\033[31mred\\033[0m\\n"; echo oops >&2; read x < /tmp/f; echo bye'
    for name in ("one", "two"):
        run(notebook, name, f"mkfifo /tmp/f; {script}")
    page = opened("v = %container logs -f one two")
    page.until(lambda: len(page.of("lines")) == 4)
    lines = page.of("lines")
    assert page.messages[0]["names"] == ["one", "two"]
    assert {(line[1], line[2]) for line in lines} == {(0, 0), (0, 1), (1, 0), (1, 1)}
    assert ["red", "color:#f0706a"] in [line[4][0] for line in lines]
    for name in ("one", "two"):  # what is executed may be killed by the end that it brings
        notebook.do(f"%container --no-raise exec {name} sh -c 'echo > /tmp/f'")
    page.until(lambda: page.messages[-1].get("ended") == [0, 1])
    frame = notebook.do("f = v.frame(); f.stream.value_counts().to_dict(), f.line.iloc[-1]")
    assert frame.data["text/plain"] == "({'stdout': 4, 'stderr': 2}, 'bye')"


def test_a_flood(notebook: Notebook, opened: Callable[[str], Page]) -> None:
    """Of 100 MB in a few seconds the page gets little, and a line that says where the rest is."""
    notebook.do(
        "c = %container run -d --network none --name flood busybox sh -c "
        "'sleep 1; yes 0123456789012345678901234567890123456789 | head -c 100000000'"
    )
    page = opened("v = %container logs -f flood")
    page.until(lambda: page.messages[-1].get("ended") == [0])
    sent = sum(len(run[0]) for line in page.of("lines") for run in line[4])
    assert sent < 5_000_000
    texts = ["".join(run[0] for run in line[4]) for line in page.of("lines")]
    rest = [text for text in texts if "left out here" in text]
    assert rest
    assert all(text.endswith("All of it: %container logs flood") for text in rest)
    assert notebook.do("print('still here')").text() == "still here\n"


@pytest.mark.slow
def test_twenty_containers_cost_little(notebook: Notebook, opened: Callable[[str], Page]) -> None:
    """Watching twenty containers each second takes less than 2 % of a processor."""
    notebook.do(
        "from ipycontainer import connect\n"
        "e = connect()\n"
        "for n in range(20):\n"
        "    e.containers.run('busybox', ['sleep', '1000'], network='none', detach=True)"
    )
    page = opened("s = %container stats")
    page.until(lambda: len(page.of("moments")) >= 3)
    cell = notebook.do(
        "import time\n"
        "wall, cpu = time.monotonic(), time.process_time()\n"
        "time.sleep(6)\n"
        "print((time.process_time() - cpu) / (time.monotonic() - wall))"
    )
    page.until(lambda: len(page.of("moments")) >= 8)
    assert len(page.of("moments")[-1][1]) == 20
    assert float(cell.text()) < 0.02
