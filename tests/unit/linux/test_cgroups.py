"""Cgroup mounts as different machines have them."""

from __future__ import annotations

import errno
import os
from pathlib import Path

import pytest

from ipycontainer.linux import cgroups
from ipycontainer.linux.cgroups import Cgroup, Hierarchies

LINE = "30 23 0:26 / {path} rw,relatime shared:9 - {kind} {kind} rw,{options}\n"


def _mountinfo(*mounts: tuple[str, str, str]) -> str:
    return "23 1 8:1 / / rw - ext4 /dev/cgroup-disk rw\n" + "".join(
        LINE.format(path=path, kind=kind, options=options) for path, kind, options in mounts
    )


def test_version_2_alone() -> None:
    """A unified machine has one mount."""
    found = cgroups.parse_mountinfo(_mountinfo(("/sys/fs/cgroup", "cgroup2", "nsdelegate")))

    assert found == Hierarchies("v2", {}, "/sys/fs/cgroup")


def test_version_1_with_an_empty_version_2_is_hybrid() -> None:
    """Controllers that are mounted together share a directory; v2 beside them has none."""
    found = cgroups.parse_mountinfo(
        _mountinfo(
            ("/sys/fs/cgroup/cpu,cpuacct", "cgroup", "cpu,cpuacct"),
            ("/sys/fs/cgroup/systemd", "cgroup", "name=systemd"),
            ("/sys/fs/cgroup/with\\040space", "cgroup", "pids"),
            ("/sys/fs/cgroup/unified", "cgroup2", ""),
        )
    )

    assert found.version == "hybrid"
    assert found.controllers == {
        "cpu": "/sys/fs/cgroup/cpu,cpuacct",
        "cpuacct": "/sys/fs/cgroup/cpu,cpuacct",
        "pids": "/sys/fs/cgroup/with space",
    }


def test_a_machine_without_cgroups() -> None:
    """Nothing is mounted, and nothing is made."""
    found = cgroups.parse_mountinfo(_mountinfo())

    assert found.version == "none"
    assert cgroups.create(found, "/a/b") is None


@pytest.mark.parametrize("path", ["", "/", "/a/../b", ".."])
def test_paths_that_are_no_cgroup_of_ours(path: str) -> None:
    """A path that is the root, or leads up, is refused."""
    with pytest.raises(ValueError, match="no path of a cgroup"):
        cgroups.create(Hierarchies("v2", {}, "/nowhere"), path)


def test_a_cgroup_is_made_in_every_controller(tmp_path: Path) -> None:
    """Parents are made, shared mounts count once, and JSON brings the same cgroup back."""
    for name in ("freezer", "cpu,cpuacct"):
        (tmp_path / name).mkdir()
    hierarchies = Hierarchies(
        "v1",
        {
            "freezer": f"{tmp_path}/freezer",
            "cpu": f"{tmp_path}/cpu,cpuacct",
            "cpuacct": f"{tmp_path}/cpu,cpuacct",
        },
    )
    made = cgroups.create(hierarchies, "/ipyc/one")

    assert made is not None
    assert (tmp_path / "freezer/ipyc/one").is_dir()
    assert (tmp_path / "cpu,cpuacct/ipyc/one").is_dir()
    assert Cgroup.from_json(made.to_json()) == made
    with pytest.raises(FileExistsError):
        cgroups.create(hierarchies, "/ipyc/one")
    made.remove()
    assert list((tmp_path / "freezer/ipyc").iterdir()) == []
    made.remove()  # a second time there is nothing to do


