"""What the verbs about room on disk, and about what differs, say and ask."""

from __future__ import annotations

import json
import re
from dataclasses import replace

import pandas as pd
import pytest

from ipycontainer.commands import disk_usage, grammar
from ipycontainer.commands.columns import disk_text
from ipycontainer.commands.records import Changes, DiskUsage, Lines, Listing, Outcome
from ipycontainer.commands.summaries import ContainerSummary, ImageSummary, VolumeSummary
from ipycontainer.commands.templates import TemplateError
from ipycontainer.commands.types import split
from ipycontainer.errors import EngineError, UsageError
from kernel_ext import disk_frames, frames, schemas
from tests.fakes import FakeEngine

NOW = 1_795_510_871_000_000_000
USAGE = DiskUsage(
    images=(ImageSummary("sha256:" + "a" * 64, "busybox", "1", NOW, 2_000, "<none>", 500, 1),),
    containers=(
        ContainerSummary("b" * 64, "box", "busybox", "true", NOW, "created", written=1_234),
    ),
    volumes=(VolumeSummary("data", "local", "/d", NOW, containers=("box",), size=70),),
    now_ns=NOW,
)


@pytest.fixture
def engine() -> FakeEngine:
    """An engine in memory."""
    return FakeEngine()


def do(engine: FakeEngine, line: str, answer: str | None = None) -> Outcome:
    """Do a line, as somebody who is asked gives this answer."""
    ask = None if answer is None else lambda _question, _hidden: answer
    return grammar.invoke(lambda: engine, line.split(), ask=ask)


def test_what_each_thing_takes_is_docker_s_three_tables() -> None:
    """Images with what they share, containers, volumes with their users."""
    lines = disk_text(USAGE).splitlines()
    assert lines[2].split()[-6:] == ["SIZE", "SHARED", "SIZE", "UNIQUE", "SIZE", "CONTAINERS"]
    assert lines[3].split()[-4:] == ["2kB", "500B", "1.5kB", "1"]
    assert "   1.23kB" in lines[8]
    assert lines[13].split() == ["data", "1", "70B"]


@pytest.mark.parametrize(
    ("template", "text"),
    [
        ("{{range .Images}}{{.Repository}} {{.UniqueSize}};{{end}}", "busybox 1.5kB;"),
        ('{{range .Containers}}{{.Names}}{{.Label "x"}}{{end}}', "box"),
        ("{{len .Volumes}}{{len .BuildCache}}{{range .BuildCache}}{{.ID}}{{end}}", "10"),
        ("{{(index .Volumes 0).Name}}", "data"),
    ],
)
def test_a_template_of_what_each_thing_takes(template: str, text: str) -> None:
    """All listings at once, each row with the fields of its own, and no end of the line."""
    assert disk_text(replace(USAGE, template=template)) == text


@pytest.mark.parametrize(
    ("template", "text"),
    [
        ("table {{len .Images}}", "1"),
        ("table{{len .Images}}", "1"),
        ("table {{len .Images}} {{len .Volumes}}\\t{{len .Containers}}", "1 1\t1"),
        (" table {{len .Images}}", "table 1"),
        ("table {{json .}}", "json"),
        ("table", ""),
    ],
)
def test_a_template_of_all_is_no_table(template: str, text: str) -> None:
    """The word before it is dropped, and a tab is one, as docker's client does."""
    form = disk_usage._of_all(template)
    assert (form if form in ("", "json") else disk_text(replace(USAGE, template=form))) == text


def test_the_json_of_a_listing_is_that_of_its_rows() -> None:
    """Also within a template; what is not there is told by Go's name."""
    (found,) = json.loads(disk_text(replace(USAGE, template="{{json .Volumes}}")))
    assert (found["Name"], found["Size"]) == ("data", "70B")
    wanted = re.escape("can't evaluate field Nope in type *formatter.diskUsageContext")
    with pytest.raises(TemplateError, match=wanted):
        disk_text(replace(USAGE, template="{{len .Images}}{{.Nope}}"))


