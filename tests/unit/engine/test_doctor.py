"""From what probes found to what is said: each obstacle has its name and one remedy."""

from __future__ import annotations

import errno
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from ipycontainer.engine import doctor
from ipycontainer.engine.doctor import DOCKER_OPTIONS, Check, judge

GOOD: dict[str, Any] = {
    "system": "Linux",
    "release": "6.12.0-generic",
    "python": [3, 12, 1],
    "euid": 1000,
    "user": "ann",
    "rootless": True,
    "home": "/home/ann/.local/share/ipycontainer",
    "inside": False,
    "packages": "apt-get",
    "pasta": "/usr/bin/pasta",
    "chain": ["", 0],
    "proc": 0,
    "overlay": {"path": "/home/ann", "errno": 0, "elsewhere": "", "closed": False},
    "seccomp": True,
    "ps": "/usr/bin/ps",
    "database": {"error": "", "unnamed": []},
    "tun": True,
    "chrooted": False,
    "apparmor": False,
    "network": ["", 0],
    "cgroup": {
        "version": "v2",
        "writable": True,
        "controllers": ["cpu", "cpuset", "io", "memory", "pids"],
    },
    "mapping": {"programs": True, "error": ""},
    "apparmor_restrict_unprivileged_userns": "",
    "unprivileged_userns_clone": "",
    "max_user_namespaces": "96365",
}


def overlay(code: int, elsewhere: str = "", *, closed: bool = False) -> dict[str, object]:
    """An overlay that failed, on the file system of /h."""
    return {"overlay": {"path": "/h", "errno": code, "elsewhere": elsewhere, "closed": closed}}


def failed(**facts: object) -> list[Check]:
    """The checks of a good machine that differs in these facts, as far as they failed."""
    return [check for check in judge({**GOOD, **facts}) if not check.ok]


def test_good_machine_has_nothing_to_mend() -> None:
    """Where all probes went well no remedy is named."""
    assert failed() == []
    assert all(check.remedy == "" for check in judge(GOOD))


@pytest.mark.parametrize(
    ("facts", "remedy"),
    [
        (
            {"apparmor_restrict_unprivileged_userns": "1"},
            "sudo sysctl -w kernel.apparmor_restrict_unprivileged_userns=0",
        ),
        ({"unprivileged_userns_clone": "0"}, "sudo sysctl -w kernel.unprivileged_userns_clone=1"),
        ({"max_user_namespaces": "0"}, "sudo sysctl -w user.max_user_namespaces=16384"),
        ({"inside": True}, f"docker run {DOCKER_OPTIONS}"),
        (
            {"inside": True, "chrooted": True},
            "systemd-nspawn -D DIRECTORY, in the place of chroot DIRECTORY",
        ),
    ],
)
def test_refused_namespaces_name_the_switch(facts: dict[str, object], remedy: str) -> None:
    """One cause, one command; what could not be tried behind it is not called missing."""
    (check,) = failed(chain=["mapping the user", errno.EPERM], proc=1, **facts)
    assert check.name == "namespaces"
    assert "mapping the user" in check.detail
    assert check.remedy == remedy


def test_masked_proc_names_dockers_option() -> None:
    """A container without systempaths=unconfined cannot mount a fresh /proc."""
    (check,) = failed(proc=errno.EPERM, inside=True)
    assert "systempaths=unconfined" in check.remedy


@pytest.mark.parametrize(("system", "word"), [("Windows", "WSL2"), ("Darwin", "Linux machine")])
def test_other_systems_are_pointed_to_linux(system: str, word: str) -> None:
    """Elsewhere nothing is tried at all."""
    (check,) = judge({"system": system})
    assert not check.ok
    assert word in check.remedy.replace("a Linux", "Linux")


def test_first_wsl_is_told_apart() -> None:
    """WSL1 has no Linux kernel, but says it has an old one."""
    (check,) = failed(release="4.4.0-19041-Microsoft")
    assert "WSL2" in check.remedy


