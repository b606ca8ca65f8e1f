"""Flags are read by docker's rules; every message below was printed by docker 26.1.5."""

from __future__ import annotations

from collections.abc import Iterator

import click
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ipycontainer.commands.exporting import is_paused
from ipycontainer.commands.grammar import cli, parse
from ipycontainer.commands.verb import Verb
from ipycontainer.errors import Unsupported, UsageError


@pytest.mark.parametrize(
    ("line", "message"),
    [
        (["run", "--foo", "busybox"], "unknown flag: --foo"),
        (["run", "-Z", "busybox"], "unknown shorthand flag: 'Z' in -Z"),
        (["run", "-dZ", "busybox"], "unknown shorthand flag: 'Z' in -Z"),
        (["run", "--name"], "flag needs an argument: --name"),
        (["run", "-e"], "flag needs an argument: 'e' in -e"),
        (["run", "-de"], "flag needs an argument: 'e' in -e"),
        (["run", "--=x"], "bad flag syntax: --=x"),
        (["ps", "---a"], "bad flag syntax: ---a"),
        (["ps", "-="], "unknown shorthand flag: '=' in -="),
        (["ps", "-a1"], "unknown shorthand flag: '1' in -1"),
        (
            ["run", "--rm=foo", "busybox"],
            (
                'invalid argument "foo" for "--rm" flag: strconv.ParseBool: parsing "foo": '
                "invalid syntax"
            ),
        ),
        (
            ["run", "--detach=maybe", "busybox"],
            (
                'invalid argument "maybe" for "-d, --detach" flag: strconv.ParseBool: parsing '
                '"maybe": invalid syntax'
            ),
        ),
        (
            ["ps", "-an1q"],
            (
                'invalid argument "1q" for "-n, --last" flag: strconv.ParseInt: parsing "1q": '
                "invalid syntax"
            ),
        ),
        (
            ["stop", "--time=x", "c"],
            (
                'invalid argument "x" for "-t, --time" flag: strconv.ParseInt: parsing "x": '
                "invalid syntax"
            ),
        ),
        (
            ["run", "-e", "=x", "busybox"],
            'invalid argument "=x" for "-e, --env" flag: invalid environment variable: =x',
        ),
        (
            ["run", "-l", "=x", "busybox"],
            'invalid argument "=x" for "-l, --label" flag: invalid label \'=x\': empty name',
        ),
        (
            ["ps", "--filter", "foo"],
            (
                'invalid argument "foo" for "-f, --filter" flag: bad format of filter (expected '
                "name=value)"
            ),
        ),
        (["stop", "--tim", "3"], "unknown flag: --tim"),
    ],
)
def test_complaints(line: list[str], message: str) -> None:
    """A wrong flag gives docker's message, its pointer to the help, and 125."""
    with pytest.raises(UsageError) as error:
        parse(line)
    assert error.value.message == message
    assert error.value.usage == f"See 'ipycontainer {line[0]} --help'."
    assert error.value.exit_code == 125


@pytest.mark.parametrize(
    "line",
    [
        ["run", "-di", "--rm", "-h", "box", "busybox"],
        ["run", "-id", "--rm=true", "-hbox", "busybox"],
        ["run", "--detach", "--interactive=1", "--rm=T", "--hostname=box", "busybox"],
        ["run", "-dih=box", "--rm", "busybox"],
        ["container", "run", "-d=true", "-i", "--rm", "--hostname", "box", "busybox"],
    ],
)
def test_spellings_of_flags(line: list[str]) -> None:
    """Bundles, values glued on, after `=` and apart are the same."""
    params = parse(line).params
    names = ("detach", "interactive", "rm", "hostname")
    assert [params[name] for name in names] == [True, True, True, "box"]


def test_last_word_wins() -> None:
    """A boolean may be taken back, and a string given anew."""
    params = parse(["run", "--rm", "--rm=false", "--name", "aa", "--name=bb", "busybox"]).params
    assert (params["rm"], params["name"]) == (False, "bb")


def test_flags_end_at_the_image() -> None:
    """What follows the image is the command's, `--` and look-alikes included."""
    params = parse(["run", "-e", "A=1", "busybox", "ls", "--", "-e", "B=2", "--rm"]).params
    assert params["image"] == "busybox"
    assert params["command"] == ("ls", "--", "-e", "B=2", "--rm")
    assert params["env"] == ("A=1",)


def test_double_dash_before_the_image_is_dropped() -> None:
    """Only the first `--` is the flags' own."""
    params = parse(["run", "--", "busybox", "--", "ls"]).params
    assert (params["image"], params["command"]) == ("busybox", ("--", "ls"))


