"""The rooms' walls: who imports whom, what may run in a fork, sizes, and what the wheel holds."""

from __future__ import annotations

import ast
import re
import subprocess
import sys
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
PACKAGES = ("ipycontainer", "kernel_ext")

# Each room with the rooms that it may import besides itself: all below it, and one sideways,
# images -> storage. ARCHITECTURE.md shows the same table.
BORDERS = {"errors", "faults", "model", "version"}
FOUNDATION = {"linux", *BORDERS}
STATE = {"store", "runtime", *FOUNDATION}
ALLOWED: dict[str, set[str]] = {
    "version": set(),
    "faults": set(),
    "errors": set(),
    "model": {"errors", "faults", "version"},
    "linux": BORDERS,
    "runtime": FOUNDATION,
    "byhand": FOUNDATION,
    "store": FOUNDATION,
    "storage": STATE,
    "network": STATE,
    "images": {"storage", *STATE},
    "supervise": {"images", "storage", "network", *STATE},
    "engine": {"supervise", "images", "storage", "network", *STATE},
    "commands": {"engine", "supervise", "images", "storage", "network", "front", *STATE},
    "kernel_ext": {
        "byhand",
        "commands",
        "engine",
        "supervise",
        "images",
        "storage",
        "network",
        "front",
        *STATE,
    },
    # The front doors, ipycontainer/__init__.py and __main__.py: lazy, and public. Both faces get
    # their engine by `ipycontainer.connect`, as everybody else.
    "front": {"kernel_ext", "commands", "engine", *BORDERS},
}

# Who may import what that Python does not bring along. The rooms that are not named run in the
# zygote and its forks, where each import costs every container memory and time.
THIRD_PARTY: dict[str, set[str]] = {
    "images": {"zstandard"},
    "runtime": {"pyseccomp"},
    "engine": {"jeepney"},
    "commands": {"click"},
    "kernel_ext": {
        "IPython",
        "numpy",
        "pandas",
        "pyarrow",
        "traitlets",
        "click",
        "anywidget",
        "pyte",
    },
}
LONGEST_MODULE = 600


@dataclass(frozen=True)
class Import:
    module: Path
    line: int
    name: str

    def __str__(self) -> str:
        return f"{self.module.relative_to(ROOT)}:{self.line} imports {self.name}"


def modules(*rooms: str) -> list[Path]:
    """Return the modules of these rooms, or of both packages."""
    found = [path for package in PACKAGES for path in sorted((ROOT / package).rglob("*.py"))]
    return [path for path in found if not rooms or room_of(path) in rooms]


def room_of(path: Path) -> str:
    """Return the room that a module belongs to."""
    parts = path.relative_to(ROOT).with_suffix("").parts
    if parts[0] == "kernel_ext":
        return "kernel_ext"
    return "front" if parts[1].startswith("__") else parts[1]


def room_named(name: str) -> str:
    """Return the room of an imported name of ours."""
    parts = name.split(".")
    if parts[0] == "kernel_ext":
        return "kernel_ext"
    return parts[1] if len(parts) > 1 else "front"


def imports(path: Path) -> Iterator[Import]:
    """Yield every import of a module, those inside functions and for type checkers included."""
    for node in ast.walk(ast.parse(path.read_bytes())):
        if isinstance(node, ast.Import):
            for alias in node.names:
                yield Import(path, node.lineno, alias.name)
        elif isinstance(node, ast.ImportFrom):
            assert not node.level, f"{path}:{node.lineno} is a relative import"
            assert node.module
            # `from ipycontainer import errors` names a room in its second half.
            if node.module in PACKAGES:
                for alias in node.names:
                    yield Import(path, node.lineno, f"{node.module}.{alias.name}")
            else:
                yield Import(path, node.lineno, node.module)


def test_imports_go_down_only() -> None:
    """No module imports from a room above its own."""
    upwards = [
        str(found)
        for path in modules()
        for found in imports(path)
        if found.name.split(".")[0] in PACKAGES
        and (there := room_named(found.name)) != (here := room_of(path))
        and there not in ALLOWED[here]
    ]
    assert upwards == []


def test_third_parties_stay_in_their_rooms() -> None:
    """Each library is imported only where the table of dependencies says."""
    strangers = [
        str(found)
        for path in modules()
        for found in imports(path)
        if (top := found.name.split(".")[0]) not in sys.stdlib_module_names
        and top not in PACKAGES
        and top not in THIRD_PARTY.get(room_of(path), set())
    ]
    assert strangers == []


