"""nf_tables: tables, chains, sets and rules in batches that are carried out whole or not at all.

Our own encoder: libraries get masks wrong and know no transactions, and the program `nft` may not
be installed (measured: 0.25 ms for a whole ruleset, 2 ms by `nft`). What it makes is held against
`nft -j list ruleset` by its tests. Numbers: linux/netfilter/nf_tables.h; the words of a rule are
those that `nft --debug=netlink` shows.
"""

from __future__ import annotations

import ipaddress
import struct
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from ipycontainer.linux.netlink import (
    ACK,
    CREATE,
    EXCL,
    Netlink,
    Packet,
    attribute,
    attributes,
    nest,
    text,
)

__all__ = [
    "ACCEPT",
    "DNAT",
    "DROP",
    "DSTNAT",
    "FILTER",
    "IPV4",
    "IPV6",
    "MASQUERADE",
    "PORTS",
    "RETURN",
    "SRCNAT",
    "BaseChain",
    "Element",
    "Set",
    "add_chain",
    "add_elements",
    "add_rule",
    "add_set",
    "add_table",
    "base_chains",
    "commit",
    "compare",
    "ct_has",
    "delete_elements",
    "delete_table",
    "destination_is_local",
    "dnat_to",
    "family_is",
    "lookup",
    "meta",
    "open_netfilter",
    "payload",
    "set_port",
    "table_comment",
]

NETLINK_NETFILTER = 12
_BATCH_BEGIN, _BATCH_END = 16, 17  # linux/netfilter/nfnetlink.h
_SUBSYSTEM = 10 << 8  # NFNL_SUBSYS_NFTABLES
_NEWTABLE, _GETTABLE, _DELTABLE, _NEWCHAIN, _GETCHAIN, _NEWRULE = 0, 1, 2, 3, 4, 6
_NEWSET, _NEWSETELEM, _DELSETELEM = 9, 12, 14
_APPEND = 0x800  # NLM_F_APPEND
INET, IPV4, IPV6 = 1, 2, 10  # NFPROTO_*
DSTNAT, SRCNAT, FILTER = -100, 100, 0  # names of priorities (man nft)
_FAMILIES = {1: "inet", 2: "ip", 3: "arp", 5: "netdev", 7: "bridge", 10: "ip6"}
_HOOKS = {"prerouting": 0, "input": 1, "forward": 2, "output": 3, "postrouting": 4}
# enum nft_registers: register 1 is 16 bytes, and 8 to 11 are its four words
_REGISTER, _WORD = 1, 8
_SET_INTERVAL, _SET_MAP = 0x4, 0x8
_ELEMENT_END = 1
_COMMENT = 0  # NFTNL_UDATA_TABLE_COMMENT (libnftnl/udata.h)
_META = {"iifname": 6, "oifname": 7, "l4proto": 16, "nfproto": 15}
# Headers, and in those of TCP and UDP: where the ports are, and by protocol the checksum.
_HEADERS = {"network": 1, "transport": 2}  # enum nft_payload_bases
PORTS = {"source": 0, "destination": 2}
_CHECKSUMS = {6: 16, 17: 6}
NAME_BYTES = 16  # IFNAMSIZ, as interface names are compared

# Data types of `nft`, by which it shows a set's keys (its include/datatype.h).
TYPES = {"ipv4_addr": 7, "ipv6_addr": 8, "inet_proto": 12, "inet_service": 13, "ifname": 41}
_LENGTHS = {"ipv4_addr": 4, "ipv6_addr": 16, "inet_proto": 1, "inet_service": 2, "ifname": 16}


@dataclass(frozen=True, slots=True)
class Set:
    """A set, or with `data` a map, whose keys are one type or several side by side."""

    name: str
    key: tuple[str, ...]
    data: tuple[str, ...] = ()
    interval: bool = False


