"""Go's printf, print and println.

Source: Go 1.24, fmt/print.go and fmt/format.go, as far as values of templates need it: a verb that
does not fit its value is printed as Go prints it, `%!d(string=x)`.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace

from ipycontainer.commands.go_quoting import go_quote
from ipycontainer.commands.templates.values import FLOAT, Value, indirect, printed, says_itself

__all__ = ["sprint", "sprintf", "sprintln"]

_VERB = re.compile(r"%([+\-# 0]*)(\*|\d+)?(?:(\.)(\*|\d*))?(?:\[(\d+)\])?(.?)", re.S)
_INTEGER_VERBS = {"d": "d", "b": "b", "o": "o", "x": "x", "X": "X", "O": "o"}


@dataclass(frozen=True, slots=True)
class _Form:
    """What stands between the percent sign and the verb."""

    flags: str
    width: int | None
    precision: int | None

    def pad(self, text: str, *, zeros: bool = False) -> str:
        """Return a text at least as wide as asked for."""
        width = self.width or 0
        if "-" in self.flags:
            return text.ljust(width)
        if "0" in self.flags and zeros:
            sign = text[:1] if text[:1] in ("+", "-", " ") else ""
            return sign + text[len(sign) :].rjust(width - len(sign), "0")
        return text.rjust(width, "0" if "0" in self.flags else " ")


def sprint(values: Sequence[Value | None]) -> str:
    """Return values one after another, a space between two of which neither is a text."""
    text = ""
    for number, value in enumerate(values):
        before = values[number - 1] if number else None
        if number and not _is_text(value) and not _is_text(before):
            text += " "
        text += printed(value)
    return text


def sprintln(values: Sequence[Value | None]) -> str:
    """Return values with spaces between them and a line's end."""
    return " ".join(map(printed, values)) + "\n"


def sprintf(form: str, values: Sequence[Value | None]) -> str:
    """Return a text with values in the places of its verbs."""
    parts: list[str] = []
    at = used = 0
    in_order = True

    def star(text: str | None) -> tuple[int | None, bool]:
        nonlocal used
        if text != "*":
            return (int(text) if text else None), True
        value = indirect(values[used]) if used < len(values) else None
        used += 1
        if value is None or value.kind not in ("int", "uint"):
            return None, False
        return int(value.data), True

    while (verb := _VERB.search(form, at)) is not None:
        parts.append(form[at : verb.start()])
        at = verb.end()
        flags = verb[1]
        width, wide = star(verb[2])
        if width is not None and width < 0:
            flags, width = flags + "-", -width
        precision, precise = star(verb[4])
        if verb[3] and precision is None and precise:
            precision = 0
        if precision is not None and precision < 0:
            precision, precise = None, False
        parts.append("" if wide else "%!(BADWIDTH)")
        parts.append("" if precise else "%!(BADPREC)")
        letter = verb[6]
        if verb[5]:  # the place of its argument
            used, in_order = int(verb[5]) - 1, False
            if not 0 <= used < len(values):
                parts.append(f"%!{letter}(BADINDEX)")
                continue
        if not letter:
            parts.append("%!(NOVERB)")
        elif letter == "%":
            parts.append("%")
        elif used >= len(values):
            parts.append(f"%!{letter}(MISSING)")
        else:
            parts.append(_formatted(_Form(flags, width, precision), letter, values[used]))
            used += 1
    parts.append(form[at:])
    if in_order and used < len(values):
        extra = ", ".join(
            "<nil>" if each is None else f"{_type_name(each)}={printed(each)}"
            for each in values[used:]
        )
        parts.append(f"%!(EXTRA {extra})")
    return "".join(parts)


def _is_text(value: Value | None) -> bool:
    inner = value.target if value is not None and value.kind == "any" else value
    return inner is not None and inner.kind == "string"


def _type_name(value: Value) -> str:
    inner = value.target if value.kind == "any" else value
    return "<nil>" if inner is None else inner.type.name


