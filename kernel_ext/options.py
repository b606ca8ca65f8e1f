"""The notebook's own options, which stand before the verb: `%%container --stdout out run …`.

Between expand and the grammar. What follows the verb is docker's and is not looked at here.
"""

from __future__ import annotations

import keyword
from collections.abc import Sequence
from dataclasses import dataclass

from IPython.core.error import UsageError

from kernel_ext.output import CELL_BYTES

__all__ = ["Options", "parse"]

_STREAMS = ("--stdout", "--stderr")
_HELP = ("--help", "--version")  # the grammar's own, without a verb


@dataclass(frozen=True, slots=True)
class Options:
    """What becomes of the output.

    `stdout`, `stderr`: the variables that get a stream as text instead of the cell showing it,
    empty for none. `no_raise`: a program's exit code other than 0 is no error. `output_bytes`
    bounds what the cell shows of a program as it comes.
    """

    stdout: str = ""
    stderr: str = ""
    no_raise: bool = False
    output_bytes: int = CELL_BYTES

    @property
    def kept(self) -> frozenset[str]:
        """Return the names of the streams that go into variables."""
        chosen = {"stdout": self.stdout, "stderr": self.stderr}
        return frozenset(stream for stream, variable in chosen.items() if variable)


def parse(arguments: Sequence[str]) -> tuple[Options, list[str]]:
    """Return the options and the rest, which begins with the verb.

    Raises UsageError for an option that is not the notebook's, and for a name that Python refuses.
    """
    variables = {"--stdout": "", "--stderr": ""}
    no_raise = False
    rest = list(arguments)
    while rest and rest[0].startswith("-") and rest[0] not in _HELP:
        option, equals, value = rest.pop(0).partition("=")
        if option == "--no-raise" and not equals:
            no_raise = True
        elif option in _STREAMS:
            if not equals:
                if not rest:
                    raise UsageError(f"flag needs an argument: {option}")
                value = rest.pop(0)
            if not value.isidentifier() or keyword.iskeyword(value):
                raise UsageError(f"{option}: {value!r} is not a name for a variable")
            variables[option] = value
        else:
            raise UsageError(
                f"unknown flag: {option}; before the verb stand --stdout NAME, --stderr NAME "
                "and --no-raise"
            )
    return Options(variables["--stdout"], variables["--stderr"], no_raise), rest
