"""The zygote: a small warm process that forks monitors and workers.

A cold Python takes 20 to 100 ms to start, a fork of this one less than one. It is single-threaded,
has everything loaded that its children will ever need, and opens no database. It is keyed by home,
version and interpreter: another version gets a zygote of its own and this one drains.

As an ordinary user it first enters the home's user namespace: that of a living monitor where there
is one, since a fresh namespace could not reach the old one's containers (EPERM), else a new one.

Started by `supervisor` by way of `boot`; must import neither click, pandas,
IPython nor pyroute2, which a test holds it to.
"""

from __future__ import annotations

import gc
import json
import os
import select
import signal
import socket
import sys
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from pathlib import Path
from typing import NoReturn

from ipycontainer import faults
from ipycontainer.errors import EngineError, ProtocolError, ResourceError
from ipycontainer.linux import cgroups, mounts, namespaces, oom, pidfd, syscalls, vacating
from ipycontainer.runtime import beforehand, filters
from ipycontainer.runtime.defaults import CAPABILITIES
from ipycontainer.runtime.launch import preload
from ipycontainer.store import liveness
from ipycontainer.store.home import Home
from ipycontainer.supervise import monitor_process, spare, worker
from ipycontainer.supervise.protocol import (
    ANOTHER,
    Channel,
    Message,
    check_peer,
    listen,
    starts_path,
)
from ipycontainer.supervise.spares import Spares

__all__ = ["main"]

IDLE_SECONDS = 60  # after the last client left; a shell's next command soon is the usual case


def main(argv: list[str]) -> int:
    """Run a zygote: `argv` is the home, the socket's path, a pipe, known inits and another pipe.

    The home is JSON, and so are the inits: pid and start time of each container that is said to
    run.

    Writes `ok`, `another`, or the error as one line of JSON, to the first pipe: the starter waits
    for it. The second ends when the starter has placed us, perhaps in a cgroup that systemd gave.
    """
    home, path = Home.from_json(json.loads(argv[0])), argv[1]
    ready, placed = int(argv[2]), int(argv[4])
    os.set_inheritable(ready, False)
    os.set_inheritable(placed, False)
    try:
        inits = [(pid, ticks) for pid, ticks in json.loads(argv[3])]
        zygote = Zygote(home, path, inits, placed)
    except BlockingIOError:  # another one of this home has its lock
        os.write(ready, ANOTHER)
        return 1
    except EngineError as error:
        _tell(ready, error)
        return 1
    except Exception as error:
        _tell(ready, EngineError(f"the engine's zygote could not start: {error!r}"))
        raise
    os.write(ready, b"ok")
    os.close(ready)
    zygote.serve()
    return 0


def _tell(ready: int, error: EngineError) -> None:
    os.write(ready, json.dumps(error.to_wire()).encode())


