"""What is asked of the user's systemd, by a real bus or directly, of one that the test plays."""

from __future__ import annotations

import shutil
import socket
import subprocess
import threading
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any, Self

import pytest
from jeepney import (
    DBusAddress,
    HeaderFields,
    Message,
    MessageType,
    Parser,
    new_error,
    new_method_return,
    new_signal,
)
from jeepney.bus_messages import message_bus
from jeepney.io.blocking import DBusConnection, prep_socket

from ipycontainer.engine import delegation
from ipycontainer.linux import cgroups, hierarchies

CONFIG = """<!DOCTYPE busconfig PUBLIC "-//freedesktop//DTD D-Bus Bus Configuration 1.0//EN"
 "http://www.freedesktop.org/standards/dbus/1.0/busconfig.dtd">
<busconfig><type>session</type><listen>unix:path={path}</listen><auth>EXTERNAL</auth>
<policy context="default"><allow send_destination="*" eavesdrop="true"/><allow eavesdrop="true"/>
<allow own="*"/></policy></busconfig>"""
MANAGER = DBusAddress("/org/freedesktop/systemd1", interface="org.freedesktop.systemd1.Manager")
JOB = "/org/freedesktop/systemd1/job/7"


@pytest.fixture
def bus(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """The socket of a bus on which nobody is systemd yet."""
    daemon = shutil.which("dbus-daemon")
    if daemon is None:
        pytest.skip("dbus-daemon is not installed")
    path, config = tmp_path / "bus", tmp_path / "config"
    config.write_text(CONFIG.format(path=path))
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(tmp_path))
    monkeypatch.setattr(delegation, "_mark", lambda pid: None)
    words = [daemon, f"--config-file={config}", "--print-address", "--nofork"]
    with subprocess.Popen(words, stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        assert process.stdout.readline()
        yield path
        process.terminate()


class Direct:
    """One who listens as systemd does beside the bus: no names, no greeting, one client."""

    def __init__(self, path: Path) -> None:
        self.sock = socket.socket(socket.AF_UNIX)
        self.sock.bind(str(path))
        self.sock.listen()
        self._client: socket.socket | None = None
        self._parser = Parser()

    def receive(self) -> Message:
        if self._client is None:
            self._client, _ = self.sock.accept()
            for answer in (b"OK 0123456789abcdef0123456789abcdef\r\n", b""):
                said = b""
                while not said.endswith(b"\r\n"):
                    said += self._client.recv(1)  # not a byte of the message behind it
                self._client.sendall(answer)
        while (message := self._parser.get_next_message()) is None:
            if not (data := self._client.recv(4096)):
                raise ConnectionResetError
            self._parser.add_data(data)
        return message

    def send(self, message: Message) -> None:
        assert self._client is not None
        self._client.sendall(message.serialise(serial=1))

    def close(self) -> None:
        self.sock.close()
        if self._client is not None:
            self._client.close()


class Systemd:
    """Answers on a bus as systemd does, and keeps what it was asked; `there` are its units."""

    def __init__(self, bus: Path, result: str = "done", there: tuple[str, ...] = ()) -> None:
        self.asked: list[tuple[str, Any]] = []
        self._result, self._there = result, there
        self._bus = self._connection(bus)
        self._thread = threading.Thread(target=self._serve)
        self._thread.start()

    def _connection(self, bus: Path) -> DBusConnection | Direct:
        connection = DBusConnection(prep_socket(str(bus)))
        connection.send_and_get_reply(message_bus.RequestName("org.freedesktop.systemd1"))
        return connection

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *error: object) -> None:
        with suppress(OSError):
            self._bus.sock.shutdown(socket.SHUT_RDWR)
        self._thread.join()
        self._bus.close()

    def _serve(self) -> None:
        while True:
            try:
                message = self._bus.receive()
            except OSError:
                return
            if message.header.message_type is not MessageType.method_call:
                continue
            member = message.header.fields[HeaderFields.member]
            self.asked.append((member, message.body))
            unit = message.body[0] if message.body else ""
            if (member == "AttachProcessesToUnit") != (unit in self._there) and unit:
                self._bus.send(new_error(message, "org.freedesktop.systemd1.NoSuchUnit"))
            elif member == "StartTransientUnit":
                self._bus.send(new_method_return(message, "o", (JOB,)))
                for told in ("/other", JOB):
                    body = (7, told, unit, self._result if told == JOB else "failed")
                    self._bus.send(new_signal(MANAGER, "JobRemoved", "uoss", body))
            else:
                self._bus.send(new_method_return(message))


