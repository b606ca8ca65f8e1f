"""-v is read as docker's client and daemon read it."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ipycontainer.commands.binds import parse_binds
from ipycontainer.errors import EngineError, InvalidArgument, Unsupported, UsageError
from ipycontainer.model.config import Bind

CWD = Path("/home/user")


@pytest.mark.parametrize(
    ("spec", "bind"),
    [
        ("/a:/b", Bind("/a", "/b")),
        ("/a:/b:ro", Bind("/a", "/b", read_only=True)),
        ("/a:/b:rw", Bind("/a", "/b")),
        ("/a:/b:rslave,ro", Bind("/a", "/b", read_only=True, propagation="rslave")),
        ("./x:/y/", Bind("/home/user/x", "/y")),
        ("..:/y/../z", Bind("/home", "/z")),
        ("/a//b/..:/y", Bind("/a", "/y")),
    ],
)
def test_binds(spec: str, bind: Bind) -> None:
    """Source, target and options come out clean, relative sources below the caller's directory."""
    assert parse_binds([spec], CWD) == (bind,)


@pytest.mark.parametrize(
    ("spec", "message"),
    [
        ("", "invalid empty volume spec"),
        ("/a:/b:ro:x", "invalid spec: /a:/b:ro:x: too many colons"),
        (":/b", "invalid spec: :/b: empty section between colons"),
        ("/a:", "invalid spec: /a:: empty section between colons"),
    ],
)
def test_refused_by_the_client(spec: str, message: str) -> None:
    """What docker's client refuses keeps its words."""
    with pytest.raises(UsageError) as error:
        parse_binds([spec], CWD)
    assert error.value.message == message


@pytest.mark.parametrize(
    ("specs", "message"),
    [
        (["/a:/b:zz"], "invalid mode: zz"),
        (["/a:/b:ro,rw"], "invalid mode: ro,rw"),
        (["/a:/b:RO"], "invalid mode: RO"),
        (["/a:/b:private,shared"], "invalid mode: private,shared"),
        (["/a:/b", "/c:/b"], "Duplicate mount point: /b"),
        (
            ["/a:b"],
            (
                "invalid volume specification: '/a:b': invalid mount config for type \"bind\": "
                "invalid mount path: 'b' mount path must be absolute"
            ),
        ),
        (
            ["/tmp:/"],
            (
                "invalid volume specification: '/tmp:/': invalid mount config for type \"bind\": "
                "invalid specification: destination can't be '/'"
            ),
        ),
        (
            ["rel/x:/y"],
            (
                'create rel/x: "rel/x" includes invalid characters for a local volume name, only '
                '"[a-zA-Z0-9][a-zA-Z0-9_.-]" are allowed. If you intended to pass a host '
                "directory, use absolute path"
            ),
        ),
    ],
)
def test_refused_by_the_daemon(specs: list[str], message: str) -> None:
    """What docker's daemon refuses is no error of usage, and keeps its words."""
    with pytest.raises(InvalidArgument) as error:
        parse_binds(specs, CWD)
    assert error.value.message == message
    assert not isinstance(error.value, UsageError)


@pytest.mark.parametrize("spec", ["name:/b", "/anonymous", "/a:/b:z", "/a:/b:cached"])
def test_volumes_are_refused_by_name(spec: str) -> None:
    """Volumes and the options that mean something only elsewhere are not silently dropped."""
    with pytest.raises(Unsupported, match="not supported yet"):
        parse_binds([spec], CWD)


def test_the_same_words_twice_are_one() -> None:
    """Docker keeps a set of the texts."""
    assert parse_binds(["/a:/b", "/a:/b"], CWD) == (Bind("/a", "/b"),)


@given(st.text(alphabet="/a.:~ro,z", max_size=12))
def test_any_text_is_read_or_refused(spec: str) -> None:
    """Every text is a bind with clean absolute paths, or refused."""
    try:
        binds = parse_binds([spec], CWD)
    except EngineError:
        return
    for bind in binds:
        assert bind.source.startswith("/")
        assert bind.target.startswith("/")
        assert ".." not in bind.target.split("/")
