"""Notebooks in a browser: JupyterLab and Notebook 7 in Debian's Chromium, driven by Playwright.

One server, one browser and one home for the whole room; a page and a kernel for each test. The
server listens on the loopback with a token and keeps everything in a temporary directory.
"""

from __future__ import annotations

import json
import os
import re
import secrets
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Callable, Generator, Iterator, Sequence
from importlib import metadata
from pathlib import Path
from typing import Any

import axe_playwright_python
import nbformat
import pytest
from playwright.sync_api import Browser, Locator, expect, sync_playwright
from playwright.sync_api import Page as Tab

import ipycontainer

CLONE = Path(__file__).resolve().parents[2]
PATIENCE_SECONDS = 60
# A run takes each test in one of them, with --full in both.
APPS = pytest.mark.parametrize(
    "app", [pytest.param(app, marks=pytest.mark.either) for app in ("lab", "notebook")]
)
# No news, no blinking, every cell in the document: a page is then the same each time.
_SETTINGS = {
    "@jupyterlab/apputils-extension:notification": {"fetchNews": "false", "checkForUpdates": False},
    "@jupyterlab/notebook-extension:tracker": {"windowingMode": "none"},
    "@jupyterlab/codemirror-extension:plugin": {"defaultConfig": {"cursorBlinkRate": 0}},
}
# Before a kernel has answered, a run is lost without a word.
_READY = """async () => {
  const app = window.jupyterapp;
  await app.restored;
  const panel = app.shell.currentWidget;
  await panel.revealed;
  await panel.sessionContext.ready;
  await panel.sessionContext.session.kernel.info;
}"""
_REVEALED = """async () => {
  await window.jupyterapp.restored;
  await window.jupyterapp.shell.currentWidget.revealed;
}"""
_RUN = """async (index) => {
  const app = window.jupyterapp;
  const notebook = app.shell.currentWidget.content;
  notebook.activeCellIndex = index;
  await app.commands.execute('notebook:run-cell');
}"""
_COMMAND = "([name, args]) => window.jupyterapp.commands.execute(name, args)"
_THEMED = """(name) => document.body.dataset.jpThemeName === name
  && !document.getElementById('jupyterlab-splash')"""
# Notebook 7 says the first two of itself whenever it is loaded, both the third of a short session.
_NOT_OURS = re.compile(
    r"reading 'schema'|'filebrowser:open-path' not registered|restore the debugger state"
)


expect.set_options(timeout=PATIENCE_SECONDS * 1000 / 2)


class Server:
    """A Jupyter server whose kernels use one home."""

    def __init__(self, directory: Path, home: Path) -> None:
        self.directory = directory / "work"
        self.token = secrets.token_hex(8)
        self.url = f"http://127.0.0.1:{_free_port()}"
        self._log = directory / "server.log"
        self.environment = _environment(directory, home)
        self._settle(directory)
        flags = {
            "ServerApp.ip": "127.0.0.1",
            "ServerApp.port": self.url.rpartition(":")[2],
            "ServerApp.port_retries": 0,
            "ServerApp.root_dir": self.directory,
            "IdentityProvider.token": self.token,
            "LabApp.expose_app_in_browser": True,
            "LabApp.workspaces_dir": directory / "workspaces",
            "JupyterNotebookApp.expose_app_in_browser": True,
        }
        with self._log.open("wb") as log:
            self._process = subprocess.Popen(
                [sys.executable, "-m", "jupyterlab", "--allow-root", "--no-browser"]
                + [f"--{name}={value}" for name, value in flags.items()],
                env=self.environment,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )

    def _settle(self, directory: Path) -> None:
        self.directory.mkdir()
        settings = directory / "config" / "labconfig" / "default_setting_overrides.json"
        settings.parent.mkdir(parents=True)
        settings.write_text(json.dumps(_SETTINGS))

    def wait(self) -> None:
        """Wait until it answers."""
        deadline = time.monotonic() + PATIENCE_SECONDS
        while True:
            try:
                self.ask("/api/status")
                return
            except OSError:
                said = self._log.read_text()
                assert self._process.poll() is None, said
                assert time.monotonic() < deadline, said
                time.sleep(0.1)

    def ask(self, path: str, method: str = "GET") -> Any:
        """Ask the server's API."""
        request = urllib.request.Request(
            self.url + path, method=method, headers={"Authorization": f"token {self.token}"}
        )
        with urllib.request.urlopen(request, timeout=10) as answer:
            body = answer.read()
        return json.loads(body) if body else None

    def kernel_pid(self, name: str) -> int:
        """Return the process of the kernel of the notebook `name`, by its connection file."""
        (kernel,) = [s["kernel"]["id"] for s in self.ask("/api/sessions") if s["path"] == name]
        for entry in Path("/proc").glob("[0-9]*/cmdline"):
            try:
                line = entry.read_bytes()
            except OSError:
                continue
            if kernel.encode() in line:
                return int(entry.parent.name)
        raise AssertionError(f"{name} has no kernel")

    def end_kernels(self) -> None:
        """End every kernel: the next test shall not share the machine with them."""
        for session in self.ask("/api/sessions"):
            self.ask(f"/api/sessions/{session['id']}", "DELETE")

    def stop(self) -> None:
        """End the server."""
        self._process.terminate()
        try:
            self._process.wait(PATIENCE_SECONDS)
        except subprocess.TimeoutExpired:
            os.killpg(self._process.pid, signal.SIGKILL)
            self._process.wait()


