"""A verb: a click command that reads its line by docker's rules and speaks docker's words.

`@verb` declares one; grammar puts them together. What a verb's function gets is a Session and the
values of its line; what it returns is an Outcome.
"""

from __future__ import annotations

import os
import textwrap
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeAlias

import click

from ipycontainer.commands.flags import Flags, HelpWanted, display_name
from ipycontainer.commands.records import Help, Outcome
from ipycontainer.commands.refusals import FLAGS
from ipycontainer.errors import UsageError

if TYPE_CHECKING:
    from ipycontainer.commands.engine_protocols import (
        Attend,
        Engine,
        EngineFactory,
        Stdin,
        Transfer,
        Values,
    )

__all__ = ["Call", "Progress", "Reporter", "Session", "Verb", "silently", "verb"]

PROGRAM = "ipycontainer"
HELP_COLUMNS = 80
# How far something is: a label, and what to call with the bytes that are done.
Progress: TypeAlias = Callable[[int], object]
Reporter: TypeAlias = "Callable[[str], AbstractContextManager[Progress]]"
_BODY = object()  # a click context's `obj` where a cell's body comes with the line


def _working_directory() -> Path:
    """Return where the caller stands; `/` once that directory is removed."""
    try:
        return Path.cwd()
    except FileNotFoundError:
        return Path("/")


def silently(transfer: Transfer, notice: str = "", *, to_errors: bool = False) -> Any:
    """Wait for a transfer without showing anything."""
    del notice, to_errors
    return transfer.result()


@dataclass(frozen=True)
class Session:
    """What a verb works with: the engine, made at its first use, and the caller's surroundings.

    `stdin` is what a program may read: the shell's descriptor, a cell's body, or nothing; `stdout`
    the shell's descriptor, for what is no text. `attend` shows how far a transfer is and returns
    its result. `ask` asks the user (prompt, whether to hide what is typed), where there is one.
    Relative paths stand below `cwd`; `environment` answers `-e NAME`. `need_terminal` raises
    UsageError where the caller has no terminal to show and cannot make one. `reporter` shows how
    far a verb is that takes long. `values` are the notebook's variables, None in a shell.
    """

    engine_factory: EngineFactory
    stdin: Stdin = None
    stdout: int | None = None
    attend: Attend = silently
    ask: Callable[[str, bool], str] | None = None
    cwd: Path = field(default_factory=_working_directory)
    environment: Mapping[str, str] = field(default_factory=lambda: os.environ)
    need_terminal: Callable[[], None] = lambda: None
    reporter: Reporter | None = None
    values: Values | None = None

    @contextmanager
    def progress(self, label: str, quiet: bool = False) -> Iterator[Progress | None]:
        """Show how far something is that may take long; give what is to be told of its bytes."""
        if quiet or self.reporter is None:
            yield None
        else:
            with self.reporter(label) as progress:
                yield progress

    @cached_property
    def engine(self) -> Engine:
        """Return the engine; the first call connects."""
        return self.engine_factory()


@dataclass(frozen=True, slots=True)
class Call:
    """A line that was read: the verb's name (`ps` for `container ls` too) and what it was given."""

    verb: str
    params: Mapping[str, Any]
    run: Callable[[Session], Outcome]


