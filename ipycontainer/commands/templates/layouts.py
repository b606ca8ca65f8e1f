"""Times as Go has them: read from JSON, and written in a layout that looks like the time wanted.

Source: Go 1.24, time/format.go. Nanoseconds are kept, which Python's datetime has not.
"""

from __future__ import annotations

import re
import time
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta, timezone
from typing import Any

__all__ = ["DAYS", "MONTHS", "SECOND", "YEAR_ONE", "Moment", "formatted", "read"]

SECOND = 1_000_000_000
YEAR_ONE = -62_135_596_800  # seconds before the epoch: Go's zero
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class Moment:
    """A time: nanoseconds since the epoch, and the offset in seconds that it is shown with."""

    ns: int
    offset: int = 0

    @property
    def clock(self) -> datetime:
        """Return date and time of day where it is shown, without the fraction."""
        zone = timezone(timedelta(seconds=self.offset))
        return (_EPOCH + timedelta(seconds=self.ns // SECOND)).astimezone(zone)

    @property
    def nanosecond(self) -> int:
        """Return the fraction of its second."""
        return self.ns % SECOND

    @property
    def zone(self) -> str:
        """Return the zone's name; of one that is not this machine's, its offset."""
        if not self.offset:
            return "UTC"
        here = time.localtime(self.ns // SECOND)
        return here.tm_zone if here.tm_gmtoff == self.offset else _offset(self.offset, "")

    @property
    def text(self) -> str:
        """Return it as JSON has it."""
        return self.clock.strftime("%Y-%m-%dT%H:%M:%S").zfill(19) + (
            _fraction(self.nanosecond) + (_offset(self.offset, ":") if self.offset else "Z")
        )


def _fraction(nanosecond: int) -> str:
    return f".{nanosecond:09d}".rstrip("0").rstrip(".")


def _offset(seconds: int, colon: str) -> str:
    minutes = abs(seconds) // 60
    return f"{'-' if seconds < 0 else '+'}{minutes // 60:02d}{colon}{minutes % 60:02d}"


_TEXT = re.compile(r"(\d+-\d\d-\d\dT\d\d:\d\d:\d\d)(?:\.(\d+))?(Z|[+-]\d\d:\d\d)")


def read(data: Any) -> Moment:
    """Return the time of a text of JSON; Go's zero for none."""
    match = _TEXT.fullmatch(data) if isinstance(data, str) else None
    if match is None:
        return Moment(YEAR_ONE * SECOND)
    whole = datetime.fromisoformat(match[1] + match[3].replace("Z", "+00:00"))
    nanosecond = int((match[2] or "").ljust(9, "0")[:9])
    offset = whole.utcoffset() or timedelta()
    seconds = (whole - _EPOCH) // timedelta(seconds=1)
    return Moment(seconds * SECOND + nanosecond, int(offset.total_seconds()))


_ZONES = "|".join(
    f"{sign}07{rest}" for sign in "Z-" for rest in ("0000", ":00:00", "00", ":00", "")
)
_LAYOUT = re.compile(
    r"January|Jan(?![a-z])|Monday|Mon(?![a-z])|MST|__2|_2006|_2|002|0[1-6]|15|1|2006|2|3|4|5|PM|pm|"
    rf"{_ZONES}|[.,](?:0+|9+)(?!\d)"
)


def formatted(moment: Moment, layout: str) -> str:
    """Return a time in a layout of Go's: how Mon Jan 2 15:04:05 MST 2006 would be written."""
    return _LAYOUT.sub(lambda match: _part(moment, match[0]), layout)


def _part(moment: Moment, word: str) -> str:
    at = moment.clock
    if word[0] in ".,":
        digits = f"{moment.nanosecond:09d}"[: len(word) - 1]
        if word[1] == "9":
            digits = digits.rstrip("0")
        return word[0] + digits if digits else ""
    if word.startswith(("Z07", "-07")):
        if word[0] == "Z" and not moment.offset:
            return "Z"
        if len(word) == 3:
            return _offset(moment.offset, "")[:3]
        seconds = f"{abs(moment.offset) % 60:02d}" if len(word) >= 7 else ""
        colon = ":" if ":" in word else ""
        return _offset(moment.offset, colon) + (colon + seconds if seconds else "")
    hour, day = at.hour % 12 or 12, at.timetuple().tm_yday
    parts: dict[str, str] = {
        "January": MONTHS[at.month - 1],
        "Jan": MONTHS[at.month - 1][:3],
        "1": str(at.month),
        "01": f"{at.month:02d}",
        "Monday": DAYS[at.isoweekday() % 7],
        "Mon": DAYS[at.isoweekday() % 7][:3],
        "2": str(at.day),
        "_2": f"{at.day:2d}",
        "02": f"{at.day:02d}",
        "__2": f"{day:3d}",
        "002": f"{day:03d}",
        "15": f"{at.hour:02d}",
        "3": str(hour),
        "03": f"{hour:02d}",
        "4": str(at.minute),
        "04": f"{at.minute:02d}",
        "5": str(at.second),
        "05": f"{at.second:02d}",
        "2006": f"{at.year:04d}",
        "_2006": f"_{at.year:04d}",
        "06": f"{at.year % 100:02d}",
        "PM": "PM" if at.hour >= 12 else "AM",
        "pm": "pm" if at.hour >= 12 else "am",
        "MST": moment.zone,
    }
    return parts[word]


MONTHS = (
    *("January", "February", "March", "April", "May", "June", "July"),
    *("August", "September", "October", "November", "December"),
)
DAYS = ("Sunday", "Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday")
