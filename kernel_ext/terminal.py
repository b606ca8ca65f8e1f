"""A terminal in a cell: a program's screen in the page, its keys from there, text at the end.

`open_terminal` returns at once. One thread reads what the program prints into a Screen and sends
the rows that changed, at a pace that no page minds; what the page sends arrives in threads of the
kernel's. Imported by the first terminal, since anywidget and pyte are.
"""

from __future__ import annotations

import html
import os
import threading
import time
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

import anywidget
import traitlets
from IPython.display import display

from ipycontainer.errors import OperationTimeout
from kernel_ext.page import close, module
from kernel_ext.screen import BACKGROUND, FOREGROUND, Row, Screen
from kernel_ext.scrolling import scrolling

if TYPE_CHECKING:
    from ipycontainer.commands.engine_protocols import Foreground
    from ipycontainer.commands.records import Running

__all__ = ["Terminal", "open_terminal"]

FRAME_SECONDS = 0.04
PAGE_BYTES_A_SECOND = 200_000  # a fifth of what the server lets a kernel send
FEED_BYTES = 8 * 1024  # a frame: pyte takes about 0.2 MB a second
BACKLOG_BYTES = 64 * 1024  # of a flood, the rest is left out: it would scroll by unseen
LEAVE_OUT_TO = b"\n"
ROWS, COLUMNS = range(2, 201), range(10, 501)
_STYLE = (
    f"background:#{BACKGROUND};color:#{FOREGROUND};padding:6px;line-height:1.2;"
    "font-family:monospace;overflow:auto;max-height:40em"
)
_PLAIN = "margin:0;color:inherit;background:none;font:inherit"  # whatever the page's <pre> has


class _Widget(anywidget.AnyWidget):
    """The page's half: rows and keys travel as messages, so that each view draws on its own."""

    _esm = module(Path(__file__).with_name("terminal.js"))
    title = traitlets.Unicode().tag(sync=True)

    def __repr__(self) -> str:
        return f"{self.title}: this page shows no widgets"


class Keys:
    """What is typed, on its way to the program; a program that does not read holds nobody up."""

    def __init__(self, ends: tuple[int, int]) -> None:
        self._reader, self._fd = ends
        os.set_blocking(self._fd, False)
        self._pending = b""
        self._lock = threading.Lock()

    def press(self, data: bytes) -> None:
        """Send, or keep until the program reads again."""
        with self._lock:
            self._pending += data
            try:
                while self._pending and self._fd >= 0:
                    self._pending = self._pending[os.write(self._fd, self._pending) :]
            except BlockingIOError:
                return
            except OSError:  # EPIPE: it has ended
                self._pending = b""

    @property
    def is_waiting(self) -> bool:
        """Tell whether something is kept."""
        return bool(self._pending)

    def close(self) -> None:
        """End the input."""
        with self._lock:
            os.close(self._fd)
            os.close(self._reader)
            self._fd = -1
            self._pending = b""


