"""Jobs that move whole images: pull, push, load, save, login.

Done by a worker, as those of worker; besides, they tell how far they are on the channel
(`progress`), and stop when the one who asked has left. They have threads and children of their own,
which no other process here has: both begin after the fork, and a job ends with the process.
"""

from __future__ import annotations

import os
import select
import sys
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import asdict
from typing import Any

from ipycontainer.errors import ProtocolError, ReaderGone
from ipycontainer.images import archive_import, web_source
from ipycontainer.images import load as loading
from ipycontainer.images import pull as pulling
from ipycontainer.images import push as pushing
from ipycontainer.images import save as saving
from ipycontainer.images.registry.repository import Registry, patiently
from ipycontainer.images.registry.settings import RegistrySettings
from ipycontainer.images.registry.web import Web
from ipycontainer.images.teller import Teller
from ipycontainer.images.unpacking import Unpacker, close_all, fork_unpackers
from ipycontainer.model import platform, reference
from ipycontainer.model.transfer import Progress
from ipycontainer.storage.unpack import DEFAULT_LIMITS
from ipycontainer.store.database import Store
from ipycontainer.store.home import Home
from ipycontainer.supervise.file_jobs import progress
from ipycontainer.supervise.protocol import Channel, Message

__all__ = ["do"]

MOST_UNPACKERS = 4


def do(name: str, home: Home, store: Store, message: Message, channel: Channel) -> Any:
    """Do a job and return its result; raises its error."""
    # Wheels that the engine has found for us: zstandard. A worker's own path has no site-packages.
    for directory in message.body.get("import_path", ()):
        if directory not in sys.path:
            sys.path.append(str(directory))
    job = JOBS.get(name)
    if job is None:
        raise ProtocolError(f"a worker does not know the job {name!r}")
    return job(_Job(home, store, message.body, message.fds, channel))


class _Job:
    """What a job works with."""

    def __init__(
        self,
        home: Home,
        store: Store,
        arguments: Mapping[str, Any],
        fds: Sequence[int],
        channel: Channel,
    ) -> None:
        self.home = home
        self.store = store
        self.arguments = arguments
        self.fds = fds
        self.teller = Teller(self._tell)
        self._channel = channel
        self.settings = RegistrySettings.from_wire(arguments.get("settings", {}))
        self.web = Web(self.settings)

    def _tell(self, items: Sequence[Progress]) -> None:
        # Who has left is noticed by `watched`.
        with suppress(OSError):
            self._channel.send({"event": "progress", "items": [item.to_wire() for item in items]})

    def told(self, body: Mapping[str, Any]) -> None:
        """Say how far it is, in bytes, if somebody listens."""
        with suppress(OSError):
            self._channel.send_if_heard(body)

    @contextmanager
    def unpackers(self) -> Iterator[list[Unpacker]]:
        """Give a pool of unpackers. Forks: before any thread begins."""
        self.store.close()  # no connection crosses a fork
        count = min(MOST_UNPACKERS, max(2, os.cpu_count() or 1))
        pool = fork_unpackers(count, userxattr=self.home.rootless, limits=DEFAULT_LIMITS)
        try:
            yield pool
        finally:
            close_all(pool)

    @contextmanager
    def watched(self, pool: Sequence[Unpacker] = ()) -> Iterator[None]:
        """Give the job up as soon as the one who asked for it closes the channel."""
        ended, writer = os.pipe2(os.O_CLOEXEC)

        def watch() -> None:
            poll = select.poll()
            poll.register(self._channel.fileno(), select.POLLIN)
            poll.register(ended, select.POLLIN)
            if any(fd != ended for fd, _ in poll.poll()):
                self.web.give_up()
                for unpacker in pool:
                    unpacker.kill()

        thread = threading.Thread(target=watch, name="watch", daemon=True)
        thread.start()
        try:
            yield
        finally:
            os.close(writer)
            thread.join()
            os.close(ended)


def _pull(job: _Job) -> Any:
    name = reference.parse(str(job.arguments["reference"]))
    wanted = job.arguments.get("platform")
    for_platform = platform.parse(str(wanted)) if wanted else platform.own()
    with job.unpackers() as pool, job.watched(pool):
        puller = pulling.Puller(job.home, job.store, job.settings, pool, job.teller, job.web)
        names = [name]
        if job.arguments.get("all_tags"):
            found = puller.tags(name)
            names = [reference.Reference(name.domain, name.path, tag) for tag in found]
        pulled = [puller.pull(each, for_platform) for each in names]
    shown = name.familiar_name if job.arguments.get("all_tags") else name.familiar
    if all(each.was_here for each in pulled):
        job.teller.say("", f"Status: Image is up to date for {shown}")
    else:
        job.teller.say("", f"Status: Downloaded newer image for {shown}")
    return [asdict(each) for each in pulled]


def _push(job: _Job) -> Any:
    with job.watched():
        pusher = pushing.Pusher(job.home, job.store, job.settings, job.teller, job.web)
        return [asdict(pusher.push(reference.parse(str(n)))) for n in job.arguments["references"]]


def _load(job: _Job) -> Any:
    wanted = job.arguments.get("platform")
    for_platform = platform.parse(str(wanted)) if wanted else None
    with (
        job.unpackers() as pool,
        job.watched(pool),
        os.fdopen(job.fds[0], "rb", buffering=0) as source,
    ):
        found = loading.load(job.home, job.store, source, for_platform, pool, job.teller)
        return [asdict(each) for each in found]


def _import(job: _Job) -> Any:
    """Import a root file system: from an address, a directory, or the descriptor that came along.

    How far it is, is told in bytes, as for files.
    """
    arguments, wanted = job.arguments, job.arguments.get("platform")
    warnings: list[str] = []
    count = progress(job.told)
    with job.watched(), ExitStack() as opened:
        source: Any
        if url := arguments.get("url"):
            source = opened.enter_context(web_source.fetched(str(url), job.web, count))
        elif directory := arguments.get("directory"):
            source = str(directory)
        else:
            source = opened.enter_context(os.fdopen(job.fds[0], "rb", buffering=1 << 20))
        record = archive_import.import_image(
            job.home,
            job.store,
            source,
            reference=str(arguments["reference"]),
            changes=tuple(arguments["changes"]),
            message=str(arguments["message"]),
            platform=platform.parse(str(wanted)) if wanted else None,
            warn=warnings.append,
        )
    return {"id": record.id, "warnings": warnings}


def _save(job: _Job) -> Any:
    names = [str(name) for name in job.arguments["names"]]
    wanted = job.arguments.get("platform")
    for_platform = platform.parse(str(wanted)) if wanted else None
    try:
        with job.watched(), os.fdopen(job.fds[0], "wb", buffering=1 << 20) as out:
            saving.save(job.home, job.store, names, out, job.teller, for_platform)
    except BrokenPipeError:
        raise ReaderGone("the reader of the archive has gone") from None


def _login(job: _Job) -> Any:
    registry = Registry(job.web, job.settings, str(job.arguments["host"]))
    with job.watched():
        patiently(job.web, 2, registry.check)


JOBS: Mapping[str, Callable[[_Job], Any]] = {
    "import": _import,
    "load": _load,
    "login": _login,
    "pull": _pull,
    "push": _push,
    "save": _save,
}
