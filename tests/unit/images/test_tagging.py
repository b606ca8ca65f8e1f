"""Names of images, and their end, beside what docker 26.1.5 printed."""

from __future__ import annotations

import hashlib
import io
import os
from dataclasses import replace

import pytest

from ipycontainer.errors import ImageInUse, ImageNotFound, InvalidArgument, InvalidReference
from ipycontainer.images import tagging
from ipycontainer.images.archive_import import import_image
from ipycontainer.images.layout import Layout
from ipycontainer.model.image import ImageRecord
from ipycontainer.store import containers, events, images, monitor_statements
from ipycontainer.store.database import Store
from ipycontainer.store.home import Home
from tests import rows
from tests.archives import TarBuilder


@pytest.fixture
def image(bare_home: Home, store: Store) -> ImageRecord:
    """An imported image `bb:1`."""
    archive = TarBuilder().file("a", b"1").build()
    return import_image(bare_home, store, io.BytesIO(archive), reference="bb:1")


def on(store: Store, image: ImageRecord, name: str, running: bool = False) -> str:
    """Make a container on an image, and return its id."""
    record = rows.container(name, image.id)
    with store.write() as tx:
        containers.add(tx, record)
        if running:
            monitor_statements.started(tx, record.id, 1, 2, "boot", 3)
    return record.id


def files(home: Home) -> list[str]:
    """Return names of all layers and blobs."""
    return [*os.listdir(home.layers), *os.listdir(Layout(home).blobs)]


def test_a_name_is_given_and_the_index_knows_it(
    bare_home: Home, store: Store, image: ImageRecord
) -> None:
    """By name or id of the source."""
    assert tagging.tag(bare_home, store, "bb:1", "other") == "other:latest"
    assert tagging.tag(bare_home, store, image.id[7:19], "ghcr.io/x:2") == "ghcr.io/x:2"

    with store.read() as tx:
        assert images.get(tx, image.id).tags == ("bb:1", "other:latest", "ghcr.io/x:2")
    assert "other:latest" in (bare_home.layout / "index.json").read_text()


def test_a_name_cannot_be_given_to_nothing(
    bare_home: Home, store: Store, image: ImageRecord
) -> None:
    """Nor one that is none, nor a digest."""
    with pytest.raises(ImageNotFound, match="No such image: nope:latest"):
        tagging.tag(bare_home, store, "nope", "x")
    with pytest.raises(InvalidReference):
        tagging.tag(bare_home, store, "bb:1", "X")
    with pytest.raises(InvalidArgument, match="refusing to create a tag with a digest reference"):
        tagging.tag(bare_home, store, "bb:1", "x@sha256:" + "a" * 64)


@pytest.mark.parametrize("target", ["sha256", "sha256:abc", "docker.io/library/sha256"])
def test_a_name_that_reads_as_a_digest_is_refused(
    bare_home: Home, store: Store, image: ImageRecord, target: str
) -> None:
    """It could not be told from an id; one in a repository of somebody's can."""
    with pytest.raises(InvalidArgument, match="refusing to create an ambiguous tag"):
        tagging.tag(bare_home, store, "bb:1", target)
    assert tagging.tag(bare_home, store, "bb:1", "x/sha256:abc") == "x/sha256:abc"


def test_prune_of_all_leaves_one_name_to_what_is_in_use(
    bare_home: Home, store: Store, image: ImageRecord
) -> None:
    """The last by its whole name, as docker's does; what is not in use goes."""
    for name in ("zz:1", "ghcr.io/a:1", "aa:1"):
        tagging.tag(bare_home, store, "bb:1", name)
    on(store, image, "box", running=True)
    done, freed = tagging.prune(bare_home, store, every=True)
    assert done == [("Untagged", name) for name in ("aa:1", "bb:1", "zz:1")]
    assert freed == 0
    assert tagging.prune(bare_home, store, every=True) == ([], 0)
    with store.read() as tx:
        assert images.get(tx, image.id).tags == ("ghcr.io/a:1",)


def test_the_last_name_takes_the_image_with_it(
    bare_home: Home, store: Store, image: ImageRecord
) -> None:
    """An earlier one is only taken away."""
    tagging.tag(bare_home, store, "bb:1", "bb:2")

    assert tagging.remove(bare_home, store, "bb:1") == [("Untagged", "bb:1")]
    assert files(bare_home)
    assert tagging.remove(bare_home, store, "bb:2") == [
        ("Untagged", "bb:2"),
        ("Deleted", image.id),
        ("Deleted", image.layers[0].chain_id),
    ]
    assert files(bare_home) == os.listdir(bare_home.trash) == []
    assert "bb" not in (bare_home.layout / "index.json").read_text()
    with store.read() as tx:
        actions = [each.action for each in events.since(tx, 0)]
    assert actions == ["tag", "import", "tag", "untag", "untag", "delete"]


