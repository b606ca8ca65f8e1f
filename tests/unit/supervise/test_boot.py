"""The zygote's first steps: what they keep out of its memory, whichever Python it is."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[3]


def said(program: str) -> str:
    """Return what a program prints that has done the zygote's first steps."""
    begin = "import sys; from ipycontainer.supervise import boot; boot.load(); "
    command = [sys.executable, "-S", "-c", begin + program]
    environment = {"PYTHONPATH": str(ROOT)}
    return subprocess.run(
        command, capture_output=True, text=True, check=True, env=environment
    ).stdout.strip()


def test_no_class_brings_the_real_inspect() -> None:
    """Python 3.13 asks it for every dataclass's annotations; those alone cost no import."""
    assert said("print('tokenize' in sys.modules)") == "False"
    program = (
        "import inspect; kind = type('Kind', (), {'__annotations__': {'a': 'int'}});"
        " print(inspect.get_annotations(kind))"
    )
    assert said(program + "; print('tokenize' in sys.modules)") == "{'a': 'int'}\nFalse"


def test_who_needs_more_of_inspect_gets_it_and_imports_it_once() -> None:
    """Every further look gives what the first one has imported."""
    program = (
        "later = sys.modules['inspect']; later.signature; real = sys.modules['inspect'];"
        " print(real is not later, later.Parameter is real.Parameter,"
        " sys.modules['inspect'] is real)"
    )
    assert said(program) == "True True True"


def test_a_steps_own_words_need_no_inspect() -> None:
    """A start that fails says why in an interpreter that can import nothing any more."""
    program = (
        "from ipycontainer.runtime import steps;"
        " kind = type('Kind', (), {'describe': lambda s: 'x', 'refusal': lambda s, e: 'words'});"
        " print(steps.failure(kind(), OSError(1, 'no')).message, 'tokenize' in sys.modules)"
    )
    assert said(program) == "words False"
