"""A notebook without a kernel: the magic in one IPython for a module, on an engine in memory."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from IPython.core.interactiveshell import InteractiveShell
from traitlets.config import Config

from kernel_ext.magics import ContainerMagics
from tests.fakes import FakeContainer, FakeEngine


class Cells:
    """A notebook without a kernel: cells are run in this process, on an engine in memory."""

    def __init__(self, shell: InteractiveShell, engine: FakeEngine) -> None:
        self.shell = shell
        self.engine = engine

    def run(self, text: str) -> Any:
        """Run a cell and return its value; raises what it raised."""
        outcome = self.shell.run_cell(text, store_history=False)  # type: ignore[no-untyped-call]
        error = outcome.error_before_exec or outcome.error_in_exec
        if error is not None:
            raise error
        return outcome.result

    def forms(self, value: object) -> dict[str, Any]:
        """Return how a value would be shown, by MIME type."""
        formatter: Any = self.shell.display_formatter
        forms: dict[str, Any] = formatter.format(value)[0]
        return forms

    def container(self, name: str) -> FakeContainer:
        """Return a container of the engine."""
        return self.engine.containers.get(name)


@pytest.fixture(scope="module")
def shell(tmp_path_factory: pytest.TempPathFactory) -> Iterator[InteractiveShell]:
    """Make one shell for the module: it takes a tenth of a second."""
    config = Config()
    config.HistoryManager.enabled = False
    config.InteractiveShell.colors = "nocolor"
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("IPYTHONDIR", str(tmp_path_factory.mktemp("ipython")))
        yield InteractiveShell.instance(config=config)
        InteractiveShell.clear_instance()


@pytest.fixture
def cells(
    shell: InteractiveShell, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Cells]:
    """Return a fresh notebook with the magic and an engine in memory."""
    monkeypatch.chdir(tmp_path)
    engine = FakeEngine()
    shell.register_magics(ContainerMagics(shell, lambda: engine))
    shell.user_ns.pop("__", None)
    yield Cells(shell, engine)
    shell.reset(new_session=False)  # type: ignore[no-untyped-call]