class Zygote:
    """Listen for requests and fork a process for each."""

    def __init__(
        self, home: Home, path: str, inits: Sequence[tuple[int, int]], placed: int
    ) -> None:
        self._home = home
        self._path = path
        self._lock = liveness.hold(Path(f"{path}.l"))
        os.chdir("/")
        os.umask(0o022)
        # Children are reaped by the kernel: nobody here asks for their exit codes.
        signal.signal(signal.SIGINT, signal.SIG_IGN)
        # A notebook server may be the first to go when memory runs out; its containers are not, as
        # docker's are not, unless root of the machine has said so of all that this user runs.
        with suppress(OSError):
            oom.set_own_score(0)
        # A user may have 200 keys (keyrings(7)), and a filter may refuse; then the caller's stays.
        with suppress(OSError):
            syscalls.join_session_keyring("ipyc-engine")
        if home.rootless:
            _enter_user_namespace(home, inits)
        os.read(placed, 1)
        os.close(placed)
        _leave_cgroup(home)
        signal.signal(signal.SIGCHLD, signal.SIG_IGN)
        preload()
        beforehand.done_ahead(userns=not namespaces.in_initial_userns())  # kept, for all inits
        _in_child(lambda: filters.default_program(CAPABILITIES, home.cache))
        self._seccomp = filters.default_program(CAPABILITIES, home.cache)
        self._socket = listen(path)
        # Requests for monitors have a socket of their own, on which the spare monitor accepts.
        self._starts = listen(starts_path(path))
        self._clients: dict[int, Channel] = {}
        self._poll = select.poll()
        for listening in (self._socket, self._starts):
            self._poll.register(listening, select.POLLIN)
        # The kernel tells of changed mounts as an exceptional condition (proc_pid_mounts(5)).
        self._mounts = os.open("/proc/self/mounts", os.O_RDONLY | os.O_CLOEXEC)
        self._poll.register(self._mounts, select.POLLPRI)
        self._spares = Spares(self._starts.fileno(), self._make_spare, self._welcome)
        self._practices = spare.Practices()
        gc.collect()
        gc.freeze()  # a collection in a child would copy every page that it marks

    def serve(self) -> None:
        """Answer requests until nobody has been connected for a minute."""
        watched: set[int] = set()
        heard = time.monotonic()
        while True:
            watched = self._watch(watched)
            idle = None if self._clients else max(0.0, heard + IDLE_SECONDS - time.monotonic())
            seconds = [each for each in (idle, self._spares.timeout()) if each is not None]
            ready = self._poll.poll(min(seconds) * 1000 if seconds else None)
            if ready or self._clients:
                heard = time.monotonic()
            elif time.monotonic() >= heard + IDLE_SECONDS:
                break
            listening = (self._socket.fileno(), self._starts.fileno())
            # Accepted last: what is new must not get a number that this round still speaks of.
            for fd, _ in sorted(ready, key=lambda each: each[0] in listening):
                if fd == self._mounts:
                    self._mounts_changed()
                elif fd in listening:
                    self._accept(self._socket if fd == self._socket.fileno() else self._starts)
                elif fd in self._spares.fds:
                    self._spares.hear(fd)
                elif fd in self._clients and not self._answer(fd):
                    return
            self._spares.tick()
        self._withdraw()

    def _watch(self, watched: set[int]) -> set[int]:
        """Watch the spare monitors that there are, and starts where none of them accepts."""
        wanted = set(self._spares.fds)
        if not self._spares.accept:
            wanted.add(self._starts.fileno())
        for fd in watched - wanted - self._clients.keys():  # one may have a former one's number
            self._poll.unregister(fd)
        for fd in wanted:
            self._poll.register(fd, select.POLLIN)
        return wanted

    def _withdraw(self) -> None:
        """Take the sockets away, so that nobody connects any more."""
        for path in (self._path, starts_path(self._path)):
            os.unlink(path)

    def _accept(self, listening: socket.socket) -> None:
        try:
            sock, _ = listening.accept()
        except BlockingIOError:
            return
        try:
            check_peer(sock)
        except ProtocolError as error:
            print(error, file=sys.stderr, flush=True)
            sock.close()
            return
        channel = Channel(sock)
        if listening is not self._starts:
            self._join(channel)
        elif not self._spares.wait(channel):
            self._welcome(channel)

    def _join(self, channel: Channel) -> None:
        self._clients[channel.fileno()] = channel
        self._poll.register(channel.socket, select.POLLIN)

    def _welcome(self, channel: Channel) -> None:
        """Have a start of our own: a monitor is forked for it, with nothing ready."""
        self._join(channel)
        with suppress(OSError):  # it has left already
            channel.send({"event": "reserved"})

    def _answer(self, fd: int) -> bool:
        """Take one message of a client; return False when the zygote is told to end."""
        channel = self._clients[fd]
        message: Message | None
        try:
            message = channel.receive()
        except (ProtocolError, OSError) as error:
            print(error, file=sys.stderr, flush=True)
            message = None
        if message is None:
            self._forget(fd)
            return True
        if message.name == "quit":
            self._withdraw()
            self._spares.end()
            self._forget(fd)
            return False
        if message.name in ("monitor", "work"):
            self._fork(channel, message)
            message.close_fds()
            self._forget(fd)  # the child talks on
        return True

    def _forget(self, fd: int) -> None:
        self._poll.unregister(fd)
        self._clients.pop(fd).close()

    # ── spare monitors ───────────────────────────────────────────────────────────────────────

    def _make_spare(self) -> Channel:
        ours, theirs = socket.socketpair(
            socket.AF_UNIX, socket.SOCK_SEQPACKET | socket.SOCK_CLOEXEC
        )
        if os.fork() == 0:
            ours.close()
            self._live(
                None,
                lambda: spare.main(self._home, Channel(theirs), self._seccomp, self._practices),
            )
        theirs.close()
        return Channel(ours)

    def _mounts_changed(self) -> None:
        """Let spare monitors go: their sandboxes have the mounts of before, perhaps for good.

        Where the host's mounts are not shared, a new one does not reach existing namespaces.
        """
        os.lseek(self._mounts, 0, os.SEEK_SET)
        os.read(self._mounts, 1)
        self._spares.renew()

    # ── forking ──────────────────────────────────────────────────────────────────────────────

    def _fork(self, channel: Channel, message: Message) -> None:
        try:
            faults.point("zygote: fork")
            if os.fork() != 0:
                return
        except OSError as error:  # too many processes, or no memory: not for ever, perhaps
            refusal = ResourceError(f"the engine cannot fork: {error.strerror}")
            with suppress(OSError):
                channel.send({"event": "failed", "error": refusal.to_wire()})
            return
        if message.name == "monitor":
            self._live(
                channel, lambda: monitor_process.main(self._home, channel, message, self._seccomp)
            )
        self._live(channel, lambda: worker.main(self._home, channel, message))

    def _live(self, channel: Channel | None, life: Callable[[], int]) -> NoReturn:
        """Run this forked child to its end, with nothing of the zygote's but `channel`."""
        code = 1
        try:
            signal.signal(signal.SIGCHLD, signal.SIG_DFL)
            self._socket.close()
            self._starts.close()
            for other in self._clients.values():
                if other is not channel:
                    other.close()
            os.close(self._lock.fileno())  # a fork does not inherit the lock, only the descriptor
            self._spares.close()
            code = life()
        except BaseException:  # noqa: BLE001 - a child must never return into the zygote's loop
            import traceback  # of 0.1 MB that no other fork needs

            traceback.print_exc()
        finally:
            sys.stderr.flush()
            os._exit(code)