def test_flags_may_follow_names() -> None:
    """Where nothing is run, flags may stand anywhere."""
    params = parse(["stop", "web", "-t", "0", "db"]).params
    assert (params["containers"], params["grace"]) == (("web", "db"), 0)


def test_values_may_look_like_flags() -> None:
    """The value of a flag is taken as it stands."""
    assert parse(["run", "-e", "-d=1", "--name", "--rm", "busybox"]).params["env"] == ("-d=1",)


@pytest.mark.parametrize(("text", "number"), [("0x10", 16), ("010", 8), ("1_0", 10), ("-1", -1)])
def test_numbers_are_gos(text: str, number: int) -> None:
    """Numbers are read with Go's base 0."""
    assert parse(["stop", "-t", text, "c"]).params["grace"] == number


@pytest.mark.parametrize(
    ("line", "name"),
    [
        (["create", "--gpus", "all", "busybox"], "--gpus"),
        (["network", "connect", "--gw-priority", "1", "a", "b"], "--gw-priority"),
        (["-H", "tcp://x", "ps"], "-H, --host"),
    ],
)
def test_dockers_other_flags_are_refused_by_name(line: list[str], name: str) -> None:
    """A flag that docker has and we do not is never accepted and ignored."""
    with pytest.raises(Unsupported) as error:
        parse(line)
    assert error.value.message == f"{name} is not supported yet"


def test_misspelt_flag_has_a_hint() -> None:
    """The nearest flag is named, also among those that are not supported."""
    for typed, meant in (("--detatch", "--detach"), ("--publsh", "--publish")):
        with pytest.raises(UsageError) as error:
            parse(["run", typed, "busybox"])
        assert error.value.hint == f"Did you mean {meant}?"


@given(st.lists(st.text(alphabet="-=adehilnqrt. 1é\n", max_size=5), max_size=6))
def test_any_line_is_read_or_refused(words: list[str]) -> None:
    """No line makes the reader fail otherwise than by its own errors."""
    for verb in ("run", "ps", "logs"):
        try:
            parse([verb, *words])
        except (UsageError, Unsupported):
            pass


def test_every_flag_that_is_on_can_be_turned_off() -> None:
    """`--flag=false` is read, else taken for nothing: such a flag has to have a word for it."""
    on = [
        (verb.path, option.name)
        for verb in verbs()
        for option in verb.options
        if option.is_flag and option.default is True
    ]
    assert ("run", "sig_proxy") in on
    stuck = [
        (verb.path, option.name)
        for verb in verbs()
        for option in verb.options
        if option.is_flag and option.default is True and not option.secondary_opts
    ]
    assert stuck == []


@pytest.mark.parametrize("word", ["--no-pause", "--pause=false", "-p=false", "-p=0", "--pause=F"])
@pytest.mark.parametrize("verb", ["commit", "checkpoint"])
def test_commit_and_checkpoint_do_not_pause_when_told_so(verb: str, word: str) -> None:
    """By both words: docker has --no-pause since 29, and takes --pause=false still."""
    found = parse([verb, word, "box", "made"]).params
    assert not is_paused(found["pause"], found["no_pause"])


@pytest.mark.parametrize("words", [[], ["-p"], ["--pause"], ["--pause=false", "--pause"]])
@pytest.mark.parametrize("verb", ["commit", "checkpoint"])
def test_commit_and_checkpoint_pause_otherwise(verb: str, words: list[str]) -> None:
    """The last word counts."""
    found = parse([verb, *words, "box", "made"]).params
    assert is_paused(found["pause"], found["no_pause"])


def test_both_words_for_pausing_exclude_each_other() -> None:
    """Whatever they say, as in docker."""
    found = parse(["commit", "--no-pause", "--pause=false", "box", "made"]).params
    with pytest.raises(
        UsageError, match="--no-pause and --pause cannot be used together"
    ) as caught:
        is_paused(found["pause"], found["no_pause"])
    assert caught.value.exit_code == 1


def verbs() -> Iterator[Verb]:
    """Yield every verb of the grammar."""
    waiting: list[click.Command] = [cli]
    while waiting:
        command = waiting.pop()
        if isinstance(command, Verb):
            yield command
        if isinstance(command, click.Group):
            waiting += command.commands.values()


def test_help_is_a_switch_as_any_other() -> None:
    """`--help=false` asks for nothing, and what is no truth value is refused."""
    assert parse(["stop", "--help=false", "c"]).params["containers"] == ("c",)
    with pytest.raises(UsageError, match='invalid argument "maybe" for "--help" flag'):
        parse(["stop", "--help=maybe", "c"])
