"""HTTP/1.1 requests for registries: proxies, TLS, redirects, and giving up in the middle.

On http.client: `readinto` moves a blob at the speed of the socket, and nothing undoes a
compression behind our back. Each thread has its own connections. Credentials go to the host and
port that asked for them, and nowhere else (CVE-2020-15157).
"""

from __future__ import annotations

import base64
import http.client
import ipaddress
import os
import socket
import ssl
import threading
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from typing import BinaryIO
from urllib.parse import SplitResult, unquote, urljoin, urlsplit

from ipycontainer.errors import EngineError, RegistryError
from ipycontainer.images.registry.settings import RegistrySettings, is_loopback
from ipycontainer.version import __version__

__all__ = ["NetworkFailure", "Response", "Web", "origin"]

MOST_REDIRECTS = 10
RESOLV_CONF = "/etc/resolv.conf"
_PORTS = {"http": 80, "https": 443}
_AGENT = f"ipycontainer/{__version__}"
_MOST_DRAINED = 64 << 10
# RFC 9110, 15.4: those that keep or make it a GET.
_REDIRECTS = {301, 302, 303, 307, 308}


class NetworkFailure(RegistryError):
    """A connection could not be made, or broke: it may go well the next time."""


@dataclass(slots=True)
class Response:
    """An answer: its status, its headers by any case, and its body, read once."""

    url: str
    status: int
    headers: Mapping[str, str]
    _raw: http.client.HTTPResponse
    _failed: Callable[[BaseException, str], NetworkFailure]
    _done: Callable[[http.client.HTTPResponse], None]

    def read_some(self, most: int) -> bytes:
        """Return what has come, at most `most` bytes, none at the end. Raises NetworkFailure.

        One system call: what came before a connection broke is never lost.
        """
        try:
            return self._raw.read1(most)
        except (OSError, http.client.HTTPException, ValueError) as error:
            raise self._failed(error, self.url) from error

    def read(self, limit_bytes: int) -> bytes:
        """Return the body, at most `limit_bytes` and one more, and let the connection go.

        Raises NetworkFailure also for one that was cut off.
        """
        try:
            body = self._raw.read(limit_bytes + 1)
            if self._raw.length and len(body) <= limit_bytes:
                raise http.client.IncompleteRead(body, self._raw.length)
        except (OSError, http.client.HTTPException, ValueError) as error:
            raise self._failed(error, self.url) from error
        finally:
            self.close()
        return body

    def close(self) -> None:
        """Let the connection go: for the next request, when all was read, else for good."""
        self._done(self._raw)


