"""JSON as Go's encoding/json writes it: programs that read docker's or runc's expect that form."""

from __future__ import annotations

import json
import re
from typing import Any

__all__ = ["go_json"]


def go_json(value: Any, *, for_html: bool = False, indent: int | None = None) -> str:
    """Return a value in one line, or indented; `for_html` escapes <, > and & as Go does by itself.

    Keys stay in their order: Go sorts those of a map, and keeps those of a struct.
    """
    separators = (",", ":") if indent is None else None
    text = json.dumps(value, ensure_ascii=False, separators=separators, indent=indent)
    text = text.replace("\u2028", "\\u2028").replace("\u2029", "\\u2029")
    text = re.sub("[\ud800-\udfff]", "\ufffd", text)
    if for_html:
        for character in "<>&":
            text = text.replace(character, f"\\u{ord(character):04x}")
    return text
