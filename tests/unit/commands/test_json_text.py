"""JSON without spaces, and Go's words about what is none."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ipycontainer.commands.json_text import compacted

_VALUES: st.SearchStrategy[Any] = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=12,
)


@given(_VALUES, st.sampled_from((None, 1, "\t")))
def test_only_spaces_go(value: Any, indent: Any) -> None:
    """A text of any layout becomes the shortest of the same value, its strings untouched."""
    text = json.dumps(value, indent=indent, ensure_ascii=False)

    assert compacted(text) == json.dumps(value, separators=(",", ":"), ensure_ascii=False)


def test_numbers_and_repeated_names_stay_as_they_are() -> None:
    """Nothing is read and written again."""
    assert compacted('{"a": 1.0e+2, "a": [ -0 ]}') == '{"a":1.0e+2,"a":[-0]}'


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "unexpected end of JSON input"),
        ('{"a', "unexpected end of JSON input"),
        ("root:x", "invalid character 'r' looking for beginning of value"),
        ("{a:1}", "invalid character 'a' looking for beginning of object key string"),
        ('{"a":1,}', "invalid character '}' looking for beginning of object key string"),
        ('{"a" 1}', "invalid character '1' after object key"),
        ('{"a":1 "b":2}', "invalid character '\"' after object key:value pair"),
        ("[1 2]", "invalid character '2' after array element"),
        ("{} x", "invalid character 'x' after top-level value"),
        ('"x\ny"', r"invalid character '\n' in string literal"),
        (r'"\q"', "invalid character 'q' in string escape code"),
        (r'"\u12x4"', r"invalid character 'x' in \u hexadecimal character escape"),
        ("tru}", "invalid character '}' in literal true (expecting 'e')"),
    ],
)
def test_what_is_no_json(text: str, words: str) -> None:
    """The first character that cannot stand there is named, in Go's words."""
    with pytest.raises(ValueError) as error:  # noqa: PT011 - the words are compared
        compacted(text)
    assert str(error.value) == words
