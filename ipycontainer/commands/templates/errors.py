"""The error of a template. Its text is Go's, since scripts match on it."""

from __future__ import annotations

__all__ = ["TemplateError"]


class TemplateError(Exception):
    """A template breaks Go's grammar, or asks for what is not there.

    `before` is what it had made until then.
    """

    before = ""
