"""One repository of a registry: its manifests, blobs, tags and uploads, as requests.

What is done with them stands in download, upload, pull and push. Errors come in docker's words.
Source: OCI distribution-spec v1.1, "API".
"""

from __future__ import annotations

import http.client
import json
import random
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from email.utils import parsedate_to_datetime
from typing import Any, BinaryIO, TypeVar
from urllib.parse import urlencode, urljoin

from ipycontainer.errors import EngineError, ImageFormatError, ImageNotFound, RegistryError
from ipycontainer.images import media_types
from ipycontainer.images.layout import LIMIT_MANIFEST_BYTES
from ipycontainer.images.manifest import digest_of
from ipycontainer.images.registry.challenge import Authorizer, NobodyNamed
from ipycontainer.images.registry.settings import HUB, RegistrySettings
from ipycontainer.images.registry.web import NetworkFailure, Response, Web, origin
from ipycontainer.model.reference import DEFAULT_DOMAIN, Reference

__all__ = ["Fetched", "Registry", "Repository", "host_of", "patiently"]

_LIMIT_ERROR_BYTES = 64 << 10
_LIMIT_TAGS_BYTES = 4 << 20
_MOST_TAG_PAGES = 1000
_FIRST_PAUSE_SECONDS = 0.25
_LONGEST_PAUSE_SECONDS = 30.0
# What may go well the next time: RFC 9110 15.5.9, RFC 6585 4, RFC 9110 15.6.
_PASSING = {408, 425, 429, 500, 502, 503, 504}
T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Fetched:
    """A manifest as it came: its bytes, what the registry calls them, and their digest."""

    raw: bytes
    media_type: str
    digest: str


class PassingRefusal(RegistryError):
    """A registry that cannot answer now; `after_seconds` is when it wants to be asked again."""

    def __init__(self, message: str, *, status: int, after_seconds: float) -> None:
        super().__init__(message, status=status)
        self.after_seconds = after_seconds


def host_of(domain: str) -> str:
    """Return the host that answers for a reference's domain."""
    return HUB if domain == DEFAULT_DOMAIN else domain


def patiently(web: Web, attempts: int, action: Callable[[], T]) -> T:
    """Do something that a network may keep from going well, some times, each after a longer pause.

    Raises the last failure.
    """
    for attempt in range(1, attempts + 1):
        try:
            return action()
        except (NetworkFailure, PassingRefusal) as error:
            if attempt == attempts or web.given_up or is_final(error):
                raise
            pause(web, attempt, error)
    raise AssertionError("unreachable")


def is_final(error: BaseException) -> bool:
    """Tell whether trying again is no use: the name leads nowhere, or this certificate is bad."""
    return "dial tcp: lookup " in str(error) or "verify certificate" in str(error)


def pause(web: Web, attempt: int, error: BaseException) -> None:
    """Wait before the next attempt, longer each time and as long as the registry says.

    A little at random, so that many who failed together do not come again together.
    """
    seconds = _FIRST_PAUSE_SECONDS * 2 ** (attempt - 1) * (0.5 + random.random() / 2)
    wanted = error.after_seconds if isinstance(error, PassingRefusal) else 0.0
    until = time.monotonic() + min(max(seconds, wanted), _LONGEST_PAUSE_SECONDS)
    while (left := until - time.monotonic()) > 0 and not web.given_up:
        time.sleep(min(left, 0.2))


class Registry:
    """One host that speaks the protocol, and who we are to it."""

    def __init__(self, web: Web, settings: RegistrySettings, host: str) -> None:
        self.web = web
        self.settings = settings
        self.host = host
        self.insecure = settings.is_insecure(host)
        self.authorizer = Authorizer(web, settings.credentials, insecure=self.insecure)
        self._scheme = "https"
        self._decided = False  # an insecure registry may speak either

    def request(
        self,
        method: str,
        path: str,
        scopes: Sequence[str],
        headers: Mapping[str, str] | None = None,
        body: bytes | BinaryIO | None = None,
        *,
        length: int | None = None,
    ) -> Response:
        """Make a request, authorized as the registry asks for. A path may be a whole address.

        A body that is a file is sent a second time from its beginning, after a challenge.
        """
        start = body.tell() if body is not None and not isinstance(body, bytes) else 0
        sent = {**(headers or {}), **self.authorizer.headers(scopes)}
        response = self._send(method, path, sent, body, length)
        # What is not the registry itself, but where it sent us, is not told who we are, nor asked.
        asked = urljoin(f"{self._scheme}://{self.host}", path)
        if response.status != 401 or origin(response.url) != origin(asked):
            return response
        challenge = response.headers.get("www-authenticate", "")
        fresh = self.authorizer.answer(response.url, challenge, scopes)
        if not fresh:
            return response
        with suppress(EngineError):
            response.read(_LIMIT_ERROR_BYTES)
        if body is not None and not isinstance(body, bytes):
            body.seek(start)
        return self._send(method, path, {**(headers or {}), **fresh}, body, length)

    def _send(
        self,
        method: str,
        path: str,
        headers: Mapping[str, str],
        body: bytes | BinaryIO | None,
        length: int | None,
    ) -> Response:
        url = urljoin(f"{self._scheme}://{self.host}", path)
        if not self.insecure or self._decided or "://" in path:
            return self._ask(method, url, headers, body, length)
        with suppress(NetworkFailure):
            response = self._ask(method, url, headers, body, length)
            self._decided = True
            return response
        if body is not None and not isinstance(body, bytes):
            body.seek(0)
        plain = urljoin(f"http://{self.host}", path)
        response = self._ask(method, plain, headers, body, length)
        self._scheme, self._decided = "http", True
        return response

    def _ask(
        self,
        method: str,
        url: str,
        headers: Mapping[str, str],
        body: bytes | BinaryIO | None,
        length: int | None,
    ) -> Response:
        own = url.startswith((f"http://{self.host}/", f"https://{self.host}/"))
        sent = headers if own else {k: v for k, v in headers.items() if k != "Authorization"}
        return self.web.request(method, url, sent, body, length=length, verify=not self.insecure)

    def reach(self) -> None:
        """Ask whether anybody is there. Raises NetworkFailure."""
        self._send("GET", "/v2/", {}, None, None).close()

    def check(self) -> None:
        """Ask whether we are let in at all. Raises RegistryError."""
        response = self.request("GET", "/v2/", ())
        response.close()
        if response.status != 200:
            told = f"{response.status} {http.client.responses.get(response.status, '')}".strip()
            raise RegistryError(
                f"login attempt to {response.url} failed with status: {told}",
                status=response.status,
            )


