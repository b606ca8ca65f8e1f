"""Live views in a page: stats, top, ps and logs, by mouse, by keyboard, and after a reload."""

from __future__ import annotations

import re

from playwright.sync_api import Locator, expect

from tests.browser.conftest import APPS, Notebook, Open

BUSY = "%container run -d --name busy --network none busybox sh -c 'while :; do :; done'"
CALM = "%container run -d --name calm --network none busybox sh -c 'sleep 1000 & wait'"
TALK = (
    "%container run -d --name {0} --network none busybox sh -c "
    "'i=0; while [ $i -lt 300 ]; do i=$((i+1)); echo {0} $i; done;"
    ' printf "\\033[32mgreen\\033[0m \\033[1mbold\\033[0m <b>&amp;\\n"; echo oops >&2; sleep 1000'
    "'"
)
LIVE, STILL = ".ipycontainer-live", ".ipycontainer-still"


def view(notebook: Notebook, index: int) -> Locator:
    """Run a cell, and return its live view."""
    shown = notebook.run(index).locator(LIVE)
    expect(shown).to_have_count(1)
    return shown


def first_column(shown: Locator) -> list[str]:
    """Return what stands at the head of each row of the view's table."""
    return [text.strip("■ \n") for text in shown.locator("tbody th").all_inner_texts()]


@APPS
def test_stats(open_notebook: Open, app: str) -> None:
    """Rows with meters; five charts with titles and tables; sort, pause and window by keyboard."""
    notebook = open_notebook([BUSY, CALM, "s = %container stats\ns"], app=app)
    notebook.run(1)
    notebook.run(2)
    shown = view(notebook, 3)
    busy = shown.get_by_role("row", name=re.compile("busy"))
    expect(busy).to_contain_text(re.compile(r"[1-9]\d*\.\d\d%"))
    expect(busy.get_by_role("meter", name="cpu of busy")).to_be_visible()
    charts = shown.get_by_role("figure")
    expect(charts).to_have_count(5)
    for word in ("cpu", "memory", "network", "disk", "pids"):
        expect(charts.locator("figcaption", has_text=word)).to_have_count(1)
    # The still picture is there for who saves, and hidden while this one lives.
    still = notebook.output(3).locator(STILL)
    expect(still).to_have_count(1)
    expect(still).to_be_hidden()

    keyboard = notebook.tab.keyboard
    shown.get_by_role("button", name="container").focus()
    keyboard.press("Enter")
    assert first_column(shown) == ["busy", "calm"]
    keyboard.press("Space")
    assert first_column(shown) == ["calm", "busy"]
    expect(shown.locator("th[aria-sort=descending]")).to_have_text("container")
    shown.get_by_role("button", name="cpu", exact=True).press("Enter")
    assert first_column(shown) == ["busy", "calm"]

    shown.get_by_role("button", name="cpu as a table").press("Enter")
    table = shown.get_by_role("region", name="cpu as a table")
    expect(table.get_by_role("columnheader")).to_have_text(["time", "calm", "busy"])
    expect(table.get_by_role("row").nth(3)).to_contain_text("%")
    shown.get_by_role("checkbox").first.press("Space")
    expect(table.get_by_role("columnheader")).to_have_count(2)
    memory = shown.get_by_role("img", name=re.compile("^memory: "))
    memory.press("ArrowLeft")
    expect(shown.get_by_role("figure").nth(1)).to_contain_text(re.compile("ago: .*KiB"))
    # Arrows are the select's and the table's own, not the notebook's, which would leave the cell.
    window = shown.get_by_label("Window")
    window.press("ArrowDown")
    expect(window).to_have_value("300000")
    table.press("ArrowDown")
    table.press("End")
    expect(table).to_be_focused()
    pause = shown.get_by_role("button", name="Pause")
    pause.press("Space")
    expect(pause).to_have_attribute("aria-pressed", "true")
    before = busy.inner_text()
    notebook.tab.wait_for_timeout(1500)
    assert busy.inner_text() == before
    pause.press("Space")
    expect(busy).not_to_have_text(before)
    notebook.look("stats", LIVE)

    # A page that is loaded anew finds the view again, with what it has seen meanwhile.
    notebook.save()
    notebook.show()
    shown = notebook.output(3).locator(LIVE)
    shown.get_by_role("button", name="cpu as a table").press("Enter")
    expect(
        shown.get_by_role("region", name="cpu as a table").get_by_role("row").nth(4)
    ).to_be_visible()
    expect(still).to_be_hidden()
    shown.get_by_role("button", name="Stop").press("Enter")
    expect(shown).to_have_count(0)
    expect(still).to_contain_text("stopped at")
    notebook.look("stats-stopped", STILL)


