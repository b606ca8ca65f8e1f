"""Go templates, as far as docker's users mostly write them: fields, `.Label "k"` and `json`.

`{{.ID}}`, `{{.State.Pid}}`, `{{.Label "k"}}`, `{{json .X}}`, `{{json .}}`, comments and the trim
markers `{{-` and `-}}`. Whatever else Go's text/template has is refused by name. Errors are Go's to
the column, since scripts match on them. Pure: text.py feeds it and prints.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from ipycontainer.commands.quoting import go_quote
from ipycontainer.errors import Unsupported, UsageError

__all__ = [
    "Action",
    "Template",
    "TemplateError",
    "go_json",
    "go_value",
    "object_value",
    "parse",
    "parse_or_refuse",
]

PARSE_ERROR = 64  # docker's exit code where a template of inspect, info or version is none

_BLOCKS = frozenset("block break continue define else end if range template with".split())
_FUNCTIONS = frozenset(
    "and call eq ge gt html index join js le len lower lt ne not or pad print printf println slice "
    "split title truncate upper urlquery".split()
)
_FIELD = re.compile(r"(?:\.[^\W\d]\w*)+")
_STRING = re.compile(r'"((?:[^"\\\n]|\\.)*)"|`([^`]*)`')


class TemplateError(Exception):
    """A template breaks Go's grammar, or asks for what is not there. The text is Go's."""


@dataclass(frozen=True, slots=True)
class Action:
    """One `{{…}}`: a field path (() is the dot itself), its label or `json`, and its place."""

    path: tuple[str, ...]
    line: int
    column: int
    as_json: bool = False
    labels: tuple[str, ...] = ()

    @property
    def field(self) -> str:
        """Return the path as Go shows it in errors."""
        return "." + ".".join(self.path)


@dataclass(frozen=True, slots=True)
class Template:
    """Literal text and actions in their order. `name` stands in Go's messages."""

    parts: tuple[str | Action, ...]
    name: str = ""

    @property
    def actions(self) -> Iterator[Action]:
        """Yield the actions."""
        return (part for part in self.parts if isinstance(part, Action))

    def execute(self, value: Callable[[Action], str]) -> str:
        """Return the text with each action's value; `value` raises TemplateError."""
        return "".join(part if isinstance(part, str) else value(part) for part in self.parts)

    def error(self, action: Action, reason: str) -> TemplateError:
        """Return Go's error for an action that cannot be carried out."""
        return TemplateError(
            f'template: {self.name}:{action.line}:{action.column}: executing "{self.name}" '
            f"at <{action.field}>: {reason}"
        )


def parse(text: str, name: str = "") -> Template:
    """Return the template of a text. Raises TemplateError, and Unsupported for the rest of Go's."""
    parts: list[str | Action] = []
    at, trim = 0, False
    while (start := text.find("{{", at)) >= 0:
        literal = text[at:start]
        end = text.find("}}", start + 2)
        if end < 0:
            raise _unclosed(text, start, name)
        inner, begin = text[start + 2 : end], start + 2
        if trim:
            literal = literal.lstrip(" \t\r\n")
        if inner.startswith("-") and inner[1:2] in tuple(" \t\r\n"):
            literal, inner, begin = literal.rstrip(" \t\r\n"), inner[1:], begin + 1
        trim = inner.endswith("-") and inner[-2:-1] in tuple(" \t\r\n")
        parts.append(literal)
        action = _action(inner[:-1] if trim else inner, begin, text, name)
        if action is not None:
            parts.append(action)
        at = end + 2
    rest = text[at:]
    parts.append(rest.lstrip(" \t\r\n") if trim else rest)
    return Template(tuple(part for part in parts if part != ""), name)


def parse_or_refuse(text: str, name: str = "") -> Template:
    """Return the template of a text. Raises UsageError as inspect, info and version do."""
    try:
        return parse(text, name)
    except TemplateError as error:
        raise UsageError(f"template parsing error: {error}", exit_code=PARSE_ERROR) from None


def _unclosed(text: str, start: int, name: str) -> TemplateError:
    line = text.count("\n", 0, start) + 1
    inner = text[start + 2 :]
    what = "bad character U+007D '}'" if "}" in inner else "unclosed action"
    return TemplateError(f"template: {name}:{line}: {what}")


def _action(inner: str, begin: int, text: str, name: str) -> Action | None:
    """Return the action between the braces, None for a comment."""
    line = text.count("\n", 0, begin) + 1
    line_start = text.rfind("\n", 0, begin) + 1
    words = inner.strip(" \t\r\n")
    if re.fullmatch(r"/\*.*\*/", words, re.S):
        return None
    wrong = TemplateError(f"template: {name}:{line}: missing value for command")
    if not words:
        raise wrong
    as_json = False
    position = inner.index(words)
    if (head := re.match(r"json(?:\s+|$)", words)) is not None:
        if head.end() == len(words):
            raise Unsupported("template function `json` without a field is not supported yet")
        as_json, position, words = True, position + head.end(), words[head.end() :]
    field = _FIELD.match(words)
    if words == ".":
        path: tuple[str, ...] = ()
        after = ""
    elif field is None:
        raise _refusal(words, name, line)
    else:
        path, after = tuple(field[0][1:].split(".")), words[field.end() :].strip()
    labels = []
    while after and (string := _STRING.match(after)) is not None:
        labels.append(string[2] if string[1] is None else json.loads(f'"{string[1]}"'))
        after = after[string.end() :].strip()
    if after:
        raise _refusal(after, name, line)
    # Go gives the place of a chain as that of its second field.
    place = begin + position + (len(path[0]) + 1 if len(path) > 1 else 0)
    return Action(path, line, place - line_start, as_json, tuple(labels))


