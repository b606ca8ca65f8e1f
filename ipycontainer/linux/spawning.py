"""Make a child that becomes a program, and copy no memory for it: posix_spawn(3).

Not Python's, which cannot name the C library's own signals (32 to 34): the library has the child
ignore those unless they are named, and the program would, and all that it starts.
"""

from __future__ import annotations

import ctypes
import os
from collections.abc import Mapping, Sequence

__all__ = ["spawn"]

# spawn.h; what it calls a sigset_t is a bit for each signal in glibc and in musl
POSIX_SPAWN_SETSIGDEF, POSIX_SPAWN_SETSIGMASK, POSIX_SPAWN_SETSID = 0x04, 0x08, 0x80
_FLAGS = POSIX_SPAWN_SETSIGDEF | POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSID
_SIGSET_BYTES, _ATTRIBUTES_BYTES = 128, 1024  # the second is more than any library's needs

_libc = ctypes.CDLL(None)
_NO_SIGNALS = ctypes.create_string_buffer(bytes(_SIGSET_BYTES))
_ALL_SIGNALS = ctypes.create_string_buffer(b"\xff" * _SIGSET_BYTES)
_attributes = (ctypes.c_uint64 * (_ATTRIBUTES_BYTES // 8))()
_libc.posix_spawnattr_init(_attributes)
_libc.posix_spawnattr_setflags(_attributes, ctypes.c_short(_FLAGS))
_libc.posix_spawnattr_setsigdefault(_attributes, _ALL_SIGNALS)
_libc.posix_spawnattr_setsigmask(_attributes, _NO_SIGNALS)


def spawn(path: str, arguments: Sequence[str], env: Mapping[str, str]) -> int:
    """Have a child execute `path`, in a session of its own, no signal blocked or ignored.

    Returns its pid. Raises OSError with what execve(2) or clone(2) said: there is no child then.
    """
    words = [os.fsencode(word) for word in arguments]
    variables = [os.fsencode(f"{name}={value}") for name, value in env.items()]
    pid = ctypes.c_int()
    number = _libc.posix_spawn(
        ctypes.byref(pid),
        os.fsencode(path),
        None,
        _attributes,
        (ctypes.c_char_p * (len(words) + 1))(*words),
        (ctypes.c_char_p * (len(variables) + 1))(*variables),
    )
    if number:
        raise OSError(number, os.strerror(number), path)
    return pid.value
