"""Archives between docker and us: what one has saved, the other loads, with the same ids."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from subprocess import CompletedProcess

from ipycontainer.engine.engine import Engine

Command = Callable[..., "CompletedProcess[str]"]


def test_what_docker_saved_is_the_same_here(
    docker: Command, engine: Engine, tmp_path: Path
) -> None:
    """Two layers, one of them with a deleted file; our archive is the same to docker again."""
    docker("rm", "-f", "across")
    made = docker(
        *("run", "--name", "across", "--network", "none", "busybox:latest", "/bin/sh", "-c"),
        "echo new > /new; rm /etc/group",
    )
    assert made.returncode == 0, made.stderr
    commit = docker("commit", "-c", 'LABEL by="docker"', "across", "across:1")
    assert commit.returncode == 0, commit.stderr
    docker("rm", "across")
    theirs, ours = tmp_path / "theirs.tar", tmp_path / "ours.tar"
    assert docker("save", "-o", str(theirs), "across:1").returncode == 0

    with open(theirs, "rb") as archive:
        (loaded,) = engine.images.load(archive)

    assert loaded.tags == ["across:1"]
    assert loaded.id == commit.stdout.strip()
    assert loaded.labels == {"by": "docker"}
    script = "cat /new; cat /etc/group 2>/dev/null || echo gone"
    result = engine.run("across:1", ["/bin/sh", "-c", script], network="none")
    assert result.stdout == b"new\ngone\n"
    theirs_inspected = docker(
        "image", "inspect", "-f", "{{.Id}} {{.RootFS.Layers}} {{.Size}}", "across:1"
    ).stdout
    attrs = loaded.attrs
    layers = " ".join(attrs["RootFS"]["Layers"])
    assert theirs_inspected == f"{loaded.id} [{layers}] {attrs['Size']}\n"

    docker("rmi", "across:1")
    ours.write_bytes(b"".join(loaded.save(named=True)))
    again = docker("load", "-q", "-i", str(ours))
    assert again.stdout == "Loaded image: across:1\n", again.stderr
    kept = docker("images", "-q", "--no-trunc", "across:1").stdout
    docker("rmi", "across:1")
    assert kept == f"{loaded.id}\n"
