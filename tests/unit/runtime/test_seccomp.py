"""Docker's default filter, as data and as a program tried on this very kernel."""

from __future__ import annotations

import ctypes
import json
import os
import struct
from importlib import resources
from pathlib import Path
from typing import Any

import pytest

from ipycontainer.errors import InvalidArgument, Unsupported
from ipycontainer.linux import seccomp as kernel
from ipycontainer.linux import syscalls
from ipycontainer.runtime import defaults, filters, seccomp

pytestmark = pytest.mark.skipif(os.uname().machine != "x86_64", reason="numbers of x86_64")

EPERM, ENOSYS, EBADF, EINVAL, ENOENT, ENOPROTOOPT = 1, 38, 9, 22, 2, 92
_call = syscalls.syscall(*[ctypes.c_long] * 5)


def _errno_under(program: bytes, number: int, *arguments: int) -> int:
    """Return the errno (0: none) of a system call in a child that has taken on a filter."""
    read, write = os.pipe()
    child = os.fork()
    if child == 0:
        try:
            syscalls.prctl(38, 1)  # PR_SET_NO_NEW_PRIVS
            kernel.install(program)
            result = _call(number, *arguments, *[0] * (5 - len(arguments)))
            os.write(write, struct.pack("i", ctypes.get_errno() if result < 0 else 0))
        finally:
            os._exit(0)
    os.close(write)
    os.waitpid(child, 0)
    with open(read, "rb") as file:
        return int(struct.unpack("i", file.read())[0])


@pytest.fixture(scope="module")
def default() -> bytes:
    """The program of a default container."""
    return filters.default_program(defaults.CAPABILITIES)


@pytest.mark.parametrize(
    ("number", "arguments", "expected"),
    [
        (39, (), 0),  # getpid
        (272, (0,), EPERM),  # unshare
        (165, (), EPERM),  # mount
        (155, (), EPERM),  # pivot_root
        (250, (), EPERM),  # keyctl
        (321, (), EPERM),  # bpf
        (425, (), EPERM),  # io_uring_setup
        (428, (), EPERM),  # open_tree
        (435, (), ENOSYS),  # clone3: glibc falls back to clone
        (41, (38, 5, 0), EPERM),  # socket(AF_ALG)
        (41, (40, 1, 0), EPERM),  # socket(AF_VSOCK)
        (41, (1, 1, 0), 0),  # socket(AF_UNIX)
        (135, (0xFFFFFFFF,), 0),  # personality: ask
        (135, (4,), EPERM),  # personality
        (56, (0x10000000,), EPERM),  # clone(CLONE_NEWUSER)
        (466, (), EBADF),  # removexattrat: the newest name of all
        (467, (), ENOSYS),
        (1000, (), ENOSYS),
        (0x40000000 + 1000, (), ENOSYS),  # of x32
    ],
)
def test_the_default_filter_answers_as_dockers(
    default: bytes, number: int, arguments: tuple[int, ...], expected: int
) -> None:
    """Refused is EPERM, newer than the profile ENOSYS, allowed what the kernel says."""
    found = _errno_under(default, number, *arguments)

    if expected == EBADF:  # whatever an older kernel says of it, not the filter's EPERM
        assert found != EPERM
    else:
        assert found == expected


def test_capabilities_open_their_calls() -> None:
    """With CAP_SYS_ADMIN in the bounding set unshare is the kernel's matter again."""
    program = filters.default_program((*defaults.CAPABILITIES, "CAP_SYS_ADMIN"))

    assert _errno_under(program, 272, 0) == 0
    assert _errno_under(program, 155) == EPERM  # pivot_root is in no branch


def test_the_data_says_each_name_once() -> None:
    """No name stands in two groups of what is always allowed; the number of names is docker's."""
    data = json.loads(
        resources.files("ipycontainer.runtime").joinpath("seccomp_default.json").read_text("utf-8")
    )
    names = [name for group in data["always"].values() for name in group]

    assert len(names) == len(set(names)) == 361


