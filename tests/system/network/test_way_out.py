"""The way out of containers: to a server outside, by its address and by its name."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

import ipycontainer
from ipycontainer.network import outside
from tests.system.network.world import FAR, FAR_6, NAME, NEAR, NEAR_6, OWN_PORT, PLAIN

pytestmark = pytest.mark.sampled

APART = ["unshare", "--net", "--mount"]
# As an ordinary user one may do so in a user namespace, with one's own id in it.
APART_AS_USER = [*APART, "--user", "--map-current-user", "--keep-caps"]


def apart(module: str, *words: str) -> Any:
    """Run a program in fresh network and mount namespaces, and return what it prints as JSON."""
    package = Path(ipycontainer.__file__).parents[1]
    tree = Path(__file__).parents[3]
    result = subprocess.run(
        [
            *(APART if os.geteuid() == 0 else APART_AS_USER),
            *(sys.executable, "-m", f"tests.system.network.{module}", *words),
        ],
        cwd=tree,
        env={**os.environ, "PYTHONPATH": f"{package}:{tree}"},
        capture_output=True,
        text=True,
        timeout=150,
        check=False,
    )
    assert result.returncode == 0, result.stderr
    return json.loads(result.stdout)


@pytest.mark.parametrize("resolver", [FAR, "127.0.0.53"])
def test_containers_reach_who_is_outside(home: Path, busybox_tar: Path, resolver: str) -> None:
    """With the machine's address, as root by the kernel, as an ordinary user through pasta.

    Names lead there too, whether the machine's resolver is outside or on its own loopback. From an
    internal network nothing does.
    """
    told = apart("world", str(home), str(busybox_tar), resolver)
    hello = f"hello {NEAR}"
    networks = {"bridge": hello, "office": hello, "host": hello, "inner": ""}
    expected = {f"{net} {whom}": said for net, said in networks.items() for whom in (FAR, NAME)}
    # Who was on an internal network alone asks for names like others from when it is on another.
    expected |= {f"inner and  {NAME}": "", f"inner and office {NAME}": hello}
    expected[f"bridge and inner {NAME}"] = hello
    # This machine itself, by its address and by that of `host-gateway`.
    expected |= {f"{net} to {whom}": "hello" for net in networks for whom in (NEAR, "machine")}
    expected |= {f"inner to {NEAR}": "", "inner to machine": ""}
    # By IPv6, and from a network whose addresses nobody translates: pasta cannot leave them.
    expected |= {f"six [{FAR_6}]": f"hello {NEAR_6}", f"six [{NEAR_6}]:{OWN_PORT}": "hello"}
    expected[f"plain {FAR}"] = f"hello {PLAIN if os.geteuid() == 0 else NEAR}"
    if os.geteuid() == 0 and resolver != FAR:
        expected[f"bridge {NAME}"] = ""  # docker's: public resolvers are asked, which are not here
    assert told == expected


@pytest.mark.parametrize("cable", ["cable", "nothing"])
def test_a_machine_without_a_default_route(home: Path, busybox_tar: Path, cable: str) -> None:
    """Containers have their networks and their ports, and nothing beyond; a user is told so once.

    The machine itself is reached where it has an address: by a cable that leads nowhere else.
    """
    told = apart("offline", str(home), str(busybox_tar), cable)
    assert told["interfaces"] == ["eth0", "lo"]
    assert told["beyond"] != 0
    assert told["each other"] == "hello"
    assert told["published"] == {"127.0.0.1": "hello", "[::1]": "hello"}
    assert told["machine"] == ("hello" if cable == "cable" or os.geteuid() == 0 else "")
    by_user = [[outside.NO_ROUTE], []]
    assert told["warnings"] == ([[], []] if os.geteuid() == 0 else by_user)
    assert outside.NO_ROUTE in told["described"]
