"""What our messages make, as iproute2, nftables and pyroute2 read it back from the kernel."""

from __future__ import annotations

import json
import os
import subprocess
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_interface
from typing import Any

import pytest

from ipycontainer.linux import namespaces, nftables, rtnetlink
from ipycontainer.network import rules
from tests.system.runtime import isolated

HOME_TABLE = "ipyc-0123abcd"
BRIDGES = (
    rules.Bridge("br0", (IPv4Network("172.17.0.0/16"), IPv6Network("fd00:1::/64"))),
    rules.Bridge("br1", (IPv4Network("255.255.255.0/24"),), internal=True),
    rules.Bridge("br2", (IPv4Network("10.9.0.0/20"),), isolated=True, masquerade=False),
)
TARGETS = (
    rules.Target("tcp", None, 8080, IPv4Address("172.17.0.2"), 80),
    rules.Target("sctp", None, 3868, IPv4Address("172.17.0.2"), 3868),
    rules.Target("udp", IPv4Address("192.0.2.7"), 53, IPv4Address("10.9.1.2"), 5353),
    rules.Target("tcp", None, 8080, IPv6Address("fd00:1::2"), 80),
    rules.Target("tcp", IPv6Address("2001:db8::7"), 443, IPv6Address("fd00:1::3"), 8443),
)
# The same table in the words of _nft(8).
TEXT = f"""
table inet ipyc-0123abcd {{
  comment "{rules.layout()}"
  set bridges {{ type ifname; elements = {{ "br0", "br1", "br2" }} }}
  set same {{ type ifname . ifname
    elements = {{ "br0" . "br0", "br1" . "br1", "br2" . "br2" }} }}
  set internal {{ type ifname; elements = {{ "br1" }} }}
  set isolated {{ type ifname; elements = {{ "br2" }} }}
  set nets4 {{ type ipv4_addr; flags interval
    elements = {{ 172.17.0.0/16, 255.255.255.0/24, 10.9.0.0/20 }} }}
  set nets6 {{ type ipv6_addr; flags interval; elements = {{ fd00:1::/64 }} }}
  set masq4 {{ type ipv4_addr; flags interval; elements = {{ 172.17.0.0/16 }} }}
  set masq6 {{ type ipv6_addr; flags interval; elements = {{ fd00:1::/64 }} }}
  map any4 {{ type inet_proto . inet_service : ipv4_addr . inet_service
    elements = {{ tcp . 8080 : 172.17.0.2 . 80, sctp . 3868 : 172.17.0.2 . 3868 }} }}
  map any6 {{ type inet_proto . inet_service : ipv6_addr . inet_service
    elements = {{ tcp . 8080 : fd00:1::2 . 80 }} }}
  map one4 {{ type ipv4_addr . inet_proto . inet_service : ipv4_addr . inet_service
    elements = {{ 192.0.2.7 . udp . 53 : 10.9.1.2 . 5353 }} }}
  map one6 {{ type ipv6_addr . inet_proto . inet_service : ipv6_addr . inet_service
    elements = {{ 2001:db8::7 . tcp . 443 : fd00:1::3 . 8443 }} }}
  chain prerouting {{ type nat hook prerouting priority dstnat; policy accept;
    iifname @isolated return
    dnat ip to ip daddr . meta l4proto . th dport map @one4
    ip daddr != 127.0.0.0/8 fib daddr type local dnat ip to meta l4proto . th dport map @any4
    dnat ip6 to ip6 daddr . meta l4proto . th dport map @one6
    ip6 daddr != ::1 fib daddr type local dnat ip6 to meta l4proto . th dport map @any6
  }}
  chain output {{ type nat hook output priority dstnat; policy accept;
    meta l4proto sctp return
    dnat ip to ip daddr . meta l4proto . th dport map @one4
    ip daddr != 127.0.0.0/8 fib daddr type local dnat ip to meta l4proto . th dport map @any4
    dnat ip6 to ip6 daddr . meta l4proto . th dport map @one6
    ip6 daddr != ::1 fib daddr type local dnat ip6 to meta l4proto . th dport map @any6
  }}
  chain postrouting {{ type nat hook postrouting priority srcnat; policy accept;
    ip saddr @masq4 oifname != @bridges masquerade
    ip saddr @nets4 oifname @bridges ct status dnat masquerade
    ip6 saddr @masq6 oifname != @bridges masquerade
    ip6 saddr @nets6 oifname @bridges ct status dnat masquerade
  }}
  chain isolation {{ type filter hook forward priority filter; policy accept;
    ct state established,related accept
    iifname . oifname @same accept
    iifname @internal drop
    oifname @internal drop
    ct status dnat accept
    oifname @bridges drop
  }}
}}
"""


