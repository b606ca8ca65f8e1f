"""Words of a Dockerfile instruction: quotes, escapes and variables.

Pure, below images.change_instructions. The rules are those of buildkit's dockerfile parser
(`parser/line_parsers.go`, `shell/lex.go`), as docker's `import -c` uses them.
"""

from __future__ import annotations

import re
from collections.abc import Mapping

from ipycontainer.errors import InvalidArgument

__all__ = ["expand", "split_words"]

_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*|[0-9]|[@*#]")


def split_words(text: str) -> list[str]:
    """Split at blanks outside quotes; quotes and backslashes stay, for `expand` to take away."""
    words: list[str] = []
    word, quote, at = "", "", 0
    while at < len(text):
        char = text[at]
        if not quote and char.isspace():
            if word:
                words.append(word)
            word = ""
        elif char == "\\" and quote != "'" and at + 1 < len(text):
            word += text[at : at + 2]
            at += 1
        else:
            if char == quote:
                quote = ""
            elif not quote and char in "'\"":
                quote = char
            word += char
        at += 1
    return [*words, word] if word else words


def expand(text: str, variables: Mapping[str, str]) -> str:
    """Return a word without its quotes, `$NAME`, `${NAME}`, `${NAME:-x}`, `${NAME:+x}` replaced.

    An unknown variable is empty. Raises InvalidArgument.
    """
    out, at, quote = "", 0, ""
    while at < len(text):
        char = text[at]
        if char == "\\" and quote != "'":
            following = text[at + 1 : at + 2]
            # In double quotes a backslash only takes the meaning of what has one there.
            keep = quote == '"' and following not in '"$\\'
            out += ("\\" if keep or not following else "") + following
            at += 2
        elif char == "$" and quote != "'":
            value, at = _variable(text, at, variables)
            out += value
        elif char == quote:
            quote, at = "", at + 1
        elif not quote and char in "'\"":
            quote, at = char, at + 1
        else:
            out, at = out + char, at + 1
    if quote:
        raise InvalidArgument(
            f"unexpected end of statement while looking for matching {_NAMES[quote]}"
        )
    return out


_NAMES = {'"': "double-quote", "'": "single-quote"}


def _variable(text: str, at: int, variables: Mapping[str, str]) -> tuple[str, int]:
    """Return the value of the variable at `at`, and where the text goes on."""
    if text[at + 1 : at + 2] != "{":
        found = _NAME.match(text, at + 1)
        if found is None:
            return "$", at + 1
        return variables.get(found[0], ""), found.end()
    found = _NAME.match(text, at + 2)
    end = _closing(text, at + 2)
    if found is None or end < 0:
        raise InvalidArgument("syntax error: missing '}'" if found else "bad substitution")
    name, rest = found[0], text[found.end() : end]
    value = variables.get(name, "")
    if rest[:2] in (":-", ":+"):
        other = expand(rest[2:], variables)
        value = (value or other) if rest[:2] == ":-" else (other if value else "")
    elif rest:
        raise InvalidArgument(f"unsupported modifier ({rest[:2]}) in substitution")
    return value, end + 1


def _closing(text: str, at: int) -> int:
    depth = 1
    for place in range(at, len(text)):
        if text[place] == "}":
            depth -= 1
            if not depth:
                return place
        elif text.startswith("${", place):
            depth += 1
    return -1
