"""Outcomes as docker's shell prints them, to the byte: the shell's face, and the notebook's text.

Writes to two text streams and returns the exit code. What follows a moment (foreground programs,
followed logs) is shell.py's.
"""

from __future__ import annotations

import io
import json
from collections.abc import Sequence
from functools import singledispatch
from typing import Any, TextIO

from ipycontainer.commands.check_columns import check_state
from ipycontainer.commands.columns import disk_text, listing_lines, tabulate
from ipycontainer.commands.explained_lines import explained_lines
from ipycontainer.commands.facts import info_lines, version_lines
from ipycontainer.commands.failures import exit_code, failure_text
from ipycontainer.commands.go_quoting import safe_for_terminal
from ipycontainer.commands.label_records import LabelListing
from ipycontainer.commands.network_columns import port_lines
from ipycontainer.commands.records import (
    Changes,
    Codes,
    Copied,
    Diagnosis,
    DiskUsage,
    Done,
    EventView,
    Explained,
    Facts,
    Inspected,
    Lines,
    Listing,
    LogView,
    Outcome,
    PortListing,
    ProcessList,
    Running,
    Started,
    Streamed,
)
from ipycontainer.commands.templates import TemplateError, parse_or_refuse
from ipycontainer.errors import UsageError
from ipycontainer.model.go_json import go_json

__all__ = ["render", "warning_line"]

_PS_COLUMN = 20  # the least that docker gives a column of `top`


def render(outcome: Outcome, out: TextIO, err: TextIO, tty: bool, verb: str = "") -> int:
    """Write what docker would print and return its exit code.

    With `tty` the text goes to a terminal: control characters in it are made visible. Raises
    UsageError for a template that fails, after what docker prints before it.
    """
    for warning in outcome.warnings:
        err.write(f"{warning_line(warning)}\n")
    buffer = io.StringIO()
    try:
        code = _body(outcome, buffer)
    finally:
        text = buffer.getvalue()
        out.write(safe_for_terminal(text) if tty else text)
        out.flush()
    for error in outcome.errors:
        err.write(failure_text(error, verb, outcome))
    if isinstance(outcome, Done):
        err.write(f"{outcome.failure}\n" if outcome.failure else "")
        if outcome.forgiven:
            return 0
    return code or (exit_code(outcome.errors[0], verb) if outcome.errors else 0)


def warning_line(warning: str) -> str:
    """Return a warning with docker's word before it."""
    return f"WARNING{'' if warning.startswith('! ') else ': '}{warning}"


@singledispatch
def _body(outcome: Outcome, out: TextIO) -> int:
    raise TypeError(f"no text for {type(outcome).__name__}")


@_body.register
def _(outcome: Lines, out: TextIO) -> int:
    return _write(outcome.lines, out)


@_body.register
def _(outcome: Done, out: TextIO) -> int:
    return _write(outcome.names, out)


@_body.register
def _(outcome: Started, out: TextIO) -> int:
    return _write((outcome.container.id,), out)


@_body.register
def _(outcome: Codes, out: TextIO) -> int:
    return _write(map(str, outcome.codes), out)


@_body.register
def _(outcome: ProcessList, out: TextIO) -> int:
    table = [outcome.titles, *outcome.rows]
    columns = zip(*table, strict=False)
    widths = [max(_PS_COLUMN, *(len(cell) + 3 for cell in column)) for column in columns]
    lines = []
    for *cells, last in table:
        padded = [cell.ljust(width) for cell, width in zip(cells, widths, strict=False)]
        lines.append("".join(padded) + last)
    return _write(lines, out)


@_body.register
def _(outcome: Changes, out: TextIO) -> int:
    if outcome.content is not None:
        out.write(outcome.content)
        return 0
    return _write((f"{row.kind} {row.path}" for row in outcome.rows), out)


@_body.register
def _(outcome: Explained, out: TextIO) -> int:
    return _write(explained_lines(outcome), out)


@_body.register
def _(outcome: DiskUsage, out: TextIO) -> int:
    try:
        out.write(disk_text(outcome))
    except TemplateError as error:
        out.write(error.before)
        raise UsageError(str(error), exit_code=1) from None
    return 0


@_body.register
def _(outcome: Listing, out: TextIO) -> int:
    try:
        return _write(listing_lines(outcome), out)
    except TemplateError as error:
        raise UsageError(f"template parsing error: {error}", exit_code=1) from None


@_body.register
def _(outcome: LabelListing, out: TextIO) -> int:
    rows = [("CONTAINER ID", "NAMES", "LABEL", "VALUE")]
    rows += [(row.id[:12], row.name, row.key, row.value) for row in outcome.rows]
    return _write(tabulate(["\t".join(row) for row in rows]), out)


@_body.register
def _(outcome: PortListing, out: TextIO) -> int:
    return _write(port_lines(outcome), out)


@_body.register
def _(outcome: Inspected, out: TextIO) -> int:
    objects = list(outcome.objects)
    if outcome.template == "json":
        return _write((go_json(objects),), out)
    if not outcome.template:
        indented = json.dumps(objects, indent=4, ensure_ascii=False)
        return _write((indented.encode(errors="replace").decode(),), out)
    return _write(outcome.texts or ("",), out)  # of nothing there is an empty line, as in docker


@_body.register
def _(outcome: Facts, out: TextIO) -> int:
    if outcome.template == "json":
        return _write((go_json(outcome.data),), out)
    if outcome.template:
        name, go_type = _GO_NAMES[outcome.kind]
        template = parse_or_refuse(outcome.template, name)
        try:
            out.write(template.of_fact(outcome.data, go_type) + "\n")
        except TemplateError as error:
            out.write(f"{error.before}\n")
            raise UsageError(str(error), exit_code=1) from None
        return 0
    lines = version_lines if outcome.kind == "version" else info_lines
    return _write(lines(outcome.data), out)


@_body.register
def _(outcome: Diagnosis, out: TextIO) -> int:
    if outcome.template:
        rows = Listing(kind="checks", rows=outcome.checks, now_ns=0, template=outcome.template)
        return _body(rows, out) or int(not outcome.is_fit)
    lines = []
    for check in outcome.checks:
        lines.append(f"{check_state(check):<7} {check.name}: {check.detail}")
        if not check.ok and check.remedy:
            lines.append(f"{'':7} mend it with: {check.remedy}")
    _write(lines, out)
    return int(not outcome.is_fit)


@_body.register
def _(outcome: Copied, out: TextIO) -> int:
    return 0


@_body.register
def _(outcome: Streamed, out: TextIO) -> int:
    for piece in outcome.pieces:
        out.write(piece.decode(errors="surrogateescape"))
    return 0


@_body.register
def _(outcome: EventView, out: TextIO) -> int:
    return _write(map(outcome.line, outcome.events), out)


@_body.register
def _(outcome: LogView, out: TextIO) -> int:
    for entry in outcome.entries:
        out.write(outcome.text(entry).decode(errors="replace"))
    return 0


@_body.register
def _(outcome: Running, out: TextIO) -> int:
    for _, data in outcome.foreground.chunks():
        out.write(data.decode(errors="replace"))
    return outcome.foreground.wait()


def _write(lines: Sequence[str] | Any, out: TextIO) -> int:
    for line in lines:
        out.write(f"{line}\n")
    return 0


# What docker calls the template, and the Go type of what it is given.
_GO_NAMES = {
    "version": ("version", "system.versionInfo"),
    "info": ("", "system.dockerInfo"),
}
