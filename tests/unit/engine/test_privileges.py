"""From the words of a user to capabilities, filters and devices."""

from __future__ import annotations

import json
import os
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from ipycontainer.engine import privileges
from ipycontainer.errors import EngineError, InvalidArgument
from ipycontainer.linux import capabilities
from ipycontainer.model.oci import DeviceRule
from ipycontainer.model.privileges import DeviceMapping, Privileges
from ipycontainer.runtime import defaults

EVERYTHING = capabilities.names_of((1 << capabilities.last() + 1) - 1)


def caps(**words: Any) -> tuple[str, ...]:
    """Return what a container of an ordinary user gets: there nothing is missing."""
    return privileges.effective(Privileges(**words), rootless=True)


def test_capabilities_follow_dockers_order_of_words() -> None:
    """ALL added counts before ALL dropped, and what is added before what is dropped."""
    assert caps() == defaults.CAPABILITIES
    assert caps(cap_add=("net_admin",)) == (*defaults.CAPABILITIES, "CAP_NET_ADMIN")
    assert "CAP_CHOWN" not in caps(cap_drop=("CHOWN",))
    assert caps(cap_drop=("all",)) == ()
    assert caps(cap_drop=("ALL",), cap_add=("Chown", "CAP_KILL")) == ("CAP_CHOWN", "CAP_KILL")
    assert set(caps(cap_drop=("CHOWN",), cap_add=("CHOWN",))) == set(defaults.CAPABILITIES)
    assert caps(cap_add=("ALL",), cap_drop=("ALL",)) == EVERYTHING
    assert set(EVERYTHING) - set(caps(cap_add=("ALL",), cap_drop=("MKNOD",))) == {"CAP_MKNOD"}
    assert caps(privileged=True, cap_drop=("ALL",)) == EVERYTHING


@pytest.mark.parametrize("field", ["cap_add", "cap_drop"])
@pytest.mark.parametrize("word", ["FOO", "", "CAP_ALL", "CAP_"])
def test_unknown_capabilities_are_refused(field: str, word: str) -> None:
    """Also for a privileged container, which would not look at them."""
    shown = word if word.startswith("CAP_") else f"CAP_{word}"
    where = {"cap_add": "CapAdd", "cap_drop": "CapDrop"}[field]
    with pytest.raises(InvalidArgument) as error:
        caps(privileged=True, **{field: (word,)})
    assert error.value.message == f'invalid {where}: unknown capability: "{shown}"'


def test_a_capability_that_the_machine_lacks_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    """Root of a virtual machine may lack some: it cannot give them on, nor has ALL them."""
    lacking = capabilities.mask_of(EVERYTHING) & ~capabilities.mask_of(["CAP_SYS_RESOURCE"])
    monkeypatch.setattr(capabilities, "own_bounding", lambda: lacking)
    given = privileges.effective(Privileges(cap_add=("ALL",)), rootless=False)
    assert "CAP_SYS_RESOURCE" not in given
    with pytest.raises(InvalidArgument, match="not supported by your kernel or not available"):
        privileges.effective(Privileges(cap_add=("SYS_RESOURCE",)), rootless=False)


@pytest.mark.parametrize(
    "word",
    ["foo=bar", "foo:bar", "no-new-privileges=foo", "no-new-privileges=tRUE", "systempaths=foo"],
)
def test_unknown_security_options_are_refused(word: str) -> None:
    """In docker's words."""
    with pytest.raises(InvalidArgument) as error:
        privileges.check(Privileges(security_opt=(word,)), rootless=False)
    assert error.value.message == f'invalid --security-opt 2: "{word}"'


def test_the_later_security_option_wins() -> None:
    """As in docker, where each is one assignment."""
    words = (
        "no-new-privileges",
        "seccomp=unconfined",
        "no-new-privileges:false",
        "seccomp=builtin",
    )
    read = privileges.SecurityWords.parse(words)
    assert (read.no_new_privileges, read.seccomp) == (False, "builtin")


def test_which_filter_a_container_gets() -> None:
    """Docker's own, none, or the user's: with a name that the same text always has."""

    def chosen(*words: str, privileged: bool = False) -> tuple[str, Any]:
        asked = Privileges(privileged=privileged, security_opt=words)
        return privileges.seccomp(asked, defaults.CAPABILITIES)

    own = '{"defaultAction":"SCMP_ACT_ALLOW","syscalls":[]}'
    assert chosen() == chosen("seccomp=builtin") == ("default", None)
    assert chosen("seccomp=unconfined") == chosen(privileged=True) == ("", None)
    assert chosen(f"seccomp={own}", privileged=True) == ("", None)
    name, profile = chosen(f"seccomp={own}")
    assert profile is not None
    assert (len(name), profile["defaultAction"]) == (64, "SCMP_ACT_ALLOW")
    assert chosen(f"seccomp={own}")[0] == name


