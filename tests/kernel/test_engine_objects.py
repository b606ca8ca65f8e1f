"""The engine's objects in cells: cards, a `with` that cleans up, limits of time, settings."""

from __future__ import annotations

import time

import pytest

from tests.kernel.conftest import Notebook


@pytest.fixture
def loaded(lasting_notebook: Notebook) -> Notebook:
    """Return the notebook with an engine in it."""
    lasting_notebook.do("import ipycontainer\nengine = ipycontainer.connect()")
    return lasting_notebook


def test_everything_has_a_card(loaded: Notebook) -> None:
    """Images, networks and volumes show a card and a line; so does a container."""
    for expression, text, page in (
        ("engine.images.get('host')", "host:latest", "<strong>host:latest</strong>"),
        ("engine.networks.get('bridge')", "bridge", "addresses"),
        ("engine.volumes.create('data', labels={'a': '<b>'})", "data  local", "&lt;b&gt;"),
    ):
        data = loaded.do(expression).data
        assert data["text/plain"].startswith(text), expression
        assert page in data["text/html"], expression
        assert "<b>" not in data["text/html"]
    loaded.do("engine.volumes.get('data').remove()")


def test_a_container_goes_with_its_block(loaded: Notebook) -> None:
    """It runs inside the `with`, and is gone after it, also by way of an error."""
    cell = loaded.run(
        "with engine.containers.run('host', ['sleep', '100'], network='none', detach=True) as c:\n"
        "    print(c.status, next(iter(c.stats()))['pids_stats']['current'] >= 1)\n"
        "    1 / 0\n"
    )
    assert cell.text().startswith("running")
    assert cell.ename == "ZeroDivisionError"
    assert loaded.do("c.status, engine.containers.list(all=True)").data["text/plain"] == (
        "('removed', [])"
    )


def test_a_network_and_a_volume_go_with_their_block(loaded: Notebook) -> None:
    """Both serve a container inside the `with`; after it, by an error too, nothing of them is left.

    One that somebody has removed meanwhile is no error; one that is in use says so, and stays.
    """
    cell = loaded.run(
        "with engine.networks.create('n') as n, engine.volumes.create('vv') as v:\n"
        "    with engine.containers.run('host', ['sleep', '100'], network='n', volumes=['vv:/v'],\n"
        "                               detach=True) as c:\n"
        "        print([each.name for each in n.containers], engine.volumes.get('vv') == v)\n"
        "        1 / 0\n"
    )
    assert cell.text() == f"['{loaded.do('c.name').data['text/plain'][1:-1]}'] True\n"
    assert cell.ename == "ZeroDivisionError"
    left = loaded.do("[n.name for n in engine.networks.list()], engine.volumes.list()")
    assert left.data["text/plain"] == "(['bridge', 'host', 'none'], [])"
    loaded.do(
        "with engine.networks.create('n') as n, engine.volumes.create('vv') as v:\n"
        "    n.remove(), v.remove()\n"
    )
    cell = loaded.run(
        "with engine.volumes.create('vv') as v:\n"
        "    c = engine.containers.create('host', ['true'], volumes=['vv:/v'])\n"
    )
    assert cell.ename == "VolumeInUse"
    loaded.do("c.remove()\nv.remove()")


def test_a_time_limit_ends_a_program(loaded: Notebook) -> None:
    """--timeout of run, exec, wait and python: what was printed stays, the cell says why."""
    begun = time.monotonic()
    cell = loaded.run(
        "%container run --rm --timeout 0.5 --network none host sh -c 'echo begun; sleep 60'"
    )
    assert cell.text() == "begun\n"
    assert cell.ename == "OperationTimeout"
    assert cell.error[0].endswith(" did not end within 0.5 seconds and was ended")
    loaded.do("%container run -d --name web --network none host sleep 100")
    cell = loaded.run("%container exec --timeout 500ms web sleep 60")
    assert cell.error[0] == "sleep did not end within 0.5 seconds and was ended"
    cell = loaded.run("%container wait --timeout 0.2 web")
    assert cell.ename == "OperationTimeout"
    cell = loaded.run("%%container python --timeout 1 --network none\nwhile True: pass\n")
    assert cell.ename == "OperationTimeout"
    assert "Conflicting options" in loaded.run("%container run -d --timeout 1 host true").error[0]
    assert "more than 0" in loaded.run("%container wait --timeout 0 web").error[0]
    assert loaded.do("%container ps -aq").data["text/plain"].count(",") == 0
    loaded.do("%container rm -f web")
    assert time.monotonic() - begun < 60


def test_settings_are_ipythons(loaded: Notebook) -> None:
    """%config bounds a cell's output and shows whole tracebacks; the class is listed once."""
    loaded.do("%config ContainerMagics.output_bytes = 1024")
    flood = loaded.do("%container run --rm --network none host seq 5000")
    assert len(flood.text()) < 1100
    assert "[output stops here after 1KiB." in flood.text("stderr")
    loaded.do("%config ContainerMagics.output_bytes = 2097152")
    assert len(loaded.run("%container inspect nobody").error) <= 2
    loaded.do("%config ContainerMagics.full_tracebacks = True")
    assert any("magics.py" in line for line in loaded.run("%container inspect nobody").error)
    loaded.do("%config ContainerMagics.full_tracebacks = False")
    listed = loaded.do("%reload_ext ipycontainer\n%config").text()
    assert listed.count("ContainerMagics") == 1
