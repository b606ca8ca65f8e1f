"""The version of docker's API whose shapes `inspect` and its kin follow: that of docker 26.1.5."""

from __future__ import annotations

__all__ = ["API_VERSION", "MIN_API_VERSION"]

API_VERSION, MIN_API_VERSION = "1.45", "1.24"
