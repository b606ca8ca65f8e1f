"""A container's own lines in its /etc/hosts."""

from __future__ import annotations

from pathlib import Path

import pytest

from ipycontainer.model.network import Attachment, EndpointConfig, NetworkConfig, NetworkRecord
from ipycontainer.network import hosts
from ipycontainer.network.attachments import Plug

NETWORK = NetworkRecord("n", "net", 0, NetworkConfig())
PLUG = Plug(NETWORK, Attachment("c", "n", 0, EndpointConfig("net"), ipv4="10.0.0.2"))


@pytest.mark.parametrize(
    ("hostname", "domain", "names"),
    [
        ("web", "", "web"),
        ("web", "shop.example", "web.shop.example web"),
        ("web.shop.example", "", "web.shop.example web"),
        ("web.shop", "example", "web.shop.example web"),
    ],
)
def test_a_whole_name_has_the_bare_one_beside_it(
    tmp_path: Path, hostname: str, domain: str, names: str
) -> None:
    """Wherever the domain was said; once, also where the container begins again."""
    file = tmp_path / "hosts"
    file.write_text(hosts.BASE)
    for _ in range(2):
        hosts.add_own(file, (PLUG,), hostname, domain)
    assert file.read_text() == f"{hosts.BASE}10.0.0.2\t{names}\n"
