"""Power that is lost while an ordinary user's containers are at work.

Root has the disk, the ordinary user whom scripts/test has made the home on it, and what is left of
it is opened as that user: layers that belong to subordinate ids, state of no other's.
"""

from __future__ import annotations

import os
import pwd
import shutil
import tempfile
from pathlib import Path

import pytest

from tests.system.engine.test_power_loss import Owner, lose_power

pytestmark = [
    pytest.mark.timeout(1800),
    pytest.mark.skipif(os.geteuid() != 0, reason="only root may mount a disk"),
]


def _owner(home: Path) -> Owner:
    user = os.environ.get("IPYCONTAINER_TEST_USER", "")
    python = os.environ.get("IPYCONTAINER_TEST_USER_PYTHON", "")
    if not user or not python:
        pytest.skip("$IPYCONTAINER_TEST_USER and its _PYTHON name no ordinary user")
    found = pwd.getpwnam(user)
    words = ("setpriv", f"--reuid={user}", f"--regid={user}", "--init-groups", python)
    environment = {"HOME": str(home), "PATH": "/usr/local/bin:/usr/bin:/bin:/usr/sbin:/sbin"}
    return Owner(found.pw_uid, found.pw_gid, words, environment)


def test_what_a_disk_of_a_user_has_at_any_instant_is_a_home(busybox_tar: Path) -> None:
    """No image in part, no row without its files; what is listed runs, and can be removed."""
    with tempfile.TemporaryDirectory(prefix="ipyc-power-") as directory:
        place = Path(directory)
        place.chmod(0o755)
        archive = place / "busybox.tar"
        shutil.copy(busybox_tar, archive)
        archive.chmod(0o644)
        own = place / "own"
        own.mkdir()
        owner = _owner(own)
        os.chown(own, owner.uid, owner.gid)
        lose_power(archive, place, owner)
