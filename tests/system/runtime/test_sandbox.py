"""An init that was made ahead of its container."""

from __future__ import annotations

import json
import os
import time
from pathlib import Path
from typing import Any

from ipycontainer.errors import EngineError
from ipycontainer.linux import namespaces
from ipycontainer.model import oci_json
from ipycontainer.runtime import beforehand, defaults, filters, sandbox
from ipycontainer.runtime.launch import preload
from ipycontainer.runtime.sandbox import Making
from tests.system.runtime import bundles
from tests.system.runtime.isolated import call


def _start(bundle: str, args: list[str], options: dict[str, Any], kinds: list[str]) -> Any:
    scratch = Path(bundle, "scratch")
    scratch.mkdir()
    spec = bundles.make_spec(bundle, *args, namespaces=kinds, **options)
    Path(bundle, "config.json").write_text(json.dumps(oci_json.to_json(spec)))
    program = filters.default_program(defaults.CAPABILITIES)
    hierarchies = preload() if namespaces.in_initial_userns() else None
    waiting = sandbox.prepare(Making(program, scratch, hierarchies))
    time.sleep(0.2)  # let it rehearse
    try:
        started, read = bundles.begin(spec, bundle, sandbox=waiting)
    except EngineError as error:
        return [False, error.message, bundles.leftovers(bundle)]
    ended = bundles.end(started, read)
    return [started.pid == waiting.pid, ended.output, os.listdir(scratch)]


def test_a_container_begins_in_the_sandbox(bundle: str) -> None:
    """With everything of the container's, and nothing of the rehearsal left in sight."""
    script = "hostname; grep -c overlay /proc/mounts; grep CapEff /proc/self/status; id -u"
    used, output, left = call(
        _start, bundle, ["sh", "-c", script], {"user": "postgres"}, list(beforehand.KINDS)
    )

    assert used
    assert output.split() == ["box", "1", "CapEff:", "0000000000000000", "70"]
    assert left == []


def test_a_sandbox_that_does_not_fit_is_ended(bundle: str) -> None:
    """A container on the host's network gets an init of its own."""
    kinds = [kind for kind in beforehand.KINDS if kind != "network"]
    used, output, _ = call(_start, bundle, ["echo", "on"], {}, kinds)

    assert (used, output) == (False, "on\n")


def test_a_failure_in_a_sandbox_leaves_nothing(bundle: str) -> None:
    """It says the same as in any start."""
    found = call(_start, bundle, ["nope"], {}, list(beforehand.KINDS))

    assert found == [False, 'exec: "nope": executable file not found in $PATH', []]
