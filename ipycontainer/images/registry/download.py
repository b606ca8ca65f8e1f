"""Download a blob: resumed where a connection broke, checked while it comes.

    repository.open_blob -> here -> blob_stream

Called by pull, from a thread of its own.
"""

from __future__ import annotations

import re
from collections.abc import Callable

from ipycontainer.errors import ImageFormatError
from ipycontainer.images.blob_stream import BlobStream
from ipycontainer.images.registry.repository import PassingRefusal, Repository, is_final, pause
from ipycontainer.images.registry.web import NetworkFailure, Response

__all__ = ["download"]

_PIECE = 256 << 10
_RANGE = re.compile(r"bytes (\d+)-(\d+)/(\d+|\*)")


def download(repository: Repository, stream: BlobStream, told: Callable[[int], None]) -> None:
    """Download a blob into a stream, and finish it. `told` gets the bytes that are there.

    A broken connection is resumed, as often as it brought something; without that, after pauses,
    some times. What turns out to be another content is begun anew once, since it may be a wrong
    join: a second time it is an ImageFormatError.
    """
    web, attempts = repository.registry.web, repository.registry.settings.attempts
    failures, wrong = 0, 0
    while True:
        before = stream.size
        try:
            if stream.size < stream.descriptor.size or not stream.descriptor.size:
                _continue(repository, stream, told)
            stream.finish()
            return
        except (NetworkFailure, PassingRefusal) as error:
            failures = 0 if stream.size > before else failures + 1
            if web.given_up or failures >= attempts or is_final(error):
                raise
            pause(web, failures + 1, error)
        except ImageFormatError:
            wrong += 1
            if wrong > 1 or web.given_up:
                raise
            stream.restart()


def _continue(repository: Repository, stream: BlobStream, told: Callable[[int], None]) -> None:
    offset = stream.size
    response = repository.open_blob(stream.descriptor.digest, offset)
    try:
        skip = _place(response, offset, stream)
        while piece := response.read_some(_PIECE):
            if skip:
                piece, skip = piece[skip:], max(0, skip - len(piece))
            stream.write(piece)
            told(stream.size)
            if stream.size == stream.descriptor.size and _has_length(response):
                break
    finally:
        response.close()
    if stream.size < stream.descriptor.size:
        raise NetworkFailure(f'Get "{response.url}": unexpected EOF')


def _has_length(response: Response) -> bool:
    """Tell whether the answer says where it ends: without that, more may come, and is too much."""
    return "content-length" in response.headers


def _place(response: Response, offset: int, stream: BlobStream) -> int:
    """Return how many bytes of the answer are there already. Raises ImageFormatError."""
    if response.status == 416:
        raise ImageFormatError(f"{stream.descriptor.digest} ends before byte {offset}")
    if response.status == 206:
        found = _RANGE.fullmatch(response.headers.get("content-range", ""))
        if found is None or int(found[1]) != offset:
            raise ImageFormatError(f"{stream.descriptor.digest}: not the range that was asked for")
        return 0
    length = response.headers.get("content-length", "")
    if length.isdigit() and int(length) != stream.descriptor.size:
        raise ImageFormatError(
            f"{stream.descriptor.digest} has {length} bytes, "
            f"the manifest says {stream.descriptor.size}"
        )
    return offset
