"""Registries for tests: Debian's docker-registry on loopback, and one that misbehaves before it.

`Registry` runs the real one; `Front` is a reverse proxy of ours that breaks, delays, cuts, corrupts
or refuses what it passes on, and can ask for a token as docker's hub does.
"""

from __future__ import annotations

import base64
import http.client
import json
import os
import re
import shutil
import socket
import subprocess
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

__all__ = ["PASSWORD", "USER", "Fault", "Front", "Registry", "front", "registry", "skopeo"]

USER, PASSWORD = "tester", "secret"
# crypt(3) of that password by bcrypt, the only form that the registry takes.
_HTPASSWD = f"{USER}:$2y$05$abcdefghijklmnopqrstuuOQiyCxlgf/oeuTqixKmWdcYUh4Hjl0a\n"
READY_SECONDS = 20


@dataclass(frozen=True)
class Registry:
    """A real registry: where it listens, and what it takes in without asking."""

    host: str

    def request(
        self, method: str, path: str, body: bytes = b"", headers: Mapping[str, str] | None = None
    ) -> tuple[int, bytes, Mapping[str, str]]:
        """Make a request as plainly as can be."""
        connection = http.client.HTTPConnection(self.host, timeout=30)
        try:
            connection.request(method, path, body=body, headers=dict(headers or {}))
            answer = connection.getresponse()
            headers_of = {name.lower(): text for name, text in answer.getheaders()}
            return answer.status, answer.read(), headers_of
        finally:
            connection.close()

    def put_blob(self, repository: str, content: bytes, digest: str) -> None:
        """Upload a blob."""
        _, _, headers = self.request("POST", f"/v2/{repository}/blobs/uploads/")
        parts = urlsplit(headers["location"])
        path = f"{parts.path}?{parts.query}&digest={digest}"
        kind = {"Content-Type": "application/octet-stream"}
        status, body, _ = self.request("PUT", path, content, kind)
        assert status == 201, body

    def put_manifest(self, repository: str, tag: str, content: bytes, media_type: str) -> None:
        """Upload a manifest."""
        kind = {"Content-Type": media_type}
        status, body, _ = self.request("PUT", f"/v2/{repository}/manifests/{tag}", content, kind)
        assert status == 201, body


@contextmanager
def registry(place: Path, *, password: bool = False) -> Iterator[Registry]:
    """Run a registry with its files in `place`."""
    assert shutil.which("docker-registry"), "apt-get install -y docker-registry"
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port = probe.getsockname()[1]
    auth = ""
    if password:
        (place / "htpasswd").write_text(_HTPASSWD)
        auth = f"auth: {{htpasswd: {{realm: test, path: {place}/htpasswd}}}}\n"
    (place / "config.yml").write_text(
        "version: 0.1\nlog: {level: error, accesslog: {disabled: true}}\n"
        f"storage: {{filesystem: {{rootdirectory: {place}/data}}}}\n"
        f"http: {{addr: 127.0.0.1:{port}}}\n{auth}"
    )
    with open(place / "log", "wb") as log:
        process = subprocess.Popen(
            ["docker-registry", "serve", place / "config.yml"], stdout=log, stderr=log
        )
    try:
        deadline = time.monotonic() + READY_SECONDS
        while True:
            try:
                socket.create_connection(("127.0.0.1", port), 1).close()
                break
            except OSError:
                assert process.poll() is None, (place / "log").read_text()
                assert time.monotonic() < deadline
                time.sleep(0.02)
        yield Registry(f"127.0.0.1:{port}")
    finally:
        process.terminate()
        process.wait()


