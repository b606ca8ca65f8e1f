"""Our command line as an ordinary user: lines on stdin, what became of each on stdout, as JSON.

    ["run", "-d", ...]  ->  [CODE, STDOUT, STDERR]

One process for all of them, since an interpreter's start takes longer than most. The home is the
first argument; it is emptied when stdin ends. Called by test_modes.
"""

from __future__ import annotations

import contextlib
import io
import json
import sys
from pathlib import Path

import ipycontainer
from ipycontainer.commands import shell


def main(home: Path) -> None:
    """Do what is asked; see the module's docstring."""
    with ipycontainer.connect(home) as engine:
        answers = sys.stdout
        for line in sys.stdin:
            out, err = (io.TextIOWrapper(io.BytesIO(), "utf-8") for _ in range(2))
            with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
                code = shell.main(json.loads(line), lambda: engine)
            told = []
            for stream in (out, err):
                stream.flush()
                told.append(stream.buffer.getvalue().decode())
            print(json.dumps([code, *told]), file=answers, flush=True)
        engine.reset()


if __name__ == "__main__":
    main(Path(sys.argv[1]))
