"""The live view of `logs -f`: lines of one or several containers, as they come.

A log may grow faster than any page draws. So reading is bounded, sending is paced, and what is far
behind is left out with a line that says how much, and where all of it is.
"""

from __future__ import annotations

import html
import time
from collections import deque
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

from ipycontainer.model.units import human_size, rfc3339
from kernel_ext.live.runs import Run, as_html, plain, runs
from kernel_ext.live.view import View
from kernel_ext.screen import BACKGROUND, FOREGROUND

if TYPE_CHECKING:
    from ipycontainer.commands.engine_protocols import LogEntry
    from ipycontainer.commands.live_protocols import Follower
    from ipycontainer.commands.records import LogView as LogRecord
    from kernel_ext.frames import Frame

__all__ = ["LogView"]

KEPT_LINES = 5000
STILL_LINES = 200
BATCH_SECONDS = 0.2
BATCH_BYTES = 40_000  # 0.2 MB a second: a fifth of what the server lets a kernel send
BEHIND_BYTES = 512 * 1024  # more than that is not drawn, it would scroll by unseen
WHOLE_BYTES = 1_000_000  # for a page that has just come
LINE_BYTES = 60  # of a message, besides its text
_STYLE = (
    f"background:#{BACKGROUND};color:#{FOREGROUND};padding:6px;margin:0;line-height:1.3;"
    "font-family:monospace;white-space:pre-wrap"
)


class LogView(View):
    """The lines of some logs."""

    def __init__(self, record: LogRecord) -> None:
        containers = (record.container, *record.others)
        names = ", ".join(each.name for each in containers)
        super().__init__(f"logs of {names}", "log.js", None)
        self._logs: list[Follower] = [each.follow_log(record.wanted) for each in containers]
        self._details = record.details
        self._timestamps = record.timestamps
        self._lines: deque[list[Any]] = deque(maxlen=KEPT_LINES)
        self._new: list[list[Any]] = []
        self._new_bytes = 0
        self._count = 0
        self._ended: set[int] = set()
        self._reading = set(range(len(self._logs)))  # those that may have more to read now
        self._at: float = 0.0
        self._read_standing()

    def frame(self) -> Frame:
        """Return the lines that are kept: when, of whom, on which stream, and the text."""
        from kernel_ext import frames, schemas

        lines = [line for line in list(self._lines) if line[2] < 2]
        columns = {
            "time": [line[3] for line in lines],
            "container": [self._logs[line[1]].name for line in lines],
            "stream": [("stdout", "stderr")[line[2]] for line in lines],
            "line": [plain(line[4]) for line in lines],
        }
        return frames.filled(schemas.LINES, columns, time.time_ns())

    # ── reading ──────────────────────────────────────────────────────────────────────────────

    def _read_standing(self) -> None:
        """Read what stands there before the cell ends, in the order of the times."""
        found: list[tuple[LogEntry, int]] = []
        for number, each in enumerate(self._logs):
            if left := each.skip(BEHIND_BYTES):
                self._left_out(number, left)
            while entries := each.read():
                found += [(entry, number) for entry in entries]
        for entry, number in sorted(found, key=lambda pair: pair[0].time_ns)[-KEPT_LINES:]:
            self._add(entry, number)
        self._note_ends()
        self._new.clear()

    def _descriptors(self) -> Iterable[int]:
        return [each.fileno() for each in self._logs if not each.ended]

    def _next(self) -> float | None:
        return self._at if self._reading or self._new else None

    def _step(self, now: float, rang: bool, ready: frozenset[int]) -> str:
        del rang
        for number, each in enumerate(self._logs):
            if not each.ended and each.fileno() in ready:
                each.grew()
                self._reading.add(number)
        if now < self._at:
            return ""
        for number in sorted(self._reading):
            self._read(number)
        self._note_ends()
        if self._new:
            self._at = now + max(BATCH_SECONDS, self._new_bytes / BATCH_BYTES * BATCH_SECONDS)
            self._send({"lines": [_message(line) for line in self._new], "ended": self._told()})
            self._new, self._new_bytes = [], 0
        return ""

    def _read(self, number: int) -> None:
        follower = self._logs[number]
        if follower.behind_bytes > BEHIND_BYTES:
            self._left_out(number, follower.skip(BATCH_BYTES // 2))
        entries = follower.read(BATCH_BYTES // len(self._reading))
        for entry in entries:
            self._add(entry, number)
        if not entries:
            self._reading.discard(number)
            follower.ask()

    def _add(self, entry: LogEntry, number: int) -> None:
        line = runs(entry.text)
        if self._details:
            line.insert(0, (self._details, "opacity:.7"))
        self._keep(number, int(entry.stream == "stderr"), entry.time_ns, line)

    def _left_out(self, number: int, size: int) -> None:
        name = self._logs[number].name
        what = f"… {human_size(size, 3)} are left out here. All of it: %container logs {name}"
        self._keep(number, 2, time.time_ns(), [(what, "font-style:italic")])

    def _note_ends(self) -> None:
        for number, each in enumerate(self._logs):
            if each.ended and number not in self._reading and number not in self._ended:
                self._ended.add(number)
                self._keep(number, 2, time.time_ns(), [("the log has ended", "font-style:italic")])

    def _keep(self, number: int, stream: int, time_ns: int, line: list[Run]) -> None:
        self._count += 1
        kept = [self._count, number, stream, time_ns, line]
        self._lines.append(kept)
        self._new.append(kept)
        self._new_bytes += _size(line)

    # ── showing ──────────────────────────────────────────────────────────────────────────────

    def _told(self) -> list[int]:
        return sorted(self._ended)

    def _whole(self) -> dict[str, Any]:
        lines: list[list[Any]] = []
        size = 0
        for line in reversed(self._lines):
            size += _size(line[4])
            if size > WHOLE_BYTES:
                break
            lines.append(_message(line))
        return {
            "lines": lines[::-1],
            "names": [each.name for each in self._logs],
            "timestamps": self._timestamps,
            "ended": self._told(),
            "kept": KEPT_LINES,
        }

    def _close(self) -> None:
        super()._close()
        for each in self._logs:
            each.close()

    def _picture(self) -> tuple[str, str]:
        lines = list(self._lines)[-STILL_LINES:]
        heads = [self._head(line) for line in lines]
        text = "\n".join(head + plain(line[4]) for head, line in zip(heads, lines, strict=True))
        marked = "\n".join(
            html.escape(head) + as_html(line[4]) for head, line in zip(heads, lines, strict=True)
        )
        return text, f'<pre style="{_STYLE}">{marked}</pre>'

    def _head(self, line: list[Any]) -> str:
        head = f"{rfc3339(line[3])} " if self._timestamps else ""
        if len(self._logs) > 1:
            head += f"{self._logs[line[1]].name} | "
        return head + ("err | " if line[2] == 1 else "")


def _size(line: list[Run]) -> int:
    """Return about how many bytes a line takes in a message."""
    return LINE_BYTES + sum(len(text) + len(style) for text, style in line)


def _message(line: list[Any]) -> list[Any]:
    count, number, stream, time_ns, text = line
    return [count, number, stream, time_ns // 1_000_000, text]
