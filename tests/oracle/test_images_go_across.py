"""Archives between docker and us: what one has saved, the other loads, with the same ids."""

from __future__ import annotations

import json
import re
import subprocess
import tarfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from subprocess import CompletedProcess

from ipycontainer.engine.engine import Engine
from ipycontainer.engine.image import Image
from tests.registries import READY_SECONDS, registry

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


def test_an_archive_says_what_dockers_says(
    docker: Command, ours: Command, busybox_tar: Path, tmp_path: Path
) -> None:
    """Of one image with two tags, of two images, by id: the same files lead to the blobs."""
    ours("import", str(busybox_tar), "busybox:latest")
    digest = re.compile(r"[0-9a-f]{64}")
    for words in (["said:a"], ["said"], ["said:a", "said:b"], ["other", "other"], ["ID"]):
        told = []
        for run in (docker, ours):
            for name in ("said:a", "said:b", "other"):
                run("tag", "busybox", name)
            image = run("images", "-q", "--no-trunc", "other").stdout.strip()
            path = tmp_path / "saved.tar"
            saved = run(
                "save", "-o", str(path), *(image if word == "ID" else word for word in words)
            )
            assert saved.returncode == 0, saved.stderr
            with tarfile.open(path) as archive:
                names = [name for name in archive.getnames() if not name.startswith("blobs")]
                files = {name: archive.extractfile(name) for name in names}
                texts = {name: file.read().decode() for name, file in files.items() if file}
            told.append({name: digest.sub("<digest>", text) for name, text in texts.items()})
            run("rmi", "said:a", "said:b", "other")
        assert told[0] == told[1], words


@contextmanager
def shared_registry(docker: Command, place: Path, *, password: bool = False) -> Iterator[str]:
    """Run a registry that both reach at one address: its files are one, its networks are two."""
    root = Path(docker("info", "-f", "{{.DockerRootDir}}").stdout.strip()).parent
    daemon = (root / "pid").read_text().strip()
    with registry(place, password=password) as running, (place / "other-log").open("wb") as log:
        other = subprocess.Popen(
            ["nsenter", "-t", daemon, "-n", "docker-registry", "serve", place / "config.yml"],
            stdout=log,
            stderr=log,
        )
        try:
            port = int(running.host.rpartition(":")[2])
            wanted = f":{port:04X} "
            deadline = time.monotonic() + READY_SECONDS
            while wanted not in Path(f"/proc/{daemon}/net/tcp").read_text():
                assert other.poll() is None, (place / "other-log").read_text()
                assert time.monotonic() < deadline
                time.sleep(0.02)
            yield running.host
        finally:
            other.terminate()
            other.wait()


def test_what_one_has_pushed_the_other_pulls(
    docker: Command, engine: Engine, busybox_tar: Path, tmp_path: Path
) -> None:
    """By tag and by digest, with the same ids, in both directions."""
    engine.images.import_(busybox_tar, "mine", "1", changes=["ENV FROM=us"])
    engine.run("mine:1", ["sh", "-c", "echo new > /new; rm /etc/group"], network="none", name="bb")
    engine.containers.get("bb").commit("mine", "2")
    with shared_registry(docker, tmp_path) as host:
        name = f"{host}/mine"
        engine.images.get("mine:2").tag(name, "2")
        pushed = engine.images.push(name, "2")
        digest = re.search(r"sha256:[0-9a-f]{64}", pushed.rpartition("aux")[2])
        assert digest is not None
        for reference in (f"{name}:2", f"{name}@{digest[0]}"):
            pulled = docker("pull", "-q", reference)
            assert pulled.returncode == 0, pulled.stderr
            seen = docker("image", "inspect", "-f", "{{.Id}} {{json .RootFS.Layers}}", reference)
            ours = engine.images.get("mine:2")
            assert seen.stdout.split() == [
                ours.id,
                json.dumps(ours.attrs["RootFS"]["Layers"], separators=(",", ":")),
            ]
        look = "cat /new; ls /etc/group; echo $FROM"
        ran = docker("run", "--rm", "--network", "none", f"{name}:2", "sh", "-c", look)
        assert ran.stdout == "new\nus\n", ran.stderr

        docker("tag", "busybox:latest", f"{name}:theirs")
        done = docker("push", "-q", f"{name}:theirs")
        assert done.returncode == 0, done.stderr
        theirs = engine.images.pull(name, "theirs")
        assert isinstance(theirs, Image)
        assert theirs.id == docker("images", "-q", "--no-trunc", f"{name}:theirs").stdout.strip()
        for reference in (f"{name}:2", f"{name}:theirs"):
            docker("rmi", reference)