@dataclass(frozen=True, slots=True)
class Element:
    """A key, with the data that a map gives for it; of an interval `end` is the first beyond."""

    key: bytes
    data: bytes = b""
    end: bytes = b""


@dataclass(frozen=True, slots=True)
class BaseChain:
    """A chain that the kernel calls by itself: `policy` is 0 to drop, 1 to accept."""

    family: str
    table: str
    name: str
    hook: int
    policy: int


def open_netfilter(fd: int | None = None) -> Netlink:
    """Return a socket of nfnetlink in this namespace, or the one that `fd` is."""
    return Netlink(NETLINK_NETFILTER, fd)


def commit(netfilter: Netlink, packets: Iterable[Packet]) -> None:
    """Carry out a batch, whole or not at all. Raises OSError, naming what was refused."""
    frame = struct.pack(">BBH", 0, 0, 10)
    begin, end = Packet(_BATCH_BEGIN, 0, frame, "begin a batch"), Packet(_BATCH_END, 0, frame, "")
    netfilter.send([begin, *packets, end])


def base_chains(netfilter: Netlink) -> list[BaseChain]:
    """Return the base chains of all tables, whoever made them."""
    found = []
    question = Packet(_SUBSYSTEM | _GETCHAIN, 0, struct.pack(">BBH", 0, 0, 0), "list chains")
    for _, body in netfilter.dump(question):
        parts = attributes(body[4:])
        if 4 not in parts:  # NFTA_CHAIN_HOOK: the others are called by rules only
            continue
        hook = attributes(parts[4])
        found.append(
            BaseChain(
                _FAMILIES.get(body[0], str(body[0])),
                parts[1].rstrip(b"\0").decode(),
                parts[3].rstrip(b"\0").decode(),
                int.from_bytes(hook.get(1, b""), "big"),
                int.from_bytes(parts.get(5, b"\0\0\0\1"), "big"),
            )
        )
    return found


def table_comment(netfilter: Netlink, table: str, *, family: int = INET) -> str | None:
    """Return what `add_table` has written to a table, "" for nothing; None where there is none."""
    frame = struct.pack(">BBH", family, 0, 0)
    question = Packet(_SUBSYSTEM | _GETTABLE, 0, frame + text(1, table), f"find table {table}")
    try:
        said = attributes(netfilter.ask(question)[4:]).get(6, b"")
    except FileNotFoundError:
        return None
    return said[2:].rstrip(b"\0").decode(errors="replace") if said[:1] == bytes([_COMMENT]) else ""


# ── messages ─────────────────────────────────────────────────────────────────────────────────────


def add_table(
    table: str, *, family: int = INET, exclusive: bool = False, comment: str = ""
) -> Packet:
    """Make a table; one that is there is fine unless it must be new."""
    flags = CREATE | (EXCL if exclusive else 0)
    body = text(1, table)
    if comment:  # NFTA_TABLE_USERDATA: kind, length, value, as nft has it
        value = comment.encode() + b"\0"
        body += attribute(6, struct.pack("BB", _COMMENT, len(value)) + value)
    return _packet(_NEWTABLE, flags, family, body, f"add table {table}")


def delete_table(table: str, *, family: int = INET) -> Packet:
    """Remove a table with all that is in it. Takes the kernel 15 to 20 ms (measured)."""
    return _packet(_DELTABLE, 0, family, text(1, table), f"delete table {table}")


def add_chain(
    table: str, chain: str, kind: str, hook: str, priority: int, *, family: int = INET
) -> Packet:
    """Make a chain that is called at a hook, and lets pass what no rule of it decides."""
    place = nest(4, _be(1, _HOOKS[hook]), attribute(2, struct.pack(">i", priority)))
    body = text(1, table) + text(3, chain) + place + _be(5, 1) + text(7, kind)
    return _packet(_NEWCHAIN, CREATE, family, body, f"add chain {chain}")