@pytest.mark.parametrize(
    ("facts", "word"),
    [
        ({"seccomp": False}, "apt-get install -y libseccomp2"),
        ({"python": [3, 9, 2]}, "python3.11"),
        (overlay(errno.ENODEV), "modprobe overlay"),
        (overlay(errno.EINVAL, elsewhere="/v"), "HOME=/v"),
        (overlay(errno.EACCES, elsewhere="/v", closed=True), "chown 1000 /h"),
        ({"cgroup": {"version": "v2", "writable": False, "controllers": []}}, "Delegate=yes"),
        (
            {"cgroup": {"version": "v2", "writable": True, "controllers": ["memory", "pids"]}},
            "Delegate=cpu cpuset io memory pids",
        ),
        ({"network": ["nf_tables", errno.EINVAL]}, "sudo modprobe nf_tables"),
        ({"ps": ""}, "sudo apt-get install -y procps"),
        ({"ps": "", "packages": "dnf"}, "dnf install -y procps-ng"),
        ({"tun": False}, "sudo modprobe tun"),
        ({"tun": False, "inside": True}, "docker run --device /dev/net/tun"),
        ({"mapping": {"programs": False, "error": "missing"}}, "install -y uidmap"),
        ({"mapping": {"programs": True, "error": "none"}}, "usermod --add-subuids"),
        ({"pasta": ""}, "install -y passt"),
        ({"venv": False}, "apt-get install -y python3.12-venv"),
        ({"venv": True, "ps": ""}, "install -y procps"),
        ({"packages": "dnf", "pasta": ""}, "dnf install -y passt"),
    ],
)
def test_each_lack_has_its_command(facts: dict[str, object], word: str) -> None:
    """Exactly the one thing is reported, with the command of this distribution."""
    (check,) = failed(**facts)
    assert word in check.remedy


def test_root_needs_no_sudo_and_no_mapping() -> None:
    """Root is told plain commands, and nothing of subordinate ids."""
    found = judge({**GOOD, "euid": 0, "rootless": False, "seccomp": False})
    assert {check.name for check in found}.isdisjoint({"newuidmap", "pasta", "tun"})
    assert [check.remedy for check in found if not check.ok] == ["apt-get install -y libseccomp2"]


def test_line_names_the_first_obstacle(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """A notebook is told in one line what is missing and how to mend it, each time anew."""
    answers = [judge({**GOOD, "seccomp": False}), judge(GOOD)]
    monkeypatch.setattr(doctor, "checks", lambda home: answers.pop(0))
    (tmp_path / "cache").mkdir()
    text = doctor.line(str(tmp_path))
    assert "libseccomp is missing" in text
    assert text.endswith("apt-get install -y libseccomp2")
    assert "\n" not in text
    assert "missing" not in doctor.line(str(tmp_path), running=2)
    # The good answer was remembered: the list is empty, nobody may ask again.
    assert "2 containers running" in doctor.line(str(tmp_path), running=2)


def test_looking_makes_no_home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Asking about a home that does not exist leaves it so."""
    monkeypatch.setattr(doctor, "checks", lambda home: judge(GOOD))
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(tmp_path / "none"))
    monkeypatch.setattr(os, "geteuid", lambda: 1000)
    doctor.line(str(tmp_path / "home"))
    assert list(tmp_path.iterdir()) == []


def test_this_machine_answers_every_question(tmp_path: Path) -> None:
    """The probes run to their end here, whatever they find, and leave nothing behind."""
    found = doctor.checks(str(tmp_path / "home"), install=True)
    assert {"python", "kernel", "namespaces", "overlay", "seccomp", "venv"} <= {
        check.name for check in found
    }
    assert list(tmp_path.iterdir()) == []


def test_file_runs_by_itself(tmp_path: Path) -> None:
    """Nothing of ours need be installed, nor be importable, for a diagnosis."""
    done = subprocess.run(
        [sys.executable, "-I", "-S", doctor.__file__, "--json"],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
        env={"PATH": os.environ["PATH"], "IPYCONTAINER_HOME": str(tmp_path / "home")},
    )
    assert done.stderr == ""
    assert '"name": "kernel"' in done.stdout
