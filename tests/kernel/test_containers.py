"""Containers from the cells of a real kernel: output, interrupts, and what outlives the kernel."""

from __future__ import annotations

import os
import signal
import threading
import time
from collections.abc import Callable
from itertools import pairwise

import pytest

from tests.kernel.conftest import Cell, Notebook

pytestmark = pytest.mark.sampled


@pytest.fixture
def loaded(notebook: Notebook) -> Notebook:
    """Return a notebook with the extension loaded."""
    notebook.load()
    return notebook


def when_shown(text: str, act: Callable[[], object]) -> Callable[[Cell], None]:
    """Return a watcher that acts once, as soon as the cell has shown a text."""
    done: list[bool] = []

    def watch(cell: Cell) -> None:
        if text in cell.text() and not done:
            done.append(True)
            act()

    return watch


def test_a_python_cell_runs_in_a_copy_of_its_directory(loaded: Notebook) -> None:
    """The script sees the file beside the notebook, changes its copy, and diff shows the change."""
    data = loaded.directory / "data.csv"
    data.write_text("n\n1\n2\n")
    cell = loaded.do(
        "%%container run --name job host\n"
        "import pandas as pd\n"
        "frame = pd.read_csv('data.csv')\n"
        "frame.assign(n=frame.n * 10).to_csv('data.csv', index=False)\n"
        "print(frame.n.sum())\n"
    )
    assert cell.text() == "3\n"
    assert data.read_text() == "n\n1\n2\n"
    shown = loaded.do("difference = %container diff job\ndifference")
    assert "data.csv" in shown.data["text/html"]
    assert "changed" in shown.data["text/html"]
    paths = loaded.do("sorted(p for p in difference.path if 'cell' in p or 'data' in p)")
    assert paths.data["text/plain"] == f"['{data}']"


def test_a_script_may_import_what_lies_beside_it(loaded: Notebook) -> None:
    """As in a cell, a module in the notebook's directory can be imported."""
    (loaded.directory / "beside.py").write_text("answer = 42\n")
    cell = loaded.do("%%container run --rm host\nimport beside\nprint(beside.answer)\n")
    assert cell.text() == "42\n"


def test_a_traceback_shows_the_cells_lines(loaded: Notebook) -> None:
    """A failing script shows its own line, then the cell ends with one line."""
    cell = loaded.run("%%container run --name bad host\nx = 1\nraise ValueError(x)  # here\n")
    assert 'File "/cell.py", line 2' in cell.text("stderr")
    assert "raise ValueError(x)  # here" in cell.text("stderr")
    assert cell.error[0] == "bad: exit code 1"
    assert cell.ename == "ContainerError"


def test_prints_appear_while_the_program_runs(loaded: Notebook) -> None:
    """Prints 0.4 s apart are messages of their own, about as far apart."""
    cell = loaded.do(
        "%%container run --rm host\n"
        "import time\n"
        "for number in range(4):\n"
        "    print(number)\n"
        "    time.sleep(0.4)\n"
    )
    shown = [
        (content["text"], moment)
        for (_, content), moment in zip(cell.messages, cell.moments, strict=True)
        if content["name"] == "stdout"
    ]
    assert [text for text, _ in shown] == ["0\n", "1\n", "2\n", "3\n"]
    gaps = [later - earlier for (_, earlier), (_, later) in pairwise(shown)]
    assert min(gaps) > 0.2


def test_a_flood_is_cut_and_the_kernel_lives(loaded: Notebook) -> None:
    """Output without end is bounded, and one line says where the rest is."""
    cell = loaded.do(
        "%%container run --name flood host\n"
        "import sys\n"
        "for _ in range(600):\n"
        "    sys.stdout.write('y' * 9999 + '\\n')\n"
    )
    assert len(cell.text()) == 256 * 1024
    assert "%container logs flood" in cell.text("stderr")


def test_interrupt_reaches_the_program_and_not_the_kernel(loaded: Notebook) -> None:
    """The program gets SIGINT and may clean up; the cell ends, the kernel keeps its variables."""
    loaded.do("kept = 1")
    cell = loaded.run(
        "%%container run --name loop host\n"
        "import time\n"
        "try:\n"
        "    print('up')\n"
        "    time.sleep(600)\n"
        "except KeyboardInterrupt:\n"
        "    print('cleaned up')\n"
        "    raise SystemExit(7)\n",
        when_shown("up\n", loaded.manager.interrupt_kernel),
    )
    assert cell.ename == "KeyboardInterrupt"
    assert len(cell.error) == 1
    assert "cleaned up\n" in cell.text()
    assert loaded.do("codes = %container wait loop\n(kept, codes)").data["text/plain"] == "(1, [7])"


def test_a_deaf_program_is_killed(loaded: Notebook) -> None:
    """A program that ignores the interrupt is ended all the same."""
    cell = loaded.run(
        "%%container run --name deaf host\n"
        "import signal, time\n"
        "signal.signal(signal.SIGINT, signal.SIG_IGN)\n"
        "signal.signal(signal.SIGTERM, signal.SIG_IGN)\n"
        "print('up')\n"
        "time.sleep(600)\n",
        when_shown("up\n", loaded.manager.interrupt_kernel),
    )
    assert cell.ename == "KeyboardInterrupt"
    assert loaded.do("%container wait deaf").data["text/plain"] == "[137]"


