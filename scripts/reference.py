"""Write pages of docs from what they tell of, so that none can be wrong.

reference.md and founding-list.md come from the grammar and scripts.examples, frames.md from the
frames' schemas.

    reference.py                 in the environment that scripts/check uses

tests/unit/scripts/test_reference.py fails where a file is not what this writes.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

import click

from ipycontainer.commands.flags import display_name
from ipycontainer.commands.grammar import cli
from ipycontainer.commands.refusals import FLAGS, GROUPS, INSTEAD, VERBS
from ipycontainer.commands.verb import Verb
from kernel_ext.schemas import FRAMES

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

from scripts.examples import EXAMPLES, examples  # noqa: E402  not installed with the package

# Where a verb stands in the reference; what is missing here comes last, under its group's name.
TOPICS: dict[str, str] = {
    "Containers": "run create start stop restart kill pause unpause update wait rm rename exec "
    "attach container/prune",
    "Looking at them": "ps inspect logs stats top port diff events explain",
    "Files": "cp export commit checkpoint checkpoints rollback branch",
    "Images": "images history pull push load save import tag rmi image/inspect image/prune",
    "Registries": "login logout",
}

NOTEBOOK: tuple[tuple[str, str], ...] = (
    ("%container VERB ...", "one line; `%container VERB --help` tells its options"),
    ("%%container VERB ...", "the rest of the cell is the program's input, or its script"),
    ("--stdout NAME, --stderr NAME", "before the verb: keep a stream in a variable"),
    ("--no-raise", "before the verb: an exit code other than 0 is the value, and no error"),
    ("{expression}", "the value of Python; a list becomes several words; `'...'` protects from it"),
    ("$name", "the same for a name, where a Python variable has it"),
    ("%%byhand", "run the cell in a scratch process, to make namespaces by hand"),
    ("%byhand", "list its functions; `--new` throws the process away, `--end` for good"),
)

# The list that the project was founded on, docker's of 2018: command, option, what does it here.
FOUNDING: tuple[tuple[str, str, str], ...] = (
    ("create, run", "-a, --attach", "engine/starting.py"),
    ("create, run", "-i, --interactive", "engine/foreground.py"),
    ("create, run", "--name", "engine/containers.py"),
    ("create, run", "-e, --env", "commands/environment_files.py"),
    ("create, run", "-l, --label", "commands/environment_files.py"),
    ("create, run", "-w, --workdir", "runtime/path_steps.py"),
    ("create, run", "-u, --user", "runtime/users.py"),
    ("create, run", "-h, --hostname", "engine/sharing.py"),
    ("create, run", "--network", "engine/network_files.py"),
    ("create, run", "--ip", "network/addresses.py"),
    ("create, run", "--ip6", "network/addresses.py"),
    ("create, run", "--link", "engine/links.py"),
    ("create, run", "-p, --publish", "network/published.py"),
    ("create, run", "-P, --publish-all", "network/published.py"),
    ("create, run", "--expose", "commands/ports.py"),
    ("create, run", "-v, --volume", "commands/mount_words.py"),
    ("create, run", "--mount", "commands/mount_words.py"),
    ("create, run", "--read-only", "runtime/mount_steps.py"),
    ("create, run", "--rm", "supervise/monitor.py"),
    ("create, run", "-m, --memory", "engine/limits.py"),
    ("create, run", "-c, --cpu-shares", "engine/limits.py"),
    ("attach", "--no-stdin", "engine/starting.py"),
    ("exec", "-e, --env", "runtime/exec_joining.py"),
    ("exec", "-u, --user", "runtime/exec_joining.py"),
    ("exec", "-w, --workdir", "runtime/exec_joining.py"),
    ("start", "-i, --interactive", "engine/starting.py"),
    ("stop", "-t, --time", "supervise/signals.py"),
    ("restart", "-t, --time", "engine/container.py"),
    ("kill", "-s, --signal", "model/signals.py"),
    ("pause", "", "linux/freezer.py"),
    ("unpause", "", "linux/freezer.py"),
    ("wait", "", "engine/ending.py"),
    ("rm", "-f, --force", "engine/container.py"),
    ("rm", "-l, --link", "commands/lifecycle.py"),
    ("rm", "-v, --volumes", "storage/volumes.py"),
    ("rename", "", "engine/container.py"),
    ("cp", "-a, --archive", "engine/copying.py"),
    ("cp", "-L, --follow-link", "engine/copy_local.py"),
    ("export", "-o, --output", "engine/exporting.py"),
    ("logs", "--details", "engine/logs.py"),
    ("logs", "--since", "engine/logs.py"),
    ("logs", "--until", "engine/logs.py"),
    ("logs", "-n, --tail", "engine/logs.py"),
    ("logs", "-t, --timestamps", "engine/logs.py"),
    ("top", "", "engine/top.py"),
    ("port", "", "commands/ports.py"),
    ("stats", "-a, --all", "engine/stats.py"),
    ("stats", "--format", "commands/stats_columns.py"),
    ("diff", "", "storage/changes.py"),
)


def verbs() -> dict[str, list[Verb]]:
    """Return every verb once, by topic, each under the name that is typed most."""
    left = {id(verb.callback): verb for verb in _all(cli)}
    for verb in cli.commands.values():
        if isinstance(verb, Verb):
            left[id(verb.callback)] = verb
    by_name = {verb.path: verb for verb in left.values()}
    topics: dict[str, list[Verb]] = {
        topic: [by_name.pop(name.replace("/", " ")) for name in names.split()]
        for topic, names in TOPICS.items()
    }
    topics |= {"Networks": [], "Volumes": [], "The engine": []}
    for name, verb in sorted(by_name.items()):
        group = name.partition(" ")[0]
        topics[{"network": "Networks", "volume": "Volumes"}.get(group, "The engine")].append(verb)
    return topics


def _all(group: click.Group) -> Iterator[Verb]:
    for command in group.commands.values():
        if isinstance(command, click.Group):
            yield from _all(command)
        elif isinstance(command, Verb):
            yield command


def reference() -> str:
    """Return docs/reference.md."""
    lines = [
        "# All verbs and options",
        "",
        "Written by `scripts/reference.py` from the grammar of both faces: `%container VERB` in a",
        "cell, `ipycontainer VERB` in a shell. What is not listed is refused by name.",
        "",
        "## In a notebook",
        "",
        "| in a cell | meaning |",
        "|---|---|",
        *(f"| `{word}` | {meaning} |" for word, meaning in NOTEBOOK),
        "",
    ]
    topics = verbs()
    for topic, members in topics.items():
        links = " ".join(f"[`{verb.path}`](#{_anchor(verb)})" for verb in members)
        lines.append(f"**{topic}**: {links}\n")
    for topic, members in topics.items():
        lines += [f"## {topic}", ""]
        for verb in members:
            lines += _section(verb)
    lines += ["## Refused", "", "Known, and refused by name:", ""]
    lines += [
        f"- {' '.join(f'`{name}`' for name in VERBS.split())}",
        *(
            f"- {' '.join(f'`{group} {name}`' for name in names.split())}"
            for group, names in GROUPS.items()
        ),
        *(f"- instead of `{name}`: {hint[:1].lower()}{hint[1:]}" for name, hint in INSTEAD.items()),
    ]
    return "\n".join(lines) + "\n"


def _anchor(verb: Verb) -> str:
    return verb.path.replace(" ", "-")


def _section(verb: Verb) -> list[str]:
    synopsis = " ".join(verb.synopsis.split()).replace(f"ipycontainer {verb.path}", "or")
    lines = [
        f"### {verb.path}",
        "",
        f"{verb.help}.",
        "",
        f"    {verb.path} {synopsis}".rstrip(),
        "",
    ]
    plain, by_flag = examples(verb.path) if verb.path in EXAMPLES else ("", {})
    if plain:
        lines += [f"For example `{plain}`.", ""]
    others = [name for name in verb.names if name != verb.path]
    if others:
        lines += [f"Also {', '.join(f'`{name}`' for name in others)}.", ""]
    if verb.path == "create":
        run = cli.commands["run"]
        assert isinstance(run, Verb)
        own = {display_name(option) for option in verb.options}
        lacks = [display_name(o) for o in run.options if display_name(o) not in own]
        more = own - {display_name(option) for option in run.options}
        assert not more, more
        lines += [f"The options of `run`, but for {', '.join(f'`{each}`' for each in lacks)}.", ""]
    elif verb.options:
        head = ("option", "", "meaning", "for example")[: 4 if by_flag else 3]
        lines += [f"| {' | '.join(head)} |".replace("|  |", "| |"), "|---" * len(head) + "|"]
        # a hidden one without an example is one that is refused by name
        shown = [o for o in verb.options if not o.hidden or any(f in by_flag for f in o.opts)]
        for option in sorted(shown, key=lambda o: display_name(o).rpartition("--")[2]):
            kind = "" if option.is_flag else option.type.name.replace("text", "string")
            cells = [f"`{display_name(option)}`", _cell(kind), _cell(option.help or "")]
            if by_flag:
                (example,) = (by_flag[flag] for flag in option.opts if flag in by_flag)
                cells.append(f"`{example}`".replace("|", "\\|"))
            lines.append(f"| {' | '.join(cells)} |")
        lines.append("")
    refused = FLAGS.get(verb.path, FLAGS.get(verb.canonical, "")).split()
    if refused:
        names = " ".join(f"`--{flag.rpartition(',')[2]}`" for flag in sorted(refused))
        lines += [f"Refused by name: {names}.", ""]
    return lines


def _cell(text: str) -> str:
    return " ".join(text.split()).replace("|", "\\|").replace("<", "&lt;")


def founding() -> str:
    """Return docs/founding-list.md. Raises ValueError for a row that the grammar does not have."""
    lines = [
        "# The founding list, and where it is",
        "",
        "Docker's container commands and options of 2018, which this project set out to bring into",
        "a notebook. Written by `scripts/reference.py`, which refuses a row that the grammar has",
        "not. The last column names the module that does it. Each of these commands stands in the",
        "reference with all the options that it has today, and an example for each.",
        "",
        "| command | option | meaning | where |",
        "|---|---|---|---|",
    ]
    for commands, option, module in FOUNDING:
        for command in commands.split(", "):
            meaning = _meaning(command, option)
        shown = f"`{option}`" if option else ""
        links = ", ".join(f"[`{name}`](reference.md#{name})" for name in commands.split(", "))
        lines.append(f"| {links} | {shown} | {meaning} | [{module}](../ipycontainer/{module}) |")
    lines += [
        "",
        "That list printed `-P` for publish and `-p` for publish-all: docker's letters stand. It",
        "spelled `export`'s option `--outputs`, which is accepted as well. `ps` was not on it: its",
        "table is what a cell shows. All that is younger is in [the reference](reference.md).",
    ]
    return "\n".join(lines) + "\n"


def _meaning(command: str, option: str) -> str:
    verb = cli.commands[command]
    assert isinstance(verb, Verb)
    if not option:
        return _cell(str(verb.help))
    for declared in verb.options:
        if display_name(declared) == option:
            return _cell(declared.help or "")
    raise ValueError(f"{command} has no option {option}")


_FRAMES_OPENING = """\
# The columns of the frames

