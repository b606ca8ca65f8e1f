"""The columns of `doctor`: what each field of a template says of a check. Below columns."""

from __future__ import annotations

from ipycontainer.commands.record_protocols import Check

__all__ = ["HEADERS", "STATES", "TABLE", "check_fields", "check_state"]

TABLE = "table {{.Name}}\t{{.State}}\t{{.Detail}}\t{{.Remedy}}"
HEADERS = {"Detail": "DETAIL", "Name": "CHECK", "Remedy": "REMEDY", "State": "STATE"}
STATES = ("ok", "limited", "missing")  # limited: something smaller than a start fails


def check_state(check: Check) -> str:
    """Return the one word for what a check found."""
    return "ok" if check.ok else "missing" if check.needed else "limited"


def check_fields(check: Check) -> dict[str, str]:
    """Return the fields of a check's row."""
    return {
        "Detail": check.detail,
        "Name": check.name,
        "Remedy": check.remedy,
        "State": check_state(check),
    }
