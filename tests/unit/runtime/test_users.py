"""Users as an image's files name them."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ipycontainer.errors import InvalidArgument
from ipycontainer.runtime import users
from ipycontainer.runtime.steps import Identity

PASSWD = b"""root:x:0:0:root:/root:/bin/sh
# a comment
web:x:33:44:web:/srv:/bin/sh
7:x:99:99:a number for a name:/seven:/bin/sh
broken:x:0x7:0:::
big:x:99999999999:0::/:
nohome:x:50:50:::
"""
GROUP = b"root:x:0:\nwheel:x:10:root,web\naudio:x:29:web\nweb:x:44:\nbad:x:-1:web\n"


@pytest.mark.parametrize(
    ("user", "expected"),
    [
        ("", Identity(0, 0, (0,), "/")),
        ("root", Identity(0, 0, (0, 10), "/root")),
        ("web", Identity(33, 44, (44, 10, 29), "/srv")),
        ("33", Identity(33, 44, (44, 10, 29), "/srv")),
        ("web:wheel", Identity(33, 10, (10,), "/srv")),
        ("web:", Identity(33, 44, (44, 10, 29), "/srv")),
        ("web:5", Identity(33, 5, (5,), "/srv")),
        ("1000", Identity(1000, 0, (0,), "/")),
        ("1000:audio", Identity(1000, 29, (29,), "/")),
        ("7", Identity(7, 0, (0,), "/")),
        ("nohome", Identity(50, 50, (50,), "/")),
    ],
)
def test_users_and_groups(user: str, expected: Identity) -> None:
    """Docker's rules; a number is a number even where it is somebody's name."""
    assert users.lookup(user, PASSWD, GROUP) == expected


def test_further_groups_join_the_primary_one() -> None:
    """The primary group is among the supplementary ones (CVE-2022-36109)."""
    found = users.lookup("web:5", PASSWD, GROUP, ("wheel", "77"))

    assert found.groups == (5, 10, 77)


@pytest.mark.parametrize(
    ("user", "message"),
    [
        ("nobody2", "unable to find user nobody2: no matching entries in passwd file"),
        ("1abc", "unable to find user 1abc: no matching entries in passwd file"),
        ("+1", "unable to find user +1: no matching entries in passwd file"),
        (" 1", "unable to find user  1: no matching entries in passwd file"),
        ("broken", "unable to find user broken: no matching entries in passwd file"),
        ("big", "unable to find user big: no matching entries in passwd file"),
        ("1:none", "unable to find group none: no matching entries in group file"),
        ("web:bad", "unable to find group bad: no matching entries in group file"),
        ("4294967296", "uids and gids must be in range 0-2147483647"),
        ("0:2147483648", "uids and gids must be in range 0-2147483647"),
        ("٣", "unable to find user ٣: no matching entries in passwd file"),
    ],
)
def test_what_names_nobody_is_refused(user: str, message: str) -> None:
    """Nothing but plain digits is a number (CVE-2026-30892)."""
    with pytest.raises(InvalidArgument) as caught:
        users.lookup(user, PASSWD, GROUP)

    assert caught.value.message == message


def test_a_line_that_was_cut_at_the_limit_names_nobody() -> None:
    """A file of more than 1 MiB counts up to its last whole line."""
    padding = b"#" * (users.READ_LIMIT_BYTES - 40) + b"\n"
    raw = (padding + b"evil:x:0:0::/:/bin/sh-and-more-and-more-and-more\n")[
        : users.READ_LIMIT_BYTES
    ]

    with pytest.raises(InvalidArgument):
        users.lookup("evil", raw, b"")


def test_home_is_found_by_number() -> None:
    """An id without an entry, or an entry without a home, has /."""
    assert [users.home_of(uid, PASSWD) for uid in (33, 50, 1000)] == ["/srv", "/", "/"]


@given(st.text(max_size=12), st.binary(max_size=200), st.binary(max_size=200))
def test_any_input_gives_ids_in_range_or_a_refusal(user: str, passwd: bytes, group: bytes) -> None:
    """Whatever an image writes, nobody becomes an id outside docker's range."""
    try:
        found = users.lookup(user, passwd, group)
    except InvalidArgument:
        return
    assert 0 <= found.uid <= users.MAX_ID
    assert all(0 <= gid <= users.MAX_ID for gid in (found.gid, *found.groups))
    assert found.gid in found.groups


@given(st.integers(0, users.MAX_ID), st.integers(0, users.MAX_ID))
def test_numbers_stand_for_themselves(uid: int, gid: int) -> None:
    """`U:G` of two numbers needs no file."""
    assert users.lookup(f"{uid}:{gid}", b"", b"") == Identity(uid, gid, (gid,), "/")


@pytest.mark.parametrize(
    ("name", "by_name", "by_number"),
    [("web", (33, 44), (33, 44)), ("33", None, (33, 44)), ("7", (99, 99), (99, 99)),
     ("web:wheel", None, None), ("broken", None, None), ("", None, None)],
)  # fmt: skip
def test_an_entry_by_its_whole_name(
    name: str, by_name: tuple[int, int] | None, by_number: tuple[int, int] | None
) -> None:
    """As getent(1) looks, with numbers: after the names."""
    assert users.ids_of(name, PASSWD) == by_name
    assert users.ids_of(name, PASSWD, numbers=True) == by_number
