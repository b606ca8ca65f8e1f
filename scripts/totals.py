"""Sum up junit files: a line of totals each, and a comparison between users.

    totals.py NAME=FILE... --users ALLOWED USER=FILE...

A test that passed for one user and not for another must stand in the file ALLOWED, one test a
line with the reason after a `#`. Prints plain lines and returns 1 where a test failed, a file is
missing, or the users differ otherwise. Called by scripts/test.
"""

from __future__ import annotations

import sys
import xml.etree.ElementTree as ET
from collections.abc import Iterable, Mapping
from pathlib import Path

SWEEP = "fault sweep"  # the property of tests/system/engine/test_faults.py: points, cuts, seed


def outcomes(file: Path) -> dict[str, str]:
    """Return `passed`, `failed` or `skipped` for each test."""
    found = {}
    for case in ET.parse(file).iter("testcase"):
        kinds = {child.tag for child in case}
        if kinds & {"failure", "error"}:
            found[_name(case)] = "failed"
        else:
            found[_name(case)] = "skipped" if "skipped" in kinds else "passed"
    return found


def _name(case: ET.Element) -> str:
    return f"{case.get('classname')}::{case.get('name')}"


def sweep(files: Mapping[str, Path]) -> str:
    """Return a line of how much of the engine the users' fault sweeps cut, "" without any."""
    points: dict[str, int] = {}
    cuts, users, unclean = 0, set(), 0
    for user, file in files.items():
        ended = outcomes(file)
        for case in ET.parse(file).iter("testcase"):
            for found in case.iter("property"):
                if found.get("name") == SWEEP:
                    there, made = map(int, str(found.get("value")).split()[:2])
                    points[str(case.get("name"))] = max(there, points.get(str(case.get("name")), 0))
                    cuts += made
                    users.add(user)
                    unclean += ended[_name(case)] == "failed"
    if not users:
        return ""
    told = f"{unclean} of them left something" if unclean else "none left anything"
    return (
        f"fault sweep: {len(points)} operations with {sum(points.values())} points by "
        f"{len(users)} users, cut {cuts} times: {told}"
    )


def summary(name: str, found: Mapping[str, str]) -> str:
    """Return a line of totals."""
    kinds = list(found.values())
    counts = {kind: kinds.count(kind) for kind in ("passed", "failed", "skipped")}
    return f"{name}: {', '.join(f'{count} {kind}' for kind, count in counts.items())}"


def differences(users: Mapping[str, Mapping[str, str]], allowed: Iterable[str]) -> list[str]:
    """Name the tests that passed for one user only and are not allowed to."""
    permitted = set(allowed)
    every = {test for found in users.values() for test in found}
    return [
        f"{test}: "
        + ", ".join(f"{user} {found.get(test, 'not run')}" for user, found in users.items())
        for test in sorted(every)
        if len({found.get(test) == "passed" for found in users.values()}) > 1
        and test.partition("[")[0] not in permitted
    ]


def main(arguments: list[str]) -> int:
    """Print the totals; see the module's docstring."""
    split = arguments.index("--users")
    allowed = [
        name
        for line in Path(arguments[split + 1]).read_text().splitlines()
        if (name := line.partition("#")[0].strip())
    ]
    results: dict[str, dict[str, str]] = {}
    lacking = []
    for word in (*arguments[:split], *arguments[split + 2 :]):
        name, _, file = word.partition("=")
        if Path(file).exists():
            results[name] = outcomes(Path(file))
        else:
            lacking.append(f"{name}: the tests did not run to their end")
    users = {word.partition("=")[0] for word in arguments[split + 2 :]}
    different = differences(
        {name: found for name, found in results.items() if name in users}, allowed
    )
    for line in different:
        print(f"not the same for all users: {line}")
    for line in lacking:
        print(line)
    for name, found in results.items():
        print(summary(name, found))
    every = [kind for found in results.values() for kind in found.values()]
    existing = [word.partition("=") for word in arguments[split + 2 :]]
    if swept := sweep({user: Path(file) for user, _, file in existing if Path(file).exists()}):
        print(swept)
    print(f"{every.count('passed')} passed, {every.count('failed')} failed")
    return 1 if different or lacking or "failed" in every else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