class Repository:
    """One repository of a registry."""

    def __init__(self, registry: Registry, name: Reference, *, push: bool = False) -> None:
        self.registry = registry
        self.name = name
        actions = "pull,push" if push else "pull"
        self._scopes = [f"repository:{name.path}:{actions}"]
        self._base = f"/v2/{name.path}"
        self._push = push

    # ── manifests ────────────────────────────────────────────────────────────────────────────

    def manifest(self, which: str) -> Fetched:
        """Return the manifest with this tag or digest; its bytes are what its digest says."""
        accept = {"Accept": ", ".join(media_types.ACCEPTED)}
        response = self._get(f"{self._base}/manifests/{which}", accept)
        if response.status != 200:
            raise self._refused(response, which)
        raw = response.read(LIMIT_MANIFEST_BYTES)
        if len(raw) > LIMIT_MANIFEST_BYTES:
            raise ImageFormatError(f"a manifest has more than {LIMIT_MANIFEST_BYTES} bytes")
        digest = digest_of(raw)
        told = response.headers.get("docker-content-digest", "")
        wanted = which if ":" in which else told if told.startswith("sha256:") else digest
        if digest != wanted:
            raise ImageFormatError(f"manifest verification failed for digest {wanted}")
        return Fetched(raw, response.headers.get("content-type", ""), digest)

    def has_manifest(self, which: str) -> bool:
        """Tell whether the registry has a manifest."""
        accept = {"Accept": ", ".join(media_types.ACCEPTED)}
        response = self._request("HEAD", f"{self._base}/manifests/{which}", accept)
        response.close()
        return response.status == 200

    def put_manifest(self, which: str, raw: bytes, media_type: str) -> None:
        """Give the registry a manifest under a tag or digest: these bytes, which were hashed."""
        response = self._request(
            "PUT", f"{self._base}/manifests/{which}", {"Content-Type": media_type}, raw
        )
        if response.status not in (200, 201, 202):
            raise self._refused(response, which)
        response.close()
        told = response.headers.get("docker-content-digest", "")
        if told and told != digest_of(raw):
            raise RegistryError(f"the registry calls the manifest {told}, not {digest_of(raw)}")

    def tags(self) -> list[str]:
        """Return all tags of the repository."""
        found: list[str] = []
        path = f"{self._base}/tags/list"
        for _ in range(_MOST_TAG_PAGES):
            response = self._get(path, {})
            if response.status != 200:
                raise self._refused(response, "")
            body = response.read(_LIMIT_TAGS_BYTES)
            try:
                names = json.loads(body)["tags"] or []
            except (ValueError, RecursionError, KeyError, TypeError):
                raise RegistryError(f"{response.url} gave no list of tags") from None
            found += [str(name) for name in names]
            link = response.headers.get("link", "")
            if 'rel="next"' not in link:
                break
            path = urljoin(response.url, link.partition("<")[2].partition(">")[0])
        return found

    # ── blobs ────────────────────────────────────────────────────────────────────────────────

    def open_blob(self, digest: str, offset: int = 0) -> Response:
        """Return the answer that holds a blob, from this byte on: 200 is all of it, 206 the rest.

        Raises RegistryError for any other. The caller closes it.
        """
        headers = {"Range": f"bytes={offset}-"} if offset else {}
        response = self._request("GET", f"{self._base}/blobs/{digest}", headers)
        if response.status not in (200, 206, 416):
            raise self._refused(response, digest)
        return response

    def read_blob(self, digest: str, size: int) -> bytes:
        """Return a small blob whole, checked."""
        response = self.open_blob(digest)
        content = response.read(size)
        if len(content) != size or digest_of(content) != digest:
            raise ImageFormatError(f"blob verification failed for digest {digest}")
        return content

    def has_blob(self, digest: str) -> bool:
        """Tell whether the registry has a blob."""
        response = self._request("HEAD", f"{self._base}/blobs/{digest}", {})
        response.close()
        if response.status in _PASSING:
            raise self._refused(response, digest)
        return response.status == 200

    # ── uploads ──────────────────────────────────────────────────────────────────────────────

    def begin_upload(self, digest: str = "", mount_from: str = "") -> Response:
        """Begin an upload, or have a blob of another repository mounted: then the status is 201."""
        query = {"mount": digest, "from": mount_from} if mount_from else {}
        path = f"{self._base}/blobs/uploads/" + (f"?{urlencode(query)}" if query else "")
        scopes = [*self._scopes, *([f"repository:{mount_from}:pull"] if mount_from else [])]
        response = self._request("POST", path, {}, scopes=scopes)
        if response.status not in (201, 202):
            raise self._refused(response, digest)
        response.close()
        return response

    def send(
        self,
        method: str,
        url: str,
        headers: Mapping[str, str],
        body: bytes | BinaryIO | None,
        length: int | None = None,
    ) -> Response:
        """Make one request of an upload, to the address that the registry gave for it."""
        return self._request(method, url, headers, body, length=length)

    def refusal(self, response: Response, which: str) -> RegistryError | ImageNotFound:
        """Return what an answer means that is no success; reads its body."""
        return self._refused(response, which)

    # ── inside ───────────────────────────────────────────────────────────────────────────────

    def _get(self, path: str, headers: Mapping[str, str]) -> Response:
        return self._request("GET", path, headers)

    def _request(
        self,
        method: str,
        path: str,
        headers: Mapping[str, str],
        body: bytes | BinaryIO | None = None,
        *,
        length: int | None = None,
        scopes: Sequence[str] = (),
    ) -> Response:
        try:
            return self.registry.request(
                method, path, scopes or self._scopes, headers, body, length=length
            )
        except NobodyNamed as error:
            words = str(error)
            if not self._push:  # docker asks for a tag's manifest by HEAD first
                _, _, tag = path.rpartition("/manifests/")
                asked = "Head" if tag and ":" not in tag else method.capitalize()
                words = f'{asked} "{error.url}": {words}'
            raise RegistryError(words, hint=f"ipycontainer login {self.registry.host}") from None

    def _refused(self, response: Response, which: str) -> RegistryError | ImageNotFound:
        """Return the error that docker shows for an answer."""
        body = b""
        with suppress(EngineError):
            body = response.read(_LIMIT_ERROR_BYTES)
        status = response.status
        code, words = _first_error(body)
        familiar = self.name.familiar_name
        if status in _PASSING:
            kind = "toomanyrequests" if status == 429 else "received unexpected HTTP status"
            text = words or f"{status}"
            after = _seconds(response.headers.get("retry-after", ""))
            return PassingRefusal(f"{kind}: {text}", status=status, after_seconds=after)
        if status == 401 and self.registry.authorizer.by_password:
            return RegistryError(
                f"unauthorized: {words or 'authentication required'}",
                hint=f"ipycontainer login {self.registry.host}",
                status=status,
            )
        if status in (401, 403):
            if self._push:
                return RegistryError(
                    f"denied: {words or 'requested access to the resource is denied'}",
                    hint=f"ipycontainer login {self.registry.host}",
                    status=status,
                )
            return RegistryError(
                f"pull access denied for {familiar}, repository does not exist or may require "
                f"'docker login': denied: {words or 'requested access to the resource is denied'}",
                hint=f"ipycontainer login {self.registry.host}",
                status=status,
            )
        if status == 404 and not self._push:
            if code == "NAME_UNKNOWN":
                return ImageNotFound(f"repository {familiar} not found: name unknown: {words}")
            if code == "MANIFEST_UNKNOWN" or (not code and ":" not in which):
                joint = "@" if ":" in which else ":"
                name = f"{familiar}{joint}{which}" if which else familiar
                return ImageNotFound(f"manifest for {name} not found: manifest unknown: {words}")
            return ImageNotFound(f"{familiar}@{which} not found: {words}")
        text = words or f"unexpected status {status} from {response.url}"
        return RegistryError(text, status=status)


def _first_error(body: bytes) -> tuple[str, str]:
    """Return code and words of the first error in a body, "" where it has none."""
    try:
        first: Any = json.loads(body)["errors"][0]
        return str(first.get("code", "")), str(first.get("message", ""))[:500]
    except (ValueError, RecursionError, KeyError, IndexError, TypeError, AttributeError):
        return "", ""


def _seconds(header: str) -> float:
    """Return what Retry-After says (RFC 9110 10.2.3), 0 for nothing that can be read."""
    if header.isdigit():
        return float(header)
    with suppress(ValueError, TypeError):
        return max(0.0, parsedate_to_datetime(header).timestamp() - time.time())
    return 0.0
