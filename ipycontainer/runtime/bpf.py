"""Shorten a seccomp program without changing a single answer.

libseccomp writes one comparison for each name. The kernel checks, translates and walks the program
for every system call number when it is installed, which is most of what a filter adds to a start:
docker's default has 1,300 instructions, shortened half of them. Here the program is asked, for each
architecture, what it says of every number; equal neighbours become one range, and the ranges a
binary tree. Pure: bytes in, bytes out. Imports nothing of ours.
"""

from __future__ import annotations

import operator
import struct
from collections.abc import Callable, Sequence
from dataclasses import dataclass

__all__ = ["Answer", "Instruction", "decode", "encode", "evaluate", "shorten"]

# linux/bpf_common.h and linux/filter.h: the operations that libseccomp and this module write
LOAD = 0x20  # BPF_LD | BPF_W | BPF_ABS
AND = 0x54  # BPF_ALU | BPF_AND | BPF_K
JUMP = 0x05  # BPF_JMP | BPF_JA
JUMP_EQUAL = 0x15  # BPF_JMP | BPF_JEQ | BPF_K
JUMP_GREATER = 0x25  # BPF_JMP | BPF_JGT | BPF_K
JUMP_GREATER_EQUAL = 0x35  # BPF_JMP | BPF_JGE | BPF_K
JUMP_SET = 0x45  # BPF_JMP | BPF_JSET | BPF_K
RETURN = 0x06  # BPF_RET | BPF_K
_JUMPS: dict[int, Callable[[int, int], object]] = {
    JUMP_EQUAL: operator.eq,
    JUMP_GREATER: operator.gt,
    JUMP_GREATER_EQUAL: operator.ge,
    JUMP_SET: operator.and_,
}
OFFSET_NUMBER, OFFSET_ARCH, OFFSET_ARGUMENTS = 0, 4, 16  # struct seccomp_data
MAX_INSTRUCTIONS = 4096  # BPF_MAXINSNS, linux/bpf_common.h
_MAX_SHORT_JUMP = 255

Instruction = tuple[int, int, int, int]  # code, jump if true, jump if false, k


@dataclass(frozen=True, slots=True)
class Answer:
    """What a program says of an architecture and a number.

    Either a `value` to return, or the place (`index`) where it goes on to look at arguments.
    """

    value: int = 0
    index: int = -1


class _NotShortenedError(Exception):
    """The program is not of the form that is known here."""


def decode(program: bytes) -> list[Instruction]:
    """Return a program's instructions."""
    return [(code, true, false, k) for code, true, false, k in struct.iter_unpack("=HBBI", program)]


def encode(code: Sequence[Instruction]) -> bytes:
    """Return the bytes of instructions."""
    return b"".join(struct.pack("=HBBI", *instruction) for instruction in code)


def evaluate(
    code: Sequence[Instruction], arch: int, number: int, arguments: Sequence[int] | None = None
) -> Answer:
    """Return what a program says; without `arguments` it stops where it wants to see them."""
    accumulator, at = 0, 0
    while True:
        operation, true, false, k = code[at]
        if operation == RETURN:
            return Answer(k)
        if operation == LOAD:
            if k == OFFSET_ARCH:
                accumulator = arch
            elif k == OFFSET_NUMBER:
                accumulator = number
            elif arguments is None:
                return Answer(index=at)
            else:
                which, high = divmod(k - OFFSET_ARGUMENTS, 8)
                accumulator = arguments[which] >> (32 if high else 0) & 0xFFFFFFFF
        elif operation == AND:
            accumulator &= k
        elif operation == JUMP:
            at += k
        elif operation in _JUMPS:
            at += true if _JUMPS[operation](accumulator, k) else false
        else:
            raise _NotShortenedError
        at += 1


def shorten(program: bytes, architectures: Sequence[int]) -> bytes:
    """Return a program that answers as this one does, or this one where none shorter is found.

    `architectures` are AUDIT_ARCH values, the likeliest first; all others share one answer.
    """
    code = decode(program)
    try:
        shorter = _shorten(code, architectures)
    except _NotShortenedError:
        return program
    return encode(shorter) if len(shorter) < len(code) else program


