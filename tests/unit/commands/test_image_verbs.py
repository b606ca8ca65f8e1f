"""pull, push, login, load, save, history, image prune: docker's bytes, on an engine in memory."""

from __future__ import annotations

import io
import shlex
from collections.abc import Callable
from pathlib import Path
from typing import cast

import pytest

from ipycontainer.commands import shell, transfers
from ipycontainer.commands.engine_protocols import Values
from ipycontainer.commands.grammar import invoke
from ipycontainer.commands.records import Lines, Listing
from ipycontainer.commands.summaries import ImageSummary
from ipycontainer.errors import UsageError
from ipycontainer.model.transfer import Progress
from tests.fake_transfers import FakeTransfer
from tests.fakes import FakeEngine, Program

Said = tuple[str, str, int]
Say = Callable[[str], Said]
TOLD: list[Progress | BaseException] = [
    Progress("1", "Pulling from a/b"),
    Progress("3d9b75773db9", "Pulling fs layer"),
    Progress("3d9b75773db9", "Downloading", 5, 10),
    Progress("3d9b75773db9", "Pull complete"),
    Progress("", "Digest: sha256:d"),
    Progress("", "Status: Downloaded newer image for a/b:1"),
]
LINES = (
    "1: Pulling from a/b\n3d9b75773db9: Pulling fs layer\n3d9b75773db9: Pull complete\n"
    "Digest: sha256:d\nStatus: Downloaded newer image for a/b:1\n"
)


@pytest.fixture
def engine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> FakeEngine:
    """An engine in memory that can pull a/b:1."""
    monkeypatch.setenv("DOCKER_CONFIG", str(tmp_path))
    made = FakeEngine()
    made.images.remote["a/b:1"] = TOLD
    return made


@pytest.fixture
def say(engine: FakeEngine, capfd: pytest.CaptureFixture[str]) -> Say:
    """Do a line; return what it printed on both streams, and its exit code."""

    def say(line: str) -> Said:
        code = shell.main(shlex.split(line), lambda: engine)
        out, err = capfd.readouterr()
        return out, err, code

    return say


def test_pull_prints_dockers_lines(engine: FakeEngine, say: Say) -> None:
    """States, not bytes, into a file; -q the name alone."""
    assert say("pull a/b:1") == (f"{LINES}docker.io/a/b:1\n", "", 0)
    assert say("image pull -q a/b:1") == ("docker.io/a/b:1\n", "", 0)
    missing = "Error response from daemon: manifest for c:latest not found: manifest unknown: "
    out, err, code = say("pull c")
    assert (out, code) == ("Using default tag: latest\n", 1)
    assert err.startswith(missing)
    assert say("pull Bad")[1:] == (
        "invalid reference format: repository name (library/Bad) must be lowercase\n",
        1,
    )
    assert say("pull -a x:1") == ("", "tag can't be used with --all-tags/-a\n", 1)
    say("pull --platform linux/arm64 a/b:1")
    assert engine.images.asked[-1] == ("pull", "a/b:1", False, "linux/arm64")


def test_run_pulls_what_is_missing(engine: FakeEngine, say: Say) -> None:
    """On stderr, before the program; --pull says when."""
    engine.programs[("echo",)] = Program((("stdout", b"out\n"),))
    notice = "Unable to find image 'a/b:1' locally\n"
    assert say("run a/b:1 echo") == ("out\n", notice + LINES, 0)
    assert say("run a/b:1 echo") == ("out\n", "", 0)
    assert say("run --pull always a/b:1 echo") == ("out\n", LINES, 0)
    assert say("run --pull always -q a/b:1 echo") == ("out\n", "", 0)
    out, err, code = say("run --pull never c echo")
    assert (out, code) == ("", 125)
    assert err.startswith("ipycontainer: Error response from daemon: No such image: c:latest.\n")
    assert say("create --pull foo busybox true")[1].startswith(
        'ipycontainer: invalid pull option: \'foo\': must be one of "always", "missing" or '
        '"never".\n'
    )


