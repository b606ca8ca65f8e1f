"""What tests run is installed on a fresh machine: by name, in the list that scripts/test reads."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

from ipycontainer.storage.drivers import fuse

CLONE = Path(__file__).parents[3]
LIST = CLONE / "scripts/packages.txt"
# Of packages that Debian calls essential, or that those need: no machine is without them.
ESSENTIAL = frozenset("chattr cp losetup mount nsenter sh tar umount unshare".split())


def listed() -> dict[str, str]:
    """Return the package of each program that scripts/test installs."""
    lines = [line.split() for line in LIST.read_text().splitlines() if line.strip()]
    return {words[1]: words[0] for words in lines if words[0] != "#"}


def programs(tree: ast.AST) -> Iterator[str]:
    """Yield the programs that a module runs or looks for by a name that stands in it."""
    for node in ast.walk(tree):
        if not (isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.args):
            continue
        if ast.unparse(node.func.value) not in ("subprocess", "shutil"):
            continue
        first = node.args[0]
        if isinstance(first, ast.List | ast.Tuple) and first.elts:
            first = first.elts[0]
        if isinstance(first, ast.Starred) and isinstance(first.value, ast.Tuple):
            first = first.value.elts[0]
        if isinstance(first, ast.Constant) and node.func.attr in (
            *("run", "Popen", "check_call", "check_output", "which"),
        ):
            yield str(first.value).rpartition("/")[2]


def unlisted(source: str) -> set[str]:
    """Return the programs of a module that no fresh machine has."""
    return set(programs(ast.parse(source))) - listed().keys() - ESSENTIAL - {"busybox"}


FILES = sorted(
    path
    for room in ("tests", "ipycontainer")
    for path in (CLONE / room).rglob("*.py")
    if room != "ipycontainer" or "which(" in path.read_text()
)


def test_what_is_run_is_installed() -> None:
    """Every program by its name; the driver's is one that the product runs."""
    found = {str(path.relative_to(CLONE)): unlisted(path.read_text()) for path in FILES}
    assert {path: names for path, names in found.items() if names} == {}
    assert fuse.PROGRAM in listed()


@pytest.mark.parametrize(
    "source",
    [
        "subprocess.run(['nosuch', '-x'])",
        "shutil.which('nosuch')",
        "subprocess.Popen(('/usr/bin/nosuch', word))",
        "subprocess.run([*('nosuch', 'x'), *more])",
    ],
)
def test_a_program_that_nobody_installs_is_named(source: str) -> None:
    """In each form in which one is run or looked for."""
    assert unlisted(source) == {"nosuch"}