@APPS
def test_ps_and_top(open_notebook: Open, app: str) -> None:
    """The list follows what happens, with words for states; the tree has both pids of each."""
    notebook = open_notebook(
        [
            CALM,
            "%container ps --watch -a",
            "%container top --watch calm",
            "%container run --network none --name short busybox sh -c 'exit 3'",
            "%container stop -t 0 calm",
        ],
        app=app,
    )
    notebook.run(1)
    shown, tree = view(notebook, 2), view(notebook, 3)
    calm = shown.get_by_role("row", name=re.compile("calm"))
    expect(calm).to_contain_text(re.compile(r"running for \d+ seconds?"))
    expect(tree.get_by_role("row")).to_have_count(3)
    expect(tree.locator("tbody th").nth(1)).to_contain_text("sleep 1000")
    expect(tree.locator("tbody tr").nth(0).locator("td").nth(1)).to_have_text("1")
    notebook.run(4)
    short = shown.get_by_role("row", name=re.compile("short"))
    expect(short).to_contain_text(re.compile(r"exited with 3, \d+ seconds? ago"))
    shown.get_by_role("button", name="name").press("Enter")
    assert first_column(shown) == ["calm", "short"]
    shown.get_by_role("button", name="name").press("Enter")
    assert first_column(shown) == ["short", "calm"]
    notebook.look("ps-top", LIVE)
    # The tree by keyboard: another order, the tree's again, still, and on.
    tree.get_by_role("button", name="pid", exact=True).press("Enter")
    expect(tree.locator("th[aria-sort]")).to_have_text("pid")
    tree.get_by_role("button", name="command").press("Space")
    expect(tree.locator("th[aria-sort=ascending]")).to_have_text("command")
    expect(tree.locator("tbody th").nth(1)).to_contain_text("sleep 1000")
    pause = tree.get_by_role("button", name="Pause")
    pause.press("Enter")
    expect(pause).to_have_attribute("aria-pressed", "true")
    pause.press("Space")
    expect(pause).to_have_attribute("aria-pressed", "false")
    notebook.run(5)
    expect(calm).to_contain_text("exited with 137")
    expect(notebook.output(3)).to_contain_text(re.compile(r"processes of calm, ended at"))


@APPS
def test_logs(open_notebook: Open, app: str) -> None:
    """Lines of two containers with streams and colours; search; follow ends by scrolling up."""
    notebook = open_notebook(
        [TALK.format("one"), TALK.format("two"), "v = %container logs -f one two\nv"], app=app
    )
    notebook.run(1)
    notebook.run(2)
    shown = view(notebook, 3)
    lines = shown.get_by_role("log")
    expect(lines).to_contain_text("two 300")
    expect(lines.locator(".name").first).to_have_text(re.compile("one|two"))
    expect(lines.locator(".err").first).to_contain_text("err oops")
    green = lines.get_by_text("green", exact=True).first
    assert green.evaluate("each => getComputedStyle(each).color") == "rgb(13, 188, 121)"
    expect(lines).to_contain_text("<b>&amp;")
    notebook.look("logs", LIVE)
    search = shown.get_by_role("searchbox")
    search.press_sequentially("two 29")
    expect(lines.locator(".line")).to_have_count(11)
    expect(lines.locator("mark").first).to_have_text("two 29")
    expect(shown.get_by_role("status")).to_have_text(re.compile(r"11 of \d+ lines"))
    search.fill("")
    shown.get_by_role("button", name="stdout").press("Enter")
    expect(lines.locator(".line:not(.err)")).to_have_count(0)
    shown.get_by_role("button", name="stdout").press("Enter")
    follow = shown.get_by_role("button", name="Follow")
    expect(follow).to_have_attribute("aria-pressed", "true")
    lines.focus()
    notebook.tab.keyboard.press("ArrowUp")
    expect(follow).to_have_attribute("aria-pressed", "false")
    notebook.tab.keyboard.press("End")
    expect(follow).to_have_attribute("aria-pressed", "true")
    assert notebook.output(3).locator(STILL).count() == 1
