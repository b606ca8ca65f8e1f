"""Attacks on a bundle need the runtime's fixture."""

from __future__ import annotations

from tests.system.runtime.conftest import bundle as bundle
