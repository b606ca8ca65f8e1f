"""A cell in a sandbox: values go in and come back, pictures and frames show, enemies are told."""

from __future__ import annotations

import base64
import re
from collections.abc import Iterator

import pytest

from tests.kernel.conftest import Cell, Notebook


@pytest.fixture
def loaded(lasting_notebook: Notebook) -> Iterator[Notebook]:
    """Return a notebook with the extension loaded, and a frame in it; no container may stay."""
    notebook = lasting_notebook
    notebook.do(
        "%reset -f\n"
        "import pandas as pd\n"
        "df = pd.DataFrame({'n': [1, 2, 3], 't': ['a', '<b>', None],\n"
        "                   'at': pd.to_datetime(['2026-01-01', None, '2026-01-03'], utc=True)})\n"
        "x = {'rate': 0.5, 'names': ['a', 'b'], 'none': None}\n"
        "s = pd.Series([1.5, None], name='s', index=['p', 'q'])\n"
    )
    yield notebook
    assert value(notebook, "%container ps -aq") == "[]"


def value(notebook: Notebook, expression: str) -> str:
    """Return an expression's value as the notebook shows it."""
    return str(notebook.do(expression).data["text/plain"])


def shown(cell: Cell, form: str) -> list[str]:
    """Return what the cell displayed of a form."""
    return [
        content["data"][form]
        for kind, content in cell.messages
        if kind == "display_data" and form in content["data"]
    ]


def test_values_go_in_and_come_back_as_they_were(loaded: Notebook) -> None:
    """A frame keeps its types both ways, plain values and series too, and nothing else changes."""
    cell = loaded.do(
        "%%container python --in df,x --in s --out back,y,z --network none\n"
        "back = df.assign(n=df.n * 10)\n"
        "y, z = {**x, 'n': int(df.n.sum())}, s\n"
        "df = None\n"
    )
    assert cell.text("stderr") == ""
    same = "all(back.dtypes == df.dtypes) and (back.n.tolist(), back['at'].equals(df['at']))"
    assert value(loaded, same) == "([10, 20, 30], True)"
    assert value(loaded, "y") == "{'rate': 0.5, 'names': ['a', 'b'], 'none': None, 'n': 6}"
    assert value(loaded, "z.equals(s) and z.name") == "'s'"
    assert value(loaded, "len(df)") == "3"


def test_the_last_value_and_open_figures_show_below_the_cell(loaded: Notebook) -> None:
    """Frames show as this notebook makes their HTML, pictures as PNG, text as text, once each."""
    cell = loaded.do(
        "%%container python --in df --network none\n"
        "import matplotlib.pyplot as plt\n"
        "plt.plot([1, 2]); plt.figure(); plt.plot([2, 1])\n"
        "print('printed')\n"
        "df\n"
    )
    assert cell.text() == "printed\n"
    (frame,) = shown(cell, "text/html")
    assert "&lt;b&gt;" in frame
    assert "<b>" not in frame
    pictures = shown(cell, "image/png")
    assert len(pictures) == 2
    assert base64.b64decode(pictures[0]).startswith(b"\x89PNG")
    text = loaded.do("%%container python --network none\n'a' + '\\x1b]0;title\\x07'\n")
    assert shown(text, "text/plain") == ["'a\\x1b]0;title\\x07'"]
    assert shown(loaded.do("%%container python --network none\n1 + 1;\n"), "text/plain") == []


def test_html_of_the_container_never_reaches_the_page(loaded: Notebook) -> None:
    """A value whose repr is HTML shows its text; what only says it is a frame is refused."""
    cell = loaded.do(
        "%%container python --network none\n"
        "class Evil:\n"
        "    def _repr_html_(self): return '<script>alert(1)</script>'\n"
        "    def __repr__(self): return '<img src=x onerror=alert(1)> \\x1b[2J'\n"
        "Evil()\n"
    )
    assert shown(cell, "text/html") == []
    assert shown(cell, "text/plain") == ["<img src=x onerror=alert(1)> "]


