"""The security tests themselves: each is seen to fail without its rule, and no class is missing."""

from __future__ import annotations

import ast
import re
from pathlib import Path

SYSTEM = Path(__file__).resolve().parents[1] / "system"
PLACES = (*sorted((SYSTEM / "security").glob("test_*.py")),)
ELSEWHERE = (SYSTEM / "engine/test_sealed_interpreter.py", SYSTEM / "engine/test_walls.py")
TWIN = "_without_the_rule"
# Two runs of one test, told apart by an argument: with the rule, and with it taken out.
TWO_RUNS = {"holds", "without"}
# Bugs of container engines that our features can have. Those of builders are not among them
# (CVE-2024-9407, -23651, -23653, -24557), nor of a daemon that remaps ids (CVE-2021-21284).
CLASSES = """
2016-9962 2018-15664 2019-5736 2019-14271 2019-16884 2019-19921 2020-15157 2020-15257 2021-30465
2021-41089 2021-41091 2021-41190 2021-43784 2022-0185 2022-0492 2022-0847 2022-24769 2022-29162
2022-36109 2023-0778 2023-25809 2023-27561 2023-28642 2024-1753 2024-21626 2024-23652 2024-29018
2024-45310 2025-4517 2025-31133 2025-52565 2025-52881 2026-30892 2026-41567 2026-41568 2026-41579
2026-42306 2026-47766
""".split()


def _tests(path: Path) -> dict[str, ast.FunctionDef]:
    return {
        node.name: node
        for node in ast.parse(path.read_text(encoding="utf-8")).body
        if isinstance(node, ast.FunctionDef) and node.name.startswith("test_")
    }


def test_each_is_run_without_its_rule_too() -> None:
    """By an argument that takes the rule out, or by a twin that shows what happens then."""
    seen_green_only = []
    for path in PLACES:
        found = _tests(path)
        for name, test in found.items():
            both = {argument.arg for argument in test.args.args} & TWO_RUNS
            if not (both or name.endswith(TWIN) or f"{name}{TWIN}" in found):
                seen_green_only.append(f"{path.name}::{name}")
    assert seen_green_only == []
    for path in ELSEWHERE:
        assert [name for name in _tests(path) if name.startswith("test_without_")], path


def test_each_class_of_bugs_has_its_test() -> None:
    """A test's sentence names the bugs that it stands for: `CVE-2019-16884, -19921`."""
    named = set()
    for path in (*PLACES, *ELSEWHERE):
        for year, numbers in re.findall(
            r"CVE-(\d{4})-(\d+(?:, -\d+)*)", path.read_text(encoding="utf-8")
        ):
            named |= {f"{year}-{number.strip(' -')}" for number in numbers.split(",")}
    assert set(CLASSES) - named == set()