class DirectSystemd(Systemd):
    """The same where no bus is."""

    def _connection(self, bus: Path) -> Direct:
        return Direct(bus)


def test_a_scope_is_asked_for_with_the_process_in_it(bus: Path) -> None:
    """Delegated, and free again when it failed; what is told of other jobs is passed over."""
    with Systemd(bus) as systemd:
        assert delegation.move_to_scope("ipyc-1", 4711)
    member, (name, mode, properties, more) = systemd.asked[-1]
    assert (member, name, mode, more) == ("StartTransientUnit", "ipyc-1.scope", "fail", [])
    told = dict(properties)
    assert told["PIDs"] == ("au", [4711])
    assert told["Delegate"] == ("b", True)
    assert told["CollectMode"] == ("s", "inactive-or-failed")


def test_a_scope_that_is_there_is_entered(bus: Path) -> None:
    """Where an earlier zygote stands, not at its root, which must hold no process."""
    with Systemd(bus, there=("ipyc-1.scope",)) as systemd:
        assert delegation.move_to_scope("ipyc-1", 4711)
    assert systemd.asked == [("AttachProcessesToUnit", ("ipyc-1.scope", "/ipyc-1/engine", [4711]))]


def test_a_job_that_failed_gives_nothing(bus: Path) -> None:
    """It is tried under a second name, and then let be."""
    with Systemd(bus, result="failed") as systemd:
        assert not delegation.move_to_scope("ipyc-1", 4711)
    names = [body[0] for member, body in systemd.asked if member == "StartTransientUnit"]
    assert names == ["ipyc-1.scope", "ipyc-1-4711.scope"]


@pytest.mark.parametrize("there", [(), ("ipyc-1.scope",)])
def test_without_a_bus_systemd_itself_is_asked(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, there: tuple[str, ...]
) -> None:
    """On the socket that systemctl asks: nobody is greeted there, and signals come unasked."""
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(tmp_path))
    monkeypatch.setattr(delegation, "_mark", lambda pid: None)
    (tmp_path / "systemd").mkdir()
    with DirectSystemd(tmp_path / "systemd/private", there=there) as systemd:
        assert delegation.move_to_scope("ipyc-1", 4711)
    asked = ["AttachProcessesToUnit", *(() if there else ("StartTransientUnit",))]
    assert [member for member, _ in systemd.asked] == asked


def test_a_bus_without_systemd_gives_nothing(bus: Path) -> None:
    """An answer, not a wait."""
    assert bus.exists()
    assert not delegation.move_to_scope("ipyc-1", 4711)


@pytest.mark.parametrize(
    ("version", "base", "able", "wanted"),
    [
        ("v1", "", frozenset(), False),
        ("v2", "/x/session-1.scope", frozenset(), True),
        ("v2", "/x/user@1000.service", frozenset({"cpu"}), True),
        ("v2", "/x/user@1000.service/jupyter.service", frozenset({"cpu"}), False),
        ("v2", "", frozenset({"cpu"}), False),
    ],
)
def test_systemd_is_asked_where_nothing_else_may_be_divided(
    monkeypatch: pytest.MonkeyPatch, version: str, base: str, able: frozenset[str], wanted: bool
) -> None:
    """What a user's systemd rules itself is not ours either; a service's own cgroup is."""
    found = hierarchies.Hierarchies(version, {}, "/x", base)
    monkeypatch.setattr(cgroups, "detect", lambda: found)
    monkeypatch.setattr(cgroups, "available", lambda _: able)
    assert delegation.is_wanted() is wanted
