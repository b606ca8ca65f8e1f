"""The log drivers that docker has and we have not: created as docker does, refused at the start.

Their options are looked at as docker's daemon looks at them (moby 26.1 `daemon/logger/*`), so that
a mistyped one is told at once. At the start there is docker's own refusal, which names what docker
would have asked for next, and the hint says what to do here.
"""

from __future__ import annotations

from collections.abc import Mapping

from ipycontainer.engine import foreign_log_values
from ipycontainer.errors import InvalidArgument

__all__ = ["HINT", "NAMES", "check", "refusal"]

HINT = "logs are kept by json-file and local here, and `logs -f` hands them on to any program"

_COMMON = frozenset("env env-regex labels labels-regex tag".split())
_OPTIONS: Mapping[str, frozenset[str]] = {
    "awslogs": _COMMON
    | frozenset(
        f"awslogs-{name}"
        for name in "credentials-endpoint create-group create-stream datetime-format endpoint "
        "force-flush-interval-seconds format group max-buffered-events multiline-pattern region "
        "stream".split()
    ),
    "fluentd": _COMMON
    | frozenset(
        f"fluentd-{name}"
        for name in "address async async-reconnect-interval buffer-limit max-retries request-ack "
        "retry-wait sub-second-precision".split()
    ),
    "gcplogs": _COMMON
    | frozenset("gcp-project gcp-log-cmd gcp-meta-zone gcp-meta-name gcp-meta-id".split()),
    "gelf": _COMMON
    | frozenset(
        f"gelf-{name}"
        for name in "address compression-level compression-type tcp-max-reconnect "
        "tcp-reconnect-delay".split()
    ),
    "journald": _COMMON,
    "splunk": _COMMON
    | frozenset(
        f"splunk-{name}"
        for name in "caname capath format gzip gzip-level index index-acknowledgment "
        "insecureskipverify source sourcetype token url verify-connection".split()
    ),
    "syslog": _COMMON
    | frozenset(
        f"syslog-{name}"
        for name in "address facility format tls-ca-cert tls-cert tls-key tls-skip-verify".split()
    ),
}
NAMES = frozenset({*_OPTIONS, "logentries"})

# What docker says at the start where nothing else is configured.
_NOTHING_THERE = {
    "fluentd": "dial tcp 127.0.0.1:24224: connect: connection refused",
    "gcplogs": "No project was specified and couldn't read project from the metadata server. "
    "Please specify a project",
    "journald": "journald is not enabled on this host",
    "splunk": "splunk: splunk-url is expected",
    "syslog": "Unix syslog delivery error",
}
_REQUIRED = {
    "awslogs": ("awslogs-group", "must specify a value for log opt 'awslogs-group'"),
    "gelf": ("gelf-address", "gelf-address is a required parameter"),
}


def check(driver: str, options: Mapping[str, str]) -> None:
    """Raise InvalidArgument for what docker's daemon would not create."""
    if driver == "logentries":
        message = "the logentries logging driver has been deprecated and removed"
        raise InvalidArgument(message, hint=HINT)
    for name in options:
        if name not in _OPTIONS[driver]:
            raise InvalidArgument(
                f'"{name}" is not a valid option for the gcplogs driver'
                if driver == "gcplogs"
                else f"unknown log opt '{name}' for {driver} log driver"
            )
    needed, words = _REQUIRED.get(driver, ("", ""))
    if needed and not options.get(needed):
        raise InvalidArgument(words, hint=HINT)
    foreign_log_values.check(driver, options)


def refusal(driver: str, options: Mapping[str, str]) -> InvalidArgument:
    """Return why a container with this driver does not start."""
    configured = any(name.startswith(f"{driver}-") or name == "gcp-project" for name in options)
    reason = f"{driver} is not supported yet" if configured else _NOTHING_THERE[driver]
    return InvalidArgument(
        f"failed to create task for container: failed to initialize logging driver: {reason}",
        hint=HINT,
    )
