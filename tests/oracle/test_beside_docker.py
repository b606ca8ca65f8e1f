"""Our shell beside docker's own: the same lines, the same bytes and exit codes.

Ids, times and ages are masked, and our name reads as docker's. Where we differ on purpose, the line
stands in DIFFERENT with the reason.
"""

from __future__ import annotations

import io
import os
import re
import shlex
import tarfile
from collections.abc import Callable
from pathlib import Path
from subprocess import CompletedProcess

import pytest

from tests.oracle import (
    closer_lines,
    edge_lines,
    finer_lines,
    fresh_lines,
    further_lines,
    image_lines,
    joining_lines,
    keeping_lines,
    lines,
    manual_lines,
    membership_lines,
    naming_lines,
    network_lines,
    ordinary_lines,
    privilege_lines,
    space_lines,
    state_lines,
    thing_lines,
    verb_lines,
    volume_lines,
    wiring_lines,
)

SCENES = {
    **lines.SCENES,
    **network_lines.SCENES,
    **membership_lines.SCENES,
    **joining_lines.SCENES,
    **keeping_lines.SCENES,
    **naming_lines.SCENES,
    **privilege_lines.SCENES,
    **space_lines.SCENES,
    **verb_lines.SCENES,
    **further_lines.SCENES,
    **image_lines.SCENES,
    **volume_lines.SCENES,
    **wiring_lines.SCENES,
    **closer_lines.SCENES,
    **finer_lines.SCENES,
    **edge_lines.SCENES,
    **ordinary_lines.SCENES,
    **manual_lines.SCENES,
    **fresh_lines.SCENES,
}
WAITING = "finer: after the image is looked for"
SLOW = {
    "options of run": verb_lines.OPTIONS_OF_RUN,
    **state_lines.SCENES,
    **thing_lines.SCENES,
    # docker asks for an image in vain, for a minute
    WAITING: SCENES.pop(WAITING),
}

Command = Callable[..., "CompletedProcess[str]"]

_TOOK = r"(?:Less than a second|About an? \w+|\d+ \w+)"
_MASKS = (
    (re.compile(r"\b[0-9a-f]{64}\b"), "<id>"),
    (re.compile(r"\b[0-9a-f]{12}\b"), "<short>"),
    (re.compile(r"\d{4}-\d\d-\d\dT[\d:]+(\.\d+)?Z"), "<time>"),
    (re.compile(r"\d{4}-\d\d-\d\d [\d:]+(\.\d+)? \+0000 UTC"), "<time>"),
    (re.compile(rf"{_TOOK} ago *"), "<age>"),
    (re.compile(rf"Up {_TOOK} *"), "Up <age>"),
    (re.compile(r"(CREATED|STATUS|Created) +"), r"\1 "),  # as wide as the longest age
    (re.compile(r"\b(ipycontainer|Docker)\b"), "docker"),
    (re.compile(r"/docker/<id>|/ipyc-[0-9a-f]{8}/<id>"), "/docker/<id>"),
    (re.compile(r"\bis not an docker\b"), "is not a docker"),
    (re.compile(r"/\S+?/(?:data|home)/volumes/"), "/volumes/"),
    # where each reads an archive, and has the settings of an image
    (re.compile(r"/\S+/docker-import-\d+/"), ""),
    (re.compile(r"/\S+/(?:imagedb/content|blobs)/sha256/<id>"), "/<image>"),
    # where the container's files are meanwhile, and how runc's own system calls went
    (re.compile(r"/\S+/overlay2/<id>/merged/"), "/"),
    (re.compile(r"\.docker_temp_\d+"), ".docker_temp_<number>"),
    (re.compile(r" \(via /proc/self/fd/\d+\), flags: 0x[0-9a-f]+"), ""),
)

# How often docker may be asked anew for what it reads, or refuses in our words in another order: it
# walks maps, which Go gives in another order each time, and may be late with what was printed.
AGAIN = 8
_WORD = re.compile(r"\w+")
READS = set("df diff events history images info inspect logs ls port ps top version".split())

# Lines that differ on purpose.
DIFFERENT: dict[str, str] = {
    **lines.DIFFERENT,
    **network_lines.DIFFERENT,
    **membership_lines.DIFFERENT,
    **privilege_lines.DIFFERENT,
    **space_lines.DIFFERENT,
    **verb_lines.DIFFERENT,
    **further_lines.DIFFERENT,
    **image_lines.DIFFERENT,
    **volume_lines.DIFFERENT,
    **wiring_lines.DIFFERENT,
    **closer_lines.DIFFERENT,
    **finer_lines.DIFFERENT,
    **edge_lines.DIFFERENT,
    **ordinary_lines.DIFFERENT,
    **manual_lines.DIFFERENT,
    **fresh_lines.DIFFERENT,
    **state_lines.DIFFERENT,
}


