"""Mount options in mount(8)'s words."""

from __future__ import annotations

import pytest

from ipycontainer.errors import Unsupported
from ipycontainer.linux import mounts
from ipycontainer.model.oci import Mount
from ipycontainer.runtime import options


def _parse(*words: str, kind: str = "tmpfs") -> options.MountOptions:
    return options.parse(Mount("/x", kind, "s", words))


def test_bits_and_data_are_told_apart() -> None:
    """What the mount layer knows becomes bits; the rest is the file system's, in order."""
    found = _parse("nosuid", "strictatime", "mode=755", "size=64k", "inode64")

    assert found.set_bits == mounts.MOUNT_ATTR_NOSUID | mounts.MOUNT_ATTR_STRICTATIME
    assert found.data == (("mode", "755"), ("size", "64k"), ("inode64", ""))


def test_the_later_of_two_opposites_wins() -> None:
    """`ro,rw` is writable, and one way of access times replaces another."""
    found = _parse("ro", "rw", "noatime", "strictatime")

    assert not found.set_bits & mounts.MOUNT_ATTR_RDONLY
    assert found.set_bits & mounts.MOUNT_ATTR__ATIME == mounts.MOUNT_ATTR_STRICTATIME


def test_binds_are_known_by_type_or_option() -> None:
    """`bind` alone leaves submounts out, `rbind` brings them."""
    assert _parse("rbind", kind="").bind
    assert _parse("rbind", kind="").recursive
    assert not _parse("bind", kind="").recursive
    assert _parse(kind="bind").bind


def test_recursive_words_mean_the_same() -> None:
    """`rro` is what `ro` is: attributes are for the whole tree."""
    assert _parse("rro", kind="bind").set_bits == mounts.MOUNT_ATTR_RDONLY


def test_propagation() -> None:
    """What was asked for, 0 where nothing was."""
    assert _parse("rslave", kind="bind").propagation == mounts.MS_SLAVE
    assert _parse("runbindable", kind="bind").propagation == mounts.MS_UNBINDABLE
    assert _parse(kind="bind").propagation == 0


def test_words_of_a_whole_file_system_are_told_apart() -> None:
    """`sync` is the file system's, `rrw` is cleared on the whole tree, `acl` changes nothing."""
    found = _parse("sync", "acl", "rro", "rrw")

    assert found.whole == ("sync",)
    assert (found.set_bits, found.data) == (0, ())
    assert found.clear_bits == found.tree_clear_bits == mounts.MOUNT_ATTR_RDONLY


def test_what_is_not_done_is_refused_by_name() -> None:
    """Never dropped in silence."""
    with pytest.raises(Unsupported, match="tmpcopyup"):
        _parse("tmpcopyup", kind="bind")


def test_words_about_owners_are_neither_bits_nor_data() -> None:
    """`idmap` is for whoever makes the tree, not for the mount."""
    assert _parse("bind", "idmap", "ridmap", kind="bind") == _parse("bind", kind="bind")
