"""What is swept up of interfaces, and what is not."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest

from ipycontainer.linux import rtnetlink
from ipycontainer.network import bridges

HASH = "0123abcd"
LEFT, NEW = f"v{HASH}000001", f"v{HASH}000002"


def test_an_interface_that_is_just_being_made_stays(monkeypatch: pytest.MonkeyPatch) -> None:
    """Its row is written first: who looks for rows after the interfaces finds it."""
    there, rows, deleted = [LEFT, "eth0"], set[str](), []
    sent: Any = SimpleNamespace(send=lambda messages: deleted.extend(messages))
    monkeypatch.setattr(
        rtnetlink, "links", lambda _: [SimpleNamespace(name=name) for name in there]
    )
    monkeypatch.setattr(rtnetlink, "delete_link", lambda name: name)
    place: Any = SimpleNamespace(home=SimpleNamespace(hash8=HASH), route=sent)

    def kept() -> set[str]:
        rows.add(NEW)
        there.append(NEW)
        return rows

    assert bridges.sweep(place, kept) == [LEFT]
    assert deleted == [LEFT]
    assert set(bridges.sweep(place, kept)) == {LEFT}
