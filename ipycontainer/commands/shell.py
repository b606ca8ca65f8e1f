"""The shell's face: `python -m ipycontainer` and the console script.

Reads the line, does it, prints what docker would print and ends with docker's exit code. Programs
in the foreground stream through; signals go to them.
"""

from __future__ import annotations

import errno
import os
import signal
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from types import FrameType
from typing import TYPE_CHECKING, Any, TextIO

from ipycontainer.commands import (
    failures,
    grammar,
    progress,
    prompt,
    shell_terminal,
    standard_streams,
    text,
    transfers,
)
from ipycontainer.commands.live import Live
from ipycontainer.commands.records import (
    Codes,
    Copied,
    EventView,
    LogView,
    Outcome,
    Running,
    Streamed,
    Waiting,
)
from ipycontainer.commands.suggesting import suggest
from ipycontainer.commands.verb import Session
from ipycontainer.errors import EngineError
from ipycontainer.model.units import human_size

if TYPE_CHECKING:
    from ipycontainer.commands.engine_protocols import Engine, EngineFactory, Foreground, Transfer

__all__ = ["main"]

# As docker's --sig-proxy does for a program without a terminal. SIGCHLD and SIGPIPE are ours.
_FORWARDED = (
    signal.SIGHUP,
    signal.SIGINT,
    signal.SIGQUIT,
    signal.SIGTERM,
    signal.SIGUSR1,
    signal.SIGUSR2,
)
_SAY_DETACHED = ("attach", "exec")  # docker ends `run` and `start` without a word, and with 0
_PATIENCE = 3  # docker's: the third SIGINT or SIGTERM ends the shell itself
_CLEAR = "\033[2J\033[H"  # erase the screen, go to its first corner
# Why a file takes no more, as with a full disk.
_UNWRITTEN = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EIO)


def main(argv: Sequence[str] | None = None, engine_factory: EngineFactory | None = None) -> int:
    """Do one command line, by default the process's own, and return the exit code."""
    standard_streams.open_closed()
    alone = argv is None
    if alone:
        sys.stdout = standard_streams.patient(1, line_buffering=os.isatty(1))
        sys.stderr = standard_streams.patient(2, line_buffering=True)
    words = list(sys.argv[1:] if argv is None else argv)
    for stream in (sys.stdout, sys.stderr):
        # Names and logs hold any bytes; what is no UTF-8 goes out as it came.
        if hasattr(stream, "reconfigure"):
            stream.reconfigure(encoding="utf-8", errors="surrogateescape")
    try:
        code = _run(words, engine_factory or _connect)
        sys.stdout.flush()
        return code
    except BrokenPipeError:
        _give_up(sys.stdout)
        return _died_of(signal.SIGPIPE, alone)
    except OSError as error:
        if error.errno not in _UNWRITTEN:
            raise
        _give_up(sys.stdout)
        try:
            print(_not_written(sys.stdout, error), file=sys.stderr)
        except OSError:  # it was this one, and nowhere is left to say so
            _give_up(sys.stderr)
        return 1
    except KeyboardInterrupt:
        return _died_of(signal.SIGINT, alone)


def _died_of(number: signal.Signals, alone: bool) -> int:
    """End as who handles no signals, for whoever waits for this process; else return the code.

    A shell script that is interrupted goes on where its command ends with a code, and ends where
    the command has died of the interrupt.
    """
    if alone:
        signal.signal(number, signal.SIG_DFL)
        os.kill(os.getpid(), number)
    return 128 + number


