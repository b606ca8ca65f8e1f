"""The message to systemd, held against a D-Bus daemon and against its own specification."""

from __future__ import annotations

import shutil
import socket
import struct
import subprocess
import tempfile
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from ipycontainer.linux import hierarchies
from ipycontainer.supervise import delegation

CONFIG = """<!DOCTYPE busconfig PUBLIC "-//freedesktop//DTD D-Bus Bus Configuration 1.0//EN"
 "http://www.freedesktop.org/standards/dbus/1.0/busconfig.dtd">
<busconfig><type>session</type><listen>unix:path={path}</listen><auth>EXTERNAL</auth>
<policy context="default"><allow send_destination="*" eavesdrop="true"/><allow eavesdrop="true"/>
<allow own="*"/></policy>
</busconfig>"""


@pytest.fixture
def bus() -> Iterator[Path]:
    """The socket of a bus on which nobody is systemd."""
    daemon = shutil.which("dbus-daemon")
    if daemon is None:
        pytest.skip("dbus-daemon is not installed")
    with tempfile.TemporaryDirectory(prefix="ipyc-bus-") as directory:
        path = Path(directory, "bus")
        config = Path(directory, "config")
        config.write_text(CONFIG.format(path=path))
        words = [daemon, f"--config-file={config}", "--print-address", "--nofork"]
        with subprocess.Popen(words, stdout=subprocess.PIPE) as process:
            assert process.stdout is not None
            assert process.stdout.readline()
            yield path
            process.terminate()


def test_a_real_bus_understands_us(bus: Path) -> None:
    """It takes the greeting and the call, and knows no systemd: an answer, not a closed line."""
    assert not delegation._start_scope(str(bus), True, "a.scope", 1)


def test_systemd_is_told_what_to_do(tmp_path: Path) -> None:
    """Over its own socket, without a bus: name, mode, the process, and that it is delegated."""
    heard = bytearray()
    with socket.socket(socket.AF_UNIX) as server, tempfile.TemporaryDirectory() as directory:
        server.bind(f"{directory}/s")
        server.listen()

        def serve() -> None:
            connection, _ = server.accept()
            with connection:
                while b"BEGIN\r\n" not in heard:
                    heard.extend(connection.recv(4096))
                connection.sendall(b"OK 1234\r\n")
                while b"StartTransientUnit" not in heard:
                    heard.extend(connection.recv(4096))
                # a signal first, then the answer
                for kind in (4, delegation.METHOD_RETURN):
                    connection.sendall(struct.pack("<cBBBIII", b"l", kind, 0, 1, 4, 1, 0) + b"body")

        thread = threading.Thread(target=serve)
        thread.start()
        assert delegation._start_scope(f"{directory}/s", False, "ipyc-1.scope", 4711)
        thread.join()
    message = bytes(heard).partition(b"BEGIN\r\n")[2]
    body_size, _, fields_size = struct.unpack("<III", message[4:16])
    body = message[16 + fields_size + -fields_size % 8 :]
    assert len(body) == body_size
    assert body.startswith(b"\x0c\0\0\0ipyc-1.scope\0")
    assert b"\x04\0\0\0PIDs\0\x02au\0" in body
    assert struct.pack("<II", 4, 4711) in body
    assert b"\x08\0\0\0Delegate\0\x01b\0" in body


def test_nothing_is_asked_where_nobody_delegates(monkeypatch: pytest.MonkeyPatch) -> None:
    """Under version 1, and as root, the processes stay where they are."""
    found = hierarchies.Hierarchies("v1", {"cpu": "/x"})
    monkeypatch.setattr(hierarchies, "detect", lambda: found)
    assert not delegation.enter_scope("ipyc")
