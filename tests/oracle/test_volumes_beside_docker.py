"""Every way in which a volume comes to be against every way in which it goes, beside docker."""

from __future__ import annotations

from collections.abc import Callable
from subprocess import CompletedProcess

import pytest

Command = Callable[..., "CompletedProcess[str]"]

# What a container is made with; {named} is a volume that `volume create NAME` has made, {unnamed}
# one of `volume create`, whose name is as long as an anonymous volume's.
COMES = {
    "created with a name": "-v {named}:/data busybox",
    "created without a name": "-v {unnamed}:/data busybox",
    "created without a name, by --mount": "--mount type=volume,source={unnamed},target=/x busybox",
    "named by -v": "-v fresh:/data busybox",
    "-v without a name": "-v /data busybox",
    "--mount without a source": "--mount type=volume,target=/data busybox",
    "VOLUME of the image": "declares",
    "a name in the place of a VOLUME": "-v {unnamed}:/declared declares",
    "--volumes-from, unnamed": "--volumes-from donor busybox",
    "--volumes-from, and a VOLUME": "--volumes-from donor declares",
}
GOES = {
    "run --rm": ("run --rm --network none {made} true",),
    "rm": ("run --name box --network none {made} true", "rm box"),
    "rm -v": ("run --name box --network none {made} true", "rm -v box"),
    "rm -f -v": ("run -d --name box --network none {made} sleep 100", "rm -f -v box"),
    "rm -v of the giver first": (
        "run --name box --network none {made} true",
        "rm -v donor",
        "rm -v box",
    ),
    "volume prune": ("run --name box --network none {made} true", "rm box", "volume prune -f"),
    "volume prune -a": (
        "run --name box --network none {made} true",
        "rm box",
        "volume prune -a -f",
    ),
    "container prune": ("run --name box --network none {made} true", "container prune -f"),
    "system prune --volumes": (
        "run --name box --network none {made} true",
        "system prune -f --volumes",
    ),
}


def _left(run: Command, comes: str, goes: tuple[str, ...]) -> list[str]:
    """Do it, and return what volumes are there, by what made them; all is removed afterwards."""
    run("create", "--network", "none", "--name", "source", "busybox", "true")
    run("commit", "--change", "VOLUME /declared", "source", "declares")
    run("rm", "source")
    run("volume", "create", "named")
    unnamed = run("volume", "create").stdout.strip()
    run("create", "--network", "none", "--name", "donor", "-v", "/given", "busybox", "true")
    known = dict.fromkeys(run("volume", "ls", "-q").stdout.split(), "the donor's")
    known |= {"named": "named", unnamed: "unnamed", "fresh": "fresh"}
    made = comes.format(named="named", unnamed=unnamed)
    for line in goes:
        done = run(*line.format(made=made).split())
        assert done.returncode == 0, f"{line}: {done.stderr}"
    names = run("volume", "ls", "-q").stdout.split()
    run("rm", "-f", "-v", *run("ps", "-aq").stdout.split())
    run("volume", "prune", "-a", "-f")
    return sorted(known.get(name, "its own") for name in names)


@pytest.mark.sampled
@pytest.mark.parametrize("goes", GOES.values(), ids=GOES)
def test_what_stays_of_volumes(
    docker: Command, ours: Command, busybox_image: object, goes: tuple[str, ...]
) -> None:
    """Only what a container itself has made without a name goes with it."""
    theirs = {how: _left(docker, comes, goes) for how, comes in COMES.items()}
    assert {how: _left(ours, comes, goes) for how, comes in COMES.items()} == theirs
