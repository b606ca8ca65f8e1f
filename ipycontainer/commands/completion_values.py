"""What a word of a command line may be, for who completes it: the values of options, and arguments.

Beside the grammar: an option is named by its longest name, a verb by its own (`Verb.canonical`) or
by its path. A kind is what a Known (completing) can list; a tuple is a list of values themselves.
"""

from __future__ import annotations

from collections.abc import Mapping
from signal import Signals
from typing import TypeAlias

from ipycontainer.linux.capabilities import NAMES

__all__ = ["ARGUMENTS", "OPTIONS", "OPTIONS_OF", "Values"]

Values: TypeAlias = str | tuple[str, ...]

_SIGNALS = tuple(name for each in Signals for name in (each.name, each.name.removeprefix("SIG")))
_CAPABILITIES = ("ALL", *(name.removeprefix("CAP_") for name in NAMES))
_ULIMITS = (
    *("core=", "cpu=", "data=", "fsize=", "locks=", "memlock=", "msgqueue=", "nice="),
    *("nofile=", "nproc=", "rss=", "rtprio=", "rttime=", "sigpending=", "stack="),
)
_PS_FILTERS = (
    *("ancestor=", "before=", "exited=", "expose=", "health=", "id=", "is-task=", "label="),
    *("name=", "network=", "publish=", "since=", "status=", "volume="),
    *("health=healthy", "health=none", "health=starting", "health=unhealthy"),
    *("status=created", "status=dead", "status=exited", "status=paused", "status=removing"),
    *("status=restarting", "status=running"),
)

# By the option's long name.
OPTIONS: Mapping[str, Values] = {
    "--attach": ("stdin", "stdout", "stderr"),
    "--cap-add": _CAPABILITIES,
    "--cap-drop": _CAPABILITIES,
    "--cgroupns": ("host", "private"),
    "--cidfile": "file",
    "--env-file": "file",
    "--format": ("json", "table"),
    "--image": "image",
    "--in": "variable",
    "--out": "variable",
    "--ipc": ("host", "none", "private", "shareable", "container:"),
    "--label-file": "file",
    "--link": "running",
    "--log-driver": ("json-file", "local", "none"),
    "--log-opt": ("labels=", "env=", "max-file=", "max-size=", "tag="),
    "--mount": ("type=bind,", "type=image,", "type=tmpfs,", "type=volume,"),
    "--network": "network mode",
    "--pid": ("host", "container:"),
    "--platform": ("linux/amd64", "linux/arm64"),
    "--pull": ("always", "missing", "never"),
    "--restart": ("always", "no", "on-failure", "on-failure:", "unless-stopped"),
    "--security-opt": ("no-new-privileges", "seccomp=", "apparmor=", "systempaths=unconfined"),
    "--signal": _SIGNALS,
    "--stop-signal": _SIGNALS,
    "--type": ("container", "image", "network", "volume"),
    "--ulimit": _ULIMITS,
    "--userns": ("host",),
    "--uts": ("host",),
    "--volume": "volume or file",
    "--volumes-from": "container",
}

# Where an option means something else: by the verb's path or name, then the option.
OPTIONS_OF: Mapping[str, Mapping[str, Values]] = {
    "ps": {"--filter": _PS_FILTERS},
    "images": {"--filter": ("before=", "dangling=true", "label=", "reference=", "since=")},
    "events": {
        "--filter": ("container=", "event=", "image=", "label=", "network=", "type=", "volume=")
    },
    "network ls": {"--filter": ("driver=", "id=", "label=", "name=", "scope=", "type=")},
    "volume ls": {"--filter": ("dangling=true", "driver=", "label=", "name=")},
    "volume create": {"--driver": ("local",), "--opt": ("type=", "device=", "o=")},
    "network create": {"--driver": ("bridge",)},
    "export": {"--output": "file"},
    "save": {"--output": "file"},
    "load": {"--input": "file"},
}

# By verb: the kinds of its arguments in order, the last one for all that follow.
ARGUMENTS: Mapping[str, tuple[Values, ...]] = {
    "attach": ("running",),
    "branch": ("container", ()),
    "checkpoint": ("container", ()),
    "checkpoints": ("container",),
    "commit": ("container", "image"),
    "cp": ("path or file",),
    "create": ("image", ()),
    "diff": ("container",),
    "exec": ("running", ()),
    "explain": ("container",),
    "export": ("container",),
    "help": ("verb",),
    "history": ("image",),
    "image inspect": ("image",),
    "import": ("file", "image"),
    "inspect": ("object",),
    "kill": ("running",),
    "logs": ("container",),
    "network connect": ("network", "container"),
    "network disconnect": ("network", "container"),
    "network inspect": ("network",),
    "network rm": ("network",),
    "pause": ("running",),
    "port": ("running", ()),
    "pull": ("image",),
    "push": ("image",),
    "rename": ("container", ()),
    "restart": ("container",),
    "rm": ("container",),
    "rmi": ("image",),
    "rollback": ("container", "checkpoint"),
    "run": ("image", ()),
    "save": ("image",),
    "start": ("stopped",),
    "stats": ("running",),
    "stop": ("running",),
    "tag": ("image",),
    "top": ("running", ()),
    "unpause": ("paused",),
    "update": ("container",),
    "volume inspect": ("volume",),
    "volume rm": ("volume",),
    "wait": ("running",),
    "container inspect": ("container",),
}
