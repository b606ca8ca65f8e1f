"""The last lines of scripts/test: totals, and what is not the same for all users."""

from __future__ import annotations

from pathlib import Path

import pytest

from scripts.totals import main


def junit(path: Path, **cases: str) -> str:
    """Write a result file with one case a keyword: passed, failed or skipped."""
    children = {"passed": "", "failed": "<failure/>", "skipped": "<skipped/>"}
    path.write_text(
        "<testsuites><testsuite>"
        + "".join(
            f'<testcase classname="tests.system.test_a" name="{name}">{children[kind]}</testcase>'
            for name, kind in cases.items()
        )
        + "</testsuite></testsuites>"
    )
    return str(path)


@pytest.fixture
def allowed(tmp_path: Path) -> str:
    """The list of tests that one user only need pass."""
    path = tmp_path / "allowed.txt"
    path.write_text("# why\ntests.system.test_a::only  # cgroups of root\n")
    return str(path)


def run(capsys: pytest.CaptureFixture[str], *words: str) -> tuple[int, list[str]]:
    """Return the exit code and the printed lines."""
    code = main(list(words))
    return code, capsys.readouterr().out.splitlines()


def test_equal_users_pass(tmp_path: Path, allowed: str, capsys: pytest.CaptureFixture[str]) -> None:
    """Each user has a line, and the last one sums up in plain words."""
    unit = junit(tmp_path / "u.xml", one="passed")
    root = junit(tmp_path / "r.xml", one="passed", only="passed", many="skipped")
    user = junit(tmp_path / "o.xml", one="passed", only="skipped", many="skipped")
    code, lines = run(capsys, f"unit={unit}", "--users", allowed, f"root={root}", f"tester={user}")
    assert code == 0
    assert lines == [
        "unit: 1 passed, 0 failed, 0 skipped",
        "root: 2 passed, 0 failed, 1 skipped",
        "tester: 1 passed, 0 failed, 2 skipped",
        "4 passed, 0 failed",
    ]


def test_difference_that_nobody_allowed_fails(
    tmp_path: Path, allowed: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """A test that is skipped for one user is named, unless it stands in the list."""
    root = junit(tmp_path / "r.xml", one="passed", many="passed")
    user = junit(tmp_path / "o.xml", one="skipped")
    code, lines = run(capsys, "--users", allowed, f"root={root}", f"tester={user}")
    assert code == 1
    assert lines[:2] == [
        "not the same for all users: tests.system.test_a::many: root passed, tester not run",
        "not the same for all users: tests.system.test_a::one: root passed, tester skipped",
    ]


def test_failure_and_missing_file_fail(
    tmp_path: Path, allowed: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """A failed test, or a run that broke off before its results were written, is an error."""
    root = junit(tmp_path / "r.xml", one="failed")
    assert run(capsys, "--users", allowed, f"root={root}")[0] == 1
    code, lines = run(capsys, "--users", allowed, f"root={tmp_path}/none.xml")
    assert code == 1
    assert "root: the tests did not run to their end" in lines


def test_fault_sweeps_are_summed_up(
    tmp_path: Path, allowed: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """Operations and points are counted once, cuts and users together."""
    case = (
        '<testcase classname="tests.a" name="{}"><properties>'
        '<property name="fault sweep" value="{} {} 7"/></properties></testcase>'
    )
    users = []
    for user, cuts in (("root", 6), ("tester", 3)):
        path = tmp_path / f"{user}.xml"
        path.write_text(f"<a>{case.format('run', 20, cuts)}{case.format('rm', 5, cuts)}</a>")
        users.append(f"{user}={path}")
    code, lines = run(capsys, "--users", allowed, *users)
    assert code == 0
    assert lines[-2] == (
        "fault sweep: 2 operations with 25 points by 2 users, cut 18 times: none left anything"
    )
