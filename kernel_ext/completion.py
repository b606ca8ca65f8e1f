"""Complete what follows %container and %%container: in a page, and in IPython's terminal.

A matcher of IPython's: gets the text and the cursor, returns words for the token that IPython sees,
which ends at `:`, `=`, `@` and `$` where ours do not. Words are read by kernel_ext.split, what fits
is decided by ipycontainer.commands.completing.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

from IPython.core.completer import SimpleCompletion, context_matcher
from IPython.core.error import UsageError

from kernel_ext.split import split

if TYPE_CHECKING:
    from IPython.core.completer import CompletionContext
    from IPython.core.interactiveshell import InteractiveShell

    from ipycontainer.commands.completing import Candidate, Known

__all__ = ["line_before", "register", "unregister"]

_MAGIC = re.compile(r"\s*(?:[^\s%'\"#]+(?:\s*,\s*[^\s%]+)*\s*=\s*)?%{1,2}container(\s.*)")
_OWN = ("--help", "--no-raise", "--stderr", "--stdout")
_ATTRIBUTE = "_ipycontainer_matcher"


def register(shell: InteractiveShell, known: Known) -> None:
    """Add our matcher, in place of an earlier one."""
    unregister(shell)
    matcher = _matcher(known)
    setattr(matcher, _ATTRIBUTE, True)
    _matchers(shell).append(matcher)


def unregister(shell: InteractiveShell) -> None:
    """Take our matcher back."""
    matchers = _matchers(shell)
    matchers[:] = [each for each in matchers if not hasattr(each, _ATTRIBUTE)]


def _matchers(shell: InteractiveShell) -> list[Any]:
    completer: Any = shell.Completer
    matchers: list[Any] = completer.custom_matchers
    return matchers


def _nothing() -> dict[str, Any]:
    """Return no candidates; anew, since IPython writes into what it gets."""
    return {"completions": [], "suppress": False}


def _matcher(known: Known) -> Callable[[CompletionContext], dict[str, Any]]:
    @context_matcher()  # type: ignore[untyped-decorator]
    def container_matcher(context: CompletionContext) -> dict[str, Any]:
        line = line_before(context.full_text, context.cursor_line, context.cursor_position)
        if line is None:
            return _nothing()
        try:
            return _completions(line, context.token, known)
        except Exception:  # noqa: BLE001  who is typing must not see a traceback
            return _nothing()

    matcher: Callable[[CompletionContext], dict[str, Any]] = container_matcher
    return matcher


def line_before(text: str, line: int, column: int) -> str | None:
    r"""Return what stands between the magic and the cursor; None where that is elsewhere.

    Lines that end with `\` go on; of a cell only the first line is ours, its body is not.
    """
    lines = text.split("\n")[: line + 1]
    lines[-1] = lines[-1][:column]
    joined = lines.pop()
    while lines and lines[-1].endswith("\\"):
        joined = f"{lines.pop()[:-1]} {joined}"
    found = _MAGIC.fullmatch(joined)
    if found is None or (lines and "%%container" in joined):
        return None
    return found[1]


def _completions(line: str, token: str, known: Known) -> dict[str, Any]:
    from ipycontainer.commands.completing import Candidate, Candidates, complete
    from kernel_ext import host_paths

    quote = host_paths.open_quote(line)
    try:
        words = [word.text for word in split(line + quote)]
    except UsageError:  # after a backslash
        return _nothing()
    word = "" if line[-1:].isspace() and not quote else words.pop()
    rest, waiting = _without_our_options(words)
    if waiting:
        return _nothing()
    found = complete(rest, word, known)
    if not rest and word.startswith("-"):
        own = tuple(Candidate(name, "option") for name in _OWN if name.startswith(word))
        found = Candidates(own)
    if found.files:
        path = word.partition("=")[2] if word.startswith("--") else word
        typed = host_paths.typed_name(line, path, quote)
        if typed is None:
            return _nothing()
        # What is no path fits the whole word, which is then a path's last part.
        here = host_paths.fitting(path, quote)
        return _result([*found.found, *here], typed, "")
    known_part = word[: len(word) - len(token)] if word.endswith(token) else ""
    return _result(found.found, token if word.endswith(token) else word, known_part)


def _result(found: Sequence[Candidate], fragment: str, known_part: str) -> dict[str, Any]:
    """Return candidates in place of `fragment`, without the part that IPython does not replace."""
    return {
        "completions": [
            SimpleCompletion(each.text.removeprefix(known_part), type=each.kind) for each in found
        ],
        "suppress": True,
        "matched_fragment": fragment,
        "ordered": True,
    }


def _without_our_options(words: Sequence[str]) -> tuple[list[str], bool]:
    """Return the words from the verb on, and whether a name for a variable is being typed."""
    rest = list(words)
    while rest and rest[0] in _OWN:
        if rest.pop(0) in ("--stdout", "--stderr"):
            if not rest:
                return [], True
            rest.pop(0)
    while rest and rest[0].startswith(("--stdout=", "--stderr=")):
        rest.pop(0)
    return rest, False
