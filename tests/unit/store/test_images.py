"""Statements on images."""

from __future__ import annotations

import pytest

from ipycontainer.errors import ImageNotFound, InvalidReference
from ipycontainer.model.image import Layer
from ipycontainer.store import events, images
from ipycontainer.store.database import Store
from tests import rows


def test_an_image_comes_back_as_it_was_added(store: Store) -> None:
    """Layers in order, tags sorted, config and history included."""
    layers = (rows.LAYER, Layer("sha256:" + "2" * 64, "sha256:" + "3" * 64, 5))
    record = rows.image("a", "a:1", "b:2", layers=layers)
    with store.write() as tx:
        images.add(tx, record, ["sha256:" + "e" * 64])

        assert images.get(tx, record.id) == record
        assert images.blobs_in_use(tx) == {"sha256:" + "e" * 64}
        assert images.chain_size(tx, layers[1].chain_id) == 5


def test_an_image_is_found_by_id_tag_and_beginning(store: Store) -> None:
    """`latest` is added; a tag hides the image whose id begins so."""
    first, second = rows.image("a", "busybox:latest"), rows.image("b", "aaaa:latest")
    with store.write() as tx:
        images.add(tx, first)
        images.add(tx, second)

        for text in (first.id, "a" * 64, "busybox", "docker.io/library/busybox:latest", "aaaaa"):
            assert images.find(tx, text).id == first.id
        assert images.find(tx, "sha256:aaa").id == first.id
        assert images.find(tx, "aaaa").id == second.id


@pytest.mark.parametrize(
    ("text", "shown"),
    [("nope", "nope:latest"), ("ghcr.io/x/y", "ghcr.io/x/y:latest"), ("sha256:00", "sha256:00")],
)
def test_a_missing_image_is_named_in_full(store: Store, text: str, shown: str) -> None:
    """As docker names it."""
    with store.read() as tx, pytest.raises(ImageNotFound) as caught:
        images.find(tx, text)

    assert caught.value.message == f"No such image: {shown}"


def test_what_cannot_be_a_name_is_refused(store: Store) -> None:
    """Rather than not found."""
    with store.read() as tx, pytest.raises(InvalidReference):
        images.find(tx, "FOO")


def test_a_tag_moves_and_tells(store: Store) -> None:
    """Giving it again to the same image tells nothing."""
    first, second = rows.image("a", "x:1"), rows.image("b")
    with store.write() as tx:
        images.add(tx, first)
        images.add(tx, second)
        images.tag(tx, second.id, "x:1")
        images.tag(tx, second.id, "x:1")
        images.untag(tx, "x:1")
        images.untag(tx, "x:1")

        assert images.get(tx, first.id).tags == images.get(tx, second.id).tags == ()
        told = [(each.action, each.actor) for each in events.since(tx, 0)]

    assert told == [("tag", first.id), ("tag", second.id), ("untag", second.id)]


def test_a_removed_image_leaves_shared_layers(store: Store) -> None:
    """A layer goes with the last image on it."""
    with store.write() as tx:
        images.add(tx, rows.image("a"))
        images.add(tx, rows.image("b"))
        images.remove(tx, rows.image("a").id)
        assert images.forget_unused_layers(tx) == []
        images.remove(tx, rows.image("b").id)
        assert images.forget_unused_layers(tx) == [rows.LAYER.chain_id]
        assert images.layers_in_use(tx) == set()
