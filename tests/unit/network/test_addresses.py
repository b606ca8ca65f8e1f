"""Which addresses networks and containers get."""

from __future__ import annotations

import ipaddress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ipycontainer.errors import InvalidArgument, ResourceError
from ipycontainer.model.network import Pool
from ipycontainer.network import addresses


def test_pools_come_in_dockers_order() -> None:
    """172.17 to 172.31 first, then /20s of 192.168, and none that is taken."""
    taken: list[ipaddress.IPv4Network | ipaddress.IPv6Network] = []
    found = []
    for _ in range(17):
        pool = addresses.free_pool(taken)
        taken.append(ipaddress.ip_network(pool.subnet))
        found.append((pool.subnet, pool.gateway))
    assert found[0] == ("172.17.0.0/16", "172.17.0.1")
    assert found[14] == ("172.31.0.0/16", "172.31.0.1")
    assert found[15:] == [
        ("192.168.0.0/20", "192.168.0.1"),
        ("192.168.16.0/20", "192.168.16.1"),
    ]


def test_what_the_machine_routes_is_left_to_it() -> None:
    """A pool that overlaps a route is passed over, whatever the route's size."""
    taken = [ipaddress.ip_network("172.17.5.0/24"), ipaddress.ip_network("172.16.0.0/14")]
    assert addresses.free_pool(taken).subnet == "172.20.0.0/16"
    with pytest.raises(ResourceError, match="non-overlapping IPv4 address pool"):
        addresses.free_pool([ipaddress.ip_network("0.0.0.0/0")])


def test_the_next_pool_is_the_one_behind_the_last() -> None:
    """What was given last is left alone until all others were given, free or not."""
    assert addresses.free_pool([], "172.18.0.0/16").subnet == "172.19.0.0/16"
    assert addresses.free_pool([], "172.31.0.0/16").subnet == "192.168.0.0/20"
    assert addresses.free_pool([], str(addresses.POOLS[-1])).subnet == "172.17.0.0/16"
    only = [pool for pool in addresses.POOLS if str(pool) != "172.18.0.0/16"]
    assert addresses.free_pool(only, "172.18.0.0/16").subnet == "172.18.0.0/16"


@given(st.sets(st.integers(1, 14)), st.sets(st.integers(1, 14)))
def test_lowest_free_address_is_chosen(taken: set[int], cooling: set[int]) -> None:
    """Of the free ones the lowest; those that are cooling only when there is no other."""
    pool = Pool("10.0.0.0/28", "10.0.0.1")
    names = {f"10.0.0.{number}" for number in taken}
    free = [number for number in range(2, 15) if number not in taken]
    if not free:
        with pytest.raises(ResourceError, match="no available IPv4 addresses"):
            addresses.choose(pool, names, set())
        return
    found = addresses.choose(pool, names, {f"10.0.0.{number}" for number in cooling})
    rested = [number for number in free if number not in cooling]
    assert found == f"10.0.0.{(rested or free)[0]}"


def test_addresses_come_out_of_the_range() -> None:
    """With an ip-range they begin there, and addresses of others are left out."""
    pool = Pool("10.1.0.0/16", "10.1.5.0", "10.1.5.0/30", {"router": "10.1.5.1"})
    assert addresses.choose(pool, set(), set()) == "10.1.5.2"
    assert addresses.choose(pool, set(), set(), "10.1.9.9") == "10.1.9.9"
    with pytest.raises(InvalidArgument, match="does not belong"):
        addresses.choose(pool, set(), set(), "10.2.0.1")
    with pytest.raises(ResourceError, match="Address already in use"):
        addresses.choose(pool, set(), set(), "10.1.5.1")


def test_ipv6_has_no_broadcast_address() -> None:
    """The first address behind the gateway is free to take; the network's own is not."""
    pool = Pool("fd00::/126", "fd00::1")
    assert addresses.choose(pool, set(), set()) == "fd00::2"
    assert addresses.choose(pool, {"fd00::2"}, set()) == "fd00::3"


@pytest.mark.parametrize(
    ("subnet", "gateway", "ip_range", "message"),
    [
        ("foo", "", "", "invalid subnet foo : invalid CIDR address: foo"),
        ("10.0.0.0/24", "10.0.1.1", "", "no matching subnet for gateway 10.0.1.1"),
        ("10.0.0.0/24", "", "10.0.1.0/25", "no matching subnet for range 10.0.1.0/25"),
        ("10.5.0.0/24", "", "", "Pool overlaps with other one on this address space"),
    ],
)
def test_typed_pools_must_fit(subnet: str, gateway: str, ip_range: str, message: str) -> None:
    """What does not fit is refused in docker's words."""
    taken = [ipaddress.ip_network("10.5.0.0/16")]
    with pytest.raises(InvalidArgument, match=message):
        addresses.checked_pool(subnet, gateway, ip_range, {}, taken)


