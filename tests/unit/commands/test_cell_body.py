"""The body of a cell is a program's input, or a script of its own."""

from __future__ import annotations

import subprocess
import sys

import pytest

from ipycontainer.commands.cell_body import Script, script_of, with_script
from ipycontainer.errors import InvalidArgument
from ipycontainer.model.config import ContainerConfig
from ipycontainer.model.image import ImageConfig

HOST = ImageConfig(command=("python",))
SHELL = ImageConfig(command=("/bin/bash",))
SERVER = ImageConfig(command=("httpd", "-f"))


@pytest.mark.parametrize(
    ("command", "image", "interpreter", "path"),
    [
        ((), HOST, "python", "/cell.py"),
        ((), SHELL, "/bin/bash", "/cell.sh"),
        ((), SERVER, "/bin/sh", "/cell.sh"),
        ((), ImageConfig(), "/bin/sh", "/cell.sh"),
        (("python",), HOST, "python", "/cell.py"),
        (("/usr/bin/python3",), SHELL, "/usr/bin/python3", "/cell.py"),
    ],
)
def test_a_script_is_run_by_the_images_own(
    command: tuple[str, ...], image: ImageConfig, interpreter: str, path: str
) -> None:
    """Without a command the image's shell or Python runs it; `python` alone is Python."""
    assert script_of(b"x\n", command, image) == Script(interpreter, path, "x\n")


@pytest.mark.parametrize("command", [("cat",), ("python", "-"), ("python", "-u"), ("sh",)])
def test_a_command_reads_the_body(command: tuple[str, ...]) -> None:
    """Every other command gets the body as its input."""
    assert script_of(b"x\n", command, HOST) is None


def test_the_script_takes_the_place_of_the_images_words() -> None:
    """The container's command is the interpreter with the file."""
    config = with_script(ContainerConfig("host"), Script("python", "/cell.py", "print(1)"))
    assert config.command == ("python", "/cell.py")
    assert config.entrypoint == ()
    assert config.files == {"/cell.py": "print(1)"}


def test_a_script_that_is_no_text_is_refused() -> None:
    """Bytes that are not UTF-8 are named before anything is made."""
    with pytest.raises(InvalidArgument, match="UTF-8"):
        script_of(b"\xff", (), HOST)


def run(text: str) -> subprocess.CompletedProcess[bytes]:
    """Run a script as in a container that runs already, with this Python."""
    command, given = Script(sys.executable, "/cell.py", text).in_running
    return subprocess.run(command, input=given, capture_output=True, check=False)


def test_python_in_a_running_container_shows_its_lines() -> None:
    """A traceback names the script's lines, and nothing of the way that it came in."""
    done = run("def f():\n    raise ValueError('x')  # here\nf()\n")
    assert done.returncode == 1
    assert b'File "/cell.py", line 2, in f' in done.stderr
    assert b"raise ValueError('x')  # here" in done.stderr
    assert b"<string>" not in done.stderr


def test_python_in_a_running_container_has_a_clean_start() -> None:
    """The script is __main__, with nothing in its namespace and an empty input."""
    done = run(
        "import sys\n"
        "print(sorted(n for n in globals() if not n.startswith('__')), __name__, "
        "repr(sys.stdin.read()))\n"
    )
    assert done.stdout == b"['sys'] __main__ ''\n"


def test_a_syntax_error_points_at_its_line() -> None:
    """A script that is no Python is reported as Python reports a file."""
    done = run("x = (\n")
    assert done.returncode == 1
    assert b"SyntaxError" in done.stderr
    assert b"run()" not in done.stderr