def test_zygote_loads_nothing_heavy() -> None:
    """The process that all containers are forked from has neither engine nor notebook in it."""
    program = (
        "import sys; before = set(sys.modules); from ipycontainer.supervise import boot;"
        " boot.load(); print(*sorted(set(sys.modules) - before))"
    )
    loaded = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True, cwd=ROOT
    ).stdout.split()
    heavy = {"pandas", "numpy", "IPython", "click", "pyroute2", "httpx", "asyncio", "traitlets"}
    heavy |= {"_hashlib", "difflib", "lzma", "random", "shutil", "ssl", "tokenize"}
    assert heavy.isdisjoint(loaded)
    above = ("ipycontainer.engine", "ipycontainer.commands", "kernel_ext")
    assert [name for name in loaded if name.startswith(above)] == []


def test_shell_leaves_the_plan_of_a_start_alone() -> None:
    """Who asks for a log imports no steps of a start: a fifth of what there would be to load."""
    program = (
        "import sys, ipycontainer.commands.shell, ipycontainer.engine.engine;"
        " print(*sorted(sys.modules))"
    )
    loaded = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True, cwd=ROOT
    ).stdout.split()
    assert "ipycontainer.engine.logs" in loaded
    steps = {"runtime.plan", "runtime.launch", "runtime.process_steps", "supervise.monitor"}
    assert [name for name in loaded if name.removeprefix("ipycontainer.") in steps] == []


@pytest.mark.parametrize("name", ["doctor", "probes"])
def test_diagnosis_stands_alone(name: str) -> None:
    """It runs before anything is installed: standard library only, syntax of Python 3.8."""
    path = ROOT / "ipycontainer" / "engine" / f"{name}.py"
    ast.parse(path.read_bytes(), feature_version=(3, 8))
    assert {found.name.split(".")[0] for found in imports(path)} <= set(sys.stdlib_module_names)


def test_no_module_is_too_long() -> None:
    """A module fits a head: 600 lines at most, tables of constants not counted."""
    assert [
        f"{path.relative_to(ROOT)}: {length}"
        for path in modules()
        if (length := size(path)) > LONGEST_MODULE
    ] == []


def size(path: Path) -> int:
    """Return a module's length in lines, without its assignments at the top level."""
    text = path.read_text()
    tables = (
        (node.end_lineno or node.lineno) - node.lineno
        for node in ast.parse(text).body
        if isinstance(node, ast.Assign | ast.AnnAssign)
    )
    return len(text.splitlines()) - sum(tables)


def test_every_module_says_its_place() -> None:
    """A module begins with a docstring; so does every test module."""
    paths = [*modules(), *sorted((ROOT / "tests").rglob("test_*.py"))]
    assert [
        str(path.relative_to(ROOT))
        for path in paths
        if not ast.get_docstring(ast.parse(path.read_bytes()))
    ] == []


def test_wheel_holds_both_packages_whole(tmp_path: Path) -> None:
    """What an installed project has is what lies in the tree: code, styles, tables and py.typed."""
    wheel = pytest.importorskip("hatchling.builders.wheel")
    (built,) = wheel.WheelBuilder(str(ROOT)).build(directory=str(tmp_path))
    with zipfile.ZipFile(built) as archive:
        held = {name for name in archive.namelist() if ".dist-info/" not in name}
    tree = {
        str(path.relative_to(ROOT))
        for package in PACKAGES
        for path in (ROOT / package).rglob("*")
        if path.is_file() and path.suffix != ".pyc"
    }
    assert held == tree
    assert {f"{package}/py.typed" for package in PACKAGES} <= held


def test_architecture_shows_the_same_table() -> None:
    """The rooms in ARCHITECTURE.md are those of the code, with what the test lets them import."""
    rows = {}
    for line in (ROOT / "ARCHITECTURE.md").read_text().splitlines():
        cells = [cell.strip() for cell in line.strip("|").split("|")]
        if (
            line.startswith("| `")
            and len(cells) == 3
            and cells[2].split()[0].strip(",") in {"nothing", *ALLOWED}
        ):
            for room in re.findall(r"`(\w+)`", cells[0]):
                rows[room] = cells[2]
    assert set(rows) == set(ALLOWED) - {"front"}
    for room, words in rows.items():
        named = {word for word in re.findall(r"\w+", words) if word in ALLOWED}
        below = {lower for word in named for lower in ALLOWED[word]}
        assert (named | below) - {"front"} == ALLOWED[room] - {"front"}, room
