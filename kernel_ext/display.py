"""Show what a verb returned, as a notebook's user wants it, and give what a variable should hold.

The way back of a cell: records of commands -> here -> frames, values, cards; a program in the
foreground goes through foreground and output. A value is returned, and IPython displays it; what is
only said (names, warnings) is printed.
"""

from __future__ import annotations

import io
import os
import shlex
import sys
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from functools import singledispatch
from typing import TYPE_CHECKING, Any

from ipycontainer.commands import text
from ipycontainer.commands.label_records import LabelListing
from ipycontainer.commands.live import Live
from ipycontainer.commands.records import (
    Changes,
    Codes,
    Diagnosis,
    DiskUsage,
    Done,
    EventView,
    Explained,
    Facts,
    Help,
    Inspected,
    Lines,
    Listing,
    LogView,
    Outcome,
    PortListing,
    ProcessList,
    PythonCell,
    Running,
    Started,
    Streamed,
)
from ipycontainer.commands.terminals import NOTEBOOK_SIZE
from ipycontainer.errors import ContainerError, EngineError, NotFound, Unsupported
from ipycontainer.model.units import human_size_binary
from kernel_ext import values, widgets
from kernel_ext.foreground import interrupted, watch
from kernel_ext.help_page import HelpPage
from kernel_ext.logs import LogProgram
from kernel_ext.options import Options
from kernel_ext.output import Output
from kernel_ext.wording import named

if TYPE_CHECKING:
    from kernel_ext.frames import Frame

__all__ = ["Shown", "show"]

_warned: set[str] = set()


_REST = "%%container --stdout NAME … keeps all of it in a variable"


@dataclass(frozen=True, slots=True)
class Shown:
    """What a cell has of a verb: its value, streams for variables, the error to end with."""

    value: Any = None
    kept: tuple[tuple[str, Any], ...] = ()
    error: BaseException | None = None


def show(outcome: Outcome, options: Options, words: Sequence[str], *, quiet: bool) -> Shown:
    """Show the outcome of the line whose words these are; `quiet` shows no names of what was done.

    Never raises for what the verb itself reports: that is `Shown.error`, so that the variables are
    set before the cell ends.
    """
    if isinstance(outcome, Live):
        return _open_listing(outcome)
    if options.kept and not isinstance(outcome, Running | LogView):
        return _as_text(outcome, options)
    _warn(outcome)
    if isinstance(outcome, Running):
        if outcome.keyboard is not None:
            return _open_terminal(outcome)
        if isinstance(outcome, PythonCell):
            return _run_cell(outcome, options, words)
        return _run(outcome, options, words)
    if isinstance(outcome, LogView):
        if outcome.follow and not options.kept and not widgets.lack():
            return Shown(_open_log(outcome))
        output = Output(options.kept, _REST, options.output_bytes)
        watch(LogProgram(outcome), output)
        return Shown(kept=_kept(output, options))
    value = _value(outcome)
    if value is None and not quiet:
        _say(outcome)
    error = outcome.errors[-1] if outcome.errors else None
    if isinstance(outcome, Done) and outcome.forgiven and error is not None:
        print(error, file=sys.stderr)
        error = None
    return Shown(value, error=error)


def forget_warnings() -> None:
    """Say each warning once more: another session begins."""
    _warned.clear()


def _warn(outcome: Outcome) -> None:
    """Print warnings, and the errors before the last one: that one ends the cell."""
    for warning in outcome.warnings:
        if warning not in _warned:  # what is the same for every start is said once a session
            _warned.add(warning)
            print(text.warning_line(warning), file=sys.stderr)
    for error in outcome.errors[:-1]:
        print(error, file=sys.stderr)
    sys.stderr.flush()  # else a kernel may show it after what the program prints


def _open_terminal(running: Running) -> Shown:
    """Show a terminal that goes on by itself: the cell has ended when this returns."""
    from kernel_ext import terminal  # imports anywidget and pyte, at the first terminal

    terminal.open_terminal(running, *NOTEBOOK_SIZE)
    return Shown()


def _open_log(log: LogView) -> Any:
    from kernel_ext import live  # imports anywidget, at the first view

    return live.open_log(log)


