"""What %container alone shows: what runs here, and what one might type next.

A value like any other: text in a terminal, a small page in a notebook. Built of records only.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from kernel_ext.badges import state_badge
from kernel_ext.visible import escaped

if TYPE_CHECKING:
    from ipycontainer.commands.engine_protocols import Container

__all__ = ["StartPage"]

_SHOWN = 8
_FIRST = (
    (
        "%%container run --rm host",
        "the cell's body is a Python script: run it on a copy of this machine",
    ),
    ("%%container python --in df --out result", "the same, with variables in and out"),
    ("%container run -d --name web -p 8080:80 nginx", "start something that goes on"),
)
_ALWAYS = (
    ("%container run --explain host", "see what a start does, step by step"),
    ("%container --help", "all commands; %container run? tells of one"),
)


def _code(text: str) -> str:
    """Return a command in one line, whatever the page has for code."""
    return f'<code style="white-space:nowrap">{escaped(text)}</code>'


class StartPage:
    """The containers of a home, and next steps for who sees them."""

    def __init__(self, containers: Sequence[Container]) -> None:
        self._records = [each.record for each in containers]

    @property
    def _running(self) -> list[Any]:
        return [each for each in self._records if each.state.status.alive]

    @property
    def _title(self) -> str:
        running, stopped = len(self._running), len(self._records) - len(self._running)
        if not self._records:
            return "no containers yet"
        return f"{running} running, {stopped} stopped"

    def _steps(self) -> list[tuple[str, str]]:
        steps: list[tuple[str, str]] = []
        if self._running:
            name = self._running[0].name
            steps += [
                (f"%container logs {name}", "what it printed"),
                (f"%container exec {name} ps", "run a command in it"),
                (f"%container explain {name}", "how it was started, step by step"),
                (f"%container stop {name}", "end it"),
            ]
        elif self._records:
            name = self._records[0].name
            steps += [
                (f"%container diff {name}", "what it changed"),
                (f"%container start {name}", "start it"),
                ("%container container prune", "remove all that are stopped"),
            ]
        return [*steps, *(_FIRST[:2] if self._records else _FIRST), *_ALWAYS]

    def _repr_pretty_(self, printer: Any, cycle: bool) -> None:
        del cycle  # holds records only
        lines = [self._title]
        lines += [
            f"  {each.name}  {each.config.image}  {each.state.status.value}"
            for each in self._records[:_SHOWN]
        ]
        lines += ["", "Next:"]
        width = max(len(command) for command, _ in self._steps()) + 2
        lines += [f"  {command.ljust(width)}{why}" for command, why in self._steps()]
        for number, line in enumerate(lines):
            if number:
                printer.break_()
            printer.text(line)

    def _repr_html_(self) -> str:
        rows = "".join(
            f"<div><strong>{escaped(each.name)}</strong> {escaped(each.config.image)} "
            f"{state_badge(each.state.status.value, each.state.exit_code)}</div>"
            for each in self._records[:_SHOWN]
        )
        more = len(self._records) - _SHOWN
        rows += f"<div>… {more} more: <code>%container ps -a</code></div>" if more > 0 else ""
        steps = "".join(
            f'<tr><td style="text-align:left">{_code(command)}'
            "</td>"
            f'<td style="text-align:left">{escaped(why)}</td></tr>'
            for command, why in self._steps()
        )
        return (
            f'<div style="line-height:1.7"><div><strong>{self._title}</strong></div>{rows}'
            f"<table>{steps}</table></div>"
        )
