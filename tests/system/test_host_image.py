"""The `host` image with real interpreters in real prefixes: it shows what works, hides the rest."""

from __future__ import annotations

import contextlib
import http.server
import json
import os
import shutil
import ssl
import subprocess
import sys
import threading
import zipfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pyseccomp
import pytest

import ipycontainer
from ipycontainer.images.parting import LIMIT_ENTRIES

pytestmark = pytest.mark.sampled

DATA = Path(__file__).with_name("data")
DEBIAN_PYTHON = Path("/usr/bin/python3")

# What an engine in that interpreter's process does: run a command in `host`, tell all of it.
DRIVER = """
import json, sys
import ipycontainer
with ipycontainer.connect() as engine:
    words, options = json.loads(sys.argv[1])
    container = engine.containers.create("host", words, **options)
    foreground = container.start_attached(None)
    chunks = list(foreground.chunks())
    print(json.dumps({
        "code": foreground.wait(),
        "out": b"".join(data for stream, data in chunks if stream == "stdout").decode(),
        "err": b"".join(data for stream, data in chunks if stream == "stderr").decode(),
        "warnings": container.warnings,
        "changes": {change.path: change.kind for change in container.changes()},
    }))
    container.remove()
"""


@dataclass(frozen=True)
class Interpreter:
    """A Python of a user whose home is `user_home`, working in `project`."""

    executable: Path
    site: Path
    user_home: Path
    project: Path
    engine_home: Path
    library: Path

    def environment(self, **more: str) -> dict[str, str]:
        """Return the variables of that user."""
        kept = {
            name: os.environ[name] for name in ("PATH", "XDG_RUNTIME_DIR") if name in os.environ
        }
        return {
            **kept,
            "HOME": str(self.user_home),
            "IPYCONTAINER_HOME": str(self.engine_home),
            "PYTHONPATH": str(self.library),
            "PYTHONDONTWRITEBYTECODE": "1",
            **more,
        }

    def host(
        self,
        *words: str,
        process: dict[str, str] | None = None,
        before: Sequence[str] = (),
        **options: Any,
    ) -> Any:
        """Run a command in a container of `host`, as a kernel in this interpreter would.

        `process` are the kernel's variables, `before` begins its command line, `options` are those
        of `containers.create`.
        """
        options.setdefault("network", "none")
        done = subprocess.run(
            [*before, self.executable, "-c", DRIVER, json.dumps([words, options])],
            cwd=self.project,
            env=process or self.environment(),
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, done.stderr
        return json.loads(done.stdout)

    def python(self, program: str, **options: Any) -> Any:
        """Run a program in the container's `python` and return what it printed as JSON."""
        result = self.host("python", "-c", program, **options)
        assert result["code"] == 0, result["err"]
        return json.loads(result["out"])


def _virtual(base: Path | str, directory: Path) -> tuple[Path, Path]:
    subprocess.run([base, "-m", "venv", "--without-pip", directory], check=True)
    executable = directory / "bin" / "python"
    return executable, _site_of(executable)


def _ask(executable: Path | str, program: str) -> Any:
    """Return what an interpreter prints as JSON."""
    done = subprocess.run(
        [executable, "-c", f"import json, os, site, sys, sysconfig; print(json.dumps({program}))"],
        capture_output=True,
        text=True,
        check=True,
    )
    return json.loads(done.stdout)


def _site_of(executable: Path) -> Path:
    return Path(_ask(executable, "site.getsitepackages()[0]"))


def _relocated(directory: Path) -> Path:
    """Copy an interpreter with its library, without what it needs to be built or tested.

    One that is linked to a shared libpython would look for it at its old place.
    """
    for base in (sys.executable, DEBIAN_PYTHON):
        if Path(base).exists() and not _ask(base, "sysconfig.get_config_var('Py_ENABLE_SHARED')"):
            break
        # Debian builds with a shared library beside, and links its own interpreter statically.
        if base == DEBIAN_PYTHON and base.exists():
            break
    else:
        pytest.skip("no interpreter here can be moved to another place")
    real, library, name = _ask(
        base,
        "[os.path.realpath(sys.executable), sysconfig.get_path('stdlib'),"
        " 'python{}.{}'.format(*sys.version_info)]",
    )
    skip = shutil.ignore_patterns(
        "__pycache__", "config-*", "test", "idlelib", "*-packages", "sitecustomize.py"
    )
    (directory / "bin").mkdir(parents=True)
    shutil.copy(real, directory / "bin" / name)
    (directory / "bin" / "python").symlink_to(name)
    (directory / "bin" / "python3").symlink_to(name)
    shutil.copytree(library, directory / "lib" / name, ignore=skip)
    executable = directory / "bin" / "python"
    _site_of(executable).mkdir(parents=True)
    return executable


@pytest.fixture
def library(tmp_path: Path) -> Path:
    """What the engine needs of this environment, as a directory for other interpreters."""
    directory = tmp_path / "library"
    package = Path(ipycontainer.__file__).parent
    shutil.copytree(package, directory / "ipycontainer", ignore=shutil.ignore_patterns("__pyc*"))
    shutil.copy(pyseccomp.__file__, directory)
    return directory


@pytest.fixture(params=["virtual environment", "closed home", "conda", "debian"])
def interpreter(
    request: pytest.FixtureRequest, home: Path, tmp_path: Path, library: Path
) -> Interpreter:
    """An interpreter in each kind of prefix."""
    user_home = tmp_path / "ann"
    user_home.mkdir(mode=0o700)
    project = user_home / "project"
    project.mkdir()
    (project / "data.csv").write_text("a,b\n1,2\n")
    if request.param == "virtual environment":
        executable, site = _virtual(sys.executable, user_home / "venv")
    elif request.param == "closed home":
        base = _relocated(user_home / ".pyenv" / "versions" / "x")
        executable, site = _virtual(base, project / ".venv")
    elif request.param == "conda":
        executable = _relocated(tmp_path / "miniconda" / "envs" / "demo")
        (tmp_path / "miniconda" / "envs" / "demo" / "conda-meta").mkdir()
        site = _site_of(executable)
    else:
        if not DEBIAN_PYTHON.exists() or _version(DEBIAN_PYTHON) < (3, 11):
            pytest.skip("this machine has no Python 3.11 of its own")
        executable = DEBIAN_PYTHON
        version = ".".join(map(str, _version(DEBIAN_PYTHON)))
        site = user_home / ".local" / "lib" / f"python{version}" / "site-packages"
        site.mkdir(parents=True)
    return Interpreter(executable, site, user_home, project, home, library)


def _version(executable: Path) -> tuple[int, ...]:
    return tuple(_ask(executable, "sys.version_info[:2]"))


@pytest.fixture
def virtual(home: Path, tmp_path: Path, library: Path) -> Interpreter:
    """A plain virtual environment, for what does not depend on the kind of prefix."""
    user_home, project = tmp_path / "ann", tmp_path / "ann" / "project"
    project.mkdir(parents=True)
    executable, site = _virtual(sys.executable, user_home / "venv")
    return Interpreter(executable, site, user_home, project, home, library)


def test_container_imports_what_the_kernel_imports(
    interpreter: Interpreter, tmp_path: Path
) -> None:
    """A module in site-packages and editable installs of both styles are there, in any prefix."""
    sources = tmp_path / "sources"
    for style in ("path", "finder"):
        (sources / style / f"by_{style}").mkdir(parents=True)
        (sources / style / f"by_{style}" / "__init__.py").touch()
    (interpreter.site / "plain.py").touch()
    (interpreter.site / "__editable__.by_path-1.pth").write_text(f"{sources}/path\n")
    (interpreter.site / "__editable___by_finder_1_finder.py").write_text(
        "import sys\nfrom importlib.machinery import PathFinder\n"
        f"MAPPING: dict = {{'by_finder': '{sources}/finder/by_finder'}}\n"
        "class Finder:\n"
        "    @classmethod\n"
        "    def find_spec(cls, name, path=None, target=None):\n"
        f"        return PathFinder.find_spec(name, ['{sources}/finder']) if name in MAPPING"
        " else None\n"
        "def install():\n    sys.meta_path.append(Finder)\n"
    )
    (interpreter.site / "__editable__.by_finder-1.pth").write_text(
        "import __editable___by_finder_1_finder; __editable___by_finder_1_finder.install()\n"
    )
    found = interpreter.python(
        "import json, os, sys, sqlite3, ctypes, plain, by_path, by_finder\n"
        "print(json.dumps([sys.prefix, os.getcwd(), open('data.csv').read()]))"
    )
    prefix = _ask(interpreter.executable, "sys.prefix")
    assert found == [prefix, str(interpreter.project), "a,b\n1,2\n"]


def test_script_changes_its_own_copy(virtual: Interpreter) -> None:
    """Files beside the notebook can be changed; outside they stay, and `diff` names the change."""
    data = virtual.project / "data.csv"
    data.write_text("before")
    (virtual.project / ".netrc").write_text("secret")
    result = virtual.host("sh", "-c", "echo after > data.csv; cat data.csv")
    assert result["out"] == "after\n"
    assert data.read_text() == "before"
    changes = {path for path, kind in result["changes"].items() if path.startswith(str(data))}
    assert changes == {str(data)}
    assert not [path for path in result["changes"] if "netrc" in path or path.startswith("/etc")]


@pytest.mark.parametrize("full", [False, True], ids=["a few", "many"])
def test_tree_in_which_something_is_mounted_is_shown(
    full: bool, virtual: Interpreter, tmp_path: Path
) -> None:
    """As Windows' subsystem for Linux mounts below /usr/lib: an ordinary user's overlay has no way.

    What lies beside can be changed, if there is not too much of it; what is mounted is there.
    """
    project, elsewhere = virtual.project, tmp_path / "elsewhere"
    for place in (project / "mounted", project / "beside", elsewhere):
        place.mkdir()
    (elsewhere / "there").write_text("from elsewhere")
    (project / "beside" / "file").write_text("beside")
    (project / "plain").write_text("plain")
    (project / "link").symlink_to("plain")
    for number in range(LIMIT_ENTRIES if full else 0):
        (project / f"one of many {number}").touch()
    words = ["sh", "-c", "cat mounted/there beside/file plain link; echo new > beside/file"]
    found = virtual.host(*words, before=mounted(elsewhere, project / "mounted"))
    assert found["out"] == "from elsewherebesideplainplain"
    closed = full and os.geteuid() != 0
    assert (found["code"] != 0) is closed, found["err"]
    changed = {path for path, kind in found["changes"].items() if kind == "C"}
    assert (f"{project}/beside/file" in changed) is not closed
    assert any("can only be read" in warning for warning in found["warnings"]) is closed
    assert (project / "beside" / "file").read_text() == "beside"


def mounted(source: Path, target: Path) -> list[str]:
    """Return what begins a command line for which `source` is mounted on `target`, as its user."""
    mount = f'mount --bind "{source}" "{target}" && exec "$@"'
    if os.geteuid() == 0:
        return ["unshare", "--mount", "sh", "-c", mount, "sh"]
    again = ["unshare", "--user", f"--map-user={os.geteuid()}", f"--map-group={os.getegid()}"]
    return ["unshare", "--user", "--map-root-user", "--mount", "sh", "-c", mount, "sh", *again]


def test_machine_tools_work(virtual: Interpreter) -> None:
    """Programs that go through /etc/alternatives, the linker's cache and the time zone run."""
    result = virtual.host(
        "sh", "-c", "echo 3 4 | awk '{print $1 + $2}'; id -un; date +%Z; ls /work"
    )
    assert result["out"].splitlines()[:2] == ["7", "root"]
    assert result["code"] == 2, "there is no /work beside a working directory"


def test_nothing_of_the_secrets_is_visible(virtual: Interpreter) -> None:
    """Accounts, keys and tokens: covered where they lie in a shown directory, absent elsewhere."""
    secret = "hunter2"
    hidden = [".netrc", ".pypirc", ".condarc", "sub/id_rsa", "sub/.ssh/config", "pip.conf"]
    hidden += [".env", "key.pem", "credentials.json", "secrets.toml", ".git/config"]
    for name in hidden:
        path = virtual.project / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(f"[global]\nindex-url = https://me:{secret}@example.invalid/\n")
    (virtual.user_home / ".netrc").write_text(secret)
    (virtual.user_home / ".ssh").mkdir()
    (virtual.site.parents[2] / "pip.conf").write_text(
        f"[global]\nindex-url = https://me:{secret}@example.invalid/simple\n"
    )
    environment = virtual.environment(
        API_TOKEN=secret, https_proxy=f"http://me:{secret}@proxy.invalid"
    )
    look = (
        f"env; cat {' '.join(hidden)} {virtual.site.parents[2]}/pip.conf; ls -A sub/.ssh;"
        f" ls -A {virtual.user_home}; ls /etc/shadow /etc/ssh"
    )
    result = virtual.host("sh", "-c", look, process=environment)
    assert secret not in result["out"] + result["err"]
    assert "PIP_INDEX_URL=https://example.invalid/simple\n" in result["out"]
    assert "https_proxy=http://proxy.invalid\n" in result["out"]
    assert f"{virtual.user_home}/.netrc" not in result["out"]
    assert "API_TOKEN" not in result["out"]
    assert result["err"].count("No such file or directory") == 3


def test_home_directory_is_not_the_working_directory(virtual: Interpreter) -> None:
    """A kernel that was started at home gets an empty place to work in, and is told so."""
    (virtual.user_home / "private").touch()
    at_home = Interpreter(
        virtual.executable,
        virtual.site,
        virtual.user_home,
        virtual.user_home,
        virtual.engine_home,
        virtual.library,
    )
    result = at_home.host("sh", "-c", f"pwd; ls -A; ls -A {virtual.user_home}")
    assert result["out"].split() == ["/work", "venv"]
    assert "starts in an empty /work" in " ".join(result["warnings"])


@contextlib.contextmanager
def served(directory: Path, *, tls: bool) -> Iterator[int]:
    """Serve a directory on a port of 127.0.0.1."""

    class Quiet(http.server.SimpleHTTPRequestHandler):
        def __init__(self, *arguments: Any) -> None:
            super().__init__(*arguments, directory=str(directory))

        def log_message(self, *arguments: object) -> None:
            pass

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Quiet) as server:
        if tls:
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            context.load_cert_chain(DATA / "localhost-server.pem")
            server.socket = context.wrap_socket(server.socket, server_side=True)
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        try:
            yield server.server_address[1]
        finally:
            server.shutdown()
            thread.join()