def _give_up(stream: TextIO) -> None:
    """Let what was not written go: the interpreter's own flush at exit must not fail once more."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), stream.fileno())


def _not_written(stream: TextIO, error: OSError) -> str:
    """Return what docker says of a stream that takes no more."""
    name = "/dev/stderr" if stream is sys.stderr else "/dev/stdout"
    return f"write {name}: {os.strerror(error.errno or 0).lower()}"


def _connect() -> Engine:
    import ipycontainer

    return ipycontainer.connect()


def _run(words: Sequence[str], engine_factory: EngineFactory) -> int:
    verb, detached = "", False
    try:
        call = grammar.parse(words)
        verb, detached = call.verb, bool(call.params.get("detach"))
        ask = prompt.ask if os.isatty(0) else None
        reporter = progress.reporter(sys.stderr)
        outcome = call.run(Session(engine_factory, 0, 1, _attend_transfer, ask, reporter=reporter))
        for each in outcome.errors if _is_terminal(sys.stderr) else ():
            suggest(each, engine_factory)
        return _show(outcome, verb)
    except EngineError as error:
        if _is_terminal(sys.stderr):
            suggest(error, engine_factory)
        verb = verb or next((word for word in words if not word.startswith("-")), "")
        _print_failure(error, verb, detached)
        return failures.exit_code(error, verb, detached=detached)


def _attend_transfer(transfer: Transfer, notice: str = "", *, to_errors: bool = False) -> Any:
    stream = sys.stderr if to_errors else sys.stdout
    return transfers.attend(transfer, notice, stream, terminal=_is_terminal(stream))


def _show(outcome: Outcome, verb: str) -> int:
    if isinstance(outcome, EventView):
        for event in outcome.events:
            print(outcome.line(event), flush=True)
        return 0
    if isinstance(outcome, (LogView, Running)):
        for warning in outcome.warnings:
            print(f"WARNING: {warning}", file=sys.stderr, flush=True)
        return _show_log(outcome) if isinstance(outcome, LogView) else _attend(outcome)
    if isinstance(outcome, Streamed):
        return _stream_out(outcome)
    if isinstance(outcome, Live):
        return _show_live(outcome)
    if isinstance(outcome, Waiting):
        errors = outcome.settled(lambda code: print(code, flush=True)).errors
        outcome = Codes(errors=errors)
    if isinstance(outcome, Copied) and not outcome.quiet and _is_terminal(sys.stderr):
        size = human_size(outcome.size, 3)
        print(f"Successfully copied {size} to {outcome.target}", file=sys.stderr)
    code = text.render(outcome, sys.stdout, sys.stderr, _is_terminal(sys.stdout), verb)
    if outcome.errors:
        _print_hint(outcome.errors[-1])
    return code


def _show_live(live: Live) -> int:
    """Print each listing in the place of the last one; as docker does, into a file too."""
    code = 0
    for listing in live.listings:
        sys.stdout.write(_CLEAR)
        code = text.render(listing, sys.stdout, sys.stderr, _is_terminal(sys.stdout), live.kind)
    return code


def _stream_out(streamed: Streamed) -> int:
    for piece in streamed.pieces:
        _write(sys.stdout, piece, flush=False)
    return 0


def _print_failure(error: EngineError, verb: str, detached: bool) -> None:
    stream = sys.stderr
    if failures.goes_to_stdout(error, verb, detached=detached):
        stream = sys.stdout
    stream.write(failures.failure_text(error, verb, detached=detached))
    stream.flush()
    _print_hint(error)


def _print_hint(error: EngineError) -> None:
    """Say the next step where a person reads it: scripts get docker's bytes."""
    if error.hint and _is_terminal(sys.stderr):
        print(error.hint, file=sys.stderr)


def _show_log(view: LogView) -> int:
    parts: Iterator[tuple[str, bytes]]
    parts = ((entry.stream, view.text(entry)) for entry in view.entries)
    if not view.follow:
        standard_streams.widen(sys.stdout)
        parts = standard_streams.gathered(parts)
    for name, data in parts:
        # At once: both streams may be one pipe (2>&1), whose reader wants the order of the log.
        _write(_stream(name), data, flush=True)
    return 0


def _attend(running: Running) -> int:
    """Pass on what a program prints and the signals that it should get; return its exit code."""
    foreground = running.foreground
    if running.input_only:
        print(running.container.id, flush=True)
        foreground.await_input()
        return 0
    with (
        _signals_to(foreground, proxied=running.sig_proxy),
        shell_terminal.shown(foreground, tty=running.tty, reads=running.reads),
    ):
        for name, data in foreground.chunks():
            try:
                _write(_stream(name), data, flush=True)
            except BrokenPipeError as error:
                if not running.sig_proxy:
                    raise
                # Who passes signals on has SIGPIPE, too, and docker's client then says so.
                _give_up(_stream(name))
                print(_not_written(_stream(name), error), file=sys.stderr)
                return 1
        code = foreground.wait()
    if foreground.detached and running.verb in _SAY_DETACHED:
        print("read escape sequence", file=sys.stderr)
        return 1
    return code


@contextmanager
def _signals_to(foreground: Foreground, *, proxied: bool) -> Iterator[None]:
    if not proxied:
        yield
        return
    asked = 0

    def forward(number: int, _: FrameType | None) -> None:
        nonlocal asked
        asked += number in (signal.SIGINT, signal.SIGTERM)
        if asked >= _PATIENCE:
            foreground.detach()
            print(f"\ngot {_PATIENCE} SIGTERM/SIGINTs, forcefully exiting", file=sys.stderr)
            raise SystemExit(1)
        foreground.signal(number)

    before = {number: signal.signal(number, forward) for number in _FORWARDED}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _is_terminal(stream: TextIO) -> bool:
    return stream.isatty()


def _stream(name: str) -> TextIO:
    return sys.stderr if name == "stderr" else sys.stdout


def _write(stream: TextIO, data: bytes, *, flush: bool) -> None:
    """Write bytes as they are: a program's output need not be text."""
    stream.flush()
    stream.buffer.write(data)
    if flush:
        stream.buffer.flush()
