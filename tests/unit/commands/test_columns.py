"""Columns and tables of `ps` and `images` are docker's to the byte."""

from __future__ import annotations

from dataclasses import replace

import pytest

from ipycontainer.commands.columns import fields_used, listing_lines, status_text, tabulate
from ipycontainer.commands.records import Listing
from ipycontainer.commands.summaries import ContainerSummary, ImageSummary
from ipycontainer.commands.templates import TemplateError

SECOND = 1_000_000_000
NOW = 1_795_510_871 * SECOND
ID = "215edc99087431f2a4e1f817769f6f531be99d9008f39690831d2d1fe597ff59"
IMAGE = "sha256:05a38d309768d0febe7a6689df7a2fb53d8400e03d4d4774ae038047ba07f044"

RUNNING = ContainerSummary(
    id=ID,
    name="r1",
    image="busybox",
    command="sh -c 'echo out; echo err >&2; echo l3; exec sleep 1000'",
    created_ns=NOW - 2 * SECOND,
    status="running",
    started_ns=NOW - SECOND // 2,
    labels={"b": "2", "a": "1", "com.x-y": "<z>"},
    image_id=IMAGE,
    networks=("none",),
)
CREATED = replace(
    RUNNING,
    id="9a06f163ca3d" + ID[12:],
    name="n1",
    command="sleep 100",
    status="created",
    started_ns=0,
    labels={},
)


def listed(*rows: ContainerSummary, **options: object) -> list[str]:
    """Return the lines of `ps` for these rows."""
    return listing_lines(Listing(kind="ps", rows=rows, now_ns=NOW, **options))  # type: ignore[arg-type]


def test_ps_table() -> None:
    """The default table, as docker 26.1.5 printed it."""
    assert listed(RUNNING, CREATED) == [
        (
            "CONTAINER ID   IMAGE     COMMAND                  CREATED         STATUS"
            "                  PORTS     NAMES"
        ),
        (
            '215edc990874   busybox   "sh -c \'echo out; ec…"   2 seconds ago   '
            "Up Less than a second             r1"
        ),
        (
            '9a06f163ca3d   busybox   "sleep 100"              2 seconds ago   '
            "Created                           n1"
        ),
    ]


def test_empty_table_has_its_head() -> None:
    """Columns of nothing are ten wide."""
    assert listed() == [
        "CONTAINER ID   IMAGE     COMMAND   CREATED   STATUS    PORTS     NAMES",
    ]


def test_no_trunc_shows_all() -> None:
    """Ids, commands and ids of images come whole."""
    row = replace(RUNNING, image=IMAGE)
    assert f"{ID}   {IMAGE}   " in listed(row, no_trunc=True)[1]
    assert "exec sleep 1000'\"" in listed(row, no_trunc=True)[1]
    assert "   05a38d309768   " in listed(row)[1]


def test_quiet_shows_ids() -> None:
    """-q gives ids alone, short or whole."""
    assert listed(RUNNING, quiet=True) == [ID[:12]]
    assert listed(RUNNING, quiet=True, no_trunc=True) == [ID]


@pytest.mark.parametrize(
    ("template", "lines"),
    [
        ("{{.ID}} {{.Names}}", ["215edc990874 r1"]),
        (" {{.Names}}\\t{{.State}} ", ["r1\trunning"]),
        ("a\\nb", ["a\nb"]),
        ('{{.Label "b"}}|{{.Label "nope"}}', ["2|"]),
        ("{{.Labels}}", ["a=1,b=2,com.x-y=<z>"]),
        ("{{json .Labels}}", ['"a=1,b=2,com.x-y=<z>"']),
        ("table {{.Names}}", ["NAMES", "r1"]),
        ("table{{.ID}}\\t{{.Names}}", ["CONTAINER ID   NAMES", "215edc990874   r1"]),
        ('table {{.Label "com.x-y"}}', ["x y", "<z>"]),
        ("table {{json .ID}}", ["CONTAINER ID", '"215edc990874"']),
        ("table {{.ID}} x {{.Names}}", ["CONTAINER ID x NAMES", "215edc990874 x r1"]),
        ("TABLE {{.Names}}", ["TABLE r1"]),
    ],
)
def test_templates(template: str, lines: list[str]) -> None:
    """Templates, with and without the word table."""
    assert listed(RUNNING, template=template) == lines


def test_json_has_text_values_in_order() -> None:
    """`json` is one object a line, keys sorted, HTML escaped."""
    (line,) = listed(replace(RUNNING, command="sleep 1000"), template="json")
    assert line.startswith('{"Command":"\\"sleep 1000\\"","CreatedAt":"2026-11-24 ')
    assert '"Labels":"a=1,b=2,com.x-y=\\u003cz\\u003e","LocalVolumes":"0","Mounts":""' in line
    assert line.endswith('"State":"running","Status":"Up Less than a second"}')
    assert listed(replace(RUNNING, command="sleep 1000"), template="{{json .}}") == [line]


