"""What is mounted in a container is decided by docker's precedence."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from ipycontainer.engine import inspect_mounts, mount_specs, mounts
from ipycontainer.errors import InvalidArgument, ResourceError
from ipycontainer.model.mounts import MountPoint
from ipycontainer.model.volume import VolumeRecord
from ipycontainer.store.home import Home

NAMED = MountPoint("volume", "/d", "data")
BIND = MountPoint("bind", "/d", "/src")
PLAIN = MountPoint("volume", "/d", anonymous=True)
TMPFS = MountPoint("tmpfs", "/d", origin="--tmpfs")


def test_one_place_twice_is_refused() -> None:
    """Two of the user's own words about one target."""
    with pytest.raises(InvalidArgument, match="Duplicate mount point: /d"):
        mounts.decide((NAMED, BIND), (), ())


def test_anonymous_volumes_give_way_to_everything() -> None:
    """To what another container brings, and to what has a name."""
    assert mounts.decide((PLAIN,), (NAMED,), ()) == (NAMED,)
    assert mounts.decide((PLAIN, BIND), (), ("/d",)) == (BIND,)
    assert mounts.decide((PLAIN,), (), ("/d",)) == (PLAIN,)


def test_named_mounts_hide_inherited_ones_and_a_tmpfs_hides_both() -> None:
    """As registerMountPoints and setupMounts of docker's daemon do."""
    assert mounts.decide((BIND,), (NAMED,), ()) == (BIND,)
    beside = replace(BIND, origin="--mount")
    assert mounts.decide((beside, TMPFS), (NAMED,), ()) == (TMPFS,)


@pytest.mark.parametrize("second", [TMPFS, replace(NAMED, target=BIND.target, origin="--mount")])
def test_two_words_about_one_place_are_refused(second: MountPoint) -> None:
    """Once docker's daemon comes to the second: what it made for those before stays."""
    other = replace(NAMED, source="other", target="/elsewhere")
    with pytest.raises(mounts.MountRefused) as error:
        mounts.decide((other, BIND, second), (), ())
    assert error.value.message == f"Duplicate mount point: {BIND.target}"
    assert other in error.value.before


def test_a_word_that_cannot_be_read_is_refused_in_its_turn() -> None:
    """After what stands before it, and before what stands behind it."""
    wrong = replace(NAMED, refused="invalid mode: zz")
    with pytest.raises(mounts.MountRefused, match="invalid mode: zz") as error:
        mounts.decide((BIND, wrong, NAMED), (), ())
    assert error.value.before == (BIND,)


def test_an_image_adds_its_volumes() -> None:
    """Each as an anonymous one, at its clean path."""
    (found,) = mounts.decide((), (), ("/var//lib/",))
    assert (found.target, found.anonymous, found.origin) == ("/var/lib", True, "VOLUME")


@pytest.mark.parametrize("word", ["foo", "foo=1", "size", "bind", "shared", ""])
def test_an_option_that_no_tmpfs_has_is_refused_by_name(tmp_path: Path, word: str) -> None:
    """At the start, as docker's daemon does; what a tmpfs has is taken."""
    home = Home(tmp_path, tmp_path, "0" * 8, rootless=False)
    point = replace(TMPFS, options=("size=1m", "ro", word))
    with pytest.raises(InvalidArgument) as error:
        mount_specs.specs(home, (point,), {}, {})
    assert error.value.message == f'invalid tmpfs option "{word.partition("=")[0]}"'
    (found,) = mount_specs.specs(home, (replace(point, options=("size=1m",)),), {}, {})
    assert found.options[-1] == "size=1m"


def test_inherited_mounts_can_be_made_read_only() -> None:
    """`--volumes-from X:ro`; a tmpfs is never inherited, and no other word is known."""
    (found,) = mounts.inherit((NAMED, TMPFS), "ro")
    assert found.read_only
    (same,) = mounts.inherit((MountPoint("volume", "/d", "data", read_only=True),), "rw")
    assert same.read_only
    with pytest.raises(InvalidArgument, match="invalid mode: foo"):
        mounts.inherit((NAMED,), "foo")


def test_a_propagation_that_the_source_cannot_give_is_refused() -> None:
    """In docker's words, at the mount that holds the source."""
    point = MountPoint("bind", "/d", "/usr", propagation="rslave")
    with pytest.raises(InvalidArgument) as error:
        mounts.check_propagation((point,), {"/": "", "/u": "shared:1"})
    assert error.value.message == "path /usr is mounted on / but it is not a shared or slave mount"
    mounts.check_propagation((point,), {"/": "", "/usr": "master:2"})


@pytest.mark.parametrize(
    ("point", "mode"),
    [
        (NAMED, "z"),
        (replace(NAMED, mode="ro"), "ro"),
        (replace(NAMED, origin="--mount", source="", anonymous=True), "z"),
        (replace(NAMED, origin="--volumes-from"), ""),
        (PLAIN, ""),
        (replace(PLAIN, origin="VOLUME"), ""),
        (BIND, ""),
    ],
)
def test_the_mode_that_docker_shows_of_a_volume(
    point: MountPoint, mode: str, tmp_path: Path
) -> None:
    """A volume that a line asked for is relabelled, one that the image or another brings is not."""
    home = Home(tmp_path, tmp_path, "0" * 8, rootless=False)
    (shown,) = inspect_mounts.mounts(home, [point])
    assert shown["Mode"] == mode


def test_a_volume_of_a_directory_is_read_only_where_it_says_so(tmp_path: Path) -> None:
    """Whatever the container's own word is; without the directory docker's refusal names both."""
    home = Home(tmp_path, tmp_path, "0" * 8, rootless=False)
    point = MountPoint("volume", "/v", "data")
    for words, options in (
        ("bind,ro", ("rbind", "rro", "rprivate")),
        ("bind", ("rbind", "rprivate")),
    ):
        volume = VolumeRecord("data", 0, options={"o": words, "device": str(tmp_path)})
        (found,) = mount_specs.specs(home, (point,), {"data": volume}, {})
        assert (found.source, found.options) == (str(tmp_path), options)
    volume = VolumeRecord("data", 0, options={"o": "bind", "device": "/no/such"})
    place = home.volume("data")
    with pytest.raises(ResourceError) as refused:
        mount_specs.specs(home, (point,), {"data": volume}, {})
    assert refused.value.message == (
        f"error while mounting volume '{place}': failed to mount local volume: "
        f"mount /no/such:{place}, flags: 0x1000: no such file or directory"
    )
