"""Device rules as eBPF: what the program says is what the rules of version 1 say."""

from __future__ import annotations

import struct
from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ipycontainer.linux import device_program
from ipycontainer.model.oci import DeviceRule
from ipycontainer.runtime import defaults

BLOCK, CHARACTER = 1, 2
MKNOD, READ, WRITE = 1, 2, 4
_LETTERS = {"m": MKNOD, "r": READ, "w": WRITE}


def answer(program: bytes, kind: int, access: int, major: int, minor: int) -> int:
    """Run a program of ours as the kernel would, and return what it says."""
    code = [struct.unpack_from("<BBhi", program, at) for at in range(0, len(program), 8)]
    context = {0: access << 16 | kind, 4: major, 8: minor}
    registers = [0] * 10
    at = 0
    while True:
        opcode, both, offset, number = code[at]
        target, source = both & 15, both >> 4
        at += 1
        if opcode == 0x61:
            registers[target] = context[offset]
        elif opcode == 0x57:
            registers[target] &= number
        elif opcode == 0x77:
            registers[target] >>= number
        elif opcode == 0xBF:
            registers[target] = registers[source]
        elif opcode == 0xB7:
            registers[target] = number
        elif opcode == 0x15:
            at += offset if registers[target] == number else 0
        elif opcode == 0x55:
            at += offset if registers[target] != number else 0
        else:
            assert opcode == 0x95
            return registers[0]


def expected(rules: Sequence[DeviceRule], kind: int, access: int, major: int, minor: int) -> bool:
    """Return what the last rule that fits says, straight from the words."""
    verdict = True
    for rule in rules:
        if rule.type == "a":
            verdict = rule.allow
            continue
        bits = sum(_LETTERS[letter] for letter in set(rule.access))
        fits = access & ~bits == 0 if rule.allow else access & bits != 0
        same = rule.type == {BLOCK: "b", CHARACTER: "c"}[kind]
        if same and fits and rule.major in (None, major) and rule.minor in (None, minor):
            verdict = rule.allow
    return verdict


_NUMBERS = st.one_of(st.none(), st.integers(0, 3))
_RULES = st.lists(
    st.builds(
        DeviceRule,
        st.booleans(),
        st.sampled_from("aabbcc"),
        _NUMBERS,
        _NUMBERS,
        st.sampled_from(("r", "w", "m", "rw", "rm", "wm", "rwm", "mr")),
    ),
    max_size=6,
)


@given(_RULES, st.sampled_from((BLOCK, CHARACTER)), st.integers(1, 7), *[st.integers(0, 3)] * 2)
def test_the_program_says_what_the_rules_say(
    rules: list[DeviceRule], kind: int, access: int, major: int, minor: int
) -> None:
    """For any list of rules and any access the answers are the same."""
    program = device_program.encode(rules)

    assert answer(program, kind, access, major, minor) == expected(
        rules, kind, access, major, minor
    )


@pytest.mark.parametrize(
    ("kind", "access", "major", "minor", "allowed"),
    [
        (CHARACTER, READ | WRITE, 1, 3, True),  # null
        (CHARACTER, READ, 1, 11, False),  # kmsg
        (CHARACTER, MKNOD, 1, 11, True),  # anybody may make it
        (CHARACTER, MKNOD | READ, 1, 11, False),
        (BLOCK, READ, 8, 0, False),
        (BLOCK, MKNOD, 8, 0, True),
        (CHARACTER, WRITE, 136, 77, True),  # a terminal
    ],
)
def test_dockers_default_rules(
    kind: int, access: int, major: int, minor: int, allowed: bool
) -> None:
    """A default container opens the harmless devices, and may make any node."""
    program = device_program.encode(defaults.DEVICE_RULES)

    assert answer(program, kind, access, major, minor) == int(allowed)
