"""The way out of containers: to a server outside, by its address and by its name."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

import ipycontainer
from tests.system.network.world import FAR, NAME, NEAR

APART = ["unshare", "--net", "--mount"]
# As an ordinary user one may do so in a user namespace, with one's own id in it.
APART_AS_USER = [*APART, "--user", "--map-current-user", "--keep-caps"]


@pytest.mark.parametrize("resolver", [FAR, "127.0.0.53"])
def test_containers_reach_who_is_outside(home: Path, busybox_tar: Path, resolver: str) -> None:
    """With the machine's address, as root by the kernel, as an ordinary user through pasta.

    Names lead there too, whether the machine's resolver is outside or on its own loopback. From an
    internal network nothing does.
    """
    package = Path(ipycontainer.__file__).parents[1]
    tree = Path(__file__).parents[3]
    result = subprocess.run(
        [
            *(APART if os.geteuid() == 0 else APART_AS_USER),
            *(sys.executable, "-m", "tests.system.network.world"),
            *(str(home), str(busybox_tar), resolver),
        ],
        cwd=tree,
        env={**os.environ, "PYTHONPATH": f"{package}:{tree}"},
        capture_output=True,
        text=True,
        timeout=100,
        check=False,
    )
    assert result.returncode == 0, result.stderr
    told = json.loads(result.stdout)
    hello = f"hello {NEAR}"
    networks = {"bridge": hello, "office": hello, "host": hello, "inner": ""}
    expected = {f"{net} {whom}": said for net, said in networks.items() for whom in (FAR, NAME)}
    # Who was on an internal network alone asks for names like others from when it is on another.
    expected |= {f"inner and  {NAME}": "", f"inner and office {NAME}": hello}
    expected[f"bridge and inner {NAME}"] = hello
    # This machine itself, by its address and by that of `host-gateway`.
    expected |= {f"{net} to {whom}": "hello" for net in networks for whom in (NEAR, "machine")}
    expected |= {f"inner to {NEAR}": "", "inner to machine": ""}
    if os.geteuid() == 0 and resolver != FAR:
        expected[f"bridge {NAME}"] = ""  # docker's: public resolvers are asked, which are not here
    assert told == expected