class Web:
    """All requests of one job."""

    def __init__(self, settings: RegistrySettings) -> None:
        self._settings = settings
        self._local = threading.local()
        self._lock = threading.Lock()
        self._sockets: set[socket.socket] = set()
        self._given_up = False
        self._contexts: dict[tuple[str, bool], ssl.SSLContext] = {}

    def give_up(self) -> None:
        """End every request, also those that wait; all later ones fail at once."""
        with self._lock:
            self._given_up = True
            for sock in self._sockets:
                with suppress(OSError):
                    sock.shutdown(socket.SHUT_RDWR)

    @property
    def given_up(self) -> bool:
        """Tell whether `give_up` was called."""
        return self._given_up

    def request(
        self,
        method: str,
        url: str,
        headers: Mapping[str, str] | None = None,
        body: bytes | BinaryIO | None = None,
        *,
        length: int | None = None,
        verify: bool = True,
    ) -> Response:
        """Make a request and return the answer, whatever its status, redirects followed.

        `length` is that of a body from a file. Raises NetworkFailure.
        """
        sent = dict(headers or {})
        for _ in range(MOST_REDIRECTS):
            response = self._once(method, url, sent, body, length, verify)
            location = response.headers.get("location", "")
            if method not in ("GET", "HEAD") or response.status not in _REDIRECTS or not location:
                return response
            _drain(response)
            target = urljoin(url, location)
            if urlsplit(target).scheme not in _PORTS:
                raise RegistryError(f"{url} redirects to {target}, which is no address of HTTP")
            if origin(target) != origin(url):
                sent = {key: text for key, text in sent.items() if key != "Authorization"}
            url = target
        raise RegistryError(f"{url}: stopped after {MOST_REDIRECTS} redirects")

    def _once(
        self,
        method: str,
        url: str,
        headers: Mapping[str, str],
        body: bytes | BinaryIO | None,
        length: int | None,
        verify: bool,
    ) -> Response:
        parts = urlsplit(url)
        fields = {
            "User-Agent": _AGENT,
            "Accept-Encoding": "identity",  # a blob is these bytes, not what they stand for
            **headers,
        }
        if length is not None:
            fields["Content-Length"] = str(length)
        elif body is None and method in ("POST", "PUT", "PATCH"):
            fields["Content-Length"] = "0"
        path = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
        if parts.scheme == "http" and (proxy := self._proxy(parts)):
            path = f"http://{parts.netloc}{path}"
            fields.update(_proxy_authorization(proxy))
        key = (parts.scheme, parts.netloc, verify)
        known: dict[tuple[str, str, bool], http.client.HTTPConnection]
        known = self._local.__dict__.setdefault("connections", {})

        def exchange(connection: http.client.HTTPConnection) -> Response:
            def done(answer: http.client.HTTPResponse) -> None:
                whole = answer.length == 0 or (answer.isclosed() and not answer.length)
                answer.close()
                if whole and not answer.will_close:
                    known[key] = connection
                else:
                    self._forget(connection)

            try:
                connection.request(method, path, body=body, headers=fields)
                raw = connection.getresponse()
            except BaseException:
                self._forget(connection)
                raise
            lower = {name.lower(): text for name, text in raw.getheaders()}
            return Response(url, raw.status, lower, raw, self._failure, done)

        kept = known.pop(key, None)
        if kept is not None:
            try:
                return exchange(kept)
            except (OSError, http.client.HTTPException) as error:
                # The registry may have closed it meanwhile.
                if self._given_up or not (body is None or isinstance(body, bytes)):
                    raise self._failure(error, url, method) from error
        try:
            connection = self._connect(parts, verify)
        except (OSError, http.client.HTTPException) as error:
            # Docker asks for /v2/ before anything else, and so that is what it names.
            first = f"{parts.scheme}://{parts.netloc}/v2/"
            raise self._failure(error, first if parts.path.startswith("/v2/") else url) from error
        try:
            return exchange(connection)
        except (OSError, http.client.HTTPException) as error:
            raise self._failure(error, url, method) from error

    # ── connections ──────────────────────────────────────────────────────────────────────────

    def _connect(self, parts: SplitResult, verify: bool) -> http.client.HTTPConnection:
        if self._given_up:
            raise OSError("given up")
        host, port = parts.hostname or "", _port(parts)
        timeout = self._settings.timeout_seconds
        connection: http.client.HTTPConnection
        proxy = self._proxy(parts)
        through = urlsplit(proxy) if proxy else None
        reach = (through.hostname or "", through.port or 80) if through else (host, port)
        if parts.scheme == "https":
            context = self._context(parts.netloc, verify)
            connection = http.client.HTTPSConnection(*reach, timeout=timeout, context=context)
            if through:
                connection.set_tunnel(host, port, headers=_proxy_authorization(proxy))
        else:
            connection = http.client.HTTPConnection(*reach, timeout=timeout)
        connection.connect()
        with self._lock:
            self._sockets.add(connection.sock)
            if self.given_up:
                connection.close()
                raise OSError("given up")
        return connection

    def _forget(self, connection: http.client.HTTPConnection) -> None:
        with self._lock:
            self._sockets.discard(connection.sock)
        connection.close()

    def _context(self, netloc: str, verify: bool) -> ssl.SSLContext:
        with self._lock:
            if (netloc, verify) not in self._contexts:
                self._contexts[netloc, verify] = self._new_context(netloc, verify)
            return self._contexts[netloc, verify]

    def _new_context(self, netloc: str, verify: bool) -> ssl.SSLContext:
        """Return a context that trusts what docker's daemon would for this registry."""
        context = ssl.create_default_context(cafile=self._settings.trust_file or None)
        directory = os.path.join(self._settings.certificates, netloc)
        names = []
        if self._settings.certificates and ".." not in netloc:
            with suppress(OSError):
                names = sorted(os.listdir(directory))
        for name in names:
            path = os.path.join(directory, name)
            if name.endswith(".crt"):
                context.load_verify_locations(path)
            elif name.endswith(".cert"):
                context.load_cert_chain(path, f"{path.removesuffix('.cert')}.key")
        if not verify:
            context.check_hostname = False
            context.verify_mode = ssl.CERT_NONE
        return context

    def _proxy(self, parts: SplitResult) -> str:
        """Return the proxy for an address, "" for none; as Go, never one for this machine."""
        proxy = self._settings.proxies.get(parts.scheme, "")
        name = parts.hostname or ""
        if not proxy or is_loopback(name) or self._bypassed(name, parts.port):
            return ""
        return proxy if "://" in proxy else f"http://{proxy}"

    def _bypassed(self, name: str, port: int | None) -> bool:
        for entry in self._settings.proxies.get("no", "").split(","):
            entry = entry.strip().lower()
            if not entry:
                continue
            if entry == "*" or entry in (name, f"{name}:{port}"):
                return True
            if name.endswith(f".{entry.removeprefix('*').removeprefix('.')}"):
                return True
            with suppress(ValueError):
                if ipaddress.ip_address(name) in ipaddress.ip_network(entry, strict=False):
                    return True
        return False

    def _failure(self, error: BaseException, url: str, method: str = "GET") -> NetworkFailure:
        if self._given_up:
            return NetworkFailure("given up")
        return NetworkFailure(f'{method.capitalize()} "{url}": {_words(error, urlsplit(url))}')