def test_hardware_address_tells_the_ipv4_address() -> None:
    """02:42 and the four bytes, as docker's; without IPv4 those of the endpoint's id."""
    assert addresses.mac_of("172.17.0.2", "ff" * 32) == "02:42:ac:11:00:02"
    assert addresses.mac_of("", "0a0b0c0d" + "ff" * 28) == "02:42:0a:0b:0c:0d"


@pytest.mark.parametrize(
    ("pool", "faults"),
    [
        (("10.1.0.0/16", "10.1.0.1", "10.1.5.0/24", {"a": "10.1.9.9"}), []),
        (("foo", "", "", {}), ["invalid subnet foo: invalid CIDR block notation"]),
        (("10.1.0.0", "", "", {}), ["invalid subnet 10.1.0.0: invalid CIDR block notation"]),
        (("10.1.0.7/16", "", "", {}), ["invalid subnet 10.1.0.7/16: it should be 10.1.0.0/16"]),
        (
            ("10.1.0.0/16", "10.2.0.1", "fd00::/64", {"a": "x"}),
            [
                "invalid ip-range fd00::/64: parent subnet is an IPv4 block",
                "invalid gateway 10.2.0.1: parent subnet 10.1.0.0/16 doesn't contain this address",
                "invalid auxiliary address a: invalid address",
            ],
        ),
        (
            ("10.1.0.0/16", "", "10.0.0.0/8", {}),
            [
                (
                    "invalid ip-range 10.0.0.0/8: CIDR block is bigger than its parent subnet "
                    "10.1.0.0/16"
                )
            ],
        ),
        (
            ("10.1.0.0/16", "", "10.2.3.4/24", {}),
            [
                "invalid ip-range 10.2.3.4/24: it should be 10.2.3.0/24",
                "invalid ip-range 10.2.3.4/24: parent subnet 10.1.0.0/16 doesn't contain ip-range",
            ],
        ),
    ],
)
def test_faults_of_a_typed_pool_are_told_at_once(
    pool: tuple[str, str, str, dict[str, str]], faults: list[str]
) -> None:
    """All that is wrong with it, in the order and the words of docker's daemon."""
    assert addresses.faults_of(*pool) == faults


@pytest.mark.parametrize("address", ["10.2.0.0", "10.2.0.255", "10.2.0.1", "10.2.0.7"])
def test_what_nobody_can_have(address: str) -> None:
    """A network's own address, that of all, the gateway's, one that is named."""
    pool = Pool("10.2.0.0/24", "10.2.0.1", aux={"printer": "10.2.0.7"})
    with pytest.raises(ResourceError, match="Address already in use"):
        addresses.choose(pool, set(), set(), address)


@pytest.mark.parametrize(
    ("gateway", "aux", "words"),
    [
        ("10.2.0.0", {}, "failed to allocate gateway (10.2.0.0)"),
        ("10.2.0.255", {}, "failed to allocate gateway (10.2.0.255)"),
        ("", {"r": "10.2.0.1"}, "failed to allocate secondary ip address (r:10.2.0.1)"),
        ("10.2.0.9", {"r": "10.2.0.9"}, "failed to allocate secondary ip address (r:10.2.0.9)"),
        ("", {"r": "10.2.0.255"}, "failed to allocate secondary ip address (r:10.2.0.255)"),
        (
            "",
            {"r": "10.2.0.5", "s": "10.2.0.5"},
            "failed to allocate secondary ip address (s:10.2.0.5)",
        ),
    ],
)
def test_addresses_that_are_given_twice(gateway: str, aux: dict[str, str], words: str) -> None:
    """A network is refused that would need one for two things."""
    with pytest.raises(InvalidArgument) as error:
        addresses.checked_pool("10.2.0.0/24", gateway, "", aux, [])
    assert error.value.message == f"{words}: Address already in use"


def test_two_addresses_are_both_for_use() -> None:
    """A network of two has neither one of its own nor one of all (RFC 3021)."""
    pool = addresses.checked_pool("10.2.0.0/31", "10.2.0.0", "", {}, [])
    assert addresses.choose(pool, set(), set()) == "10.2.0.1"
