"""Workers: one job each, done by a process that sees files as the containers do.

Forked by the zygote, so that it stands inside the home's user namespace: an ordinary user's engine
can neither read nor remove files of subordinate ids from outside. A job is a function of this file's
table; its result crosses back as JSON.
"""

from __future__ import annotations

import os
import traceback
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict
from typing import Any

from ipycontainer.errors import ContainerRunning, EngineError, ProtocolError
from ipycontainer.images import archive_import, catalogue
from ipycontainer.storage import changes, snapshots
from ipycontainer.store import containers, liveness, monitor_statements
from ipycontainer.store.database import Store
from ipycontainer.store.home import Home
from ipycontainer.supervise import repair
from ipycontainer.supervise.protocol import Channel, Message

__all__ = ["main"]

Job = Callable[[Home, Store, Mapping[str, Any], Sequence[int]], Any]


def main(home: Home, channel: Channel, message: Message) -> int:
    """Do the job that `message` names, answer on `channel`, return the process's exit code."""
    job = JOBS.get(str(message.body.get("job")))
    store = Store(home)
    try:
        if job is None:
            raise ProtocolError(f"a worker does not know the job {message.body.get('job')!r}")
        answer = {"event": "done", "result": job(home, store, message.body, message.fds)}
    except EngineError as error:
        answer = {"event": "failed", "error": error.to_wire()}
    except Exception as error:  # noqa: BLE001 - the one who asked must get an answer
        traceback.print_exc()
        answer = {"event": "failed", "error": EngineError(f"{type(error).__name__}: {error}").to_wire()}
    finally:
        store.close()
    channel.send(answer)
    return 0