def test_certificates_are_checked_with_the_settings_of_the_machine(
    virtual: Interpreter, tmp_path: Path
) -> None:
    """The machine's authorities are known, and a bundle that a variable names is visible."""
    (tmp_path / "site").mkdir()
    (tmp_path / "site" / "hello").write_text("hello")
    bundle = tmp_path / "own-ca.pem"
    shutil.copy(DATA / "localhost-ca.pem", bundle)
    program = (
        "import json, os, ssl, urllib.request\n"
        "context = ssl.create_default_context()\n"
        "try:\n"
        "    text = urllib.request.urlopen(os.environ['URL'], context=context).read().decode()\n"
        "except urllib.error.URLError as error:\n"
        "    text = str(error)\n"
        "paths = ssl.get_default_verify_paths()\n"
        "system = os.path.exists(paths.openssl_cafile) or bool(os.listdir(paths.openssl_capath))\n"
        "print(json.dumps([text, os.path.exists('/etc/ssl/certs/ca-certificates.crt')]))"
    )
    machine = Path("/etc/ssl/certs/ca-certificates.crt").exists()
    with served(tmp_path / "site", tls=True) as port:
        url = [f"URL=https://localhost:{port}/hello"]
        trusting = virtual.environment(SSL_CERT_FILE=str(bundle))
        found = virtual.python(program, network="host", environment=url, process=trusting)
        assert found == ["hello", machine]
        refused = virtual.python(program, network="host", environment=url)
        assert "CERTIFICATE_VERIFY_FAILED" in refused[0]