def masked(result: CompletedProcess[str], words: list[str]) -> tuple[str, str, int]:
    """Return output, errors and code with what changes from run to run replaced.

    The order of `diff` is that of directories on disk, also in docker, that of `volume prune`
    and `network prune` any: their lines are sorted.
    """
    out, err = result.stdout, result.stderr
    for pattern, name in _MASKS:
        out, err = pattern.sub(name, out), pattern.sub(name, err)
    if "top" in words[:2]:
        out = re.sub(r"\b\d{3,}\b", "<pid>", out)
    if words[0] == "diff" or words[:2] in (["volume", "prune"], ["network", "prune"]):
        out = "".join(sorted(out.splitlines(keepends=True)))
    return out, err, result.returncode


@pytest.fixture
def files(tmp_path: Path) -> Path:
    """The files that lines name as {tmp}."""
    (tmp_path / "good").write_text("# comment\nA=1\nB=file\n\nNOT_SET_HERE\n")
    (tmp_path / "noname").write_text("A=1\n=x\n")
    (tmp_path / "space").write_text("A B=1\n")
    for name, text in privilege_lines.FILES.items():
        (tmp_path / name).write_text(text)
    (tmp_path / "tree" / "in").mkdir(parents=True)
    (tmp_path / "tree" / "file").write_text("file")
    (tmp_path / "tree" / "link").symlink_to("file")
    (tmp_path / "tree" / "dangling").symlink_to("nothing")
    others = tmp_path / "others"
    (others / "in").mkdir(parents=True)
    (others / "file").write_text("file")
    (others / "in" / "f").write_text("inner")
    (others / "link").symlink_to("file")
    for path, uid, gid, mode in (
        (others / "file", 65534, 65534, 0o4755),
        (others / "in" / "f", 1234, 5678, 0o640),
        (others / "link", 99, 98, None),
        (others, 70, 70, 0o2750),
    ):
        os.chown(path, uid, gid, follow_symlinks=False)
        if mode is not None:
            path.chmod(mode)
    with tarfile.open(tmp_path / "empty.tar", "w") as archive:
        archive.addfile(tarfile.TarInfo("file"), io.BytesIO())
    return tmp_path


@pytest.mark.sampled
@pytest.mark.timeout(300)  # seventy lines and more, each twice
@pytest.mark.parametrize(
    "scene", [*SCENES, *(pytest.param(each, marks=pytest.mark.slow) for each in SLOW)]
)
def test_says_what_docker_says(
    scene: str, docker: Command, ours: Command, files: Path, busybox_tar: Path
) -> None:
    """Every line of a scene gives docker's output, errors and exit code."""
    ours("import", str(busybox_tar), "busybox:latest")
    different = []
    for line in {**SCENES, **SLOW}[scene]:
        words = shlex.split(line.replace("{tmp}", str(files)))
        theirs, own = (masked(run(*words, stdin="in\n"), words) for run in (docker, ours))
        if theirs != own and line.startswith("run --rm "):  # gone afterwards: may run twice
            theirs, own = (masked(run(*words, stdin="in\n"), words) for run in (docker, ours))
        if line in DIFFERENT:
            continue
        reordered = theirs[2] and sorted(_WORD.findall(str(theirs))) == sorted(
            _WORD.findall(str(own))
        )
        for _ in range(AGAIN if reordered or READS & set(words[:2]) else 0):
            if theirs == own:
                break
            theirs = masked(docker(*words, stdin="in\n"), words)
        if theirs != own:
            different.append(f"{line}\n  docker {theirs}\n  ours   {own}")
    for run in (docker, ours):
        left = run("ps", "-aq").stdout.split()
        if left:
            run("rm", "-fv", *left)
        run("volume", "prune", "-af")
        if named := run("volume", "ls", "-q").stdout.split():  # those with options stay
            run("volume", "rm", *named)
        run("network", "prune", "-f")
        # networks for others' settings, which docker's prune leaves
        if kept_networks := run("network", "ls", "-q", "-f", "type=custom").stdout.split():
            run("network", "rm", *kept_networks)
        names = run("images", "--format", "{{.Repository}}:{{.Tag}}").stdout.split()
        kept = ("busybox:latest", "host:latest", "<none>:<none>")
        run("rmi", "-f", *(name for name in names if name not in kept))
        run("image", "prune", "-f")
    assert not different, "\n".join(different)
