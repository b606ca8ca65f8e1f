"""Network interfaces by ioctl(2): only what a start needs before any netlink is spoken."""

from __future__ import annotations

import fcntl
import socket
import struct

__all__ = ["loopback_up"]

SIOCGIFFLAGS, SIOCSIFFLAGS = 0x8913, 0x8914  # linux/sockios.h
IFF_UP = 1  # linux/if.h


def loopback_up() -> None:
    """Bring up `lo` of this network namespace; it gets 127.0.0.1 and ::1 by itself."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC) as probe:
        request = struct.pack("16sh22x", b"lo", IFF_UP)
        fcntl.ioctl(probe, SIOCSIFFLAGS, request)
