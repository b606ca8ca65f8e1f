"""The engine's side of the processes: find or start the zygote, ask it, talk to monitors.

Runs in the kernel or the shell, a process with many threads: it starts the zygote as a fresh
interpreter and never forks. Nothing here waits by polling, but for a zygote whose starter was
killed: an answer or the end of a connection is always on the way.
"""

from __future__ import annotations

import fcntl
import hashlib
import importlib.util
import json
import os
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import closing, contextmanager, suppress
from pathlib import Path
from typing import Any, Self

from ipycontainer import faults
from ipycontainer.errors import (
    ContainerNotRunning,
    EngineError,
    MonitorLeft,
    from_wire,
)
from ipycontainer.linux import procfs
from ipycontainer.model.state import Status
from ipycontainer.store import containers
from ipycontainer.store.database import Store
from ipycontainer.store.home import Home
from ipycontainer.supervise.conversation import NotTaken, begin, expect
from ipycontainer.supervise.protocol import (
    ANOTHER,
    F_ADD_SEALS,
    SEALS,
    Channel,
    Message,
    connect,
    peer,
    starts_path,
)
from ipycontainer.supervise.reserved import Reserved, told_by
from ipycontainer.version import __version__

__all__ = ["Progress", "Supervisor", "Work"]

# The zygote's Python gets none of ours: its path is given to it, everything else would be a way for
# a notebook's environment to change what runs beside the containers.
BOOT = (
    "import sys; sys.path[:0] = {path!r}; "
    "from ipycontainer.supervise.boot import main; sys.exit(main())"
)


TAKERS = 5  # who may die before a start is asked of the zygote itself
OTHER_SECONDS, OTHER_LOOK_SECONDS = 10.0, 0.02  # for a zygote that somebody else began
# Called with the bytes that are done.
Progress = Callable[[int], object]

# Those that this process has started, as long as it has not heard of their end.
_zygotes: set[int] = set()


class Work:
    """A job that is being done. Closing it before its end ends the job."""

    def __init__(self, channel: Channel) -> None:
        self._channel = channel

    @property
    def channel(self) -> Channel:
        """Return the channel to the worker, for who reads its messages in another way."""
        return self._channel

    def expect(self, event: str) -> Message:
        """Return the job's next message but for its progress; raises the job's error."""
        while (message := expect(self._channel, event, "progress")).name != event:
            pass
        return message

    def finish(self, progress: Progress | None = None) -> Any:
        """Return the job's result; raises its error."""
        while (message := expect(self._channel, "done", "progress")).name != "done":
            if progress is not None:
                progress(int(message.body["done"]))
        return message.body.get("result")

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *error: object) -> None:
        self._channel.close()


