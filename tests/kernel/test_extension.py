"""Loading the extension into a real kernel: quick, without traces, and undone again."""

from __future__ import annotations

from tests.kernel.conftest import Notebook


def test_load_prints_one_line_and_makes_no_home(notebook: Notebook) -> None:
    """One line says what is loaded; nothing is made for it, and pandas is not imported."""
    cell = notebook.load()
    assert cell.text().startswith("ipycontainer")
    assert cell.text().count("\n") == 1
    assert cell.text("stderr") == ""
    assert not notebook.home.exists()
    assert notebook.do("import sys; 'pandas' in sys.modules").data["text/plain"] == "False"


def test_load_again_reload_and_unload(notebook: Notebook) -> None:
    """%load_ext twice and %reload_ext work; %unload_ext takes the magic away."""
    notebook.load()
    assert "already loaded" in notebook.load().text()
    assert notebook.do("%reload_ext ipycontainer").text().startswith("ipycontainer")
    assert "Commands:" in notebook.do("%container --help").data["text/plain"]
    notebook.do("%unload_ext ipycontainer")
    assert "not found" in notebook.run("%container --help").text("stderr")
    notebook.do("%load_ext ipycontainer")
    assert "Commands:" in notebook.do("%container --help").data["text/plain"]


def test_the_magic_can_load_itself(notebook: Notebook) -> None:
    """With IPython's lazy_magics the first line loads the extension."""
    notebook.do(
        "get_ipython().magics_manager.lazy_magics['container'] = 'ipycontainer'",
    )
    assert "Commands:" in notebook.do("%container --help").data["text/plain"]


def test_a_machine_without_namespaces_still_loads(notebook: Notebook) -> None:
    """Whatever doctor meets, loading succeeds and says it in a line."""
    notebook.do(
        "from ipycontainer.engine import doctor\n"
        "def broken(**_):\n"
        "    raise OSError('no /proc here')\n"
        "doctor.line = broken"
    )
    assert "no /proc here" in notebook.load().text()


def test_errors_are_one_line(notebook: Notebook) -> None:
    """A wrong line shows docker's words in one line, or two with a hint; no traceback."""
    notebook.load()
    for line in ("run --publsh 80 busybox", "frobnicate", "run {nobody}", "ps | grep x"):
        cell = notebook.run(f"%container {line}")
        assert cell.status == "error"
        shown = "\n".join(cell.error) + cell.text("stderr")
        assert 1 <= len(shown.strip().splitlines()) <= 2, shown
        assert "Traceback" not in shown
