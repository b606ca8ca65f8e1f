"""Every field of the runtime-spec has a case that sets it, or a reason why there is none.

The fields are those of the specification's own JSON schema, and those that it has since got; a new
schema with another field fails here until somebody has decided about it.
"""

from __future__ import annotations

import importlib
import json
import pkgutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.system.runtime import conformance
from tests.system.runtime.conformance.case import Case
from tests.system.runtime.conformance.fields import ELSEWHERE, FIELDS, OTHER_PLATFORMS, SINCE

SCHEMA = Path(__file__).parents[1] / "model/schema"
DOCUMENTS = {path.name: json.loads(path.read_text()) for path in SCHEMA.glob("*.json")}


def fields(document: str, node: dict[str, Any], path: str) -> Iterator[str]:
    """Yield the fields below a node, by their path in config.json; `*` is any key of a map."""
    if reference := node.get("$ref"):
        name, _, place = reference.partition("#")
        target = DOCUMENTS[name or document]
        for part in place.strip("/").split("/"):
            target = target[part]
        yield from fields(name or document, target, path)
    for key, value in (node.get("properties") or {}).items():
        inner = f"{path}.{key}" if path else key
        yield inner
        yield from fields(document, value, inner)
    for kind in ("allOf", "anyOf", "oneOf"):
        for each in node.get(kind, ()):
            yield from fields(document, each, path)
    if isinstance(node.get("items"), dict):
        yield from fields(document, node["items"], path)
    further = node.get("additionalProperties")
    keyed = (node.get("patternProperties") or {}).values()
    for value in (*keyed, *([further] if isinstance(further, dict) else [])):
        yield from fields(document, value, f"{path}.*")


def touched(value: Any, path: str) -> Iterator[str]:
    """Yield the fields that a value of a case's edits sets."""
    yield path
    if isinstance(value, dict):
        for key, each in value.items():
            yield from touched(each, f"{path}.{key}")
            yield from touched(each, f"{path}.*")
    elif isinstance(value, list):
        for each in value:
            yield from touched(each, path)


def sets(case: Case) -> set[str]:
    """Return the fields that a case sets."""
    return {
        field
        for path, value in case.edits.items()
        if not path.endswith("-")
        for field in touched(value, path.rstrip("+"))
    }


@pytest.fixture(scope="module")
def cases() -> dict[str, Case]:
    """All cases by their names."""
    return {
        case.name: case
        for module in pkgutil.iter_modules(conformance.__path__)
        for case in getattr(
            importlib.import_module(f"{conformance.__name__}.{module.name}"), "CASES", ()
        )
    }


def test_each_field_of_the_schema_is_in_the_table() -> None:
    """And no other: a field that is gone leaves no row behind. What holds others is no row."""
    every = {*fields("config-schema.json", DOCUMENTS["config-schema.json"], "")}
    known = {
        field
        for field in every
        if field.partition(".")[0] not in OTHER_PLATFORMS
        and not any(other.startswith(f"{field}.") for other in every)
    }
    assert len(known) > 140

    assert known | set(SINCE) == FIELDS.keys() | ELSEWHERE.keys()
    assert not known & set(SINCE)
    assert not FIELDS.keys() & ELSEWHERE.keys()


def test_each_row_of_the_table_sets_its_field(cases: dict[str, Case]) -> None:
    """The case is there, under that name, and its bundle has the field."""
    wrong = [
        f"{field}: {name}"
        for field, name in FIELDS.items()
        if name not in cases or field not in sets(cases[name])
    ]

    assert wrong == []


def test_a_reason_is_a_sentence_or_another_test() -> None:
    """Where a field has no case, somebody has said why."""
    root = Path(__file__).parents[3]

    for reason in ELSEWHERE.values():
        path, _, name = reason.partition("::")
        if name:
            assert f"def {name}(" in (root / path).read_text()
        else:
            assert reason.endswith(".")
