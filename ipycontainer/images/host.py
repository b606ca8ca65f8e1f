"""The `host` image: this machine, copy-on-write, as a root for containers.

Called by the engine at `create` with what images.environment and images.machine found out. The
decision (`decide`) is pure; `prepare` gathers, decides and has the skeleton made. No layer is
copied: each shown tree is an overlay of its own, because `lowerdir=/` would hold its own upper
directory. Imports no engine; runs in the kernel's process, not in the user namespace.
"""

from __future__ import annotations

import hashlib
import json
import os
import platform
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass

from ipycontainer.images import skeleton
from ipycontainer.images.environment import PythonEnvironment
from ipycontainer.images.host_variables import ALIAS_DIRECTORY, variables
from ipycontainer.images.machine import Entry, Machine, Place, find_secrets, list_directory, resolve
from ipycontainer.images.parting import Parted, part
from ipycontainer.model.image import ImageConfig, ImageRecord
from ipycontainer.model.oci import Mount
from ipycontainer.model.paths import is_inside, is_inside_any, parents
from ipycontainer.model.state import DEFAULT_DRIVER, Overlay
from ipycontainer.storage import snapshots
from ipycontainer.store.home import Home

__all__ = [
    "HOST_REFERENCE",
    "Facts",
    "HostLayout",
    "HostSnapshot",
    "decide",
    "image_record",
    "is_under",
    "prepare",
]

HOST_REFERENCE = "host:latest"
EMPTY_WORKDIR = "/work"

# Go's names (OCI image-spec, config.md) for uname's.
_ARCHITECTURES = {"x86_64": "amd64", "aarch64": "arm64", "armv7l": "arm", "i686": "386"}
_COMMAND = ("python",)
# Kernel interfaces and the machine's settings; a program's data does not live there.
_NEVER_SHOWN = ("/boot", "/dev", "/etc", "/proc", "/run", "/sys")
_NAMED = 5  # hidden files, in a warning
_RUN_EXCEPTIONS = ("/run/media/",)


@dataclass(frozen=True, slots=True)
class Facts:
    """All that the decision stands on.

    `places` has an entry for each path of `environment.trees`, `named_files` and the executable;
    `cwd` is None where the working directory is gone. No overlay can have one of the mount points
    that are `locked` below its lower directory; such a one is listed by `look`.
    """

    environment: PythonEnvironment
    machine: Machine
    places: Mapping[str, Place]
    cwd: Place | None
    engine_home: str
    runtime_dir: str
    locked: tuple[str, ...] = ()
    look: Callable[[str], Iterable[Entry]] = list_directory


@dataclass(frozen=True, slots=True)
class HostLayout:
    """What a `host` container sees.

    `trees` are real directories, parents before children, each to be one overlay at its own path;
    `roots` what they are parts of; `binds` are read-only (source, destination) pairs; `covered`
    directories are to be hidden under an empty one. `directories` (path: mode), `links` and
    `contents` make up the skeleton.
    """

    trees: tuple[str, ...]
    roots: tuple[str, ...]
    binds: tuple[tuple[str, str], ...]
    covered: tuple[str, ...]
    directories: Mapping[str, int]
    links: Mapping[str, str]
    contents: Mapping[str, bytes]
    workdir: str
    config: ImageConfig
    warnings: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class HostSnapshot:
    """What the engine needs to run a container of the `host` image.

    `mounts` are read-only and belong after the overlays and before the user's own mounts;
    `config` takes the place of the image's; `warnings` are for the user, without a prefix.
    """

    overlays: tuple[Overlay, ...]
    mounts: tuple[Mount, ...]
    config: ImageConfig
    warnings: tuple[str, ...] = ()


def image_record() -> ImageRecord:
    """Return the image as `images` lists it: no layers, no size, always there.

    Its settings depend on the kernel that asks, so that the record holds only what never changes.
    """
    config = {
        "architecture": _ARCHITECTURES.get(platform.machine(), platform.machine()),
        "os": "linux",
        "config": {"Cmd": list(_COMMAND)},
        "rootfs": {"type": "layers", "diff_ids": []},
    }
    text = json.dumps(config, sort_keys=True, separators=(",", ":"))
    return ImageRecord(
        id="sha256:" + hashlib.sha256(text.encode()).hexdigest(),
        manifest="",
        created_ns=0,
        size=0,
        config=ImageConfig(command=_COMMAND),
        tags=(HOST_REFERENCE,),
        architecture=str(config["architecture"]),
        comment="this machine, copy-on-write",
    )


def is_under(image: ImageRecord) -> bool:
    """Tell whether an image is this machine, or stands on it."""
    return bool(image.base) or image.id == image_record().id