def test_an_ordinary_user_makes_cgroups_in_its_own(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where version 2 is delegated, below the cgroup that the process was given."""
    own = tmp_path / "user.slice"
    own.mkdir()
    written: list[tuple[str, str]] = []
    monkeypatch.setattr(cgroups, "_write", lambda path, text: written.append((path, text)))
    made = cgroups.create(Hierarchies("v2", {}, str(tmp_path), str(own)), "/ipyc/one")

    assert made == Cgroup({"": f"{own}/ipyc/one"})
    # controllers are let down to the parent, one by one: one that is missing costs no other
    places = (own, own / "ipyc")
    assert written == [
        (f"{place}/cgroup.subtree_control", f"+{name}")
        for place in places
        for name in cgroups.CONTROLLERS_V2
    ]


def test_a_cgroup_right_below_has_its_controllers(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Without a directory in between they are let down from where all are made."""
    written: list[tuple[str, str]] = []
    monkeypatch.setattr(cgroups, "_write", lambda path, text: written.append((path, text)))

    cgroups.create(Hierarchies("v2", {}, str(tmp_path)), "/one")

    file = f"{tmp_path}/cgroup.subtree_control"
    assert written == [(file, f"+{name}") for name in cgroups.CONTROLLERS_V2]


def test_a_cgroup_that_may_not_be_made_is_none(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """And nothing of it is left in the controllers that allowed it."""
    for name in ("freezer", "devices"):
        (tmp_path / name).mkdir()
    make = os.mkdir

    def refuse(path: str, mode: int = 0o777) -> None:
        if "/devices/" in path:
            raise PermissionError(errno.EACCES, "Permission denied", path)
        make(path, mode)

    monkeypatch.setattr(os, "mkdir", refuse)
    mounts = {name: f"{tmp_path}/{name}" for name in ("freezer", "devices")}

    assert cgroups.create(Hierarchies("v1", mounts), "/ipyc/one") is None
    assert not (tmp_path / "freezer/ipyc/one").exists()


def test_where_a_process_is(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """/proc/PID/cgroup leads to a directory for each controller that is mounted."""
    hierarchies = Hierarchies(
        "hybrid", {"cpu": "/m/cpu,cpuacct", "cpuacct": "/m/cpu,cpuacct"}, "/u"
    )
    lines = "4:cpu,cpuacct:/a/b\n3:freezer:/a/b\n1:name=systemd:/\n0::/\n"
    file = tmp_path / "cgroup"
    file.write_text(lines)
    real_open = open
    monkeypatch.setattr("builtins.open", lambda _, **options: real_open(file, **options))

    assert cgroups.of_process(hierarchies, 1) == Cgroup(
        {"cpu": "/m/cpu,cpuacct/a/b", "cpuacct": "/m/cpu,cpuacct/a/b"}
    )
    file.write_text("0::/x.scope/c\n")
    assert cgroups.of_process(Hierarchies("v2", {}, "/u"), 1) == Cgroup({"": "/u/x.scope/c"})


def test_a_cgroup_that_is_there_in_part_is_completed(tmp_path: Path) -> None:
    """Whoever made it was killed in between, or knew fewer controllers."""
    mounts = {name: str(tmp_path / name) for name in ("pids", "memory", "blkio")}
    for mount in mounts.values():
        Path(mount).mkdir()
    (tmp_path / "pids" / "home" / "engine").mkdir(parents=True)

    found = cgroups.complete(cgroups.Hierarchies("v1", mounts), "home/engine")

    assert set(found.directories) == set(mounts)
    assert all(Path(directory).is_dir() for directory in found.directories.values())


def test_a_controller_that_takes_no_process_leaves_no_directory(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A cgroup that runs is given a further controller wholly, or none of it is left."""
    made = {name: str(tmp_path / name / "a/b") for name in ("pids", "net_cls")}
    os.makedirs(made["pids"])
    Path(made["pids"], "cgroup.procs").write_text("7\n")
    found = Hierarchies("v1", {name: str(tmp_path / name) for name in made}, "")

    def refused(path: str, text: str) -> None:
        raise OSError(errno.ENOSPC, f"{path} takes no {text}")

    monkeypatch.setattr(cgroups, "_write", refused)

    with pytest.raises(OSError, match="takes no 7"):
        cgroups.add(found, Cgroup({"pids": made["pids"]}), "net_cls", "/a/b")

    assert not os.path.exists(made["net_cls"])
