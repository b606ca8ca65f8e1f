"""The others: bubblewrap, docker and podman, each with the small image and apart from this machine.

Everything lies in a temporary directory; docker's daemon runs in a network and a mount namespace of
its own, so that it touches no rule and no mount of the machine. What is started here is ended here.
"""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

__all__ = ["Peer", "bubblewrap", "docker", "podman"]

READY_SECONDS = 60


@dataclass(frozen=True)
class Peer:
    """Another engine as two commands.

    `run` makes, runs and removes a container, `publish` one with the default network and a port,
    `execute` enters a running one; they are empty where that means nothing. `client` are the words
    before a verb, `machine` is a process in whose network its ports are, 0 for ours.
    """

    name: str
    version: str
    run: tuple[str, ...]
    execute: tuple[str, ...] = ()
    publish: tuple[str, ...] = ()
    client: tuple[str, ...] = ()
    machine: int = 0


def bubblewrap(tree: Path) -> Peer:
    """Return bubblewrap on the image's tree: no layers, no names, no record; the floor."""
    return Peer(
        "bwrap",
        _output("bwrap", "--version"),
        ("bwrap", "--unshare-all", "--bind", str(tree), "/", "--proc", "/proc", "true"),
    )


@contextlib.contextmanager
def docker(archive: Path, directory: Path) -> Iterator[Peer]:
    """Start a docker daemon with the image and one running container; end it afterwards."""
    socket = f"unix://{directory}/docker.sock"
    daemon = (
        f"ip link set lo up && exec dockerd -H {socket} --data-root {directory}/data"
        f" --exec-root {directory}/exec --pidfile {directory}/pid"
    )
    with open(directory / "log", "wb") as log:
        process = subprocess.Popen(
            ["unshare", "--net", "--mount", "--propagation", "private", "sh", "-c", daemon],
            stdout=log,
            stderr=log,
        )
    client = ("docker", "-H", socket)
    try:
        deadline = time.monotonic() + READY_SECONDS
        while subprocess.run([*client, "version"], capture_output=True, check=False).returncode:
            if process.poll() is not None or time.monotonic() > deadline:
                raise RuntimeError(f"dockerd did not start: {(directory / 'log').read_text()}")
            time.sleep(0.1)
        _quietly(*client, "import", str(archive), "bench")
        _quietly(
            *client,
            "run",
            "-d",
            "--name",
            "resident",
            "--network",
            "none",
            "bench",
            "sleep",
            "9999",
        )
        yield Peer(
            "docker",
            _output(*client, "version", "-f", "{{.Server.Version}}"),
            (*client, "run", "--rm", "--network", "none", "bench", "true"),
            (*client, "exec", "resident", "true"),
            (*client, "run", "--rm", "-p", "80", "bench", "true"),
            client,
            process.pid,
        )
        _quietly(*client, "rm", "-f", "resident")
    finally:
        process.terminate()
        process.wait()


@contextlib.contextmanager
def podman(archive: Path, directory: Path) -> Iterator[Peer]:
    """Give podman a store with the image and one running container; removed afterwards.

    With runc, since crun refuses a machine with both versions of cgroups. An ordinary user's has a
    runtime directory of its own: there it looks for the process that keeps its namespaces, and
    fails where that one has ended otherwise.
    """
    os.environ["PODMAN_IGNORE_CGROUPSV1_WARNING"] = "1"  # it would fill the terminal
    runtime = directory / "runtime"
    runtime.mkdir(mode=0o700)
    client = (
        *(() if os.geteuid() == 0 else ("env", f"XDG_RUNTIME_DIR={runtime}")),
        *("podman", "--runtime", "runc", "--cgroup-manager", "cgroupfs", "--events-backend"),
        *("none", "--root", f"{directory}/root", "--runroot", f"{directory}/run"),
        *("--tmpdir", f"{directory}/tmp", "--network-config-dir", f"{directory}/networks"),
    )
    _quietly(*client, "import", str(archive), "bench")
    _quietly(
        *client, "run", "-d", "--name", "resident", "--network", "none", "bench", "sleep", "9999"
    )
    try:
        yield Peer(
            "podman",
            _output(*client, "version", "-f", "{{.Client.Version}}"),
            (*client, "run", "--rm", "--network", "none", "bench", "true"),
            (*client, "exec", "resident", "true"),
            (*client, "run", "--rm", "-p", "80", "bench", "true"),
            client,
        )
    finally:
        _quietly(*client, "rm", "-f", "-t", "0", "resident")
        if os.geteuid() != 0:  # much of it is owned by other ids, and mounted in a namespace apart
            _quietly(*client, "unshare", "sh", "-c", _EMPTY, "sh", str(directory))
            os.kill(int((runtime / "libpod/tmp/pause.pid").read_text()), signal.SIGTERM)


_EMPTY = """
umount -l "$1"/run/networks/rootless-netns/rootless-netns "$1"/root/overlay
rm -rf "$1"/root "$1"/run "$1"/tmp "$1"/networks
"""


def _quietly(*command: str) -> None:
    try:
        subprocess.run(command, capture_output=True, check=True)
    except subprocess.CalledProcessError as error:
        raise RuntimeError(f"{' '.join(command)}: {error.stderr.decode()}") from error


def _output(*command: str) -> str:
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()
