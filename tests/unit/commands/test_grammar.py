"""Which verbs there are, under which names, and what is said of those that are not."""

from __future__ import annotations

import pytest

from ipycontainer.commands.grammar import cli, invoke, parse
from ipycontainer.commands.records import Lines
from ipycontainer.commands.refusals import FLAGS, GROUPS, VERBS
from ipycontainer.commands.verb import Verb
from ipycontainer.errors import EngineError, Unsupported, UsageError
from tests.fakes import FakeEngine


def verbs() -> list[Verb]:
    """Return every verb under every name."""
    groups = [cli, *(cli.commands[name] for name in ("container", "image", "system"))]
    return [
        verb
        for group in groups
        for verb in group.commands.values()  # type: ignore[attr-defined]
        if isinstance(verb, Verb)
    ]


@pytest.mark.parametrize(
    ("line", "verb"),
    [
        ("ps", "ps"),
        ("container ls", "ps"),
        ("container list", "ps"),
        ("container ps", "ps"),
        ("image ls", "images"),
        ("image list", "images"),
        ("image rm x", "rmi"),
        ("image remove x", "rmi"),
        ("container rm x", "rm"),
        ("container remove x", "rm"),
        ("container inspect x", "inspect"),
        ("system info", "info"),
        ("system reset", "system reset"),
    ],
)
def test_names_of_a_verb(line: str, verb: str) -> None:
    """Docker's names for one verb lead to one function."""
    assert parse(line.split()).verb == verb


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("run", '"ipycontainer run" requires at least 1 argument.'),
        ("exec x", '"ipycontainer exec" requires at least 2 arguments.'),
        ("ps foo", '"ipycontainer ps" accepts no arguments.'),
        ("images a b", '"ipycontainer images" requires at most 1 argument.'),
        ("rename a", '"ipycontainer rename" requires exactly 2 arguments.'),
        ("tag a", '"ipycontainer tag" requires exactly 2 arguments.'),
        ("container ls foo", '"ipycontainer container ls" accepts no arguments.'),
        ("image remove", '"ipycontainer image rm" requires at least 1 argument.'),
    ],
)
def test_number_of_arguments(line: str, message: str) -> None:
    """A wrong number of arguments gives docker's sentence, the usage line, and 1."""
    with pytest.raises(UsageError) as error:
        parse(line.split())
    assert error.value.message == message
    assert error.value.exit_code == 1
    assert "\n\nUsage:  ipycontainer " in error.value.usage


def test_unknown_verb() -> None:
    """An unknown verb is named, with the nearest one as the hint."""
    with pytest.raises(UsageError) as error:
        parse(["runn", "busybox"])
    assert error.value.message == "ipycontainer: 'runn' is not an ipycontainer command."
    assert error.value.usage == "See 'ipycontainer --help'"
    assert (error.value.exit_code, error.value.hint) == (1, "Did you mean run?")


@pytest.mark.parametrize("line", ["stack ls", "system dial-stdio", "image build ."])
def test_verbs_of_later(line: str) -> None:
    """A verb of docker's that is not built is refused by name."""
    with pytest.raises(Unsupported, match=r"^ipycontainer [a-z -]+ is not supported yet$"):
        parse(line.split())


def test_refused_names_are_not_declared_too() -> None:
    """Nothing is both there and refused, neither flag nor verb."""
    for verb in verbs():
        declared = {name.lstrip("-") for option in verb.options for name in option.opts}
        refused = FLAGS.get(verb.path, FLAGS.get(verb.canonical, ""))
        names = {part for flag in refused.split() for part in flag.split(",")}
        assert not declared & names, verb.path
    assert not set(cli.commands) & set(VERBS.split())
    for group, names_of_group in GROUPS.items():
        there = cli.commands[group].commands  # type: ignore[attr-defined]
        assert not set(there) & set(names_of_group.split())


@pytest.mark.parametrize("verb", verbs(), ids=lambda verb: verb.path)
def test_every_verb_has_help(verb: Verb) -> None:
    """--help shows usage and each flag once, with words, and asks for no engine."""

    def no_engine() -> FakeEngine:
        raise EngineError("no engine here")

    outcome = invoke(no_engine, [*verb.path.split(), "--help"])
    assert isinstance(outcome, Lines)
    text = outcome.lines[0]
    assert text.startswith(f"\nUsage:  ipycontainer {verb.path}")
    assert max(map(len, text.splitlines())) <= 100
    for option in verb.options:
        assert option.help
        assert option.opts[0] in text or option.opts[-1] in text


def test_help_of_everything() -> None:
    """No word, `help` and --help list the verbs; `help VERB` is that verb's --help."""
    texts = {parse(line).run(None).lines[0] for line in ([], ["help"], ["--help"])}  # type: ignore[arg-type, attr-defined]
    assert len(texts) == 1
    shown = " ".join(texts.pop().split())
    assert " run Create and run a new container from an image" in shown
    one, other = (parse(line).run(None) for line in (["help", "ps"], ["ps", "--help"]))  # type: ignore[arg-type]
    assert one == other


def test_version_flag() -> None:
    """--version and -v need no engine either."""
    for line in (["--version"], ["-v"]):
        outcome = parse(line).run(None)  # type: ignore[arg-type]
        assert isinstance(outcome, Lines)
        assert outcome.lines[0].startswith("ipycontainer version ")
