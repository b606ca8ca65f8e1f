"""What all live views share: a widget, a still picture beside it, and the talk with the page.

A saved notebook must show something, whenever it was saved and whatever became of the kernel; a
widget without its kernel shows nothing. So a cell gets two outputs: the widget, and plain HTML that
is drawn anew now and then by its display's handle. The page hides the second one while the first
one lives; no other page does.
"""

from __future__ import annotations

import html
import secrets
import threading
import time
from abc import ABC, abstractmethod
from collections import deque
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

import anywidget
import traitlets
from IPython.display import display

from kernel_ext.live.pump import PUMP
from kernel_ext.page import close, module
from kernel_ext.scrolling import scrolling

if TYPE_CHECKING:
    from ipycontainer.commands.live_protocols import Bell
    from kernel_ext.frames import Frame

__all__ = ["View"]

# When the still picture is drawn after the beginning, in seconds, then each so many.
STILL_AT = (0.5, 2.0)
STILL_SECONDS = 10.0
STILL_SECONDS_ALONE = 2.0  # where no page has a widget: then the still picture is all there is
REFRESH_SECONDS = 0.2  # a hundred containers that start ring a hundred times
UNSEEN_MESSAGES = 30  # a server keeps for ever what is sent to a page that was closed
STOP_PATIENCE_SECONDS = 5.0
_STILL_STYLE = "overflow:auto;max-height:40em"
_HERE = Path(__file__).parent


class _Widget(anywidget.AnyWidget):
    """The page's half: everything that changes travels as messages, so that a page may be late."""

    _esm = traitlets.Unicode().tag(sync=True)
    _css = traitlets.Unicode().tag(sync=True)
    title = traitlets.Unicode().tag(sync=True)
    key = traitlets.Unicode().tag(sync=True)

    def __repr__(self) -> str:
        return f"{self.title}: a live view, whose last picture stands below"


