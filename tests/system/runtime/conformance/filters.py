"""Cases of `linux.seccomp`: actions, conditions, architectures, flags."""

from __future__ import annotations

from typing import Any

from ipycontainer.runtime.seccomp import default_profile
from tests.system.runtime.conformance.case import Case

__all__ = ["CASES"]

RUN = "$RT run $ID; echo code $?"
CODE = "code $RT run $ID"


def _profile(*entries: dict[str, Any], default: str = "ALLOW", **more: Any) -> dict[str, Any]:
    return {
        "linux.seccomp": {"defaultAction": f"SCMP_ACT_{default}", "syscalls": list(entries), **more}
    }


def _entry(action: str, *names: str, **more: Any) -> dict[str, Any]:
    return {"names": list(names), "action": f"SCMP_ACT_{action}", **more}


def _sh(text: str) -> dict[str, Any]:
    return {"process.args": ["sh", "-c", text]}


MKDIR = _sh("mkdir /tmp/d 2>&1; echo then")
CONDITION = {"index": 1, "value": 0o700, "op": "SCMP_CMP_EQ"}

LISTEN = (
    '$s = IO::Socket::UNIX->new(Local => "s", Listen => 1); '
    "$c = $s->accept; $c->recv($told, 65536); print $told;"
)
# every call that docker's containers may make, but one
ALL_BUT_MKDIR: dict[str, Any] = {
    "defaultAction": "SCMP_ACT_ERRNO",
    "defaultErrnoRet": 28,
    "architectures": ["SCMP_ARCH_X86_64", "SCMP_ARCH_AARCH64"],
    "syscalls": [
        {
            "names": sorted(
                {
                    name
                    for entry in default_profile((), "6.1")["syscalls"]
                    if entry["action"] == "SCMP_ACT_ALLOW"
                    for name in entry["names"]
                }
                - {"mkdir", "mkdirat"}
            ),
            "action": "SCMP_ACT_ALLOW",
        }
    ],
}

