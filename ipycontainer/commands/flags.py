"""Reading flags by docker's rules, before click sees them.

Docker's parser (github.com/spf13/pflag) differs from click's where scripts notice: `--rm=false`,
`-it`, `-n5`, `-e=A`, no abbreviations, and its own messages, all with exit code 125. This module
reads a command line by those rules and hands click an argv that it cannot misread.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import TypeAlias

import click

from ipycontainer.commands.go_quoting import go_quote, parse_bool
from ipycontainer.commands.refusals import OF_CLUSTERS, OF_EXPERIMENTS, OF_WINDOWS
from ipycontainer.errors import EngineError, InvalidArgument, Unsupported, UsageError
from ipycontainer.model.network import NO_SWARM

Given: TypeAlias = tuple[click.Option, str]

__all__ = ["Flags", "HelpWanted", "Value", "display_name"]


class Value(str):
    """A word of a line that came out of data: it can be an argument, or a flag's, but no flag.

    A name that begins with a dash would else say to a verb what its user did not.
    """

    __slots__ = ()


class HelpWanted(Exception):
    """`--help` stood on the line."""


def display_name(option: click.Option) -> str:
    """Return a flag as docker names it in messages: `-d, --detach`."""
    short = next((name for name in option.opts if not name.startswith("--")), "")
    return f"{short}, {_long_name(option)}" if short else _long_name(option)


@dataclass(frozen=True, slots=True)
class Flags:
    """The flags of a verb. `path` is what docker says in messages: `run`, `container ls`.

    `refused` lists docker's other flags, as refusals.FLAGS writes them. Without `interspersed` the
    first positional ends the flags: the rest is the container's command.
    """

    path: str
    options: tuple[click.Option, ...]
    refused: str = ""
    interspersed: bool = True

    def read(self, argv: Sequence[str]) -> tuple[list[str], list[str]]:
        """Return the flags in the one form that click reads alike (`--name=value`), and the rest.

        Raises HelpWanted, UsageError for what docker does not know either, and Unsupported for
        what docker knows.
        """
        found: list[Given] = []
        rest: list[str] = []
        words = list(argv)
        while words:
            word = words.pop(0)
            if word == "--" and not isinstance(word, Value):
                rest += words
                break
            if word == "-" or not word.startswith("-"):
                rest.append(word)
                if not self.interspersed:
                    rest += words
                    break
            elif isinstance(word, Value):
                raise UsageError(
                    f"{word!r} is a value, and would be read as a flag",
                    hint="a value that shall be a flag goes into a list: {[value]}",
                )
            elif word.startswith("--"):
                self._long(word, words, found)
            else:
                self._shorts(word[1:], words, found)
        return _normal(found), rest

    def _long(self, word: str, words: list[str], found: list[Given]) -> None:
        name, equals, value = word[2:].partition("=")
        if not name or name.startswith("-"):
            raise self._wrong(f"bad flag syntax: {word}")
        option = self._by_name(f"--{name}")
        if option is None:
            if name == "help" and equals and not self._wants_help(value):
                return
            raise self._unknown(name)
        if not equals:
            if option.is_flag:
                value = "true"
            elif not words:
                raise self._wrong(f"flag needs an argument: --{name}")
            else:
                value = words.pop(0)
        found.append((option, self._checked(option, value)))

    def _wants_help(self, value: str) -> bool:
        """Read the value of `--help=`, which docker has as any other switch."""
        try:
            return parse_bool(value)
        except ValueError as error:
            text = f'invalid argument {go_quote(value)} for "--help" flag: {error}'
            raise self._wrong(text) from None

    def _shorts(
        self, letters: str, words: list[str], found: list[tuple[click.Option, str]]
    ) -> None:
        """Read a bundle such as `-di`; the last may carry a value (`-n5`, `-n=5`, `-n 5`)."""
        while letters:
            option = self._by_name(f"-{letters[0]}")
            if option is None:
                raise self._unknown_short(letters)
            if letters[1:2] == "=" and len(letters) > 2:
                value, after = letters[2:], ""
            elif option.is_flag:
                value, after = "true", letters[1:]
            elif len(letters) > 1:
                value, after = letters[1:], ""
            elif words:
                value, after = words.pop(0), ""
            else:
                quoted = go_quote(letters[0], "'")
                raise self._wrong(f"flag needs an argument: {quoted} in -{letters}")
            found.append((option, self._checked(option, value)))
            letters = after

    def _checked(self, option: click.Option, value: str) -> str:
        """Return the value, if the flag's type takes it; docker complains in the line's order."""
        try:
            if option.is_flag:
                return "true" if parse_bool(value) else "false"
            option.type.convert(value, option, None)
        except (ValueError, click.BadParameter) as error:
            reason = error.message if isinstance(error, click.BadParameter) else str(error)
            flag = display_name(option)
            raise self._wrong(
                f"invalid argument {go_quote(value)} for {go_quote(flag)} flag: {reason}"
            ) from None
        return value

    def _by_name(self, name: str) -> click.Option | None:
        return next((option for option in self.options if name in option.opts), None)

    def _unknown(self, name: str) -> Exception:
        if name == "help":
            return HelpWanted()
        for flag in self.refused.split():
            if flag.rpartition(",")[2] == name:
                return _refused(self.path, flag)
        hint = ""
        longs = [n for o in self.options for n in o.opts if n.startswith("--")]
        if close := difflib.get_close_matches(f"--{name}", [*longs, *self._refused_longs()], n=1):
            hint = f"Did you mean {close[0]}?"
        return self._wrong(f"unknown flag: --{name}", hint)

    def _unknown_short(self, letters: str) -> Exception:
        for flag in self.refused.split():
            if flag.startswith(f"{letters[0]},"):
                return _refused(self.path, flag)
        if letters[0] == "h":
            return HelpWanted()
        quoted = go_quote(letters[0], "'")
        return self._wrong(f"unknown shorthand flag: {quoted} in -{letters}")

    def _refused_longs(self) -> Iterable[str]:
        return (f"--{flag.rpartition(',')[2]}" for flag in self.refused.split())

    def _wrong(self, message: str, hint: str = "") -> UsageError:
        command = f"ipycontainer {self.path}".rstrip()
        return UsageError(message, hint=hint, exit_code=125, usage=f"See '{command} --help'.")


def _refused(path: str, flag: str) -> EngineError:
    """Return docker's own refusal where it has one on this machine, else ours by name."""
    short, _, long = flag.rpartition(",")
    if long in OF_WINDOWS:
        return UsageError(
            f'"--{long}" is only supported on a docker daemon running on windows, but the docker '
            "daemon is running on linux",
            exit_code=1,
        )
    if long in OF_EXPERIMENTS:
        return UsageError(
            f'"--{long}" is only supported on a docker daemon with experimental features enabled',
            exit_code=1,
        )
    if path == "volume create" and long in OF_CLUSTERS:
        return InvalidArgument(NO_SWARM)
    name = f"-{short}, --{long}" if short else f"--{long}"
    return Unsupported(f"{name} is not supported yet")


def _long_name(option: click.Option) -> str:
    return next(name for name in option.opts if name.startswith("--"))


def _normal(found: Sequence[Given]) -> list[str]:
    """Return flags for click: booleans by their last word, others one by one in order."""
    booleans = {option: value for option, value in found if option.is_flag}
    on = [_long_name(option) for option, value in booleans.items() if value == "true"]
    on += [
        option.secondary_opts[0]
        for option, value in booleans.items()
        if value == "false" and option.secondary_opts
    ]
    return on + [f"{_long_name(option)}={value}" for option, value in found if not option.is_flag]