class Terminal:
    """A program's terminal, from its start to the text that is left of it."""

    def __init__(self, running: Running, rows: int, columns: int) -> None:
        self._foreground: Foreground = running.foreground
        self._name = running.container.name
        self._screen = Screen(rows, columns)
        self._lock = threading.Lock()  # of the screen: its thread feeds it, the kernel's resize it
        assert running.keyboard is not None
        self._keys = Keys(running.keyboard)
        self._pending = bytearray()
        self._views = 0
        self._left = False
        self._widget = _Widget(title=f"Terminal of {self._name}")
        self._widget.on_msg(self._take)
        self._shown: Any = None
        self._thread = threading.Thread(target=self._run, name="container terminal", daemon=True)

    def start(self) -> None:
        """Show it in the current cell and begin to read."""
        self._shown = display(self._widget, display_id=True)  # type: ignore[no-untyped-call]
        self._thread.start()

    def join(self, timeout: float | None = None) -> bool:
        """Wait for the program's end; tell whether it has come."""
        self._thread.join(timeout)
        return not self._thread.is_alive()

    @property
    def text(self) -> str:
        """Return what is on the screen, and above it, as text."""
        with self._lock:
            return self._screen.text()

    # ── from the page ────────────────────────────────────────────────────────────────────────

    def _take(self, _: object, content: Any, __: object) -> None:
        """Take a message of the page: keys, what was pasted, a size, or a new view's greeting."""
        if not isinstance(content, dict):
            return
        if isinstance(keys := content.get("keys"), str):
            self._keys.press(keys.encode())
        if isinstance(pasted := content.get("paste"), str):
            self._keys.press(self._bracketed(pasted).encode())
        if size := content.get("size"):
            self._resize(size)
        if content.get("placed") and self._left:
            close(self._widget)  # else each page that is loaded would ask for it again
        if content.get("ready"):
            self._views += 1
            with self._lock:
                above, rows = self._screen.everything()
                self._send(above, rows, whole=True)

    def _bracketed(self, text: str) -> str:
        """Return a pasted text as a terminal types it; its own marks must not end the bracket."""
        text = text.replace("\r\n", "\r").replace("\n", "\r").replace("\x1b[201~", "")
        return f"\x1b[200~{text}\x1b[201~" if self._screen.brackets_paste else text

    def _resize(self, size: Any) -> None:
        try:
            rows, columns = (int(number) for number in size)
        except (TypeError, ValueError):
            return
        if rows in ROWS and columns in COLUMNS:
            with self._lock:
                self._screen.resize(rows, columns)
            self._foreground.resize(rows, columns)

    # ── to the page ──────────────────────────────────────────────────────────────────────────

    def _run(self) -> None:
        told = "The terminal was left"
        try:
            next_frame = 0.0
            while self._read(next_frame):
                now = time.monotonic()
                if self._pending and now >= next_frame:
                    sent = self._advance()
                    next_frame = now + max(FRAME_SECONDS, sent / PAGE_BYTES_A_SECOND)
                if self._keys.is_waiting:
                    self._keys.press(b"")
            code = self._foreground.wait()
            told = f"{self._name} ended with exit code {code}"
            if self._foreground.detached:
                told = f"{self._name} runs on: %container attach {self._name}"
        except Exception as error:  # noqa: BLE001 - whatever it was, the page must not wait for us
            told = f"{self._name}: {error}"
        with suppress(Exception):
            while self._pending:
                self._advance()
        self._freeze(told)
        self._keys.close()

    def _read(self, next_frame: float) -> bool:
        """Read a chunk, at most until the next frame is due; False when there is no more."""
        patience = max(0.0, next_frame - time.monotonic()) if self._pending else None
        if self._keys.is_waiting:
            patience = FRAME_SECONDS
        try:
            chunk = self._foreground.read(patience)
        except OperationTimeout:
            return True
        if chunk is None:
            return False
        self._pending += chunk[1]
        if len(self._pending) > BACKLOG_BYTES:
            kept = bytes(self._pending[-FEED_BYTES:])
            self._pending = bytearray(kept[kept.find(LEAVE_OUT_TO) + 1 :])
            self._screen.skip()
        return True

    def _advance(self) -> int:
        """Draw a part of what is waiting and send it; return about how many bytes were sent."""
        part = bytes(self._pending[:FEED_BYTES])
        del self._pending[:FEED_BYTES]
        with self._lock:
            answer = self._screen.feed(part)
            above, rows = self._screen.take_changes()
            size = self._send(above, rows)
        if answer:
            self._keys.press(answer.encode())
        return size

    def _send(self, above: list[Row], rows: dict[int, Row], *, whole: bool = False) -> int:
        screen = self._screen
        self._widget.send(
            {
                "whole": whole,
                "above": above,
                "rows": list(rows.items()),
                "size": screen.size,
                "cursor": screen.cursor,
                "alternate": screen.is_alternate,
                "applicationKeys": screen.has_application_keys,
                "title": screen.title,
            }
        )
        return sum(
            20 + len(text) + len(style) for row in (*above, *rows.values()) for text, style in row
        )

    def _freeze(self, told: str) -> None:
        """Put text in the widget's place: that is what a saved notebook keeps."""
        with self._lock:
            text, marked = self._screen.text(), self._screen.html()
        lines = f'<pre style="{_PLAIN}">{marked}</pre>'
        body = scrolling(lines, _STYLE, "terminal screen") if marked else ""
        left = {
            "text/plain": f"{text}\n[{told}]".lstrip("\n"),
            "text/html": f"{body}<div><em>{html.escape(told)}</em></div>",
        }
        self._shown.update(left, raw=True)
        with suppress(Exception):  # the page may be gone, and with it the way to it
            if self._views > 1:
                # A page that was loaded anew does not know the display: it places the text itself.
                self._left = True
                self._widget.send({"left": left, "told": told, "id": self._widget.model_id})
            else:
                close(self._widget)


def open_terminal(running: Running, rows: int, columns: int) -> Terminal:
    """Show a running program's terminal in the current cell, and return at once."""
    terminal = Terminal(running, rows, columns)
    terminal.start()
    return terminal