class Supervisor:
    """A home's processes, as the engine asks them.

    `place` is told the pid of a fresh zygote, which does not leave its cgroup before it returns.
    """

    def __init__(self, home: Home, place: Callable[[int], object]) -> None:
        self._home = home
        self._place = place
        self._socket = str(home.zygote_socket(_key()))
        self._starting = threading.Lock()
        self._presence: Channel | None = None
        self._local = threading.local()

    def reserve(self) -> None:
        """Let a monitor be awake and waiting for this thread's next `start`, or `release`."""
        if getattr(self._local, "reserved", None) is None:
            self._local.reserved = self._connect(starts_path(self._socket))

    @property
    def is_reserved(self) -> bool:
        """Tell whether a monitor waits for this thread, to start what it makes."""
        return getattr(self._local, "reserved", None) is not None

    def reserved(self) -> Reserved | None:
        """Return the container that this thread's reserved monitor has made ready, if any."""
        channel: Channel | None = getattr(self._local, "reserved", None)
        return None if channel is None else told_by(channel)

    def release(self) -> None:
        """Let a reserved monitor go; none is fine."""
        reserved = self._take_reserved()
        if reserved is not None:
            reserved.close()

    def _take_reserved(self) -> Channel | None:
        reserved: Channel | None = getattr(self._local, "reserved", None)
        self._local.reserved = None
        return reserved

    def start(
        self, container_id: str, request: Mapping[str, Any], fds: Sequence[int]
    ) -> tuple[Channel, Message]:
        """Have a monitor forked that starts the container; return its channel and its answer.

        `request["streams"]` names the descriptors in `fds`. Raises what kept it from starting.
        """
        reserved = self._take_reserved()
        again = reserved is not None  # such a start may be made ready for
        body = {"op": "monitor", "id": container_id, "again": again, **request}
        for number in range(TAKERS + 1):
            # The zygote itself, where those that it has ready die one after another.
            path = starts_path(self._socket) if number < TAKERS else self._socket
            channel, reserved = reserved or self._connect(path), None
            try:
                return channel, begin(channel, body, fds)
            except NotTaken:
                channel.close()
            except BaseException:
                channel.close()
                raise
        raise MonitorLeft("no monitor could be had: each died before it began")

    def monitor(self, container_id: str) -> Channel:
        """Return a channel to a container's monitor; ContainerNotRunning when there is none."""
        try:
            return connect(str(self._home.socket(container_id)))
        except (FileNotFoundError, ConnectionRefusedError):
            raise ContainerNotRunning(f"container {container_id} is not running") from None

    def work(
        self,
        job: str,
        arguments: Mapping[str, Any],
        fds: Sequence[int] = (),
        *,
        progress: Progress | None = None,
        after: Callable[[], None] | None = None,
    ) -> Any:
        """Have a worker do a job and return its result; raises the job's error.

        `after` is called when the worker has the descriptors. Whatever is raised meanwhile, in
        `progress` or by an interrupt, ends the job: it sees that nobody listens any more.
        """
        with self.begin(job, arguments, fds) as work:
            if after is not None:
                after()
            return work.finish(progress)

    def begin(self, job: str, arguments: Mapping[str, Any], fds: Sequence[int] = ()) -> Work:
        """Have a worker begin a job, and return the conversation with it."""
        channel = self._connect(self._socket)
        try:
            channel.send({"op": "work", "job": job, **arguments}, fds)
        except BaseException:
            channel.close()
            raise
        return Work(channel)

    def quit(self) -> None:
        """End the home's zygotes, those of other interpreters too; monitors and workers go on."""
        self.leave()
        for path in self._home.runtime.glob("z-*.s"):
            with suppress(FileNotFoundError, ConnectionRefusedError):
                channel = connect(str(path))
                channel.send({"op": "quit"})
                while channel.receive() is not None:
                    pass
                channel.close()

    def leave(self) -> None:
        """Tell the zygote that this engine needs it no longer."""
        if self._presence is not None:
            self._presence.close()
            self._presence = None

    # ── the zygote ───────────────────────────────────────────────────────────────────────────

    def zygote(self) -> int:
        """Return the pid of the home's zygote, which is started if need be."""
        with closing(self._connect(self._socket)) as channel:
            return peer(channel.socket)[0]

    def _connect(self, path: str) -> Channel:
        """Return a fresh connection to a socket of the zygote, which is started if need be."""
        try:
            return connect(path)
        except (FileNotFoundError, ConnectionRefusedError):
            pass
        with self._starting, _exclusive(f"{self._socket}.start"):
            with suppress(FileNotFoundError, ConnectionRefusedError):
                return connect(path)
            deadline = time.monotonic() + OTHER_SECONDS
            while not self._spawn() and time.monotonic() < deadline:
                # One whose starter was killed: it is about to listen, or to end.
                with suppress(FileNotFoundError, ConnectionRefusedError):
                    return connect(path)
                time.sleep(OTHER_LOOK_SECONDS)
            # A connection of our own keeps the zygote from ending while this engine lives.
            self.leave()
            self._presence = connect(self._socket)
            return connect(path)

    def _spawn(self) -> bool:
        """Start a zygote; False where another one has the home's lock."""
        _reap()
        ready, ready_writer = os.pipe()
        placed, placed_writer = os.pipe()
        interpreter = _sealed_interpreter()
        log = os.open(
            self._home.root / "zygote.log",
            os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC,
            0o600,
        )
        try:
            # -I: no user site, no PYTHON variables, no working directory on the path. -S: no site,
            # whose .pth files may run anything.
            child = subprocess.Popen(
                [
                    sys.executable,
                    *("-I", "-S", "-c", BOOT.format(path=_import_path())),
                    json.dumps(self._home.to_json()),
                    self._socket,
                    str(ready_writer),
                    json.dumps(self._inits()),
                    str(placed),
                ],
                executable=f"/proc/self/fd/{interpreter}",
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                cwd="/",
                env=_clean_environment(),
                pass_fds=(ready_writer, interpreter, placed),
                start_new_session=True,
            )
            self._place(child.pid)
            with suppress(BrokenPipeError):  # it has ended, and has said why
                os.write(placed_writer, b".")
        finally:
            for fd in (ready_writer, interpreter, log, placed, placed_writer):
                os.close(fd)
        with open(ready, "rb") as pipe:
            answer = pipe.read()
        if answer != b"ok":
            child.wait()
            if answer == ANOTHER:
                return False
            if not answer:
                raise EngineError(
                    "the engine's zygote could not start",
                    hint=f"see {self._home.root / 'zygote.log'}, and run: ipycontainer doctor",
                )
            raise from_wire(json.loads(answer))
        # Nobody waits for its end, and subprocess warns of a child that is still running.
        child.returncode = 0
        _zygotes.add(child.pid)
        return True

    def _inits(self) -> list[tuple[int, int]]:
        """Return pid and start time of each container that is said to run since this boot."""
        store = Store(self._home)
        with store.read() as tx:
            alive = containers.list_all(tx, (status for status in Status if status.alive))
        store.close()
        boot = procfs.boot_id()
        states = (record.state for record in alive if record.state.pid)
        return [(state.pid, state.start_ticks) for state in states if state.boot_id == boot]


