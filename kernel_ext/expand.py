"""Put Python values into the words of a magic's line.

Second station of a cell (magics -> split -> expand -> commands). IPython's own expansion is all or
nothing for a line and rewrites `'{{.ID}}'`, so the magic turns it off. The rules here:

    {expr}    becomes the value; a word that is exactly one field and holds a list becomes its items
    $name     likewise, where a Python variable has that name; any other $ stays for the container
    {{ }}     stay as they are: they belong to Go templates (`--format {{.ID}}`)
    ~ ~/x     the home directory, at the start of an unquoted word

What a value becomes is no flag, whatever it begins with (commands.flags.Value), unless it stood in
a list. Nothing single-quoted or escaped is touched, and a field that has no value is an error: a
typo must not travel into the container as text.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from IPython.core.error import UsageError

from ipycontainer.commands.flags import Value
from kernel_ext.split import Fragment, Word, field_end

__all__ = ["expand"]

_NAME = re.compile(r"\$([A-Za-z_][A-Za-z0-9_]*)")
_FIELD = re.compile(r"\{[^{}]*\}")


def expand(words: Sequence[Word], names: Mapping[str, Any]) -> list[str]:
    """Return the argument list; `names` are the user's variables, the local ones included.

    Raises UsageError that names the field and what is wrong with it.
    """
    scope = dict(names)
    arguments: list[str] = []
    for word in words:
        arguments.extend(_word(word, scope))
    return arguments


def _word(word: Word, scope: dict[str, Any]) -> list[str]:
    if len(word.fragments) == 1 and word.fragments[0].quote != "'":
        found, value = _whole(word.text, scope)
        if found:
            return _items(value, word.text)
    text = "".join(
        part.text if part.quote == "'" else _fields(part.text, scope) for part in word.fragments
    )
    expanded = _home(word.fragments[0], text)
    return [expanded if word.text.startswith("-") else Value(expanded)]


def _home(first: Fragment, text: str) -> str:
    if first.quote or not (first.text == "~" or first.text.startswith("~/")):
        return text
    return os.path.expanduser("~") + text[1:]


def _whole(text: str, scope: dict[str, Any]) -> tuple[bool, Any]:
    """Return the value of a word that is one field and nothing else."""
    name = _NAME.fullmatch(text)
    if name and name[1] in scope:
        return True, scope[name[1]]
    if text.startswith("{") and not text.startswith("{{") and field_end(text, 0) == len(text):
        return True, _evaluate(text, scope)
    return False, None


def _fields(text: str, scope: dict[str, Any]) -> str:
    """Return the text with its fields replaced; reads from left to right, once."""
    done: list[str] = []
    position = 0
    while position < len(text):
        if text.startswith(("{{", "}}", "{}", "$$"), position):
            done.append(text[position : position + 2])
            position += 2
        elif text.startswith("${", position):
            end = text.find("}", position) + 1 or len(text)
            done.append(text[position:end])
            position = end
        elif (name := _NAME.match(text, position)) is not None:
            known = name[1] in scope
            done.append(_single(scope[name[1]], name[0]) if known else name[0])
            position = name.end()
        elif text[position] == "{":
            end = field_end(text, position)
            if not end and (braces := _FIELD.match(text, position)):
                raise UsageError(
                    f"{braces[0]} is not a Python expression: "
                    f"put it in single quotes to pass it as it is"
                )
            field = text[position : end or position + 1]
            done.append(_single(_evaluate(field, scope), field) if end else field)
            position += len(field)
        else:
            done.append(text[position])
            position += 1
    return "".join(done)


def _evaluate(field: str, scope: dict[str, Any]) -> Any:
    try:
        return eval(field[1:-1].strip(), scope)
    except Exception as error:  # whatever the user's expression raises
        reason = str(error) if isinstance(error, NameError) else f"{type(error).__name__}: {error}"
        raise UsageError(f"{field}: {reason}") from error


def _items(value: Any, field: str) -> list[str]:
    """Return the words for a value that may be a list: many, or none."""
    if hasattr(value, "columns"):  # a frame of any library stands for its containers or images
        if "id" not in value.columns:
            raise UsageError(f"{field}: the frame has no column named id")
        return [Value(_single(item, field)) for item in value["id"]]
    if isinstance(value, str | bytes | Mapping | os.PathLike) or not isinstance(value, Iterable):
        return [Value(_single(value, field))]
    # Who makes a list means words, flags among them.
    return [_single(item, field) for item in value]


def _single(value: Any, field: str) -> str:
    """Return a value as one word."""
    if value is None:
        raise UsageError(f"{field}: the value is None")
    if isinstance(value, bytes | os.PathLike):
        return os.fsdecode(value)
    if isinstance(value, str):
        return str(value)
    if isinstance(getattr(value, "id", None), str) and hasattr(value, "short_id"):
        return str(value.id)  # a container or an image
    if hasattr(value, "columns") or isinstance(value, Mapping | Iterable):
        raise UsageError(f"{field}: a {type(value).__name__} can only be a word of its own")
    return str(value)
