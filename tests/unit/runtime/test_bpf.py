"""A shortened program answers as the long one."""

from __future__ import annotations

import os

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ipycontainer.runtime import bpf, defaults, seccomp
from ipycontainer.runtime.bpf import JUMP_EQUAL, JUMP_SET, LOAD, RETURN

X86_64, X86, OTHER = 0xC000003E, 0x40000003, 0xC00000B7
NAMES = st.sampled_from(
    [
        "read",
        "write",
        "getpid",
        "clone",
        "socket",
        "personality",
        "mseal",
        "mmap2",
        "clock_gettime64",
    ]
)
CONDITION = st.fixed_dictionaries(
    {
        "index": st.integers(0, 5),
        "value": st.sampled_from([0, 1, 38, 0x7E020000, 2**32 - 1, 2**32, 2**63]),
        "valueTwo": st.sampled_from([0, 1, 0x20000]),
        "op": st.sampled_from(
            [f"SCMP_CMP_{name}" for name in ("EQ", "NE", "LT", "LE", "GT", "GE", "MASKED_EQ")]
        ),
    }
)
RULE = st.fixed_dictionaries(
    {
        "names": st.lists(NAMES, min_size=1, max_size=4, unique=True),
        "action": st.just("SCMP_ACT_ALLOW"),
        "args": st.lists(CONDITION, max_size=2),
    }
)
NUMBERS = st.one_of(
    st.integers(0, 500), st.integers(0x40000000, 0x40000000 + 600), st.integers(0, 2**32 - 1)
)
ARGUMENT = st.one_of(
    st.sampled_from([0, 1, 2, 8, 37, 38, 40, 41, 0x20000, 2**32 - 1, 2**32, 2**63, 2**64 - 1]),
    st.integers(0, 2**64 - 1),
)

pytestmark = pytest.mark.skipif(os.uname().machine != "x86_64", reason="numbers of x86_64")


def _long(profile: dict[str, object], monkeypatch: pytest.MonkeyPatch) -> bytes:
    with monkeypatch.context() as patch:
        patch.setattr(bpf, "shorten", lambda program, architectures: program)
        return seccomp.compile_profile(profile)


def test_dockers_filter_answers_every_number_alike(monkeypatch: pytest.MonkeyPatch) -> None:
    """For each architecture and number, with arguments on both sides of every limit."""
    profile = seccomp.default_profile(defaults.CAPABILITIES, "6.1")
    long, short = _long(profile, monkeypatch), seccomp.compile_profile(profile)
    before, after = bpf.decode(long), bpf.decode(short)

    assert len(after) < len(before) / 2
    for arch in (X86_64, X86, OTHER):
        for start in (0, 0x40000000):
            for number in range(start, start + 600):
                for value in (0, 8, 38, 39, 40, 41, 0x20000, 0x7E020000, 2**32 - 1, 2**64 - 1):
                    arguments = [value] * 6
                    assert bpf.evaluate(after, arch, number, arguments) == bpf.evaluate(
                        before, arch, number, arguments
                    ), (hex(arch), number, value)


@given(
    st.lists(RULE, max_size=3),  # libseccomp takes minutes for some that are larger
    st.lists(st.tuples(NUMBERS, st.lists(ARGUMENT, min_size=6, max_size=6)), max_size=20),
)
def test_any_profile_answers_alike(rules: list[object], calls: list[tuple[int, list[int]]]) -> None:
    """Whatever rules a bundle has, at every number and argument tried."""
    profile: dict[str, object] = {
        "defaultAction": "SCMP_ACT_ERRNO",
        "architectures": ["SCMP_ARCH_X86_64", "SCMP_ARCH_X86"],
        "syscalls": rules,
    }
    with pytest.MonkeyPatch.context() as patch:
        before = bpf.decode(_long(profile, patch))
    after = bpf.decode(seccomp.compile_profile(profile))

    for number, arguments in calls:
        for arch in (X86_64, X86, OTHER):
            assert bpf.evaluate(after, arch, number, arguments) == bpf.evaluate(
                before, arch, number, arguments
            )


def test_what_is_not_known_stays_as_it_is() -> None:
    """A test of single bits is not constant between two numbers, and a new operation unknown."""
    for odd in ((JUMP_SET, 0, 0, 1), (0x87, 0, 0, 0)):
        program = bpf.encode(
            [
                (LOAD, 0, 0, 4),
                (JUMP_EQUAL, 0, 2, X86_64),
                odd,
                (RETURN, 0, 0, 0x7FFF0000),
                (RETURN, 0, 0, 0),
            ]
        )
        assert bpf.shorten(program, (X86_64,)) == program


def test_far_branches_are_reached_by_long_jumps() -> None:
    """A conditional jump spans 255 instructions at most."""
    code = [(LOAD, 0, 0, 4), (JUMP_EQUAL, 1, 0, X86_64), (RETURN, 0, 0, 7), (LOAD, 0, 0, 0)]
    for number in range(0, 1200, 2):
        code += [(JUMP_EQUAL, 0, 1, number), (RETURN, 0, 0, number + 1), (JUMP_EQUAL, 0, 0, 0)]
    code.append((RETURN, 0, 0, 5))
    shorter = bpf.decode(bpf.shorten(bpf.encode(code), (X86_64,)))

    assert len(shorter) > 600
    for number in range(1210):
        assert bpf.evaluate(shorter, X86_64, number) == bpf.evaluate(code, X86_64, number)
    assert bpf.evaluate(shorter, OTHER, 4).value == 7
