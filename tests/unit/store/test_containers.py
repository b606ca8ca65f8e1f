"""Statements on containers."""

from __future__ import annotations

from dataclasses import replace

import pytest

from ipycontainer.errors import (
    Conflict,
    ImageNotFound,
    InvalidArgument,
    NameInUse,
    NoSuchContainer,
)
from ipycontainer.model.config import ContainerConfig
from ipycontainer.model.state import Status
from ipycontainer.store import containers, events, images, monitor_statements
from ipycontainer.store.database import Store
from tests import rows


@pytest.fixture(autouse=True)
def _image(store: Store) -> None:
    with store.write() as tx:
        images.add(tx, rows.image())


def test_a_record_comes_back_as_it_was_added(store: Store) -> None:
    """Config and overlays included."""
    record = rows.container("web")
    with store.write() as tx:
        containers.add(tx, record)

    with store.read() as tx:
        assert containers.get(tx, record.id) == record


def test_a_container_is_found_by_id_name_and_beginning_of_its_id(store: Store) -> None:
    """A slash before the name is dropped; a name is never matched by its beginning."""
    record = rows.container("web", id="ab" + "0" * 62)
    with store.write() as tx:
        containers.add(tx, record)

        for ref in (record.id, "web", "/web", "ab0", "a"):
            assert containers.find(tx, ref) == record
        for ref in ("we", "b", "ab1", "nope"):
            with pytest.raises(NoSuchContainer) as caught:
                containers.find(tx, ref)
            assert caught.value.message == f"No such container: {ref}"
        with pytest.raises(InvalidArgument, match="invalid name or ID supplied"):
            containers.find(tx, "")


def test_a_link_is_a_name_of_what_it_leads_to(store: Store) -> None:
    """On the default bridge, whatever both are called by now; elsewhere it is none."""
    database = rows.container("db")
    on_bridge = ContainerConfig("busybox", network="bridge", links=("db:data",))
    web = rows.container("web", config=on_bridge)
    other = rows.container("other", config=replace(on_bridge, network="mine"))
    with store.write() as tx:
        for record in (database, web, other):
            containers.add(tx, record)
        for ref in ("web/data", "/web/data"):
            assert containers.find(tx, ref).id == database.id
        for ref in ("web/db", "web/", "web/data/x", "other/data", "nobody/data", "/data"):
            with pytest.raises(NoSuchContainer):
                containers.find(tx, ref)

        containers.rename(tx, database.id, "store")
        containers.rename(tx, web.id, "shop")
        assert containers.find(tx, "shop/data").name == "store"
        assert containers.get(tx, web.id).config.links == ("store:data",)
        assert containers.get(tx, other.id).config.links == ("db:data",)
        containers.remove(tx, database.id)
        with pytest.raises(NoSuchContainer):
            containers.find(tx, "shop/data")


def test_a_name_wins_over_the_beginning_of_an_id(store: Store) -> None:
    """Docker's order: full id, name, prefix."""
    by_id = rows.container("one", id="cafe" + "0" * 60)
    by_name = rows.container("cafe", id="1" * 64)
    with store.write() as tx:
        containers.add(tx, by_id)
        containers.add(tx, by_name)

        assert containers.find(tx, "cafe") == by_name


def test_a_beginning_that_several_ids_have_is_an_error_of_its_own(store: Store) -> None:
    """The words are docker's."""
    with store.write() as tx:
        containers.add(tx, rows.container("one", id="ab1" + "0" * 61))
        containers.add(tx, rows.container("two", id="ab2" + "0" * 61))

        with pytest.raises(InvalidArgument, match="multiple IDs found with provided prefix: ab"):
            containers.find(tx, "ab")


def test_a_name_has_one_holder_who_is_named(store: Store) -> None:
    """The words are docker's, with the whole id."""
    first = rows.container("web")
    with store.write() as tx:
        containers.add(tx, first)

        with pytest.raises(NameInUse) as caught:
            containers.add(tx, rows.container("web"))

    assert caught.value.message == (
        f'Conflict. The container name "/web" is already in use by container "{first.id}".'
        " You have to remove (or rename) that container to be able to reuse that name."
    )


def test_a_container_needs_its_image(store: Store) -> None:
    """An image that was removed while the container was being made stops it."""
    with store.write() as tx, pytest.raises(ImageNotFound):
        containers.add(tx, rows.container("web", image_id="sha256:" + "b" * 64))


def test_containers_are_listed_newest_first(store: Store) -> None:
    """And by status where asked."""
    with store.write() as tx:
        for number, name in enumerate(("c1", "c2", "c3")):
            containers.add(tx, rows.container(name, created_ns=number))
        running = containers.find(tx, "c2").id
        monitor_statements.started(tx, running, 1, 2, "boot", 3)

        assert [each.name for each in containers.list_all(tx)] == ["c3", "c2", "c1"]
        assert [each.name for each in containers.list_all(tx, [Status.RUNNING])] == ["c2"]


def test_renaming_follows_dockers_rules(store: Store) -> None:
    """The old name is free at once; itself, a taken and a bad name are errors."""
    one, two = rows.container("one"), rows.container("two")
    with store.write() as tx:
        containers.add(tx, one)
        containers.add(tx, two)
        containers.rename(tx, one.id, "new")
        assert containers.find(tx, "new").id == one.id

        with pytest.raises(InvalidArgument, match="same name as its current name"):
            containers.rename(tx, one.id, "new")
        with pytest.raises(NameInUse, match="Error when allocating new name: Conflict"):
            containers.rename(tx, one.id, "two")
        with pytest.raises(InvalidArgument) as caught:
            containers.rename(tx, one.id, "_x")
        assert caught.value.message == (
            "Error when allocating new name: Invalid container name (/_x),"
            " only [a-zA-Z0-9][a-zA-Z0-9_.-] are allowed"
        )
        told = events.since(tx, 0)[-1]

    assert told.action == "rename"
    assert told.attributes["oldName"] == "/one"
    assert told.attributes["name"] == "new"


def test_a_removed_container_frees_its_name_and_its_layers(store: Store) -> None:
    """And tells once; removing it again is no error."""
    record = rows.container("web")
    with store.write() as tx:
        containers.add(tx, record)
        images.remove(tx, record.image_id)
        assert images.forget_unused_layers(tx) == []

        assert containers.remove(tx, record.id)
        assert not containers.remove(tx, record.id)
        assert images.forget_unused_layers(tx) == [rows.LAYER.chain_id]
        actions = [each.action for each in events.since(tx, 0)]

    assert actions == ["create", "delete", "destroy"]


def test_a_living_container_is_not_marked_for_removal(store: Store) -> None:
    """One that is marked cannot be started any more."""
    record = rows.container("web")
    with store.write() as tx:
        containers.add(tx, record)
        monitor_statements.started(tx, record.id, 1, 2, "boot", 3)
        with pytest.raises(Conflict):
            containers.mark_removing(tx, record.id)
        monitor_statements.exited(tx, record.id, 0, "", False, 4)
        containers.mark_removing(tx, record.id)

        assert containers.get(tx, record.id).state.status is Status.REMOVING
        assert not monitor_statements.started(tx, record.id, 1, 2, "boot", 5)


def test_events_carry_dockers_attributes(store: Store) -> None:
    """Labels, image and name."""
    with store.write() as tx:
        containers.add(tx, rows.container("web"))
        (told,) = events.since(tx, 0)

    assert (told.type, told.action) == ("container", "create")
    assert told.attributes == {"l": "1", "image": "busybox", "name": "web"}
