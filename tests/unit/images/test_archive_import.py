"""Import of archives and directories."""

from __future__ import annotations

import gzip
import io
import json
import os
from pathlib import Path

import pytest

from ipycontainer.errors import EngineError, ImageFormatError, InvalidReference
from ipycontainer.images import sweep
from ipycontainer.images.archive_import import import_image
from ipycontainer.images.layout import Layout
from ipycontainer.model.image import ImageConfig, ImageRecord
from ipycontainer.store import events, images
from ipycontainer.store.database import Store
from ipycontainer.store.home import Home
from tests.archives import TarBuilder


@pytest.fixture
def archive() -> bytes:
    """A small root file system."""
    return TarBuilder().directory("bin").file("bin/sh", b"#!").symlink("sh", "bin/sh").build()


def nothing_left(home: Home, store: Store) -> bool:
    """Tell whether neither rows nor files are there."""
    with store.read() as tx:
        listed = images.list_all(tx)
    layout = Layout(home)
    return not (
        listed
        or os.listdir(home.layers)
        or os.listdir(home.trash)
        or os.listdir(layout.blobs)
        or os.listdir(layout.ingest)
    )


def test_an_archive_becomes_an_image_of_one_layer(
    bare_home: Home, store: Store, archive: bytes
) -> None:
    """With its tree unpacked, its blobs in the layout, and docker's comment."""
    record = import_image(
        bare_home,
        store,
        io.BytesIO(archive),
        reference="Docker.io/library/x".lower(),
        changes=['CMD ["sh"]'],
    )

    assert record.tags == ("x:latest",)
    assert record.size == 8  # two bytes of a file, six of where a link points
    assert record.config == ImageConfig(command=("sh",))
    assert record.comment == record.history[0].comment == "Imported from -"
    (layer,) = record.layers
    assert layer.chain_id == layer.diff_id
    assert (bare_home.layer(layer.chain_id) / "bin/sh").read_text() == "#!"
    layout = Layout(bare_home)
    config = json.loads(layout.read_blob(record.id))
    assert config["config"] == {"Cmd": ["sh"]}
    assert config["rootfs"] == {"type": "layers", "diff_ids": [layer.diff_id]}
    manifest = json.loads(layout.read_blob(record.manifest))
    assert manifest["config"]["digest"] == record.id
    assert layout.blob(manifest["layers"][0]["digest"]).read_bytes() == archive
    with store.read() as tx:
        assert images.find(tx, "x") == record
        assert [each.action for each in events.since(tx, 0)] == ["tag", "import"]


def test_a_gzip_archive_gives_the_same_layer(bare_home: Home, store: Store, archive: bytes) -> None:
    """It is unpacked once; the images differ by their time."""
    plain = import_image(bare_home, store, io.BytesIO(archive))
    packed = import_image(bare_home, store, io.BytesIO(gzip.compress(archive)), message="again")

    assert plain.layers == packed.layers
    assert plain.id != packed.id
    assert packed.comment == "again"
    assert len(os.listdir(bare_home.layers)) == 1
    assert os.listdir(bare_home.trash) == []


def test_a_directory_is_imported_as_it_is(bare_home: Home, store: Store, tmp_path: Path) -> None:
    """Hard links stay links, sockets are left out, nothing outside is followed."""
    tree = tmp_path / "tree"
    (tree / "d").mkdir(parents=True)
    (tree / "d/file").write_bytes(b"1" * 3000)
    (tree / "d/file").chmod(0o750)
    os.link(tree / "d/file", tree / "hard")
    (tree / "link").symlink_to("/etc/passwd")
    os.mkfifo(tree / "fifo")
    os.setxattr(tree / "hard", "user.note", b"\xff\x00")

    record = import_image(bare_home, store, tree)

    layer = bare_home.layer(record.layers[0].chain_id)
    assert sorted(os.listdir(layer)) == ["d", "fifo", "hard", "link"]
    assert record.size == 3000 + len("/etc/passwd")
    assert (layer / "hard").stat().st_ino == (layer / "d/file").stat().st_ino
    assert (layer / "hard").stat().st_mode & 0o777 == 0o750
    assert os.readlink(layer / "link") == "/etc/passwd"
    assert os.getxattr(layer / "hard", "user.note") == b"\xff\x00"


def test_the_same_directory_gives_the_same_layer(
    bare_home: Home, store: Store, tmp_path: Path
) -> None:
    """Names are sorted."""
    for name in "cab":
        (tmp_path / "tree" / name).mkdir(parents=True)

    first = import_image(bare_home, store, str(tmp_path / "tree"))
    second = import_image(bare_home, store, str(tmp_path / "tree"))

    assert first.layers == second.layers


