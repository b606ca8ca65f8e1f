"""Take up again, after the machine's restart, what is to run always.

Nobody waits for a boot here: the first engine that looks after one does it.
"""

from __future__ import annotations

import errno
import os
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

from ipycontainer.errors import EngineError
from ipycontainer.linux import procfs
from ipycontainer.model.state import ContainerRecord, Status
from ipycontainer.store import containers as store_containers
from ipycontainer.store.home import Home
from ipycontainer.supervise.restarts import STOPPED_MARK

if TYPE_CHECKING:
    from ipycontainer.engine.engine import Engine

__all__ = ["take_up"]


def take_up(engine: Engine) -> None:
    """Start the containers of policy `always`, and of `unless-stopped` that nobody had stopped.

    What cannot be started says so in its state; the command that came first is not to fail by it.
    """
    if not _is_first_of_boot(engine.home):
        return
    with engine.store.read() as tx:
        records = store_containers.list_all(tx, (Status.EXITED,))
    for record in records:
        if _runs_on(engine.home, record):
            with suppress(EngineError):
                engine.containers.get(record.id).start()


def _is_first_of_boot(home: Home) -> bool:
    """Tell whether another boot was seen here last; of several who ask at once, one is told.

    Where the disk takes no mark nobody is: a later one will be.
    """
    try:
        return _marks_boot(home)
    except OSError as error:
        if error.errno not in (errno.ENOSPC, errno.EDQUOT):
            raise
        return False


def _marks_boot(home: Home) -> bool:
    mark, now = home.cache / "boot", procfs.boot_id()
    try:
        if mark.read_text(encoding="ascii") == now:
            return False
    except FileNotFoundError:
        _write(mark, now)
        return False
    ours = home.cache / f"boot-{now}"
    try:
        os.close(os.open(ours, os.O_CREAT | os.O_EXCL | os.O_WRONLY | os.O_CLOEXEC, 0o600))
    except FileExistsError:
        return False
    _write(ours, now)
    ours.rename(mark)
    return True


def _write(path: Path, now: str) -> None:
    """Write a mark, or leave none."""
    try:
        path.write_text(now, encoding="ascii")
    except OSError:
        path.unlink(missing_ok=True)
        raise


def _runs_on(home: Home, record: ContainerRecord) -> bool:
    policy = record.config.restart
    if policy == "unless-stopped":
        return not (home.container(record.id) / STOPPED_MARK).exists()
    return policy == "always"
