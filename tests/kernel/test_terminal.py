"""A terminal in a cell of a real kernel: the page is played by the test."""

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
    """What a browser would do with a terminal: take rows, send keys, and see it become text."""

    def __init__(self, notebook: Notebook, cell: Cell) -> None:
        self._client = notebook.client
        self._comm = cell.data[VIEW]["model_id"]
        self.rows: dict[int, str] = {}
        self.above: list[str] = []
        self.last: dict[str, Any] = {}
        self.left: dict[str, Any] = {}  # the forms of what took the widget's place
        self.send(ready=True)

    def send(self, **content: Any) -> None:
        """Send what a page sends."""
        data = {"method": "custom", "content": content}
        message = self._client.session.msg("comm_msg", {"comm_id": self._comm, "data": data})
        self._client.shell_channel.send(message)

    @property
    def text(self) -> str:
        """Return what a person sees."""
        return "\n".join([*self.above, *(self.rows[number] for number in sorted(self.rows))])

    def until(self, enough: Callable[[], object]) -> None:
        """Take messages until the page shows enough."""
        deadline = time.monotonic() + PATIENCE_SECONDS
        while not enough():
            assert time.monotonic() < deadline, f"the page shows {self.text[-500:]!r}"
            try:
                message = self._client.get_iopub_msg(timeout=1)
            except queue.Empty:
                continue
            self._take(message["msg_type"], message["content"])

    def _take(self, kind: str, content: dict[str, Any]) -> None:
        if kind == "update_display_data":
            self.left = content["data"]
        if kind != "comm_msg" or content["comm_id"] != self._comm:
            return
        drawn = content["data"].get("content")
        if content["data"]["method"] != "custom" or drawn is None:
            return
        self.last = drawn
        if drawn["whole"]:
            self.above, self.rows = [], {}
        self.above += ["".join(text for text, _ in row) for row in drawn["above"]]
        self.rows |= {number: "".join(text for text, _ in row) for number, row in drawn["rows"]}


@pytest.fixture
def page(notebook: Notebook, busybox_tar: Path) -> Callable[[str], Page]:
    """Run a line that opens a terminal, and return its page."""
    notebook.load()
    notebook.do(f"%container import {busybox_tar} busybox")

    def open_page(line: str) -> Page:
        return Page(notebook, notebook.do(line))

    return open_page


PROMPT = "/ #"
RUN = "%container run -it --network none --name box busybox"


def test_a_shell_in_a_cell(notebook: Notebook, page: Callable[[str], Page]) -> None:
    """Keys, size and exit code go through; other cells run meanwhile; text stays at the end."""
    shown = page(f"{RUN} sh")
    shown.until(lambda: PROMPT in shown.text)
    assert notebook.do("print(6 * 7)").text() == "42\n"
    shown.send(size=[30, 100])
    shown.send(keys="stty size\r")
    shown.until(lambda: "30 100" in shown.text)
    assert shown.last["size"] == [30, 100]
    shown.send(keys="sleep 100\r")
    shown.until(lambda: "sleep 100" in shown.text)
    shown.send(keys="\x03")
    shown.send(paste="echo pasted\necho twice\n")
    shown.until(lambda: "\ntwice" in shown.text)
    shown.send(keys="exit 3\r")
    shown.until(lambda: shown.left)
    assert set(shown.left) == {"text/plain", "text/html"}
    assert "30 100" in shown.left["text/plain"]
    assert shown.left["text/plain"].endswith("[box ended with exit code 3]")


def test_a_full_screen_program(page: Callable[[str], Page]) -> None:
    """Less uses the alternate screen and its keys, and gives the first one back."""
    shown = page(f"{RUN} sh -c 'seq 500 > /n; echo before; vi /n; echo after; read a'")
    shown.until(lambda: shown.last.get("alternate") and "23" in shown.text)
    assert "before" not in "".join(shown.rows.values())
    shown.send(keys="G")
    shown.until(lambda: "500" in shown.text)
    shown.send(keys=":q\r")
    shown.until(lambda: "after" in shown.text)
    assert "before" in shown.text
    shown.send(keys="\r")
    shown.until(lambda: shown.left)


def test_a_flood(notebook: Notebook, page: Callable[[str], Page]) -> None:
    """While `yes` runs the kernel answers, the page gets little, and a Ctrl-C ends it."""
    shown = page("%container run -it --rm --init --network none --name box busybox yes")
    shown.until(lambda: "y\ny\ny" in shown.text)
    assert notebook.do("print('still here')").text() == "still here\n"
    shown.send(keys="\x03")
    shown.until(lambda: shown.left)
    assert "box ended with exit code 130" in shown.left["text/plain"]


def test_leaving_and_coming_back(page: Callable[[str], Page]) -> None:
    """The detach keys leave the program running; attach opens another terminal on it."""
    shown = page(f"{RUN} sh")
    shown.until(lambda: PROMPT in shown.text)
    shown.send(keys="here=42\r\x10\x11")
    shown.until(lambda: shown.left)
    assert "box runs on" in shown.left["text/plain"]
    again = page("%container attach box")
    again.send(keys="echo $here; exit\r")
    again.until(lambda: again.left)
    assert "42" in again.left["text/plain"]
    inside = page("%container start -ai box")
    inside.until(lambda: PROMPT in inside.text)
    other = page("%container exec -it box sh")
    other.until(lambda: PROMPT in other.text)
    other.send(keys="exit 5\r")
    other.until(lambda: other.left)
    assert other.left["text/plain"].endswith("exit code 5]")


def test_without_widgets_it_says_what_to_do(notebook: Notebook, busybox_tar: Path) -> None:
    """Nothing is started where nobody could see it."""
    notebook.load()
    notebook.do(f"%container import {busybox_tar} busybox")
    notebook.do("import kernel_ext.widgets as w; w.find_spec = lambda name: None")
    cell = notebook.run(f"{RUN} sh")
    assert cell.status == "error"
    assert "ipycontainer run -it" in "\n".join(cell.error)
    assert notebook.do("%container ps -aq").data["text/plain"] == "[]"
    body = notebook.run("%%container run -t --network none busybox cat\nx")
    assert "the input device is not a TTY" in "\n".join(body.error)
