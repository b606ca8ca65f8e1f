"""A real kernel, as Jupyter starts it: outside the clone, with a home of its own."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from importlib import metadata
from pathlib import Path
from typing import Any

import pytest
from jupyter_client.blocking.client import BlockingKernelClient
from jupyter_client.manager import KernelManager

CLONE = Path(__file__).resolve().parents[2]
PATIENCE_SECONDS = 60


@dataclass
class Cell:
    """What a cell showed: `stream` is stdout or stderr, `moments` when each message came."""

    status: str = ""
    messages: list[tuple[str, dict[str, Any]]] = field(default_factory=list)
    moments: list[float] = field(default_factory=list)

    def text(self, stream: str = "stdout") -> str:
        """Return all that was written to a stream."""
        return "".join(
            content["text"]
            for kind, content in self.messages
            if kind == "stream" and content["name"] == stream
        )

    @property
    def data(self) -> dict[str, Any]:
        """Return the value's forms by MIME type; empty without a value."""
        shown = [
            c["data"] for kind, c in self.messages if kind in ("execute_result", "display_data")
        ]
        return shown[-1] if shown else {}

    @property
    def error(self) -> list[str]:
        """Return the lines of the error that ended the cell."""
        errors = [content for kind, content in self.messages if kind == "error"]
        return errors[-1]["traceback"] if errors else []

    @property
    def ename(self) -> str:
        """Return the name of the error's type."""
        errors = [content for kind, content in self.messages if kind == "error"]
        return str(errors[-1]["ename"]) if errors else ""


_SHOWN = ("stream", "error", "execute_result", "display_data", "update_display_data")


class Notebook:
    """A kernel and its client; cells are run one by one."""

    def __init__(self, directory: Path, home: Path) -> None:
        self.directory = directory
        self.home = home
        self.manager = KernelManager(kernel_name="python3")
        self.client: BlockingKernelClient

    def start(self) -> None:
        """Start the kernel and wait until it answers."""
        environment = {
            **os.environ,
            "IPYTHONDIR": str(self.directory / ".ipython"),
        }
        try:
            metadata.distribution("ipycontainer")
        except metadata.PackageNotFoundError:  # a clone that is not installed
            environment["PYTHONPATH"] = str(CLONE)
        self.manager.start_kernel(cwd=str(self.directory), env=environment)
        self._connect()

    def _connect(self) -> None:
        self.client = self.manager.blocking_client()
        self.client.start_channels()
        self.client.wait_for_ready(timeout=PATIENCE_SECONDS)

    def run(self, code: str, meanwhile: Callable[[Cell], None] | None = None) -> Cell:
        """Run a cell; `meanwhile` is called after each message that it shows."""
        cell = Cell()

        def take(message: dict[str, Any]) -> None:
            kind = message["msg_type"]
            if kind in _SHOWN:
                cell.messages.append((kind, message["content"]))
                cell.moments.append(time.monotonic())
                if meanwhile is not None:
                    meanwhile(cell)

        reply = self.client.execute_interactive(
            code, output_hook=take, allow_stdin=False, timeout=PATIENCE_SECONDS
        )
        cell.status = reply["content"]["status"]
        return cell

    def do(self, code: str) -> Cell:
        """Run a cell that must not fail."""
        cell = self.run(code)
        assert cell.status == "ok", "\n".join(cell.error) + cell.text("stderr")
        return cell

    def load(self) -> Cell:
        """Load the extension."""
        return self.do("%load_ext ipycontainer")

    def restart(self, *, now: bool) -> None:
        """Restart the kernel; `now` kills it."""
        self.client.stop_channels()
        self.manager.restart_kernel(now=now)
        self._connect()

    def stop(self) -> None:
        """End the kernel."""
        self.client.stop_channels()
        self.manager.shutdown_kernel(now=True)
        self.manager.cleanup_resources()


@pytest.fixture(scope="module")
def lasting_notebook(
    tmp_path_factory: pytest.TempPathFactory, lasting_home: Path
) -> Iterator[Notebook]:
    """Return a notebook for all tests of a module, with the extension loaded: a start takes 2 s."""
    directory = tmp_path_factory.mktemp("work")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("IPYCONTAINER_HOME", str(lasting_home))
        patch.setenv("JUPYTER_PREFER_ENV_PATH", "1")
        for name in ("JUPYTER_CONFIG_DIR", "JUPYTER_DATA_DIR", "JUPYTER_RUNTIME_DIR"):
            patch.setenv(name, str(tmp_path_factory.mktemp(name.lower())))
        notebook = Notebook(directory, lasting_home)
        notebook.start()
        notebook.load()
        yield notebook
        notebook.stop()


@pytest.fixture
def notebook(tmp_path: Path, home: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Notebook]:
    """Return a notebook in a directory of its own, without the extension loaded."""
    for name in ("JUPYTER_CONFIG_DIR", "JUPYTER_DATA_DIR", "JUPYTER_RUNTIME_DIR"):
        monkeypatch.setenv(name, str(tmp_path / name.lower()))
    # Else a kernelspec in ~/.local, of another Python, would come first.
    monkeypatch.setenv("JUPYTER_PREFER_ENV_PATH", "1")
    directory = tmp_path / "work"
    directory.mkdir()
    notebook = Notebook(directory, home)
    notebook.start()
    yield notebook
    notebook.stop()
