"""Facts about this machine's file tree, gathered for the `host` image.

Only looks: images.host decides upon what is found here, images.skeleton writes.
"""

from __future__ import annotations

import functools
import os
import re
import stat
from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from ipycontainer.model.paths import is_inside

__all__ = [
    "Entry",
    "EtcEntry",
    "Machine",
    "MountPoint",
    "Place",
    "Secrets",
    "find_secrets",
    "list_directory",
    "resolve",
]

# What programs read below /etc and what holds no secret: the dynamic linker's tables, certificate
# authorities (/etc/pki is Fedora's), fonts, alternatives, names of protocols and file types.
_ETC_PATTERNS = (
    "alternatives",
    "ca-certificates*",
    "crypto-policies",
    "fonts",
    "ld.so.*",
    "localtime",
    "mailcap",
    "mime.types",
    "os-release",
    "pki/ca-trust",
    "pki/tls/cert.pem",
    "pki/tls/certs",
    "protocols",
    "python3*",
    "services",
    "ssl/cert.pem",
    "ssl/certs",
    "ssl/openssl.cnf",
)

# Always shown where they exist. The store of Nix or Guix holds every library of its programs.
_BASE_TREES = ("/usr", "/opt", "/nix/store", "/gnu/store")

# Mounted below a shown tree, these hold no files that a program could want from it.
_PSEUDO_FILE_SYSTEMS = frozenset(
    "autofs binfmt_misc bpf cgroup cgroup2 configfs debugfs devpts devtmpfs efivarfs fusectl"
    " hugetlbfs mqueue nsfs proc pstore rpc_pipefs securityfs selinuxfs sysfs tracefs".split()
)

# A walk that looks for secrets goes this deep and over this many entries of one tree (about 20 ms).
_SECRET_DEPTH = 3
_SECRET_ENTRIES = 8000
_SECRET_FILES = frozenset(
    ".condarc .dockercfg .git-credentials .my.cnf .netrc .npmrc .pgpass .pypirc _netrc"
    " application_default_credentials.json condarc gshadow gshadow- pip.conf shadow shadow-".split()
)
_DOCKER = "/config.json"  # the passwords of registries, in a directory .docker
_SECRET_DIRECTORIES = frozenset({".aws", ".azure", ".gnupg", ".kube", ".ssh"})
_SECRET_KEY = re.compile(r"^(id_(rsa|dsa|ecdsa|ed25519|ecdsa_sk|ed25519_sk)|ssh_host_.*_key)$")
# Secrets of a project, which lie beside a notebook; elsewhere such names are those of modules.
_PROJECT_SECRET = re.compile(r"^(\.env.*|credentials\.json|secrets\..+)$")
_KEY_FILE = re.compile(r"\.(pem|key)$")  # where it holds more than certificates
_CERTIFICATE, _PRIVATE = b"-----BEGIN CERTIFICATE", b"PRIVATE KEY"
_GIT = "/config"  # of a directory .git: the address of a remote may hold a password or a token
# Of `ssh://git@host` the name alone is no secret; of https it may be a token.
_GIT_PASSWORD = re.compile(rb"https?://[^/\s@]+@|://[^/\s@:]+:[^/\s@]+@|extraheader", re.IGNORECASE)
_LOOKED_AT_BYTES = 64 << 10
# Full of files that packages brought along; reading them all would be most of the walk.
_NOT_SEARCHED = frozenset(
    ".git __pycache__ node_modules site-packages dist-packages include share".split()
)


@dataclass(frozen=True, slots=True)
class Place:
    """A path, where it really is, and the symlinks on the way to it (path, raw target).

    `kind` is `dir`, `file` or `missing`.
    """

    path: str
    real: str
    kind: str
    links: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True, slots=True)
class EtcEntry:
    """A file or directory below /etc to show; `target` is a symlink's own, `real` its end."""

    path: str
    is_directory: bool
    real: str
    target: str = ""


@dataclass(frozen=True, slots=True)
class Entry:
    """What a directory holds: a directory, a symlink with its target, or else a file."""

    path: str
    is_directory: bool
    target: str = ""


