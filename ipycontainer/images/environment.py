"""Facts about the Python of this process: what the `host` image must show for it to run inside.

Asked by the engine in the kernel's own process, where sys.path and the variables are the user's;
the answer goes to images.host, which decides. Imports the standard library only.
"""

from __future__ import annotations

import ast
import functools
import os
import pwd
import re
import site
import sys
import sysconfig
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from ipycontainer.images import pip_settings

__all__ = ["HOST_PATHS_VARIABLE", "PythonEnvironment"]

# Further directories to show, separated as in PATH.
HOST_PATHS_VARIABLE = "IPYCONTAINER_HOST_PATHS"

# Where programs look for certificate authorities: OpenSSL, requests, curl, Node.js, git.
_CERTIFICATE_VARIABLES = (
    "SSL_CERT_FILE",
    "SSL_CERT_DIR",
    "REQUESTS_CA_BUNDLE",
    "CURL_CA_BUNDLE",
    "NODE_EXTRA_CA_CERTS",
    "GIT_SSL_CAINFO",
)

# setuptools writes `__editable___NAME_VERSION_finder.py`, scikit-build-core `_NAME_editable.py`,
# meson-python `_NAME_editable_loader.py`: modules whose constants name the places of the sources.
_FINDER = re.compile(r"^_.*editable.*\.py$", re.IGNORECASE)

# More symlink targets than this below one directory (uv's link mode) show that directory instead.
_MANY_SIBLINGS = 8


@dataclass(frozen=True, slots=True)
class PythonEnvironment:
    """What of this machine the kernel's Python uses, as absolute paths that may hold symlinks.

    `trees` are the directories and single files to show, `python_path` those entries of sys.path
    that a fresh interpreter would not find by itself, `user_base` the base of the user's own
    site-packages ("" where that is off), `homes` the user's home directory as $HOME and as passwd
    have it. `named_files` are files and directories that `variables` speak of; `variables` hold no
    credentials. `managed` tells that this installation lets pip install nothing unasked (PEP 668),
    `named_python` that `python` and `python3` beside the executable are this very interpreter.
    """

    executable: str
    prefix: str
    base_prefix: str
    homes: tuple[str, ...]
    trees: tuple[str, ...] = ()
    python_path: tuple[str, ...] = ()
    user_base: str = ""
    named_files: tuple[str, ...] = ()
    variables: Mapping[str, str] = field(default_factory=dict)
    managed: bool = False
    named_python: bool = True

    @classmethod
    def of_this_process(cls) -> PythonEnvironment:
        """Look around in the running interpreter. Runs nothing and writes nothing."""
        variables, named = _carried_variables(os.environ)
        user_site = site.getusersitepackages() if site.ENABLE_USER_SITE else ""
        sites = tuple(
            entry for entry in sys.path if Path(entry).name in ("site-packages", "dist-packages")
        )
        trees: list[str] = [sys.prefix, sys.base_prefix, sys.exec_prefix, user_site]
        trees += sys.path
        for directory in dict.fromkeys((*sites, user_site)):
            trees += _places_beside(directory)
        trees += os.environ.get(HOST_PATHS_VARIABLE, "").split(os.pathsep)
        executable = sys.executable or os.path.join(sys.prefix, "bin", "python3")
        return cls(
            executable=executable,
            prefix=sys.prefix,
            base_prefix=sys.base_prefix,
            homes=_homes(),
            trees=tuple(dict.fromkeys(tree for tree in trees if os.path.isabs(tree))),
            python_path=_extra_path(sites, user_site),
            user_base=site.getuserbase() if site.ENABLE_USER_SITE else "",
            named_files=named,
            variables=variables,
            managed=os.path.exists(
                os.path.join(sysconfig.get_path("stdlib"), "EXTERNALLY-MANAGED")
            ),
            named_python=all(
                os.path.realpath(os.path.join(os.path.dirname(executable), name))
                == os.path.realpath(executable)
                for name in ("python", "python3")
            ),
        )


def _homes() -> tuple[str, ...]:
    homes = [os.path.expanduser("~")]
    try:
        homes.append(pwd.getpwuid(os.getuid()).pw_dir)
    except KeyError:  # an id without a name, as in many a container
        pass
    return tuple(dict.fromkeys(home for home in homes if os.path.isabs(home)))


def _extra_path(sites: tuple[str, ...], user_site: str) -> tuple[str, ...]:
    """Return the entries of sys.path that neither the interpreter nor its .pth files add."""
    own = {sysconfig.get_path(name) for name in ("stdlib", "platstdlib")}
    known = {*sites, user_site}
    for directory in (*sites, user_site):
        known.update(_path_lines(directory))
    return tuple(
        entry
        for entry in dict.fromkeys(sys.path)
        if os.path.isabs(entry)
        and entry not in known
        and os.path.dirname(entry) not in own  # lib-dynload
        and entry not in own
        and not re.fullmatch(r"python\d+\.zip", os.path.basename(entry))
        and os.path.exists(entry)
    )


