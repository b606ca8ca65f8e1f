"""What `doctor` says of checks: as lines, by a template, as a frame."""

from __future__ import annotations

import io
import json

import pytest

from ipycontainer.commands import grammar, text
from ipycontainer.commands.records import Diagnosis, Outcome
from ipycontainer.engine import doctor
from ipycontainer.engine.doctor import Check
from kernel_ext.display import show
from kernel_ext.options import Options

FOUND = [
    Check("kernel", True, "6.12"),
    Check("pasta", False, "not installed", "sudo apt-get install -y passt", needed=False),
]
REFUSED = Check("namespaces", False, "a user namespace is refused: EPERM", "docker run X")


def asked(monkeypatch: pytest.MonkeyPatch, checks: list[Check], *words: str) -> Outcome:
    """What the verb returns where these checks come out."""
    monkeypatch.setattr(doctor, "checks", lambda: checks)

    def no_engine() -> object:
        raise AssertionError("a diagnosis needs no engine")

    return grammar.invoke(no_engine, ["doctor", *words])  # type: ignore[arg-type]


def printed(outcome: Outcome) -> tuple[int, str]:
    """Exit code and text in a shell."""
    out = io.StringIO()
    code = text.render(outcome, out, io.StringIO(), tty=False)
    return code, out.getvalue()


def test_lines_name_the_state_and_the_one_command(monkeypatch: pytest.MonkeyPatch) -> None:
    """A lack that lets containers start is no failure; one that does not is."""
    assert printed(asked(monkeypatch, FOUND)) == (
        0,
        """ok      kernel: 6.12
limited pasta: not installed
        mend it with: sudo apt-get install -y passt
""",
    )
    code, lines = printed(asked(monkeypatch, [*FOUND, REFUSED]))
    assert code == 1
    assert "missing namespaces: a user namespace is refused: EPERM\n" in lines


def test_templates_and_json(monkeypatch: pytest.MonkeyPatch) -> None:
    """As with other listings: a line a row, a table with headings, the exit code all the same."""
    code, lines = printed(asked(monkeypatch, [*FOUND, REFUSED], "--format", "json"))
    rows = [json.loads(line) for line in lines.splitlines()]
    assert code == 1
    assert [row["State"] for row in rows] == ["ok", "limited", "missing"]
    assert rows[1] == {
        "Detail": "not installed",
        "Name": "pasta",
        "Remedy": "sudo apt-get install -y passt",
        "State": "limited",
    }
    _, lines = printed(asked(monkeypatch, FOUND, "-f", "{{.Name}}={{.State}}"))
    assert lines == "kernel=ok\npasta=limited\n"
    _, lines = printed(asked(monkeypatch, FOUND, "-f", "table {{.Name}}\t{{.Remedy}}"))
    assert lines.splitlines()[0].split() == ["CHECK", "REMEDY"]


def test_a_cell_has_a_frame(monkeypatch: pytest.MonkeyPatch) -> None:
    """Of typed columns, the remedy whole, and nothing in it is markup."""
    evil = Check("x", False, "<script>", "y" * 200, needed=False)
    outcome = asked(monkeypatch, [*FOUND, evil])
    assert isinstance(outcome, Diagnosis)
    frame = show(outcome, Options(), ["doctor"], quiet=False).value
    assert list(frame.columns) == ["name", "state", "detail", "remedy"]
    assert list(frame.state) == ["ok", "limited", "limited"]
    assert frame[frame.state == "limited"].name.tolist() == ["pasta", "x"]
    page = frame._repr_html_()
    assert "<script>" not in page
    assert "y" * 200 in page
