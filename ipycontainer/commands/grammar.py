"""Docker's grammar: which verbs there are, in which groups, and how a line becomes a call.

Both faces come in here with `invoke`; what comes out is a record or an EngineError. Nothing here
prints or exits.
"""

from __future__ import annotations

import difflib
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import click

from ipycontainer.commands import (
    archives,
    attaching,
    copying,
    disk_usage,
    events,
    exporting,
    image_listing,
    inspection,
    lifecycle,
    listing,
    local_images,
    logins,
    networks,
    pausing,
    pruning,
    python_cells,
    registries,
    running,
    stats,
    system,
    top,
    undoing,
    updating,
    volumes,
)
from ipycontainer.commands.flags import Flags, HelpWanted
from ipycontainer.commands.records import Help, Lines, Outcome, Waiting
from ipycontainer.commands.refusals import GLOBAL_FLAGS, GROUPS, INSTEAD, VERBS
from ipycontainer.commands.verb import PROGRAM, Call, Reporter, Session, Verb, silently
from ipycontainer.errors import Unsupported, UsageError
from ipycontainer.version import __version__

if TYPE_CHECKING:
    from collections.abc import Callable

    from ipycontainer.commands.engine_protocols import Attend, EngineFactory, Stdin, Values

__all__ = ["ALIASES", "Call", "cli", "invoke", "parse"]

_TOP: tuple[Verb, ...] = (
    running.run,
    running.exec_,
    listing.ps,
    registries.pull,
    registries.push,
    image_listing.images,
    logins.login,
    logins.logout,
    system.version,
    system.info,
    system.doctor,
    attaching.attach,
    undoing.branch,
    undoing.checkpoint,
    undoing.checkpoints,
    undoing.rollback,
    exporting.commit,
    copying.cp,
    running.create,
    inspection.diff,
    events.events,
    running.explain,
    exporting.export,
    image_listing.history,
    local_images.import_,
    inspection.inspect,
    lifecycle.kill,
    archives.load,
    inspection.logs,
    pausing.pause,
    networks.port,
    python_cells.python,
    lifecycle.rename,
    lifecycle.restart,
    lifecycle.rm,
    local_images.rmi,
    archives.save,
    running.start,
    stats.stats,
    lifecycle.stop,
    local_images.tag,
    pausing.unpause,
    updating.update,
    top.top,
    lifecycle.wait,
)

_CONTAINER: tuple[Verb, ...] = (
    exporting.commit.under("container", "commit"),
    copying.cp.under("container", "cp"),
    exporting.export.under("container", "export"),
    attaching.attach.under("container", "attach"),
    running.create.under("container", "create"),
    inspection.diff.under("container", "diff"),
    running.exec_.under("container", "exec"),
    inspection.container_inspect,
    lifecycle.kill.under("container", "kill"),
    inspection.logs.under("container", "logs"),
    listing.ps.under("container", "ls"),
    pausing.pause.under("container", "pause"),
    networks.port.under("container", "port"),
    lifecycle.rename.under("container", "rename"),
    lifecycle.restart.under("container", "restart"),
    lifecycle.rm.under("container", "rm"),
    top.top.under("container", "top"),
    pruning.container_prune,
    running.run.under("container", "run"),
    running.start.under("container", "start"),
    stats.stats.under("container", "stats"),
    lifecycle.stop.under("container", "stop"),
    pausing.unpause.under("container", "unpause"),
    updating.update.under("container", "update"),
    lifecycle.wait.under("container", "wait"),
)

_IMAGE: tuple[Verb, ...] = (
    image_listing.history.under("image", "history"),
    local_images.import_.under("image", "import"),
    inspection.image_inspect,
    archives.load.under("image", "load"),
    image_listing.images.under("image", "ls"),
    local_images.prune,
    registries.pull.under("image", "pull"),
    registries.push.under("image", "push"),
    local_images.rmi.under("image", "rm"),
    archives.save.under("image", "save"),
    local_images.tag.under("image", "tag"),
)

_VOLUME: tuple[Verb, ...] = (
    volumes.create,
    inspection.volume_inspect,
    volumes.ls,
    volumes.prune,
    volumes.rm,
    volumes.update,
)

_NETWORK: tuple[Verb, ...] = (
    networks.connect,
    networks.create,
    networks.disconnect,
    networks.inspect,
    networks.ls,
    networks.prune,
    networks.rm,
)

_SYSTEM: tuple[Verb, ...] = (
    disk_usage.df,
    events.events.under("system", "events"),
    system.info.under("system", "info"),
    pruning.system_prune,
    system.reset,
)

# Docker's other names for a verb of a group.
ALIASES = {
    ("container", "list"): "ls",
    ("container", "ps"): "ls",
    ("container", "remove"): "rm",
    ("image", "list"): "ls",
    ("image", "remove"): "rm",
    ("volume", "list"): "ls",
    ("volume", "remove"): "rm",
    ("network", "list"): "ls",
    ("network", "remove"): "rm",
}


def _names(verb: Verb) -> tuple[str, ...]:
    """Return all names of a verb in docker's order, () for one that has only its own."""
    names = []
    for other in (*_CONTAINER, *_IMAGE, *_NETWORK, *_SYSTEM, *_VOLUME, *_TOP):
        if other.callback is verb.callback:
            names.append(other.path)
            group, _, name = other.path.rpartition(" ")
            names += [
                f"{group} {alias}"
                for (of, alias), target in ALIASES.items()
                if (of, target) == (group, name)
            ]
    return tuple(names) if len(names) > 1 else ()