def _places_beside(directory: str) -> tuple[str, ...]:
    """Return where a site-packages directory leads to outside itself."""
    if not directory or not os.path.isdir(directory):
        return ()
    # pip and setuptools write into the directory itself, which changes its time.
    return _read_site(directory, os.stat(directory).st_mtime_ns)


@functools.lru_cache(maxsize=32)
def _read_site(directory: str, changed_ns: int) -> tuple[str, ...]:
    """Read a site-packages directory once for each state of it; `changed_ns` is the cache's key."""
    places = [*_path_lines(directory)]
    inside = os.path.realpath(directory) + os.sep
    linked: list[str] = []
    for entry in os.scandir(directory):
        if entry.is_symlink():
            linked.append(os.path.join(directory, os.readlink(entry.path)))
        elif _FINDER.match(entry.name):
            places += _paths_in_module(entry.path)
        elif entry.is_dir():
            linked += _package_links(entry.path, directory)
    outside = [path for path in linked if not os.path.realpath(path).startswith(inside)]
    return tuple(dict.fromkeys([*places, *_gather_siblings(outside)]))


def _package_links(package: str, directory: str) -> Iterator[str]:
    """Yield the places that the files of a package are linked from (uv's link mode).

    Where a link ends in the same relative name as it has here, its whole origin is meant: the
    unpacked wheel in a cache, which holds the deeper files too.
    """
    try:
        entries = list(os.scandir(package))
    except PermissionError:
        return
    for entry in entries:
        if entry.is_symlink():
            target = os.path.normpath(os.path.join(package, os.readlink(entry.path)))
            name = os.path.relpath(entry.path, directory)
            yield target.removesuffix(os.sep + name)
            return  # one link shows how the package came here


def _gather_siblings(paths: list[str]) -> list[str]:
    """Return the paths, with many below one directory replaced by that directory."""
    parents: dict[str, list[str]] = {}
    for path in dict.fromkeys(os.path.normpath(path) for path in paths):
        parents.setdefault(os.path.dirname(path), []).append(path)
    result: list[str] = []
    for parent, children in parents.items():
        result += [parent] if len(children) > _MANY_SIBLINGS else children
    return result


def _path_lines(directory: str) -> list[str]:
    """Return the directories that path-style .pth files name (site module: one a line)."""
    if not directory or not os.path.isdir(directory):
        return []
    found = []
    for name in sorted(os.listdir(directory)):
        if not name.endswith(".pth"):
            continue
        try:
            text = Path(directory, name).read_text(encoding="utf-8", errors="replace")
        except OSError:
            continue
        found += [
            os.path.normpath(os.path.join(directory, line.strip()))
            for line in text.splitlines()
            if line.strip() and not line.startswith(("#", "import ", "import\t"))
        ]
    return [path for path in found if os.path.exists(path)]


def _paths_in_module(path: str) -> list[str]:
    """Return the existing absolute paths among a module's text constants.

    The module is read, never executed. A MAPPING names a single-file module without its `.py`.
    """
    try:
        tree = ast.parse(Path(path).read_bytes())
    except (OSError, SyntaxError, ValueError):
        return []
    texts = (
        node.value
        for node in ast.walk(tree)
        if isinstance(node, ast.Constant) and isinstance(node.value, str)
    )
    absolute = [text for text in texts if text.startswith("/") and "\n" not in text]
    return [
        candidate
        for text in absolute
        for candidate in (text, text + ".py")
        if os.path.exists(candidate)
    ]


def _carried_variables(environ: Mapping[str, str]) -> tuple[dict[str, str], tuple[str, ...]]:
    """Return the variables that go inside, and the local files that they name."""
    variables = {"LANG": environ.get("LANG") or "C.UTF-8", "TZ": environ.get("TZ") or _zone()}
    for name in _CERTIFICATE_VARIABLES:
        if environ.get(name):
            variables[name] = environ[name]
    variables |= pip_settings.carried(environ, sys.prefix)
    named = [
        path
        for name in (*_CERTIFICATE_VARIABLES, "PIP_CERT", "PIP_FIND_LINKS")
        for path in variables.get(name, "").split()
        if os.path.isabs(path) and os.path.exists(path)
    ]
    return variables, tuple(dict.fromkeys(named))


def _zone() -> str:
    """Return the machine's time zone as a name of the tz database."""
    _, found, name = os.path.realpath("/etc/localtime").partition("/zoneinfo/")
    return name if found else "UTC"
