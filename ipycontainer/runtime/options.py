"""Mount options in mount(8)'s words, read into bits and data.

Pure. Imports linux's constants and model only.
"""

from __future__ import annotations

from dataclasses import dataclass

from ipycontainer.errors import Unsupported
from ipycontainer.linux import mounts
from ipycontainer.model.oci import Mount

__all__ = ["MountOptions", "is_bind", "known_options", "parse"]

_PROPAGATIONS = {
    "private": mounts.MS_PRIVATE,
    "slave": mounts.MS_SLAVE,
    "shared": mounts.MS_SHARED,
    "unbindable": mounts.MS_UNBINDABLE,
}
# Words that change nothing here: the default, what the kernel ignores, or docker's notes to itself.
_EMPTY = frozenset(
    {"defaults", "async", "loud", "silent", "nolazytime", "noiversion", "nomand"}
    | {"iversion", "acl", "noacl"}
)
# Words for a file system as a whole: a bind has none of its own, and the kernel ignores them there.
_WHOLE = frozenset({"sync", "dirsync", "lazytime", "mand"})
_OWNERS = frozenset({"idmap", "ridmap"})  # idmap_steps has their sense


@dataclass(frozen=True, slots=True)
class MountOptions:
    """What a mount's options say; `data` is the file system's own.

    `tree_bits` (`rro` and its kin) are for the mount and all below it, `set_bits` for it alone,
    `whole` for the file system. `propagation` is 0 where nothing is said, and with `spread`
    (`rslave` and its kin) for all below as well. `copy_up` (`tmpcopyup`) fills a tmpfs with what it
    hides; `remount` changes what is there.
    """

    set_bits: int = 0
    clear_bits: int = 0
    propagation: int = 0
    spread: bool = True
    bind: bool = False
    recursive: bool = False
    tree_bits: int = 0
    tree_clear_bits: int = 0
    data: tuple[tuple[str, str], ...] = ()
    whole: tuple[str, ...] = ()
    copy_up: bool = False
    remount: bool = False


def parse(mount: Mount) -> MountOptions:
    """Return what a mount's options say; of opposites the later wins.

    Raises Unsupported by name.
    """
    set_bits = clear_bits = tree_bits = tree_clear_bits = propagation = 0
    bind = mount.type == "bind"
    recursive = copy_up = remount = False
    spread = True
    data: list[tuple[str, str]] = []
    whole: list[str] = []
    for option in mount.options:
        word = option[1:] if option[:1] == "r" and option[1:] in mounts.ATTRIBUTES else option
        if word in mounts.ATTRIBUTES:
            on, off = mounts.ATTRIBUTES[word]
            set_bits, clear_bits = (set_bits & ~off) | on, (clear_bits & ~on) | off
            tree_bits = (tree_bits & ~off) | (on if word != option else 0)
            tree_clear_bits = (tree_clear_bits & ~on) | (off if word != option else 0)
        elif option.removeprefix("r") in _PROPAGATIONS:
            propagation = _PROPAGATIONS[option.removeprefix("r")]
            spread = option not in _PROPAGATIONS
        elif option in ("bind", "rbind"):
            bind, recursive = True, option == "rbind"
        elif option in _WHOLE:
            whole.append(option)
        elif option == "tmpcopyup" and mount.type == "tmpfs":
            copy_up = True
        elif option == "remount":
            remount = True
        elif option in _OWNERS:
            continue
        elif option == "tmpcopyup":
            raise Unsupported(f'mount option "{option}" of {mount.destination} is not supported')
        elif option and option not in _EMPTY:
            key, _, value = option.partition("=")
            data.append((key, value))
    return MountOptions(
        set_bits,
        clear_bits,
        propagation,
        spread,
        bind,
        recursive,
        tree_bits,
        tree_clear_bits,
        tuple(data),
        tuple(whole),
        copy_up,
        remount,
    )


def is_bind(mount: Mount) -> bool:
    """Tell whether a mount shows a part of the host's tree."""
    return mount.type == "bind" or "bind" in mount.options or "rbind" in mount.options


def known_options() -> tuple[str, ...]:
    """Return the words that mean the same for every file system, sorted."""
    plain = {
        *mounts.ATTRIBUTES,
        *_PROPAGATIONS,
        *_EMPTY,
        *_WHOLE,
        *_OWNERS,
        "bind",
        "remount",
        "tmpcopyup",
    }
    recursive = {f"r{word}" for word in (*mounts.ATTRIBUTES, *_PROPAGATIONS, "bind")}
    return tuple(sorted(plain | recursive))
