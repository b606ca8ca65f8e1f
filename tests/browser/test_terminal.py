"""A terminal in a page: what vi, colours and yes do to it, and whose the keys are."""

from __future__ import annotations

import re

from playwright.sync_api import Locator, expect

from tests.browser.conftest import APPS, Notebook, Open

RUN = "%container run -it --network none --name box busybox"


def opened(notebook: Notebook, index: int = 1) -> Locator:
    """Run the cell that opens a terminal; return it, with the keyboard in it."""
    shown = notebook.run(index).locator(".ipycontainer-terminal")
    shown.locator("textarea").focus()
    return shown


def says(shown: Locator, pattern: str) -> None:
    """Wait until the terminal shows the pattern."""
    expect(shown).to_contain_text(re.compile(pattern), use_inner_text=True)


def press_until(shown: Locator, key: str, pattern: str) -> None:
    """Press a key that may come twice until the terminal shows the pattern.

    While a page changes its theme it moves the focus about, and a key may go elsewhere.
    """
    keyboard = shown.locator("textarea")
    for _ in range(10):
        keyboard.press(key)
        try:
            expect(shown).to_contain_text(re.compile(pattern), use_inner_text=True, timeout=3000)
            return
        except AssertionError:
            continue
    says(shown, pattern)


@APPS
def test_shell(open_notebook: Open, app: str) -> None:
    """Each key is the program's; pastes and sizes arrive; at the end text is left, and saved."""
    notebook = open_notebook([f"{RUN} sh", "1 + 1"], app=app)
    shown = opened(notebook)
    says(shown, "/ #")
    # All rows of the screen are in sight: nothing below them makes it scroll.
    overflow = "each => each.parentElement.scrollHeight - each.parentElement.clientHeight"
    assert shown.get_by_role("log").evaluate(overflow) == 0
    keyboard = notebook.tab.keyboard
    cells = notebook.tab.locator(".jp-Notebook .jp-Cell")
    count = cells.count()

    # As a notebook's commands these delete a cell, insert one, leave it, and run it.
    for key in ("d", "d", "a", "Escape"):
        keyboard.press(key)
    says(shown, "dda")
    notebook.tab.wait_for_timeout(500)  # what follows Escape at once is a sequence to the shell
    keyboard.press("Control+c")
    says(shown, r"dda[^\n]*\n/ #")
    keyboard.type("echo fo''ur")
    keyboard.press("Shift+Enter")
    says(shown, r"\nfour\s")
    keyboard.type("ls /etc/hostn")
    keyboard.press("Tab")
    says(shown, "/etc/hostname")
    keyboard.press("Control+c")
    assert cells.count() == count
    expect(shown.locator("textarea")).to_be_focused()

    notebook.tab.evaluate(
        "() => navigator.clipboard.writeText('echo a-$((1+1))\\necho b-$((1+1))\\n')"
    )
    keyboard.press("Control+v")
    says(shown, r"\na-2\n[^\n]*\nb-2\n")
    keyboard.type("stty size\n")
    says(shown, r"stty size\n\d+ \d+\n")
    (rows,) = re.findall(r"size\n(\d+) \d+\n", shown.inner_text())
    shown.evaluate("each => { each.style.height = '12em' }")
    keyboard.type("sleep 1; stty size\n")
    says(shown, rf"1; stty size\n(?!{rows} )\d+ \d+\n")
    keyboard.type("printf '\\033[31mred\\033[0m \\033[1;4;42mlined\\033[0m <b>&amp;\\n'\n")
    says(shown, r"\nred lined <b>&amp;\n")
    red = shown.get_by_text("red", exact=True)
    assert red.evaluate("each => getComputedStyle(each).color") == "rgb(205, 49, 49)"
    notebook.picture("terminal")
    assert notebook.violations(".ipycontainer-terminal") == []

    keyboard.press("Shift+Escape")
    expect(shown.locator("textarea")).not_to_be_focused()
    shown.locator("textarea").focus()
    keyboard.type("exit 3\n")
    left = notebook.output(1)
    expect(left).to_contain_text("box ended with exit code 3")
    expect(left.locator(".ipycontainer-terminal")).to_have_count(0)
    assert "lined <b>&amp;" in notebook.save().cells[1].outputs[0]["data"]["text/plain"]


def test_full_screen(open_notebook: Open) -> None:
    """Vi has the screen for itself, a reload brings it back, leaving it what was there before."""
    notebook = open_notebook([f"{RUN} sh -c 'seq 500 > /n; echo before; vi /n; echo after; cat'"])
    shown = opened(notebook)
    says(shown, r"^1\n2\n3\n")
    expect(shown).not_to_contain_text("before")
    notebook.theme("JupyterLab Dark")
    notebook.picture("terminal-vi-dark")
    notebook.theme("JupyterLab Light")
    press_until(shown, "G", r"\n500\n")
    notebook.save()
    notebook.tab.reload()
    notebook.show()
    shown = notebook.output(1).locator(".ipycontainer-terminal")
    says(shown, r"\n500\n")
    shown.locator("textarea").focus()
    notebook.tab.keyboard.type("ddZZ")
    says(shown, r"before\nafter")
    # A screen reader finds the lines in a region that speaks of itself.
    expect(shown.get_by_role("log", name="terminal screen")).to_contain_text("after")
    notebook.tab.keyboard.press("Control+d")
    expect(notebook.output(1)).to_contain_text("box ended with exit code 0")


def test_flood(open_notebook: Open) -> None:
    """While yes floods, page and kernel answer, and Ctrl-C ends it."""
    notebook = open_notebook(
        ["%container run -it --rm --init --network none --name box busybox yes", "6 * 7"]
    )
    shown = opened(notebook)
    says(shown, r"y\ny\ny\n")
    expect(notebook.run(2)).to_contain_text("42")
    ticks = notebook.tab.evaluate(
        """async () => {
          let count = 0;
          const end = performance.now() + 1000;
          while (performance.now() < end) {
            await new Promise(requestAnimationFrame);
            count += 1;
          }
          return count;
        }"""
    )
    assert ticks > 1, f"the page drew {ticks} times in a second"
    shown.locator("textarea").focus()
    notebook.tab.keyboard.press("Control+c")
    expect(notebook.output(1)).to_contain_text("box ended with exit code 130")
