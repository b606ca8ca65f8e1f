"""A pull, push, load or save that is under way: what `engine.images.pulling` and its kin give.

The engine's end of a worker's channel. It has no thread: whoever wants progress reads it, and
leaving it is what stops the worker.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from typing import Any, Self

from ipycontainer.engine.waiting import ready
from ipycontainer.errors import EngineError, OperationTimeout, from_wire
from ipycontainer.model.transfer import Progress
from ipycontainer.supervise.protocol import Channel

__all__ = ["Transfer"]


class Transfer:
    """Watch a job that moves images: iterate over its progress, ask for its result, cancel it.

    An error of the job is raised by whichever of these comes to its end. An interrupt while
    reading loses nothing: reading goes on with the next call.
    """

    def __init__(self, channel: Channel) -> None:
        self._channel = channel
        self._waiting: deque[Progress] = deque()
        self._ended = False
        self._result: Any = None

    def __iter__(self) -> Iterator[Progress]:
        while (progress := self.read()) is not None:
            yield progress

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.cancel()

    def read(self, timeout: float | None = None) -> Progress | None:
        """Return the next piece of progress, None at the end. Raises OperationTimeout."""
        while not self._waiting:
            if self._ended:
                return None
            if not ready(self._channel.fileno(), timeout):
                raise OperationTimeout("no progress was told in time")
            self._take()
        return self._waiting.popleft()

    def result(self) -> Any:
        """Wait for the end and return what came of it; progress that nobody read is dropped."""
        for _ in self:
            pass
        return self._result

    def cancel(self) -> None:
        """Stop it, if it is still under way; what it had begun is removed."""
        self._ended = True
        self._channel.close()

    def _take(self) -> None:
        message = self._channel.receive()
        if message is None:
            self.cancel()
            raise EngineError("the engine's worker died before it was done")
        if message.name == "progress":
            self._waiting.extend(Progress.from_wire(item) for item in message.body["items"])
            return
        self.cancel()
        if message.name == "failed":
            raise from_wire(dict(message.body["error"]))
        self._result = message.body.get("result")
