"""Upload a blob: not at all where it is there, mounted from a neighbour, whole, or in chunks.

Whole is what every registry takes; some refuse large bodies (413) and want chunks. Called by push,
from a thread of its own. Source: OCI distribution-spec, "Pushing blobs".
"""

from __future__ import annotations

import io
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import BinaryIO, cast
from urllib.parse import urljoin

from ipycontainer.errors import RegistryError
from ipycontainer.images.registry.repository import Repository, patiently
from ipycontainer.images.registry.web import Response
from ipycontainer.model.image import Descriptor

__all__ = ["MOUNTED", "PUSHED", "THERE", "upload"]

PUSHED, THERE, MOUNTED = "Pushed", "Layer already exists", "Mounted from"

CHUNK_BYTES = 16 << 20
_LONGEST_CHUNK = 1 << 30
_TOO_LARGE = 413
_WRONG_RANGE = 416


def upload(
    repository: Repository,
    path: Path,
    descriptor: Descriptor,
    neighbours: Sequence[str],
    told: Callable[[int], None],
) -> str:
    """Bring a blob into a repository; return how it came there, in docker's words.

    `neighbours` are repositories of the same registry that may have it. Tried again from its
    beginning where the connection breaks: what arrived of an upload cannot be relied on.
    """
    registry = repository.registry

    def attempt() -> str:
        if repository.has_blob(descriptor.digest):
            return THERE
        for neighbour in neighbours:
            answer = repository.begin_upload(descriptor.digest, neighbour)
            if answer.status == 201:
                return f"{MOUNTED} {neighbour}"
            _cancel(repository, answer)
        whole = _Whole(repository, path, descriptor, told)
        if not whole.send():
            _chunked(repository, path, descriptor, told)
        return PUSHED

    return patiently(registry.web, registry.settings.attempts, attempt)


def _cancel(repository: Repository, begun: Response) -> None:
    repository.send("DELETE", _location(begun), {}, None).close()


def _location(response: Response) -> str:
    """Return where an upload goes on; the address may be relative, and has a query of its own."""
    location = response.headers.get("location", "")
    if not location:
        raise RegistryError(f"{response.url} does not say where the upload goes on")
    return urljoin(response.url, location)


def _with_digest(url: str, digest: str) -> str:
    return f"{url}{'&' if '?' in url else '?'}digest={digest.replace(':', '%3A')}"


class _Whole:
    """A blob in one request."""

    def __init__(
        self,
        repository: Repository,
        path: Path,
        descriptor: Descriptor,
        told: Callable[[int], None],
    ) -> None:
        self._repository = repository
        self._path = path
        self._descriptor = descriptor
        self._told = told

    def send(self) -> bool:
        """Send it; False when the registry finds it too large for one request."""
        begun = self._repository.begin_upload()
        with open(self._path, "rb", buffering=0) as file:
            response = self._repository.send(
                "PUT",
                _with_digest(_location(begun), self._descriptor.digest),
                {"Content-Type": "application/octet-stream"},
                _telling(file, self._told),
                self._descriptor.size,
            )
        if response.status == _TOO_LARGE:
            response.close()
            return False
        if response.status not in (200, 201, 202, 204):
            raise self._repository.refusal(response, self._descriptor.digest)
        response.close()
        return True


def _chunked(
    repository: Repository, path: Path, descriptor: Descriptor, told: Callable[[int], None]
) -> None:
    """Send it in several requests, each saying its place."""
    answer = repository.begin_upload()
    least = answer.headers.get("oci-chunk-min-length", "")
    size = min(max(CHUNK_BYTES, int(least) if least.isdigit() else 0), _LONGEST_CHUNK)
    url, at = _location(answer), 0
    with open(path, "rb", buffering=0) as file:
        while at < descriptor.size:
            file.seek(at)
            piece = file.read(min(size, descriptor.size - at))
            headers = {
                "Content-Type": "application/octet-stream",
                "Content-Range": f"{at}-{at + len(piece) - 1}",
            }
            response = repository.send("PATCH", url, headers, piece)
            response.close()
            if response.status == _WRONG_RANGE:  # it has another idea of what it has: ask for that
                status = repository.send("GET", url, {}, None)
                status.close()
                end = status.headers.get("range", "").rpartition("-")[2]
                if not end.isdigit() or int(end) + 1 <= at - len(piece):
                    raise repository.refusal(response, descriptor.digest)
                url, at = _location(status), int(end) + 1
                continue
            if response.status not in (200, 201, 202, 204):
                raise repository.refusal(response, descriptor.digest)
            url, at = _location(response), at + len(piece)
            told(at)
    response = repository.send("PUT", _with_digest(url, descriptor.digest), {}, None)
    if response.status not in (200, 201, 202, 204):
        raise repository.refusal(response, descriptor.digest)
    response.close()


class _Telling(io.RawIOBase):
    """A file that says how far it was read."""

    def __init__(self, file: io.FileIO, told: Callable[[int], None]) -> None:
        super().__init__()
        self._file = file
        self._told = told

    def readable(self) -> bool:
        return True

    def read(self, size: int = -1) -> bytes | None:
        # http.client asks for 8 KiB at a time; fewer, larger pieces are faster.
        piece = self._file.read(max(size, 256 << 10))
        self._told(self._file.tell())
        return piece

    def seek(self, offset: int, whence: int = 0) -> int:
        return self._file.seek(offset, whence)

    def tell(self) -> int:
        return self._file.tell()


def _telling(file: io.FileIO, told: Callable[[int], None]) -> BinaryIO:
    return cast(BinaryIO, _Telling(file, told))