def _refusal(words: str, name: str, line: int) -> Exception:
    """Return the error for what is no plain field: Go's where Go has none either."""
    word = re.match(r"\w+|\|+|:=|.", words)
    first = word[0] if word else words
    if first in _BLOCKS:
        return Unsupported(f"template block `{first}` is not supported yet", hint=_HINT)
    if first in _FUNCTIONS or first == "json":
        return Unsupported(f"template function `{first}` is not supported yet", hint=_HINT)
    if first == "|":
        return Unsupported("template pipelines (`|`) are not supported yet", hint=_HINT)
    if first.isidentifier() and first not in ("true", "false", "nil"):
        return TemplateError(f'template: {name}:{line}: function "{first}" not defined')
    return Unsupported(f"`{words}` in a template is not supported yet", hint=_HINT)


_HINT = 'There are: {{.Field}}, {{.Label "name"}}, {{json .Field}}, "table …" and "json"'


def go_json(value: Any, *, for_html: bool = False) -> str:
    """Return a value as Go's encoding/json writes it in one line; `for_html` escapes < > and &."""
    text = json.dumps(value, ensure_ascii=False, separators=(",", ":"))
    text = text.replace("\u2028", "\\u2028").replace("\u2029", "\\u2029")
    text = re.sub("[\ud800-\udfff]", "\ufffd", text)
    if for_html:
        for character in "<>&":
            text = text.replace(character, f"\\u{ord(character):04x}")
    return text


def go_value(value: Any) -> str:
    """Return a value as Go's fmt prints it with %v: `[a b]`, `map[k:v]`, `<nil>`."""
    if value is None:
        return "<nil>"
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, Mapping):
        inner = " ".join(f"{key}:{go_value(value[key])}" for key in sorted(value))
        return f"map[{inner}]"
    if isinstance(value, Sequence) and not isinstance(value, str):
        return f"[{' '.join(go_value(each) for each in value)}]"
    return str(value)


# Docker's Go structs know what JSON's null does not tell: by the field's name, an empty list
# prints [], an empty map map[], everything else is a pointer and prints <nil>.
_LISTS = frozenset(
    "Aliases Args Binds CapAdd CapDrop Cmd DeviceCgroupRules DeviceRequests Dns DnsOptions "
    "DnsSearch Entrypoint Env ExecIDs ExtraHosts GroupAdd Links OnBuild RepoDigests RepoTags "
    "SecurityOpt Shell VolumesFrom".split()
)
_MAPS = frozenset(
    "Annotations Attributes Data Labels Networks Options Ports Sysctls Tmpfs Volumes".split()
)
# Fields that docker leaves out of its JSON when empty; in a template they are <nil>.
_OMITTED = frozenset({("State", "Health"), ("HostConfig", "Init"), ("Config", "StopTimeout")})


def object_value(
    template: Template,
    thing: Mapping[str, Any],
    types: Mapping[tuple[str, ...], str],
    action: Action,
) -> str:
    """Return an action's text for an object in the shape of docker's API.

    `types` names the Go types that stand in errors, by the path to their object; where there is
    none, docker works on the bare JSON. Raises TemplateError, Unsupported.
    """
    if action.labels:
        raise template.error(action, f"{action.path[-1]} has arguments but cannot be invoked")
    value: Any = thing
    for depth, name in enumerate(action.path):
        if not isinstance(value, Mapping):
            raise template.error(action, f"can't evaluate field {name} in type interface {{}}")
        if name in value:
            value = value[name]
        elif depth and action.path[depth - 1] in _MAPS:
            if depth + 1 == len(action.path):
                return "null" if action.as_json else "<no value>"
            raise template.error(action, f"map has no entry for key {go_quote(name)}")
        elif action.path[depth - 1 : depth + 1] in _OMITTED and depth + 1 == len(action.path):
            value = None
        elif (kind := types.get(action.path[:depth])) is not None:
            raise template.error(action, f"can't evaluate field {name} in type {kind}")
        else:
            raise template.error(action, f"map has no entry for key {go_quote(name)}")
    if action.as_json:
        return go_json(value)
    name = action.path[-1] if action.path else ""
    if value is None and name in _LISTS | _MAPS:
        return "[]" if name in _LISTS else "map[]"
    if _holds_object(value, name):
        raise Unsupported(
            f"printing the whole object {action.field} is not supported yet",
            hint=f"As JSON: {{{{json {action.field}}}}}",
        )
    return go_value(value)


def _holds_object(value: Any, name: str) -> bool:
    """Tell whether Go would print a struct here, whose order and types JSON does not tell."""
    if isinstance(value, Mapping):
        return name not in _MAPS or any(isinstance(each, Mapping) for each in value.values())
    return isinstance(value, list) and any(isinstance(each, Mapping) for each in value)
