"""Certificates: what is believed, and what is not."""

from __future__ import annotations

import shutil
import ssl
import subprocess
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from ipycontainer.images.registry.settings import RegistrySettings
from ipycontainer.images.registry.web import NetworkFailure, Web


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A certificate of 127.0.0.1 that it has signed itself, with its key beside it."""
    assert shutil.which("openssl"), "apt-get install -y openssl"
    place = tmp_path_factory.mktemp("certificate")
    subprocess.run(
        [
            *("openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2"),
            *("-subj", "/CN=test", "-addext", "subjectAltName=IP:127.0.0.1"),
            *("-keyout", f"{place}/key.pem", "-out", f"{place}/ca.crt"),
        ],
        check=True,
        capture_output=True,
    )
    return place / "ca.crt"


@pytest.fixture
def server(certificate: Path) -> Iterator[str]:
    """The address of a server that has it."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200)
            self.send_header("Content-Length", "2")
            self.end_headers()
            self.wfile.write(b"{}")

        def log_message(self, *_: object) -> None:
            pass

    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, certificate.with_name("key.pem"))
    running = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    running.daemon_threads = True
    running.socket = context.wrap_socket(running.socket, server_side=True)
    thread = threading.Thread(target=running.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    yield f"127.0.0.1:{running.server_address[1]}"
    running.shutdown()
    running.server_close()
    thread.join()


def ask(settings: RegistrySettings, host: str, *, verify: bool = True) -> bytes:
    """Make one request, and leave no connection."""
    web = Web(settings)
    answer = web.request("GET", f"https://{host}/v2/", {"Connection": "close"}, verify=verify)
    return answer.read(10)


def test_a_stranger_is_not_believed(server: str) -> None:
    """Unless nobody asks for its certificate, as on this machine."""
    with pytest.raises(NetworkFailure, match="failed to verify certificate"):
        ask(RegistrySettings(), server)
    assert ask(RegistrySettings(), server, verify=False) == b"{}"


def test_who_is_vouched_for_is_believed(server: str, certificate: Path, tmp_path: Path) -> None:
    """By a file for all registries, or by one in the directory of this one."""
    assert ask(RegistrySettings(trust_file=str(certificate)), server) == b"{}"
    (tmp_path / server).mkdir()
    shutil.copy(certificate, tmp_path / server)
    assert ask(RegistrySettings(certificates=str(tmp_path)), server) == b"{}"