def _formatted(form: _Form, verb: str, given: Value | None) -> str:
    value = given.target if given is not None and given.kind == "any" else given
    if value is None:
        return form.pad("<nil>") if verb in "vT" else form.pad(f"%!{verb}(<nil>)")
    if verb == "T":
        return form.pad(value.type.name)
    if verb == "v" and "#" in form.flags:
        return form.pad(_source(value))
    if verb == "v" and value.kind == "string":
        return _text(form, "s", value.data)
    if verb == "v":
        zeros = value.kind in ("int", "uint", "float")
        return form.pad(printed(value, named="+" in form.flags), zeros=zeros)
    if verb in "sqxX" and says_itself(value):
        return _text(form, verb, printed(value))
    if value.kind in ("slice", "map", "struct", "pointer"):
        return _inside(form, verb, value)
    match value.kind:
        case "bool" if verb == "t":
            return form.pad(printed(value))
        case "string" if verb in "sqxX":
            return _text(form, verb, value.data)
        case "int" | "uint":
            text = _integer(form, verb, value.data)
            if text is not None:
                return text
        case "float" if verb in "eEfFgG":
            return _real(form, verb, value.data)
    # Go prints the value by its %v then, with the width that stands there.
    plain = replace(form, flags=form.flags.translate({ord("#"): None, ord("+"): None}))
    return f"%!{verb}({value.type.name}={_formatted(plain, 'v', value)})"


def _inside(form: _Form, verb: str, value: Value) -> str:
    """Return a composed value whose parts are formatted each."""
    if value.is_nil and value.kind == "pointer":
        return f"%!{verb}({value.type.name}=<nil>)"
    if value.kind == "pointer":
        return "&" + _formatted(form, verb, value.target)
    if value.kind == "slice":
        return f"[{' '.join(_formatted(form, verb, value.at(i)) for i in range(value.size))}]"
    if value.kind == "map":
        pairs = (
            f"{_text(form, verb, k)}:{_formatted(form, verb, value.get(k))}" for k in value.keys
        )
        return f"map[{' '.join(pairs)}]"
    inner = (_formatted(form, verb, value.member(each.name)) for each in value.type.members)
    return f"{{{' '.join(inner)}}}"


def _text(form: _Form, verb: str, text: str) -> str:
    if verb in "xX":
        data = text.encode(errors="surrogateescape")[: form.precision]
        found = data.hex(" " if " " in form.flags else "") if " " in form.flags else data.hex()
        return form.pad(found.upper() if verb == "X" else found)
    shown = text if form.precision is None else text[: form.precision]
    if verb == "q":
        if "#" in form.flags and "`" not in shown and shown.isprintable():
            return form.pad(f"`{shown}`")
        return form.pad(go_quote(shown))
    return form.pad(shown)


def _integer(form: _Form, verb: str, number: int) -> str | None:
    if verb in "cqU":
        if verb == "U":
            return form.pad(f"U+{number:04X}")
        character = chr(number) if 0 <= number <= 0x10FFFF else "\ufffd"
        return form.pad(character if verb == "c" else go_quote(character, "'"))
    if verb not in _INTEGER_VERBS:
        return None
    digits = format(abs(number), _INTEGER_VERBS[verb])
    if form.precision is not None:
        digits = digits.rjust(form.precision, "0")
    if "#" in form.flags or verb == "O":
        digits = {"o": "0", "x": "0x", "X": "0X", "b": "0b", "O": "0o"}.get(verb, "") + digits
    sign = "-" if number < 0 else "+" if "+" in form.flags else " " if " " in form.flags else ""
    return form.pad(sign + digits, zeros=True)


def _real(form: _Form, verb: str, number: float) -> str:
    if verb in "gG" and form.precision is None:
        text = printed(Value(FLOAT, number))
        text = text.upper() if verb == "G" else text
    else:
        precision = 6 if form.precision is None else form.precision
        text = format(number, f".{precision}{verb}")
    if "+" in form.flags and not text.startswith("-"):
        text = f"+{text}"
    return form.pad(text, zeros=True)


def _source(value: Value) -> str:
    """Return a value in Go's syntax (%#v)."""
    match value.kind:
        case "string":
            return go_quote(value.data)
        case "any":
            return "interface {}(nil)" if value.target is None else _source(value.target)
        case "slice":
            if value.is_nil:
                return f"{value.type.name}(nil)"
            inner = ", ".join(_source(value.at(i)) for i in range(value.size))
            return f"{value.type.name}{{{inner}}}"
        case "map":
            if value.is_nil:
                return f"{value.type.name}(nil)"
            inner = ", ".join(
                f"{go_quote(key)}:{'' if (each := value.get(key)) is None else _source(each)}"
                for key in value.keys
            )
            return f"{value.type.name}{{{inner}}}"
        case "pointer":
            if value.target is None:
                return f"({value.type.name})(nil)"
            return f"&{_source(value.target)}"
        case "struct":
            inner = ", ".join(
                f"{each.name}:{_source(found)}"
                for each in value.type.members
                if (found := value.member(each.name)) is not None
            )
            return f"{value.type.name}{{{inner}}}"
        case "uint":
            return f"{value.data:#x}"
    return printed(value)
