"""Python values get into a line where they were asked for, and nowhere else."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from IPython.core.error import UsageError

from kernel_ext.expand import expand
from kernel_ext.split import split


class Thing:
    """As the engine's containers and images: known by an id."""

    id = "f" * 64
    short_id = "f" * 12


NAMES: dict[str, Any] = {
    "img": "busybox",
    "n": 3,
    "ids": ["a", "b c"],
    "none": None,
    "path": Path("/data"),
    "row": {"id": "web"},
    "thing": Thing(),
    "frame": pd.DataFrame({"id": ["x", "y"], "name": ["p", "q"]}),
    "empty": [],
}


def arguments(line: str) -> list[str]:
    """Return the words of a line as the grammar gets them."""
    return expand(split(line), NAMES)


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("run {img} true", ["run", "busybox", "true"]),
        ("run {img}:{n}", ["run", "busybox:3"]),
        ("run {img.upper()}", ["run", "BUSYBOX"]),
        ("run {row['id']}", ["run", "web"]),
        ('run "{n + 1} x"', ["run", "4 x"]),
        ("rm {ids}", ["rm", "a", "b c"]),
        ('rm "{ids}"', ["rm", "a", "b c"]),
        ("rm {ids[1]}", ["rm", "b c"]),
        ("rm {empty}", ["rm"]),
        ("rm {frame.id}", ["rm", "x", "y"]),
        ("rm {frame}", ["rm", "x", "y"]),
        ("rm {thing}", ["rm", "f" * 64]),
        ("rm {[thing]}", ["rm", "f" * 64]),
        ("rm $ids", ["rm", "a", "b c"]),
        ("run $img", ["run", "busybox"]),
        ("run $img:$n", ["run", "busybox:3"]),
        ("-v {path}:/x", ["-v", "/data:/x"]),
    ],
)
def test_values_get_in(line: str, expected: list[str]) -> None:
    """A field or a variable becomes its value; a list becomes words."""
    assert arguments(line) == expected


@pytest.mark.parametrize(
    "word",
    [
        "{{.ID}}",
        "{{range.Mounts}}",
        "$HOME",
        "${HOME}",
        "${img}",
        "$$img",
        "{}",
        "}{",
        "a}b",
        "$1",
        "$",
    ],
)
def test_others_braces_and_dollars_stay(word: str) -> None:
    """What belongs to Go templates, to a shell or to find travels unchanged."""
    assert arguments(word) == [word]
    assert arguments(f'"{word}"') == [word]


@given(st.text(alphabet="{}$ainmg.[]'\" ", max_size=20))
def test_single_quotes_protect_everything(text: str) -> None:
    """Nothing between single quotes is ever touched."""
    text = text.replace("'", "")
    assert arguments(f"'{text}'") == [text]


def test_escapes_protect_one_character() -> None:
    """A backslash takes a brace's or dollar's meaning away."""
    assert arguments(r"\{img} \$img a'{img}'b") == ["{img}", "$img", "a{img}b"]


def test_a_template_may_hold_a_value() -> None:
    """A field inside a template's braces is still a field."""
    assert arguments('"{{.{img}}} {n}"') == ["{{.busybox}} 3"]


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("run {imgg}", r"\{imgg\}: name 'imgg' is not defined"),
        ("run {row['x']}", "KeyError"),
        ("run {none}", "None"),
        ("run x{ids}", "word of its own"),
        ("run x{row}", "word of its own"),
        ("run {a:1}", "single quotes"),
        ("run {1/0}", "ZeroDivisionError"),
        ("rm {frame[['name']]}", "no column named id"),
    ],
)
def test_a_field_without_a_value_is_an_error(line: str, message: str) -> None:
    """A field that cannot be filled is named, instead of travelling on as text."""
    with pytest.raises(UsageError, match=message):
        arguments(line)


def test_home_directory(monkeypatch: pytest.MonkeyPatch) -> None:
    """An unquoted tilde at a word's start is the home directory."""
    monkeypatch.setenv("HOME", "/home/me")
    assert arguments("~ ~/x:/y '~' \"~/x\" a~ ~b") == [
        "/home/me",
        "/home/me/x:/y",
        "~",
        "~/x",
        "a~",
        "~b",
    ]


def test_the_users_names_are_not_written_to() -> None:
    """Evaluating leaves the user's namespace as it was."""
    names = {"n": 1}
    expand(split("{n}"), names)
    assert names == {"n": 1}
