"""References of images, by the grammar of distribution/reference."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ipycontainer.errors import InvalidReference
from ipycontainer.model import reference

DIGEST = "sha256:" + "ab" * 32


@pytest.mark.parametrize(
    ("text", "familiar", "canonical"),
    [
        ("busybox", "busybox:latest", "docker.io/library/busybox:latest"),
        ("busybox:1.36", "busybox:1.36", "docker.io/library/busybox:1.36"),
        ("a/b", "a/b:latest", "docker.io/a/b:latest"),
        ("docker.io/busybox", "busybox:latest", "docker.io/library/busybox:latest"),
        ("index.docker.io/a/b:x", "a/b:x", "docker.io/a/b:x"),
        ("library/a", "a:latest", "docker.io/library/a:latest"),
        ("library/a/b", "library/a/b:latest", "docker.io/library/a/b:latest"),
        ("localhost/x", "localhost/x:latest", "localhost/x:latest"),
        ("ghcr.io/a/b:V1", "ghcr.io/a/b:V1", "ghcr.io/a/b:V1"),
        ("127.0.0.1:5000/x", "127.0.0.1:5000/x:latest", "127.0.0.1:5000/x:latest"),
        ("[::1]:5000/x", "[::1]:5000/x:latest", "[::1]:5000/x:latest"),
        ("Reg/x", "Reg/x:latest", "Reg/x:latest"),
        (f"a@{DIGEST}", f"a@{DIGEST}", f"docker.io/library/a@{DIGEST}"),
        (f"a:1@{DIGEST}", f"a:1@{DIGEST}", f"docker.io/library/a:1@{DIGEST}"),
        ("a__b--c.d", "a__b--c.d:latest", "docker.io/library/a__b--c.d:latest"),
    ],
)
def test_a_name_is_filled_in_and_shown_short(text: str, familiar: str, canonical: str) -> None:
    """Registry, library/ and latest are added, and left out where docker leaves them out."""
    parsed = reference.parse(text)

    assert parsed.familiar == familiar
    assert parsed.canonical == canonical
    assert reference.parse(parsed.familiar) == parsed
    assert reference.parse(parsed.canonical) == parsed


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "invalid reference format"),
        ("a b", "invalid reference format"),
        (":x", "invalid reference format"),
        ("a:", "invalid reference format"),
        ("a//b", "invalid reference format"),
        ("-a", "invalid reference format"),
        ("a_-b", "invalid reference format"),
        ("a:" + "x" * 129, "invalid reference format"),
        ("x@sha256:aa", "invalid reference format"),
        ("../a", "invalid reference format"),
        ("a\n", "invalid reference format"),
        ("X:1", "invalid reference format: repository name (library/X) must be lowercase"),
        ("a/FOO", "invalid reference format: repository name (a/FOO) must be lowercase"),
        (
            "a" * 64,
            f"invalid repository name ({'a' * 64}), cannot specify 64-byte hexadecimal strings",
        ),
        ("a@sha256:" + "a" * 40, "invalid checksum digest length"),
        ("a@md5:" + "a" * 32, "unsupported digest algorithm"),
        ("a" * 300, "repository name must not be more than 255 characters"),
    ],
)
def test_what_is_no_name_is_refused_in_dockers_words(text: str, words: str) -> None:
    """The words are those of docker 26.1.5."""
    with pytest.raises(InvalidReference) as caught:
        reference.parse(text)

    assert caught.value.message == words


@given(st.text(max_size=40))
def test_any_text_is_a_reference_or_is_refused(text: str) -> None:
    """Parsing ends in a name that parses to itself, or in InvalidReference."""
    try:
        parsed = reference.parse(text)
    except InvalidReference:
        return
    assert reference.parse(parsed.familiar) == parsed
    assert reference.parse(parsed.canonical) == parsed
