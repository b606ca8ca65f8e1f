"""One case of conformance, and how it is run: the same script by our command line and by runc."""

from __future__ import annotations

import copy
import json
import os
import re
import shutil
import subprocess
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

__all__ = ["Case", "Outcome", "perform"]

TIMEOUT_SECONDS = 60
PRELUDE = """
st() { $RT state "$ID" | sed -n 's/.*"status": "\\(.*\\)".*/\\1/p'; }
pid() { $RT state "$ID" | sed -n 's/.*"pid": \\([0-9]*\\).*/\\1/p'; }
until_is() {
    for i in $(seq 100); do [ "$(st)" = "$1" ] && return; sleep 0.05; done; echo "never $1"
}
said() { for i in $(seq 100); do grep -q "$1" out && return; sleep 0.05; done; echo "never $1"; }
code() { "$@" >/dev/null 2>&1; echo "code $?"; }
"""


@dataclass(frozen=True, slots=True)
class Case:
    """A bundle's changes and a shell script about it.

    `name` is a sentence of what is tried. `edits` go by a path into config.json: a value, a list to
    append where the path ends in `+`, a key to remove where it ends in `-`; NAME in it is the
    container's id. In the script `$RT` is
    the runtime, `$ID` the container, the working directory the bundle. What it prints, and its exit
    code, must be the same by both; `shows` is a part of it, so that two failures do not pass for
    two successes. `runc` is False where runc 1.1 is behind the specification: ours is held against
    `shows` alone. `root` keeps it from the ordinary user, who cannot have it.
    """

    name: str
    script: str
    edits: dict[str, Any] = field(default_factory=dict)
    shows: str = ""
    root: bool = False
    runc: bool = True


@dataclass(frozen=True, slots=True)
class Outcome:
    """What a script printed, without names of this run, its code, and what went to stderr."""

    code: int
    output: str
    errors: str


def perform(case: Case, runtime: str, base: dict[str, Any], tree: Path, place: Path) -> Outcome:
    """Run a case in a directory of its own; nothing of it may be left."""
    shutil.copytree(tree, place / "bundle/rootfs", symlinks=True)
    bundle, state = place / "bundle", place / "state"
    name = f"{place.parent.name}-{place.name}"
    config = json.dumps(edited(base, case.edits)).replace("NAME", name)
    (bundle / "config.json").write_text(config)
    env = {
        "PATH": "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
        "RT": f"{runtime} --root {state}",
        "ID": name,
        **{key: os.environ[key] for key in ("XDG_RUNTIME_DIR", "HOME") if key in os.environ},
    }
    with open(place / "stdout", "w+") as stdout, open(place / "stderr", "w+") as stderr:
        done = subprocess.run(
            ["sh", "-c", PRELUDE + case.script],
            cwd=bundle,
            env=env,
            stdin=subprocess.DEVNULL,
            stdout=stdout,
            stderr=stderr,
            timeout=TIMEOUT_SECONDS,
            check=False,
        )
        for left in state.iterdir() if state.is_dir() else ():
            subprocess.run(
                f"{env['RT']} delete --force {left.name}",
                shell=True,
                env=env,
                capture_output=True,
                check=False,
            )
        stdout.seek(0)
        stderr.seek(0)
        output, errors = stdout.read(), stderr.read()
    assert not state.is_dir() or not list(state.iterdir()), f"{name} was left"
    output = output.replace(name, "ID").replace(str(bundle), "BUNDLE").replace(str(state), "STATE")
    return Outcome(done.returncode, re.sub(r"(shared|master):\d+", r"\1:N", output), errors)


def edited(base: dict[str, Any], edits: dict[str, Any]) -> dict[str, Any]:
    """Return a config with changes by path."""
    config = copy.deepcopy(base)
    for path, value in edits.items():
        *above, last = path.rstrip("+-").split(".")
        place: Any = config
        for key in above:
            place = place.setdefault(key, {})
        if path.endswith("+"):
            place[last] = [*place.get(last, []), *value]
        elif path.endswith("-"):
            place.pop(last, None)
        else:
            place[last] = value
    return config
