"""Completion in a page: Tab after %container offers names with what they are."""

from __future__ import annotations

import re

from playwright.sync_api import expect

from tests.browser.conftest import APPS, Open


@APPS
def test_tab_offers_names_and_paths(open_notebook: Open, app: str) -> None:
    """A path inside a container is put into the cell; verbs are offered with their kind."""
    notebook = open_notebook(
        ["%container create --name quiet --network none busybox true", "%container cp quiet:/et"],
        app=app,
    )
    notebook.run(1)
    cell = notebook.tab.locator(".jp-Notebook .jp-Cell").nth(2)
    editor = cell.locator(".cm-content")
    editor.click()
    keyboard = notebook.tab.keyboard
    keyboard.press("End")
    keyboard.press("Tab")
    items = notebook.tab.locator(".jp-Completer:not(.lm-mod-hidden) .jp-Completer-item")
    expect(items).to_have_count(1)
    expect(items.first).to_contain_text("directory")
    keyboard.press("Enter")
    expect(editor).to_have_text("%container cp quiet:/etc/")
    keyboard.press("Control+a")
    keyboard.type("%container re")
    keyboard.press("Tab")
    expect(items.filter(has_text="rename")).to_be_visible()
    expect(items.filter(has_text="restart")).to_contain_text("subcommand")
    notebook.picture("completion")
    keyboard.press("Escape")
    # A path of this machine, inside the quote that stands there.
    (notebook.server.directory / f"{app} words").mkdir()
    keyboard.press("Control+a")
    keyboard.type(f"%container cp '{app} wo")
    keyboard.press("Tab")
    expect(items).to_have_count(1)
    keyboard.press("Enter")
    expect(editor).to_have_text(re.compile(f"^%container cp '{app} words/"))
    # In the dark, too, a name and what it is can be told apart.
    notebook.theme("JupyterLab Dark")
    editor.click()
    keyboard.press("Control+a")
    keyboard.type("%container re")
    keyboard.press("Tab")
    expect(items.filter(has_text="restart")).to_contain_text("subcommand")
    notebook.picture("completion-dark")
    keyboard.press("Escape")
