"""Signals are known by every spelling that docker takes."""

from __future__ import annotations

import pytest

from ipycontainer.errors import InvalidArgument
from ipycontainer.model.signals import parse_signal, parse_stop_signal, signal_name


@pytest.mark.parametrize(
    ("text", "number"),
    [
        ("HUP", 1),
        ("SIGHUP", 1),
        ("hup", 1),
        ("1", 1),
        ("KILL", 9),
        ("sigterm", 15),
        ("RTMIN", 34),
        ("RTMIN+3", 37),
        ("SIGRTMAX", 64),
        ("RTMAX-1", 63),
        ("64", 64),
    ],
)
def test_spellings(text: str, number: int) -> None:
    """Name with and without SIG, in any case, and number are one."""
    assert parse_signal(text) == number


@pytest.mark.parametrize("text", ["FOO", "", "0", "RTMIN+31", "SIG", "9x"])
def test_no_signal(text: str) -> None:
    """An unknown name is refused in docker's words."""
    with pytest.raises(InvalidArgument, match=f"^invalid signal: {text.replace('+', '.')}$"):
        parse_signal(text)


def test_number_beyond_the_last() -> None:
    """A number that no signal has is refused in docker's words for numbers."""
    with pytest.raises(InvalidArgument, match=r"^the linux daemon does not support signal 99$"):
        parse_signal("99")


def test_name_of_a_number() -> None:
    """A number has its name; one without keeps its digits."""
    assert signal_name(15) == "SIGTERM"
    assert signal_name(99) == "99"


@pytest.mark.parametrize(("text", "number"), [("99", 9), ("-1", 9), ("15", 15), ("HUP", 1)])
def test_a_number_to_stop_with_that_no_signal_has_kills(text: str, number: int) -> None:
    """As docker's daemon, which cannot send it and then kills."""
    assert parse_stop_signal(text) == number


@pytest.mark.parametrize("text", ["0", "FOO"])
def test_no_signal_to_stop_with(text: str) -> None:
    """Zero and unknown names are refused as everywhere."""
    with pytest.raises(InvalidArgument, match=f"^invalid signal: {text}$"):
        parse_stop_signal(text)