def _shorten(code: Sequence[Instruction], architectures: Sequence[int]) -> list[Instruction]:
    constants = {k for operation, _, _, k in code if operation in _JUMPS}
    if any(operation == JUMP_SET for operation, _, _, _ in code):
        raise _NotShortenedError  # not constant between two constants
    borders = sorted({0, *constants, *(k + 1 for k in constants if k < 0xFFFFFFFF)})
    unknown = next(k for k in range(1, 2**32) if k not in constants)
    others = {evaluate(code, unknown, number) for number in borders}
    if len(others) != 1 or min(others, key=lambda answer: answer.index).index >= 0:
        raise _NotShortenedError
    trees = [_tree(code, _ranges(code, arch, borders)) for arch in architectures]
    head: list[Instruction] = [(LOAD, 0, 0, OFFSET_ARCH)]
    ahead = 2 * len(trees) + 1  # what follows the first instruction, up to the first tree
    for arch, tree in zip(architectures, trees, strict=True):
        ahead -= 2
        head += [(JUMP_EQUAL, 0, 1, arch), (JUMP, 0, 0, ahead)]
        ahead += len(tree)
    head.append((RETURN, 0, 0, others.pop().value))
    whole = [*head, *(instruction for tree in trees for instruction in tree)]
    if len(whole) > MAX_INSTRUCTIONS:
        raise _NotShortenedError
    return whole


def _ranges(
    code: Sequence[Instruction], arch: int, borders: Sequence[int]
) -> list[tuple[int, Answer]]:
    """Return (first number, answer) of each range; between two borders no comparison differs."""
    ranges: list[tuple[int, Answer]] = []
    for number in borders:
        answer = evaluate(code, arch, number)
        if not ranges or ranges[-1][1] != answer:
            ranges.append((number, answer))
    return ranges


def _tree(code: Sequence[Instruction], ranges: Sequence[tuple[int, Answer]]) -> list[Instruction]:
    return [(LOAD, 0, 0, OFFSET_NUMBER), *_branch(code, ranges)]


def _branch(code: Sequence[Instruction], ranges: Sequence[tuple[int, Answer]]) -> list[Instruction]:
    if len(ranges) == 1:
        answer = ranges[0][1]
        return [(RETURN, 0, 0, answer.value)] if answer.index < 0 else _copy(code, answer.index)
    middle = len(ranges) // 2
    left, right = _branch(code, ranges[:middle]), _branch(code, ranges[middle:])
    first = ranges[middle][0]
    if len(left) <= _MAX_SHORT_JUMP:
        return [(JUMP_GREATER_EQUAL, len(left), 0, first), *left, *right]
    return [(JUMP_GREATER_EQUAL, 0, 1, first), (JUMP, 0, 0, len(left)), *left, *right]


def _copy(code: Sequence[Instruction], start: int) -> list[Instruction]:
    """Return the part of a program that can be reached from an instruction, closed up."""
    reached: set[int] = set()
    waiting = [start]
    while waiting:
        at = waiting.pop()
        if at in reached:
            continue
        reached.add(at)
        waiting += _successors(code[at], at)
    places = {at: place for place, at in enumerate(sorted(reached))}
    closed: list[Instruction] = []
    for at in sorted(reached):
        operation, true, false, k = code[at]
        here = places[at] + 1
        if operation == JUMP:
            k = places[at + 1 + k] - here
        elif operation in _JUMPS:
            true, false = places[at + 1 + true] - here, places[at + 1 + false] - here
        closed.append((operation, true, false, k))
    return closed


def _successors(instruction: Instruction, at: int) -> list[int]:
    operation, true, false, k = instruction
    if operation == RETURN:
        return []
    if operation == JUMP:
        return [at + 1 + k]
    if operation in _JUMPS:
        return [at + 1 + true, at + 1 + false]
    return [at + 1]