def test_conditions_of_the_profile() -> None:
    """Kernel and capabilities decide as in moby's profile."""

    def allowed(caps: tuple[str, ...], release: str) -> set[str]:
        profile = seccomp.default_profile(caps, release)
        return set(profile["syscalls"][0]["names"])

    assert "ptrace" in allowed((), "4.8")
    assert "ptrace" not in allowed((), "4.7.3-generic")
    assert "ptrace" in allowed(("CAP_SYS_PTRACE",), "4.7")
    assert "chroot" not in allowed((), "6.1")
    assert "chroot" in allowed(("CAP_SYS_CHROOT",), "6.1")


def test_programs_are_cached_on_disk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A second process reads the bytes; one that others may write is not believed."""
    first = filters.default_program(("CAP_CHOWN",), tmp_path / "cache")
    (file,) = (tmp_path / "cache").iterdir()

    assert file.read_bytes() == first
    assert file.stat().st_mode & 0o777 == 0o600

    def refuse(profile: dict[str, Any]) -> bytes:
        raise AssertionError("compiled again")

    monkeypatch.setattr(filters, "_programs", {})
    monkeypatch.setattr(filters, "compile_profile", refuse)
    assert filters.default_program(("CAP_CHOWN",), tmp_path / "cache") == first
    monkeypatch.setattr(filters, "_programs", {})
    file.chmod(0o622)
    with pytest.raises(AssertionError, match="compiled again"):
        filters.default_program(("CAP_CHOWN",), tmp_path / "cache")


def test_a_profile_of_a_foreign_bundle() -> None:
    """Conditions, answers and the default action of the runtime-spec are carried out."""
    program = seccomp.compile_profile(
        {
            "defaultAction": "SCMP_ACT_ALLOW",
            "architectures": ["SCMP_ARCH_X86_64"],
            "syscalls": [
                {"names": ["getpid"], "action": "SCMP_ACT_ERRNO", "errnoRet": 92},
                {
                    "names": ["dup"],
                    "action": "SCMP_ACT_ERRNO",
                    "args": [{"index": 0, "value": 1, "op": "SCMP_CMP_EQ"}],
                },
                {"names": ["no_such_call"], "action": "SCMP_ACT_ERRNO"},
            ],
        }
    )

    assert _errno_under(program, 39) == ENOPROTOOPT
    assert _errno_under(program, 32, 1) == EPERM
    assert _errno_under(program, 32, 2) == 0


@pytest.mark.parametrize(
    ("profile", "kind", "words"),
    [
        ({"defaultAction": "SCMP_ACT_NOTIFY"}, InvalidArgument, "as default action"),
        (
            {
                "defaultAction": "SCMP_ACT_ALLOW",
                "syscalls": [{"names": ["mkdir"], "action": "SCMP_ACT_NOTIFY"}],
            },
            InvalidArgument,
            "listenerPath is not set",
        ),
        ({"defaultAction": "SCMP_ACT_ALLOW", "flags": ["TSYNC"]}, Unsupported, "TSYNC"),
        (
            {"defaultAction": "SCMP_ACT_ALLOW", "architectures": ["SCMP_ARCH_VAX"]},
            InvalidArgument,
            "SCMP_ARCH_VAX",
        ),
    ],
)
def test_what_a_profile_cannot_have_is_refused(
    profile: dict[str, Any], kind: type[Exception], words: str
) -> None:
    """By name; never a filter that lets more through than was asked for."""
    with pytest.raises(kind, match=words):
        seccomp.compile_profile(profile)


def test_without_the_library_nothing_runs_unfiltered(monkeypatch: pytest.MonkeyPatch) -> None:
    """The refusal names what to install."""
    monkeypatch.setitem(__import__("sys").modules, "pyseccomp", None)
    monkeypatch.setattr(filters, "_programs", {})

    with pytest.raises(Unsupported, match="libseccomp") as caught:
        filters.default_program(("CAP_CHOWN",))
    assert "pip install pyseccomp" in caught.value.hint


def test_bytes_that_are_no_program_are_not_installed() -> None:
    """Neither nothing, nor half an instruction."""
    for raw in (b"", b"1234567", b"x" * 8 * 5000):
        with pytest.raises(ValueError, match="no seccomp program"):
            kernel.install(raw)
