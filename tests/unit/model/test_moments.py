"""What is no moment is refused with the words of Go's time.Parse, by the form docker expects."""

from __future__ import annotations

import pytest

from ipycontainer.errors import InvalidArgument
from ipycontainer.model.moments import parse_time

RFC3339 = "2006-01-02T15:04:05Z07:00"


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("2020-01-01T10:00:00.5+0530", ' as "2006-01-02T15:04:05.999999999Z07:00":|+0530|Z07:00'),
        ("2020-01-01T10:00:00+0530", ' as "2006-01-02T15:04Z07:00":|:00+0530|Z07:00'),
        ("2020-01-01T10:00:00z", f' as "{RFC3339}":|z|Z07:00'),
        ("2020-1-01", ' as "2006-01-02":|1-01|01'),
        ("2020-01", ' as "2006-01-02":||-'),
        ("20-01-01", ' as "2006-01-02":|20-01-01|2006'),
        ("2020-01-01 10:00", ': extra text: " 10:00"'),
        ("2020-02-30", ": day out of range"),
        ("2020-01-01T10:61Z", ": minute out of range"),
        ("2020-01-01T10:00:61Z", ": second out of range"),
        ("2020-01-01Z0", ': extra text: "0"'),
        ("2020-01-01T10:00+25:00", ": time zone offset hour out of range"),
    ],
)
def test_not_the_form(text: str, reason: str) -> None:
    """What is left to be read, and what was expected there, is said."""
    with pytest.raises(InvalidArgument) as error:
        parse_time(text)
    form, bar, rest = reason.partition("|")
    left, _, wanted = rest.partition("|")
    said = f'{form} cannot parse "{left}" as "{wanted}"' if bar else form
    assert error.value.message == f'parsing time "{text}"{said}'


@pytest.mark.parametrize(
    ("text", "ns"),
    [
        ("1577836800.1234567890123", 1_577_836_800_123_456_789),
        ("0", 0),
        ("1970-01-01T0:00:01Z", 1_000_000_000),
        ("1970-01-01T00:00:01.5Z", 1_500_000_000),
        ("1970-01-01T01:00:01+01:00", 1_000_000_000),
        ("1970-01-01T00:00:00.1234567899Z", 123_456_789),
    ],
)
def test_odd_forms(text: str, ns: int) -> None:
    """More digits than nanoseconds have, and one digit of an hour, are read."""
    assert parse_time(text) == ns
