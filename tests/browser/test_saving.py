"""Whenever a notebook is saved, and whatever became of its kernel, it shows the last picture."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from pathlib import Path

from playwright.sync_api import Locator, expect

from tests.browser.conftest import APPS, Notebook, Open

CALM = (
    "%container run -d --name calm --network none busybox "
    "sh -c 'echo \"<i>hello\"; sleep 1000 & wait'"
)
VIEWS = ("stats", "top --watch calm", "ps --watch", "logs -f calm")
CELLS = [CALM, *(f"%container {view}" for view in VIEWS)]
# What each view's picture shows of the container.
SIGNS = ("calm", "sleep 1000", "running", "<i>hello")
LEFT = "from ipywidgets.widgets.widget import _instances\nlen(_instances)"
STILL = ".ipycontainer-still"


def copied(notebook: Notebook, name: str) -> str:
    """Copy what was saved so that it is another's notebook, which nobody trusts."""
    content = json.loads((notebook.server.directory / notebook.name).read_text())
    content["metadata"]["from"] = "elsewhere"
    (notebook.server.directory / name).write_text(json.dumps(content))
    return name


def pictures(reopened: Notebook) -> Locator:
    """Assert that each view's picture is seen; return them."""
    stills = reopened.tab.locator(STILL)
    expect(stills).to_have_count(len(VIEWS))
    for place, sign in enumerate(SIGNS):
        expect(stills.nth(place)).to_be_visible()
        expect(stills.nth(place)).to_contain_text(sign)
    charts = stills.nth(0).locator("img")
    expect(charts).to_have_count(5)
    expect(charts.first).to_have_attribute("alt", re.compile(r"^cpu: calm \d+%"))
    # Drawn, not only there: a picture that is broken has no width of its own.
    assert charts.evaluate_all("all => all.every((each) => each.naturalWidth > 0)")
    return stills


def shown_live(open_notebook: Open, app: str, *more: str) -> Notebook:
    """Open a notebook with all views, and wait until the charts have been drawn."""
    notebook = open_notebook([*CELLS, *more], app=app)
    for index in range(1, len(CELLS) + 1):
        notebook.run(index)
    stills = notebook.tab.locator(STILL)
    expect(stills).to_have_count(len(VIEWS))
    expect(stills.nth(0).locator("img")).to_have_count(5)
    for place in range(len(VIEWS)):
        expect(stills.nth(place)).to_be_hidden()
    return notebook


@APPS
def test_saved_while_live_and_the_kernel_killed(open_notebook: Open, app: str) -> None:
    """Opened untrusted after kill -9, and as nbconvert's HTML: the pictures are there."""
    notebook = shown_live(open_notebook, app)
    notebook.save()
    notebook.kill_kernel()
    # Here, too, the pictures take the place of what is dead.
    expect(notebook.tab.locator(STILL).first).to_be_visible()
    reopened = open_notebook(app=app, name=copied(notebook, f"copy-{app}.ipynb"))
    expect(reopened.tab.locator(".jp-mod-trusted")).to_have_count(0)
    stills = pictures(reopened)
    stills.nth(0).scroll_into_view_if_needed()
    reopened.look("reopened", STILL)
    html = converted(notebook.server.directory / notebook.name)
    page = reopened.tab.context.new_page()
    # What nbconvert loads for widgets and formulas cannot be reached: it must do without.
    page.route(re.compile("^https?:"), lambda route: route.abort())
    page.goto(html.as_uri())
    for place, sign in enumerate(SIGNS):
        expect(page.locator(STILL).nth(place)).to_be_visible()
        expect(page.locator(STILL).nth(place)).to_contain_text(sign)


def test_saved_after_a_reload_and_after_the_stop(open_notebook: Open) -> None:
    """A page that was loaded anew keeps the picture fresh; after Stop it alone is left."""
    notebook = shown_live(
        open_notebook, "lab", "from ipywidgets import Widget\nlen(Widget.widgets)"
    )
    notebook.save()
    notebook.show()
    stats = notebook.output(2)
    expect(stats.locator(".ipycontainer-live")).to_be_visible()
    expect(stats.locator(STILL)).to_be_hidden()
    for index in range(2, len(CELLS) + 1):
        output = notebook.output(index)
        output.get_by_role("button", name="Stop").press("Enter")
        expect(output.locator(STILL)).to_contain_text("stopped at")
        expect(output.locator(STILL)).to_be_visible()
    # No widget is left in the kernel, for which the next page would ask.
    expect(notebook.run(len(CELLS) + 1)).to_have_text(re.compile(r"\D0$"))
    saved = notebook.save()
    for cell in saved.cells[2 : len(CELLS) + 1]:
        kinds = {kind for output in cell.outputs for kind in output["data"]}
        assert kinds == {"text/html", "text/plain"}, cell.source
    notebook.server.end_kernels()
    pictures(open_notebook(name=copied(notebook, "stopped.ipynb")))


def test_executed_by_nbconvert(open_notebook: Open, tmp_path: Path) -> None:
    """Where nobody ever saw a page, the HTML has the pictures."""
    notebook = open_notebook(CELLS)
    notebook.server.end_kernels()
    html = converted(notebook.server.directory / notebook.name, "--execute", env=notebook)
    page = notebook.tab.context.new_page()
    page.route(re.compile("^https?:"), lambda route: route.abort())
    page.goto(html.as_uri())
    for place, sign in enumerate(SIGNS):
        expect(page.locator(STILL).nth(place)).to_be_visible()
        expect(page.locator(STILL).nth(place)).to_contain_text(sign)


def converted(path: Path, *options: str, env: Notebook | None = None) -> Path:
    """Return the notebook as HTML."""
    subprocess.run(
        [sys.executable, "-m", "jupyter", "nbconvert", "--to", "html", *options, str(path)],
        env=None if env is None else env.server.environment,
        check=True,
        capture_output=True,
    )
    return path.with_suffix(".html")
