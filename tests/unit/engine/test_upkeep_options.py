"""docker-py's words about restarts, health, logs and a network mean what docker's options mean."""

from __future__ import annotations

from typing import Any

import pytest

from ipycontainer.engine.docker_py.options import config_from_options
from ipycontainer.errors import InvalidArgument, Unsupported
from ipycontainer.model.config import ContainerConfig
from ipycontainer.model.health import Healthcheck

SECOND = 1_000_000_000


def config(**options: Any) -> ContainerConfig:
    """Return what the options of a container mean."""
    return config_from_options("busybox", (), options)


@pytest.mark.parametrize(
    ("given", "wanted"),
    [
        ({"test": "true"}, Healthcheck(("CMD-SHELL", "true"))),
        ({"Test": ["CMD", "true"], "Retries": 2}, Healthcheck(("CMD", "true"), retries=2)),
        ({"test": ["NONE"]}, Healthcheck(("NONE",))),
        ({"test": [], "interval": SECOND}, Healthcheck(interval_ns=SECOND)),
        (
            {
                "test": ["CMD-SHELL", "x"],
                "interval": SECOND,
                "timeout": 2 * SECOND,
                "retries": 4,
                "start_period": 3 * SECOND,
            },
            Healthcheck(("CMD-SHELL", "x"), SECOND, 2 * SECOND, 3 * SECOND, 0, 4),
        ),
    ],
)
def test_a_healthcheck_is_docker_pys(given: dict[str, Any], wanted: Healthcheck) -> None:
    """Its keys are written either way, as in types.Healthcheck."""
    assert config(healthcheck=given).healthcheck == wanted
    assert config().healthcheck is None


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"interval": 5}, "Interval in Healthcheck cannot be less than 1ms"),
        ({"start_period": -1}, "StartPeriod in Healthcheck cannot be less than 1ms"),
        ({"retries": -1}, "Retries in Healthcheck cannot be negative"),
        ({"test": ["true"]}, "Unknown healthcheck type 'true'"),
        ({"foo": 1}, "healthcheck has no 'foo'"),
    ],
)
def test_a_healthcheck_that_is_none_is_refused(given: dict[str, Any], message: str) -> None:
    """In the words of docker's daemon where it has some."""
    with pytest.raises(InvalidArgument, match=message):
        config(healthcheck=given)


def test_a_log_config_is_docker_pys() -> None:
    """Type and Config, in either way of writing; numbers become docker's texts."""
    found = config(log_config={"type": "local", "config": {"max-file": 3}})
    assert (found.log_driver, dict(found.log_options)) == ("local", {"max-file": "3"})
    assert config(log_config={"Type": "none", "Config": {}}).log_driver == "none"
    assert config().log_driver == "json-file"
    with pytest.raises(InvalidArgument, match="log_config has no 'foo'"):
        config(log_config={"foo": 1})


def test_a_networking_config_says_what_is_wanted_of_the_network() -> None:
    """Aliases and addresses, as docker-py's EndpointConfig has them; nothing is left unheard."""
    wanted = {"IPAMConfig": {"IPv4Address": "10.1.2.3"}, "Aliases": ["db"]}
    (endpoint,) = config(network="mine", networking_config={"mine": wanted}).endpoints
    assert (endpoint.network, endpoint.ipv4, endpoint.aliases) == ("mine", "10.1.2.3", ("db",))
    with pytest.raises(InvalidArgument, match="other is not the network"):
        config(network="mine", networking_config={"other": wanted})
    with pytest.raises(Unsupported, match="networking_config"):
        config(network="mine", networking_config={"mine": {"DriverOpts": {}}})
