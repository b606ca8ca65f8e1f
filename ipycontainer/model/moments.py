"""Moments as `--since` and `--until` take them, read and refused as Go's time.Parse does.

Source: moby `api/types/time/timestamp.go` for which form is expected, Go's `time/format.go` for how
a form is read, and for what is said of a text that does not have it.
"""

from __future__ import annotations

import re
import time
from datetime import UTC, datetime, timedelta, timezone, tzinfo

from ipycontainer.errors import InvalidArgument
from ipycontainer.model.units import parse_duration

__all__ = ["parse_time"]

_SECOND = 1_000_000_000
_DIGITS = 9  # of a fraction: nanoseconds

# Parts of a form, as Go writes them: what is read, its bounds, its name in errors.
_PARTS = {
    "2006": (r"\d{4}", 0, 9999, "year"),
    "01": (r"\d\d", 1, 12, "month"),
    "02": (r"\d\d", 0, 99, "day"),  # which days there are the month says, at the end
    "15": (r"\d\d?", 0, 23, "hour"),
    "04": (r"\d\d", 0, 59, "minute"),
    "05": (r"\d\d", 0, 59, "second"),
}
_ZONE = "Z07:00"
_FRACTION = ".999999999"
_TOKEN = re.compile(rf"{re.escape(_FRACTION)}|{_ZONE}|2006|01|02|15|04|05|.")


def parse_time(text: str, now_ns: int | None = None) -> int:
    """Return the moment of `--since` or `--until` in nanoseconds since the epoch.

    Taken are a Go duration back from now, RFC 3339 in several lengths, the caller's timezone where
    none is given, and Unix seconds (`1795510871.5`). A duration leads to a whole second, as
    docker's client sends it: `--until 0s` leaves out what this second has brought so far. Raises
    InvalidArgument in docker's words.
    """
    if text != "0":
        try:
            moment = (time.time_ns() if now_ns is None else now_ns) - parse_duration(text)
            return moment // _SECOND * _SECOND
        except InvalidArgument:
            pass  # no duration: a time, then
    try:
        return _Reader(text, _form(text)).moment()
    except InvalidArgument:
        if "-" in text:
            raise
    return _unix(text)


def _form(text: str) -> str:
    """Return the form that docker expects of a text, from the marks that are in it."""
    zoned = any(mark in text for mark in "zZ+") or text.count("-") == 3
    zone = _ZONE if zoned else ""
    if "." in text:
        return f"2006-01-02T15:04:05{_FRACTION}{zone}"
    if "T" not in text:
        return f"2006-01-02{zone}"
    colons = text.count(":")
    if zoned and colons and not any(mark in text for mark in "zZ"):
        colons -= 1  # that of the zone
    return f"2006-01-02T15{':04' if colons else ''}{':05' if colons > 1 else ''}{zone}"


def _unix(text: str) -> int:
    """Return Unix seconds with a fraction of any length, of which nanoseconds count."""
    number = re.fullmatch(r"([+-]?\d+)(?:\.([+-]?\d+))?", text)
    if number is None:
        raise InvalidArgument(f'failed to parse value as time or duration: "{text}"')
    fraction = number[2] or "0"
    scale = _DIGITS - len(fraction)
    more = int(fraction) * int(10 ** max(scale, 0)) // int(10 ** max(-scale, 0))
    return int(number[1]) * _SECOND + more


class _Reader:
    """Reads a text by a form, from left to right."""

    def __init__(self, text: str, form: str) -> None:
        self._text = text
        self._form = form
        self._rest = text
        self._read: dict[str, int] = {}
        self._zone: tzinfo | None = None
        self._ns = 0

    def moment(self) -> int:
        """Return nanoseconds since the epoch."""
        tokens = _TOKEN.findall(self._form)
        for token in tokens:
            if token == _ZONE:
                self._take_zone()
            elif token == _FRACTION:
                self._take_fraction()
            elif token in _PARTS:
                self._take_part(token)
                if token == "05" and _FRACTION not in tokens:
                    self._take_fraction()  # Go takes one behind seconds also unasked
            elif self._rest[:1] == token:
                self._rest = self._rest[1:]
            else:
                raise self._wrong(token)
        if self._rest:
            raise self._refused(f': extra text: "{self._rest}"')
        return self._at()

    def _at(self) -> int:
        year, month, day, hour, minute, second = (self._read.get(token, 0) for token in _PARTS)
        try:
            moment = datetime(year, month, day, hour, minute, second)
            moment = moment.replace(tzinfo=self._zone) if self._zone else moment.astimezone()
        except (ValueError, OverflowError):
            raise self._refused(": day out of range") from None
        since = moment - datetime(1970, 1, 1, tzinfo=UTC)
        return (since // timedelta(seconds=1)) * _SECOND + self._ns

    def _take_part(self, token: str) -> None:
        pattern, least, most, name = _PARTS[token]
        found = re.match(pattern, self._rest, re.ASCII)
        if found is None:
            raise self._wrong(token)
        self._rest = self._rest[found.end() :]
        self._read[token] = int(found[0])
        if not least <= int(found[0]) <= most:
            raise self._refused(f": {name} out of range")

    def _take_fraction(self) -> None:
        if found := re.match(r"[.,](\d+)", self._rest, re.ASCII):
            self._rest = self._rest[found.end() :]
            self._ns = int(found[1][:_DIGITS].ljust(_DIGITS, "0"))

    def _take_zone(self) -> None:
        if self._rest.startswith("Z"):
            self._rest, self._zone = self._rest[1:], UTC
            return
        found = re.match(r"([+-])(\d\d):(\d\d)", self._rest, re.ASCII)
        if found is None:
            raise self._wrong(_ZONE)
        self._rest = self._rest[found.end() :]
        for value, most, name in ((found[2], 24, "hour"), (found[3], 60, "minute")):
            if int(value) > most:
                raise self._refused(f": time zone offset {name} out of range")
        ahead = timedelta(hours=int(found[2]), minutes=int(found[3]))
        # datetime knows no zone of a whole day
        ahead = min(ahead, timedelta(days=1) - timedelta(minutes=1))
        self._zone = timezone(-ahead if found[1] == "-" else ahead)

    def _wrong(self, token: str) -> InvalidArgument:
        return self._refused(f' as "{self._form}": cannot parse "{self._rest}" as "{token}"')

    def _refused(self, reason: str) -> InvalidArgument:
        return InvalidArgument(f'parsing time "{self._text}"{reason}')
