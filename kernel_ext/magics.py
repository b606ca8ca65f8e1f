"""The magic `container`, for a line and for a cell.

First station of the way of a cell: split, expand, options, then the verb in ipycontainer.commands,
then display. Nothing of the engine is imported before the first line is run.
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from IPython.core.error import UsageError
from IPython.core.magic import (
    Magics,
    line_cell_magic,
    magics_class,
    needs_local_scope,
    no_var_expand,
)
from traitlets import Bool, Int

from ipycontainer import errors
from ipycontainer.errors import EngineError
from kernel_ext import connection, widgets
from kernel_ext import options as notebook_options
from kernel_ext.cell_values import CellValues
from kernel_ext.expand import expand
from kernel_ext.foreground import interrupted
from kernel_ext.output import CELL_BYTES
from kernel_ext.progress import bar
from kernel_ext.split import join_continued, refuse_shell, silenced, split
from kernel_ext.transfers import ask, attend
from kernel_ext.wording import in_words_of_a_cell

if TYPE_CHECKING:
    from IPython.core.interactiveshell import InteractiveShell

    from ipycontainer.commands.engine_protocols import EngineFactory

__all__ = ["ContainerMagics"]


@magics_class
class ContainerMagics(Magics):
    """Run container commands in cells: %container ps, %%container run host."""

    full_tracebacks = Bool(
        False, help="Show the whole traceback of an error instead of its line and the next step."
    ).tag(config=True)
    output_bytes = Int(
        CELL_BYTES, min=1024, help="Bytes of a program's output that one cell shows as they come."
    ).tag(config=True)

    def __init__(self, shell: InteractiveShell, connect: EngineFactory | None = None) -> None:
        super().__init__(shell, parent=shell)
        self._connect = connect or connection.connect

    @no_var_expand
    @needs_local_scope
    @line_cell_magic
    def container(
        self, line: str, cell: str | None = None, local_ns: dict[str, Any] | None = None
    ) -> Any:
        """Run a container command: docker's words, in a cell.

        %container [--stdout NAME] [--stderr NAME] [--no-raise] VERB [ARGUMENTS]
        %%container …  gives the rest of the cell to the program as its input, or as its script.

        {expression} puts a Python value in, a list as several words; '…' protects from that.
        %container --help lists the verbs, %container VERB --help tells the options of one.
        """
        try:
            return self._do(line, cell, local_ns)
        except EngineError as error:
            if self.full_tracebacks:
                self._show_whole(error)
            raise

    def _do(self, line: str, cell: str | None, local_ns: dict[str, Any] | None) -> Any:
        from ipycontainer.commands import grammar
        from ipycontainer.commands.suggesting import suggest
        from kernel_ext.display import show
        from kernel_ext.help_page import HelpPage

        if cell is not None:
            line, cell = join_continued(line, cell)
        words, quiet = silenced(split(line))
        refuse_shell(words)
        assert self.shell is not None
        names = {**self.shell.user_ns, **(local_ns or {})}
        options, argv = notebook_options.parse(expand(words, names))
        if not argv:
            if cell is not None:
                raise UsageError("the cell names no verb: %%container run host runs it as Python")
            return self._start_page()
        if cell is not None:
            _refuse_body(grammar.parse(argv, body=True).verb)
        body = cell.encode() if cell is not None else None
        try:
            outcome = grammar.invoke(
                self._connect,
                argv,
                stdin=body,
                cwd=Path.cwd(),
                attend=attend,
                ask=ask,
                need_terminal=self._need_terminal,
                reporter=bar,
                values=CellValues(names, colour=not options.stderr),
            )
        except KeyboardInterrupt:
            raise interrupted(f"{argv[0]} was given up; what it had begun is not undone") from None
        except EngineError as error:
            suggest(error, self._connect)
            in_words_of_a_cell(error)
            if isinstance(error, errors.UsageError) and not error.exit_code:
                return HelpPage(error.message)  # a group's name alone asks for its verbs
            raise
        for each in outcome.errors:
            suggest(each, self._connect)
            in_words_of_a_cell(each)
        options = replace(options, output_bytes=self.output_bytes)
        shown = show(outcome, options, argv, quiet=quiet)
        self.shell.user_ns.update(shown.kept)
        if shown.error is not None:
            raise shown.error
        return None if quiet else shown.value

    def _start_page(self) -> object:
        """Return what runs, and what to type next."""
        from kernel_ext.start_page import StartPage

        return StartPage(self._connect().containers.list(all=True))

    def _show_whole(self, error: EngineError) -> None:
        """Have IPython show the error's traceback as it shows any other."""
        assert self.shell is not None
        whole: Any = self.shell.InteractiveTB

        def render() -> list[str]:
            lines: list[str] = whole.structured_traceback(type(error), error, error.__traceback__)
            return lines

        error._render_traceback_ = render  # type: ignore[method-assign]

    def _need_terminal(self) -> None:
        assert self.shell is not None
        widgets.need(self.shell)


_READERS = frozenset({"run", "create", "start", "exec", "python"})


def _refuse_body(verb: str) -> None:
    """Raise UsageError where nobody would read a cell's body."""
    if verb not in _READERS:
        raise UsageError(f"{verb} reads no input: write it as a line, %container {verb}")
