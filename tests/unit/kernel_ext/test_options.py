"""The notebook's own options stand before the verb; what follows it is docker's."""

from __future__ import annotations

import pytest
from IPython.core.error import UsageError

from kernel_ext.options import Options, parse


@pytest.mark.parametrize(
    ("arguments", "options", "rest"),
    [
        (["ps", "-a"], Options(), ["ps", "-a"]),
        (["--no-raise", "run", "x"], Options(no_raise=True), ["run", "x"]),
        (
            ["--stdout", "out", "--stderr=err", "run", "--no-raise"],
            Options("out", "err"),
            ["run", "--no-raise"],
        ),
        (["--help"], Options(), ["--help"]),
        ([], Options(), []),
    ],
)
def test_options_end_at_the_verb(arguments: list[str], options: Options, rest: list[str]) -> None:
    """Options are taken up to the verb, and none behind it."""
    assert parse(arguments) == (options, rest)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--stdout"], "needs an argument"),
        (["--stdout", "a b", "run"], "not a name"),
        (["--stdout", "class", "run"], "not a name"),
        (["--out", "x", "run"], "unknown flag: --out"),
        (["--no-raise=1", "run"], "unknown flag"),
        (["-d", "run"], "unknown flag: -d"),
    ],
)
def test_wrong_options_are_named(arguments: list[str], message: str) -> None:
    """An option that the notebook does not have is refused by name."""
    with pytest.raises(UsageError, match=message):
        parse(arguments)


def test_kept_streams() -> None:
    """A stream is kept when a variable was named for it."""
    assert Options(stdout="x").kept == {"stdout"}
    assert Options().kept == frozenset()
