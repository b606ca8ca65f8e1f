"""Completion in IPython: which part of a cell is ours, and what of a word IPython is given."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest
from IPython.core.completer import provisionalcompleter
from IPython.core.interactiveshell import InteractiveShell
from traitlets.config import Config

from kernel_ext import completion
from kernel_ext.completion import line_before
from tests.unit.commands.test_completing import Known


@pytest.fixture(scope="module")
def shell(tmp_path_factory: pytest.TempPathFactory) -> Iterator[InteractiveShell]:
    """Make one shell for the module, with our matcher."""
    config = Config()
    config.HistoryManager.enabled = False
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("IPYTHONDIR", str(tmp_path_factory.mktemp("ipython")))
        shell = InteractiveShell.instance(config=config)
        completion.register(shell, Known())
        yield shell
        completion.unregister(shell)
        InteractiveShell.clear_instance()


def completed(shell: InteractiveShell, text: str) -> list[str]:
    """Return the texts that a page would put in place of what was typed."""
    with provisionalcompleter():
        found = list(shell.Completer.completions(text, len(text)))
    return [text[: each.start] + each.text for each in found]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("%container cre", ["%container create"]),
        ("%%container pyth", ["%%container python"]),
        ("x = %container ins", ["x = %container inspect"]),
        ("%container run debian:1", ["%container run debian:13"]),
        ("%container cp web:/et", ["%container cp web:/etc.conf", "%container cp web:/etc/"]),
        ("%container run --restart=al", ["%container run --restart=always"]),
        (
            "%container run --network container:w",
            ["%container run --network container:web", "%container run --network container:worker"],
        ),
        ("%container --std", ["%container --stderr", "%container --stdout"]),
        ("%container --no-raise ru", ["%container --no-raise run"]),
        ("%container run \\\n  --rest", ["%container run \\\n  --restart"]),
    ],
)
def test_words_are_completed_whole(shell: InteractiveShell, text: str, expected: list[str]) -> None:
    """Across `:`, `=` and `/`, at which IPython cuts its words; nothing of IPython's own beside."""
    assert sorted(completed(shell, text)) == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("cp ./weat", ["cp ./weather.csv"]),
        ("cp we", ["cp weather.csv", "cp web:"]),
        ("cp wea", ["cp weather.csv"]),
        ("cp 'two wo", ["cp 'two words/"]),
        ('cp "two words/', ['cp "two words/one & two.txt']),
        (r"cp two\ wo", [r"cp two\ words/"]),
        (r"cp two\ words/", [r"cp two\ words/one\ \&\ two.txt"]),
        ("cp two", [r"cp two\ words/"]),
        ("cp ~", ["cp ~/"]),
        ("cp ~/two", [r"cp ~/two\ words/"]),
        ("cp web:/etc.conf ./tw", [r"cp web:/etc.conf ./two\ words/"]),
        ("run -v ./wea", ["run -v ./weather.csv"]),
        ("run --env-file=./wea", ["run --env-file=./weather.csv"]),
        ("cp ./.hid", ["cp ./.hidden"]),
        ("cp nowhere/x", []),
    ],
)
def test_files_of_this_machine(
    shell: InteractiveShell,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    text: str,
    expected: list[str],
) -> None:
    """The other side of cp is a path here: as it is quoted, with ~, and without Python's names."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HOME", str(tmp_path))
    (tmp_path / "weather.csv").touch()
    (tmp_path / ".hidden").touch()
    (tmp_path / "two words").mkdir()
    (tmp_path / "two words" / "one & two.txt").touch()
    found = completed(shell, f"%container {text}")
    assert sorted(found) == [f"%container {each}" for each in expected]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("%container ps", " ps"),
        ("a, b = %container ps", " ps"),
        ("print(1)\n%container ps", " ps"),
        ("%%container run host\nprint(", None),
        ("containers = 1", None),
        ("x = '%container ps", None),
        ("%containers", None),
        ("%container", None),
    ],
)
def test_which_part_of_a_cell_is_ours(text: str, expected: str | None) -> None:
    """A line magic anywhere, of a cell magic its first line."""
    lines = text.split("\n")
    assert line_before(text, len(lines) - 1, len(lines[-1])) == expected


class Broken(Known):
    """A home that cannot be read."""

    def containers(self) -> Sequence[tuple[str, str]]:
        raise OSError("gone")


def test_no_failure_reaches_who_is_typing(shell: InteractiveShell) -> None:
    """An unclosed quote, a broken home: no candidates, no traceback."""
    assert "%container run --name" not in completed(shell, "%container run 'a --nam")
    completion.register(shell, Broken())
    try:
        assert all("web" not in text for text in completed(shell, "%container stop w"))
    finally:
        completion.register(shell, Known())
