"""The rules of a device cgroup as an eBPF program: what version 2 takes instead of `devices.allow`.

The kernel runs the program for each open(2) and mknod(2) of a device by a process of the cgroup,
and lets it pass where 1 comes out (bpf_prog_type CGROUP_DEVICE). Rules are read as in version 1:
the later one wins, an allowing rule must cover all that is asked for, a denying one any of it.
Sources: linux/bpf.h, linux/bpf_common.h, Documentation/bpf/standardization/instruction-set.rst.
"""

from __future__ import annotations

import ctypes
import os
import struct
from collections.abc import Sequence

from ipycontainer.linux import syscalls
from ipycontainer.model.oci import DeviceRule

__all__ = ["attach", "encode"]

_NUMBER = {"x86_64": 321, "aarch64": 280}  # asm/unistd_64.h, asm-generic/unistd.h
BPF_PROG_LOAD, BPF_PROG_ATTACH = 5, 8
BPF_PROG_TYPE_CGROUP_DEVICE = 15
BPF_CGROUP_DEVICE = 6  # enum bpf_attach_type
BPF_F_ALLOW_MULTI = 2  # beside those of the cgroups above: all have to allow
# struct bpf_cgroup_dev_ctx: access << 16 | type, major, minor
BPF_DEVCG_DEV = {"b": 1, "c": 2}
BPF_DEVCG_ACC = {"m": 1, "r": 2, "w": 4}
_ALL_ACCESS = 7

# opcodes
_LOAD_WORD = 0x61  # BPF_LDX | BPF_MEM | BPF_W
_AND, _SHIFT_RIGHT = 0x57, 0x77  # BPF_ALU64 | BPF_K
_COPY, _SET = 0xBF, 0xB7  # BPF_ALU64 | BPF_MOV, by register and by number
_JUMP_EQUAL, _JUMP_UNEQUAL = 0x15, 0x55  # BPF_JMP | BPF_K
_EXIT = 0x95
# registers: the answer, the context (then free), type, access, major, minor
_ANSWER, _CONTEXT, _TYPE, _ACCESS, _MAJOR, _MINOR = 0, 1, 2, 3, 4, 5

Instruction = tuple[int, int, int, int, int]  # opcode, destination, source, offset, number


def encode(rules: Sequence[DeviceRule]) -> bytes:
    """Return the program of a list of rules; where none fits, everything is allowed."""
    code: list[Instruction] = [
        (_LOAD_WORD, _TYPE, _CONTEXT, 0, 0),
        (_COPY, _ACCESS, _TYPE, 0, 0),
        (_AND, _TYPE, 0, 0, 0xFFFF),
        (_SHIFT_RIGHT, _ACCESS, 0, 0, 16),
        (_LOAD_WORD, _MAJOR, _CONTEXT, 4, 0),
        (_LOAD_WORD, _MINOR, _CONTEXT, 8, 0),
    ]
    for rule in reversed(rules):
        conditions = _conditions(rule)
        code += _block(conditions, allow=rule.allow)
        if not conditions:  # the verifier takes no instruction that cannot be reached
            break
    else:
        code += _block([], allow=True)
    return b"".join(
        struct.pack("<BBhi", opcode, target | source << 4, offset, number)
        for opcode, target, source, offset, number in code
    )


def _conditions(rule: DeviceRule) -> list[list[Instruction]]:
    """Return groups of instructions, each ending in a jump that is taken where it does not fit."""
    if rule.type == "a":  # version 1 takes it for all devices and all access, whatever else it says
        return []
    found: list[list[Instruction]] = [[(_JUMP_UNEQUAL, _TYPE, 0, 0, BPF_DEVCG_DEV[rule.type])]]
    access = sum(BPF_DEVCG_ACC[letter] for letter in set(rule.access))
    if access != _ALL_ACCESS:
        checked = _ALL_ACCESS & ~access if rule.allow else access
        jump = _JUMP_UNEQUAL if rule.allow else _JUMP_EQUAL
        found.append(
            [
                (_COPY, _CONTEXT, _ACCESS, 0, 0),
                (_AND, _CONTEXT, 0, 0, checked),
                (jump, _CONTEXT, 0, 0, 0),
            ]
        )
    for register, number in ((_MAJOR, rule.major), (_MINOR, rule.minor)):
        if number is not None:
            found.append([(_JUMP_UNEQUAL, register, 0, 0, number)])
    return found


def _block(conditions: Sequence[Sequence[Instruction]], *, allow: bool) -> list[Instruction]:
    """Return a rule's instructions, its jumps leading behind it."""
    flat = [instruction for condition in conditions for instruction in condition]
    size = len(flat) + 2
    block = [
        (opcode, target, source, size - at - 1, number)
        if opcode in (_JUMP_EQUAL, _JUMP_UNEQUAL)
        else (opcode, target, source, offset, number)
        for at, (opcode, target, source, offset, number) in enumerate(flat)
    ]
    return [*block, (_SET, _ANSWER, 0, 0, int(allow)), (_EXIT, 0, 0, 0, 0)]


_bpf = syscalls.syscall(ctypes.c_int, ctypes.c_void_p, ctypes.c_uint)


def attach(directory: str, rules: Sequence[DeviceRule]) -> None:
    """Have a cgroup of version 2 obey the rules, until it is removed.

    Needs CAP_BPF and CAP_NET_ADMIN, or CAP_SYS_ADMIN, of the machine's first user namespace.
    Raises OSError.
    """
    program = encode(rules)
    code, license_ = syscalls.buffer(program), syscalls.buffer(b"Apache-2.0\0")
    loaded = _call(
        BPF_PROG_LOAD,
        struct.pack(
            "<IIQQIIQII16s",
            BPF_PROG_TYPE_CGROUP_DEVICE,
            len(program) // 8,
            syscalls.address_of(code),
            syscalls.address_of(license_),
            *(0, 0, 0),  # no log
            *(0, 0),  # any kernel, no flags
            b"ipyc_devices",
        ),
    )
    try:
        group = os.open(directory, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        try:
            _call(
                BPF_PROG_ATTACH,
                struct.pack("<IIII", group, loaded, BPF_CGROUP_DEVICE, BPF_F_ALLOW_MULTI),
            )
        finally:
            os.close(group)
    finally:
        os.close(loaded)


def _call(command: int, attributes: bytes) -> int:
    held = syscalls.buffer(attributes)
    result = int(
        _bpf(_NUMBER[os.uname().machine], command, syscalls.address_of(held), len(attributes))
    )
    if result < 0:
        raise syscalls.failed("bpf")
    return result
