"""The messages between our own processes."""

from __future__ import annotations

import os
import socket
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ipycontainer.errors import ProtocolError
from ipycontainer.linux import procfs
from ipycontainer.supervise import protocol
from ipycontainer.supervise.protocol import Channel, check_peer, connect, listen

json_values = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**53), 2**53) | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=12,
)


@pytest.fixture
def pair() -> Iterator[tuple[Channel, Channel]]:
    """Two ends of one conversation."""
    """Two ends of one connection."""
    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    yield Channel(ours), Channel(theirs)
    ours.close()
    theirs.close()


@given(st.dictionaries(st.text().filter(lambda key: key not in ("v", "memfd")), json_values))
def test_what_is_sent_arrives(body: dict[str, object]) -> None:
    """Any JSON object arrives as it was sent, with the version beside it."""
    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    with ours, theirs:
        Channel(ours).send(body)
        message = Channel(theirs).receive()
    assert message is not None
    assert message.body == {"v": protocol.VERSION, **body}


def test_a_large_body_travels_beside_the_message(pair: tuple[Channel, Channel]) -> None:
    """A body beyond one packet arrives whole, and the descriptors after it in their order."""
    reader, writer = os.pipe()
    pair[0].send({"op": "large", "rows": ["x" * 100] * 5000}, (writer,))
    os.close(writer)
    message = pair[1].receive()
    assert message is not None
    assert len(message.body["rows"]) == 5000
    os.write(message.fds[0], b"through")
    assert os.read(reader, 16) == b"through"
    message.close_fds()
    os.close(reader)


def test_the_end_of_a_conversation_is_none(pair: tuple[Channel, Channel]) -> None:
    """A peer that has closed is told as None, not as an error."""
    pair[0].close()
    assert pair[1].receive() is None


@pytest.mark.parametrize(
    "packet",
    [b"no json", b"[]", b'{"v": 99}', b"{}", b'{"v":1,"memfd":10}', b"\xff\xfe", b"[" * 50_000],
)
def test_what_is_no_message_is_refused(pair: tuple[Channel, Channel], packet: bytes) -> None:
    """Whatever is not a whole message of this version raises ProtocolError."""
    pair[0].socket.send(packet)
    with pytest.raises(ProtocolError):
        pair[1].receive()


def test_a_message_beyond_the_limit_is_refused(pair: tuple[Channel, Channel]) -> None:
    """A packet that does not fit is refused rather than read half."""
    pair[0].socket.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 400_000)
    pair[0].socket.send(b'{"v":1,"x":"' + b"y" * 100_000 + b'"}')
    with pytest.raises(ProtocolError, match="cut"):
        pair[1].receive()


def test_a_body_that_could_change_is_refused(pair: tuple[Channel, Channel], tmp_path: Path) -> None:
    """A large body in a file without seals is refused, and its descriptor closed."""
    path = tmp_path / "body"
    path.write_bytes(b'{"v":1}')
    with path.open("rb") as file:
        pair[0].socket.sendmsg(
            [b'{"v":1,"memfd":7}'],
            [(socket.SOL_SOCKET, socket.SCM_RIGHTS, file.fileno().to_bytes(4, "little"))],
        )
    before = len(os.listdir("/proc/self/fd"))
    with pytest.raises(ProtocolError, match="sealed"):
        pair[1].receive()
    assert len(os.listdir("/proc/self/fd")) == before


def test_only_the_owner_may_open_a_socket(tmp_path: Path) -> None:
    """A socket that listens is for its owner alone, and a stale one before it is replaced."""
    path = tmp_path / "s"
    path.write_text("stale")
    with listen(str(path)) as server:
        assert path.stat().st_mode & 0o777 == 0o600
        channel = connect(str(path))
        accepted, _ = server.accept()
        check_peer(accepted)
        accepted.close()
        channel.close()


def test_a_peer_of_a_container_is_refused(
    pair: tuple[Channel, Channel], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A process with a pid namespace below ours is refused, whatever its uid."""
    monkeypatch.setattr(procfs, "nspid_depth", lambda pid: 2)
    with pytest.raises(ProtocolError, match="inside a container"):
        check_peer(pair[1].socket)


def test_a_peer_of_another_user_is_refused(
    pair: tuple[Channel, Channel], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A process of another user is refused before anything else is asked of it."""
    monkeypatch.setattr(os, "geteuid", lambda: 4_000_000)
    with pytest.raises(ProtocolError, match="of user"):
        check_peer(pair[1].socket)
