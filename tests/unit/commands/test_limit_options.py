"""Options that limit a container, from the line to the record; messages stand in tests/oracle."""

from __future__ import annotations

from dataclasses import replace

import pytest

from ipycontainer.commands.grammar import parse
from ipycontainer.commands.limit_options import client_warnings
from ipycontainer.errors import InvalidArgument, UsageError
from ipycontainer.model.config import ContainerConfig
from ipycontainer.model.limits import DeviceLimit, Limits, Ulimit
from ipycontainer.model.mounts import MountPoint
from ipycontainer.model.units import parse_size


def test_values_are_numbers() -> None:
    """Sizes in bytes, processors in billionths, devices with their number."""
    words = "-m 64m --cpus 1.5 -c 512 --pids-limit -1 --memory-swap -1 --ulimit core=0:5"
    params = parse(
        ["run", *words.split(), "--device-read-bps", "/dev/sda:1mb", "busybox", "-m"]
    ).params
    assert (params["memory"], params["nano_cpus"]) == (64 << 20, 1_500_000_000)
    assert (params["cpu_shares"], params["pids_limit"], params["memory_swap"]) == (512, -1, -1)
    assert params["ulimit"] == (Ulimit("core", 0, 5),)
    assert params["device_read_bps"] == (DeviceLimit("/dev/sda", 1 << 20),)
    assert params["command"] == ("-m",)


def test_update_needs_a_flag() -> None:
    """Docker's words and code."""
    call = parse(["update", "x"])
    with pytest.raises(UsageError, match="you must provide one or more flags") as error:
        call.run(None)  # type: ignore[arg-type]
    assert error.value.exit_code == 1
    assert Limits() == Limits(memory=0)


@pytest.mark.parametrize(
    ("text", "size"),
    [
        ("0", 0),
        ("64m", 64 << 20),
        ("64MB", 64 << 20),
        ("64 MiB", 64 << 20),
        ("1.5g", 3 << 29),
        ("5b", 5),
        ("9" * 20, -(2**63)),
    ],
)
def test_sizes(text: str, size: int) -> None:
    """Go-units' RAMInBytes, its overflow included."""
    assert parse_size(text) == size


@pytest.mark.parametrize("text", ["", "m", "5x", "-5", "5mm", "1.2.3", "0x10", "1e3"])
def test_no_sizes(text: str) -> None:
    """Refused in its words."""
    with pytest.raises(InvalidArgument):
        parse_size(text)


def test_what_the_client_warns_of() -> None:
    """A driver for volumes beside `--mount`, which names its own; resolvers on a loopback."""
    mount = MountPoint("volume", "/d", origin="--mount")
    config = ContainerConfig("i", mounts=(mount,), volume_driver="nope", dns=("127.0.0.1",))
    ignored, resolver = client_warnings(config)
    assert "`--volume-driver` is ignored" in ignored
    assert "--dns=127.0.0.1" in resolver
    assert client_warnings(replace(config, mounts=(replace(mount, origin="-v"),), dns=())) == ()
