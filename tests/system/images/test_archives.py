"""Archives: what docker, skopeo and we have saved is loaded, and the other way round."""

from __future__ import annotations

import bz2
import gzip
import io
import json
import lzma
import os
import subprocess
import sys
import tarfile
from collections.abc import Callable
from pathlib import Path

import pytest
import zstandard

import ipycontainer
from ipycontainer.engine.engine import Engine
from ipycontainer.errors import ImageFormatError, ImageNotFound
from tests.archives import TarBuilder
from tests.conftest import Shell
from tests.image_archives import TestImage, image, write_archive
from tests.registries import skopeo
from tests.system.images.conftest import assert_nothing_left
from tests.system.images.test_pull import SEEN, runs

pytestmark = pytest.mark.sampled


@pytest.fixture
def archive(three_layers: TestImage, tmp_path: Path) -> Path:
    """The three layers as docker before 25 saved them, with two names, and a second image."""
    second = image(three_layers.layers[:1], Cmd=["/bin/second"])
    images = [(three_layers, ["x:1", "y:2"]), (second, [])]
    return write_archive(tmp_path / "archive.tar", images)


@pytest.mark.parametrize(
    "pack",
    [bytes, gzip.compress, bz2.compress, lzma.compress, zstandard.ZstdCompressor().compress],
    ids=["plain", "gzip", "bzip2", "xz", "zstd"],
)
def test_loads_what_docker_saved(
    engine: Engine, archive: Path, three_layers: TestImage, pack: Callable[[bytes], bytes]
) -> None:
    """Several images in one, compressed in any way, from bytes."""
    loaded = engine.images.load(pack(archive.read_bytes()))

    assert [each.tags for each in loaded] == [["x:1", "y:2"], []]
    assert loaded[0].id == three_layers.id
    assert runs(engine, "y:2") == SEEN


def test_loads_from_a_pipe_in_dockers_words(shell: Shell, archive: Path, home: Path) -> None:
    """From standard input or a file; a name that moves is told."""
    command = [sys.executable, "-m", "ipycontainer", "load"]
    package = str(Path(ipycontainer.__file__).parents[1])
    with open(archive, "rb") as source:
        done = subprocess.run(
            command,
            stdin=source,
            capture_output=True,
            text=True,
            check=True,
            env={**os.environ, "PYTHONPATH": package, "IPYCONTAINER_HOME": str(home)},
        )
    listed = shell("images", "-q", "--no-trunc", "-f", "dangling=true").stdout.strip()
    assert done.stdout == f"Loaded image: x:1\nLoaded image: y:2\nLoaded image ID: {listed}\n"
    assert done.stderr == ""
    held = shell("images", "-q", "--no-trunc", "x:1").stdout.strip()
    shell("tag", listed, "x:1")
    again = shell("load", "-q", "-i", str(archive))
    moved = f"The image x:1 already exists, renaming the old one with ID {listed} to empty string"
    assert again.stdout.splitlines()[:2] == [moved, "Loaded image: x:1"]
    assert shell("images", "-q", "--no-trunc", "x:1").stdout.strip() == held


@pytest.mark.parametrize("form", ["docker-archive", "oci-archive"])
def test_loads_what_skopeo_wrote(
    engine: Engine, archive: Path, tmp_path: Path, three_layers: TestImage, form: str
) -> None:
    """Both of its forms."""
    written = tmp_path / "written.tar"
    skopeo("copy", "-q", f"docker-archive:{archive}:x:1", f"{form}:{written}:z:3")

    (loaded,) = engine.images.load(written.read_bytes())

    assert loaded.tags == ["z:3"]
    assert runs(engine, "z:3") == SEEN
    if form == "docker-archive":
        assert loaded.id == three_layers.id


