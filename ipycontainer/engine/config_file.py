"""Our own configuration: one file, with the keys of docker's daemon.json that mean something here.

registry-mirrors, ...   about registries (engine.registry_settings)
storage-driver          how containers' files are kept: overlay2, fuse-overlayfs or vfs
"""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from ipycontainer.errors import InvalidArgument

__all__ = ["KEYS", "path", "read", "storage_driver"]

CONFIG_VARIABLE = "IPYCONTAINER_CONFIG"
KEYS = frozenset(
    {
        "insecure-registries",
        "max-concurrent-downloads",
        "max-concurrent-uploads",
        "max-download-attempts",
        "proxies",
        "registry-mirrors",
        "storage-driver",
    }
)


def path() -> Path:
    """Return where it lies, by the XDG specification, or as $IPYCONTAINER_CONFIG says."""
    named = os.environ.get(CONFIG_VARIABLE)
    if named:
        return Path(named)
    base = os.environ.get("XDG_CONFIG_HOME", "")
    root = Path(base) if base.startswith("/") else Path.home() / ".config"
    return root / "ipycontainer" / "config.json"


def read() -> Mapping[str, Any]:
    """Return what is configured, nothing where there is no file.

    Raises InvalidArgument, naming the file, for what is no JSON object or has an unknown key.
    """
    place = path()
    try:
        raw = json.loads(place.read_bytes())
    except FileNotFoundError:
        return {}
    except OSError as error:
        raise InvalidArgument(f"open {place}: {(error.strerror or '').lower()}") from None
    except (ValueError, RecursionError):
        raise InvalidArgument(f"{place} is not JSON") from None
    if not isinstance(raw, dict):
        raise InvalidArgument(f"{place} is not a JSON object")
    if unknown := sorted(set(raw) - KEYS):
        raise InvalidArgument(f"{place}: unknown key {unknown[0]!r}")
    return raw


def storage_driver() -> str:
    """Return the storage driver that is configured, "" where the first that works is wanted."""
    value = read().get("storage-driver", "")
    if not isinstance(value, str):
        raise InvalidArgument(f"{path()}: storage-driver must be a text")
    return value
