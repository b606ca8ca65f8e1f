"""The lines of `import -c`, beside what docker 26.1.5 made of them."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ipycontainer.errors import EngineError, InvalidArgument
from ipycontainer.images import change_words
from ipycontainer.images.change_instructions import apply
from ipycontainer.model.health import Healthcheck
from ipycontainer.model.image import ImageConfig


@pytest.mark.parametrize(
    ("line", "settings"),
    [
        ("CMD a b", {"command": ("/bin/sh", "-c", "a b")}),
        ('CMD ["a","b"]', {"command": ("a", "b")}),
        ('cmd ["a"', {"command": ("/bin/sh", "-c", '["a"')}),
        ("CMD", {"command": ("/bin/sh", "-c")}),
        ("CMD []", {"empty_command": True}),
        ("ENTRYPOINT x y", {"entrypoint": ("/bin/sh", "-c", "x y")}),
        ("ENTRYPOINT", {}),
        ('ENTRYPOINT ["x"]\nCMD []', {"entrypoint": ("x",), "empty_command": True}),
        ('CMD []\nENTRYPOINT ["x"]', {"entrypoint": ("x",)}),
        ('CMD ["y"]\nENTRYPOINT ["x"]', {"entrypoint": ("x",), "command": ("y",)}),
        ('ENV A=1 B="2 3"', {"env": ("A=1", "B=2 3")}),
        ("ENV A b c", {"env": ("A=b c",)}),
        (r"ENV A=x\ y", {"env": ("A=x y",)}),
        ("ENV A='$B'", {"env": ("A=$B",)}),
        ("ENV A=$PATH/x", {"env": ("A=/x",)}),
        ("ENV A=${B:-c}d${B:+e}", {"env": ("A=cd",)}),
        ("ENV A=1 A=2", {"env": ("A=2",)}),
        ("EXPOSE 80 90/udp 80", {"exposed_ports": ("80/tcp", "90/udp")}),
        ("EXPOSE 80-82", {"exposed_ports": ("80/tcp", "81/tcp", "82/tcp")}),
        ('LABEL a=b "c d"="e f"', {"labels": {"a": "b", "c d": "e f"}}),
        ("LABEL a b c", {"labels": {"a": "b c"}}),
        ("ONBUILD RUN x", {"on_build": ("RUN x",)}),
        ("USER u:g", {"user": "u:g"}),
        ("WORKDIR /a/../b/", {"workdir": "/b"}),
        ("WORKDIR rel", {"workdir": "/rel"}),
        ("STOPSIGNAL SIGINT", {"stop_signal": "SIGINT"}),
        ("STOPSIGNAL 9", {"stop_signal": "9"}),
        ("# a comment\nUSER a\\\nb\n", {"user": "ab"}),
    ],
)
def test_an_instruction_sets_what_docker_sets(line: str, settings: dict[str, Any]) -> None:
    """Each was tried with `docker import -c`."""
    assert apply(ImageConfig(), [line]) == ImageConfig(**settings)


def test_an_entrypoint_takes_away_the_command_that_was_there() -> None:
    """Its arguments were another program's; a command of the same changes stays."""
    old = ImageConfig(command=("old",))
    assert apply(old, ['ENTRYPOINT ["x"]']) == ImageConfig(entrypoint=("x",))
    assert apply(old, ["USER u"]) == ImageConfig(command=("old",), user="u")


def test_instructions_build_on_those_before() -> None:
    """Variables and the directory are those that stand at that point."""
    lines = ["ENV A=1", "ENV B=$A/x", "WORKDIR /a", "WORKDIR b", "CMD x", "ENV A=2"]

    assert apply(ImageConfig(), lines) == ImageConfig(
        env=("A=2", "B=1/x"), workdir="/a/b", command=("/bin/sh", "-c", "x")
    )


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ("ONBUILD FROM x", "FROM isn't allowed as an ONBUILD trigger"),
        ("ONBUILD", "ONBUILD requires at least one argument"),
        ("ONBUILD ONBUILD RUN x", "Chaining ONBUILD via `ONBUILD ONBUILD` isn't allowed"),
        ("STOPSIGNAL FOO", "invalid signal: FOO"),
        ("RUN x", "RUN is not a valid change command"),
        ("foo bar", "foo is not a valid change command"),
        ("ENV A", "ENV must have two arguments"),
        ("ENV A=1 b", 'Syntax error - can\'t find = in "b". Must be of the form: name=value'),
        ("ENV", "ENV requires at least one argument"),
        ("ENV =x", "ENV names can not be blank"),
        ("LABEL a", "LABEL must have two arguments"),
        ("EXPOSE x", "Invalid containerPort: x"),
        ("EXPOSE 99999", "Invalid containerPort: 99999"),
        ("EXPOSE 80/foo", "Invalid proto: foo"),
        ("EXPOSE 82-80", "Invalid range specified for the Port: 82-80"),
        ("USER", "USER requires exactly one argument"),
        ("WORKDIR", "WORKDIR requires exactly one argument"),
        ("", "file with no instructions"),
        ("# nothing", "file with no instructions"),
        (
            "CMD [1]",
            "When using JSON array syntax, arrays must be comprised of strings only.",
        ),
    ],
)
def test_a_wrong_instruction_is_refused_in_dockers_words(line: str, words: str) -> None:
    """Each was tried with `docker import -c`."""
    with pytest.raises(InvalidArgument) as caught:
        apply(ImageConfig(), [line])

    assert caught.value.message == words


@pytest.mark.parametrize(
    ("line", "check"),
    [
        ("HEALTHCHECK NONE", Healthcheck(("NONE",))),
        ("HEALTHCHECK CMD test -e /ok", Healthcheck(("CMD-SHELL", "test -e /ok"))),
        (
            'HEALTHCHECK --interval=5m --timeout=3s --retries=2 CMD ["curl", "-f", "x"]',
            Healthcheck(("CMD", "curl", "-f", "x"), 300 * 10**9, 3 * 10**9, retries=2),
        ),
    ],
)
def test_health_checks(line: str, check: Healthcheck) -> None:
    """In both forms of a command, with their times."""
    assert apply(ImageConfig(), [line]).healthcheck == check


@given(st.text(max_size=30), st.sampled_from(["ENV ", "LABEL ", "CMD ", "EXPOSE ", "WORKDIR ", ""]))
def test_any_line_is_carried_out_or_refused(rest: str, keyword: str) -> None:
    """With an error of ours."""
    try:
        apply(ImageConfig(), [keyword + rest])
    except EngineError:
        return


@given(st.text(st.characters(exclude_characters="'\\$\"", exclude_categories=["Cs"]), max_size=20))
def test_a_quoted_word_comes_back_as_it_was(text: str) -> None:
    """In either quotes."""
    for quote in "'\"":
        assert change_words.expand(f"{quote}{text}{quote}", {}) == text