def add_rule(table: str, chain: str, *expressions: bytes, family: int = INET) -> Packet:
    """Put a rule at a chain's end."""
    body = text(1, table) + text(2, chain) + nest(4, *expressions)
    return _packet(_NEWRULE, CREATE | _APPEND, family, body, f"add rule to {chain}")


def add_set(table: str, made: Set, *, family: int = INET) -> Packet:
    """Make an empty set or map."""
    flags = (_SET_INTERVAL if made.interval else 0) | (_SET_MAP if made.data else 0)
    body = text(1, table) + text(2, made.name)
    body += _be(3, flags) + _be(4, _type(made.key)) + _be(5, _length(made.key))
    if made.data:
        body += _be(6, _type(made.data)) + _be(7, _length(made.data))
    if made.key == ("ifname",):
        # Not the kernel's but nft's: without it it shows such keys from the wrong end
        # (NFTNL_UDATA_SET_KEYBYTEORDER 0, of 4 bytes: BYTEORDER_HOST_ENDIAN 1).
        body += attribute(13, struct.pack("=BBI", 0, 4, 1))
    body += _be(10, 1)  # NFTA_SET_ID: any, when no rule of the same batch refers to it by number
    return _packet(_NEWSET, CREATE, family, body, f"add set {made.name}")


def add_elements(
    table: str, name: str, elements: Sequence[Element], *, family: int = INET, new: bool = True
) -> Packet:
    """Put elements into a set; one that is there already is refused (EEXIST) where `new`."""
    flags = CREATE | (EXCL if new else 0)
    body = _elements(table, name, elements)
    return _packet(_NEWSETELEM, flags, family, body, f"add to {name}")


def delete_elements(
    table: str, name: str, elements: Sequence[Element], *, family: int = INET
) -> Packet:
    """Take elements out of a set; one that is not there is refused (ENOENT)."""
    body = _elements(table, name, elements)
    return _packet(_DELSETELEM, 0, family, body, f"delete from {name}")


def _packet(kind: int, flags: int, family: int, body: bytes, what: str) -> Packet:
    return Packet(_SUBSYSTEM | kind, flags | ACK, struct.pack(">BBH", family, 0, 0) + body, what)


def _elements(table: str, name: str, elements: Sequence[Element]) -> bytes:
    listed = []
    for element in elements:
        data = nest(2, attribute(1, element.data)) if element.data else b""
        listed.append(nest(1, nest(1, attribute(1, element.key)), data))
        if element.end:
            listed.append(nest(1, nest(1, attribute(1, element.end)), _be(3, _ELEMENT_END)))
    return text(2, name) + text(1, table) + nest(3, *listed)


def _type(parts: Sequence[str]) -> int:
    """Return the number of a type, of several side by side as `nft` puts them together."""
    found = 0
    for part in parts:
        found = found << 6 | TYPES[part]
    return found