def test_a_directory_that_cannot_be_read_whole_is_refused(
    bare_home: Home, store: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Half a tree is no image."""
    (tmp_path / "tree/d").mkdir(parents=True)
    (tmp_path / "tree/d/file").touch()
    real = os.open

    def refuse(path: object, *arguments: object, **named: object) -> int:
        if path == "file":
            raise PermissionError(13, "Permission denied", "d/file")
        return real(path, *arguments, **named)  # type: ignore[arg-type]

    monkeypatch.setattr(os, "open", refuse)
    with pytest.raises(ImageFormatError):
        import_image(bare_home, store, tmp_path / "tree")
    with pytest.raises(ImageFormatError, match=r"open .*/none: no such file or directory"):
        import_image(bare_home, store, tmp_path / "none")

    assert nothing_left(bare_home, store)


@pytest.mark.parametrize(
    "content",
    [
        b"hello",
        os.urandom(10240),
        TarBuilder().file("a", b"1" * 2000).cut()[:-700],
        TarBuilder().hardlink("a", "/etc/shadow").build(),
        TarBuilder().file("ok", b"1").symlink("l", "/etc").file("l/x", b"1").build(),
        gzip.compress(TarBuilder().file("a").build())[:-9],
    ],
    # By name: gzip's time and the random bytes would give each worker of a run other names.
    ids=["text", "noise", "cut tar", "link outside", "link on the way", "cut gzip"],
)
def test_a_bad_archive_leaves_nothing(bare_home: Home, store: Store, content: bytes) -> None:
    """No row, no blob, no tree."""
    with pytest.raises(ImageFormatError):
        import_image(bare_home, store, io.BytesIO(content), reference="x")

    assert nothing_left(bare_home, store)


def test_wrong_words_are_refused_before_anything_is_read(bare_home: Home, store: Store) -> None:
    """Name and changes are looked at first."""

    class Untouched(io.RawIOBase):
        def read(self, size: int = -1, /) -> bytes:
            raise AssertionError("read")

    with pytest.raises(InvalidReference):
        import_image(bare_home, store, Untouched(), reference="X")  # type: ignore[arg-type]
    with pytest.raises(EngineError):
        import_image(bare_home, store, Untouched(), changes=["RUN x"])  # type: ignore[arg-type]

    assert nothing_left(bare_home, store)


def test_an_empty_archive_is_an_empty_image(bare_home: Home, store: Store) -> None:
    """As in docker."""
    record = import_image(bare_home, store, io.BytesIO(b""))

    assert record.size == 0
    assert os.listdir(bare_home.layer(record.layers[0].chain_id)) == []


def test_what_had_to_be_left_out_is_told(bare_home: Home, store: Store, as_root: bool) -> None:
    """An ordinary user without further ids can make neither devices nor other owners."""
    told: list[str] = []
    archive = TarBuilder().device("null", 1, 3).file("f", uid=4321, gid=4321).build()

    import_image(bare_home, store, io.BytesIO(archive), warn=told.append)

    if as_root:
        assert told == []
    else:
        assert [line.split(" ", 1)[1][:12] for line in told] == ["device files", "files belong"]


def test_a_sweep_leaves_what_is_used_and_takes_the_rest(
    bare_home: Home, store: Store, archive: bytes
) -> None:
    """Trees, blobs and half-written files that no row names."""
    record: ImageRecord = import_image(bare_home, store, io.BytesIO(archive), reference="x")
    layout = Layout(bare_home)
    kept = sorted(os.listdir(layout.blobs))
    layout.put_blob(b"nobody's", "")
    (layout.ingest / "half").touch()
    (bare_home.layers / f"{sweep.NEW}1/deep").mkdir(parents=True)
    (bare_home.layers / ("f" * 64)).mkdir()
    (bare_home.layout / "index.json").unlink()

    assert sweep.leftovers(bare_home, store)
    assert sweep.sweep(bare_home, store)

    assert not sweep.leftovers(bare_home, store)
    layout.put_blob(b"of one that was killed before its rows", "")
    assert sweep.leftovers(bare_home, store)
    assert sweep.sweep(bare_home, store)
    assert sorted(os.listdir(layout.blobs)) == kept
    assert os.listdir(layout.ingest) == []
    assert os.listdir(bare_home.layers) == [record.layers[0].chain_id.removeprefix("sha256:")]
    assert "x:latest" in (bare_home.layout / "index.json").read_text()


def test_a_sweep_stays_away_while_something_is_imported(bare_home: Home, store: Store) -> None:
    """What has no row yet is not garbage; several imports may run at once."""
    (bare_home.layers / "unfinished").mkdir()

    with sweep.adding(bare_home), sweep.adding(bare_home):
        assert not sweep.sweep(bare_home, store)

    assert (bare_home.layers / "unfinished").exists()
    assert sweep.sweep(bare_home, store)
    assert os.listdir(bare_home.layers) == []


def test_an_import_cleans_up_after_one_that_was_killed(bare_home: Home, store: Store) -> None:
    """Half a tree and half a blob take room that nobody knows of."""
    (bare_home.layers / f"{sweep.NEW}1/deep").mkdir(parents=True)
    (Layout(bare_home).ingest / "half").touch()

    import_image(bare_home, store, io.BytesIO(b""))

    assert not sweep.leftovers(bare_home, store)
