"""Our shell beside docker's own before registries: the same lines, bytes and exit codes."""

from __future__ import annotations

import shlex
from collections.abc import Callable
from pathlib import Path
from subprocess import CompletedProcess

import pytest

from tests.oracle.registry_lines import DIFFERENT, LINES
from tests.oracle.test_beside_docker import masked
from tests.oracle.test_images_go_across import shared_registry

Command = Callable[..., "CompletedProcess[str]"]


@pytest.mark.sampled
@pytest.mark.timeout(300)
def test_says_of_registries_what_docker_says(
    docker: Command,
    ours: Command,
    busybox_tar: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Every line gives docker's output, errors and exit code; each has its own configuration."""
    ours("import", str(busybox_tar), "busybox:latest")
    for name in ("open", "locked", "theirs", "itsown"):
        (tmp_path / name).mkdir()
    monkeypatch.setenv("DOCKER_CONFIG", str(tmp_path / "itsown"))
    different = []
    with (
        shared_registry(docker, tmp_path / "open") as open_host,
        shared_registry(docker, tmp_path / "locked", password=True) as locked_host,
    ):
        for line in LINES:
            told = []
            for run, side in ((docker, "theirs"), (ours, "itsown")):  # names of the same length
                text = line.replace("{repo}", f"{open_host}/{side}/app")
                text = text.replace("{open}", open_host).replace("{locked}", locked_host)
                stdin, _, rest = text[1:].partition(" ") if text[0] == "<" else ("", "", text)
                words = shlex.split(rest)
                begin = ("--config", str(tmp_path / side)) if run is docker else ()
                done = run(*begin, *words, stdin=f"{stdin}\n" if stdin else "")
                out, err, code = masked(done, words)
                told.append((out.replace(side, "SIDE"), err.replace(side, "SIDE"), code))
            if told[0] != told[1] and line not in DIFFERENT:
                different.append(f"{line}\n  docker {told[0]}\n  ours   {told[1]}")
    assert not different, "\n".join(different)
