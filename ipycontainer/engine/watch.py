"""Look after containers that nobody watches: one thread that sees their monitors die.

A monitor that ends properly has told `exited`. When the connection breaks without that, it was
killed: the container must not outlive it, and the state must say so at once, not only at the next
command.
"""

from __future__ import annotations

import os
import select
import threading
from collections.abc import Callable
from contextlib import suppress

from ipycontainer.errors import ProtocolError
from ipycontainer.supervise.protocol import Channel

__all__ = ["Watch"]


class Watch:
    """Hold the channels of running containers; `died` is called with the id of a lost one."""

    def __init__(self, died: Callable[[str], None]) -> None:
        self._died = died
        self._lock = threading.Lock()
        self._channels: dict[int, tuple[str, Channel]] = {}
        self._thread: threading.Thread | None = None
        self._wake = -1

    def add(self, container_id: str, channel: Channel) -> None:
        """Watch a monitor until it ends; the channel is the watch's from now on."""
        with self._lock:
            self._channels[channel.fileno()] = (container_id, channel)
            if self._thread is None:
                reader, self._wake = os.pipe()
                self._thread = threading.Thread(
                    target=self._run, args=(reader,), name="ipycontainer-watch", daemon=True
                )
                self._thread.start()
            else:
                os.write(self._wake, b"+")

    def close(self) -> None:
        """Stop watching; the containers go on."""
        with self._lock:
            if self._thread is not None:
                os.close(self._wake)
                thread, self._thread = self._thread, None
            else:
                return
        thread.join()

    def _run(self, wake: int) -> None:
        while True:
            poll = select.poll()
            poll.register(wake, select.POLLIN)
            with self._lock:
                for fd in self._channels:
                    poll.register(fd, select.POLLIN)
            for fd, _ in poll.poll():
                if fd != wake:
                    self._look(fd)
                elif not os.read(wake, 4096):
                    os.close(wake)
                    with self._lock:
                        for _, channel in self._channels.values():
                            channel.close()
                        self._channels.clear()
                    return

    def _look(self, fd: int) -> None:
        container_id, channel = self._channels[fd]
        ended = lost = False
        with suppress(ProtocolError, OSError):
            message = channel.receive()
            if message is None:
                lost = True
            elif message.name == "exited":
                ended = True
            else:
                return
        if not ended and not lost:
            lost = True  # a broken message: nothing more to expect
        with self._lock:
            del self._channels[fd]
        channel.close()
        if lost:
            self._died(container_id)