class Verb(click.Command):
    """One verb. `path` is how docker names it in messages, `canonical` the name of its function.

    `least` and `most` bound the number of positional arguments; with the flag `many_with` there may
    be more of them. Where we take what docker does not, `most` and `dockers_synopsis` are docker's,
    in whose words a wrong number is refused, and `beyond` says how many more there may be.
    """

    def __init__(
        self,
        name: str,
        *,
        synopsis: str = "",
        least: int = 0,
        most: int | None = None,
        interspersed: bool = True,
        path: str = "",
        canonical: str = "",
        many_with: str = "",
        dockers_synopsis: str = "",
        beyond: int = 0,
        **attributes: Any,
    ) -> None:
        super().__init__(name, add_help_option=False, **attributes)
        self.synopsis = synopsis
        self.least = least
        self.most = most
        self.interspersed = interspersed
        self.path = path or name
        self.canonical = canonical or name
        self.many_with = many_with
        self.dockers_synopsis = dockers_synopsis
        self.beyond = beyond
        self.names: tuple[str, ...] = ()  # all of them, where grammar knows several

    def under(self, group: str, name: str) -> Verb:
        """Return the same verb as part of a group: `ps` as `container ls`."""
        return Verb(
            name,
            synopsis=self.synopsis,
            least=self.least,
            most=self.most,
            interspersed=self.interspersed,
            path=f"{group} {name}",
            canonical=self.canonical,
            many_with=self.many_with,
            dockers_synopsis=self.dockers_synopsis,
            beyond=self.beyond,
            callback=self.callback,
            params=self.params,
            help=self.help,
        )

    @property
    def options(self) -> tuple[click.Option, ...]:
        """Return the declared flags."""
        return tuple(param for param in self.params if isinstance(param, click.Option))

    @property
    def flags(self) -> Flags:
        """Return the rules by which its flags are read."""
        refused = FLAGS.get(self.path, FLAGS.get(self.canonical, ""))
        return Flags(self.path, self.options, refused, self.interspersed)

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Read the flags by docker's rules and count the arguments before click converts them."""
        flags, rest = self.flags.read(args)
        # With a cell's body the container is enough: the body stands for the command.
        given = min(len(rest), self.most or 0) if self.many_with in flags else len(rest)
        self._count(given, min(self.least, 1) if ctx.obj is _BODY else self.least)
        return super().parse_args(ctx, [*flags, "--", *rest])

    def call(self, argv: list[str], *, body: bool = False) -> Call:
        """Return what a line asks for; raises UsageError and Unsupported."""
        try:
            obj = _BODY if body else None
            params = self.make_context(self.path, list(argv), obj=obj).params
        except HelpWanted:
            return Call("help", {}, lambda _: Help(lines=(self.usage(),)))
        callback = self.callback
        if callback is None:
            raise TypeError(f"{self.name} has no function")
        return Call(self.canonical, params, lambda session: callback(session, **params))

    def _count(self, given: int, least: int) -> None:
        most = self.most
        if least <= given and (most is None or given <= most + self.beyond):
            return
        if most == 0:
            wants = "accepts no arguments"
        elif least == most:
            wants = f"requires exactly {_arguments(least)}"
        elif least and most is not None:
            wants = f"requires at least {least} and at most {_arguments(most)}"
        elif given < least:
            wants = f"requires at least {_arguments(least)}"
        else:
            wants = f"requires at most {_arguments(most or 0)}"
        name = f"{PROGRAM} {self.path}"
        raise UsageError(
            f'"{name}" {wants}.',
            exit_code=1,
            usage=f"See '{name} --help'.\n\n{self._usage_line(dockers=True)}\n\n{self.help}",
        )

    def _usage_line(self, *, dockers: bool = False) -> str:
        synopsis = self.dockers_synopsis if dockers and self.dockers_synopsis else self.synopsis
        return f"Usage:  {PROGRAM} {self.path} {synopsis}".rstrip()

    def usage(self) -> str:
        """Return the text of --help, in docker's layout."""
        parts = ["", self._usage_line(), "", str(self.help)]
        if self.names:
            names = ", ".join(f"{PROGRAM} {path}" for path in self.names)
            parts += ["", "Aliases:", f"  {names}"]
        if self.options:
            parts += ["", "Options:", *_option_lines(self.options)]
        return "\n".join(parts)


def _arguments(count: int) -> str:
    return f"{count} argument" + ("" if count == 1 else "s")


def _option_lines(options: tuple[click.Option, ...]) -> list[str]:
    """Return the options in pflag's columns, by their long names."""
    heads = []
    for option in sorted(options, key=lambda o: display_name(o).rpartition("--")[2]):
        name = display_name(option)
        kind = "" if option.is_flag else f" {option.type.name.replace('text', 'string')}"
        heads.append((("" if "," in name else "    ") + name + kind, option.help or ""))
    width = max(len(head) for head, _ in heads) + 5
    lines = []
    for head, text in heads:
        first, *more = textwrap.wrap(text, HELP_COLUMNS - width) or [""]
        lines.append(f"  {head}".ljust(width) + first)
        lines += [" " * width + line for line in more]
    return lines


def verb(
    name: str,
    summary: str,
    synopsis: str = "",
    *,
    least: int = 0,
    most: int | None = None,
    interspersed: bool = True,
    path: str = "",
    canonical: str = "",
    many_with: str = "",
    dockers_synopsis: str = "",
    beyond: int = 0,
) -> Callable[[Callable[..., Outcome]], Verb]:
    """Declare a verb: its name, docker's one line about it, and its positional arguments."""
    return click.command(
        name,
        cls=Verb,
        help=summary,
        synopsis=synopsis,
        least=least,
        most=most,
        interspersed=interspersed,
        path=path,
        canonical=canonical,
        many_with=many_with,
        dockers_synopsis=dockers_synopsis,
        beyond=beyond,
    )