def origin(url: str) -> tuple[str, str, int]:
    """Return scheme, host and port of an address."""
    parts = urlsplit(url)
    return parts.scheme, parts.hostname or "", parts.port or _PORTS.get(parts.scheme, 0)


def _port(parts: SplitResult) -> int:
    """Return the port of an address. Raises OSError, in Go's words, for what is none."""
    try:
        return parts.port or _PORTS[parts.scheme]
    except ValueError:
        asked = parts.netloc.rpartition(":")[2]
        raise OSError(f"dial tcp: address {asked}: invalid port") from None


def _drain(response: Response) -> None:
    with suppress(EngineError):
        response.read(_MOST_DRAINED)


def _proxy_authorization(proxy: str) -> dict[str, str]:
    parts = urlsplit(proxy)
    if parts.username is None:
        return {}
    pair = f"{unquote(parts.username)}:{unquote(parts.password or '')}"
    return {"Proxy-Authorization": f"Basic {base64.b64encode(pair.encode()).decode()}"}


def _words(error: BaseException, parts: SplitResult) -> str:
    """Return an error as Go's net package words it, which is what docker shows."""
    if isinstance(error, socket.gaierror):
        return f"dial tcp: lookup {parts.hostname} on {_lookup_words(error)}"
    if isinstance(error, ConnectionRefusedError):
        return f"dial tcp {_address(parts)}: connect: connection refused"
    if isinstance(error, TimeoutError):
        return "i/o timeout"
    if isinstance(error, ssl.SSLCertVerificationError):
        return f"tls: failed to verify certificate: {error.verify_message}"
    if isinstance(error, http.client.RemoteDisconnected | http.client.IncompleteRead):
        return "unexpected EOF"
    if isinstance(error, OSError):
        return (error.strerror or str(error)).lower()
    return str(error) or type(error).__name__


def _address(parts: SplitResult) -> str:
    """Return where a connection was tried: the first address of the name, as Go tells."""
    name, port = parts.hostname or "", parts.port or _PORTS.get(parts.scheme, 0)
    with suppress(OSError, UnicodeError):
        name = str(socket.getaddrinfo(name, port, type=socket.SOCK_STREAM)[0][4][0])
    return f"[{name}]:{port}" if ":" in name else f"{name}:{port}"


def _lookup_words(error: socket.gaierror) -> str:
    """Return which server was asked for a name, and what was wrong, as Go's resolver tells it."""
    server = _name_server()
    where = f"[{server}]:53" if ":" in server else f"{server}:53"
    if error.errno != socket.EAI_AGAIN:
        return f"{where}: no such host"
    family = socket.AF_INET6 if ":" in server else socket.AF_INET
    with socket.socket(family, socket.SOCK_DGRAM) as asking:
        try:
            asking.connect((server, 53))  # sends nothing: is there a way at all?
        except OSError as unreachable:
            words = (unreachable.strerror or "").lower()
            return f"{where}: dial udp {where}: connect: {words}"
    return f"{where}: server misbehaving"


def _name_server() -> str:
    """Return the first server of resolv.conf(5); Go's own where none is named."""
    with suppress(OSError), open(RESOLV_CONF, encoding="utf-8", errors="replace") as file:
        for line in file:
            words = line.split()
            if len(words) > 1 and words[0] == "nameserver":
                return words[1]
    return "127.0.0.1"