@pytest.mark.parametrize(
    ("profile", "words"),
    [
        ({"defaultAction": "FOO"}, "string FOO is not a valid action for seccomp"),
        ({"defaultAction": "SCMP_ACT_ALLOW", "flags": ["X"]}, "seccomp flags are not yet"),
    ],
)
def test_a_profile_that_the_runtime_refuses(profile: dict[str, Any], words: str) -> None:
    """What docker's runtime says stands between docker's own words."""
    with pytest.raises(EngineError, match=f"OCI runtime create failed: .*{words}"):
        privileges.seccomp(Privileges(security_opt=(f"seccomp={json.dumps(profile)}",)), ())


@pytest.mark.parametrize(
    ("word", "mapping"),
    [
        ("/dev/x", ("/dev/x", "/dev/x", "rwm")),
        ("/dev/x:rw", ("/dev/x", "/dev/x", "rw")),
        ("/dev/x:/dev/y", ("/dev/x", "/dev/y", "rwm")),
        ("/dev/x:/dev/y:r", ("/dev/x", "/dev/y", "r")),
        ("x:/y", ("x", "/y", "rwm")),
    ],
)
def test_device_words(word: str, mapping: tuple[str, str, str]) -> None:
    """Of two parts the second is a mode where it reads as one."""
    assert DeviceMapping.parse(word) == DeviceMapping(*mapping)


def test_a_device_comes_with_its_node_and_its_rule() -> None:
    """Through links, under another name, with the access that was asked for."""
    found = privileges.devices(Privileges(devices=(DeviceMapping("/dev/zero", "/dev//x", "r"),)))
    (node,) = [node for node in found.nodes if node.path == "/dev/x"]
    assert (node.type, node.major, node.minor) == ("c", 1, 5)
    assert found.rules[-1] == DeviceRule(True, "c", 1, 5, "r")
    assert found.sources == {"/dev/x": "/dev/zero"}


def test_a_device_takes_the_place_of_a_default_one() -> None:
    """One node a path."""
    found = privileges.devices(Privileges(devices=(DeviceMapping("/dev/zero", "/dev/null"),)))
    assert [node.minor for node in found.nodes if node.path == "/dev/null"] == [5]


def test_what_is_no_device_is_told_in_dockers_words(tmp_path: Path) -> None:
    """A missing path, a file, and a directory without any device."""
    for path, why in (
        (tmp_path / "nope", "no such file or directory"),
        (Path("/etc/passwd"), "not a device node"),
        (tmp_path, "not a device node"),
    ):
        with pytest.raises(EngineError) as error:
            privileges.devices(Privileges(devices=(DeviceMapping(str(path), "/dev/x"),)))
        assert error.value.message == (
            f'error gathering device information while adding custom device "{path}": {why}'
        )


def test_a_privileged_container_gets_all_devices() -> None:
    """Those of the machine, but what belongs to a namespace, and a rule that allows everything."""
    found = privileges.devices(Privileges(privileged=True))
    paths = {node.path for node in found.nodes}
    assert found.rules == (DeviceRule(allow=True),)
    assert {"/dev/null", "/dev/tty"} <= paths
    assert not paths & {"/dev/ptmx", "/dev/console"}
    assert not any(path.startswith("/dev/pts/") for path in paths)


def test_device_rules_are_appended() -> None:
    """A user's rule comes last, so it wins; a letter counts once."""
    found = privileges.devices(Privileges(device_rules=("c 7:* rr", "a *:* rwm")))
    assert found.rules[-2:] == (
        DeviceRule(True, "c", 7, None, "r"),
        DeviceRule(True, "a", None, None, "rwm"),
    )


def test_what_has_no_effect_is_said() -> None:
    """An ordinary user's containers have no device rules: each that was asked for is named."""
    zero = DeviceMapping("/dev/zero", "/dev/x", "r")
    asked = Privileges(device_rules=("c 7:* r",), devices=(zero,))
    said = (
        "Device cgroup rules are not supported in rootless mode or in a user namespace. "
        "/dev/zero:r, c 7:* r discarded: the permissions of the device files alone decide."
    )
    assert privileges.check(asked, rootless=True) == (said,)
    assert privileges.check(replace(asked, privileged=True), rootless=True) == ()
    assert privileges.check(asked, rootless=False) == ()
    if not os.path.exists("/sys/module/apparmor"):
        named = Privileges(security_opt=("apparmor=mine",))
        assert "AppArmor" in privileges.check(named, rootless=False)[0]
        assert privileges.apparmor(named) == ""