def test_an_image_with_several_names_goes_by_id_only_by_force(
    bare_home: Home, store: Store, image: ImageRecord
) -> None:
    """With one name it goes at once."""
    tagging.tag(bare_home, store, "bb:1", "bb:2")
    short = image.id[7:19]

    with pytest.raises(ImageInUse) as caught:
        tagging.remove(bare_home, store, image.id)
    assert caught.value.message == (
        f"conflict: unable to delete {short} (must be forced) - "
        "image is referenced in multiple repositories"
    )
    assert tagging.remove(bare_home, store, short, force=True)[:3] == [
        ("Untagged", "bb:1"),
        ("Untagged", "bb:2"),
        ("Deleted", image.id),
    ]


def test_a_stopped_container_keeps_its_image_until_forced(
    bare_home: Home, store: Store, image: ImageRecord
) -> None:
    """The container keeps its layers even then, until it goes itself."""
    container = on(store, image, "c1")
    short = image.id[7:19]

    with pytest.raises(ImageInUse) as caught:
        tagging.remove(bare_home, store, "bb:1")
    assert caught.value.message == (
        'conflict: unable to remove repository reference "bb:1" (must force) - '
        f"container {container[:12]} is using its referenced image {short}"
    )
    with pytest.raises(ImageInUse) as caught:
        tagging.remove(bare_home, store, short)
    assert caught.value.message == (
        f"conflict: unable to delete {short} (must be forced) - "
        f"image is being used by stopped container {container[:12]}"
    )
    assert tagging.remove(bare_home, store, "bb:1", force=True) == [
        ("Untagged", "bb:1"),
        ("Deleted", image.id),
    ]
    assert bare_home.layer(image.layers[0].chain_id).is_dir()


def test_a_running_container_keeps_its_image_even_by_force(
    bare_home: Home, store: Store, image: ImageRecord
) -> None:
    """By name it loses the name alone."""
    container = on(store, image, "c1", running=True)
    short = image.id[7:19]

    assert tagging.remove(bare_home, store, "bb:1", force=True) == [("Untagged", "bb:1")]
    with pytest.raises(ImageInUse) as caught:
        tagging.remove(bare_home, store, short, force=True)
    assert caught.value.message == (
        f"conflict: unable to delete {short} (cannot be forced) - "
        f"image is being used by running container {container[:12]}"
    )
    assert files(bare_home)


def test_a_layer_that_another_image_has_stays(
    bare_home: Home, store: Store, image: ImageRecord
) -> None:
    """Its blob too."""
    archive = TarBuilder().file("a", b"1").build()
    other = import_image(bare_home, store, io.BytesIO(archive), reference="bb:2")
    assert other.layers == image.layers

    assert tagging.remove(bare_home, store, "bb:1") == [
        ("Untagged", "bb:1"),
        ("Deleted", image.id),
    ]
    assert (bare_home.layer(other.layers[0].chain_id) / "a").exists()
    assert len(os.listdir(Layout(bare_home).blobs)) == 3


@pytest.mark.parametrize("ref", ["nope", "ffffffffffff"])
def test_what_is_not_there_cannot_be_removed(
    bare_home: Home, store: Store, image: ImageRecord, ref: str
) -> None:
    """The words are docker's."""
    with pytest.raises(ImageNotFound, match=f"No such image: {ref}:latest"):
        tagging.remove(bare_home, store, ref)


D1, D2 = "sha256:" + "1" * 64, "sha256:" + "2" * 64


def named(store: Store, image: ImageRecord, *names: str) -> None:
    """Give an image names by tag and by digest."""
    with store.write() as tx:
        for name in names:
            (images.call if "@" in name else images.tag)(tx, image.id, name)


def test_a_digest_goes_with_the_last_tag_of_its_repository(
    bare_home: Home, store: Store, image: ImageRecord
) -> None:
    """And with it the image, when nothing else names it."""
    named(store, image, "bb:2", f"bb@{D1}", f"other@{D2}")

    assert tagging.remove(bare_home, store, "bb:1") == [("Untagged", "bb:1")]
    assert tagging.remove(bare_home, store, "bb:2") == [
        ("Untagged", "bb:2"),
        ("Untagged", f"bb@{D1}"),
    ]
    with store.read() as tx:
        assert images.find(tx, f"other@{D2}").id == image.id
    done = tagging.remove(bare_home, store, f"other@{D2}")
    assert done[:2] == [("Untagged", f"other@{D2}"), ("Deleted", image.id)]


