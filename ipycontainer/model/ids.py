"""Ids and names of containers, by docker's rules. Imports errors only."""

from __future__ import annotations

import os
import re
from typing import TYPE_CHECKING

from ipycontainer.errors import InvalidArgument

if TYPE_CHECKING:
    import random

__all__ = ["NAME_PATTERN", "check_name", "new_id", "random_name"]

# moby daemon/names: the same text stands in the error message.
NAME_PATTERN = "[a-zA-Z0-9][a-zA-Z0-9_.-]"
_NAME = re.compile(f"{NAME_PATTERN}+")

# fmt: off
_ADJECTIVES = (
    "able", "airy", "alert", "amber", "apt", "astute", "avid", "balmy", "blithe", "bold", "brave",
    "breezy", "bright", "brisk", "calm", "candid", "careful", "cheery", "civil", "clear", "clever",
    "cosy", "crisp", "curious", "daring", "dapper", "deft", "eager", "earnest", "easy", "fair",
    "fearless", "fine", "fleet", "fluent", "fond", "frank", "free", "fresh", "gentle", "glad",
    "golden", "grand", "handy", "hardy", "honest", "humble", "jolly", "keen", "kind", "lively",
    "lucid", "lucky", "mellow", "merry", "mild", "modest", "neat", "nimble", "noble", "patient",
    "placid", "plucky", "polite", "prompt", "proud", "quick", "quiet", "rapid", "ready", "serene",
    "sharp", "silent", "simple", "smooth", "snug", "sober", "solid", "spry", "steady", "still",
    "stout", "sturdy", "subtle", "sunny", "swift", "tender", "tidy", "trusty", "upbeat", "vivid",
    "warm", "wise", "witty", "zesty",
)
_SURNAMES = (
    "abel", "agnesi", "ampere", "anning", "apgar", "arago", "bardeen", "bernoulli", "boole", "bose",
    "brahe", "cantor", "carnot", "cavendish", "celsius", "chandra", "chatelet", "cori", "coulomb",
    "crick", "curie", "dalton", "darwin", "dirac", "doppler", "easley", "eddington", "erdos",
    "euler", "faraday", "fermat", "fermi", "fibonacci", "fourier", "franklin", "galois", "gauss",
    "germain", "gibbs", "goedel", "haber", "hamilton", "herschel", "hertz", "hilbert", "hodgkin",
    "hooke", "hopper", "hubble", "humboldt", "huygens", "hypatia", "jacobi", "jenner", "joule",
    "kelvin", "kepler", "knuth", "kovalevsky", "lagrange", "lamarr", "laplace", "lavoisier",
    "leavitt", "leibniz", "linnaeus", "lorentz", "lovelace", "maxwell", "mayer", "meitner",
    "mendel", "mirzakhani", "napier", "newton", "noether", "ohm", "pascal", "pasteur", "pauli",
    "payne", "planck", "poincare", "ramanujan", "riemann", "rubin", "sagan", "shannon",
    "somerville", "stokes", "tesla", "turing", "volta", "wallace", "watt", "wiles", "wu", "yalow",
)
# fmt: on


def new_id() -> str:
    """Return a fresh id of 64 hex digits.

    One whose first twelve are all decimal is drawn again: they become the hostname, and programs
    take a name of digits alone for a number.
    """
    while True:
        drawn = os.urandom(32).hex()
        if not drawn[:12].isdecimal():
            return drawn


def check_name(name: str, *, shown: str | None = None) -> None:
    """Raise InvalidArgument, in docker's words, for what cannot be the name of a container.

    `shown` is the name as the message tells it (`rename` has a slash before it).
    """
    if _NAME.fullmatch(name) is None:
        told = name if shown is None else shown
        raise InvalidArgument(f"Invalid container name ({told}), only {NAME_PATTERN} are allowed")


def random_name(rng: random.Random) -> str:
    """Return a name such as `nimble_noether`; one of about nine thousand, so it may be taken."""
    return f"{rng.choice(_ADJECTIVES)}_{rng.choice(_SURNAMES)}"