def test_pip_installs_into_the_container(virtual: Interpreter, tmp_path: Path) -> None:
    """A package from the index of pip's settings is there inside, and outside nothing changed."""
    index = tmp_path / "index" / "demo"
    index.mkdir(parents=True)
    with zipfile.ZipFile(index / "demo-1-py3-none-any.whl", "w") as wheel:
        wheel.writestr("demo.py", "print('demo')")
        wheel.writestr(
            "demo-1.dist-info/METADATA", "Metadata-Version: 2.1\nName: demo\nVersion: 1\n"
        )
        wheel.writestr("demo-1.dist-info/WHEEL", "Wheel-Version: 1.0\nTag: py3-none-any\n")
        wheel.writestr("demo-1.dist-info/RECORD", "")
    subprocess.run([virtual.executable, "-m", "ensurepip"], check=True, capture_output=True)
    with served(tmp_path / "index", tls=False) as port:
        environment = virtual.environment(PIP_INDEX_URL=f"http://me:pw@127.0.0.1:{port}/")
        result = virtual.host(
            "sh",
            "-c",
            "python -m pip install --quiet demo && python -c 'import demo'",
            network="host",
            process=environment,
        )
    assert result["out"] == "demo\n", result["err"]
    assert not (virtual.site / "demo.py").exists()


def test_warm_start_shares_the_skeleton(virtual: Interpreter) -> None:
    """Containers of one environment stand on one lowest layer, made once."""
    for _ in range(2):
        assert virtual.host("true")["code"] == 0
    assert len(list((virtual.engine_home / "cache" / "host").iterdir())) == 1