@pytest.mark.parametrize("form", ["docker-archive", "oci-archive"])
def test_skopeo_reads_what_we_saved(
    engine: Engine, archive: Path, tmp_path: Path, shell: Shell, form: str
) -> None:
    """Both forms are in one archive; the image keeps its id, and its manifest's digest."""
    (first, _) = engine.images.load(archive.read_bytes())
    saved = tmp_path / "saved.tar"
    done = shell("save", "-o", str(saved), "x:1")
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")

    name = "1" if form == "oci-archive" else "x:1"  # of a name the tag alone, as docker writes it
    skopeo("copy", "-q", f"{form}:{saved}:{name}", f"dir:{tmp_path}/copy")

    manifest = json.loads((tmp_path / "copy" / "manifest.json").read_text())
    assert manifest["config"]["digest"] == first.id
    assert len(manifest["layers"]) == 3
    if form == "oci-archive":
        told = json.loads(skopeo("inspect", f"oci-archive:{saved}:{name}"))
        assert told["Digest"] == first.record.manifest
        assert first.record.manifest.startswith("sha256:")


def test_what_was_saved_is_loaded_again(engine: Engine, archive: Path, tmp_path: Path) -> None:
    """Images, names and manifests are the same ones."""
    before = engine.images.load(archive.read_bytes())
    pieces = b"".join(before[0].save(named=True))
    by_id = b"".join(before[1].save())
    for each in before:
        engine.images.remove(each.id, force=True)
    assert_nothing_left(engine)

    (first,), (second,) = engine.images.load(pieces), engine.images.load(by_id)

    assert [first.id, second.id] == [each.id for each in before]
    assert first.tags == ["x:1", "y:2"]
    assert second.tags == []
    assert first.record.manifest == before[0].record.manifest
    assert first.attrs["Author"] == "a tester"
    with pytest.raises(ImageNotFound):
        b"".join(engine.images.get("x:1").save(named="nothing:1"))


def changed(archive: Path, name: str, content: bytes | None) -> bytes:
    """Return the archive with one of its files replaced, or missing."""
    out = io.BytesIO()
    with tarfile.open(archive) as old, tarfile.open(fileobj=out, mode="w") as new:
        for member in old:
            file = old.extractfile(member)
            body = file.read() if file else b""
            if member.name.endswith(name):
                if content is None:
                    continue
                body = content
            member.size = len(body)
            new.addfile(member, io.BytesIO(body))
    return out.getvalue()


@pytest.mark.parametrize(
    ("name", "content", "words"),
    [
        ("manifest.json", None, "open (repositories|.*/json): no such file"),
        ("manifest.json", b"no json", "not JSON"),
        ("manifest.json", b"{}", "not a list"),
        ("manifest.json", b'[{"Config": "../../etc/passwd", "Layers": []}]', "no such file"),
        ("manifest.json", b'[{"Config": 7, "Layers": []}]', "without Config"),
        ("layer.tar", b"rubbish" * 200, "diff id|invalid tar header"),
        ("layer.tar", None, "no such file"),
    ],
)
def test_a_bad_archive_is_refused_and_leaves_nothing(
    engine: Engine, archive: Path, name: str, content: bytes | None, words: str
) -> None:
    """Whatever of it is wrong."""
    with pytest.raises(ImageFormatError, match=words):
        engine.images.load(changed(archive, name, content))
    assert_nothing_left(engine)


@pytest.mark.parametrize("content", [b"", b"\0" * 1024, b"rubbish" * 100], ids=repr)
def test_what_is_no_archive(engine: Engine, content: bytes) -> None:
    """Nothing, an empty one, something else."""
    with pytest.raises(ImageFormatError):
        engine.images.load(content)
    assert_nothing_left(engine)


def test_a_half_archive_is_refused(engine: Engine, archive: Path) -> None:
    """Cut off anywhere."""
    whole = archive.read_bytes()
    for share in (3, 2):
        with pytest.raises(ImageFormatError):
            engine.images.load(whole[: len(whole) // share])
    assert_nothing_left(engine)


def test_imports_take_every_compression(engine: Engine, tmp_path: Path) -> None:
    """What no layer may be compressed with is stored plain."""
    tar = TarBuilder().file("f", b"content").build()
    for pack in (gzip.compress, bz2.compress, lzma.compress, zstandard.compress):
        path = tmp_path / "archive"
        path.write_bytes(pack(tar))
        made = engine.images.import_(path)
        assert made.attrs["RootFS"]["Layers"] == [
            engine.images.get(made.id).record.layers[0].diff_id
        ]
    assert len({each.record.layers for each in engine.images.list() if each.record.layers}) == 1
