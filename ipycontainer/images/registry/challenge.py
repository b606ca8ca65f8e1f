"""What a registry wants to see before it answers: a password, or a token that another server gives.

Sources: RFC 9110 11.6.1 (the header); distribution `docs/spec/auth/token.md` and `oauth.md`.
"""

from __future__ import annotations

import base64
import json
import re
import threading
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode, urlsplit

from ipycontainer.errors import RegistryError
from ipycontainer.images.registry.settings import Credentials
from ipycontainer.images.registry.web import Web, origin

__all__ = ["Authorizer", "Challenge", "NobodyNamed", "parse"]

_LIMIT_TOKEN_BYTES = 1 << 20
_LIFE_SECONDS = 60  # of a token that does not say
_SPARE_SECONDS = 10  # a token this close to its end is not begun with
_CLIENT = "ipycontainer"

_SCHEME = re.compile(r"\s*,?\s*([A-Za-z][\w.+-]*)(?=[\s,]|$)")
_PARAMETER = re.compile(r'\s*,?\s*([\w-]+)\s*=\s*(?:"((?:[^"\\]|\\.)*)"|([^\s,]*))')


@dataclass(frozen=True, slots=True)
class Challenge:
    """One way to be let in: its scheme in small letters, and its parameters."""

    scheme: str
    parameters: Mapping[str, str]


def parse(header: str) -> list[Challenge]:
    """Return the challenges of a WWW-Authenticate header; commas in quotes are part of a value."""
    found: list[Challenge] = []
    at = 0
    while at < len(header):
        parameter = _PARAMETER.match(header, at)
        if parameter is not None and found:
            name, quoted, plain = parameter.groups()
            value = plain if quoted is None else re.sub(r"\\(.)", r"\1", quoted)
            found[-1] = Challenge(
                found[-1].scheme, {**found[-1].parameters, name.lower(): value or ""}
            )
            at = parameter.end()
            continue
        scheme = _SCHEME.match(header, at)
        if scheme is None:
            break
        found.append(Challenge(scheme[1].lower(), {}))
        at = scheme.end()
    return found


class NobodyNamed(Exception):
    """Say that a registry wants a password with each request for `url`, and there is none."""

    def __init__(self, url: str) -> None:
        super().__init__("no basic auth credentials")
        self.url = url


class Authorizer:
    """Who we are to one registry. Thread-safe; a token is asked for once, and used by all."""

    def __init__(self, web: Web, credentials: Credentials, *, insecure: bool) -> None:
        self._web = web
        self._credentials = credentials
        self._insecure = insecure
        self._lock = threading.Lock()
        self._tokens: dict[tuple[str, ...], tuple[str, float]] = {}
        self._basic = False

    @property
    def by_password(self) -> bool:
        """Tell whether the registry has taken, or refused, the password itself."""
        return self._basic

    def headers(self, scopes: Sequence[str]) -> dict[str, str]:
        """Return what to send along with a request for these scopes, as far as it is known."""
        with self._lock:
            token, until = self._tokens.get(tuple(sorted(scopes)), ("", 0.0))
            if token and time.monotonic() < until:
                return {"Authorization": f"Bearer {token}"}
            return _basic(self._credentials) if self._basic else {}

    def answer(self, url: str, header: str, scopes: Sequence[str]) -> dict[str, str]:
        """Return what to send after a refusal by 401 with this header.

        Raises RegistryError, and NobodyNamed where there is nothing to send.
        """
        challenges = {each.scheme: each for each in reversed(parse(header))}
        if "bearer" in challenges:
            with self._lock:
                token = self._token(url, challenges["bearer"], scopes)
            return {"Authorization": f"Bearer {token}"}
        if "basic" in challenges and self._credentials.username:
            self._basic = True
            return _basic(self._credentials)
        if "basic" in challenges:
            raise NobodyNamed(url)
        return {}

    def _token(self, url: str, challenge: Challenge, scopes: Sequence[str]) -> str:
        realm = challenge.parameters.get("realm", "")
        if urlsplit(realm).scheme not in ("http", "https"):
            raise RegistryError(f"the registry names no place to get a token from: {realm[:200]!r}")
        secure = realm.startswith("https://") or self._insecure or origin(realm) == origin(url)
        if not secure and self._credentials:
            raise RegistryError(
                f"the registry wants the password sent to {realm} without encryption",
                hint="an insecure registry must be configured as one",
            )
        service = challenge.parameters.get("service", "")
        asked = list(scopes) or challenge.parameters.get("scope", "").split()
        if self._credentials.identity_token:
            answer = self._by_identity(realm, service, asked)
        else:
            answer = self._by_get(realm, service, asked)
        token = answer.get("token") or answer.get("access_token")
        if not isinstance(token, str) or not token or re.search(r"[\r\n]", token):
            raise RegistryError(f"{realm} gave no token")
        life = answer.get("expires_in")
        seconds = life if isinstance(life, int | float) and life > 0 else _LIFE_SECONDS
        until = time.monotonic() + max(1.0, seconds - _SPARE_SECONDS)
        self._tokens[tuple(sorted(scopes))] = (token, until)
        return token

    def _by_get(self, realm: str, service: str, scopes: Sequence[str]) -> Mapping[str, Any]:
        query = [*([("service", service)] if service else []), *(("scope", s) for s in scopes)]
        if self._credentials.username:
            query.append(("account", self._credentials.username))
        joint = "&" if urlsplit(realm).query else "?"
        headers = _basic(self._credentials) if self._credentials.username else {}
        response = self._web.request(
            "GET", f"{realm}{joint}{urlencode(query)}", headers, verify=not self._insecure
        )
        return _answer(response.status, response.read(_LIMIT_TOKEN_BYTES), realm)

    def _by_identity(self, realm: str, service: str, scopes: Sequence[str]) -> Mapping[str, Any]:
        form = {
            "grant_type": "refresh_token",
            "service": service,
            "scope": " ".join(scopes),
            "client_id": _CLIENT,
            "refresh_token": self._credentials.identity_token,
        }
        headers = {"Content-Type": "application/x-www-form-urlencoded"}
        response = self._web.request(
            "POST", realm, headers, urlencode(form).encode(), verify=not self._insecure
        )
        return _answer(response.status, response.read(_LIMIT_TOKEN_BYTES), realm)


def _answer(status: int, body: bytes, realm: str) -> Mapping[str, Any]:
    if status in (401, 403):
        raise RegistryError("unauthorized: incorrect username or password", status=status)
    if status != 200:
        raise RegistryError(f"{realm} answered with status {status}", status=status)
    try:
        value = json.loads(body)
    except (ValueError, RecursionError):
        value = None
    if not isinstance(value, dict):
        raise RegistryError(f"{realm} gave no token")
    return value


def _basic(credentials: Credentials) -> dict[str, str]:
    pair = f"{credentials.username}:{credentials.password}".encode()
    return {"Authorization": f"Basic {base64.b64encode(pair).decode()}"}