@dataclass(frozen=True, slots=True)
class MountPoint:
    """Where another file system is mounted: an overlay's lower directory shows none of it.

    One that is `pseudo` holds no files that a program could want, and was not looked at.
    """

    path: str
    is_directory: bool
    pseudo: bool = False


@dataclass(frozen=True, slots=True)
class Machine:
    """This machine's own layout.

    `root_links` are the symlinks in `/` into other trees (merged /usr: `/bin` -> `usr/bin`),
    `base_trees` what is always shown: /usr, /opt, and /bin and its kin where they are directories.
    """

    root_links: tuple[tuple[str, str], ...]
    base_trees: tuple[str, ...]
    etc: tuple[EtcEntry, ...]
    mounts: tuple[MountPoint, ...]
    has_bash: bool

    @classmethod
    def look(cls) -> Machine:
        """Gather the facts; below one millisecond, so that they are asked anew each time."""
        links, trees = [], [tree for tree in _BASE_TREES if os.path.isdir(tree)]
        for entry in os.scandir("/"):
            if not re.fullmatch(r"bin|sbin|lib\w*", entry.name):
                continue
            if entry.is_symlink():
                links.append((entry.path, os.readlink(entry.path)))
            elif entry.is_dir():
                trees.append(entry.path)
        return cls(
            root_links=tuple(sorted(links)),
            base_trees=tuple(trees),
            etc=tuple(_etc_entries()),
            mounts=tuple(_mount_points(Path("/proc/self/mountinfo").read_text())),
            has_bash=os.path.exists("/bin/bash"),
        )


def resolve(path: str) -> Place:
    """Follow a path component by component and note each symlink.

    A link's own target may lead over further links, which are noted as well: with all of them made
    in another root, the path means the same there. After 40 links a path is missing, as it is for
    the kernel (ELOOP, path_resolution(7)).
    """
    followed = 0
    links: dict[str, str] = {}
    pending = [part for part in reversed(path.split("/")) if part not in ("", ".")]
    real = "/"
    while pending:
        part = pending.pop()
        if part == "..":
            real = os.path.dirname(real)
            continue
        here = os.path.join(real, part)
        try:
            mode = os.lstat(here).st_mode
        except OSError:
            return Place(path, here, "missing", tuple(links.items()))
        if not stat.S_ISLNK(mode):
            real = here
            continue
        followed += 1
        if followed > 40:
            return Place(path, here, "missing", tuple(links.items()))
        target = links[here] = os.readlink(here)
        if target.startswith("/"):
            real = "/"
        pending += [part for part in reversed(target.split("/")) if part not in ("", ".")]
    kind = "dir" if os.path.isdir(real) else "file"
    return Place(path, real, kind, tuple(links.items()))


def list_directory(path: str) -> tuple[Entry, ...]:
    """Return what a directory holds, without devices, sockets and pipes."""
    return tuple(
        Entry(each.path, False, os.readlink(each.path))
        if each.is_symlink()
        else Entry(each.path, each.is_dir())
        for each in _entries(path)
        if each.is_symlink() or each.is_dir() or each.is_file()
    )


@dataclass(frozen=True, slots=True)
class Secrets:
    """Names found in shown trees that must be covered; `cut` are trees too large for the walk.

    Of the files `of_project` are those that a user may miss.
    """

    files: tuple[str, ...]
    directories: tuple[str, ...]
    cut: tuple[str, ...]
    of_project: tuple[str, ...] = ()


