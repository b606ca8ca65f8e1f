"""An ordinary user's way out: pasta(1) between the namespace of the bridges and the machine.

It speaks for the containers with the machine's own sockets, so that no right is needed. Without it
they reach each other and nothing else.
"""

from __future__ import annotations

import os

__all__ = ["DNS", "attach", "described", "find"]

# Where pasta answers for the machine's own resolver; of the local addresses, as podman has it.
DNS = "169.254.1.1"
MISSING = (
    "pasta is not installed: containers reach each other, and nothing outside. Install it "
    "(apt-get install passt), or share this machine's network with --network host"
)
_DIRECTORIES = ("/usr/bin", "/usr/local/bin", "/bin")
_OPTIONS = (
    *("--config-net", "--quiet", "--no-map-gw", "--dns-forward", DNS),
    *("-t", "none", "-u", "none", "-T", "none", "-U", "none"),
)


def find() -> str:
    """Return the absolute path of pasta, "" where it is not installed."""
    for directory in _DIRECTORIES:
        if os.access(f"{directory}/pasta", os.X_OK):
            return f"{directory}/pasta"
    return ""


def described(*, rootless: bool) -> str:
    """Say which way a home's containers have out of their bridges."""
    if not rootless:
        return "this machine, which translates their addresses"
    return find() or MISSING


def attach(pid: int) -> list[str]:
    """Lead the network namespace of a process out, and return what is to be said about it.

    pasta returns when all is in place and goes on in the background until that namespace is gone.
    """
    path = find()
    if not path:
        return [MISSING]
    words = [path, *_OPTIONS, "--netns", f"/proc/{pid}/ns/net"]
    read, write = os.pipe()
    silence = [(os.POSIX_SPAWN_OPEN, fd, os.devnull, os.O_RDWR, 0) for fd in (0, 1)]
    try:
        child = os.posix_spawn(
            path,
            words,
            {"PATH": "/usr/bin:/bin"},
            file_actions=[*silence, (os.POSIX_SPAWN_DUP2, write, 2)],
        )
        _, status = os.waitpid(child, 0)
        os.set_blocking(read, False)
        try:
            said = os.read(read, 4096).decode(errors="replace").strip()
        except BlockingIOError:
            said = ""
    finally:
        os.close(read)
        os.close(write)
    if status == 0:
        return []
    return [f"pasta could not lead the containers out: {said.splitlines()[-1] if said else status}"]
