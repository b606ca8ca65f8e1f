"""-v, --mount and --tmpfs are read as docker's client and daemon read them."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import click
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ipycontainer.commands.mount_words import MountWord, mount_points
from ipycontainer.errors import EngineError, InvalidArgument, UsageError
from ipycontainer.model.mounts import MountPoint

CWD = Path("/home/user")
NAMES = 'only "[a-zA-Z0-9][a-zA-Z0-9_.-]" are allowed. If you intended to pass a host directory, '


def volumes(*specs: str) -> tuple[MountPoint, ...]:
    """Return what words of `-v` mean."""
    return mount_points(specs, (), (), CWD)


def mount(text: str) -> MountPoint:
    """Return what one word of `--mount` means."""
    (found,) = mount_points((), (MountWord().convert(text, None, None),), (), CWD)
    return found


def bind(target: str, source: str, read_only: bool = False, **more: Any) -> MountPoint:
    """Return a bind as `-v` asks for it."""
    return MountPoint("bind", target, source, read_only, create_source=True, **more)


@pytest.mark.parametrize(
    ("spec", "found"),
    [
        ("/a:/b", bind("/b", "/a")),
        ("/a:/b:ro", bind("/b", "/a", True, mode="ro")),
        ("/a:/b:rw", bind("/b", "/a", mode="rw")),
        ("/a:/b:rslave,ro", bind("/b", "/a", True, mode="rslave,ro", propagation="rslave")),
        ("/a:/b:z", bind("/b", "/a", mode="z")),
        ("./x:/y/", bind("/y", "/home/user/x", typed_target="/y/")),
        (".:/y/../z", bind("/z", "/home/user", typed_target="/y/../z")),
        ("/a//b/..:/y", bind("/y", "/a", typed_source="/a//b/..")),
        ("data:/d", MountPoint("volume", "/d", "data")),
        (
            "data:/d:ro,nocopy",
            MountPoint("volume", "/d", "data", True, mode="ro,nocopy", no_copy=True),
        ),
        ("/d", MountPoint("volume", "/d", anonymous=True)),
        ("d", MountPoint("volume", "/d", anonymous=True, typed_target="d")),
        (
            "a:/y",
            MountPoint("volume", "/a:/y", anonymous=True, typed_target="a:/y"),
        ),  # a drive of Windows
        ("a:", MountPoint("volume", "/a:", anonymous=True, typed_target="a:")),
    ],
)
def test_volume_words(spec: str, found: MountPoint) -> None:
    """Source, target and options come out clean, relative sources below the caller's directory."""
    assert volumes(spec) == (found,)


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
        volumes(spec)
    assert error.value.message == message


@pytest.mark.parametrize(
    ("spec", "message"),
    [
        ("/a:/b:zz", "invalid mode: zz"),
        ("/a:/b:ro,rw", "invalid mode: ro,rw"),
        ("/a:/b:RO", "invalid mode: RO"),
        ("/a:/b:private,shared", "invalid mode: private,shared"),
        ("/a:/b:z,Z", "invalid mode: z,Z"),
        ("a:/b:nocopy,nocopy", "invalid mode: nocopy,nocopy"),
        (
            "/a:b",
            (
                "invalid volume specification: '/a:b': invalid mount config for type \"bind\": "
                "invalid mount path: 'b' mount path must be absolute"
            ),
        ),
        (
            "/tmp:/",
            (
                "invalid volume specification: '/tmp:/': invalid mount config for type \"bind\": "
                "invalid specification: destination can't be '/'"
            ),
        ),
        (
            "/tmp:/x:nocopy",
            (
                "invalid volume specification: '/tmp:/x:nocopy': invalid mount config for type "
                '"bind": field VolumeOptions must not be specified'
            ),
        ),
        (
            "ab:/x:rslave",
            (
                "invalid volume specification: 'ab:/x:rslave': invalid mount config for type "
                '"volume": field BindOptions must not be specified'
            ),
        ),
        (
            "rel/x:/y",
            (
                'create rel/x: "rel/x" includes invalid characters for a local volume name, '
                f"{NAMES}use absolute path"
            ),
        ),
        (
            "a:/y:ro",
            (
                "create a: volume name is too short, "
                "names should be at least two alphanumeric characters"
            ),
        ),
        ("a:b:c:d", "invalid volume specification: 'a:b:c:d'"),
        ("/foo:ro", "invalid volume specification: '/foo:ro'"),
    ],
)
def test_refused_by_the_daemon(spec: str, message: str) -> None:
    """What docker's daemon refuses keeps its words, until it comes to the mounts."""
    (found,) = volumes(spec)
    assert found.refused == message


def test_the_same_words_twice_are_one() -> None:
    """Docker keeps a set of the texts."""
    assert volumes("/a:/b", "/a:/b") == (bind("/b", "/a"),)


