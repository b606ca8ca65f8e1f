"""The magic `container`, for a line and for a cell.

First station of the way of a cell: split, expand, options, then the verb in ipycontainer.commands,
then display. Nothing of the engine is imported before the first line is run.
"""

from __future__ import annotations

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

from kernel_ext import connection, widgets
from kernel_ext import options as notebook_options
from kernel_ext.cell_values import CellValues
from kernel_ext.expand import expand
from kernel_ext.foreground import interrupted
from kernel_ext.progress import bar
from kernel_ext.split import join_continued, refuse_shell, silenced, split
from kernel_ext.transfers import ask, attend

if TYPE_CHECKING:
    from IPython.core.interactiveshell import InteractiveShell

    from ipycontainer.commands.border import EngineFactory

__all__ = ["ContainerMagics"]


@magics_class
class ContainerMagics(Magics):
    """Run container commands in cells: %container ps, %%container run host."""

    def __init__(self, shell: InteractiveShell, connect: EngineFactory | None = None) -> None:
        super().__init__(shell)
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
        from ipycontainer.commands import grammar
        from kernel_ext.display import show

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
            argv = ["--help"]
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
                values=CellValues(names),
            )
        except KeyboardInterrupt:
            raise interrupted(f"{argv[0]} was given up; what it had begun is not undone") from None
        shown = show(outcome, options, argv, quiet=quiet)
        self.shell.user_ns.update(shown.kept)
        if shown.error is not None:
            raise shown.error
        return None if quiet else shown.value

    def _need_terminal(self) -> None:
        assert self.shell is not None
        widgets.need(self.shell)


_READERS = frozenset({"run", "create", "start", "exec", "python"})


def _refuse_body(verb: str) -> None:
    """Raise UsageError where nobody would read a cell's body."""
    if verb not in _READERS:
        raise UsageError(f"{verb} reads no input: write it as a line, %container {verb}")
