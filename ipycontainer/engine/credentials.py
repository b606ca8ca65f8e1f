"""Who we are to which registry: docker's config file and credential helpers, read and written.

The file is docker's own (`$DOCKER_CONFIG/config.json`, else `~/.docker/config.json`), so that a
login with one is a login with the other. Sources: docker/cli `cli/config/configfile`,
docker/docker-credential-helpers (the protocol on standard streams).
"""

from __future__ import annotations

import base64
import binascii
import json
import os
import re
import subprocess
import tempfile
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

from ipycontainer.errors import EngineError, InvalidArgument
from ipycontainer.images.registry.settings import ANONYMOUS, Credentials
from ipycontainer.model.reference import DEFAULT_DOMAIN

__all__ = ["HUB_KEY", "Credentials", "forget", "key_of", "look_up", "remember", "stores_plainly"]

HUB_KEY = "https://index.docker.io/v1/"
_HUB_HOSTS = {DEFAULT_DOMAIN, "index.docker.io", "registry-1.docker.io"}
_HELPER = re.compile(r"[A-Za-z0-9_.-]+")
_HELPER_SECONDS = 60
_NOT_FOUND = "credentials not found in native keychain"
_TOKEN_USER = "<token>"


def config_path() -> Path:
    """Return where docker's client keeps its configuration."""
    directory = os.environ.get("DOCKER_CONFIG")
    return (Path(directory) if directory else Path.home() / ".docker") / "config.json"


def key_of(host: str) -> str:
    """Return the name under which the credentials of a registry are kept."""
    host = host.removeprefix("https://").removeprefix("http://")
    name = host.partition("/")[0]
    return HUB_KEY if name in _HUB_HOSTS else name


def look_up(host: str) -> Credentials:
    """Return what is known for a registry, nobody where nothing is. Raises EngineError."""
    key = key_of(host)
    config = _read()
    helper = _helper(config, key)
    if helper:
        return _from_helper(helper, key)
    entry = _entry(config, key)
    return ANONYMOUS if entry is None else _decoded(entry)


def remember(host: str, credentials: Credentials) -> None:
    """Keep credentials, with the helper that is configured, else in the file."""
    key = key_of(host)
    config = _read()
    helper = _helper(config, key)
    auths = _auths(config)
    if helper:
        secret = credentials.identity_token or credentials.password
        user = _TOKEN_USER if credentials.identity_token else credentials.username
        said = {"ServerURL": key, "Username": user, "Secret": secret}
        _run(helper, "store", json.dumps(said))
        auths[key] = {}
    else:
        pair = f"{credentials.username}:{credentials.password}".encode()
        auths[key] = {"auth": base64.b64encode(pair).decode()}
        if credentials.identity_token:
            auths[key]["identitytoken"] = credentials.identity_token
    _write({**config, "auths": auths})


def forget(host: str) -> bool:
    """Remove what is known for a registry; tell whether there was something."""
    key = key_of(host)
    config = _read()
    helper = _helper(config, key)
    auths = _auths(config)
    keys = [each for each in auths if key_of(each) == key]
    if helper:
        with suppress(EngineError):
            _run(helper, "erase", key)
    for each in keys:
        del auths[each]
    if keys:
        _write({**config, "auths": auths})
    return bool(keys)


def stores_plainly(host: str) -> bool:
    """Tell whether a password would lie readable in the file."""
    return not _helper(_read(), key_of(host))


# ── the file ─────────────────────────────────────────────────────────────────────────────────


def _read() -> dict[str, Any]:
    path = config_path()
    try:
        raw = json.loads(path.read_bytes())
    except FileNotFoundError:
        return {}
    except OSError as error:
        raise InvalidArgument(f"open {path}: {(error.strerror or '').lower()}") from None
    except (ValueError, RecursionError):
        raise InvalidArgument(f"error loading config file: {path} is not JSON") from None
    if not isinstance(raw, dict):
        raise InvalidArgument(f"error loading config file: {path} is not a JSON object")
    return raw


def _write(config: Mapping[str, Any]) -> None:
    """Write the file anew beside the old one: nobody ever reads half of it."""
    path = config_path()
    path = Path(os.path.realpath(path))
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    descriptor, fresh = tempfile.mkstemp(prefix="config.json.", dir=path.parent)  # 0600
    try:
        with os.fdopen(descriptor, "w", encoding="utf-8") as file:
            json.dump(config, file, indent="\t", ensure_ascii=False)
        os.replace(fresh, path)
    except BaseException:
        with suppress(FileNotFoundError):
            os.unlink(fresh)
        raise


def _auths(config: Mapping[str, Any]) -> dict[str, Any]:
    found = config.get("auths")
    return dict(found) if isinstance(found, dict) else {}


def _entry(config: Mapping[str, Any], key: str) -> Mapping[str, Any] | None:
    auths = _auths(config)
    # Older clients wrote addresses: `https://HOST/v1/`.
    for name in [key, *(each for each in auths if key_of(each) == key)]:
        entry = auths.get(name)
        if isinstance(entry, dict):
            return entry
    return None


def _decoded(entry: Mapping[str, Any]) -> Credentials:
    username, password = str(entry.get("username", "")), str(entry.get("password", ""))
    if entry.get("auth"):
        try:
            pair = base64.b64decode(str(entry["auth"]), validate=True).decode()
        except (binascii.Error, UnicodeDecodeError):
            raise InvalidArgument(f"invalid auth configuration file: {config_path()}") from None
        username, colon, password = pair.partition(":")
        if not colon:
            raise InvalidArgument(f"invalid auth configuration file: {config_path()}")
        password = password.strip("\0")
    return Credentials(username, password, str(entry.get("identitytoken", "")))


# ── helpers ──────────────────────────────────────────────────────────────────────────────────


def _helper(config: Mapping[str, Any], key: str) -> str:
    """Return the name of the helper for a registry, "" for none."""
    helpers = config.get("credHelpers")
    name = helpers.get(key, "") if isinstance(helpers, dict) else ""
    name = name or config.get("credsStore") or ""
    if name and not (isinstance(name, str) and _HELPER.fullmatch(name)):
        raise InvalidArgument(f"invalid credential helper {name!r} in {config_path()}")
    return str(name)


def _from_helper(helper: str, key: str) -> Credentials:
    try:
        answer = json.loads(_run(helper, "get", key))
    except ValueError:
        raise EngineError(f"docker-credential-{helper} did not answer in JSON") from None
    except _Missing:
        return ANONYMOUS
    if not isinstance(answer, dict):
        raise EngineError(f"docker-credential-{helper} did not answer with an object")
    user, secret = str(answer.get("Username", "")), str(answer.get("Secret", ""))
    if user == _TOKEN_USER:
        return Credentials(identity_token=secret)
    return Credentials(user, secret)


class _Missing(EngineError):
    """A helper knows nothing of a registry."""


def _run(helper: str, action: str, text: str) -> str:
    program = f"docker-credential-{helper}"
    try:
        done = subprocess.run(
            [program, action],
            input=text,
            capture_output=True,
            text=True,
            timeout=_HELPER_SECONDS,
            check=False,
        )
    except OSError as error:
        raise EngineError(
            f'error getting credentials - err: exec: "{program}": {(error.strerror or "").lower()}'
        ) from None
    except subprocess.TimeoutExpired:
        raise EngineError(f"{program} did not answer in {_HELPER_SECONDS} s") from None
    said = (done.stdout or done.stderr).strip()
    if done.returncode != 0:
        if _NOT_FOUND in said:
            raise _Missing(said)
        raise EngineError(f"error getting credentials - err: {program} {action}: {said[:500]}")
    return done.stdout
