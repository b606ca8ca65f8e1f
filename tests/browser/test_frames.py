"""Frames in a page: light, dark and untrusted; wide ones scroll, long ones fold."""

from __future__ import annotations

from playwright.sync_api import expect

from tests.browser.conftest import APPS, Open
from tests.browser.test_saving import copied

MAKE = """
from ipycontainer import connect
engine = connect()
for n in range(80):
    engine.containers.create("busybox", ["true"], name=f"box{n}", labels={"k" * 30: "v" * 30})
%container run -d --name web --network none busybox sleep 1000
"""
BUTTON_BEFORE = """each => {
    const before = document.createElement('button');
    each.before(before);
    before.focus();
}"""
ACTIVE = "() => window.jupyterapp.shell.currentWidget.content.activeCellIndex"
SCROLLER = "[data-mime-type='text/html'] div[style*=overflow-x]"
TABLE = "[data-mime-type='text/html'] table"


@APPS
def test_frames(open_notebook: Open, app: str) -> None:
    """States are words, a wide frame scrolls, by keyboard too, a long one opens its fold."""
    notebook = open_notebook(
        [MAKE, "%container ps", "%container ps -a", "%container images"], app=app
    )
    for index in range(1, 5):
        notebook.run(index)
    notebook.save()
    reopened = open_notebook(app=app, name=copied(notebook, f"frames-{app}.ipynb"))
    for page in (notebook, reopened):
        running, every = page.output(2), page.output(3)
        expect(running.locator(TABLE)).to_contain_text("running")
        assert every.locator(TABLE).first.locator("tr").count() < 20
        fold = every.get_by_text("all 81 rows")
        fold.click()
        expect(every.locator(f"{TABLE} >> nth=1").locator("tr")).to_have_count(82)
        fold.click()
        scroller = running.locator(SCROLLER).first
        assert scroller.evaluate("each => each.scrollWidth > each.clientWidth")
        # From what stands before it Tab comes to it, also where the page has dropped tabindex.
        page.tab.bring_to_front()  # nothing scrolls smoothly behind another
        scroller.evaluate(BUTTON_BEFORE)
        page.tab.keyboard.press("Tab")
        assert scroller.evaluate("each => document.activeElement === each")
        scroller.evaluate("each => each.previousSibling.remove()")
        if page is notebook:
            page.tab.keyboard.press("ArrowRight")
            page.tab.wait_for_function("each => each.scrollLeft > 0", arg=scroller.element_handle())
            page.tab.keyboard.press("ArrowLeft")
            page.tab.wait_for_function("each => !each.scrollLeft", arg=scroller.element_handle())
        scroller.evaluate("each => { each.scrollLeft = 1000 }")
        assert scroller.evaluate("each => each.scrollLeft") > 0
        scroller.evaluate("each => { each.scrollLeft = 0 }")
    # A click does not take the notebook's keys away: the cell below is chosen.
    notebook.tab.bring_to_front()
    notebook.output(2).get_by_text("running").click()
    notebook.tab.keyboard.press("ArrowDown")
    assert notebook.tab.evaluate(ACTIVE) == 3
    notebook.look("frames", TABLE)
    reopened.look("frames-untrusted", TABLE)