def test_table_is_what_nft_would_have_made() -> None:
    """The engine's table reads in _nft(8) exactly as the same rules loaded by it."""
    ours, theirs = isolated.call(_list_both)
    assert ours == theirs
    assert "tcp . 8080 : 172.17.0.2 . 80" in ours


def _list_both() -> list[str]:
    namespaces.unshare(namespaces.CLONE_NEWNET)
    _make_table()
    ours = _nft("list", "ruleset")
    namespaces.unshare(namespaces.CLONE_NEWNET)
    _nft("-f", "-", stdin=TEXT)
    return [ours, _nft("list", "ruleset")]


def test_what_was_added_can_be_taken_out() -> None:
    """Without its networks and ports the table is as it was at first."""
    before, after = isolated.call(_add_and_remove)
    assert before == after


def _add_and_remove() -> list[str]:
    namespaces.unshare(namespaces.CLONE_NEWNET)
    with nftables.open_netfilter() as netfilter:
        nftables.commit(netfilter, rules.table(HOME_TABLE))
        before = _nft("list", "ruleset")
        for bridge in BRIDGES:
            nftables.commit(netfilter, rules.add_bridge(HOME_TABLE, bridge))
        nftables.commit(netfilter, (rules.add_target(HOME_TABLE, target) for target in TARGETS))
        for bridge in BRIDGES:
            nftables.commit(netfilter, rules.remove_bridge(HOME_TABLE, bridge))
        nftables.commit(netfilter, (rules.remove_target(HOME_TABLE, target) for target in TARGETS))
    return [before, _nft("list", "ruleset")]


def test_batch_is_done_whole_or_not_at_all() -> None:
    """A batch whose last message is refused leaves nothing, and the error names that message."""
    error, ruleset = isolated.call(_fail_at_the_end)
    assert error == [17, "add to any4"]
    assert "172.17.0.2" not in ruleset


def _fail_at_the_end() -> list[Any]:
    namespaces.unshare(namespaces.CLONE_NEWNET)
    with nftables.open_netfilter() as netfilter:
        nftables.commit(netfilter, rules.table(HOME_TABLE))
        one, _, other, *_ = TARGETS
        nftables.commit(netfilter, [rules.add_target(HOME_TABLE, other)])
        again = rules.Target("tcp", None, 8080, IPv4Address("172.17.0.3"), 81)
        with pytest.raises(FileExistsError) as caught:
            nftables.commit(
                netfilter,
                [rules.add_target(HOME_TABLE, one), rules.add_target(HOME_TABLE, again)],
            )
        with pytest.raises(FileExistsError):  # the socket is in order afterwards
            nftables.commit(netfilter, rules.table(HOME_TABLE))
    return [[caught.value.errno, caught.value.filename], _nft("list", "ruleset")]


def test_chains_of_others_are_seen() -> None:
    """A firewall's chain that drops what it does not know is found, whoever made it."""
    assert isolated.call(_chains_of_others) == [["ip", "filter", "FORWARD", 2, 0]]


def _chains_of_others() -> list[list[Any]]:
    namespaces.unshare(namespaces.CLONE_NEWNET)
    chain = "type filter hook forward priority 0; policy drop;"
    _nft("add table ip filter; add chain ip filter called; ")
    _nft(f"add chain ip filter FORWARD {{ {chain} }}")
    with nftables.open_netfilter() as netfilter:
        found = nftables.base_chains(netfilter)
    return [[each.family, each.table, each.name, each.hook, each.policy] for each in found]