for _verb in (*_CONTAINER, *_IMAGE, *_NETWORK, *_SYSTEM, *_VOLUME, *_TOP):
    _verb.names = _names(_verb)


def _group(name: str, summary: str, verbs: Sequence[Verb]) -> click.Group:
    commands: dict[str, click.Command] = {str(verb.name): verb for verb in verbs}
    return click.Group(name, commands=commands, help=summary, add_help_option=False)


cli = _group(PROGRAM, "A container engine that lives in a Jupyter kernel", _TOP)
cli.add_command(_group("container", "Manage containers", _CONTAINER))
cli.add_command(_group("image", "Manage images", _IMAGE))
cli.add_command(_group("network", "Manage networks", _NETWORK))
cli.add_command(_group("system", "Manage ipycontainer", _SYSTEM))
cli.add_command(_group("volume", "Manage volumes", _VOLUME))


def invoke(
    engine_factory: EngineFactory,
    argv: Sequence[str],
    *,
    stdin: Stdin = None,
    cwd: str | Path | None = None,
    attend: Attend = silently,
    ask: Callable[[str, bool], str] | None = None,
    need_terminal: Callable[[], None] | None = None,
    reporter: Reporter | None = None,
    values: Values | None = None,
) -> Outcome:
    """Do what a command line says and return what came of it.

    `engine_factory` is called once the line is known to be right and needs an engine. `stdin` goes
    to the program of `run`, `start` and `exec` with `-i`; bytes, the body of a cell, imply `-i`.
    `attend`, `ask` and `values` are those of Session.
    `need_terminal` is called before a terminal is opened that the caller would have to show.
    Raises EngineError, of which UsageError says that the line itself is wrong.
    """
    session = Session(
        engine_factory, stdin, attend=attend, ask=ask, reporter=reporter, values=values
    )
    if cwd is not None:
        session = replace(session, cwd=Path(cwd))
    if need_terminal is not None:
        session = replace(session, need_terminal=need_terminal)
    outcome = parse(argv, body=isinstance(stdin, bytes)).run(session)
    return outcome.settled() if isinstance(outcome, Waiting) else outcome


def parse(argv: Sequence[str], *, body: bool = False) -> Call:
    """Return what a command line asks for, without doing it. Raises UsageError, Unsupported.

    With `body`, that of a cell, a verb may do without the command that would read it.
    """
    try:
        flags, words = Flags("", (_VERSION,), GLOBAL_FLAGS, interspersed=False).read(argv)
    except HelpWanted:
        return _help(())
    if flags:
        return Call("version", {}, lambda _: Lines(lines=(f"{PROGRAM} version {__version__}",)))
    if not words:
        return _help(())
    if words[0] == "help":
        return _help(words[1:])
    return _in_group(cli, words, body)


_VERSION = click.Option(["-v", "--version"], is_flag=True, help="Print version and quit")


def _in_group(group: click.Group, words: Sequence[str], body: bool) -> Call:
    name, rest = words[0], list(words[1:])
    path = "" if group is cli else str(group.name)
    command = group.commands.get(ALIASES.get((path, name), name))
    if isinstance(command, Verb):
        return command.call(rest, body=body)
    if isinstance(command, click.Group):
        try:
            _, inner = Flags(str(command.name), (), interspersed=False).read(rest)
        except HelpWanted:
            return _help((name,))
        if inner:
            return _in_group(command, inner, body)
        raise UsageError(_group_usage(command), exit_code=0)
    full = f"{path} {name}".lstrip()
    if name in GROUPS.get(path, "" if path else VERBS).split():
        raise Unsupported(f"{PROGRAM} {full} is not supported yet", hint=INSTEAD.get(name, ""))
    close = difflib.get_close_matches(name, group.commands, n=2)
    hint = f"Did you mean {' or '.join(close)}?" if close else f"{PROGRAM} --help lists the verbs"
    if path:
        text = _group_usage(group, everything=True)
        raise UsageError(text, exit_code=1, hint=hint if close else "")
    raise UsageError(
        f"{PROGRAM}: '{full}' is not an {PROGRAM} command.",
        hint=hint,
        exit_code=1,
        usage=f"See '{PROGRAM} --help'",
    )


def _help(words: Sequence[str]) -> Call:
    """Return a call that shows the help of a verb, of a group, or of all."""
    command: click.Command = cli
    for place, word in enumerate(words):
        inner = command.commands.get(word) if isinstance(command, click.Group) else None
        if inner is None:
            raise UsageError(f"unknown help topic: {' '.join(words[place:])}", exit_code=1)
        command = inner
    text = command.usage() if isinstance(command, Verb) else _group_usage(command)
    return Call("help", {}, lambda _: Help(lines=(text,)))


_OF_A_SWARM = {"volume": ("update",)}
_LEAST_COLUMNS = 11  # cobra's, for the names of verbs


def _group_usage(group: click.Command, *, everything: bool = False) -> str:
    """Return the text about a group; docker names what a swarm alone has only beside an error."""
    path = PROGRAM if group is cli else f"{PROGRAM} {group.name}"
    commands = group.commands if isinstance(group, click.Group) else {}
    hidden = () if everything else _OF_A_SWARM.get(str(group.name), ())
    commands = {name: each for name, each in commands.items() if name not in hidden}
    width = max(_LEAST_COLUMNS, *(len(name) for name in commands)) + 1
    lines = [f"  {name.ljust(width)}{commands[name].help}" for name in sorted(commands)]
    return "\n".join(
        [
            "",
            f"Usage:  {path} COMMAND",
            "",
            str(group.help),
            "",
            "Commands:",
            *lines,
            "",
            f"Run '{path} COMMAND --help' for more information on a command.",
        ]
    )
