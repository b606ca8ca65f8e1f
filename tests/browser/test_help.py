"""What leads on, in a page: the bare magic, a question about a verb, cards, and errors."""

from __future__ import annotations

import re

from playwright.sync_api import expect

from tests.browser.conftest import APPS, Open

MAKE = """
from ipycontainer import connect
engine = connect()
web = engine.containers.run("busybox", ["sleep", "1000"], name="web", network="none", detach=True)
for thing in (web, engine.images.get("busybox"), engine.networks.get("bridge")):
    display(thing)
"""
OUTPUT = ".jp-OutputArea .jp-RenderedHTMLCommon"  # ours, not the page's own scrolling area


@APPS
def test_help_is_a_page_in_the_cell(open_notebook: Open, app: str) -> None:
    """`?` after a verb and --help show the same table below the cell, in the words of a cell."""
    notebook = open_notebook(
        ["%container run?", "%container run --help", "%container network", "%container --help"],
        app=app,
    )
    question, asked, group, everything = (notebook.run(index) for index in range(1, 5))
    pages = [output.locator(".jp-RenderedHTMLCommon").inner_text() for output in (question, asked)]
    assert pages[0] == pages[1]
    expect(asked).to_contain_text("%container run [OPTIONS] IMAGE [COMMAND] [ARG...]")
    expect(asked.get_by_role("row", name=re.compile("--workdir"))).to_contain_text(
        "Working directory inside the container"
    )
    expect(group.get_by_role("row", name=re.compile("disconnect"))).to_be_visible()
    expect(everything.get_by_role("row", name=re.compile("^explain"))).to_be_visible()
    for output in (asked, group, everything):
        assert not re.search(r"(?<![a-z] )\bipycontainer ", output.inner_text())
    notebook.look("help", OUTPUT)


@APPS
def test_the_start_page_and_cards(open_notebook: Open, app: str) -> None:
    """Cards say what a thing is, %container alone what runs and what to type next."""
    notebook = open_notebook([MAKE, "%container", "%container rm web"], app=app)
    cards, page, wrong = (notebook.run(index) for index in range(1, 4))
    for words in ("command sleep 1000", "in 1 layer", "driver bridge"):
        expect(cards).to_contain_text(words)
    expect(page).to_contain_text("1 running, 0 stopped")
    expect(page.get_by_role("row", name=re.compile("^%container logs web"))).to_be_visible()
    expect(wrong).to_contain_text("%container rm -f web")
    notebook.look("start-page", OUTPUT)
