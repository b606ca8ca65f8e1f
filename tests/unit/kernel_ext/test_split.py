"""A magic's line becomes words as in a shell, with their quoting remembered."""

from __future__ import annotations

import shlex

import pytest
from hypothesis import given
from hypothesis import strategies as st
from IPython.core.error import UsageError

from kernel_ext.split import join_continued, refuse_shell, silenced, split


def texts(line: str) -> list[str]:
    """Return the words of a line as a program would get them."""
    return [word.text for word in split(line)]


@given(st.text(alphabet="ab-='\"\\ \t:/.", max_size=40))
def test_words_are_those_of_shlex(line: str) -> None:
    """Where no brace or dollar is written, the words are exactly those that shlex gives."""
    try:
        expected = shlex.split(line, posix=True)
    except ValueError:
        with pytest.raises(UsageError):
            split(line)
    else:
        assert texts(line) == expected


@given(st.lists(st.text(max_size=12), max_size=6))
def test_quoted_words_come_back(words: list[str]) -> None:
    """Any words at all, quoted for a shell, come back unchanged."""
    plain = [word.replace("\r", "").replace("\n", "") for word in words]
    assert texts(shlex.join(plain)) == plain


@given(st.text(max_size=60))
def test_no_line_breaks_the_splitter(line: str) -> None:
    """Every line either splits or is refused as a usage error, never with another exception."""
    try:
        words = split(line)
    except UsageError:
        return
    assert all(word.fragments for word in words)


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ("rm {ids}", ["rm", "{ids}"]),
        ("rm {row['id']}", ["rm", "{row['id']}"]),
        ("rm {a + 1}x", ["rm", "{a + 1}x"]),
        ("rm {d['}']} y", ["rm", "{d['}']}", "y"]),
        ("awk {print $1}", ["awk", "{print", "$1}"]),
        ("ps --format {{.ID}}", ["ps", "--format", "{{.ID}}"]),
        ("inspect -f {{json .State}}", ["inspect", "-f", "{{json", ".State}}"]),
        (r'sh -c "echo \$HOME"', ["sh", "-c", "echo $HOME"]),
        ("find . -exec ls {} x", ["find", ".", "-exec", "ls", "{}", "x"]),
    ],
)
def test_braces_and_dollars(line: str, words: list[str]) -> None:
    """A Python field stays one word; every other brace is an ordinary character."""
    assert texts(line) == words


def test_quoting_is_remembered() -> None:
    """Each part of a word knows the quotes that it stood in."""
    (word,) = split("""a'b'"c"\\d""")
    assert [(part.text, part.quote) for part in word.fragments] == [
        ("a", ""),
        ("b", "'"),
        ("c", '"'),
        ("d", "'"),
    ]


@pytest.mark.parametrize("line", ["'a", 'x "b', "end\\"])
def test_unfinished_lines_are_refused(line: str) -> None:
    """A quote that nobody closes is a usage error, in one line."""
    with pytest.raises(UsageError):
        split(line)


def test_continued_first_line_takes_lines_of_the_cell() -> None:
    """The lines that a cell's first line continues onto are options, the others its body."""
    line, body = join_continued("run \\", "  -i \\\n  host\nprint(1)\n")
    assert texts(line) == ["run", "-i", "host"]
    assert body == "print(1)\n"


def test_a_doubled_backslash_continues_nothing() -> None:
    """A backslash that is itself escaped is not a continuation."""
    assert join_continued("run x\\\\", "body") == ("run x\\\\", "body")


@pytest.mark.parametrize(
    ("line", "left", "silent"),
    [
        ("ps;", ["ps"], True),
        ("ps ;", ["ps"], True),
        ("ps", ["ps"], False),
        ("sh -c 'ls';", ["sh", "-c", "ls"], True),
        ("sh -c 'ls;'", ["sh", "-c", "ls;"], False),
        (r"find -exec ls {} \;", ["find", "-exec", "ls", "{}", ";"], False),
        (";", [], True),
        ("", [], False),
    ],
)
def test_trailing_semicolon_silences(line: str, left: list[str], silent: bool) -> None:
    """One unquoted semicolon at the end is taken off, and means: show no result."""
    words, is_silent = silenced(split(line))
    assert ([word.text for word in words], is_silent) == (left, silent)


@pytest.mark.parametrize(
    ("line", "named"),
    [
        ("run x cat f | grep a", "pipe"),
        ("logs x > f", "--stdout"),
        ("logs x >> f", "--stdout"),
        ("logs x 2>&1", "--stdout"),
        ("logs x 2>/dev/null", "--stdout"),
        ("logs x &> f", "--stdout"),
        ("run x cat < f", "body"),
        ("rm $(x)", "ids = %container ps -aq"),
        ("rm `x`", "ids = %container ps -aq"),
        ("run x &", "run -d"),
        ("run x && y", "one command"),
        ("run x ; y", "one command"),
    ],
)
def test_shell_operators_are_refused(line: str, named: str) -> None:
    """What only a shell can do is refused with the way to do it here."""
    with pytest.raises(UsageError, match=named):
        refuse_shell(split(line))


@pytest.mark.parametrize(
    "line",
    [
        "run x sh -c 'a | b > c; d && e $(f) `g`'",
        'run x sh -c "echo $(date)"',
        "run x pip install foo>=3",
        "run x echo '|' '>' \\; a>b",
        "run -e A=a&b x",
    ],
)
def test_quoted_operators_are_the_containers_business(line: str) -> None:
    """Quoted operators, and those inside of words, pass."""
    refuse_shell(split(line))
