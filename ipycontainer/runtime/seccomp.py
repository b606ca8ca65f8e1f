"""From a seccomp profile to the program that the kernel runs; docker's default one is our own data.

libseccomp, through pyseccomp, knows numbers and sub-architectures; it is loaded only when a profile
has to be compiled. `filters` keeps what is compiled. Without the library a start is refused: it
never runs unfiltered. Imports linux and errors only.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from ipycontainer.errors import InvalidArgument, Unsupported
from ipycontainer.linux.syscalls import (
    SECCOMP_FILTER_FLAG_NEW_LISTENER,
    SECCOMP_FILTER_FLAG_SPEC_ALLOW,
)
from ipycontainer.runtime import bpf

__all__ = [
    "ACTIONS",
    "COMPILER_VERSION",
    "FLAGS",
    "OPERATORS",
    "architectures",
    "compile_profile",
    "default_data",
    "default_profile",
    "filter_flags",
    "kernel_version",
]

COMPILER_VERSION = 2  # raise it when the same profile compiles to another program

# machine -> (libseccomp's name of the architecture, of those that its kernel runs as well)
_ARCHITECTURES = {"x86_64": ("X86_64", ("X86", "X32")), "aarch64": ("AARCH64", ("ARM",))}
_AUDIT_ARCH = {  # linux/audit.h
    "X86_64": 0xC000003E,
    "X86": 0x40000003,
    "AARCH64": 0xC00000B7,
    "ARM": 0x40000028,
}
_MOST_DATA = 0xFFFF  # linux/seccomp.h: SECCOMP_RET_DATA
_X32_BIT = 0x40000000  # asm/unistd.h: marks x32 numbers, under x86_64's own AUDIT_ARCH
FLAGS = {  # linux/seccomp.h
    "SECCOMP_FILTER_FLAG_TSYNC": 0,  # one thread: there is nobody to bring along
    "SECCOMP_FILTER_FLAG_LOG": 1 << 1,
    "SECCOMP_FILTER_FLAG_SPEC_ALLOW": SECCOMP_FILTER_FLAG_SPEC_ALLOW,
    "SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV": 1 << 5,
}
ACTIONS = (
    *("SCMP_ACT_ALLOW", "SCMP_ACT_ERRNO", "SCMP_ACT_KILL", "SCMP_ACT_KILL_PROCESS"),
    *("SCMP_ACT_KILL_THREAD", "SCMP_ACT_LOG", "SCMP_ACT_NOTIFY", "SCMP_ACT_TRACE", "SCMP_ACT_TRAP"),
)
OPERATORS = ("NE", "LT", "LE", "EQ", "GE", "GT", "MASKED_EQ")
ENOSYS = 38
SECCOMP_RET_ERRNO = 0x00050000  # linux/seccomp.h


def default_profile(bounding: Iterable[str], release: str) -> dict[str, Any]:
    """Return docker's default profile, resolved as the `seccomp` object of an OCI spec.

    `release` is the kernel's. What an entry needs decides as in moby's seccomp_linux.go: a
    capability counts when it is in the bounding set.
    """
    machine = os.uname().machine
    if machine not in _ARCHITECTURES:
        raise Unsupported(f"no seccomp profile for {machine}")
    data, caps = json.loads(default_data()), set(bounding)
    names: list[str] = [name for group in data["always"].values() for name in group]
    for kernel, group in data["from_kernel"].items():
        if kernel_version(release) >= kernel_version(kernel):
            names += group
    names += data["on_machine"].get(machine, [])
    for capability, group in data["with_capability"].items():
        if capability in caps:
            names += group
    rules = list(data["when"])
    answers: dict[str, int] = {}
    for capability, entry in data["without_capability"].items():
        if capability not in caps:
            rules += entry["when"]
            answers |= entry["answer_errno"]
    syscalls: list[dict[str, Any]] = [{"names": sorted(set(names)), "action": "SCMP_ACT_ALLOW"}]
    for rule in rules:
        condition = {key: rule[key] for key in ("index", "op", "value", "valueTwo") if key in rule}
        syscalls.append({"names": [rule["name"]], "action": "SCMP_ACT_ALLOW", "args": [condition]})
    for name, number in answers.items():
        syscalls.append({"names": [name], "action": "SCMP_ACT_ERRNO", "errnoRet": number})
    native, others = _ARCHITECTURES[machine]
    return {
        "defaultAction": "SCMP_ACT_ERRNO",
        "defaultErrnoRet": data["refusal_errno"],
        "architectures": [f"SCMP_ARCH_{name}" for name in (native, *others)],
        "syscalls": syscalls,
    }


def architectures() -> tuple[str, ...]:
    """Return the architectures that a profile may name. Raises Unsupported without libseccomp."""
    known = (name for name in vars(_library().Arch) if name.isupper() and name != "NATIVE")
    return tuple(sorted(f"SCMP_ARCH_{name}" for name in known))


def compile_profile(profile: Mapping[str, Any]) -> bytes:
    """Compile the `seccomp` object of an OCI spec (config-linux.md) to a BPF program.

    A name that this kernel's architectures do not have is skipped, as runc does. Numbers above the
    newest that the profile names get ENOSYS, not its refusal: a C library that tries a newer call
    then falls back to an older one. Raises InvalidArgument, and Unsupported without libseccomp.
    """
    scmp = _library()
    filter_flags(profile)  # refuses what is unknown
    default = _action(scmp, profile["defaultAction"], profile.get("defaultErrnoRet"))
    filter_ = scmp.SyscallFilter(default)
    # a binary tree instead of a chain: the kernel walks it for each number at the install
    filter_.set_attr(scmp.Attr.CTL_OPTIMIZE, 2)
    native = _ARCHITECTURES.get(os.uname().machine, ("", ()))[0]
    architectures = [
        str(name).removeprefix("SCMP_ARCH_") for name in profile.get("architectures") or ()
    ]
    for name in architectures:
        if not hasattr(scmp.Arch, name):
            raise InvalidArgument(f"unknown seccomp architecture SCMP_ARCH_{name}")
        if not filter_.exist_arch(getattr(scmp.Arch, name)):
            filter_.add_arch(getattr(scmp.Arch, name))
    newest: dict[str, int] = {}
    for entry in profile.get("syscalls") or ():
        action = _action(scmp, entry["action"], entry.get("errnoRet"))
        arguments = entry.get("args") or ()
        for name in entry["names"]:
            for architecture in {native, *architectures}:
                number = scmp.resolve_syscall(getattr(scmp.Arch, architecture), name)
                newest[architecture] = max(newest.get(architecture, 0), number)
            if action != default:  # libseccomp refuses a rule that says what happens anyway
                _add(scmp, filter_, action, name, arguments)
    program = _export(filter_)
    if profile["defaultAction"] == "SCMP_ACT_ERRNO":
        program = _enosys_above(newest) + program
    audit = [
        _AUDIT_ARCH[name] for name in dict.fromkeys((native, *architectures)) if name in _AUDIT_ARCH
    ]
    return bpf.shorten(program, audit)


def _add(
    scmp: Any, filter_: Any, action: int, name: str, arguments: Sequence[Mapping[str, Any]]
) -> None:
    conditions = [_condition(scmp, argument) for argument in arguments]
    indices = {argument["index"] for argument in arguments}
    try:
        if len(indices) < len(conditions):
            # several conditions on one argument are alternatives (runc's rule, libseccomp's limit)
            for condition in conditions:
                filter_.add_rule(action, name, condition)
        else:
            filter_.add_rule(action, name, *conditions)
    except OSError as error:
        if error.errno not in (14, 22):  # EFAULT, EINVAL: no architecture here has that name
            raise


def _enosys_above(newest: Mapping[str, int]) -> bytes:
    """Return instructions that answer ENOSYS above the newest numbers and else fall through."""
    code: list[bpf.Instruction] = []
    for name, audit in _AUDIT_ARCH.items():
        if newest.get(name, 0) <= 0:
            continue
        x32 = newest.get("X32", 0) if name == "X86_64" else 0
        block: list[bpf.Instruction] = [(bpf.LOAD, 0, 0, bpf.OFFSET_NUMBER)]
        if x32 > 0:
            # x32's numbers are above all of x86_64's: they have a limit of their own
            block += [
                (bpf.JUMP_GREATER_EQUAL, 0, 1, _X32_BIT),
                (bpf.JUMP_GREATER, 1, 2, x32 | _X32_BIT),
            ]
        block += [
            (bpf.JUMP_GREATER, 0, 1, newest[name]),
            (bpf.RETURN, 0, 0, SECCOMP_RET_ERRNO | ENOSYS),
        ]
        code += [(bpf.LOAD, 0, 0, bpf.OFFSET_ARCH), (bpf.JUMP_EQUAL, 0, len(block), audit), *block]
    return bpf.encode(code)


def _export(filter_: Any) -> bytes:
    fd = os.memfd_create("seccomp", os.MFD_CLOEXEC)
    with open(fd, "w+b") as file:
        filter_.export_bpf(file)
        file.seek(0)
        return file.read()


def _action(scmp: Any, name: str, errno_ret: int | None) -> int:
    if errno_ret is not None and errno_ret > _MOST_DATA:
        raise InvalidArgument(f"seccomp errnoRet {errno_ret} does not fit into 16 bits")
    if name == "SCMP_ACT_ERRNO":
        return int(scmp.ERRNO(1 if errno_ret is None else errno_ret))
    if name == "SCMP_ACT_TRACE":
        return int(scmp.TRACE(1 if errno_ret is None else errno_ret))
    known = {
        "SCMP_ACT_ALLOW": scmp.ALLOW,
        "SCMP_ACT_KILL": scmp.KILL_THREAD,
        "SCMP_ACT_KILL_THREAD": scmp.KILL_THREAD,
        "SCMP_ACT_KILL_PROCESS": scmp.KILL_PROCESS,
        "SCMP_ACT_TRAP": scmp.TRAP,
        "SCMP_ACT_LOG": scmp.LOG,
        "SCMP_ACT_NOTIFY": scmp.NOTIFY,
    }
    if name not in known:
        raise Unsupported(f"seccomp action {name} is not supported")
    return int(known[name])


def _condition(scmp: Any, arg: Mapping[str, Any]) -> Any:
    operator = str(arg["op"]).removeprefix("SCMP_CMP_")
    if not hasattr(scmp, operator):
        raise InvalidArgument(f"unknown seccomp operator {arg['op']}")
    if arg["index"] not in range(6):
        raise InvalidArgument(f"syscalls only have up to 6 arguments ({arg['index']} given)")
    # of a masked comparison OCI's value is the mask, and valueTwo what must come out
    return scmp.Arg(arg["index"], getattr(scmp, operator), arg["value"], arg.get("valueTwo", 0))


def kernel_version(release: str) -> tuple[int, int]:
    """Return major and minor of a kernel's release. Raises ValueError in docker's words."""
    major, _, rest = release.partition(".")
    minor = rest.partition(".")[0].partition("-")[0]
    if not major.isdecimal() or not minor.isdecimal():
        raise ValueError(f'invalid kernel version: "{release}", expected "<kernel>.<major>"')
    return int(major), int(minor)


def filter_flags(profile: Mapping[str, Any] | None) -> int:
    """Return the flags of seccomp(2) that a profile's filter is installed with.

    One that says nothing, or is None, gets crun's default. Raises Unsupported, and InvalidArgument
    where somebody is to be asked (SCMP_ACT_NOTIFY) and nobody is named.
    """
    if profile is None:
        return SECCOMP_FILTER_FLAG_SPEC_ALLOW
    flags = 0
    for name in profile.get("flags") or ():
        if name not in FLAGS:
            raise Unsupported(f"seccomp flag {name} is not supported")
        flags |= FLAGS[name]
    if profile["defaultAction"] == "SCMP_ACT_NOTIFY":
        raise InvalidArgument("SCMP_ACT_NOTIFY cannot be used as default action")
    for entry in profile.get("syscalls") or ():
        if entry["action"] == "SCMP_ACT_NOTIFY":
            if "write" in entry["names"]:
                raise InvalidArgument("SCMP_ACT_NOTIFY cannot be used for the write syscall")
            if not profile.get("listenerPath"):
                raise InvalidArgument("listenerPath is not set")
            flags |= SECCOMP_FILTER_FLAG_NEW_LISTENER
    return flags if profile.get("flags") else flags | SECCOMP_FILTER_FLAG_SPEC_ALLOW


def _library() -> Any:
    try:
        import pyseccomp
    except (ImportError, OSError, RuntimeError) as error:
        raise Unsupported(
            f"seccomp filters need libseccomp and pyseccomp: {error}",
            hint="apt-get install libseccomp2; pip install pyseccomp",
        ) from error
    return pyseccomp


def default_data() -> str:
    """Return our data of docker's default profile, as JSON."""
    return Path(__file__).with_name("seccomp_default.json").read_text("utf-8")
