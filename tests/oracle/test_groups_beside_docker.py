"""The groups of a program, beside docker: of who is named, by name or number, and of who is not."""

from __future__ import annotations

import shlex
from collections.abc import Callable
from subprocess import CompletedProcess

import pytest

Command = Callable[..., "CompletedProcess[str]"]

MAKE = "printf 'wheel:x:10:root,postgres\\nvideo:x:44:postgres\\n' >>/etc/group"
USERS = (
    "",
    "0",
    "root",
    "0:0",
    "root:wheel",
    "postgres",
    "70",
    "70:70",
    "70:44",
    "4242",
    "4242:10",
)
CHECK = "--health-cmd 'id >/tmp/said.new && mv /tmp/said.new /tmp/said'"
WAYS = {
    "run": ("run --rm --network none {user} grouped id",),
    "run --group-add": (
        "run --rm --network none --group-add 7 --group-add video {user} grouped id",
    ),
    "image": (
        "create --name made {user} grouped true",
        "commit made owned",
        "run --rm --network none owned id",
        "run --rm --network none --group-add video owned id",
    ),
    "exec": (
        "run -d --name box --network none grouped sleep 1000",
        "exec {user} box id",
    ),
    "exec of another's": (
        "run -d --name box --network none {user} grouped sleep 1000",
        "exec box id",
        "exec -u root box id",
        "exec -u 70:10 box id",
    ),
    "exec with --group-add": (
        "run -d --name box --network none --group-add 7 {user} grouped sleep 1000",
        "exec box id",
        "exec -u postgres box id",
    ),
    "health": (
        f"run -d --name box --network none --health-interval 1s {{user}} {CHECK} grouped sleep 99",
        "exec -u 0 box sh -c 'until cat /tmp/said 2>/dev/null; do sleep 0.1; done'",
    ),
}


def _said(run: Command, lines: tuple[str, ...], user: str) -> list[str]:
    said = []
    for line in lines:
        done = run(*shlex.split(line.format(user=f"-u {user}" if user else "")))
        made = line.startswith(("create", "commit", "run -d"))
        said += [] if made else [done.stdout + done.stderr]
    run("rm", "-f", "box", "made")
    run("rmi", "owned")
    return said


@pytest.mark.sampled
@pytest.mark.parametrize("lines", WAYS.values(), ids=WAYS)
def test_groups_are_dockers(
    docker: Command, ours: Command, busybox_image: object, lines: tuple[str, ...]
) -> None:
    """The groups of the image's own file, whoever is asked for and however."""
    for run in (docker, ours):
        run("run", "--name", "maker", "--network", "none", "busybox", "sh", "-c", MAKE)
        run("commit", "--change", 'CMD ["sh"]', "maker", "grouped")
        run("rm", "maker")
    theirs = {user: _said(docker, lines, user) for user in USERS}
    assert {user: _said(ours, lines, user) for user in USERS} == theirs
    assert any("10(wheel)" in text for text in theirs["root"])
