"""The magic `byhand`: cells that a scratch process runs, where namespaces can be made by hand.

Beside magics, with the same way of showing what runs: foreground watches, output shows. The process
is ipycontainer.byhand's; it is made by the first cell and ends with the kernel.
"""

from __future__ import annotations

import inspect
import shlex
import threading
from typing import TYPE_CHECKING

from IPython.core.error import UsageError
from IPython.core.magic import Magics, line_cell_magic, magics_class, no_var_expand

from kernel_ext.foreground import interrupted, watch
from kernel_ext.output import Output

if TYPE_CHECKING:
    from IPython.core.interactiveshell import InteractiveShell

    from ipycontainer.byhand.client import Failure, Scratch

__all__ = ["ByHandError", "ByHandMagics"]


class ByHandError(Exception):
    """What a cell raised in the scratch process, shown with the cell's lines."""

    def __init__(self, failure: Failure) -> None:
        super().__init__(failure.error)
        self._lines = list(failure.lines)

    def _render_traceback_(self) -> list[str]:
        return self._lines


@magics_class
class ByHandMagics(Magics):
    """Run cells in a process of their own: %%byhand."""

    def __init__(self, shell: InteractiveShell) -> None:
        super().__init__(shell)
        self._scratch: Scratch | None = None
        self._one_at_a_time = threading.Lock()

    @no_var_expand
    @line_cell_magic
    def byhand(self, line: str, cell: str | None = None) -> None:
        """Run a cell of plain Python in a scratch process, which makes namespaces by hand.

        %%byhand         run the cell; variables stay until the process is thrown away
        %%byhand --new   throw the process away first, with all that it has mounted and started
        %byhand --end    throw it away
        %byhand          list what it brings: unshare, mount, pivot_root, clone and others

        A kernel has many threads, and Linux gives new user namespaces only to a process with one.
        The process is no sandbox: it has the rights that you have.
        """
        wanted = _options(line, cell)
        if not self._one_at_a_time.acquire(blocking=False):
            raise UsageError("another cell of %%byhand runs")
        try:
            if wanted:
                self.end()
            if cell is not None:
                self._run(cell)
            elif not wanted:
                print(_overview())
            elif wanted == "--new":
                self._started()
        finally:
            self._one_at_a_time.release()

    def end(self) -> None:
        """Throw the process away, if there is one."""
        scratch, self._scratch = self._scratch, None
        if scratch is not None:
            scratch.end()

    def _started(self) -> Scratch:
        if self._scratch is None:
            from ipycontainer.byhand.client import Scratch

            self._scratch = Scratch()
        return self._scratch

    def _run(self, text: str) -> None:
        assert self.shell is not None
        scratch = self._started()
        name = f"In [{self.shell.execution_count}]"
        try:
            cell = scratch.run(text, name)
        except BrokenPipeError:  # it has ended between the cells
            self.end()
            scratch = self._started()
            cell = scratch.run(text, name)
        output = Output(rest="Print less, or write it to a file.")
        _, asked = watch(cell, output)
        if scratch.exit_code is not None:
            code = scratch.exit_code
            self.end()
            if asked:
                raise interrupted("the scratch process did not listen and was ended")
            how = f"by signal {-code}" if code < 0 else f"with exit code {code}"
            print(f"The scratch process has ended {how}. The next %%byhand makes a new one.")
        elif cell.failure is not None:
            if cell.failure.interrupted:
                raise interrupted("the cell was interrupted; the scratch process goes on")
            raise ByHandError(cell.failure)


def _options(line: str, cell: str | None) -> str:
    """Return `--new`, `--end` or nothing. Raises UsageError."""
    try:
        words = shlex.split(line)
    except ValueError as error:
        raise UsageError(f"{line}: {error}") from None
    allowed = ("--new",) if cell is not None else ("--new", "--end")
    if len(words) > 1 or not set(words) <= set(allowed):
        raise UsageError(f"byhand takes {' or '.join(allowed)}, not: {line.strip()}")
    return words[0] if words else ""


def _overview() -> str:
    from ipycontainer.byhand import calls

    functions = [getattr(calls, name) for name in calls.__all__]
    rows = [
        f"  {function.__name__:<16}{(inspect.getdoc(function) or '').splitlines()[0]}"
        for function in functions
        if inspect.isfunction(function)
    ]
    flags = [name for name in calls.__all__ if name.isupper()]
    return "\n".join(
        ["A cell that begins with %%byhand finds:", "", *rows, "", "and " + " ".join(flags) + "."]
    )