def _open_listing(live_listing: Live) -> Shown:
    """Show a listing that goes on by itself: the cell has ended when this returns."""
    if lack := widgets.lack():
        words = f"ipycontainer {live_listing.kind}"
        hint = f"{lack}; in a terminal: {words}{'' if live_listing.kind == 'stats' else ' --watch'}"
        return Shown(error=Unsupported("a live view is shown in the page of a notebook", hint=hint))
    from kernel_ext import live  # imports anywidget, at the first view

    return Shown(live.open_listing(live_listing))


def _run(
    running: Running,
    options: Options,
    words: Sequence[str],
    said: Callable[[], str] = str,
) -> Shown:
    """Show a program; `said` returns its own words for an exit code other than 0, or none."""
    output = Output(options.kept, _where_the_rest_is(running), options.output_bytes)
    code, was_interrupted = watch(running.foreground, output)
    kept = _kept(output, options)
    if was_interrupted:
        what = f"{running.container.name} was interrupted and ended with exit code {code}"
        return Shown(kept=kept, error=interrupted(what))
    if options.no_raise:
        return Shown(code, kept)
    return Shown(kept=kept, error=_failure(running, code, words, said()) if code else None)


def _run_cell(cell: PythonCell, options: Options, words: Sequence[str]) -> Shown:
    """Show a cell that runs in a container, and take its results when it has ended well."""
    from kernel_ext.cell_results import CellResults, error_of
    from kernel_ext.spent_files import SpentFiles

    try:
        shown = _run(cell, options, words, lambda: error_of(cell.container.exchange / "out"))
        if shown.error is not None or (options.no_raise and shown.value):
            return shown
        exchange = cell.container.exchange
        try:
            with SpentFiles() as spent:
                if not cell.kept:
                    spent.add(exchange / "in")
                found = CellResults(exchange / "out", None if cell.kept else spent)
                found.show()
                return Shown(shown.value, (*shown.kept, *found.values(cell.results)))
        except EngineError as error:
            return Shown(kept=shown.kept, error=error)
    finally:
        os.close(cell.gate)
        if not cell.kept:
            with suppress(NotFound):
                cell.container.remove(force=True)


def _where_the_rest_is(running: Running) -> str:
    removed = isinstance(running, PythonCell) and not running.kept
    if removed or running.verb == "exec" or running.container.record.config.auto_remove:
        return _REST
    return f"All of it: %container logs {running.container.name}"


def _failure(running: Running, code: int, words: Sequence[str], said: str) -> ContainerError:
    config = running.container.record.config
    command = shlex.join(words if running.verb == "exec" else config.command)
    error = ContainerError(running.container, code, command, config.image, None)
    what = "exec in " if running.verb == "exec" else ""
    told = said or f"{what}{running.container.name}: exit code {code}"
    if running.foreground.out_of_memory:
        told = f"{running.container.name}: {_out_of_memory(config.limits.memory)}"
    error.message = told
    error.args = (error.message,)
    error.hint = "%container --no-raise … goes on, and gives the code as its value"
    return error


def _out_of_memory(limit_bytes: int) -> str:
    if not limit_bytes:
        return "out of memory"
    return f"out of memory: the limit was {human_size_binary(limit_bytes, ' ')} (-m)"


def _kept(output: Output, options: Options) -> tuple[tuple[str, str], ...]:
    pairs = []
    if options.stdout:
        pairs.append((options.stdout, output.kept("stdout")))
    if options.stderr:
        pairs.append((options.stderr, output.kept("stderr")))
    return tuple(pairs)


def _as_text(outcome: Outcome, options: Options) -> Shown:
    """Give docker's own text to the variables, and what no variable wants to the cell."""
    out, err = io.StringIO(), io.StringIO()
    text.render(outcome, out, err, tty=False)
    kept: list[tuple[str, str]] = []
    if options.stdout:
        kept.append((options.stdout, out.getvalue()))
    else:
        sys.stdout.write(out.getvalue())
    if options.stderr:
        kept.append((options.stderr, err.getvalue()))
    else:
        _warn(outcome)
    forgiven = isinstance(outcome, Done) and outcome.forgiven
    error = outcome.errors[-1] if outcome.errors and not forgiven else None
    return Shown(kept=tuple(kept), error=error)