def _enter_user_namespace(home: Home, inits: Sequence[tuple[int, int]]) -> None:
    """Become root of the home's user namespace.

    A living monitor leads into it. Where all are dead, a container that outlived its monitor does:
    only from inside can it be killed. Only monitors' locks are asked: asking for one's own would
    free it (store.liveness).
    """
    for lock in filter(_is_monitor_lock, Path(home.runtime).glob("*.l")):
        pid = liveness.holder(lock)
        if pid is not None:
            try:
                namespaces.join_user_and_mount(pid)
            except OSError:  # it died meanwhile
                continue
            return
    if any(_join_user_of(pid, ticks) for pid, ticks in inits):
        namespaces.unshare(namespaces.CLONE_NEWNS)
    else:
        namespaces.become_root_in_new_userns()
    mounts.make_all_slave()


def _join_user_of(pid: int, start_ticks: int) -> bool:
    try:
        process = pidfd.open_verified(pid, start_ticks)
    except (ProcessLookupError, PermissionError):
        return False
    try:
        namespaces.join_user(process)
    except OSError:  # it died meanwhile
        return False
    finally:
        os.close(process)
    return True


def _is_monitor_lock(lock: Path) -> bool:
    return not lock.name.startswith("z-")  # `<id12>.l`; a zygote's is `z-<key>.s.l`


def _in_child(action: Callable[[], object]) -> None:
    """Do something in a fork of ours and wait for it; how it ends tells nothing.

    The compiler of the filter and its library would stay in the memory that all forks copy.
    """
    if child := os.fork():
        with suppress(ChildProcessError):
            os.waitpid(child, 0)
        return
    with suppress(BaseException):
        action()
    os._exit(0)


def _leave_cgroup(home: Home) -> None:
    """Move to a cgroup of the engine's own, where permitted.

    systemd and JupyterHub end a server by killing its cgroup: containers would go with it.
    """
    hierarchies, path = cgroups.detect(), home.engine_cgroup
    try:
        group = cgroups.create(hierarchies, path)
    except FileExistsError:  # an earlier zygote's, whose monitors may live in it still
        group = cgroups.complete(hierarchies, path)
    if group is not None:
        with suppress(OSError):  # who may not leave stays
            group.join()
            vacating.vacate(hierarchies)
            cgroups.let_count(hierarchies, path)  # not done before, where we stood above