@pytest.mark.parametrize(
    ("template", "message"),
    [
        (
            "{{.Nope}}",
            (
                'template: :1:2: executing "" at <.Nope>: can\'t evaluate field Nope in type '
                "*formatter.ContainerContext"
            ),
        ),
        (
            "{{json .Nope}}",
            (
                'template: :1:7: executing "" at <.Nope>: can\'t evaluate field Nope in type '
                "*formatter.ContainerContext"
            ),
        ),
        (
            "{{.ID.X}}",
            'template: :1:5: executing "" at <.ID.X>: can\'t evaluate field X in type string',
        ),
        (
            "{{.Label}}",
            (
                'template: :1:2: executing "" at <.Label>: wrong number of args for Label: '
                "want 1 got 0"
            ),
        ),
        (
            '{{.Label "a" "b"}}',
            (
                'template: :1:2: executing "" at <.Label>: wrong number of args for Label: '
                "want 1 got 2"
            ),
        ),
    ],
)
def test_template_errors(template: str, message: str) -> None:
    """An unknown field fails in Go's words, and where nothing is listed when `ps` tries it."""
    for fails in (lambda: listed(RUNNING, template=template), lambda: fields_used(template)):
        with pytest.raises(TemplateError) as error:
            fails()
        assert str(error.value) == message
    assert listed(template=template) == []


def test_fields_that_a_template_uses() -> None:
    """`ps` counts sizes for who asks for them, in whatever way."""
    assert fields_used("{{.ID}} {{with $x := .Names}}{{end}}") == {"ID", "Names"}
    assert "Size" in fields_used("{{if true}}{{.Size}}{{end}}")
    assert "Size" in fields_used("{{json .}}")


def test_raw_lines() -> None:
    """`--format raw` has a line a field, and an empty one after each container."""
    (text,) = listed(CREATED, template="raw")
    assert text.splitlines()[:2] == ["container_id: 9a06f163ca3d", "image: busybox"]
    assert "state: created\nstatus: Created\nnames: n1\n" in text


@pytest.mark.parametrize(
    ("status", "text"),
    [
        ("created", "Created"),
        ("running", "Up 3 minutes"),
        ("paused", "Up 3 minutes (Paused)"),
        ("restarting", "Restarting (7) About a minute ago"),
        ("exited", "Exited (7) About a minute ago"),
        ("removing", "Removal In Progress"),
        ("dead", "Dead"),
    ],
)
def test_states(status: str, text: str) -> None:
    """Each state is worded as docker words it."""
    row = replace(
        RUNNING,
        status=status,
        exit_code=7,
        started_ns=NOW - 180 * SECOND,
        finished_ns=NOW - 70 * SECOND,
    )
    assert status_text(row, NOW) == text


@pytest.mark.parametrize(
    ("command", "shown"),
    [
        ("12345678901234567890", '"12345678901234567890"'),
        ("123456789012345678901", '"1234567890123456789…"'),
        ("日本語日本語日本語日本語", '"日本語日本語日本語…"'),
        ('say "hi"\n', '"say \\"hi\\"\\n"'),
        ("\x1b[31m", '"\\x1b[31m"'),
    ],
)
def test_commands_are_cut_and_quoted(command: str, shown: str) -> None:
    """A command takes twenty columns, wide characters two each, and is quoted as Go quotes."""
    assert listed(replace(RUNNING, command=command), template="{{.Command}}") == [shown]


def test_images_table() -> None:
    """The default table of images, with three digits of size."""
    rows = (
        ImageSummary(IMAGE, "busybox", "latest", NOW - 180 * SECOND, 2_027_980),
        ImageSummary(IMAGE, "<none>", "<none>", 0, 0),
    )
    assert listing_lines(Listing(kind="images", rows=rows, now_ns=NOW)) == [
        "REPOSITORY   TAG       IMAGE ID       CREATED         SIZE",
        "busybox      latest    05a38d309768   3 minutes ago   2.03MB",
        "<none>       <none>    05a38d309768   N/A             0B",
    ]
    (line,) = listing_lines(Listing(kind="images", rows=rows[1:], now_ns=NOW, template="json"))
    assert '"Repository":"\\u003cnone\\u003e"' in line


def test_images_quiet_keeps_a_format() -> None:
    """`images -q --format` prints the format, where `ps` would drop it."""
    rows = (ImageSummary(IMAGE, "busybox", "latest", NOW, 0),)
    listing = Listing(kind="images", rows=rows, now_ns=NOW, quiet=True, template="{{.Tag}}")
    assert listing_lines(listing) == ["latest"]


def test_columns_end_where_a_line_has_none() -> None:
    """A line without tabs parts the columns above it from those below it, as in Go."""
    assert tabulate(["aaaaaaaaaaaa\tb", "alone", "c\td"]) == [
        "aaaaaaaaaaaa   b",
        "alone",
        "c         d",
    ]