def skopeo(*words: str) -> str:
    """Run skopeo without a policy file and without TLS, and return what it says."""
    done = subprocess.run(
        ["skopeo", "--insecure-policy", *words], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


@dataclass
class Fault:
    """What to do to an answer whose path fits `pattern`, the first `times` times it comes by.

    `after` bytes: `cut` ends the connection properly there, `reset` by RST, `flip` changes a bit,
    `stall` waits for a moment. `status` answers with that instead, `headers` beside it; `length`
    claims another length, `body` another content.
    """

    pattern: str
    what: str
    after: int = 0
    times: int = 1
    status: int = 0
    headers: Mapping[str, str] = field(default_factory=dict)
    body: bytes = b""
    method: str = "GET"
    over: int = 0  # only of answers, or sent bodies, with more bytes than this


class Front:
    """The server of `front`: `faults` to come, `seen` requests (method, path, headers)."""

    def __init__(self, upstream: str) -> None:
        self.upstream = upstream
        self.faults: list[Fault] = []
        self.seen: list[tuple[str, str, Mapping[str, str]]] = []
        self.tokens: set[str] = set()
        self.wants_token = False
        self.wants_password = True
        self.token_key = "token"
        self.host = ""
        self.lock = threading.Lock()

    def fault(self, method: str, path: str, length: int) -> Fault | None:
        """Return the fault for a request, and count it."""
        with self.lock:
            for each in self.faults:
                if each.times and each.method == method and re.search(each.pattern, path):
                    if length <= each.over:
                        continue
                    each.times -= 1
                    return each
        return None

    def ranges(self) -> list[str]:
        """Return the ranges that were asked for."""
        return [headers["range"] for _, _, headers in self.seen if "range" in headers]


@contextmanager
def front(upstream: str) -> Iterator[Front]:
    """Run a proxy before a registry."""
    state = Front(upstream)

    class Handler(_Handler):
        front = state

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    state.host = f"127.0.0.1:{server.server_address[1]}"
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    try:
        yield state
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    front: Front

    def log_message(self, *_: Any) -> None:
        pass

    def _handle(self) -> None:
        length = int(self.headers.get("content-length", 0))
        body = self.rfile.read(length)
        headers: dict[str, str] = {}
        for name, text in self.headers.items():  # one header may come in several lines
            known = headers.get(name.lower())
            headers[name.lower()] = f"{known}, {text}" if known else text
        path = self.path
        if path.startswith("http://"):  # as a forward proxy: for whatever host, it is the registry
            path = path.partition("//")[2].partition("/")[2]
            path = f"/{path}"
        self.front.seen.append((self.command, self.path, headers))
        if path.startswith("/token"):
            self._token(path, headers, body)
            return
        if self.front.wants_token and not self._allowed(headers):
            realm = f"http://{self.front.host}/token"
            repository = "/".join(path.split("/")[2:-2])
            self._answer(
                401,
                b'{"errors":[{"code":"UNAUTHORIZED","message":"authentication required"}]}',
                {
                    "WWW-Authenticate": f'Bearer realm="{realm}",service="test,registry",'
                    f'scope="repository:{repository}:pull"'
                },
            )
            return
        fault = None
        if self.command != "GET":
            fault = self.front.fault(self.command, path, length or 1)
            if fault is not None:
                self._answer(fault.status, fault.body, fault.headers)
                return
        if self.front.wants_token:
            headers.pop("authorization", None)
        connection = http.client.HTTPConnection(self.front.upstream, timeout=30)
        try:
            connection.request(self.command, path, body=body, headers=headers)
            answer = connection.getresponse()
            content = answer.read()
        finally:
            connection.close()
        if self.command == "GET":
            fault = self.front.fault("GET", path, len(content))
            if fault is not None and fault.status:
                self._answer(fault.status, fault.body, fault.headers)
                return
        self._pass_on(answer, content, fault)

    def __getattr__(self, name: str) -> Any:
        if name.startswith("do_"):  # every method alike
            return self._handle
        raise AttributeError(name)

    def _pass_on(
        self, answer: http.client.HTTPResponse, content: bytes, fault: Fault | None
    ) -> None:
        if fault is not None and fault.what == "body":
            content = fault.body
        self.send_response(answer.status)
        for name, text in answer.getheaders():
            if name.lower() in ("content-length", "connection", "transfer-encoding"):
                continue
            if name.lower() == "location":  # further requests shall come by, too
                text = text.replace(self.front.upstream, self.front.host)
            self.send_header(name, text)
        told = answer.getheader("content-length") if self.command == "HEAD" else len(content)
        self.send_header("Content-Length", str(told or 0))
        self.end_headers()
        if self.command == "HEAD":
            return
        if fault is None or fault.what == "body":
            self.wfile.write(content)
            return
        at = min(fault.after, len(content))
        if fault.what == "flip":
            content = content[:at] + bytes([content[at] ^ 1]) + content[at + 1 :]
            self.wfile.write(content)
            return
        self.wfile.write(content[:at])
        self.wfile.flush()
        if fault.what == "stall":
            time.sleep(0.5)
            self.wfile.write(content[at:])
            return
        if fault.what == "reset":
            linger = (1).to_bytes(4, "little") + bytes(4)  # struct linger: RST instead of FIN
            self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)
        self.close_connection = True
        self.connection.close()

    def _answer(self, status: int, body: bytes, headers: Mapping[str, str]) -> None:
        self.send_response(status)
        for name, text in headers.items():
            self.send_header(name, text)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)

    def _allowed(self, headers: Mapping[str, str]) -> bool:
        return headers.get("authorization", "").removeprefix("Bearer ") in self.front.tokens

    def _token(self, path: str, headers: Mapping[str, str], body: bytes) -> None:
        """Give a token to whoever knows the password, or has an identity token."""
        asked = parse_qs(urlsplit(path).query) or parse_qs(body.decode())
        pair = base64.b64encode(f"{USER}:{PASSWORD}".encode()).decode()
        by_password = headers.get("authorization") == f"Basic {pair}"
        by_identity = asked.get("refresh_token") == ["identity"]
        if self.front.wants_password and not (by_password or by_identity):
            self._answer(401, b'{"details":"incorrect username or password"}', {})
            return
        assert asked["service"] == ["test,registry"]
        token = os.urandom(8).hex()
        self.front.tokens.add(token)
        answer = {self.front.token_key: token, "expires_in": 300}
        self._answer(200, json.dumps(answer).encode(), {"Content-Type": "application/json"})
