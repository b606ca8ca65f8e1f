"""Classes of bugs in names, paths and messages that somebody else may have chosen."""

from __future__ import annotations

import json
import os
import random
import re
import socket
from pathlib import Path
from typing import Any

import pytest

from ipycontainer.commands import grammar, id_file
from ipycontainer.engine.engine import Engine
from ipycontainer.errors import EngineError, ProtocolError
from ipycontainer.model import ids, reference, volume
from ipycontainer.supervise import protocol
from ipycontainer.supervise.protocol import Channel
from tests.system.security.rules import either


def _refused(engine: Engine, words: list[str]) -> bool:
    try:
        return bool(grammar.invoke(lambda: engine, words).errors)
    except EngineError:
        return True


PATHS = ("../../x", "/x", "..", ".", "a/b", "a\0b", "-x", "a\n", "\u202ex", "x" * 300 + "/")


@pytest.mark.usefixtures("busybox_image")
@pytest.mark.parametrize("name", PATHS)
def test_a_name_that_is_a_path(engine: Engine, tmp_path: Path, name: str) -> None:
    """No container, volume or tag is called so; a network, as in docker, but it has no files."""
    before = sorted(str(path) for path in engine.home.root.rglob("*"))
    for words in (
        ["create", "--network", "none", f"--name={name}", "busybox", "true"],
        ["create", "--network", "none", f"--volume={name}:/x", "busybox", "true"],
        ["volume", "create", "--", name],
        ["tag", "--", "busybox", f"{name}:x"],
    ):
        is_path = name.startswith(("/", "../")) or name in (".", "..")
        a_bind = words[0] == "create" and "--volume" in words[3] and is_path
        if a_bind or (words[0] == "tag" and name == "a/b"):
            continue  # those are a path of the host's, and a repository
        assert _refused(engine, words), words
    grammar.invoke(lambda: engine, ["network", "create", "--", name])
    after = sorted(str(path) for path in engine.home.root.rglob("*"))
    ours = ("/state.db", "/cache/")
    assert [p for p in after if p not in before and not any(each in p for each in ours)] == []


@pytest.mark.usefixtures("busybox_image")
def test_a_name_that_is_a_path_without_the_rule(
    engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where every name is taken, a volume lies where its name leads, and others are called so."""
    anything = re.compile(r"(?s).*")
    monkeypatch.setattr(volume, "VOLUME_NAME", anything)
    grammar.invoke(lambda: engine, ["volume", "create", "--", "../outside"])
    assert (engine.home.root / "outside").exists()
    grammar.invoke(lambda: engine, ["volume", "rm", "--", "../outside"])
    monkeypatch.setattr(ids, "_NAME", anything)
    assert not _refused(
        engine, ["create", "--network", "none", "--name=../../x", "busybox", "true"]
    )
    assert [box.name for box in engine.containers.list(all=True)] == ["../../x"]
    whole = r"(?P<domain>[^/]+)/(?P<path>.*?)(?::(?P<tag>\w+))?(?P<digest>!)?"
    monkeypatch.setattr(reference, "_WHOLE", re.compile(whole))
    assert not _refused(engine, ["tag", "--", "busybox", "../../x:x"])
    assert "../../x:x" in engine.images.get("busybox").tags


@either
def test_a_file_for_an_id_that_is_a_link(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, holds: bool
) -> None:
    """`--cidfile` makes a file of its own: what a link of that name points to stays as it is."""
    victim = tmp_path / "victim"
    victim.write_text("kept")
    link = tmp_path / "id"

    def swapped(path: Path) -> bool:
        link.symlink_to(victim)  # between the look and the use
        return False

    monkeypatch.setattr(os.path, "lexists", swapped)
    if not holds:
        plain = os.open
        free = os.O_EXCL | os.O_NOFOLLOW
        monkeypatch.setattr(
            os, "open", lambda path, flags, *mode: plain(path, flags & ~free, *mode)
        )
    try:
        with id_file.id_file("id", tmp_path) as file:
            file.write("f" * 64)
    except EngineError:
        pass
    assert (victim.read_text() == "kept") == holds


def _hostile(random_: random.Random) -> bytes:
    """Return a packet that no engine would send."""
    body: Any = random_.choice(
        [None, 1, [], "x", {"v": 2}, {"v": "1"}, {"v": 1, "memfd": 1 << 40}, {"v": 1, "memfd": -1}]
    )
    whole = json.dumps(body).encode()
    return random_.choice(
        [whole, whole[:-1] + b"[", random_.randbytes(random_.randrange(1, 500)), b"[" * 50_000,
         b'{"v":1,"op":"x","a":' + b"9" * 40_000, b"\x80\x04\x95", b"cos\nsystem\n(S'true'\ntR."]
    )  # fmt: skip


def test_messages_that_no_engine_sends() -> None:
    """Messages are JSON within bounds: whatever comes instead is refused, and nothing is run."""
    seed = int(os.environ.get("IPYCONTAINER_SEED", "0"))
    print(f"IPYCONTAINER_SEED={seed}")
    random_ = random.Random(seed)
    for _ in range(500):
        ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        with ours, theirs:
            theirs.send(_hostile(random_))
            with pytest.raises(ProtocolError):
                Channel(ours).receive()


def test_messages_that_no_engine_sends_without_the_rule(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """Unpickled, a message runs what its sender likes."""
    import pickle

    mark = tmp_path / "mark"

    class Evil:
        def __reduce__(self) -> Any:
            return os.mkdir, (str(mark),)

    packet = pickle.dumps(Evil())
    for read, ran in ((protocol._object, False), (pickle.loads, True)):
        monkeypatch.setattr(protocol, "_object", read)
        ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        with ours, theirs:
            theirs.send(packet)
            with pytest.raises((ProtocolError, TypeError)):
                Channel(ours).receive()
        assert mark.exists() == ran
