"""DNS messages: read as dnslib writes them, written as it reads them, and nothing else believed."""

from __future__ import annotations

import ipaddress

import dnslib
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ipycontainer.network import dns
from ipycontainer.network.dns import Answer

LABEL = st.text("abcXYZ019-_", min_size=1, max_size=20)
NAME = st.lists(LABEL, min_size=1, max_size=6).map(".".join)


@given(NAME, st.sampled_from(["A", "AAAA", "PTR", "MX", "SRV", "ANY"]))
def test_questions_of_another_encoder_are_understood(name: str, kind: str) -> None:
    """Name in lower case, type, id and the bytes of the question."""
    asked = dnslib.DNSRecord.question(name, kind)
    query = dns.read(asked.pack())
    assert (query.name, query.id) == (name.lower(), asked.header.id)
    assert query.type == getattr(dnslib.QTYPE, kind)
    assert query.space == 512


@given(NAME, st.lists(st.ip_addresses(), max_size=4), st.sampled_from(["A", "AAAA"]))
def test_answers_are_understood_by_another_decoder(
    name: str, addresses: list[ipaddress.IPv4Address | ipaddress.IPv6Address], kind: str
) -> None:
    """Only addresses of the type that was asked for, in their order."""
    query = dns.read(dnslib.DNSRecord.question(name, kind).pack())
    said = dnslib.DNSRecord.parse(dns.answer(query, Answer(tuple(map(str, addresses)))))
    wanted = {"A": (4,), "AAAA": (6,)}[kind]
    assert [bytes(record.rdata.data) for record in said.rr] == [
        a.packed for a in addresses if a.version in wanted
    ]
    assert said.header.id == query.id
    assert (said.header.qr, said.header.ra, said.header.rcode) == (1, 1, 0)
    assert str(said.q.qname).rstrip(".").lower() == name.lower()


def test_a_client_says_how_much_it_takes() -> None:
    """With EDNS it may be more than 512 bytes; less is not believed."""
    for size, space in ((4096, 4096), (100, 512)):
        asked = dnslib.DNSRecord.question("a.b")
        asked.add_ar(dnslib.EDNS0(udp_len=size))
        assert dns.read(asked.pack()).space == space


def test_too_long_an_answer_says_to_come_by_tcp() -> None:
    """It is cut to its question, with TC set."""
    query = dns.read(dnslib.DNSRecord.question("many").pack())
    whole = dns.answer(query, Answer(tuple(f"10.0.0.{number}" for number in range(100))))
    cut = dnslib.DNSRecord.parse(dns.truncated(query, whole))
    assert (cut.header.tc, len(cut.rr)) == (1, 0)
    short = dns.answer(query, Answer(("10.0.0.1",)))
    assert dns.truncated(query, short) == short


@given(st.ip_addresses())
def test_reversed_names_are_addresses(address: ipaddress.IPv4Address) -> None:
    """Those of in-addr.arpa and ip6.arpa."""
    assert dns.pointer_address(address.reverse_pointer) == str(address)


@pytest.mark.parametrize("name", ["a.in-addr.arpa", "1.2.in-addr.arpa", "in-addr.arpa", "x", ""])
def test_other_names_are_no_addresses(name: str) -> None:
    """A broken one is nobody's address."""
    assert dns.pointer_address(name) == ""


@given(st.binary(max_size=600))
def test_anything_is_read_or_refused(message: bytes) -> None:
    """Whatever comes: a question, or ValueError; never another error, never without end."""
    for read in (dns.read, dns.question_of):
        try:
            read(message)
        except ValueError:
            pass


@given(st.data())
def test_a_changed_question_is_read_or_refused(data: st.DataObject) -> None:
    """Single bytes of a good question changed: still only ValueError."""
    message = bytearray(dnslib.DNSRecord.question("some.name.of.length").pack())
    for _ in range(data.draw(st.integers(1, 4))):
        message[data.draw(st.integers(0, len(message) - 1))] = data.draw(st.integers(0, 255))
    try:
        query = dns.read(bytes(message))
    except ValueError:
        return
    assert len(query.name) <= 255
    said = dns.answer(query, Answer(("10.0.0.1",)))
    assert dns.question_of(said) == query.question


def test_pointers_have_no_place_in_a_question() -> None:
    """A name that points to itself would have no end."""
    with pytest.raises(ValueError, match="broken name"):
        dns.read(b"\0\1\1\0\0\1\0\0\0\0\0\0\xc0\x0c\0\1\0\1")