def find_secrets(
    trees: Iterable[str], project: str = "", on_purpose: Collection[str] = ()
) -> Secrets:
    """Look for keys, tokens and passwords by name, breadth first, three directories deep.

    In trees that hold the directory `project`, or lie in it, those of a project are looked for,
    too. Files that are shown `on_purpose` are left out. A symlink is followed: what it leads to is
    covered if it lies in a shown tree, and else is not there at all.
    """
    files: dict[str, None] = {}
    of_project: dict[str, None] = {}
    directories: dict[str, None] = {}
    cut: list[str] = []
    shown = tuple(trees)
    for tree in shown:
        seen = 0
        level = [tree]
        is_project = bool(project) and (
            tree == project or is_inside(project, tree) or is_inside(tree, project)
        )
        for _ in range(_SECRET_DEPTH):
            deeper: list[str] = []
            for directory in level:
                for entry in _entries(directory):
                    seen += 1
                    if entry.name in _SECRET_DIRECTORIES and entry.is_dir():
                        directories[entry.path] = None
                    elif _is_secret_name(entry.name) and entry.is_file():
                        files[entry.path] = None
                    elif entry.name == ".docker" and os.path.exists(entry.path + _DOCKER):
                        files[entry.path + _DOCKER] = None
                    elif is_project and (secret := _secret_of_project(entry)):
                        of_project[secret] = None
                    elif entry.name not in _NOT_SEARCHED and entry.is_dir(follow_symlinks=False):
                        deeper.append(entry.path)
                if seen > _SECRET_ENTRIES:
                    break
            level = deeper
            if seen > _SECRET_ENTRIES:
                cut.append(tree)
                break
    found = [path for path in _real_inside(files, shown) if path not in on_purpose]
    missed = [path for path in _real_inside(of_project, shown) if path not in on_purpose]
    return Secrets(
        tuple(dict.fromkeys((*found, *missed))),
        tuple(_real_inside(directories, shown)),
        tuple(cut),
        tuple(missed),
    )


def _is_secret_name(name: str) -> bool:
    return name in _SECRET_FILES or bool(_SECRET_KEY.match(name))


def _secret_of_project(entry: os.DirEntry[str]) -> str:
    """Return the path of a secret that a project has in this place; empty for none."""
    if entry.name == ".git":
        config = entry.path + _GIT
        return config if _GIT_PASSWORD.search(_head(config)) else ""
    if not entry.is_file():
        return ""
    if _PROJECT_SECRET.match(entry.name):
        return entry.path
    if _KEY_FILE.search(entry.name):
        content = _head(entry.path)
        return entry.path if _PRIVATE in content or _CERTIFICATE not in content else ""
    return ""


def _head(path: str) -> bytes:
    try:
        fd = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)  # a pipe would be waited for
        with open(fd, "rb", buffering=0) as file:
            return file.read(_LOOKED_AT_BYTES) or b""
    except OSError:  # not readable for us, thus neither for the container
        return b""


def _real_inside(paths: Iterable[str], trees: tuple[str, ...]) -> Iterator[str]:
    for real in dict.fromkeys(os.path.realpath(path) for path in paths):
        if any(real.startswith(tree.rstrip("/") + "/") for tree in trees):
            yield real


def _entries(directory: str) -> list[os.DirEntry[str]]:
    try:
        with os.scandir(directory) as entries:
            return list(entries)
    except OSError:  # not readable for us, thus neither for the container
        return []


def _etc_entries() -> Iterator[EtcEntry]:
    etc = Path("/etc")
    for pattern in _ETC_PATTERNS:
        for path in sorted(etc.glob(pattern)):
            target = os.readlink(path) if path.is_symlink() else ""
            if path.exists():
                yield EtcEntry(str(path), path.is_dir(), os.path.realpath(path), target)


def _mount_points(mountinfo: str) -> Iterator[MountPoint]:
    """Yield the mount points of /proc/PID/mountinfo, in its order (proc_pid_mountinfo(5))."""
    for line in mountinfo.splitlines():
        left, _, right = line.partition(" - ")
        path = re.sub(r"\\([0-7]{3})", lambda match: chr(int(match[1], 8)), left.split(" ")[4])
        kind = right.split(" ")[0]
        if path != "/":
            pseudo = kind in _PSEUDO_FILE_SYSTEMS
            yield MountPoint(path, not pseudo and _is_directory(path), pseudo)


@functools.lru_cache(maxsize=1024)
def _is_directory(path: str) -> bool:
    """Tell a mounted directory from a mounted file, once: asking a dead NFS server may hang."""
    return os.path.isdir(path)
