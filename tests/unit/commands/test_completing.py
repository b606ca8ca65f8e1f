"""What fits at the end of a line: verbs, options, their values, and what exists."""

from __future__ import annotations

from collections.abc import Sequence

import pytest

from ipycontainer.commands.completing import Candidates, complete
from ipycontainer.commands.completion_values import ARGUMENTS, OPTIONS, OPTIONS_OF
from ipycontainer.commands.grammar import cli
from ipycontainer.commands.verb import Verb


class Known:
    """A home with a few things in it."""

    def containers(self) -> Sequence[tuple[str, str]]:
        return [("web", "running"), ("worker", "exited"), ("held", "paused")]

    def images(self) -> Sequence[str]:
        return ["host", "debian:13", "debian"]

    def networks(self) -> Sequence[str]:
        return ["bridge", "back"]

    def volumes(self) -> Sequence[str]:
        return ["data"]

    def checkpoints(self, container: str) -> Sequence[str]:
        return [f"{container}-before"]

    def paths(self, container: str, directory: str) -> Sequence[str]:
        return {"/": ["etc/", "etc.conf", "usr/"], "/etc/": ["hosts", "passwd"]}.get(directory, [])

    def variables(self) -> Sequence[str]:
        return ["df", "x"]


def fits(line: str) -> list[str]:
    """Return the candidates for a line whose last word is being typed."""
    *words, word = line.split(" ")
    return [each.text for each in complete(words, word, Known()).found]


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("cre", ["create"]),
        ("ch", ["checkpoint", "checkpoints"]),
        ("volume r", ["remove", "rm"]),
        ("help net", ["network"]),
        ("run --expl", ["--explain"]),
        ("run --restart on", ["on-failure", "on-failure:"]),
        ("run --restart=al", ["--restart=always"]),
        ("run --network b", ["bridge", "back", "bridge"]),
        ("run --network container:w", ["container:web", "container:worker"]),
        ("run --pull ", ["always", "missing", "never"]),
        ("run -it -v d", ["data:"]),
        ("run -itv d", ["data:"]),
        ("run --cap-add NET_A", ["NET_ADMIN"]),
        ("run -d --name x deb", ["debian:13", "debian"]),
        ("run debian --r", []),
        ("run -- deb", ["debian:13", "debian"]),
        ("stop w", ["web"]),
        ("start w", ["worker"]),
        ("unpause ", ["held"]),
        ("rm worker w", ["web", "worker"]),
        ("kill -s SIGUSR", ["SIGUSR1", "SIGUSR2"]),
        ("kill --signal USR", ["USR1", "USR2"]),
        ("container ls --filter sta", ["status="]),
        ("ps --filter status=e", ["status=exited"]),
        (
            "ps --filter health=",
            [f"health={w}" for w in ("healthy", "none", "starting", "unhealthy")],
        ),
        ("volume ls -f dang", ["dangling=true"]),
        ("exec web l", []),
        ("rollback web w", ["web-before"]),
        ("network connect back w", ["web", "worker"]),
        ("cp w", ["web:", "worker:"]),
        ("cp web:/et", ["web:/etc/", "web:/etc.conf"]),
        ("cp web:/etc/p", ["web:/etc/passwd"]),
        ("python --in d", ["df"]),
        ("python --in df,x --out df,", ["df,df", "df,x"]),
        ("nonsense w", []),
    ],
)
def test_what_fits(line: str, expected: list[str]) -> None:
    """By verb, option and place, as docker's grammar reads the line."""
    assert fits(line) == expected


def test_an_option_is_offered_once_unless_it_may_be_given_again() -> None:
    """--name stands once on a line, --env may come again; short forms count."""
    assert "--name" not in fits("run --name web -")
    assert "--env" in fits("run --env A=1 -")
    assert "-d" in fits("run -")
    assert "--detach" not in fits("run -d -")


@pytest.mark.parametrize(
    "line", ["cp ./da", "cp a/b:c", "run --env-file ./", "run -v ./x", "load -i x"]
)
def test_files_of_this_machine_are_left_to_others(line: str) -> None:
    """Where a path of the host fits, completion says so."""
    *words, word = line.split(" ")
    assert complete(words, word, Known()).files


def test_nothing_fits_nowhere_without_an_answer() -> None:
    """Every verb answers an empty word and a dash, with names only."""
    verbs = [
        command
        for group in (cli, *(each for each in cli.commands.values() if hasattr(each, "commands")))
        for command in group.commands.values()  # type: ignore[attr-defined]
        if isinstance(command, Verb)
    ]
    for verb in verbs:
        for word in ("", "-", "--", "x"):
            assert isinstance(complete(verb.path.split(), word, Known()), Candidates)
        assert "--help" in fits(f"{verb.path} -")


def test_the_tables_name_only_what_the_grammar_has() -> None:
    """No verb or option of the tables is unknown to the grammar."""
    verbs: dict[str, Verb] = {}
    names: set[str] = set()
    for name, command in cli.commands.items():
        for path, verb in (
            [(f"{name} {inner}", each) for inner, each in command.commands.items()]
            if hasattr(command, "commands")
            else [(name, command)]
        ):
            assert isinstance(verb, Verb)
            verbs[path] = verb
            verbs.setdefault(verb.canonical, verb)
            names |= {name for option in verb.options for name in option.opts}
    assert set(ARGUMENTS) - {"help"} <= set(verbs)
    assert set(OPTIONS_OF) <= set(verbs)
    assert set(OPTIONS) <= names
    for path, options in OPTIONS_OF.items():
        assert set(options) <= {name for each in verbs[path].options for name in each.opts}, path