def _environment(directory: Path, home: Path) -> dict[str, str]:
    environment = {
        **os.environ,
        "IPYCONTAINER_HOME": str(home),
        "IPYTHONDIR": str(directory / "ipython"),
        "JUPYTER_CONFIG_DIR": str(directory / "config"),
        "JUPYTER_DATA_DIR": str(directory / "data"),
        "JUPYTER_RUNTIME_DIR": str(directory / "runtime"),
        "JUPYTER_PREFER_ENV_PATH": "1",
    }
    try:
        metadata.distribution("ipycontainer")
    except metadata.PackageNotFoundError:  # a clone that is not installed
        environment["PYTHONPATH"] = str(CLONE)
    return environment


def _free_port() -> int:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        port: int = listener.getsockname()[1]
        return port


class Notebook:
    """A notebook in a tab of the browser; `app` is lab or notebook."""

    def __init__(self, server: Server, tab: Tab, name: str, app: str) -> None:
        self.server = server
        self.tab = tab
        self.name = name
        self.app = app
        self.complaints: list[str] = []
        tab.on("console", self._hear_console)
        tab.on("pageerror", lambda error: self._hear(str(error)))

    def _hear_console(self, message: Any) -> None:
        if message.type == "error":
            self._hear(f"{message.text} ({message.location.get('url', '')})")

    def _hear(self, text: str) -> None:
        if not _NOT_OURS.search(text):
            self.complaints.append(text)

    def show(self, *, kernel: bool = True) -> None:
        """Load the page and wait until its kernel answers, if it shall have one."""
        way = "lab/tree" if self.app == "lab" else "notebooks"
        self.tab.goto(f"{self.server.url}/{way}/{self.name}?token={self.server.token}&reset")
        self.tab.wait_for_function("() => window.jupyterapp?.shell?.currentWidget?.content?.model")
        self.tab.evaluate(_READY if kernel else _REVEALED)

    def run(self, index: int) -> Locator:
        """Run a cell to its end; return its output."""
        self.tab.evaluate(_RUN, index)
        return self.output(index)

    def begin(self, index: int) -> None:
        """Run a cell without waiting for its end."""
        self.tab.evaluate(f"(index) => {{ ({_RUN})(index) }}", index)

    def output(self, index: int) -> Locator:
        """Return where a cell's output stands."""
        return self.tab.locator(".jp-Notebook .jp-Cell").nth(index).locator(".jp-Cell-outputArea")

    def command(self, name: str, **arguments: Any) -> None:
        """Run a command of the page's."""
        self.tab.evaluate(_COMMAND, [name, arguments])

    def theme(self, name: str) -> None:
        """Change to `JupyterLab Light` or `JupyterLab Dark`."""
        self.command("apputils:change-theme", theme=name)
        self.tab.wait_for_function(_THEMED, arg=name)

    def save(self) -> Any:
        """Save, and return what lies on the disk."""
        self.command("docmanager:save")
        return self.read()

    def read(self) -> Any:
        """Return the notebook as it lies on the disk."""
        text = (self.server.directory / self.name).read_text()
        return nbformat.reads(text, as_version=4)

    def kill_kernel(self) -> None:
        """Kill the kernel, without a word."""
        os.kill(self.server.kernel_pid(self.name), signal.SIGKILL)

    def picture(self, name: str) -> None:
        """Keep a picture of the page, where $IPYCONTAINER_PICTURES names a directory for them."""
        if directory := os.environ.get("IPYCONTAINER_PICTURES"):
            self.tab.screenshot(path=Path(directory) / f"{self.app}-{name}.png")

    def look(self, name: str, *selectors: str) -> None:
        """Keep pictures in both themes; in neither may axe-core find anything serious."""
        for theme, suffix in (("JupyterLab Dark", "-dark"), ("JupyterLab Light", "")):
            self.theme(theme)
            self.tab.locator(selectors[0]).first.scroll_into_view_if_needed()
            self.picture(name + suffix)
            assert self.violations(*selectors) == [], theme

    def keep(self) -> Path:
        """Keep a picture of a test that failed, and return where."""
        path = Path(tempfile.mkdtemp(prefix="ipyc-picture-")) / f"{self.app}.png"
        self.tab.screenshot(path=path, full_page=True)
        return path

    def violations(self, *selectors: str) -> list[str]:
        """Return what axe-core finds wrong, seriously, in these parts of the page."""
        if not self.tab.evaluate("() => 'axe' in window"):
            self.tab.add_script_tag(content=_axe())
        found = self.tab.evaluate(
            "async (include) => (await axe.run({include: include.map(each => [each])})).violations",
            list(selectors),
        )
        return [
            f"{each['id']}: {node['html'][:200]}"
            for each in found
            if each["impact"] in ("serious", "critical")
            for node in each["nodes"]
        ]


