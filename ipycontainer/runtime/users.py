"""Find a user in the container's own passwd and group files: a pure, strict parser.

Never the C library's getpwnam: it would load NSS modules out of the container (CVE-2019-14271).
Grammar and messages are docker's (moby/sys user.GetExecUser), except that a number is written in
plain decimal digits: `+1`, ` 1`, `1:` name nobody (CVE-2026-30892).
Imports errors and steps only.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from ipycontainer.errors import InvalidArgument
from ipycontainer.runtime.steps import Identity

__all__ = ["MAX_ID", "READ_LIMIT_BYTES", "home_of", "ids_of", "lookup"]

MAX_ID = 2147483647
READ_LIMIT_BYTES = 1 << 20


def lookup(user: str, passwd: bytes, group: bytes, groups: Sequence[str] = ()) -> Identity:
    """Return the identity that `U[:G]` stands for, each by number or name.

    Numbers come before names, and need no entry. Without G the user's entry gives the primary
    group, and the groups that list the user's name are added. `groups` are further ones. The
    primary group is always among the supplementary ones (CVE-2022-36109). Raises InvalidArgument.
    """
    user_word, _, group_word = user.partition(":")
    group_word = group_word.partition(":")[0]
    user_number = _number(user_word)
    uid, gid, home, name = user_number or 0, 0, "/", ""
    if user_word:
        for entry_name, entry_uid, entry_gid, entry_home in _passwd(passwd):
            if entry_uid == user_number if user_number is not None else entry_name == user_word:
                uid, gid, home, name = entry_uid, entry_gid, entry_home or "/", entry_name
                break
        else:
            if user_number is None:
                raise InvalidArgument(
                    f"unable to find user {user_word}: no matching entries in passwd file"
                )
    rows = list(_groups(group)) if group_word or name or groups else []
    further: list[int] = []
    if group_word:
        gid = _group_id(group_word, rows)
    elif name:
        further += [row_gid for _, row_gid, members in rows if name in members]
    further += [_group_id(word, rows, "Unable") for word in groups]
    return Identity(uid, gid, tuple(dict.fromkeys((gid, *further))), home)


def home_of(uid: int, passwd: bytes) -> str:
    """Return the home directory of a user id, `/` where there is no entry."""
    return next((home for _, entry, _, home in _passwd(passwd) if entry == uid), "") or "/"


def ids_of(name: str, passwd: bytes, *, numbers: bool = False) -> tuple[int, int] | None:
    """Return the user and group id of an entry, None where there is none.

    It goes by its name; with `numbers` by its user id, too, as getent(1) looks.
    """
    rows = list(_passwd(passwd))
    for entry, uid, gid, _ in rows:
        if entry == name:
            return uid, gid
    if numbers:
        for _, uid, gid, _ in rows:
            if str(uid) == name:
                return uid, gid
    return None


def _group_id(
    word: str, rows: Sequence[tuple[str, int, tuple[str, ...]]], unable: str = "unable"
) -> int:
    number = _number(word)
    if number is not None:
        return number
    for name, gid, _ in rows:
        if name == word:
            return gid
    raise InvalidArgument(f"{unable} to find group {word}: no matching entries in group file")


def _number(word: str) -> int | None:
    """Return a word of decimal digits as an id, None where it is a name."""
    if not (word.isascii() and word.removeprefix("-").isdecimal()):
        return None
    number = int(word) if len(word) <= 20 and word[0] != "-" else MAX_ID + 1
    if number > MAX_ID:
        raise InvalidArgument("uids and gids must be in range 0-2147483647")
    return number


def _passwd(raw: bytes) -> Iterator[tuple[str, int, int, str]]:
    for fields in _rows(raw, 7):
        uid, gid = _file_number(fields[2]), _file_number(fields[3])
        if uid is not None and gid is not None:
            yield fields[0], uid, gid, fields[5]


def _groups(raw: bytes) -> Iterator[tuple[str, int, tuple[str, ...]]]:
    for fields in _rows(raw, 4):
        gid = _file_number(fields[2])
        if gid is not None:
            yield fields[0], gid, tuple(fields[3].split(","))


def _file_number(word: str) -> int | None:
    """Return an id of a file, None where the image wrote nonsense.

    Such a line counts for nothing.
    """
    if not (word.isascii() and word.isdecimal()) or len(word) > 10:
        return None
    number = int(word)
    return number if number <= MAX_ID else None


def _rows(raw: bytes, width: int) -> Iterator[list[str]]:
    if len(raw) >= READ_LIMIT_BYTES:
        raw = raw[: raw.rfind(b"\n") + 1]  # a line that was cut may name somebody else
    for line in raw.split(b"\n"):
        fields = line.decode("utf-8", "surrogateescape").strip().split(":")
        if fields[0] and not fields[0].startswith("#") and len(fields) >= width:
            yield fields
