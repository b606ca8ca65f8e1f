"""Sizes, durations, times and signals read and print as docker's do."""

from __future__ import annotations

import time
from collections.abc import Iterator

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ipycontainer.errors import InvalidArgument
from ipycontainer.model.moments import parse_time
from ipycontainer.model.units import (
    go_time,
    human_duration,
    human_size,
    human_size_binary,
    parse_duration,
    rfc3339nano,
    rfc3339nano_fixed,
)

NOW_NS = 1_795_510_871_491_495_023  # 2026-11-24T09:01:11.491495023Z
SECOND = 1_000_000_000


@pytest.fixture
def in_berlin(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """The caller lives one hour east of UTC (in November)."""
    monkeypatch.setenv("TZ", "Europe/Berlin")
    time.tzset()
    yield
    monkeypatch.undo()
    time.tzset()


@pytest.mark.parametrize(
    ("size", "text"),
    [(0, "0B"), (999, "999B"), (1000, "1kB"), (2_027_980, "2.03MB"), (1_500_000_000, "1.5GB")],
)
def test_size_with_three_digits(size: int, text: str) -> None:
    """`images` shows three digits in decimal units."""
    assert human_size(size, 3) == text


def test_size_with_four_digits() -> None:
    """Elsewhere docker shows four."""
    assert human_size(2_027_980) == "2.028MB"


def test_binary_size() -> None:
    """Memory is shown in binary units."""
    assert human_size_binary(25_276_510_208) == "23.54GiB"
    assert human_size_binary(64 * 1024 * 1024) == "64MiB"


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (-1, "Less than a second"),
        (0.9, "Less than a second"),
        (1, "1 second"),
        (59.9, "59 seconds"),
        (60, "About a minute"),
        (119, "About a minute"),
        (120, "2 minutes"),
        (3599, "59 minutes"),
        (3600, "About an hour"),
        (3600 * 1.6, "2 hours"),
        (3600 * 47, "47 hours"),
        (3600 * 48, "2 days"),
        (86400 * 13, "13 days"),
        (86400 * 14, "2 weeks"),
        (86400 * 59, "8 weeks"),
        (86400 * 60, "2 months"),
        (86400 * 729, "24 months"),
        (86400 * 731, "2 years"),
    ],
)
def test_duration(seconds: float, text: str) -> None:
    """Every border of docker's words for a duration is where docker has it."""
    assert human_duration(seconds) == text


@pytest.mark.parametrize(
    ("text", "ns"),
    [
        ("0", 0),
        ("42m", 42 * 60 * SECOND),
        ("1h30m", 5400 * SECOND),
        ("1.5s", 1_500_000_000),
        (".5s", 500_000_000),
        ("1.s", SECOND),
        ("-2ms", -2_000_000),
        ("+3us", 3_000),
        ("3µs", 3_000),
        ("7ns", 7),
        ("0.1ns", 0),
    ],
)
def test_go_duration(text: str, ns: int) -> None:
    """Go's durations are read to the nanosecond."""
    assert parse_duration(text) == ns


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", 'time: invalid duration ""'),
        ("-", 'time: invalid duration "-"'),
        ("x", 'time: invalid duration "x"'),
        ("5", 'time: missing unit in duration "5"'),
        ("5d", 'time: unknown unit "d" in duration "5d"'),
    ],
)
def test_wrong_go_duration(text: str, message: str) -> None:
    """Go's three complaints are kept apart."""
    with pytest.raises(InvalidArgument) as error:
        parse_duration(text)
    assert error.value.message == message


@pytest.mark.parametrize(
    ("text", "ns"),
    [
        ("1795510871", 1_795_510_871 * SECOND),
        ("1795510871.5", 1_795_510_871 * SECOND + 500_000_000),
        ("2026-11-24T09:01:11.491495023Z", NOW_NS),
        ("2026-11-24T10:01:11.491495023+01:00", NOW_NS),
        ("2026-11-24T09:01:11Z", 1_795_510_871 * SECOND),
        ("1s", 1_795_510_870 * SECOND),  # a whole one, as it is sent
    ],
)
def test_moment(text: str, ns: int) -> None:
    """Unix seconds, RFC 3339 and durations back from now are one and the same moment."""
    assert parse_time(text, now_ns=NOW_NS) == ns


@pytest.mark.usefixtures("in_berlin")
@pytest.mark.parametrize(
    ("text", "utc"),
    [
        ("2026-11-24", "2026-11-23T23:00:00Z"),
        ("2026-11-24T10", "2026-11-24T09:00:00Z"),
        ("2026-11-24T10:30", "2026-11-24T09:30:00Z"),
        ("2026-11-24Z", "2026-11-24T00:00:00Z"),
    ],
)
def test_moment_without_zone_is_the_callers(text: str, utc: str) -> None:
    """A short time, and one without zone, stands in the caller's own timezone."""
    assert rfc3339nano(parse_time(text)) == utc


@pytest.mark.parametrize(
    ("text", "part"),
    [("2026-13-01", "month"), ("2026-02-30", "day"), ("2026-11-24T25", "hour")],
)
def test_no_such_day(text: str, part: str) -> None:
    """A time whose form is right and that no calendar has is refused in Go's words."""
    with pytest.raises(InvalidArgument) as error:
        parse_time(text)
    assert error.value.message == f'parsing time "{text}": {part} out of range'


@pytest.mark.parametrize("text", ["foo", "1.2.3", ""])
def test_no_moment(text: str) -> None:
    """What is neither time nor duration is refused in docker's words."""
    with pytest.raises(InvalidArgument) as error:
        parse_time(text)
    assert error.value.message == f'failed to parse value as time or duration: "{text}"'


def test_zero_time_is_never() -> None:
    """A time that never came prints as Go's zero time."""
    assert rfc3339nano(0) == "0001-01-01T00:00:00Z"


def test_fraction_loses_its_zeros() -> None:
    """RFC3339Nano has no zeros at its end, the fixed form always nine digits."""
    assert rfc3339nano(1_795_510_871_500_000_000) == "2026-11-24T09:01:11.5Z"
    assert rfc3339nano_fixed(1_795_510_871_500_000_000) == "2026-11-24T09:01:11.500000000Z"
    assert rfc3339nano(1_795_510_871_000_000_000) == "2026-11-24T09:01:11Z"


@pytest.mark.usefixtures("in_berlin")
def test_go_prints_a_time_in_the_callers_zone() -> None:
    """CreatedAt is in the caller's timezone, with its name."""
    assert go_time(NOW_NS) == "2026-11-24 10:01:11 +0100 CET"


@given(st.integers(min_value=1, max_value=4_000_000_000 * SECOND))
def test_times_come_back(ns: int) -> None:
    """Every time that is printed is read as the same time."""
    assert parse_time(rfc3339nano(ns)) == ns
    assert parse_time(rfc3339nano_fixed(ns)) == ns


@given(st.text(max_size=12))
def test_any_text_is_read_or_refused(text: str) -> None:
    """No text makes the readers fail otherwise than by their own error."""
    for read in (parse_time, parse_duration):
        try:
            read(text)
        except InvalidArgument:
            pass
