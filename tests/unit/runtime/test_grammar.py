"""The OCI command line's words."""

from __future__ import annotations

import pytest

from ipycontainer.runtime.command_line import grammar


@pytest.mark.parametrize(
    "words",
    [
        ["--root", "r", "run", "-d", "--pid-file", "p", "-b", "d", "box"],
        ["-root", "r", "run", "-detach", "-pid-file", "p", "-bundle", "d", "box"],
        ["-root=r", "run", "--d", "--pid-file=p", "--b=d", "box"],
        ["--root", "r", "run", "box", "-detach=true", "-pid-file=p", "-b=d"],
    ],
)
def test_an_option_is_read_with_one_dash_and_with_two(words: list[str]) -> None:
    """As Go's flag package reads them, and before or behind the container's id."""
    found = grammar.parse(words)

    assert (found.root, found.command, found.id) == ("r", "run", "box")
    assert (found.detach, found.pid_file, found.bundle) == (True, "p", "d")


@pytest.mark.parametrize(
    "words", [["run", "-det", "box"], ["run", "--det", "box"], ["-ro", "list"]]
)
def test_no_option_is_known_by_its_beginning(words: list[str]) -> None:
    """Go knows none, so that a later option cannot make an earlier one unclear."""
    with pytest.raises(SystemExit) as ended:
        grammar.parse(words)

    assert ended.value.code == 1


def test_words_of_a_program_are_its_own() -> None:
    """What stands behind the id of `exec` is nobody's option."""
    found = grammar.parse(["exec", "-cwd", "/tmp", "box", "ls", "-d", "-cwd"])

    assert (found.cwd, found.detach, found.arguments) == ("/tmp", False, ["ls", "-d", "-cwd"])
