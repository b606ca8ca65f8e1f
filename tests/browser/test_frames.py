"""Frames in a page: light, dark and untrusted; wide ones scroll, long ones fold."""

from __future__ import annotations

import pytest
from playwright.sync_api import expect

from tests.browser.conftest import Open
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
TABLE = "[data-mime-type='text/html'] table"


@pytest.mark.parametrize("app", ["lab", pytest.param("notebook", marks=pytest.mark.slow)])
def test_frames(open_notebook: Open, app: str) -> None:
    """States are words, a wide frame scrolls, a long one opens its fold; so untrusted, too."""
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
        scroller = running.locator("div:has(> table)").last
        wide = scroller.evaluate("each => each.scrollWidth > each.clientWidth")
        assert wide
        scroller.evaluate("each => { each.scrollLeft = 1000 }")
        assert scroller.evaluate("each => each.scrollLeft") > 0
        scroller.evaluate("each => { each.scrollLeft = 0 }")
        # From what stands before it Tab comes to it, also where the page has dropped tabindex.
        scroller.evaluate(BUTTON_BEFORE)
        page.tab.keyboard.press("Tab")
        assert scroller.evaluate("each => document.activeElement === each")
        scroller.evaluate("each => each.previousSibling.remove()")
    notebook.look("frames", TABLE)
    reopened.look("frames-untrusted", TABLE)
