"""An archive from the web, as a stream: what `import URL` reads.

By the same requests as registries (proxies, certificates, redirects), with nobody's credentials.
Called by a worker.
"""

from __future__ import annotations

import io
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http import HTTPStatus
from typing import BinaryIO, cast

from ipycontainer.errors import ImageNotFound, RegistryError
from ipycontainer.images.registry.web import NetworkFailure, Response, Web

__all__ = ["fetched"]

_PIECE = 1 << 20
_LONGEST_ANSWER_BYTES = 512  # of an error page


@contextmanager
def fetched(url: str, web: Web, progress: Callable[[int], None]) -> Iterator[BinaryIO]:
    """Give the content of an address; `progress` is called with the bytes that have come.

    Raises ImageNotFound for a page that is not there, RegistryError for another answer that is
    none, NetworkFailure where the connection cannot be made or ends too early.
    """
    response = web.request("GET", url)
    try:
        if response.status >= 400:
            raise _refused(url, response)
        body = io.BufferedReader(_Body(response, progress), _PIECE)
        yield cast(BinaryIO, body)
    finally:
        response.close()


def _refused(url: str, response: Response) -> RegistryError | ImageNotFound:
    """Return docker's words for an answer that is none (moby builder/remotecontext)."""
    try:
        phrase = HTTPStatus(response.status).phrase
    except ValueError:
        phrase = ""
    page = response.read(_LONGEST_ANSWER_BYTES)[:_LONGEST_ANSWER_BYTES]
    said = " ".join(page.decode(errors="replace").split())
    words = f"failed to GET {url} with status {response.status} {phrase}: {said}"
    return ImageNotFound(words) if response.status == 404 else RegistryError(words)


class _Body(io.RawIOBase):
    """The answer's bytes, as they come."""

    def __init__(self, response: Response, progress: Callable[[int], None]) -> None:
        super().__init__()
        self._response = response
        self._progress = progress
        length = response.headers.get("content-length", "")
        self._left = int(length) if length.isdigit() else None

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: memoryview, /) -> int:  # type: ignore[override]
        piece = self._response.read_some(len(buffer))
        if self._left is not None:
            self._left -= len(piece)
            if not piece and self._left > 0:
                raise NetworkFailure(f'Get "{self._response.url}": unexpected EOF')
        buffer[: len(piece)] = piece
        if piece:
            self._progress(len(piece))
        return len(piece)