def prepare(
    home: Home,
    container_id: str,
    environment: PythonEnvironment,
    cwd: str | None,
    driver: str,
    made: snapshots.Made | None = None,
) -> HostSnapshot:
    """Make the skeleton and the upper directories of one container; `cwd` None: it is gone.

    What is `made` is taken; raises snapshots.Unlike where something else is wanted.
    """
    paths = (*environment.trees, *environment.named_files, environment.executable)
    machine = Machine.look()
    locks = home.rootless and driver == DEFAULT_DRIVER
    layout = decide(
        Facts(
            environment=environment,
            machine=machine,
            places={path: resolve(path) for path in paths},
            cwd=resolve(cwd) if cwd is not None else None,
            engine_home=str(home.root),
            runtime_dir=str(home.runtime),
            locked=tuple(point.path for point in machine.mounts) if locks else (),
        )
    )
    # /usr is the distribution's own: large, and no place of secrets.
    secrets = find_secrets(
        (tree for tree in layout.roots if tree != "/usr"),
        project=os.path.realpath(cwd) if cwd is not None else "",
        on_purpose={resolve(path).real for path in environment.trees},
    )
    files = [path for path in secrets.files if not is_inside_any(path, secrets.directories)]
    binds = (bind for bind in layout.binds if bind[1] not in files)
    mounts = [
        *(_read_only(source, destination) for source, destination in binds),
        *(_read_only(str(home.empty_file), path) for path in files),
        *(
            _read_only(str(home.empty_dir), path)
            for path in dict.fromkeys((*layout.covered, *secrets.directories))
        ),
    ]
    base = skeleton.make(home.cache / "host", layout.directories, layout.links, layout.contents)
    return HostSnapshot(
        overlays=snapshots.prepare(
            home,
            container_id,
            shown=(("/", (str(base),)), *((tree, (tree,)) for tree in layout.trees)),
            driver=driver,
            made=made,
        ),
        mounts=tuple(mounts),
        config=layout.config,
        warnings=(
            *layout.warnings,
            *(f"{tree} is large: keys and tokens deep in it stay visible" for tree in secrets.cut),
            *_hidden(secrets.of_project),
        ),
    )


def _hidden(paths: tuple[str, ...]) -> Iterator[str]:
    """Say what of a project is covered, and how it can be shown."""
    if paths:
        names = ", ".join(paths[:_NAMED]) + (
            f" and {len(paths) - _NAMED} more" * (len(paths) > _NAMED)
        )
        yield (
            f"Hidden from the container, for it may be secret: {names}. "
            f"-v {paths[0]}:{paths[0]} shows it, as $IPYCONTAINER_HOST_PATHS does for all."
        )


def decide(facts: Facts) -> HostLayout:
    """Decide what is shown where. Pure, but that `facts.look` lists what is to be parted."""
    environment, machine = facts.environment, facts.machine
    warnings: list[str] = []
    links: dict[str, str] = dict(machine.root_links)
    trees: set[str] = set()
    files: set[str] = set()

    for path in machine.base_trees:
        _admit(facts, Place(path, path, "dir"), trees, warnings)
    for path in (*environment.trees, environment.executable):
        place = facts.places[path]
        if facts.cwd is not None and place.real == facts.cwd.real:
            continue  # one word about it is enough
        if place.kind != "missing" and not _beneath_etc(place.real):
            links.update(place.links)
        if place.kind == "dir":
            _admit(facts, place, trees, warnings)
        elif place.kind == "file":
            files.add(place.real)
    workdir = _workdir(facts, trees, links, warnings)

    mounted = [point for point in machine.mounts if not point.pseudo]
    for point in mounted:
        if is_inside_any(point.path, trees) and _refusal(facts, point.path) is None:
            (trees if point.is_directory else files).add(point.path)
    folded = _folded(trees, frozenset(point.path for point in mounted))
    parted = part(folded, facts.locked, facts.look)
    warnings += [f"{each} holds what is mounted, and can only be read" for each in parted.whole]
    shown = (*parted.trees, *parted.whole)
    links |= parted.links

    binds = {path: path for path in parted.files}
    for entry in machine.etc:
        if entry.target and is_inside_any(entry.real, shown):
            links[entry.path] = entry.target
        else:
            binds[entry.path] = entry.real
    for path in environment.named_files:
        place = facts.places[path]
        if not is_inside_any(place.real, (*shown, *binds)) and place.real not in (*shown, *binds):
            links.update(place.links)
            binds[place.real] = place.real
    mounted_files = {point.path for point in mounted if not point.is_directory}
    alone = {path for path in files if path in mounted_files or not is_inside_any(path, shown)}
    binds |= {path: path for path in sorted(alone)}

    links = {path: target for path, target in links.items() if not is_inside_any(path, shown)}
    search = [
        entry
        for entry in environment.python_path
        if facts.places[entry].real in (*shown, *parted.directories)
        or is_inside_any(facts.places[entry].real, shown)
    ]
    aliases = {} if environment.named_python else _aliases(environment.executable)
    return HostLayout(
        trees=parted.trees,
        roots=folded,
        binds=(
            *((source, destination) for destination, source in binds.items()),
            *((each, each) for each in parted.whole),
        ),
        covered=tuple(path for path in (facts.runtime_dir,) if is_inside_any(path, shown)),
        directories=_directories(parted, {**links, **aliases}, binds, facts, workdir),
        links={**links, **aliases, "/etc/mtab": "/proc/mounts"},
        contents=_contents(binds, facts, shown),
        workdir=workdir,
        config=ImageConfig(
            env=variables(environment, bool(aliases), search),
            command=_COMMAND,
            workdir=workdir,
        ),
        warnings=tuple(dict.fromkeys(warnings)),
    )


