"""A machine without a default route, on a cable that leads nowhere, or with nothing at all.

    python -m tests.system.network.offline HOME IMAGE cable|nothing

Run in fresh network and mount namespaces with all rights in them (test_way_out). Prints as JSON
what containers have there.
"""

from __future__ import annotations

import json
import subprocess
import sys
import urllib.request
from pathlib import Path
from typing import Any

import ipycontainer
from ipycontainer.engine.container import Container
from ipycontainer.engine.engine import Engine
from ipycontainer.linux import links
from tests.system.engine.processes import eventually

PORT = 8080
OUTSIDE = "198.51.100.1"  # of nobody (RFC 5737)
SERVER = ["sh", "-c", "mkdir /w; echo hello > /w/index.html; exec httpd -f -h /w"]
ASKS = ["wget", "-T", "3", "-qO-"]


def main(home: str, image: str, cable: str) -> None:
    """Build the machine, try, and print; see the module's docstring."""
    links.loopback_up()
    # Taken over from the machine, and told of where it is off: not what is looked at here.
    Path("/proc/sys/net/ipv4/ip_forward").write_text("1", encoding="ascii")
    if cable == "cable":
        for line in (
            "link add cable type veth peer name end",
            "addr add 10.79.0.1/24 dev cable",
            "link set cable up",
            "link set end up",
        ):
            subprocess.run(["ip", *line.split()], check=True, timeout=10)
    with ipycontainer.connect(Path(home)) as engine:
        engine.images.import_(Path(image), repository="busybox", tag="latest")
        try:
            print(json.dumps(_tried(engine)), flush=True)
        finally:
            engine.reset()


def _tried(engine: Engine) -> dict[str, Any]:
    server = engine.containers.run("busybox", SERVER, name="web", ports={80: PORT}, detach=True)
    assert isinstance(server, Container)
    eventually(lambda: server.exec_run([*ASKS, "http://127.0.0.1/"]).exit_code == 0)
    office = engine.networks.create("office")
    beyond = engine.run("busybox", [*ASKS, f"http://{OUTSIDE}/"], remove=True)
    friend = engine.run("busybox", [*ASKS, "http://web/"], links={"web": "web"}, remove=True)
    machine = engine.run(
        "busybox",
        [*ASKS, f"http://machine:{PORT}/"],
        extra_hosts={"machine": "host-gateway"},
        remove=True,
    )
    interfaces = engine.run("busybox", ["ls", "/sys/class/net"], remove=True)
    return {
        "interfaces": sorted(interfaces.stdout.decode().split()),
        "beyond": beyond.exit_code,
        "each other": friend.stdout.decode().strip(),
        "published": {
            name: urllib.request.urlopen(f"http://{name}:{PORT}/", timeout=10)
            .read()
            .decode()
            .strip()
            for name in ("127.0.0.1", "[::1]")
        },
        "machine": machine.stdout.decode().strip(),
        "warnings": [list(server.warnings), list(office.warnings)],
        "described": engine.info()["NetworkWayOut"],
    }


if __name__ == "__main__":
    main(*sys.argv[1:])