def _text(outcome: Outcome) -> str:
    """Return what the shell would print."""
    out = io.StringIO()
    text.render(outcome, out, io.StringIO(), tty=False)
    return out.getvalue().rstrip("\n")


@singledispatch
def _value(outcome: Outcome) -> Any:
    """Return what a variable holds after `x = %container …`; None for what is only said."""
    del outcome


@_value.register(Listing)
def _(outcome: Listing) -> Frame | values.Texts | list[str]:
    if outcome.quiet:
        return _text(outcome).splitlines()
    if outcome.template:
        return values.Texts(_text(outcome).splitlines())
    from kernel_ext import frames  # imports pandas, at the first listing

    if outcome.kind == "disk":
        from kernel_ext import disk_frames

        return disk_frames.kinds(outcome.rows, outcome.now_ns)  # type: ignore[arg-type]
    make: Any = {
        "ps": frames.sized_containers if outcome.sizes else frames.containers,
        "images": frames.images,
        "history": frames.history,
        "networks": frames.networks,
        "volumes": frames.volumes,
        "stats": frames.samples,
        "checkpoints": frames.checkpoints,
    }[outcome.kind]
    frame: Frame = make(outcome.rows, outcome.now_ns)
    frame.attrs["no_trunc"] = outcome.no_trunc
    return frame


@_value.register(Diagnosis)
def _(outcome: Diagnosis) -> Frame | values.Texts:
    if outcome.template:
        return values.Texts(_text(outcome).splitlines())
    from kernel_ext import check_frame

    return check_frame.checks(outcome.checks)


@_value.register(LabelListing)
def _(outcome: LabelListing) -> Frame:
    from kernel_ext import label_frames

    return label_frames.labels(outcome.rows, outcome.now_ns)


@_value.register(PortListing)
def _(outcome: PortListing) -> Frame:
    import time

    from kernel_ext import frames

    return frames.ports(outcome.rows, time.time_ns())


@_value.register(Streamed)
def _(outcome: Streamed) -> bytes:
    return b"".join(outcome.pieces)


@_value.register(Changes)
def _(outcome: Changes) -> Frame:
    import time

    from kernel_ext import frames

    if outcome.content:
        print(outcome.content, end="")
    return frames.changes(outcome.rows, time.time_ns())


@_value.register(Help)
def _(outcome: Help) -> HelpPage:
    return HelpPage(named("\n".join(outcome.lines)))


@_value.register(Explained)
def _(outcome: Explained) -> Frame:
    import time

    from kernel_ext import start_frames

    return start_frames.steps(outcome.steps, time.time_ns())


@_value.register(DiskUsage)
def _(outcome: DiskUsage) -> Frame | values.Texts:
    if outcome.template:
        return values.Texts(_text(outcome).splitlines())
    from kernel_ext import disk_frames

    return disk_frames.each(outcome)


@_value.register(ProcessList)
def _(outcome: ProcessList) -> Frame:
    import time

    from kernel_ext import frames

    return frames.processes(outcome, time.time_ns())


@_value.register(EventView)
def _(outcome: EventView) -> Frame:
    import time

    from kernel_ext import frames

    return frames.events(list(outcome.events), time.time_ns())


@_value.register(Started)
def _(outcome: Started) -> Any:
    return outcome.container


@_value.register(Codes)
def _(outcome: Codes) -> list[int]:
    return list(outcome.codes)


@_value.register(Inspected)
def _(outcome: Inspected) -> values.Objects | values.Texts | None:
    if outcome.template:
        return values.Texts(_text(outcome).splitlines())
    if outcome.errors and not outcome.objects:
        return None  # docker prints [], which says no more than the error
    return values.Objects(outcome.objects)


@_value.register(Facts)
def _(outcome: Facts) -> values.Facts | values.Texts:
    if outcome.template:
        return values.Texts(_text(outcome).splitlines())
    return values.Facts(outcome.data, _text(outcome))


def _say(outcome: Outcome) -> None:
    """Print what has no value: names of what was done, ready lines, a diagnosis."""
    lines = outcome.names if isinstance(outcome, Done) else ()
    if isinstance(outcome, Lines):
        lines = outcome.lines
    if lines or isinstance(outcome, Done | Lines):
        for line in lines:
            print(line)
    elif not isinstance(outcome, Inspected):
        print(_text(outcome))
