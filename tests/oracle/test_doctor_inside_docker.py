"""`doctor` tells the truth inside docker's containers, where most of what we need is missing.

It runs there by itself, from two files, on the machine's /usr: nothing of ours is installed.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from ipycontainer.engine import doctor
from ipycontainer.engine.doctor import DOCKER_OPTIONS
from tests.oracle.conftest import Docker

UNFILTERED = ("--security-opt", "seccomp=unconfined")
OPEN = (*UNFILTERED, "--security-opt", "systempaths=unconfined")
# The same steps by other programs: what doctor says is held against what they meet.
SCRIPT = """
ln -s usr/lib /lib; ln -s usr/lib64 /lib64
[ "$USER_ID" = 0 ] || user="/usr/bin/setpriv --reuid $USER_ID --regid $USER_ID --clear-groups"
$user /usr/bin/python3 -I -S /doctor/doctor.py --json; echo "code $?"
$user /usr/bin/unshare -Urm true; echo "namespaces $?"
$user /usr/bin/unshare -Urmpf --mount-proc true; echo "proc $?"
"""


def diagnose(docker: Docker, *options: str, user: str = "0") -> dict[str, Any]:
    """Return doctor's checks by name in such a container, its code, and what others met there."""
    place = Path(doctor.__file__).parent
    files = [f"{place / name}:/doctor/{name}:ro" for name in ("doctor.py", "probes.py")]
    done = docker(
        "run", "--rm", "-v", "/usr:/usr:ro", *(word for file in files for word in ("-v", file)),
        "-e", f"USER_ID={user}", "-e", "IPYCONTAINER_HOME=/home-of-ours/home", "-e",
        "PATH=/usr/bin:/usr/sbin:/bin", *options, "busybox", "/bin/busybox", "sh", "-c", SCRIPT,
    )  # fmt: skip
    text, _, rest = done.stdout.partition("code ")
    words = f"code {rest}".split()
    return {
        **{check["name"]: check for check in json.loads(text)},
        **{f"real {name}": int(code) for name, code in zip(words[::2], words[1::2], strict=True)},
    }


@pytest.mark.parametrize("user", ["0", "1000"])
def test_a_default_container(docker: Docker, user: str) -> None:
    """No namespace can be had; the one command is docker's own, with both options."""
    found = diagnose(docker, user=user)
    assert found["real namespaces"] != 0
    assert found["namespaces"] == {
        "name": "namespaces",
        "ok": False,
        "detail": "a user namespace is refused: EPERM (Operation not permitted)",
        "remedy": f"docker run {DOCKER_OPTIONS}",
        "needed": True,
    }
    assert found["real code"] == 1
    assert not found["cgroups"]["ok"]
    assert not found["tun"]["ok"]
    assert found["tun"]["remedy"] == "docker run --device /dev/net/tun"


@pytest.mark.parametrize("user", ["0", "1000"])
def test_an_unfiltered_container(docker: Docker, user: str) -> None:
    """Namespaces can be had, but no fresh /proc beside what docker has masked of its own."""
    found = diagnose(docker, *UNFILTERED, user=user)
    assert found["real namespaces"] == 0
    assert found["namespaces"]["ok"]
    assert found["real proc"] != 0
    assert not found["proc"]["ok"]
    assert found["proc"]["remedy"] == f"docker run {DOCKER_OPTIONS}"
    assert found["real code"] == 1


def test_what_its_remedies_name_mends_it(docker: Docker) -> None:
    """With both options every need is met but for the home, and with a volume for it, all are."""
    found = diagnose(docker, *OPEN)
    assert found["real proc"] == 0
    assert found["proc"]["ok"]
    assert not found["overlay"]["ok"]
    assert found["overlay"]["remedy"] == "docker run -v ipycontainer:/home-of-ours/home"
    found = diagnose(docker, *OPEN, "-v", "ours:/home-of-ours/home")
    assert found["overlay"]["ok"], found["overlay"]
    assert found["real code"] == 0
