"""Docker's words that are not built yet: refused by name, so that nothing is silently ignored.

Taken from `docker VERB --help` of 26.1.5, its hidden flags included. A flag that a verb declares
does not stand here; a test holds both against each other.
"""

from __future__ import annotations

__all__ = [
    "FILTERS",
    "FLAGS",
    "GLOBAL_FLAGS",
    "GROUPS",
    "INSTEAD",
    "OF_CLUSTERS",
    "OF_EXPERIMENTS",
    "OF_WINDOWS",
    "VERBS",
]

_CREATE = """
cpu-count cpu-percent gpus io-maxbandwidth io-maxiops
"""

_CLUSTER = """
availability group limit-bytes required-bytes scope secret sharing topology-preferred
topology-required type
"""

FLAGS: dict[str, str] = {
    "run": _CREATE,
    "create": _CREATE,
    "start": "checkpoint checkpoint-dir",
    "volume create": _CLUSTER,
    "network connect": "gw-priority",
}

# Of these, what docker itself refuses on such a machine, and how.
OF_EXPERIMENTS = ("checkpoint", "checkpoint-dir")
OF_WINDOWS = ("cpu-count", "cpu-percent", "io-maxbandwidth", "io-maxiops")
OF_CLUSTERS = tuple(_CLUSTER.split())

GLOBAL_FLAGS = "config c,context D,debug H,host l,log-level tls tlscacert tlscert tlskey tlsverify"

# Filter keys that docker knows and we do not have.
FILTERS: dict[str, str] = {
    "ps": "",
    "images": "",
    "volumes": "",
    "network ls": "",
}

# What to do instead of a verb that is refused.
INSTEAD: dict[str, str] = {
    "build": "Make an image from a container by commit, or from a root file system by import"
}

VERBS = """
build builder buildx compose context manifest node plugin
search secret service stack swarm trust
"""

# Of the groups that we have: what docker has in them besides.
GROUPS: dict[str, str] = {
    "image": "build",
    "system": "dial-stdio",
}