def test_links_are_what_iproute2_and_pyroute2_see() -> None:
    """A bridge and a veth with its peer in another namespace are as they were asked for."""
    seen = isolated.call(_make_links)
    bridge, port = seen["outside"]
    assert bridge["linkinfo"]["info_kind"] == "bridge"
    assert (bridge["address"], bridge["mtu"], bridge["ifalias"]) == ("02:42:0a:09:00:01", 1400, "n")
    assert "UP" in bridge["flags"]
    assert port["master"] == "br0"
    assert port["ifalias"] == "a remark"
    assert port["mtu"] == 1400
    data = port["linkinfo"]["info_slave_data"]
    assert (data["hairpin"], data["isolated"]) == (True, True)
    (inside,) = seen["inside"]
    assert (inside["ifname"], inside["address"]) == ("eth0", "02:42:0a:09:00:02")
    addresses = [
        (each["family"], each["local"], each["prefixlen"], each.get("broadcast"))
        for each in inside["addr_info"]
        if each["scope"] == "global"
    ]
    assert addresses == [
        ("inet", "10.9.0.2", 20, "10.9.15.255"),
        ("inet6", "fd00:1::2", 64, None),
    ]
    assert [(r["dst"], r.get("gateway")) for r in seen["routes"]] == [
        ("default", "10.9.0.1"),
        ("10.9.0.0/20", None),
    ]
    assert seen["ours"] == seen["pyroute2"]
    assert seen["networks"] == ["10.9.0.0/20"]
    assert seen["gone"] == [None, 19]


def _make_links() -> dict[str, Any]:
    namespaces.unshare(namespaces.CLONE_NEWNET)
    inside = subprocess.Popen(["unshare", "-n", "sh", "-c", "echo; exec sleep 60"], stdout=-1)
    assert inside.stdout is not None
    try:
        inside.stdout.readline()
        return _see_links(inside.pid)
    finally:
        inside.kill()
        inside.communicate()


def _see_links(pid: int) -> dict[str, Any]:
    route = rtnetlink.open_route()
    route.send(
        [
            rtnetlink.add_bridge("br0", mtu=1400, mac="02:42:0a:09:00:01"),
            rtnetlink.change_link("br0", up=True, alias="n"),
        ]
    )
    found = rtnetlink.find_link(route, "br0")
    assert found is not None
    route.send(
        [
            rtnetlink.add_veth(
                "v0",
                bridge=found.index,
                peer="eth0",
                peer_pid=pid,
                peer_mac="02:42:0a:09:00:02",
                mtu=1400,
            ),
            rtnetlink.set_port("v0", hairpin=True, isolated=True, alias="a remark"),
        ]
    )
    ours = sorted((link.name, link.index, link.kind, link.up) for link in rtnetlink.links(route))
    seen: dict[str, Any] = {
        "outside": [_ip("-d", "link", "show", name)[0] for name in ("br0", "v0")],
        "ours": [list(each) for each in ours],
        "pyroute2": [list(each) for each in _by_pyroute2()],
    }
    where = os.open(f"/proc/{pid}/ns/net", os.O_RDONLY)
    namespaces.setns(where, namespaces.CLONE_NEWNET)
    with rtnetlink.open_route() as own:
        link = rtnetlink.find_link(own, "eth0")
        assert link is not None
        own.send(
            [
                rtnetlink.add_address(link.index, ip_interface("10.9.0.2/20")),
                rtnetlink.add_address(link.index, ip_interface("fd00:1::2/64")),
                rtnetlink.change_link("eth0", up=True),
                rtnetlink.add_route(link.index, IPv4Address("10.9.0.1")),
            ]
        )
        seen["networks"] = [str(net) for net in rtnetlink.routes(own) if net.version == 4]
    seen["inside"] = _ip("addr", "show", "dev", "eth0")
    seen["routes"] = _ip("route", "show", "table", "main")
    route.send([rtnetlink.delete_link("v0")])
    with pytest.raises(OSError, match="No such device") as caught:
        route.send([rtnetlink.delete_link("v0")])
    seen["gone"] = [rtnetlink.find_link(route, "v0"), caught.value.errno]
    return seen


def _by_pyroute2() -> list[tuple[str, int, str, bool]]:
    from pyroute2 import IPRoute

    with IPRoute() as route:
        return sorted(
            (
                link.get("ifname"),
                link["index"],
                link.get(("linkinfo", "kind")) or "",
                bool(link["flags"] & 1),
            )
            for link in route.get_links()
        )


def _make_table() -> None:
    with nftables.open_netfilter() as netfilter:
        nftables.commit(netfilter, rules.table(HOME_TABLE))
        for bridge in BRIDGES:
            nftables.commit(netfilter, rules.add_bridge(HOME_TABLE, bridge))
        nftables.commit(netfilter, (rules.add_target(HOME_TABLE, target) for target in TARGETS))


def _nft(*words: str, stdin: str = "") -> str:
    return subprocess.run(
        ["/usr/sbin/nft", *words], input=stdin, capture_output=True, text=True, check=True
    ).stdout


def _ip(*words: str) -> Any:
    done = subprocess.run(["ip", "-j", *words], capture_output=True, text=True, check=True)
    return json.loads(done.stdout)
