"""What may stand at the end of a command line that is being typed.

Reads the words as the grammar does, without its errors: an unknown word is passed over. What exists
(containers, images, files) is asked of a `Known`, which a face implements.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Protocol

import click

from ipycontainer.commands.completion_values import ARGUMENTS, OPTIONS, OPTIONS_OF, Values
from ipycontainer.commands.grammar import ALIASES, cli
from ipycontainer.commands.verb import Verb

__all__ = ["Candidate", "Candidates", "Known", "complete"]

_MODES = ("bridge", "container:", "host", "none")
_STATES = {
    "container": frozenset[str](),
    "running": frozenset({"running", "paused", "restarting"}),
    "stopped": frozenset({"created", "exited", "dead"}),
    "paused": frozenset({"paused"}),
}


@dataclass(frozen=True, slots=True)
class Candidate:
    """A word that fits, whole, and what it is."""

    text: str
    kind: str


@dataclass(frozen=True, slots=True)
class Candidates:
    """All that fits. `files`: a file of this machine would fit too, which a face completes."""

    found: tuple[Candidate, ...] = ()
    files: bool = False


class Known(Protocol):
    """What there is to choose from. Nothing here raises, or takes long."""

    def containers(self) -> Sequence[tuple[str, str]]:
        """Return names and states."""

    def images(self) -> Sequence[str]:
        """Return names with their tags."""

    def networks(self) -> Sequence[str]:
        """Return names."""

    def volumes(self) -> Sequence[str]:
        """Return the names of those that have one."""

    def checkpoints(self, container: str) -> Sequence[str]:
        """Return a container's."""

    def paths(self, container: str, directory: str) -> Sequence[str]:
        """Return the names in a container's directory; those of directories end with a slash."""

    def variables(self) -> Sequence[str]:
        """Return the names of values that can go into a container."""


def complete(words: Sequence[str], word: str, known: Known) -> Candidates:
    """Return what fits in place of `word`, which `words` stand before."""
    group: click.Group = cli
    path = ""
    rest = list(words)
    while True:
        if not rest:
            names = _verbs(group, path)
            help_ = [Candidate("--help", "option")] if word.startswith("-") else []
            return Candidates(_fitting(word, [*names, *help_]))
        name = rest.pop(0)
        if name == "help" and group is cli:
            continue
        command = group.commands.get(ALIASES.get((path, name), name))
        if isinstance(command, Verb):
            return _in_verb(command, rest, word, known)
        if not isinstance(command, click.Group):
            return Candidates()
        group, path = command, str(command.name)


def _verbs(group: click.Group, path: str) -> list[Candidate]:
    names = [*group.commands, *(alias for of, alias in ALIASES if of == path)]
    return [Candidate(name, "subcommand") for name in sorted(names)]


def _in_verb(verb: Verb, words: Sequence[str], word: str, known: Known) -> Candidates:
    given: list[str] = []
    waiting: click.Option | None = None
    plain = False  # after `--`, or in a container's command
    for each in words:
        if waiting is not None:
            waiting = None
        elif plain or not each.startswith("-") or each == "-":
            given.append(each)
            plain = plain or not verb.interspersed
        elif each == "--":
            plain = True
        else:
            waiting = _waits(verb, each)
    if waiting is not None:
        return _values(_of_option(verb, waiting), word, known, given)
    if given and not verb.interspersed:  # in the container's command
        return Candidates()
    if not plain and word.startswith("-"):
        name, equals, value = word.partition("=")
        option = _option(verb, name)
        if not equals or option is None:
            return Candidates(_fitting(word, _options(verb, words)))
        found = _values(_of_option(verb, option), value, known, given)
        whole = tuple(Candidate(f"{name}={each.text}", each.kind) for each in found.found)
        return Candidates(whole, found.files)
    kinds = ARGUMENTS.get(verb.path) or ARGUMENTS.get(verb.canonical) or ((),)
    return _values(kinds[min(len(given), len(kinds) - 1)], word, known, given)


def _option(verb: Verb, name: str) -> click.Option | None:
    return next((option for option in verb.options if name in option.opts), None)