def _axe() -> str:
    """Return axe-core, which this package brings along."""
    (script,) = Path(axe_playwright_python.__file__).parent.glob("axe.min.js")
    return script.read_text()


@pytest.fixture(scope="package")
def browser_home(lasting_home: Path, busybox_tar: Path) -> Path:
    """The home of all these tests, with the small image in it."""
    with ipycontainer.connect(lasting_home) as engine:
        engine.images.import_(busybox_tar, repository="busybox", tag="latest")
    return lasting_home


@pytest.fixture(scope="package")
def server(tmp_path_factory: pytest.TempPathFactory, browser_home: Path) -> Iterator[Server]:
    """The one server."""
    server = Server(tmp_path_factory.mktemp("jupyter"), browser_home)
    try:
        server.wait()
        yield server
    finally:
        server.stop()


@pytest.fixture(scope="package")
def browser() -> Iterator[Browser]:
    """The one browser: the machine's own, since Playwright's has to be downloaded."""
    chromium = os.environ.get("CHROMIUM") or shutil.which("chromium") or "chromium"
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium)
        yield browser
        browser.close()


Open = Callable[..., Notebook]
_FAILED = pytest.StashKey[bool]()


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item, call: pytest.CallInfo[None]
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Remember for the fixture below that its test has failed."""
    report = yield
    item.stash[_FAILED] = call.when == "call" and report.failed
    return report


@pytest.fixture
def open_notebook(
    server: Server, browser: Browser, browser_home: Path, request: pytest.FixtureRequest
) -> Iterator[Open]:
    """Open a notebook of these cells, whose first loads the extension and is run.

    At the end no page may have complained, and no container and no kernel is left.
    """
    context = browser.new_context(viewport={"width": 1200, "height": 900})
    context.grant_permissions(["clipboard-read", "clipboard-write"])
    context.set_default_timeout(PATIENCE_SECONDS * 1000)
    opened: list[Notebook] = []

    def open_notebook(cells: Sequence[str] = (), *, app: str = "lab", name: str = "") -> Notebook:
        notebook = Notebook(server, context.new_page(), name, app)
        if not name:
            notebook.name = f"{request.node.originalname}-{len(opened)}.ipynb"
            _write(server.directory / notebook.name, ["%load_ext ipycontainer", *cells])
        opened.append(notebook)
        notebook.show(kernel=not name)
        if not name:
            notebook.run(0)
        return notebook

    yield open_notebook
    if request.node.stash.get(_FAILED, False):
        for each in opened:
            print(f"a picture of {each.name}: {each.keep()}")
    complaints = [complaint for each in opened for complaint in each.complaints]
    context.close()
    server.end_kernels()
    with ipycontainer.connect(browser_home) as engine:
        for container in engine.containers.list(all=True):
            container.remove(force=True)
    assert not complaints, "\n".join(complaints)


def _write(path: Path, cells: Sequence[str]) -> None:
    notebook: Any = nbformat.v4.new_notebook()
    notebook.metadata["kernelspec"] = {"name": "python3", "display_name": "Python 3"}
    notebook.cells = [nbformat.v4.new_code_cell(cell) for cell in cells]
    nbformat.write(notebook, path)