class View(ABC):
    """A live view; `stop` ends it, `frame` gives what it has seen.

    What begins with `_` is for the kinds of views: `_step`, `_next`, `_whole`, `_picture`.
    """

    def __init__(self, title: str, script: str, bell: Bell | None) -> None:
        self.title = title
        self._key = secrets.token_hex(6)
        self._widget = _Widget(
            _esm=module(_HERE / "live.js", _HERE / "grid.js", _HERE / script),
            _css=(_HERE / "live.css").read_text(),
            title=title,
            key=self._key,
        )
        self._widget.on_msg(self._take)
        self._bell = bell
        self._messages: deque[dict[str, Any]] = deque()
        self._rang = True
        self._refreshed_at = float("-inf")
        self._sent = self._seen = 0
        self._has_page = self._is_anew = False
        self._stopping = ""
        self._over = threading.Event()
        self._shown: Any = None
        self._still: Any = None
        self._still_due = 0.0
        self._began = 0.0
        self._cell = ""  # in which it was shown: there, as the cell's value, it is not shown twice

    def __repr__(self) -> str:
        return f"<{self.title}: {'stopped' if self._over.is_set() else 'live'}>"

    def start(self, cell: str) -> None:
        """Show it in the current cell and let it go on; `cell` names that one."""
        self._cell = cell
        self._began = time.monotonic()
        self._still_due = self._began + STILL_AT[0]
        self._shown = display(self._widget, display_id=True)  # type: ignore[no-untyped-call]
        self._still = display(self._bundle(), raw=True, display_id=True)  # type: ignore[no-untyped-call]
        PUMP.add(self)

    def stop(self) -> None:
        """End it: its last picture stays in the cell."""
        self._stop("stopped")

    @abstractmethod
    def frame(self) -> Frame:
        """Return what it has seen as a frame."""

    def _stop(self, told: str) -> None:
        if not self._over.is_set():
            self._stopping = told
            PUMP.wake()
            if not PUMP.is_own_thread:
                self._over.wait(STOP_PATIENCE_SECONDS)

    def _ipython_display_(self) -> None:
        """Show it once more, in another cell than the one that shows it already."""
        from kernel_ext.live.opening import current_cell

        if not self._cell or current_cell() != self._cell:
            display(repr(self) if self._over.is_set() else self._widget)  # type: ignore[no-untyped-call]
        self._cell = ""

    # ── of the kinds ─────────────────────────────────────────────────────────────────────────

    @abstractmethod
    def _step(self, now: float, rang: bool, ready: frozenset[int]) -> str:
        """Look, and send what is new; return what to say at the end, "" while it goes on."""

    @abstractmethod
    def _next(self) -> float | None:
        """Return when to look again."""

    @abstractmethod
    def _whole(self) -> dict[str, Any]:
        """Return what a page that has just come must know."""

    @abstractmethod
    def _picture(self) -> tuple[str, str]:
        """Return what there is to see as text and as HTML."""

    def _descriptors(self) -> Iterable[int]:
        """Return what it waits for besides the bell."""
        return ()

    def _close(self) -> None:
        """Give back what it holds."""
        if self._bell is not None:
            self._bell.close()

    # ── the pump's ───────────────────────────────────────────────────────────────────────────

    def waits_for(self) -> Iterable[int]:
        """Return the bell, and what this kind waits for."""
        bell = () if self._bell is None else (self._bell.fileno(),)
        return (*bell, *self._descriptors())

    def due(self) -> float | None:
        """Return when to look, or to draw the still picture."""
        dues = [self._still_due]
        if (following := self._next()) is not None:
            dues.append(following)
        if self._rang and self._bell is not None:
            dues.append(self._refreshed_at + REFRESH_SECONDS)
        return min(dues)

    def turn(self, now: float, ready: frozenset[int]) -> bool:
        """Answer the page, look, send, draw; False after the end."""
        while self._messages:
            self._answer(self._messages.popleft())
        if self._bell is not None and self._bell.fileno() in ready:
            self._bell.wait(0)
            self._rang = True
        rang = self._rang and now >= self._refreshed_at + REFRESH_SECONDS
        if rang:
            self._rang, self._refreshed_at = False, now
        told = self._step(now, rang, ready) or self._stopping
        if told:
            self._end(told)
            return False
        if now >= self._still_due:
            self._draw_still(self._bundle())
            self._still_due = self._following_still(time.monotonic())
        return True

    def failed(self, error: Exception) -> None:
        """Say in the cell what ended it."""
        with suppress(Exception):
            self._end(f"ended by an error: {error}")
        self._over.set()

    def _following_still(self, now: float) -> float:
        for seconds in STILL_AT:
            if now < self._began + seconds:
                return self._began + seconds
        return now + (STILL_SECONDS if self._has_page else STILL_SECONDS_ALONE)

    # ── the page ─────────────────────────────────────────────────────────────────────────────

    def _take(self, _: object, content: Any, __: object) -> None:
        """Take a message of the page, in whichever thread of the kernel's it comes."""
        if not isinstance(content, dict):
            return
        if content.get("placed") and self._over.is_set():
            close(self._widget)  # else each page that is loaded would ask for it again
            return
        self._messages.append(content)
        PUMP.wake()

    def _answer(self, message: dict[str, Any]) -> None:
        if message.get("ready"):
            self._has_page = True
            self._is_anew = self._is_anew or bool(message.get("anew"))
            self._seen = self._sent
            self._send({"whole": True, **self._whole()})
        if isinstance(seen := message.get("seen"), int):
            self._seen = max(self._seen, min(seen, self._sent))
        if message.get("stop"):
            self._stopping = "stopped"

    def _send(self, content: dict[str, Any]) -> None:
        """Send to the page, unless it has not listened for a while."""
        if self._sent - self._seen < UNSEEN_MESSAGES:
            self._sent += 1
            self._widget.send({**content, "number": self._sent})

    # ── the still picture ────────────────────────────────────────────────────────────────────

    def _bundle(self, told: str = "") -> dict[str, str]:
        text, marked = self._picture()
        moment = time.strftime("%H:%M:%S")
        said = f"{self.title}, {told} at {moment}" if told else f"{self.title} at {moment}"
        # The summary can have the focus where a page that does not trust us drops tabindex.
        folded = f"<details open><summary><em>{html.escape(said)}</em></summary>{marked}</details>"
        return {
            "text/plain": f"{said}\n{text}",
            "text/html": (
                f'<div class="ipycontainer-still ipycontainer-still-{self._key}">'
                f"{scrolling(folded, _STILL_STYLE, self.title)}</div>"
            ),
        }

    def _draw_still(self, bundle: dict[str, str]) -> None:
        self._still.update(bundle, raw=True)
        if self._is_anew:
            # A page that was loaded anew does not know the display: it places the picture itself.
            self._send({"still": bundle})

    def _end(self, told: str) -> None:
        """Leave the still picture alone in the cell."""
        self._close()
        bundle = self._bundle(told)
        nothing = {"text/plain": "", "text/html": ""}
        self._still.update(bundle, raw=True)
        self._shown.update(nothing, raw=True)
        with suppress(Exception):  # the page may be gone, and with it the way to it
            if self._is_anew:
                self._over.set()  # before the page can answer that it has placed it
                self._sent = self._seen
                self._send({"still": bundle, "left": nothing, "id": self._widget.model_id})
            else:
                close(self._widget)
        self._over.set()