def _admit(facts: Facts, place: Place, trees: set[str], warnings: list[str]) -> None:
    reason = _refusal(facts, place.real)
    if reason is None:
        trees.add(place.real)
    else:
        warnings.append(f"{place.path} {reason}: it is not shown in the container")


def _workdir(facts: Facts, trees: set[str], links: dict[str, str], warnings: list[str]) -> str:
    """Return the working directory, after its tree was added to `trees`."""
    if facts.cwd is None or facts.cwd.kind != "dir":
        warnings.append(
            f"the working directory is gone: the container starts in an empty {EMPTY_WORKDIR}"
        )
        return EMPTY_WORKDIR
    reason = _refusal(facts, facts.cwd.real)
    if reason is not None and not is_inside_any(facts.cwd.real, trees):
        warnings.append(
            f"the working directory {facts.cwd.path} {reason}:"
            f" the container starts in an empty {EMPTY_WORKDIR}"
        )
        return EMPTY_WORKDIR
    if reason is None:
        trees.add(facts.cwd.real)
        links.update(facts.cwd.links)
    return facts.cwd.path


def _refusal(facts: Facts, real: str) -> str | None:
    """Say why a directory must not be shown, as the end of a sentence; None: it may be."""
    if real == "/":
        return "is the root of this machine"
    for home in facts.environment.homes:
        if real == home:
            return "is your home directory"
        if is_inside(home, real):
            return "holds your home directory"
    if real == facts.engine_home or is_inside(facts.engine_home, real):
        # The upper directory would lie in its own lower: it mounts, and then gives ELOOP.
        return "holds the engine's own files"
    if is_inside(real, facts.engine_home):
        return "belongs to the engine"
    if (real + "/").startswith(_RUN_EXCEPTIONS):
        return None
    if real in _NEVER_SHOWN or is_inside_any(real, _NEVER_SHOWN):
        return "belongs to this machine's system"
    return None


def _folded(trees: Iterable[str], mount_points: frozenset[str]) -> tuple[str, ...]:
    """Drop the trees that lie in another, unless a mount point between hides them from it."""
    kept: list[str] = []
    for tree in sorted(trees, key=lambda path: path.split("/")):
        if not any(
            is_inside(tree, other)
            and not any(
                (point == tree or is_inside(tree, point)) and is_inside(point, other)
                for point in mount_points
            )
            for other in kept
        ):
            kept.append(tree)
    return tuple(kept)


def _aliases(executable: str) -> dict[str, str]:
    return {f"{ALIAS_DIRECTORY}/{name}": executable for name in ("python", "python3")}


def _directories(
    parted: Parted,
    links: Mapping[str, str],
    binds: Mapping[str, str],
    facts: Facts,
    workdir: str,
) -> dict[str, int]:
    """Return the skeleton's directories with their modes: the usual ones and all parents.

    Parents are 0755 whatever they are outside, so that an environment below a 0700 home works
    inside, and empty, so that nothing beside it is seen.
    """
    trees = (*parted.trees, *parted.whole)
    wanted = dict(skeleton.STANDARD_DIRECTORIES)
    if workdir == EMPTY_WORKDIR:
        wanted[EMPTY_WORKDIR] = 0o755
    is_directory = {entry.path: entry.is_directory for entry in facts.machine.etc}
    is_directory |= {place.real: place.kind == "dir" for place in facts.places.values()}
    for tree in (*trees, *parted.directories):
        wanted.setdefault(tree, 0o755)
    for destination in binds:
        if is_directory.get(destination):
            wanted.setdefault(destination, 0o755)
    for path in (*trees, *links, *binds):
        # /root too, so that another user than root finds an environment below it.
        wanted |= {parent: wanted.get(parent, 0) | 0o755 for parent in parents(path)}
    for path in tuple(wanted):
        for parent in parents(path):
            wanted.setdefault(parent, 0o755)
    return {
        path: mode
        for path, mode in sorted(wanted.items())
        if path not in links and not is_inside_any(path, (*trees, *links))
    }


def _contents(binds: Mapping[str, str], facts: Facts, trees: tuple[str, ...]) -> dict[str, bytes]:
    """Return the skeleton's files: our own, and empty ones to bind the machine's over."""
    shell = "/bin/bash" if facts.machine.has_bash else "/bin/sh"
    is_directory = {entry.path: entry.is_directory for entry in facts.machine.etc}
    is_directory |= {place.real: place.kind == "dir" for place in facts.places.values()}
    files = {
        path: b"" for path in binds if not is_directory.get(path) and not is_inside_any(path, trees)
    }
    return files | skeleton.standard_files(shell)


def _read_only(source: str, destination: str) -> Mount:
    return Mount(destination, "bind", source, ("bind", "ro", "nosuid", "nodev", "rprivate"))


def _beneath_etc(path: str) -> bool:
    return path == "/etc" or is_inside(path, "/etc")
