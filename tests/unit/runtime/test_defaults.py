"""Docker's defaults, held against what its containers show."""

from __future__ import annotations

from ipycontainer.linux import capabilities
from ipycontainer.runtime import defaults


def test_capabilities_have_dockers_mask() -> None:
    """0xa80425fb in three sets; inheritable and ambient stay empty (CVE-2022-24769)."""
    found = defaults.capabilities()

    assert capabilities.mask_of(found.bounding) == 0xA80425FB
    assert found.bounding == found.effective == found.permitted
    assert found.inheritable == found.ambient == ()


def test_mounts_are_in_dockers_order() -> None:
    """Parents come before what is mounted in them."""
    assert [mount.destination for mount in defaults.mounts()] == [
        "/proc",
        "/dev",
        "/dev/pts",
        "/sys",
        "/sys/fs/cgroup",
        "/dev/mqueue",
        "/dev/shm",
    ]


def test_device_rules_begin_by_closing_everything() -> None:
    """Everything is denied first; making nodes is allowed, opening them is not."""
    first, *rest = defaults.DEVICE_RULES

    assert (first.allow, first.type) == (False, "a")
    assert all(rule.allow for rule in rest)
    assert {rule.access for rule in rest if rule.major is None} == {"m"}


def test_sysctls_of_a_user_namespace_leave_out_the_ping_range() -> None:
    """It maps fewer groups than docker's range names (EINVAL)."""
    assert "net.ipv4.ping_group_range" in defaults.sysctls(userns=False)
    assert "net.ipv4.ping_group_range" not in defaults.sysctls(userns=True)
    assert set(defaults.MASKED_PATHS) <= set(defaults.masked_paths())
