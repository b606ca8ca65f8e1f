"""The pages that are made from the grammar are what the grammar says now."""

from __future__ import annotations

import pytest

from scripts.reference import FILES, FOUNDING, ROOT, reference, verbs


@pytest.mark.parametrize("name", FILES)
def test_page_is_up_to_date(name: str) -> None:
    """Whoever changes a verb or an option writes the pages anew: python scripts/reference.py."""
    assert (ROOT / name).read_text() == FILES[name](), "run: python scripts/reference.py"


def test_every_verb_is_there_once() -> None:
    """No verb is missing, and those with several names stand under one."""
    paths = [verb.path for members in verbs().values() for verb in members]
    assert len(paths) == len(set(paths))
    assert {"run", "ps", "volume create", "network connect", "system df", "image prune"} <= set(
        paths
    )
    assert not {"container ls", "image ls", "container run"} & set(paths)
    text = reference()
    assert all(f"\n### {path}\n" in text for path in paths)
    assert "| `-p, --publish` | list |" in text


def test_modules_of_the_founding_list_are_there() -> None:
    """The list names files that stand, and every command of then."""
    assert [
        module for _, _, module in FOUNDING if not (ROOT / "ipycontainer" / module).exists()
    ] == []
    commands = {name for commands, _, _ in FOUNDING for name in commands.split(", ")}
    assert commands == set(
        "create run attach exec start pause unpause stop kill wait export rm cp rename restart "
        "logs top port stats diff".split()
    )
