"""pip's own settings, carried into the `host` image as variables, without credentials.

pip merges files and variables by fixed rules (pip's documentation, "Configuration"); what it would
use for index, certificate and proxy is told to the container's pip by PIP_* alone, so that the
files, which may hold tokens, need never be seen there. Imports the standard library only.
"""

from __future__ import annotations

import configparser
import os
import re
from collections.abc import Mapping
from pathlib import Path

__all__ = ["carried", "without_credentials"]

# `client-cert` is left out: it is a key. `keyring-provider` has nothing to ask inside.
_OPTIONS = (
    "index-url",
    "extra-index-url",
    "find-links",
    "no-index",
    "trusted-host",
    "proxy",
    "cert",
    "timeout",
    "retries",
    "default-timeout",
    "disable-pip-version-check",
)
_PROXY_VARIABLES = ("http_proxy", "https_proxy", "all_proxy", "no_proxy", "ftp_proxy")
_USER_INFO = re.compile(r"(?P<scheme>[A-Za-z][A-Za-z0-9+.-]*://)[^/\s@]*(?:@[^/\s@]*)*@")


def without_credentials(value: str) -> str:
    """Return a text with `user:password@` taken out of every URL in it.

    Everything from the scheme to the last `@` before the path goes, since a password may itself
    hold an unescaped `@`.
    """
    return _USER_INFO.sub(lambda match: match["scheme"], value)


def carried(environ: Mapping[str, str], prefix: str) -> dict[str, str]:
    """Return the PIP_* and proxy variables for the container of an environment at `prefix`.

    A value in a variable wins over files, later files over earlier ones, as in pip.
    """
    settings: dict[str, str] = {}
    for file in _configuration_files(environ, prefix):
        settings |= _options_of(file)
    variables = {_variable(name): value for name, value in settings.items()}
    for name in _OPTIONS:
        if environ.get(_variable(name)):
            variables[_variable(name)] = environ[_variable(name)]
    for name in _PROXY_VARIABLES:
        for spelling in (name, name.upper()):
            if environ.get(spelling):
                variables[spelling] = environ[spelling]
    return {name: without_credentials(" ".join(value.split())) for name, value in variables.items()}


def _variable(option: str) -> str:
    return "PIP_" + option.upper().replace("-", "_")


def _configuration_files(environ: Mapping[str, str], prefix: str) -> list[str]:
    """Return pip's files, the weakest first: global, user, site, then the one named."""
    named = environ.get("PIP_CONFIG_FILE", "")
    if named == os.devnull:  # pip then reads no file at all
        return []
    home = environ.get("HOME") or os.path.expanduser("~")
    config = environ.get("XDG_CONFIG_HOME") or os.path.join(home, ".config")
    shared = environ.get("XDG_CONFIG_DIRS") or "/etc/xdg"
    return [
        *(os.path.join(base, "pip", "pip.conf") for base in reversed(shared.split(os.pathsep))),
        "/etc/pip.conf",
        os.path.join(home, ".pip", "pip.conf"),
        os.path.join(config, "pip", "pip.conf"),
        os.path.join(prefix, "pip.conf"),
        *([named] if named else []),
    ]


def _options_of(path: str) -> dict[str, str]:
    """Return the options of one file that concern us; an unreadable or broken file has none."""
    parser = configparser.RawConfigParser()
    try:
        parser.read_string(Path(path).read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, configparser.Error):
        return {}
    found = {}
    for section in ("global", "install"):  # a command's own section is the stronger one
        for name in _OPTIONS:
            if parser.has_option(section, name):
                found[name] = parser.get(section, name)
    return found