def test_what_is_told_before_a_missing_image(engine: FakeEngine, say: Say) -> None:
    """What docker's client warns of, once; what its daemon refuses takes the image's place."""
    engine.programs[("echo",)] = Program((("stdout", b"out\n"),))
    warning = (
        "WARNING: Disabling the OOM killer on containers without setting a '-m/--memory' limit "
        "may be dangerous.\n"
    )
    notice = "Unable to find image 'a/b:1' locally\n"
    refusal = "Error response from daemon: Minimum memory limit allowed is 6MB"
    assert say("create -m 1k a/b:1 echo") == ("", f"{refusal}\n", 1)
    assert engine.images.asked == []
    assert say("run --oom-kill-disable a/b:1 echo") == ("out\n", warning + notice + LINES, 0)
    assert say("run --oom-kill-disable a/b:1 echo")[1] == warning


def test_push_prints_dockers_lines(engine: FakeEngine, say: Say) -> None:
    """An error of it is a line of its own, without the daemon's name."""
    head = "The push refers to repository [docker.io/library/busybox]\n"
    assert say("push busybox:latest") == (f"{head}1: digest: sha256:d size: 527\n", "", 0)
    assert say("push -q busybox:latest") == ("docker.io/library/busybox:latest\n", "", 0)
    assert say("push q") == (
        "Using default tag: latest\nThe push refers to repository [docker.io/library/q]\n",
        "An image does not exist locally with the tag: q:latest\n",
        1,
    )


def test_load_and_save(engine: FakeEngine, say: Say, tmp_path: Path) -> None:
    """A file in one piece or none; docker's lines for what was loaded."""
    saved = tmp_path / "saved.tar"
    assert say(f"save -o {saved} busybox") == ("", "", 0)
    assert saved.read_bytes() == b"archive"
    gone = "Error response from daemon: No such image: nope:latest\n"
    assert say(f"save -o {tmp_path}/new nope") == ("", gone, 1)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["saved.tar"]
    assert say("save -o /nope/x busybox")[1:] == (
        'failed to save image: invalid output path: directory "/nope" does not exist\n',
        1,
    )
    moved = (
        "The image loaded:1 already exists, renaming the old one with ID sha256:old to empty "
        "string\n"
    )
    assert say(f"load -i {saved}") == (
        f"{moved}Loaded image: loaded:1\n",
        "",
        0,
    )
    assert engine.images.asked[-1] == ("load", b"archive", "")
    assert say("load -i /nope") == ("", "open /nope: no such file or directory\n", 1)
    assert say(f"load -i {tmp_path}") == ("", f"read {tmp_path}: is a directory\n", 1)
    refused = 'invalid output path: "/dev/null" must be a directory or a regular file: got a device'
    assert say("save -o /dev/null busybox")[1:] == (f"failed to save image: {refused}\n", 1)


def test_history(engine: FakeEngine, say: Say) -> None:
    """A table, a template, ids alone."""
    out, _, _ = say("history --no-trunc --human=false busybox")
    image = engine.images.get("busybox")
    assert out.split("\n")[0].split() == "IMAGE CREATED AT CREATED BY SIZE COMMENT".split()
    assert out.splitlines()[1].split()[0] == image.id
    assert say("history -q busybox")[0] == f"{image.id[7:19]}\n"
    assert say("history --format '{{.CreatedBy}}|{{.Size}}' busybox")[0] == "CMD sh|2.03MB\n"


def test_image_prune_asks_before(engine: FakeEngine, say: Say) -> None:
    """And says what went, in docker's small letters."""
    assert say("image prune -f --filter label=x") == (
        "Deleted Images:\ndeleted: sha256:d\n\nTotal reclaimed space: 2.028MB\n",
        "",
        0,
    )
    assert engine.images.asked[-1] == ("prune", {"dangling": ["true"], "label": ["x"]})
    say("image prune -af")
    assert engine.images.asked[-1] == ("prune", {"dangling": ["false"]})
    with pytest.raises(UsageError, match="Say --force"):
        invoke(lambda: engine, ["image", "prune"])
    answered = invoke(lambda: engine, ["image", "prune"], ask=lambda question, hidden: "n")
    assert isinstance(answered, Lines)
    assert answered.lines == ()