CASES = (
    Case(
        "call that is refused",
        RUN,
        MKDIR | _profile(_entry("ERRNO", "mkdir", "mkdirat")),
        "not permitted",
    ),
    Case(
        "call that is refused by a number",
        RUN,
        MKDIR | _profile(_entry("ERRNO", "mkdir", "mkdirat", errnoRet=28)),
        "No space left",
    ),
    Case(
        "call that kills",
        RUN,
        _sh("(mkdir /tmp/d); echo then $?") | _profile(_entry("KILL", "mkdir", "mkdirat")),
        "then",
    ),
    Case(
        "call that kills the process",
        RUN,
        _sh("(mkdir /tmp/d); echo then $?") | _profile(_entry("KILL_PROCESS", "mkdir", "mkdirat")),
        "then",
    ),
    Case(
        "call that traps",
        RUN,
        _sh("(mkdir /tmp/d); echo then $?") | _profile(_entry("TRAP", "mkdir", "mkdirat")),
        "then 159",
    ),
    Case("call that is noted", RUN, MKDIR | _profile(_entry("LOG", "mkdir", "mkdirat")), "then"),
    Case(
        "call that a tracer is asked about",
        RUN,
        MKDIR | _profile(_entry("TRACE", "mkdir", "mkdirat")),
        "not implemented",
    ),
    Case(
        "call with a condition that holds",
        RUN,
        _sh("mkdir -m 700 /tmp/d 2>&1; echo then")
        | _profile(_entry("ERRNO", "mkdir", args=[CONDITION])),
        "then",
    ),
    Case(
        "call with a condition that fails",
        RUN,
        _sh("mkdir /tmp/d 2>&1; echo then") | _profile(_entry("ERRNO", "mkdir", args=[CONDITION])),
        "then",
    ),
    Case(
        "call with a masked condition",
        RUN,
        _sh(
            "chmod 4755 /tmp/f 2>&1; touch /tmp/f; chmod 4755 /tmp/f 2>&1; chmod 755 /tmp/f; "
            "echo then"
        )
        | _profile(
            _entry(
                "ERRNO",
                "chmod",
                args=[
                    {"index": 1, "value": 0o4000, "valueTwo": 0o4000, "op": "SCMP_CMP_MASKED_EQ"}
                ],
            ),
            _entry(
                "ERRNO",
                "fchmodat",
                args=[
                    {"index": 2, "value": 0o4000, "valueTwo": 0o4000, "op": "SCMP_CMP_MASKED_EQ"}
                ],
            ),
        ),
        "not permitted",
    ),
    Case("call that no kernel has", RUN, MKDIR | _profile(_entry("ERRNO", "no_such_call")), "then"),
    Case("action that is unknown", CODE, MKDIR | _profile(_entry("NOPE", "mkdir")), "code 1"),
    Case(
        "operator that is unknown",
        CODE,
        MKDIR | _profile(_entry("ERRNO", "mkdir", args=[{**CONDITION, "op": "SCMP_CMP_X"}])),
        "code 1",
    ),
    Case(
        "architecture",
        RUN,
        MKDIR
        | _profile(
            _entry("ERRNO", "mkdir", "mkdirat"), architectures=["SCMP_ARCH_X86_64", "SCMP_ARCH_X86"]
        ),
        "not permitted",
    ),
    Case(
        "architecture that is unknown",
        CODE,
        MKDIR | _profile(_entry("ERRNO", "mkdir"), architectures=["SCMP_ARCH_VAX"]),
        "code 1",
    ),
    Case(
        "filter that the status shows",
        RUN,
        _sh("grep Seccomp: /proc/self/status") | _profile(_entry("ERRNO", "mkdir")),
        "2",
    ),
    Case(
        "filter with new privileges allowed",
        RUN,
        _sh("grep -E 'Seccomp:|NoNew' /proc/self/status")
        | {"process.noNewPrivileges": False}
        | _profile(_entry("ERRNO", "mkdir")),
        "Seccomp:\t2",
    ),
    Case(
        "filter of a further program",
        "$RT run -d $ID; $RT exec $ID mkdir /tmp/d; echo code $?",
        {"process.args": ["sleep", "60"]} | _profile(_entry("ERRNO", "mkdir", "mkdirat")),
        "code 1",
    ),
    Case(
        "filter with flags",
        RUN,
        MKDIR
        | _profile(
            _entry("ERRNO", "mkdir", "mkdirat"),
            flags=["SECCOMP_FILTER_FLAG_LOG", "SECCOMP_FILTER_FLAG_SPEC_ALLOW"],
        ),
        "not permitted",
        runc=False,
    ),
    Case(
        "filter with a flag that is unknown",
        CODE,
        MKDIR | _profile(_entry("ERRNO", "mkdir"), flags=["SECCOMP_FILTER_FLAG_X"]),
        "code 1",
    ),
    Case(
        "call that nothing names is refused by a number",
        RUN,
        _sh("mkdir /tmp/d 2>&1") | {"linux.seccomp": ALL_BUT_MKDIR},
        "No space left",
    ),
    Case(
        "listener that nobody listens for",
        "code $RT run $ID",
        MKDIR
        | _profile(
            _entry("NOTIFY", "mkdir"), listenerPath="/nope/socket", listenerMetadata="of mine"
        ),
        "code 1",
    ),
    Case(
        "listener is told of the container",
        f"sed -i s,SOCKET,$(pwd)/s, config.json; perl -MIO::Socket::UNIX -e '{LISTEN}' >got & "
        "until [ -S s ]; do sleep 0.02; done; $RT run -d $ID; wait $!; "
        "tr , '\\n' <got | tr -d ' ' | grep -a -o 'etadata.*ofmine'",
        {"process.args": ["sleep", "60"]}
        | _profile(_entry("NOTIFY", "mkdir"), listenerPath="SOCKET", listenerMetadata="of mine"),
        "ofmine",
    ),
    Case("listener that nobody is", CODE, MKDIR | _profile(_entry("NOTIFY", "mkdir")), "code 1"),
    Case(
        "empty filter", RUN, MKDIR | {"linux.seccomp": {"defaultAction": "SCMP_ACT_ALLOW"}}, "then"
    ),
)
