"""Completion in a real kernel: names of this home, and paths inside a container."""

from __future__ import annotations

from typing import Any

from tests.kernel.conftest import Notebook


def offered(notebook: Notebook, text: str) -> list[str]:
    """Return the whole lines that a page would offer for a text with the cursor at its end."""
    reply: Any = notebook.client.complete(text, reply=True, timeout=60)
    content = reply["content"]
    return [text[: content["cursor_start"]] + match for match in content["matches"]]


def test_what_exists_is_offered(lasting_notebook: Notebook) -> None:
    """Containers by their state, paths inside one, running or not, images, and variables."""
    notebook = lasting_notebook
    notebook.do("frame_in = 1")
    notebook.do("%container run -d --name web --network none host sleep 100")
    notebook.do("%container create --name idle --network none host true")
    assert offered(notebook, "%container stop ") == ["%container stop web"]
    assert offered(notebook, "%container start ") == ["%container start idle"]
    for name in ("web", "idle"):
        assert offered(notebook, f"%container cp {name}:/et") == [f"%container cp {name}:/etc/"]
        assert f"%container cp {name}:/etc/passwd" in offered(
            notebook, f"%container cp {name}:/etc/pass"
        )
    assert "%container run host" in offered(notebook, "%container run ho")
    assert "%%container python --in frame_in" in offered(notebook, "%%container python --in frame_")
    notebook.do("%container rm -f web idle")
    assert "%container cp web:/etc/" not in offered(notebook, "%container cp web:/et")


def test_nothing_is_made_by_asking(notebook: Notebook) -> None:
    """Without a home there are verbs and options to offer, and none is made."""
    notebook.load()
    assert "%container run" in offered(notebook, "%container ru")
    offered(notebook, "%container stop ")
    offered(notebook, "%container run --network b")
    assert not notebook.home.exists()
