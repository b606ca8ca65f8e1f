"""`doctor` where a machine is not what it seems."""

from __future__ import annotations

import json
import os
import subprocess
from pathlib import Path

from ipycontainer.engine import doctor

# A directory as root, with the machine's programs and its /proc; $1 is the directory.
ENTER = """
cd "$1" && mkdir usr proc tmp doctor var && mount --rbind /usr usr && mount --rbind /proc proc
for name in bin lib lib64 sbin; do ln -s usr/$name $name; done
cp "$2"/doctor.py "$2"/probes.py doctor
exec chroot . /usr/bin/python3 -I -S /doctor/doctor.py --json
"""


def test_a_chroot_is_named(tmp_path: Path) -> None:
    """Namespaces need a root that is mounted: what helps is another way to enter the directory."""
    directory = tmp_path / "root"
    directory.mkdir()
    unshare = ["unshare", "-m"] if os.geteuid() == 0 else ["unshare", "-Urm"]
    done = subprocess.run(
        [*unshare, "sh", "-c", ENTER, "sh", str(directory), str(Path(doctor.__file__).parent)],
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
        env={"PATH": "/usr/sbin:/usr/bin:/sbin:/bin", "IPYCONTAINER_HOME": "/var/home"},
    )
    assert done.returncode == 1, done.stderr
    found = {check["name"]: check for check in json.loads(done.stdout)}
    assert not found["namespaces"]["ok"]
    assert found["namespaces"]["detail"].endswith("is refused: EINVAL (Invalid argument)")
    assert found["namespaces"]["remedy"].startswith("systemd-nspawn -D DIRECTORY")
