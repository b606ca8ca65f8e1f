"""`--security-opt apparmor=NAME` on a kernel that has AppArmor: guest.sh loads the profile."""

from __future__ import annotations

import pytest

from ipycontainer.engine.container import Container
from ipycontainer.engine.engine import Engine
from ipycontainer.errors import StepFailed
from tests.system.engine.processes import eventually

pytestmark = [pytest.mark.sampled, pytest.mark.usefixtures("busybox_image")]

PROFILE = "ipycontainer-test"
SCRIPT = "exec 2>&1; cat /proc/self/attr/apparmor/current; touch /tmp/free /tmp/denied; ls /tmp"


def test_a_profile_holds_what_starts_and_what_is_executed(engine: Engine) -> None:
    """The program and an exec'd one run under it, and may not do what it denies."""
    container = engine.containers.run(
        "busybox",
        ["sh", "-c", f"{SCRIPT}; exec sleep 1000"],
        detach=True,
        network="none",
        security_opt=[f"apparmor={PROFILE}"],
    )
    assert isinstance(container, Container)
    assert container.warnings == ()
    assert container.attrs["AppArmorProfile"] == PROFILE
    eventually(lambda: "free" in str(container.logs()))
    for said in (container.exec_run(["sh", "-c", SCRIPT]).output, container.logs()):
        assert isinstance(said, bytes)
        assert said.split() == [
            *(PROFILE.encode(), b"(enforce)"),
            *b"touch: /tmp/denied: Permission denied free".split(),
        ]


def test_without_a_profile_nothing_is_denied(engine: Engine) -> None:
    """The same script, unconfined by word or by default: so it is the profile that denies."""
    for words in ([], ["apparmor=unconfined"]):
        result = engine.run("busybox", ["sh", "-c", SCRIPT], network="none", security_opt=words)
        assert result.stdout.split() == [b"unconfined", b"denied", b"free"]


def test_a_profile_that_is_not_loaded_ends_the_start_in_dockers_words(engine: Engine) -> None:
    """The container stays as created, as docker leaves it."""
    container = engine.containers.create(
        "busybox", ["true"], network="none", security_opt=["apparmor=nobody-loaded-this"]
    )
    assert container.warnings == ()
    with pytest.raises(
        StepFailed,
        match="error during container init: unable to apply apparmor profile: apparmor failed to "
        "apply profile: write /proc/self/attr/apparmor/exec: no such file or directory",
    ):
        container.start()
    container.reload()
    assert container.status == "created"
    assert (
        container.attrs["State"]["ExitCode"] == 127 or container.attrs["State"]["ExitCode"] == 128
    )