def test_an_id_takes_its_one_repository_with_it(
    bare_home: Home, store: Store, image: ImageRecord
) -> None:
    """One tag and what the registry calls it are one name; two repositories are two."""
    named(store, image, f"bb@{D1}")
    done = tagging.remove(bare_home, store, image.id)
    assert done[:3] == [("Untagged", "bb:1"), ("Untagged", f"bb@{D1}"), ("Deleted", image.id)]


def test_an_id_with_two_repositories_needs_force(
    bare_home: Home, store: Store, image: ImageRecord
) -> None:
    """As with two tags."""
    named(store, image, f"bb@{D1}", f"other@{D1}")
    with pytest.raises(ImageInUse, match="referenced in multiple repositories"):
        tagging.remove(bare_home, store, image.id)


def test_prune_takes_what_nothing_uses(bare_home: Home, store: Store, image: ImageRecord) -> None:
    """Without a name, or all; never what a container stands on, nor what is kept."""
    assert tagging.prune(bare_home, store) == ([], 0)
    assert tagging.prune(bare_home, store, every=True, kept=[image.id]) == ([], 0)
    assert tagging.prune(bare_home, store, every=True, labels=["a"]) == ([], 0)
    assert tagging.prune(bare_home, store, every=True, before_ns=1) == ([], 0)
    holder = on(store, image, "holder")
    assert tagging.prune(bare_home, store, every=True) == ([], 0)
    with store.write() as tx:
        monitor_statements.removed(tx, holder)

    done, freed = tagging.prune(bare_home, store, every=True)

    assert done[:2] == [("Untagged", "bb:1"), ("Deleted", image.id)]
    assert freed == 1
    assert files(bare_home) == []


def committed(store: Store, image: ImageRecord, name: str = "") -> ImageRecord:
    """Add an image that was committed from another one, without a change."""
    digest = f"sha256:{hashlib.sha256(f'{name}{image.id}'.encode()).hexdigest()}"
    tags = (name,) if name else ()
    child = replace(image, id=digest, tags=tags, parent=image.id, created_ns=image.created_ns + 1)
    with store.write() as tx:
        images.add(tx, child)
    return child


def test_an_image_stays_while_another_was_committed_from_it(
    bare_home: Home, store: Store, image: ImageRecord
) -> None:
    """Its name may go; it goes itself with the last child, however far that is."""
    child = committed(store, image, "child:1")
    grandchild = committed(store, child, "grand:1")
    with pytest.raises(ImageInUse, match="image has dependent child images"):
        tagging.remove(bare_home, store, image.id, force=True)
    assert tagging.remove(bare_home, store, "child:1") == [("Untagged", "child:1")]
    assert tagging.remove(bare_home, store, "bb:1") == [("Untagged", "bb:1")]
    assert tagging.prune(bare_home, store)[0] == []
    assert tagging.remove(bare_home, store, "grand:1") == [
        ("Untagged", "grand:1"),
        ("Deleted", grandchild.id),
        ("Deleted", child.id),
        ("Deleted", image.id),
        ("Deleted", image.layers[0].chain_id),
    ]


def test_what_an_image_came_from_can_stay(
    bare_home: Home, store: Store, image: ImageRecord
) -> None:
    """Without a name, where it is not wanted that it goes with its last child."""
    child = committed(store, image, "child:1")
    assert tagging.remove(bare_home, store, "bb:1") == [("Untagged", "bb:1")]
    assert tagging.remove(bare_home, store, "child:1", parents=False) == [
        ("Untagged", "child:1"),
        ("Deleted", child.id),
    ]
    with store.read() as tx:
        assert images.get(tx, image.id).tags == ()


def test_prune_takes_parents_with_their_last_child(
    bare_home: Home, store: Store, image: ImageRecord
) -> None:
    """Each is told once, and what a container stands on keeps what it was committed from."""
    child = committed(store, image, "child:1")
    grandchild = committed(store, child, "grand:1")
    user = on(store, grandchild, "user")
    done, freed = tagging.prune(bare_home, store, every=True)
    assert (done, freed) == ([("Untagged", "child:1"), ("Untagged", "bb:1")], 0)
    with store.write() as tx:
        containers.remove(tx, user)
    done, freed = tagging.prune(bare_home, store, every=True)
    assert [name for what, name in done if what == "Deleted"] == [
        grandchild.id,
        child.id,
        image.id,
        image.layers[0].chain_id,
    ]
    assert freed == image.size