def test_host_is_listed_where_it_is_asked_for(engine: FakeEngine, say: Say) -> None:
    """In a shell, for the sake of `rmi $(images -q)`; in a frame always."""
    listed = "images --format {{.Repository}}"
    assert "host" not in say(listed)[0].split()
    assert say("images -q")[0].split() == say("images -q --format table")[0].split()
    assert say(f"{listed} host")[0] == "host\n"
    assert say(f"{listed} -f reference=h*")[0] == "host\n"
    in_frame = cast(Values, object())  # that there are any says that it is a notebook
    outcome = invoke(lambda: engine, ["images"], values=in_frame)
    assert isinstance(outcome, Listing)
    assert "host" in [row.repository for row in outcome.rows if isinstance(row, ImageSummary)]


def test_a_commit_to_a_digest_is_refused(say: Say) -> None:
    """Before the container is looked for, as docker's client does."""
    refused = "refusing to create a tag with a digest reference\n"
    assert say(f"commit nobody made@sha256:{'0' * 64}") == ("", refused, 1)


def test_login_in_dockers_words(engine: FakeEngine, say: Say) -> None:
    """A password on the line is warned of; without one and a terminal it is refused."""
    out, err, code = say("login -u me -p secret reg.test")
    assert (out, code) == ("Login Succeeded\n", 0)
    assert err.startswith(
        "WARNING! Using --password via the CLI is insecure. Use --password-stdin.\n"
        "WARNING! Your password will be stored unencrypted in "
    )
    assert engine.logins == [("me", "secret", "reg.test")]
    assert say("login --password-stdin")[1] == "Must provide --username with --password-stdin\n"
    assert say("logout")[0] == "Removing login credentials for https://index.docker.io/v1/\n"
    asked: list[tuple[str, bool]] = []

    def ask(question: str, hidden: bool) -> str:
        asked.append((question, hidden))
        return "answer"

    invoke(lambda: engine, ["login"], ask=ask)
    assert asked == [("Username: ", False), ("Password: ", True)]
    assert engine.logins[-1] == ("answer", "answer", "docker.io")


def test_login_asks_again_with_what_is_known(
    engine: FakeEngine, say: Say, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Without a name and a password those that are kept are tried; else there is nobody to ask."""
    monkeypatch.setenv("DOCKER_CONFIG", str(tmp_path))
    refused = "Error: Cannot perform an interactive login from a non TTY device\n"
    assert say("login reg.test") == ("", refused, 1)
    (tmp_path / "config.json").write_text('{"auths": {"reg.test": {"auth": "bWU6c2VjcmV0"}}}')
    assert say("login reg.test")[0] == (
        "Authenticating with existing credentials...\nLogin Succeeded\n"
    )
    assert engine.logins[-1] == ("me", "secret", "reg.test")


def test_build_is_refused_with_a_way_out(say: Say) -> None:
    """By name; the hint says what there is instead."""
    from ipycontainer.commands.refusals import INSTEAD

    assert say("build .") == ("", "ipycontainer build is not supported yet\n", 1)
    assert "commit" in INSTEAD["build"]
    assert "import" in INSTEAD["build"]


def test_an_interrupt_stops_the_transfer() -> None:
    """And goes on to whoever asked."""
    transfer = FakeTransfer([Progress("", "a"), KeyboardInterrupt()], None)
    with pytest.raises(KeyboardInterrupt):
        transfers.attend(transfer, "", io.StringIO(), terminal=False)
    assert transfer.cancelled


def test_bars_on_a_terminal_are_drawn_over() -> None:
    """One line a layer; what is said of the whole stays above."""
    out = io.StringIO()
    transfer = FakeTransfer(
        [
            Progress("aaa", "Downloading", 5_000, 10_000),
            Progress("bbb", "Waiting"),
            Progress("", "Digest: x"),
        ],
        7,
    )
    assert transfers.attend(transfer, "Using default tag: latest", out, terminal=True) == 7
    text = out.getvalue()
    assert text.startswith("Using default tag: latest\n")
    assert "aaa: Downloading [" in text
    assert "5kB/10kB" in text
    assert "\x1b[" in text
    assert text.endswith("Digest: x\n")


@pytest.mark.parametrize(
    ("current", "shown"), [(0, "[>     ]"), (50, "[===>  ]"), (100, "[======]"), (98, "[=====>]")]
)
def test_a_bar(current: int, shown: str) -> None:
    """As docker draws it."""
    assert transfers.bar(current, 100, 6) == shown
