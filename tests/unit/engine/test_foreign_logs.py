"""Options of log drivers that docker has and we have not: its daemon's refusals at a create."""

from __future__ import annotations

import pytest

from ipycontainer.engine import foreign_logs
from ipycontainer.errors import InvalidArgument


@pytest.mark.parametrize(
    ("address", "words"),
    [
        ("foo", "unsupported scheme: ''"),
        ("host:514", "unsupported scheme: 'host'"),
        (":514", 'parse ":514": missing protocol scheme'),
        (
            "127.0.0.1:514",
            'parse "127.0.0.1:514": first path segment in URL cannot contain colon',
        ),
        ("tcp://a:b", 'parse "tcp://a:b": invalid port ":b" after host'),
        ("unixgram:///nope", "stat /nope: no such file or directory"),
    ],
)
def test_an_address_is_read_as_go_reads_it(address: str, words: str) -> None:
    """Scheme, host and path as net/url has them, and its words where it finds none."""
    with pytest.raises(InvalidArgument) as refused:
        foreign_logs.check("syslog", {"syslog-address": address})
    assert refused.value.message == words


@pytest.mark.parametrize(
    "address", ["udp://127.0.0.1", "tcp+tls://h:5", "tcp://[::1]:514", "tcp://u@h:1", "unix:///"]
)
def test_an_address_that_docker_takes_is_taken(address: str) -> None:
    """With a port or without, of IPv6 and with a user's name, and a socket that is there."""
    foreign_logs.check("syslog", {"syslog-address": address})


def test_gelf_wants_a_port_and_numbers() -> None:
    """What is said of one protocol is refused of the other."""
    for options, words in (
        ({"gelf-address": "udp://a"}, "gelf: please provide gelf-address as proto://host:port"),
        (
            {"gelf-address": "tcp://a:1", "gelf-compression-type": "gzip"},
            "compression is only supported on UDP",
        ),
        (
            {"gelf-address": "tcp://a:1", "gelf-tcp-max-reconnect": "-1"},
            '"gelf-tcp-max-reconnect" must be a positive integer',
        ),
    ):
        with pytest.raises(InvalidArgument) as refused:
            foreign_logs.check("gelf", options)
        assert refused.value.message == words
    foreign_logs.check("gelf", {"gelf-address": "udp://a:1", "gelf-compression-level": "-1"})
