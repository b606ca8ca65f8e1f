"""%%byhand in a real kernel: variables stay, output streams, errors have the cell's lines."""

from __future__ import annotations

import threading
import time
from pathlib import Path

from tests.kernel.conftest import Cell, Notebook


def test_variables_stay_until_the_process_is_thrown_away(notebook: Notebook) -> None:
    """A cell finds what earlier ones left; --new begins again, --end ends the process."""
    notebook.load()
    notebook.do("%%byhand\nimport os\nanswer = 42\nmine = os.getpid()")
    pid = int(notebook.do("%%byhand\nprint(mine) if mine == os.getpid() else None").text())
    assert notebook.do("%%byhand\nanswer + 1").text() == "43\n"
    assert "NameError" in notebook.run("answer").ename
    assert "answer" in "\n".join(notebook.run("%%byhand --new\nanswer").error)
    assert not Path(f"/proc/{pid}").exists()
    notebook.do("%byhand --end")
    again = int(notebook.do("%%byhand\nimport os; print(os.getpid())").text())
    listed = notebook.do("%byhand").text()
    assert "pivot_root" in listed
    assert "CLONE_NEWNS" in listed
    notebook.do("%unload_ext ipycontainer")
    assert not Path(f"/proc/{again}").exists()


def test_namespaces_where_the_kernel_itself_has_threads(notebook: Notebook) -> None:
    """A user namespace is refused to the kernel and made by the scratch process."""
    notebook.load()
    refused = notebook.do(
        "from ipycontainer.linux import namespaces\n"
        "try:\n    namespaces.unshare(namespaces.CLONE_NEWUSER)\n"
        "except OSError as error:\n    print(error)"
    )
    assert "Invalid argument" in refused.text()
    name = notebook.do(
        "%%byhand\nimport os\nunshare(CLONE_NEWUSER | CLONE_NEWUTS)\nsethostname('lesson')\n"
        "print(os.uname().nodename)"
    )
    assert name.text() == "lesson\n"


def test_errors_have_the_cells_lines(notebook: Notebook) -> None:
    """A failure shows where it was in the cell, ends the cell, and leaves the process as it was."""
    notebook.load()
    notebook.do("%%byhand\nkept = 1")
    cell = notebook.run("%%byhand\nfine = 1\nmount('a', '/b', 'tmpfs')")
    assert cell.status == "error"
    assert cell.ename == "ByHandError"
    assert any('", line 2, in <module>' in line for line in cell.error)
    assert "    mount('a', '/b', 'tmpfs')" in cell.error
    assert "unshare(CLONE_NEWNS) first" in cell.error[-1]
    assert notebook.do("%%byhand\nprint(kept, fine)").text() == "1 1\n"
    for line in ("--newest", "--new --end", "-x"):
        assert "byhand takes" in notebook.run(f"%byhand {line}").text("stderr")


def test_output_comes_while_it_runs_and_interrupts_end_the_cell(notebook: Notebook) -> None:
    """Lines appear one by one, both streams; an interrupt ends the cell, not the process."""
    notebook.load()
    notebook.do("%%byhand\nkept = 5\nimport time, sys")
    interrupted = threading.Event()

    def interrupt(cell: Cell) -> None:
        if "2" in cell.text() and not interrupted.is_set():
            interrupted.set()
            notebook.manager.interrupt_kernel()

    begun = time.monotonic()
    cell = notebook.run(
        "%%byhand\nprint('oops', file=sys.stderr)\n"
        "for n in range(100):\n    print(n)\n    time.sleep(0.5)",
        meanwhile=interrupt,
    )
    assert interrupted.is_set()
    assert time.monotonic() - begun < 40
    assert cell.text().startswith("0\n1\n2\n")
    assert cell.text("stderr") == "oops\n"
    assert cell.ename == "KeyboardInterrupt"
    assert notebook.do("%%byhand\nkept").text() == "5\n"


def test_process_that_does_not_listen_is_ended(notebook: Notebook) -> None:
    """One that ignores SIGINT is ended after a grace; the next cell has a new process."""
    notebook.load()

    def interrupt(cell: Cell) -> None:
        if "deaf" in cell.text() and len(cell.messages) == 1:
            notebook.manager.interrupt_kernel()

    cell = notebook.run(
        "%%byhand\nimport signal, time\nsignal.signal(signal.SIGINT, signal.SIG_IGN)\n"
        "print('deaf')\ntime.sleep(1000)",
        meanwhile=interrupt,
    )
    assert cell.ename == "KeyboardInterrupt"
    assert "was ended" in cell.error[0]
    assert notebook.do("%%byhand\n1").text() == "1\n"
    ended = notebook.do("%%byhand\nimport os\nos.execvp('sh', ['sh', '-c', 'echo bye; exit 3'])")
    assert ended.text() == (
        "bye\nThe scratch process has ended with exit code 3. The next %%byhand makes a new one.\n"
    )
    assert notebook.do("%%byhand\n2").text() == "2\n"


def test_a_killed_kernel_leaves_no_scratch_process(notebook: Notebook) -> None:
    """After kill -9 of the kernel neither process nor children are there."""
    notebook.load()
    shown = notebook.do(
        "%%byhand\nimport os, subprocess\nprint(os.getpid(), os.getppid(), "
        "subprocess.Popen(['sleep', '1000']).pid)"
    )
    pids = [int(word) for word in shown.text().split()]
    notebook.restart(now=True)
    deadline = time.monotonic() + 20
    while any(Path(f"/proc/{pid}").exists() for pid in pids) and time.monotonic() < deadline:
        time.sleep(0.02)
    assert not [pid for pid in pids if Path(f"/proc/{pid}").exists()]
