"""What names, labels, logs, files and environments hold, a page shows as text, and runs nothing.

Frames, cards, live views and outputs of one container whose every text is an attack.
"""

from __future__ import annotations

import re

from playwright.sync_api import expect

from tests.browser.conftest import APPS, Open

SCRIPT = "<script>window.hacked=1</script><img src=x onerror=window.hacked=1>"
TURN = "\u202e"
MAKE = f"""
from ipycontainer import connect
engine = connect()
script = {SCRIPT!r}
turn = chr(0x202e)
program = (
    "printf '%s\\\\n' \\"$EVIL\\"; printf '\\\\033]0;title\\\\007\\\\033[2J'; "
    "printf '\\\\033]8;;javascript:hacked=1\\\\033\\\\\\\\link\\\\033]8;;\\\\033\\\\\\\\\\\\n'; "
    "touch \\"/tmp/$EVIL2\\"; sleep 1000"
)
c = engine.containers.run(
    "busybox",
    ["sh", "-c", program, script + turn],
    name="evil",
    network="none",
    detach=True,
    labels={{"evil": script + turn}},
    environment={{"EVIL": script + turn, "EVIL2": "<img src=x onerror=hacked=1>" + turn}},
)
"""
LINES = {
    "frame = %container ps\nframe": r"evil=<script>|<script>window\.hacked",
    "c": "<script>window.hacked=1",
    "%container ps --watch": r"sh -c",
    "%container top --watch evil": r"window\.hacked|sleep 1000",
    "%container logs -f evil": r"<script>window\.hacked=1</script><img src=x onerror=window",
    "%container logs evil": r"<script>window\.hacked=1</script><img src=x onerror=window",
    "%container exec evil sh -c 'echo \"$EVIL\"'": r"<script>window\.hacked=1</script>",
    "%container diff evil": "<img src=x onerror=hacked=1>",
    "%container inspect evil": "1 item",
}


@APPS
def test_nothing_runs_and_all_is_seen(open_notebook: Open, app: str) -> None:
    """In each output the text stands as it is, what would turn it by number, and nothing ran."""
    notebook = open_notebook([MAKE, *LINES], app=app)
    notebook.run(1)
    for index, pattern in enumerate(LINES.values(), 2):
        output = notebook.run(index)
        expect(output).to_contain_text(re.compile(pattern))
        assert TURN not in output.inner_text()
    expect(notebook.output(6)).to_contain_text("<U+202E>")
    notebook.output(2).scroll_into_view_if_needed()
    notebook.picture("hostile")
    assert notebook.tab.evaluate("() => [window.hacked, document.title.includes('title')]") == [
        None,
        False,
    ]
    area = notebook.tab.locator(".jp-Cell-outputArea")
    expect(area.locator("script, [onerror], a[href^=javascript]")).to_have_count(0)