def test_an_exception_shows_the_cells_own_lines(loaded: Notebook) -> None:
    """The traceback begins in the cell, nothing is set, and the container is gone."""
    cell = loaded.run(
        "%%container python --out y\ndef halve(n):\n    return n / 0  # here\ny = 1\nhalve(y)\n"
    )
    assert '\x1b[32m"/cell.py"\x1b[0m, line \x1b[32m4' in cell.text("stderr")
    text = re.sub(r"\x1b\[\d*m", "", cell.text("stderr"))
    assert text.startswith('Traceback (most recent call last):\n  File "/cell.py", line 4')
    assert "return n / 0  # here" in text
    assert "run.py" not in text
    assert text.endswith("ZeroDivisionError: division by zero\n")
    assert cell.ename == "ContainerError"
    assert cell.error[0] == "ZeroDivisionError: division by zero (line 2)"
    kept = loaded.run("%%container --stderr told python\n\n{}['nope']\n")
    assert kept.error[0] == "KeyError: 'nope' (line 2)"
    assert (
        value(loaded, "'\\x1b' in told, told.splitlines()[-1]") == "(False, \"KeyError: 'nope'\")"
    )
    assert value(loaded, "'y' in globals()") == "False"
    broken = loaded.run("%%container python\nx = = 1\n")
    assert broken.error[0].startswith("SyntaxError: invalid syntax")
    assert broken.error[0].endswith("(line 1)")
    assert "SyntaxError" in broken.text("stderr")
    missing = loaded.run("%%container python --out nothing\nx = 1\n")
    assert missing.text("stderr") == ("--out nothing: the cell sets no variable of that name\n")


def test_what_a_program_does_at_its_end_is_done(loaded: Notebook) -> None:
    """Threads are waited for, atexit is heard and C's output comes, though pandas is not freed."""
    cell = loaded.do(
        "%%container python --in df --network none\n"
        "import atexit, ctypes, threading, time\n"
        "atexit.register(print, 'at the end')\n"
        "threading.Thread(target=lambda: (time.sleep(0.2), print('of a thread'))).start()\n"
        "ctypes.CDLL(None).printf(b'of C\\n');\n"
    )
    assert sorted(cell.text("stdout").splitlines()) == ["at the end", "of C", "of a thread"]


def test_what_cannot_go_in_or_out_is_said_before_or_in_one_line(loaded: Notebook) -> None:
    """A module, a column of numbers and texts, an unknown name, an object that would come back."""
    loaded.do("import sys as bad\nmixed = pd.DataFrame({'a': [1, 'x']})\n")
    for name, words in (
        ("bad", "a value of type module cannot pass"),
        ("mixed", "a frame cannot pass: Conversion failed for column a"),
        ("nobody", "there is no variable of that name"),
    ):
        cell = loaded.run(f"%%container python --in {name}\npass\n")
        assert f"--in {name}: {words}" in cell.text("stderr")
        assert cell.status == "error"
    for given, words in (
        ("object()", "a value of type object cannot pass"),
        ("__import__('pandas').DataFrame({'a': [1, 'x']})", "a frame cannot pass: Conversion"),
    ):
        cell = loaded.run(f"%%container python --out r --network none\nr = {given}\n")
        assert f"--out r: {words}" in cell.text("stderr")
        assert len(cell.text("stderr").splitlines()) == 1
    line = loaded.run("%container python --in df")
    assert line.error[0] == "python runs the body of a cell, which a line does not have"
    assert "unknown flag: --rm" in loaded.run("%%container python --rm\npass\n").error[0]


def test_a_kept_container_can_be_looked_at_and_undone(loaded: Notebook) -> None:
    """With --keep its changes show in diff, our own places do not; checkpoint and rollback work."""
    (loaded.directory / "data.txt").write_text("before")
    cell = loaded.do(
        "%%container python --keep lab --in x --out y --network none\n"
        "open('data.txt', 'w').write('after')\n"
        "y = x['rate']\n"
    )
    assert cell.status == "ok"
    assert value(loaded, "y") == "0.5"
    changed = loaded.do("changed = %container diff lab\nsorted(changed[changed.kind != 'C'].path)")
    assert changed.data["text/plain"] == "[]"
    paths = loaded.do("[p for p in changed.path if p.startswith('/cell')]")
    assert paths.data["text/plain"] == "[]"
    assert value(loaded, "any(p.endswith('data.txt') for p in changed.path)") == "True"
    loaded.do("%container checkpoint lab after")
    loaded.do("%container rollback lab after")
    loaded.do("%container rm lab")


def test_an_interrupt_ends_the_cell_inside(loaded: Notebook) -> None:
    """SIGINT is KeyboardInterrupt in the container's cell, which may clean up; nothing is left."""
    done: list[bool] = []

    def interrupt(cell: Cell) -> None:
        if "ready" in cell.text() and not done:
            done.append(True)
            loaded.manager.interrupt_kernel()

    cell = loaded.run(
        "%%container python --network none\n"
        "import time\n"
        "try:\n"
        "    print('ready', flush=True)\n"
        "    time.sleep(60)\n"
        "except KeyboardInterrupt:\n"
        "    print('cleaned up')\n"
        "    raise\n",
        meanwhile=interrupt,
    )
    assert cell.text() == "ready\ncleaned up\n"
    assert cell.ename == "KeyboardInterrupt"


