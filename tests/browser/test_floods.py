"""A hundred megabytes in a second leave page and kernel responsive, and say where the rest is."""

from __future__ import annotations

from playwright.sync_api import expect

from tests.browser.conftest import Notebook, Open

FLOOD = "yes 0123456789012345678901234567890123456789 | head -c 100000000"
FRAMES = """async () => {
  let count = 0;
  const end = performance.now() + 1000;
  while (performance.now() < end) {
    await new Promise(requestAnimationFrame);
    count += 1;
  }
  return count;
}"""


def answers(notebook: Notebook) -> None:
    """Assert that the page draws."""
    frames = notebook.tab.evaluate(FRAMES)
    # One that is held up draws once, when it is free again.
    assert frames > 1, f"the page drew {frames} times in a second"


def test_a_flood_in_the_foreground_and_in_a_log(open_notebook: Open) -> None:
    """The cell shows two of a hundred megabytes, the log what the page can draw; both say so."""
    notebook = open_notebook(
        [
            f"%container run --name front --network none busybox sh -c '{FLOOD}'",
            "len(engine.containers.get('front').logs())",
            f"%container run -d --name back --network none busybox sh -c 'sleep 2; {FLOOD}'",
            "%container logs -f back",
            "import ipycontainer; engine = ipycontainer.connect()",
            "6 * 7",
        ]
    )
    notebook.run(5)
    notebook.begin(1)
    expect(notebook.output(1)).to_contain_text("0123456789")
    answers(notebook)
    output = notebook.output(1)
    expect(output).to_contain_text("output stops here after 256KiB")
    expect(output).to_contain_text("All of it: %container logs front")
    expect(notebook.run(2)).to_contain_text("100000000")
    notebook.run(3)
    notebook.run(4)
    lines = notebook.output(4).get_by_role("log")
    expect(lines).to_contain_text("left out here. All of it: %container logs back")
    answers(notebook)
    expect(notebook.run(6)).to_contain_text("42")
    expect(notebook.output(4).get_by_role("status")).to_contain_text("ended")
    assert lines.locator(".line").count() <= 5000
    notebook.picture("flood")