def test_what_each_thing_takes_is_a_frame_of_numbers() -> None:
    """One row a thing; what a kind does not have is missing."""
    frame = disk_frames.each(USAGE)
    assert list(frame["size"]) == [2_000, 1_234, 70]
    assert list(frame["name"]) == ["busybox:1", "box", "data"]
    assert pd.isna(frame["shared"][1])
    assert frame["users"].dtype == pd.Int64Dtype()


def test_the_sums_are_a_frame_too(engine: FakeEngine) -> None:
    """Four kinds, also where nothing is there."""
    outcome = do(engine, "system df")
    assert isinstance(outcome, Listing)
    frame = disk_frames.kinds(outcome.rows, NOW)  # type: ignore[arg-type]
    assert list(frame["type"]) == ["Images", "Containers", "Local Volumes", "Build Cache"]
    assert frame["size"].sum() == 0


def test_sizes_are_columns_where_they_were_asked_for(engine: FakeEngine) -> None:
    """`ps -s` has two more columns than `ps`."""
    do(engine, "create --name box busybox true")
    outcome = do(engine, "ps -as")
    assert isinstance(outcome, Listing)
    frame = frames.sized_containers(outcome.rows, NOW)  # type: ignore[arg-type]
    assert list(frame["size"]) == [12_345_000]
    assert set(frame.columns) - set(schemas.CONTAINERS) == {"size", "virtual_size"}


@pytest.mark.parametrize("verb", ["system", "network", "container", "volume", "image"])
def test_nothing_goes_before_somebody_agrees(engine: FakeEngine, verb: str) -> None:
    """Every prune asks; no is no, and where nobody can be asked it says what to say instead."""
    do(engine, "create --name box busybox true")
    refused = do(engine, f"{verb} prune", "n")
    assert isinstance(refused, Lines)
    assert refused.lines == ()
    assert engine.containers.everything
    with pytest.raises(UsageError, match="Say --force"):
        do(engine, f"{verb} prune")


def test_all_that_nothing_uses_goes(engine: FakeEngine) -> None:
    """`system prune` takes containers that ended, and counts what they took."""
    do(engine, "create --name box busybox true")
    outcome = do(engine, "system prune", "y")
    assert isinstance(outcome, Lines)
    assert outcome.lines[0] == "Deleted Containers:"
    assert outcome.lines[-1] == "Total reclaimed space: 14.37MB"
    assert not engine.containers.everything


def test_texts_that_differ_are_shown_where_they_were_asked_for(engine: FakeEngine) -> None:
    """`diff --content` gives the text of the difference, `diff A B` compares two."""
    for name in ("one", "two"):
        do(engine, f"create --name {name} busybox true")
    plain, texts = do(engine, "diff one"), do(engine, "diff --content one")
    both = do(engine, "diff --content one two")
    assert isinstance(plain, Changes)
    assert isinstance(texts, Changes)
    assert isinstance(both, Changes)
    assert plain.content is None
    assert texts.content == "--- a/x\n+++ b/x\n"
    assert both.content == "one two"


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ("volume create --name a b", "either specify --name or provide positional arg, not both"),
        ("volume create --scope multi a", "This node is not a swarm manager"),
        ("volume update data", "Can only update cluster volumes"),
        ("volume update nope", "get nope: no such volume"),
        ("volume prune -a --filter all=1 -f", "cannot specify both --all and --filter all=1"),
        ("create --cpu-count 2 --io-maxiops 1 busybox", "only supported on a docker daemon"),
    ],
)
def test_docker_s_refusals(engine: FakeEngine, line: str, words: str) -> None:
    """What belongs to clusters, to Windows, or is said twice is refused in docker's words."""
    do(engine, "volume create data")
    with pytest.raises(EngineError, match=words):
        do(engine, line)


def test_texts_between_commas_are_several() -> None:
    """A flag of pflag's StringSlice holds one text or many, each time it is given."""
    assert split(("a,b", "", "c", '"d,e",f')) == ("a", "b", "c", "d,e", "f")
