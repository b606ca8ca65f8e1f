"""What is configured about registries: docker's files, ours, and the environment, read once a job.

    ~/.docker/config.json                   who we are to which registry (engine.credentials)
    ~/.config/ipycontainer/config.json      ours (engine.config_file): insecure-registries,
                                            registry-mirrors, proxies, max-concurrent-downloads, ...
    HTTP_PROXY, HTTPS_PROXY, NO_PROXY       as everywhere, in either case
    /etc/docker/certs.d/HOST/               certificates of registries

Read here, by the user's own process: a worker has neither the user's environment nor home.
"""

from __future__ import annotations

import importlib.util
import os
from pathlib import Path
from typing import Any

from ipycontainer.engine import config_file
from ipycontainer.errors import InvalidArgument
from ipycontainer.images.registry.settings import Credentials, RegistrySettings

__all__ = ["import_path", "read"]

CERTIFICATES = "/etc/docker/certs.d"

_LISTS = {"insecure-registries": "insecure", "registry-mirrors": "mirrors"}
_NUMBERS = {
    "max-concurrent-downloads": "downloads",
    "max-concurrent-uploads": "uploads",
    "max-download-attempts": "attempts",
}
_PROXIES = {"http-proxy": "http", "https-proxy": "https", "no-proxy": "no"}


def read(credentials: Credentials) -> RegistrySettings:
    """Return the settings for one job. Raises InvalidArgument, naming the file and key."""
    path, raw = config_file.path(), config_file.read()
    found: dict[str, Any] = {}
    for key, name in _LISTS.items():
        if key in raw:
            found[name] = _texts(path, key, raw[key])
    for key, name in _NUMBERS.items():
        if key in raw:
            value = raw[key]
            if not isinstance(value, int) or isinstance(value, bool) or not 0 < value <= 100:
                raise InvalidArgument(f"{path}: {key} must be a number from 1 to 100")
            found[name] = value
    proxies = _proxies_of_environment()
    configured = raw.get("proxies", {})
    if not isinstance(configured, dict):
        raise InvalidArgument(f"{path}: proxies must be an object")
    for key, name in _PROXIES.items():
        if key in configured:
            proxies[name] = str(configured[key])
    return RegistrySettings(
        credentials=credentials,
        proxies=proxies,
        certificates=CERTIFICATES,
        trust_file=os.environ.get("SSL_CERT_FILE", ""),
        **found,
    )


def import_path() -> list[str]:
    """Return the directory of the package zstandard, for a worker, which has no site-packages."""
    spec = importlib.util.find_spec("zstandard")
    if spec is None or spec.origin is None:
        return []
    return [str(Path(spec.origin).parents[1])]


def _texts(path: Path, key: str, value: Any) -> tuple[str, ...]:
    if not isinstance(value, list) or not all(isinstance(text, str) for text in value):
        raise InvalidArgument(f"{path}: {key} must be a list of texts")
    return tuple(value)


def _proxies_of_environment() -> dict[str, str]:
    found = {}
    for name in ("http", "https", "no"):
        variable = f"{name}_proxy"
        value = os.environ.get(variable.upper()) or os.environ.get(variable)
        if value:
            found[name] = value
    return found
