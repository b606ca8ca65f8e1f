"""The pages that are made from the grammar are what the grammar says now."""

from __future__ import annotations

import shlex

import pytest

from ipycontainer.commands.grammar import cli
from ipycontainer.commands.verb import Verb
from scripts.examples import EXAMPLES, examples
from scripts.reference import FILES, FOUNDING, ROOT, reference, verbs


@pytest.mark.parametrize("name", FILES)
def test_page_is_up_to_date(name: str) -> None:
    """Whoever changes a verb or an option writes the pages anew: python scripts/reference.py."""
    assert (ROOT / name).read_text() == FILES[name](), "run: python scripts/reference.py"


def test_every_verb_is_there_once() -> None:
    """No verb is missing, and those with several names stand under one."""
    paths = [verb.path for members in verbs().values() for verb in members]
    assert len(paths) == len(set(paths))
    assert {"run", "ps", "volume create", "network connect", "system df", "image prune"} <= set(
        paths
    )
    assert not {"container ls", "image ls", "container run"} & set(paths)
    text = reference()
    assert all(f"\n### {path}\n" in text for path in paths)
    assert "| `-p, --publish` | list |" in text


def test_modules_of_the_founding_list_are_there() -> None:
    """The list names files that stand, and every command of then."""
    assert [
        module for _, _, module in FOUNDING if not (ROOT / "ipycontainer" / module).exists()
    ] == []
    commands = {name for commands, _, _ in FOUNDING for name in commands.split(", ")}
    assert commands == set(
        "create run attach exec start pause unpause stop kill wait export rm cp rename restart "
        "logs top port stats diff".split()
    )


@pytest.mark.parametrize("name", EXAMPLES)
def test_each_option_has_an_example_that_the_grammar_reads(name: str) -> None:
    """No option of the founding list's verbs is without one, and none is for nothing."""
    verb = cli.commands[name]
    assert isinstance(verb, Verb)
    plain, by_flag = examples(name)
    for line in (plain, *by_flag.values()):
        assert verb.call(shlex.split(line)[1:]).verb == name, line
    flags = [[flag for flag in option.opts if flag in by_flag] for option in verb.options]
    # hidden ones may be there to be refused by name: those of other systems
    least = [0 if option.hidden else 1 for option in verb.options]
    assert all(low <= len(given) <= 1 for given, low in zip(flags, least, strict=True))
    assert sum(len(given) for given in flags) == len(by_flag)


def test_each_command_of_the_founding_list_has_examples() -> None:
    """`create` has those of `run`, whose options it takes."""
    commands = {name for commands, _, _ in FOUNDING for name in commands.split(", ")}
    assert commands - {"create"} == set(EXAMPLES)
