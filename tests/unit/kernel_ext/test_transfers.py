"""Bars in a notebook: drawn over while it lasts, text when it is done."""

from __future__ import annotations

from typing import Any

import pytest
from IPython.display import DisplayHandle

from ipycontainer.errors import RegistryError
from ipycontainer.model.transfer import Progress
from kernel_ext import transfers
from tests.fake_transfers import FakeTransfer


@pytest.fixture
def shown(monkeypatch: pytest.MonkeyPatch) -> list[dict[str, str]]:
    """Every picture, in order."""
    pictures: list[dict[str, str]] = []

    class Handle(DisplayHandle):
        def update(self, bundle: Any, **_: Any) -> None:  # type: ignore[override]
            pictures.append(bundle)

    def display(bundle: Any, **_: Any) -> Any:
        pictures.append(bundle)
        return Handle()  # type: ignore[no-untyped-call]

    monkeypatch.setattr(transfers, "display", display)
    monkeypatch.setattr(transfers, "_EACH_SECONDS", 0)
    return pictures


TOLD: list[Progress | BaseException] = [
    Progress("1", "Pulling from <b>evil</b>"),
    Progress("aaa", "Downloading", 5_000, 10_000),
    Progress("bbb", "Waiting"),
    Progress("aaa", "Pull complete"),
    Progress("", "Digest: sha256:d"),
]


def test_a_bar_a_layer_becomes_text(shown: list[dict[str, str]]) -> None:
    """While it lasts with <progress>, at the end without; nothing is HTML of somebody else's."""
    assert transfers.attend(FakeTransfer(TOLD, "result"), "notice") == "result"

    assert '<progress max="1" value="0.5000"' in shown[2]["text/html"]
    assert "aaa: Downloading [" in shown[2]["text/plain"]
    last = shown[-1]
    assert "<progress" not in last["text/html"]
    assert "<b>" not in last["text/html"]
    assert last["text/plain"].splitlines() == [
        "notice",
        "1: Pulling from <b>evil</b>",
        "aaa: Pull complete",
        "bbb: Waiting",
        "Digest: sha256:d",
    ]


@pytest.mark.parametrize(
    ("end", "word"), [(KeyboardInterrupt(), "stopped"), (RegistryError("gone"), "failed")]
)
def test_what_ends_it_early_stops_the_transfer(
    shown: list[dict[str, str]], end: BaseException, word: str
) -> None:
    """The last picture says so, and the error goes on."""
    transfer = FakeTransfer([*TOLD, end], None)
    with pytest.raises(type(end)):
        transfers.attend(transfer)
    assert transfer.cancelled
    assert shown[-1]["text/plain"].endswith(word)
    assert "<progress" not in shown[-1]["text/html"]


def test_nothing_is_shown_of_nothing(shown: list[dict[str, str]]) -> None:
    """A save that tells nothing makes no output."""
    transfers.attend(FakeTransfer([], None))
    assert shown == []