def _waits(verb: Verb, word: str) -> click.Option | None:
    """Return the option of a word whose value is the next one."""
    if word.startswith("--"):
        option = None if "=" in word else _option(verb, word)
        return option if option is not None and not option.is_flag else None
    for place, letter in enumerate(word[1:], 1):
        option = _option(verb, f"-{letter}")
        if option is None or not option.is_flag:
            return option if place == len(word) - 1 else None
    return None


def _options(verb: Verb, words: Sequence[str]) -> Iterator[Candidate]:
    """Yield the options that may still be given."""
    taken = {word.partition("=")[0] for word in words}
    for option in verb.options:
        if option.multiple or taken.isdisjoint(option.opts):
            yield from (Candidate(name, "option") for name in option.opts)
    yield Candidate("--help", "option")


def _of_option(verb: Verb, option: click.Option) -> Values:
    name = next(name for name in option.opts if name.startswith("--"))
    own = OPTIONS_OF.get(verb.path) or OPTIONS_OF.get(verb.canonical) or {}
    return own.get(name) or OPTIONS.get(name, ())


def _fitting(word: str, candidates: Iterable[Candidate]) -> tuple[Candidate, ...]:
    return tuple(each for each in candidates if each.text.startswith(word))


def _values(values: Values, word: str, known: Known, given: Sequence[str]) -> Candidates:
    """Return the values of a kind that fit."""
    if isinstance(values, tuple):
        found = [Candidate(value, "value") for value in _of_keys(values, word)]
        if "container:" in values and word.startswith("container:"):
            found = _modes(known)
        return Candidates(_fitting(word, found))
    if values in _STATES:
        wanted = _STATES[values]
        return Candidates(
            _fitting(
                word,
                (
                    Candidate(name, f"container ({state})")
                    for name, state in known.containers()
                    if not wanted or state in wanted
                ),
            )
        )
    if values == "path or file":
        return _paths(word, known)
    if values == "variable":
        before, comma, _ = word.rpartition(",")
        names = (Candidate(f"{before}{comma}{name}", "variable") for name in known.variables())
        return Candidates(_fitting(word, names))
    if values == "volume or file":
        volumes = (Candidate(f"{name}:", "volume") for name in known.volumes())
        return Candidates(_fitting(word, volumes), files=":" not in word)
    if values == "file":
        return Candidates(files=True)
    return Candidates(_fitting(word, _existing(values, known, given)))


def _of_keys(values: Sequence[str], word: str) -> Iterator[str]:
    """Yield the values; those of a key (`status=exited`) in its place, once it is typed."""
    keys = {value.partition("=")[0] for value in values if value.endswith("=")}
    for value in values:
        key, _, after = value.partition("=")
        if key not in keys or word.startswith(f"{key}=") == bool(after):
            yield value


def _existing(kind: str, known: Known, given: Sequence[str]) -> Iterator[Candidate]:
    """Yield what exists of a kind."""
    if kind in ("image", "object"):
        yield from (Candidate(name, "image") for name in known.images())
    if kind == "object":
        yield from (Candidate(name, f"container ({state})") for name, state in known.containers())
    if kind in ("network", "object", "network mode"):
        yield from (Candidate(name, "network") for name in known.networks())
    if kind in ("volume", "object"):
        yield from (Candidate(name, "volume") for name in known.volumes())
    if kind == "network mode":
        yield from (Candidate(mode, "network") for mode in _MODES)
        yield from _modes(known)
    if kind == "checkpoint" and given:
        yield from (Candidate(name, "checkpoint") for name in known.checkpoints(given[0]))


def _modes(known: Known) -> list[Candidate]:
    return [Candidate(f"container:{name}", "container") for name, _ in known.containers()]


def _paths(word: str, known: Known) -> Candidates:
    """Return containers, or what lies in one of them: `web:/et` gives `web:/etc/`."""
    container, colon, path = word.partition(":")
    if not colon:
        names = (
            Candidate(f"{name}:", f"container ({state})") for name, state in known.containers()
        )
        return Candidates(_fitting(word, names), files=True)
    if "/" in container:
        return Candidates(files=True)
    directory, slash, _ = path.rpartition("/")
    names_in = known.paths(container, f"{directory}{slash}" or "/")
    found = (
        Candidate(
            f"{container}:{directory}{slash}{name}", "directory" if name[-1:] == "/" else "file"
        )
        for name in names_in
    )
    return Candidates(_fitting(word, found))