def asked(kind: Any, target: str, source: str = "", **more: Any) -> MountPoint:
    """Return a mount as `--mount` asks for it."""
    return MountPoint(kind, target, source, origin="--mount", **more)


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("type=bind,src=/a,dst=/b", asked("bind", "/b", "/a")),
        (
            "type=bind,source=/a,target=/b/,ro",
            asked("bind", "/b", "/a", read_only=True, typed_target="/b/"),
        ),
        ("TYPE=Bind,SRC=/a,destination=/b,readonly=false", asked("bind", "/b", "/a")),
        (
            "type=bind,src=/a,dst=/b,bind-propagation=rslave,bind-recursive=disabled",
            asked("bind", "/b", "/a", propagation="rslave", recursion="disabled"),
        ),
        (
            "type=bind,src=/a,dst=/b,ro,bind-propagation=rprivate,bind-recursive=readonly",
            asked("bind", "/b", "/a", read_only=True, propagation="rprivate", recursion="readonly"),
        ),
        (
            "type=bind,src=/a,dst=/b,bind-create-src",
            asked("bind", "/b", "/a", create_source=True),
        ),
        ("dst=/d", asked("volume", "/d", anonymous=True)),
        (
            "src=data,dst=/d,volume-nocopy,volume-label=a=b,volume-label=c,volume-subpath=x/y",
            asked("volume", "/d", "data", no_copy=True, labels={"a": "b", "c": ""}, subpath="x/y"),
        ),
        (
            'src=data,dst=/d,volume-driver=local,volume-opt=type=none,"volume-opt=o=bind,ro"',
            asked(
                "volume",
                "/d",
                "data",
                driver="local",
                driver_options={"type": "none", "o": "bind,ro"},
            ),
        ),
        (
            "type=tmpfs,dst=/t,tmpfs-size=1m,tmpfs-mode=0700",
            asked("tmpfs", "/t", options=("size=1048576", "mode=700")),
        ),
        (
            "type=image,src=busybox,dst=/i,image-subpath=bin",
            asked("image", "/i", "busybox", subpath="bin"),
        ),
        ("type=bind,src=/a,dst=/b,consistency=cached", asked("bind", "/b", "/a")),
    ],
)
def test_mount_words(text: str, found: MountPoint) -> None:
    """Each key of docker's has its place, and that a type's own were said is kept."""
    own = any(f",{family}-" in text for family in ("bind", "volume", "tmpfs", "image"))
    assert mount(text) == replace(found, has_options=own)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "EOF"),
        ("foo", "invalid field 'foo' must be a key=value pair"),
        ("type=volume,src=ab,foo=1", "unexpected key 'foo' in 'foo=1'"),
        ("type=volume,src=ab", "target is required"),
        ("type=tmpfs,dst=/x,tmpfs-size=x", "invalid value for tmpfs-size: x"),
        ("type=tmpfs,dst=/x,tmpfs-mode=9", "invalid value for tmpfs-mode: 9"),
        ("type=bind,src=/tmp,dst=/x,ro=foo", "invalid value for ro: foo"),
        (
            "type=bind,src=/tmp,dst=/x,volume-nocopy",
            "cannot mix 'volume-*' options with mount type 'bind'",
        ),
        (
            "type=volume,dst=/x,bind-propagation=rslave",
            "cannot mix 'bind-*' options with mount type 'volume'",
        ),
        (
            "type=bind,src=/tmp,dst=/x,bind-recursive=foo",
            (
                "invalid value for bind-recursive: foo "
                '(must be "enabled", "disabled", "writable", or "readonly")'
            ),
        ),
        (
            "type=bind,src=/tmp,dst=/x,bind-recursive=readonly",
            "option 'bind-recursive=readonly' requires 'readonly' to be specified in conjunction",
        ),
    ],
)
def test_mount_words_that_the_client_refuses(text: str, message: str) -> None:
    """A flag's value that is none, in docker's words."""
    with pytest.raises(click.BadParameter) as error:
        mount(text)
    assert error.value.message == message


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("type=foo,dst=/x", 'invalid mount config for type "foo": mount type unknown'),
        (
            "type=bind,dst=/x",
            'invalid mount config for type "bind": field Source must not be empty',
        ),
        (
            "type=tmpfs,src=ab,dst=/x",
            'invalid mount config for type "tmpfs": field Source must not be specified',
        ),
        (
            "type=bind,src=rel,dst=/x",
            (
                'invalid mount config for type "bind": invalid mount path: '
                "'rel' mount path must be absolute"
            ),
        ),
        (
            "type=bind,src=/tmp,dst=/x,bind-propagation=foo",
            'invalid mount config for type "bind": invalid propagation mode: foo',
        ),
        (
            "dst=/x,readonly",
            (
                'invalid mount config for type "volume": '
                "must not set ReadOnly mode when using anonymous volumes"
            ),
        ),
        (
            "src=data,dst=/x,volume-subpath=../..",
            (
                'invalid mount config for type "volume": '
                "subpath must be a relative path within the volume"
            ),
        ),
    ],
)
def test_mount_words_that_the_daemon_refuses(text: str, message: str) -> None:
    """They are words to the client, and no mount to the daemon."""
    with pytest.raises(InvalidArgument) as error:
        mount(text)
    assert error.value.message == message


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("rel", "invalid mount path: 'rel' mount path must be absolute"),
        ("/", "invalid specification: destination can't be '/'"),
    ],
)
def test_places_of_a_tmpfs_that_are_refused(text: str, message: str) -> None:
    """Its options are looked at by who starts the container."""
    with pytest.raises(InvalidArgument) as error:
        mount_points((), (), (text,), CWD)
    assert error.value.message == message


@given(st.text(alphabet="/a.:~ro,z", max_size=12))
def test_any_text_is_read_or_refused(spec: str) -> None:
    """Every text is a mount with clean absolute paths, or refused."""
    try:
        found = volumes(spec)
    except EngineError:
        return
    for point in found:
        if point.refused:
            continue
        assert point.type == "volume" or point.source.startswith("/")
        assert point.target.startswith("/")
        assert ".." not in point.target.split("/")


@given(st.text(alphabet='type=bindsrc/,.ov"lumah\n', max_size=40))
def test_any_mount_is_read_or_refused(text: str) -> None:
    """No text makes the reader fail in a way of its own."""
    try:
        found = mount(text)
    except (EngineError, click.BadParameter):
        return
    assert found.target.startswith("/")