def _length(parts: Sequence[str]) -> int:
    if len(parts) == 1:
        return _LENGTHS[parts[0]]
    return sum(-(-_LENGTHS[part] // 4) * 4 for part in parts)


def _be(kind: int, value: int) -> bytes:
    return attribute(kind, struct.pack(">I", value))


# ── expressions ──────────────────────────────────────────────────────────────────────────────────


def _expression(name: str, *parts: bytes) -> bytes:
    return nest(1, text(1, name), nest(2, *parts))


def _verdict(code: int) -> bytes:
    inner = nest(2, attribute(1, struct.pack(">i", code)))
    return _expression("immediate", _be(1, 0), nest(2, inner))


DROP, ACCEPT = _verdict(0), _verdict(1)
RETURN = _verdict(-5)  # NFT_RETURN: leave the chain as if no rule had matched
MASQUERADE = _expression("masq")
NOTRACK = _expression("notrack")  # at the priority `raw`, before connections are tracked


def DNAT(family: int) -> bytes:  # noqa: N802 - named as its kin
    """Send on to address and port, as `lookup` in a map has put them side by side."""
    address_words = 1 if family == IPV4 else 4
    return _expression(
        "nat",
        _be(1, 1),  # NFTA_NAT_TYPE: NFT_NAT_DNAT
        _be(2, family),
        _be(3, _REGISTER),
        _be(5, _WORD + address_words),
    )


def dnat_to(address: ipaddress.IPv4Address | ipaddress.IPv6Address, port: int = 0) -> bytes:
    """Send on to an address, and to its port; 0 leaves the port as it is."""
    family = IPV4 if address.version == 4 else IPV6
    data = nest(2, attribute(1, address.packed))
    loaded = _expression("immediate", _be(1, _REGISTER), data)
    if not port:
        return loaded + _expression("nat", _be(1, 1), _be(2, family), _be(3, _REGISTER))
    place = _be(1, _WORD + len(address.packed) // 4)
    data = nest(2, attribute(1, struct.pack(">H", port)))
    return loaded + _expression("immediate", place, data) + DNAT(family)


def set_port(side: str, port: int, protocol: int) -> bytes:
    """Overwrite the `source` or `destination` port of TCP or UDP, and mend the checksum."""
    return _expression("immediate", _be(1, 1), nest(2, attribute(1, struct.pack(">H", port)))) + (
        _expression(
            "payload",
            _be(5, _REGISTER),  # NFTA_PAYLOAD_SREG
            _be(2, _HEADERS["transport"]),
            _be(3, PORTS[side]),
            _be(4, 2),
            _be(6, 1),  # NFT_PAYLOAD_CSUM_INET
            _be(7, _CHECKSUMS[protocol]),
        )
    )


def meta(key: str, word: int = 0) -> bytes:
    """Load a fact about the packet into register 1, or into a later word of it."""
    return _expression("meta", _be(2, _META[key]), _be(1, _register(word)))


def payload(base: str, offset: int, length: int, word: int = 0) -> bytes:
    """Load bytes of the packet's `network` or `transport` header."""
    header = _be(2, _HEADERS[base])
    return _expression("payload", _be(1, _register(word)), header, _be(3, offset), _be(4, length))


def compare(value: bytes, *, equal: bool = True) -> bytes:
    """Go on where register 1 holds this (or does not)."""
    return _expression(
        "cmp", _be(1, _REGISTER), _be(2, int(not equal)), nest(3, attribute(1, value))
    )


def lookup(name: str, *, inverted: bool = False, mapped: bool = False) -> bytes:
    """Go on where a set holds what register 1 has; a map puts its data in there."""
    parts = text(1, name) + _be(2, _REGISTER) + (_be(3, _REGISTER) if mapped else b"")
    return _expression("lookup", parts + (_be(5, 1) if inverted else b""))


def family_is(family: int) -> bytes:
    """Go on with packets of IPv4 or of IPv6 only."""
    return meta("nfproto") + compare(bytes([family]))


def destination_is_local() -> bytes:
    """Go on where the packet is for an address of this machine."""
    return _expression("fib", _be(1, _REGISTER), _be(2, 3), _be(3, 2)) + compare(
        struct.pack("=I", 2)  # RTN_LOCAL
    )


def ct_has(what: str) -> bytes:
    """Go on where the connection has been seen (`established`), or was sent on (`dnat`)."""
    key, bits = {"established": (0, 0x6), "dnat": (2, 0x20)}[what]
    mask = struct.pack("=I", bits)
    return (
        _expression("ct", _be(1, _REGISTER), _be(2, key))
        + _expression(
            "bitwise",
            _be(1, _REGISTER),
            _be(2, _REGISTER),
            _be(3, 4),
            nest(4, attribute(1, mask)),
            nest(5, attribute(1, bytes(4))),
        )
        + compare(bytes(4), equal=False)
    )


def _register(word: int) -> int:
    return _WORD + word if word else _REGISTER
