"""References: what a user types as the name of an image.

Grammar and words are those of distribution/reference (`reference.go`, `normalize.go`, v0.6 as in
docker 26.1.5): `[DOMAIN/]PATH[:TAG][@DIGEST]`, where `busybox` means
`docker.io/library/busybox:latest`. Imports errors only.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass

from ipycontainer.errors import InvalidArgument, InvalidReference

__all__ = [
    "DEFAULT_DOMAIN",
    "DEFAULT_TAG",
    "NO_DIGEST",
    "Reference",
    "check_new",
    "in_order",
    "parse",
]

DEFAULT_DOMAIN = "docker.io"
DEFAULT_TAG = "latest"
NO_DIGEST = "refusing to create a tag with a digest reference"  # said by docker's client and daemon
_OFFICIAL = "library/"
_LEGACY_DOMAIN = "index.docker.io"

_LONGEST_NAME = 255
_ALNUM = r"[a-z0-9]+"
_PART = rf"{_ALNUM}(?:(?:[._]|__|[-]+){_ALNUM})*"
_LABEL = r"(?:[a-zA-Z0-9]|[a-zA-Z0-9][a-zA-Z0-9-]*[a-zA-Z0-9])"
_DOMAIN = rf"(?:{_LABEL}(?:\.{_LABEL})*|\[[a-fA-F0-9:]+\])(?::[0-9]+)?"
_TAG = r"[\w][\w.-]{0,127}"
_DIGEST = r"[A-Za-z][A-Za-z0-9]*(?:[-_+.][A-Za-z][A-Za-z0-9]*)*:[0-9a-fA-F]{32,}"
_WHOLE = re.compile(
    rf"(?:(?P<domain>{_DOMAIN})/)?(?P<path>{_PART}(?:/{_PART})*)"
    rf"(?::(?P<tag>{_TAG}))?(?:@(?P<digest>{_DIGEST}))?",
    re.ASCII,
)
_HEX64 = re.compile(r"[a-f0-9]{64}")


@dataclass(frozen=True, slots=True)
class Reference:
    """The name of an image; `tag` and `digest` are empty where they were not given.

    `parse` fills in `latest` where neither was.
    """

    domain: str
    path: str
    tag: str = ""
    digest: str = ""

    @property
    def familiar_name(self) -> str:
        """Return the name without tag, as docker shows it: `busybox`, `ghcr.io/a/b`."""
        if self.domain != DEFAULT_DOMAIN:
            return f"{self.domain}/{self.path}"
        short = self.path.removeprefix(_OFFICIAL)
        # `library/a/b` would read as user `a`; only one part may lose its prefix.
        return self.path if "/" in short else short

    @property
    def familiar(self) -> str:
        """Return the whole name as docker shows it: `busybox:latest`."""
        return self.familiar_name + self._tail()

    @property
    def canonical(self) -> str:
        """Return the whole name with nothing left out: `docker.io/library/busybox:latest`."""
        return f"{self.domain}/{self.path}{self._tail()}"

    def _tail(self) -> str:
        return (f":{self.tag}" if self.tag else "") + (f"@{self.digest}" if self.digest else "")


def parse(text: str) -> Reference:
    """Return the reference that a text means. Raises InvalidReference in docker's words."""
    if _HEX64.fullmatch(text):
        raise InvalidReference(
            f"invalid repository name ({text}), cannot specify 64-byte hexadecimal strings"
        )
    domain, remainder = _split_domain(text)
    # Upper case is the most frequent mistake, and has words of its own; a tag may have it.
    path = remainder.partition("@")[0]
    path = path.partition(":")[0]
    if path != path.lower():
        raise InvalidReference(
            f"invalid reference format: repository name ({path}) must be lowercase"
        )
    found = _WHOLE.fullmatch(f"{domain}/{remainder}")
    if found is None or found["domain"] is None:
        raise InvalidReference("invalid reference format")
    if len(found["domain"]) + 1 + len(found["path"]) > _LONGEST_NAME:
        raise InvalidReference(f"repository name must not be more than {_LONGEST_NAME} characters")
    digest = found["digest"] or ""
    if digest:
        _check_digest(digest)
    tag = found["tag"] or ("" if digest else DEFAULT_TAG)
    return Reference(found["domain"], found["path"], tag, digest)


def in_order(names: Iterable[str]) -> tuple[str, ...]:
    """Return names by what they are in full (docker.io/library/...), as docker lists them."""
    return tuple(sorted(names, key=lambda name: parse(name).canonical))


def check_new(name: Reference) -> None:
    """Raise InvalidArgument for a name that no image may be given: one that reads as a digest."""
    if name.familiar_name == "sha256":
        raise InvalidArgument("refusing to create an ambiguous tag using digest algorithm as name")


def _split_domain(text: str) -> tuple[str, str]:
    """Split a registry's name off: the part before the first slash that looks like a host.

    It does when it has a dot, a colon or an upper-case letter, or is `localhost`.
    """
    head, slash, rest = text.partition("/")
    if not slash or not ("." in head or ":" in head or head == "localhost" or head != head.lower()):
        domain, rest = DEFAULT_DOMAIN, text
    else:
        domain = head
    if domain == _LEGACY_DOMAIN:
        domain = DEFAULT_DOMAIN
    if domain == DEFAULT_DOMAIN and "/" not in rest:
        rest = _OFFICIAL + rest
    return domain, rest


def _check_digest(digest: str) -> None:
    algorithm, _, hexadecimal = digest.partition(":")
    lengths = {"sha256": 64, "sha384": 96, "sha512": 128}
    if algorithm not in lengths:
        raise InvalidReference("unsupported digest algorithm")
    if len(hexadecimal) != lengths[algorithm]:
        raise InvalidReference("invalid checksum digest length")
    if hexadecimal != hexadecimal.lower():
        raise InvalidReference("invalid checksum digest format")
