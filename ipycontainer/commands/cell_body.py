"""The body of a cell: the input of a program, or a script that the container runs.

Used by run, create and exec when their session's stdin is bytes. With a command, the body is its
input. Without one, or where the command is just Python, it is a script and stands in the container
as a file: a program read from standard input could not read anything else from there, its
tracebacks would show no lines, and multiprocessing could not import it.
"""

from __future__ import annotations

import posixpath
from collections.abc import Sequence
from dataclasses import dataclass, replace

from ipycontainer.errors import InvalidArgument
from ipycontainer.model.config import ContainerConfig
from ipycontainer.model.image import ImageConfig

__all__ = ["Script", "script_of", "with_script"]

_SHELLS = frozenset({"sh", "bash", "ash", "dash", "ksh", "zsh"})
_PYTHONS = frozenset({"python", "python3"})

# The file's way into a container that runs already: read, then run under its name, with a traceback
# that begins in it. `linecache` is where Python's traceback looks before it opens the file; the
# interpreter's own printing (before 3.13) does not look there, hence the hook.
_PYTHON_FROM_INPUT = """
def run():
    import linecache, sys, traceback
    def show(kind, error, trace):
        for _ in range(2):  # this text's own frames
            trace = trace and trace.tb_next
        traceback.print_exception(kind, error, trace)
    text, sys.excepthook = sys.stdin.buffer.read().decode(), show
    linecache.cache["/cell.py"] = len(text), None, text.splitlines(keepends=True), "/cell.py"
    del globals()["run"]
    exec(compile(text, "/cell.py", "exec"), globals())
run()
"""


@dataclass(frozen=True, slots=True)
class Script:
    """A cell's body as a program: `interpreter` runs the file at `path`."""

    interpreter: str
    path: str
    text: str

    @property
    def is_python(self) -> bool:
        """Tell Python's script from a shell's."""
        return self.path.endswith(".py")

    @property
    def in_running(self) -> tuple[tuple[str, ...], bytes | None]:
        """Return the command and the input that run the script in a container that runs already."""
        if self.is_python:
            return (self.interpreter, "-c", _PYTHON_FROM_INPUT), self.text.encode()
        return (self.interpreter, "-c", self.text), None


def script_of(body: bytes, command: Sequence[str], image: ImageConfig) -> Script | None:
    """Return the script that the body is, or None where it is the command's input.

    Without a command the image's own command says who reads it: a shell or Python; else /bin/sh.
    """
    words = tuple(command) or image.command
    known = len(words) == 1 and posixpath.basename(words[0]) in _SHELLS | _PYTHONS
    if command and not (known and posixpath.basename(words[0]) in _PYTHONS):
        return None
    interpreter = words[0] if known else "/bin/sh"
    suffix = "py" if posixpath.basename(interpreter) in _PYTHONS else "sh"
    try:
        text = body.decode()
    except UnicodeDecodeError as error:
        raise InvalidArgument(f"the script of a cell must be UTF-8: {error}") from None
    return Script(interpreter, f"/cell.{suffix}", text)


def with_script(config: ContainerConfig, script: Script) -> ContainerConfig:
    """Return the configuration of a container that runs the script, not the image's words."""
    return replace(
        config,
        command=(script.interpreter, script.path),
        entrypoint=(),
        files={script.path: script.text},
    )