Written from the code by scripts/reference.py. What lists something returns a pandas frame:
`df = %container ps`. Columns and types are the same, empty or full; values are raw, and only the
page writes `3 minutes ago` and `1.2MB`. Sizes are bytes, moments are UTC, no cell holds a list.
Characters that turn or control text (`U+202E`, escapes) are shown by their numbers, `<U+202E>`, in
the page and in the text form; the values keep them.
"""


def frames() -> str:
    """Return docs/frames.md."""
    lines = _FRAMES_OPENING.splitlines()
    for verb, schema in FRAMES.items():
        giver = f"`{verb}`, `.frame()` of the view" if verb in VIEWS else f"`{verb}`"
        lines += ["", f"## {giver}", "", "| column | type | |", "|---|---|---|"]
        for name, column in schema.items():
            lines.append(f"| `{name}` | {_type(column.type)} | {_cell(column.meaning)} |")
        if verb in AFTER:
            lines += ["", AFTER[verb]]
    return "\n".join(lines) + "\n"


def _type(dtype: object) -> str:
    found = str(dtype)
    return f"{found}: {', '.join(dtype.categories)}" if hasattr(dtype, "categories") else found


VIEWS = ("top --watch", "logs -f")
AFTER = {
    "top": "Then the columns that ps(1) was asked for, in small letters, as text.",
    "stats": "`.frame()` of the live view has a row for each second that it keeps.",
}
FILES = {
    "docs/reference.md": reference,
    "docs/founding-list.md": founding,
    "docs/frames.md": frames,
}


def main() -> int:
    """Write the files."""
    for name, text in FILES.items():
        (ROOT / name).write_text(text())
    return 0


if __name__ == "__main__":
    sys.exit(main())