def test_following_a_log_can_be_interrupted(loaded: Notebook) -> None:
    """Logs -f into a variable ends with the interrupt; the container goes on."""
    loaded.do(
        "web = %container run -d --name web host python -c "
        "\"import time; print('up'); time.sleep(600)\""
    )
    timer = threading.Timer(1, loaded.manager.interrupt_kernel)
    timer.start()
    cell = loaded.run("%container --stdout text logs -f web")
    timer.join()
    assert cell.ename == "KeyboardInterrupt"
    state = loaded.do("ps = %container ps\nps.state.tolist()")
    assert state.data["text/plain"] == "['running']"


def test_errors_of_the_engine_are_one_line(loaded: Notebook) -> None:
    """What the engine refuses is said in docker's words, without a traceback."""
    for line, words in (
        ("start nobody", "No such container: nobody"),
        ("run --pull never nothing true", "nothing"),
        ("run --rm host nope", "executable file not found in $PATH"),
    ):
        cell = loaded.run(f"%container {line}")
        assert cell.status == "error"
        assert words in cell.error[0]
        assert len(cell.error) <= 2, cell.error


def test_a_container_is_shown_as_a_card(loaded: Notebook) -> None:
    """Run -d gives a card; ps a table with short ids."""
    cell = loaded.do("%container run -d --name web host sleep 600")
    assert "web" in cell.data["text/html"]
    assert "running" in cell.data["text/html"]
    assert cell.data["text/plain"].startswith("web  ")
    listing = loaded.do("%container ps")
    assert "<table" in listing.data["text/html"]


@pytest.mark.parametrize("end", ["restart", "kill -9"])
def test_detached_containers_outlive_the_kernel(loaded: Notebook, end: str) -> None:
    """After a restart or a kill of the kernel they run, and logs and exit codes are found again."""
    loaded.do("%container run -d --name stays host sleep 600;")
    loaded.do(
        "%container run -d --name ends host python -c "
        "\"import time; print('first', flush=True); time.sleep(1); print('last'); exit(5)\";"
    )
    if end == "kill -9":
        pid = loaded.do("import os; os.getpid()").data["text/plain"]
        os.kill(int(pid), signal.SIGKILL)
        time.sleep(0.2)
    loaded.restart(now=True)
    assert "running" in loaded.load().text()
    assert loaded.do("%container wait ends").data["text/plain"] == "[5]"
    assert loaded.do("%container logs ends").text() == "first\nlast\n"
    names = loaded.do("ps = %container ps\nps.name.tolist()")
    assert names.data["text/plain"] == "['stays']"
    assert loaded.do("%container exec stays echo alive").text() == "alive\n"


def test_exec_of_a_python_body_shows_its_lines(loaded: Notebook) -> None:
    """A body given to a running container is a script as well."""
    loaded.do("%container run -d --name web host sleep 600;")
    assert loaded.do("%%container exec web python\nprint(6 * 7)\n").text() == "42\n"
    cell = loaded.run("%%container exec web\nx = 1\nraise ValueError(x)  # here\n")
    assert "raise ValueError(x)  # here" in cell.text("stderr")
    assert "<string>" not in cell.text("stderr")
    assert cell.error[0] == "exec in web: exit code 1"


def test_commit_and_checkpoint_hold_nothing_still_when_told_so(loaded: Notebook) -> None:
    """`--pause=false` in a cell is what it is in the shell."""
    loaded.do("%container run -d --name box --network none host sleep 1000")
    loaded.do("%container commit --pause=false box made:1")
    loaded.do("%container checkpoint -p=false box kept")

    def pauses() -> str:
        told = f"told = %container events --since 1h --until {time.time():.9f} -f container=box\n"
        told += "[action for action in told.action if 'pause' in action]"
        return str(loaded.do(told).data["text/plain"])

    assert pauses() == "[]"
    loaded.do("%container commit box made:2")
    assert pauses() == "['pause', 'unpause']"
    loaded.do("%container rm -f box")


def test_try_and_undo_line_by_line(loaded: Notebook) -> None:
    """A checkpoint, what came after it, the way back, and a branch that goes its own way."""
    loaded.do("%container run -d --name box --network none host sleep 1000")
    loaded.do("%container exec box sh -c 'echo good > note'")
    loaded.do("%container checkpoint box first")
    loaded.do("%container exec box sh -c 'echo bad > note; echo more > other'")
    look = "found = %container diff {}\n"
    look += "sorted({{path.rsplit('/', 1)[-1] for path in found.path}} & {{'note', 'other'}})"
    assert loaded.do(look.format("box")).data["text/plain"] == "['note', 'other']"
    assert loaded.do(look.format("box:first box")).data["text/plain"] == "['note', 'other']"
    loaded.do("%container rollback box first")
    assert loaded.do("%container exec box cat note").text() == "good\n"
    assert loaded.do(look.format("box:first box")).data["text/plain"] == "[]"
    loaded.do("%container branch box twin")
    loaded.do("%container start twin")
    loaded.do("%container exec twin sh -c 'echo mine > other'")
    assert loaded.do(look.format("box twin")).data["text/plain"] == "['other']"
    assert loaded.do("%container exec twin cat note").text() == "good\n"
    kept = loaded.do("kept = %container checkpoints box\nlist(kept.iloc[:, 0])")
    assert "first" in kept.data["text/plain"]
    refused = loaded.run("%container rollback box nope")
    assert "has no checkpoint nope" in refused.error[0]
    loaded.do("%container rm -f box twin")
