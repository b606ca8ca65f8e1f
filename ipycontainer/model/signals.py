"""Signals by docker's spelling: `HUP`, `SIGHUP`, `hup` and `1` are one.

Source: github.com/moby/sys/signal; names of the running kernel from Python's signal module.
"""

from __future__ import annotations

import re
import signal

from ipycontainer.errors import InvalidArgument

__all__ = ["parse_signal", "parse_stop_signal", "signal_name"]

# signal.h: the first two real-time signals are glibc's own, yet docker names them from 34 on.
_RTMIN, _RTMAX = 34, 64


def parse_signal(text: str) -> int:
    """Return the number of a signal given by name or number.

    Raises InvalidArgument in docker's words.
    """
    if re.fullmatch(r"[+-]?[0-9]+", text):
        number = int(text)
        if number == 0:
            raise InvalidArgument(f"invalid signal: {text}")
        if not 1 <= number <= _RTMAX:
            raise InvalidArgument(f"the linux daemon does not support signal {number}")
        return number
    name = text.upper().removeprefix("SIG")
    known: int | None = getattr(signal.Signals, f"SIG{name}", None)
    if known is not None:
        return int(known)
    if real_time := re.fullmatch(r"RTMIN(?:\+([0-9]+))?|RTMAX(?:-([0-9]+))?", name):
        above, below = real_time.groups()
        number = _RTMIN + int(above or 0) if name.startswith("RTMIN") else _RTMAX - int(below or 0)
        if _RTMIN <= number <= _RTMAX:
            return number
    raise InvalidArgument(f"invalid signal: {text}")


def parse_stop_signal(text: str) -> int:
    """Return the number of a signal to stop with: one that no kernel has is KILL.

    Docker takes any number here. What cannot be sent ends nobody, and so it kills.
    """
    if re.fullmatch(r"[+-]?[0-9]+", text) and int(text) and not 1 <= int(text) <= _RTMAX:
        return int(signal.SIGKILL)
    return parse_signal(text)


def signal_name(number: int) -> str:
    """Return `SIGTERM` for 15; a number without a name comes back as digits."""
    try:
        return signal.Signals(number).name
    except ValueError:
        return str(number)