_HOSTILE = {
    "a link for a result": (
        ("os.symlink('/etc/passwd', '/cell/out/1')\nsay({'kind': 'json', 'file': '1'})\n"),
        "--out r: its file cannot be opened: Too many levels of symbolic links",
    ),
    "a way out of the directory": (
        "say({'kind': 'json', 'file': '../in/manifest.json'})\n",
        "--out r: the container named no file",
    ),
    "a pipe": (
        "os.mkfifo('/cell/out/1')\nsay({'kind': 'json', 'file': '1'})\n",
        "--out r: its file is no plain file",
    ),
    "a file of many gigabytes": (
        (
            'put(\'{"$": "frame", "file": "2"}\')\n'
            "open('/cell/out/2', 'w').truncate(1 << 40)\nsay({'file': '1'})\n"
        ),
        "--out r: it has 1,099,511,627,776 bytes, more than the 1,073,741,824 that may come",
    ),
    "broken JSON": (
        "put('[' * 100000)\nsay({'kind': 'json', 'file': '1'})\n",
        "--out r: this is no JSON",
    ),
    "broken Arrow": (
        (
            'put(\'{"$": "frame", "file": "2"}\')\n'
            "open('/cell/out/2', 'w').write('ARROW1' * 9)\nsay({'file': '1'})\n"
        ),
        "--out r: this is no value",
    ),
    "no manifest at all": ("open('/cell/out/manifest.json', 'w').write('{')\n", "this is no JSON"),
    "a list for a manifest": (
        "open('/cell/out/manifest.json', 'w').write('[1]')\n",
        "the container's list of results is broken",
    ),
}
_TOOLS = (
    "import json, os\n"
    "def put(text):\n"
    "    with open('/cell/out/1', 'w') as file: file.write(text)\n"
    "def say(entry):\n"
    "    with open('/cell/out/manifest.json', 'w') as file:\n"
    "        json.dump({'shown': [], 'results': {'r': entry}}, file)\n"
)


def test_hostile_results_end_in_one_line_and_set_nothing(loaded: Notebook) -> None:
    """Links, pipes, floods and broken files of each kind: told, not followed, and removed."""
    for name, (act, words) in _HOSTILE.items():
        cell = loaded.run(f"%%container python --out r --network none\n{_TOOLS}{act}os._exit(0)\n")
        assert cell.ename == "ResultError", (name, cell.text("stderr"), cell.error)
        assert cell.error[0].startswith(words), name
    assert value(loaded, "'r' in globals()") == "False"


def test_a_hostile_picture_is_a_line_of_text(loaded: Notebook) -> None:
    """What says it is a PNG and is none is not shown, and the results come all the same."""
    cell = loaded.do(
        "%%container python --out r --network none\n"
        "class Picture:\n"
        "    def _repr_png_(self): return b'<svg onload=alert(1)>'\n"
        "r = 1\n"
        "Picture()\n"
    )
    assert shown(cell, "text/plain") == ["[not shown: this is no picture: it is no PNG]"]
    assert value(loaded, "r") == "1"


def test_another_image_runs_the_cell_with_its_own_python(loaded: Notebook) -> None:
    """In an image that is not `host` frames keep their types, too."""
    loaded.do("%%container run --name base host python\nprint()\n")
    loaded.do("%container commit base lab:1")
    told = loaded.do("%container image inspect -f '{{json .Config.Cmd}}' lab:1")
    assert "cell" not in told.data["text/plain"]  # the script went with the container
    cell = loaded.do(
        "%%container python --image lab:1 --in x --out y --network none\ny = x['rate']\n"
    )
    assert cell.text("stderr") == ""
    assert value(loaded, "y") == "0.5"
    cell = loaded.do(
        "%%container python --image lab:1 --in df --out back --network none\nback = df\n"
    )
    assert value(loaded, "back.equals(df), all(back.dtypes == df.dtypes)") == "(True, True)"
    loaded.do("%container rm base")


def test_limits_and_users_of_run_are_a_cells_too(loaded: Notebook) -> None:
    """-m bounds the cell; another user may give results back."""
    cell = loaded.run(
        "%%container python -m 64m --network none\nx = bytearray(400 << 20)\nlen(x)\n"
    )
    if cell.status == "error":  # where this user has a cgroup
        assert "out of memory: the limit was 64 MiB (-m)" in cell.error[0]
    else:
        assert "This user has no cgroup here" in cell.text("stderr")
    cell = loaded.do(
        "%%container python -u 1000:1000 --out y --network none\nimport os; y = os.getuid()\n"
    )
    assert cell.status == "ok"
    assert value(loaded, "y") == "1000"
