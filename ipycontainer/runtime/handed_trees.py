"""Detached mounts on their way from the parent to init: what init may not make itself.

One message over the socket that both have, before the steps that need them. Standard library only.
"""

from __future__ import annotations

import os
import socket
from collections.abc import Sequence
from contextlib import suppress

__all__ = ["hand_over", "take"]

_MOST_FDS = 253  # of one message: SCM_MAX_FD, linux/include/net/scm.h
_WORD = b"trees"


def hand_over(sync: int, trees: Sequence[int]) -> None:
    """Send init its trees; nothing where it needs none. They stay the caller's to close."""
    if trees:
        with (
            socket.socket(fileno=os.dup(sync)) as sock,
            suppress(BrokenPipeError),  # init has ended: why, comes with its last message
        ):
            socket.send_fds(sock, [_WORD], trees)


def take(sync: int) -> list[int]:
    """Receive the trees of one message, the caller's to close; none where the parent has ended."""
    with socket.socket(fileno=os.dup(sync)) as sock:
        return socket.recv_fds(sock, len(_WORD), _MOST_FDS, socket.MSG_CMSG_CLOEXEC)[1]
