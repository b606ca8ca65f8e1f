"""Mount options in mount(8)'s words, read into bits and data.

Pure. Imports linux's constants and model only.
"""

from __future__ import annotations

from dataclasses import dataclass

from ipycontainer.errors import Unsupported
from ipycontainer.linux import mounts
from ipycontainer.model.oci import Mount

__all__ = ["MountOptions", "parse"]

_PROPAGATIONS = {
    "private": mounts.MS_PRIVATE,
    "rprivate": mounts.MS_PRIVATE,
    "slave": mounts.MS_SLAVE,
    "rslave": mounts.MS_SLAVE,
    "shared": mounts.MS_SHARED,
    "rshared": mounts.MS_SHARED,
}
# Words that change nothing here: the default, or docker's notes to itself.
_EMPTY = frozenset({"defaults", "async", "loud", "silent", "nolazytime", "noiversion", "nomand"})
_REFUSED = frozenset({"unbindable", "runbindable", "idmap", "ridmap", "tmpcopyup", "remount"})


@dataclass(frozen=True, slots=True)
class MountOptions:
    """What a mount's options say; `data` is the file system's own.

    `tree_bits` (`rro` and its kin) are for the mount and all below it, `set_bits` for it alone.
    """

    set_bits: int = 0
    clear_bits: int = 0
    propagation: int = mounts.MS_PRIVATE
    bind: bool = False
    recursive: bool = False
    tree_bits: int = 0
    data: tuple[tuple[str, str], ...] = ()


def parse(mount: Mount) -> MountOptions:
    """Return what a mount's options say; of opposites the later wins.

    Raises Unsupported by name.
    """
    set_bits = clear_bits = tree_bits = 0
    propagation = mounts.MS_PRIVATE
    bind = mount.type == "bind"
    recursive = False
    data: list[tuple[str, str]] = []
    for option in mount.options:
        word = option[1:] if option[:1] == "r" and option[1:] in mounts.ATTRIBUTES else option
        if word in mounts.ATTRIBUTES:
            on, off = mounts.ATTRIBUTES[word]
            set_bits, clear_bits = (set_bits & ~off) | on, (clear_bits & ~on) | off
            tree_bits = (tree_bits & ~off) | (on if word != option else 0)
        elif option in _PROPAGATIONS:
            propagation = _PROPAGATIONS[option]
        elif option in ("bind", "rbind"):
            bind, recursive = True, option == "rbind"
        elif option in _REFUSED:
            raise Unsupported(f'mount option "{option}" of {mount.destination} is not supported')
        elif option not in _EMPTY:
            key, _, value = option.partition("=")
            data.append((key, value))
    return MountOptions(set_bits, clear_bits, propagation, bind, recursive, tree_bits, tuple(data))