def _reap() -> None:
    """Let go of zygotes that have ended: each would keep its pid, and a key of the user's 200."""
    for pid in tuple(_zygotes):
        try:
            ended = os.waitpid(pid, os.WNOHANG) != (0, 0)
        except ChildProcessError:  # another thread was faster
            ended = True
        if ended:
            _zygotes.discard(pid)


def _key() -> str:
    """Return what tells this version and interpreter from others on the same home."""
    text = f"{__version__}\0{os.path.realpath(sys.executable)}\0{sys.version}\0{_import_path()}"
    return hashlib.sha256(text.encode()).hexdigest()[:8]


def _import_path() -> list[str]:
    """Return the directories that hold this package and the seccomp compiler."""
    found = [str(Path(__file__).parents[2])]
    spec = importlib.util.find_spec("pyseccomp")
    if spec is not None and spec.origin is not None:
        parent = str(Path(spec.origin).parent)
        found += [parent] if parent not in found else []
    return found


def _clean_environment() -> dict[str, str]:
    names = ("PATH", "LD_LIBRARY_PATH", faults.VARIABLE)
    kept = {name: os.environ[name] for name in names if name in os.environ}
    return {"PATH": os.defpath, **kept, "LANG": "C.UTF-8", "HOME": "/"}


def _sealed_interpreter() -> int:
    """Return a descriptor of the interpreter's program that can never be opened for writing.

    A container's root has our uid. Were the zygote's program the file on disk, a process of a
    container could open it for writing through /proc/PID/exe of whoever joins the container, and
    own the host at the next start of Python (CVE-2019-5736). A sealed memfd refuses.
    """
    program = os.open(os.path.realpath(sys.executable), os.O_RDONLY | os.O_CLOEXEC)
    try:
        memfd = os.memfd_create("python", os.MFD_CLOEXEC | os.MFD_ALLOW_SEALING)
        remaining = os.fstat(program).st_size
        while remaining > 0:
            copied = os.sendfile(memfd, program, None, remaining)
            if copied == 0:
                break
            remaining -= copied
        fcntl.fcntl(memfd, F_ADD_SEALS, SEALS)
        return memfd
    finally:
        os.close(program)


@contextmanager
def _exclusive(path: str) -> Iterator[None]:
    """Let one process at a time look for a zygote and start it."""
    fd = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(fd, fcntl.LOCK_EX)
        yield
    finally:
        os.close(fd)
