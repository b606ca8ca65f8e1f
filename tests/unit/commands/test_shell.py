"""The shell prints docker's bytes and ends with docker's codes, here on an engine in memory.

The texts were printed by docker 26.1.5, with `docker` become `ipycontainer`.
"""

from __future__ import annotations

import os
import shlex
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from ipycontainer.commands import shell, standard_streams
from ipycontainer.commands.facts import info_lines
from ipycontainer.errors import CommandNotFound, InvalidArgument, Unsupported
from tests.fakes import FakeContainer, FakeEngine, FakeLogEntry, Program

NOT_FOUND = (
    "failed to create task for container: failed to create shim task: OCI runtime create failed: "
    'runc create failed: unable to start container process: exec: "nope": executable file not '
    "found in $PATH: unknown"
)
EXEC_NOT_FOUND = (
    'OCI runtime exec failed: exec failed: unable to start container process: exec: "nope": '
    "executable file not found in $PATH: unknown"
)

Said = tuple[str, str, int]
Say = Callable[[str], Said]


@pytest.fixture
def engine() -> FakeEngine:
    """An engine in memory."""
    return FakeEngine()


@pytest.fixture
def say(engine: FakeEngine, capfd: pytest.CaptureFixture[str]) -> Say:
    """Do a line; return what it printed on both streams, and its exit code."""

    def say(line: str) -> Said:
        code = shell.main(shlex.split(line), lambda: engine)
        out, err = capfd.readouterr()
        return out, err, code

    return say


def test_run_shows_both_streams_and_the_code(engine: FakeEngine, say: Say) -> None:
    """Output goes where the program wrote it, byte for byte; the code is the program's."""
    chunks = (("stdout", b"out\n"), ("stderr", b"err"), ("stdout", b"end"))
    engine.programs[("talk",)] = Program(chunks, exit_code=3)
    assert say("run busybox talk") == ("out\nend", "err", 3)


def test_bytes_pass_as_they_are(engine: FakeEngine, capfdbinary: object) -> None:
    """A program's output need not be text."""
    engine.programs[("noise",)] = Program((("stdout", bytes(range(256))),))
    assert shell.main(["run", "busybox", "noise"], lambda: engine) == 0
    assert capfdbinary.readouterr().out == bytes(range(256))  # type: ignore[attr-defined]


def test_run_detached_prints_the_id(engine: FakeEngine, say: Say) -> None:
    """-d prints the whole id and leaves the container running."""
    out, err, code = say("run -d --name web busybox sleep 100")
    assert (out, err, code) == (f"{engine.containers.get('web').id}\n", "", 0)
    assert engine.containers.get("web").status == "running"


def test_start_that_fails(engine: FakeEngine, say: Say) -> None:
    """The reason stands after docker's prefix, without a word about usage; 127 as in a shell."""
    engine.programs[("nope",)] = Program(fails=CommandNotFound(NOT_FOUND))
    message = f"ipycontainer: Error response from daemon: {NOT_FOUND}.\n"
    assert say("run --name web busybox nope") == ("", message, 127)
    assert say("run --rm --name gone busybox nope") == ("", message, 127)
    out, err, code = say("run -d --name back busybox nope")
    assert (out, err, code) == (f"{engine.containers.get('back').id}\n", message, 127)
    assert [c.name for c in engine.containers.everything] == ["back", "web"]
    assert say("start web") == (
        "",
        f"Error response from daemon: {NOT_FOUND}\nError: failed to start containers: web\n",
        1,
    )
    assert say("start -a web") == ("", f"Error response from daemon: {NOT_FOUND}\n", 1)


def test_error_of_the_creation_points_to_the_help(engine: FakeEngine, say: Say) -> None:
    """Run and create differ in prefix, full stop, pointer and code."""
    words = "the working directory 'rel' is invalid, it needs to be an absolute path"
    assert say("run -w rel busybox true") == (
        "",
        f"ipycontainer: Error response from daemon: {words}.\nSee 'ipycontainer run --help'.\n",
        125,
    )
    assert say("create -w rel busybox true") == ("", f"Error response from daemon: {words}\n", 1)


def test_refusal_of_the_client(say: Say) -> None:
    """What the client refuses names no daemon; run and create end with 125 alike."""
    for verb in ("run", "create"):
        assert say(f"{verb} --env-file /nope busybox true") == (
            "",
            (
                f"ipycontainer: open /nope: no such file or directory.\n"
                f"See 'ipycontainer {verb} --help'.\n"
            ),
            125,
        )
    # without a word of `exec`'s usage, and before anybody looks for the container
    assert say("exec --env-file /nope nobody true") == (
        "",
        "open /nope: no such file or directory\n",
        1,
    )


def test_wrong_flag(say: Say) -> None:
    """A wrong flag is said without prefix."""
    assert say("run --foo busybox") == (
        "",
        "unknown flag: --foo\nSee 'ipycontainer run --help'.\n",
        125,
    )


def test_flag_of_later(say: Say) -> None:
    """A flag that is not here yet ends run and create with 125, other verbs with 1."""
    assert say("run --gpus all busybox") == (
        "",
        "ipycontainer: --gpus is not supported yet.\nSee 'ipycontainer run --help'.\n",
        125,
    )
    assert say("network connect --gw-priority 1 c d") == (
        "",
        "--gw-priority is not supported yet\n",
        1,
    )


def test_wrong_number_of_arguments(say: Say) -> None:
    """The usage line and what the verb is for follow."""
    assert say("rename a") == (
        "",
        (
            '"ipycontainer rename" requires exactly 2 arguments.\n'
            "See 'ipycontainer rename --help'.\n\n"
            "Usage:  ipycontainer rename CONTAINER NEW_NAME\n\nRename a container\n"
        ),
        1,
    )


def test_unknown_verb(say: Say) -> None:
    """An unknown verb ends with 1."""
    assert say("foo") == (
        "",
        "ipycontainer: 'foo' is not an ipycontainer command.\nSee 'ipycontainer --help'\n",
        1,
    )


def test_exec_that_cannot_start(engine: FakeEngine, say: Say) -> None:
    """Docker 26.1.5 says it on stdout and ends with 126, but with -d as any other error."""
    engine.programs[("nope",)] = Program(fails=CommandNotFound(EXEC_NOT_FOUND))
    engine.programs[("id",)] = Program(fails=InvalidArgument("unable to find user x: no match"))
    say("run -d --name web busybox sleep 100")
    assert say("exec web nope") == (f"{EXEC_NOT_FOUND}\r\n", "", 126)
    assert say("exec -u x web id") == ("unable to find user x: no match\r\n", "", 126)
    assert say("exec -d web nope") == ("", f"Error response from daemon: {EXEC_NOT_FOUND}\n", 1)


def test_exec_where_nothing_runs(engine: FakeEngine, say: Say) -> None:
    """A stopped or missing container is the daemon's error."""
    say("create --name web busybox true")
    whole = engine.containers.get("web").id
    assert say("exec web ls") == (
        "",
        f"Error response from daemon: container {whole} is not running\n",
        1,
    )
    assert say("exec nope ls") == ("", "Error response from daemon: No such container: nope\n", 1)


def test_wait_prints_each_code_when_it_is_known(
    engine: FakeEngine, say: Say, capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """While the second is waited for, the first's has been printed."""
    say("create --name one busybox true")
    say("create --name two busybox true")
    seen = []

    def wait(container: FakeContainer, timeout: float | None = None) -> dict[str, int]:
        seen.append(capfd.readouterr().out)
        return {"StatusCode": len(seen)}

    monkeypatch.setattr(FakeContainer, "wait", wait)

    assert say("wait one two") == ("2\n", "", 0)
    assert seen == ["", "1\n"]


def test_several_names(engine: FakeEngine, say: Say) -> None:
    """What is done is printed as typed, what fails is said, and the rest goes on."""
    say("run -d --name web busybox sleep 100")
    say("create --name db busybox sleep 100")
    missing = "Error response from daemon: No such container: nope\n"
    assert say("start web nope db") == (
        "web\ndb\n",
        f"{missing}Error: failed to start containers: nope\n",
        1,
    )
    assert say("stop -t 1 web nope") == ("web\n", missing, 1)
    assert say("wait web nope db") == ("143\n0\n", missing, 1)
    assert say("kill nope db") == (
        "db\n",
        "Error response from daemon: cannot kill container: nope: No such container: nope\n",
        1,
    )
    assert say("rm -f nope web") == ("web\n", missing, 0)
    assert say("rm nope") == ("", missing, 1)


def test_rm_of_a_name_twice(say: Say) -> None:
    """The second time docker meets its own removal, and does not forgive that with -f either."""
    say("create --name web busybox true")
    twice = "Error response from daemon: removal of container web is already in progress\n"
    assert say("rm web web") == ("web\n", twice, 1)
    say("create --name web busybox true")
    assert say("rm -f web web") == ("web\n", twice, 1)


@pytest.mark.parametrize("name", ["''", "/", "..", "a/.."])
def test_a_word_that_is_no_name(say: Say, name: str) -> None:
    """Docker has no page for it; a client that inspects first finds an empty one itself."""
    no_page = "Error response from daemon: page not found\n"
    for line in (f"stop {name}", f"kill {name}", f"pause {name}", f"wait {name}", f"top {name}"):
        assert say(line)[1] == no_page, line
    first = "Error: No such container: \n" if name == "''" else no_page
    for line in (f"logs {name}", f"attach {name}", f"exec {name} ls"):
        assert say(line)[1] == first, line


@pytest.mark.parametrize("name", ["/db", "db/", "//db", "./db", "x/../db", "db//"])
def test_slashes_around_a_name(say: Say, name: str) -> None:
    """A name is a part of a path, which docker's client cleans: the container is found.

    What is printed is the word as it was typed, what fails names what was asked for.
    """
    say("create --name db busybox true")
    for verb in ("start", "stop -t 0", "restart -t 0", "kill"):
        assert say(f"{verb} {name}") == (f"{name}\n", "", 0), verb
    assert say(f"container inspect -f x {name}")[0] == "x\n"
    gone = name.replace("db", "nope")
    assert say(f"stop {gone}")[1] == "Error response from daemon: No such container: nope\n"
    assert say(f"kill {gone}")[1].count("nope") == 2
    assert "/" not in say(f"kill {gone}")[1]


def test_kill_looks_at_the_signal_first(say: Say) -> None:
    """A wrong signal is said before a missing container."""
    assert say("kill -s FOO nope") == (
        "",
        "Error response from daemon: cannot kill container: nope: invalid signal: FOO\n",
        1,
    )


def test_rename_fails_in_two_lines(engine: FakeEngine, say: Say) -> None:
    """The reason, then docker's sentence about the old name; success is silent."""
    say("create --name web busybox true")
    say("create --name db busybox true")
    holder = engine.containers.get("db").id
    assert say("rename web db") == (
        "",
        (
            "Error response from daemon: Error when allocating new name: Conflict. The container "
            f'name "/db" is already in use by container "{holder}". You have to remove (or rename) '
            "that container to be able to reuse that name.\n"
            "Error: failed to rename container named web\n"
        ),
        1,
    )
    assert say("rename web web") == (
        "",
        (
            "Error response from daemon: Renaming a container with the same name as its current "
            "name\n"
            "Error: failed to rename container named web\n"
        ),
        1,
    )
    assert say("rename web ''") == ("", "Error: Neither old nor new names may be empty\n", 1)
    assert say("rename web shop") == ("", "", 0)


def test_inspect_of_what_is_not_there(say: Say) -> None:
    """The list stays JSON; which error it is depends on whether a type was asked for."""
    assert say("inspect nope") == ("[]\n", "Error: No such object: nope\n", 1)
    assert say("container inspect nope") == (
        "[]\n",
        "Error response from daemon: No such container: nope\n",
        1,
    )
    assert say("inspect --type image nope") == (
        "[]\n",
        "Error response from daemon: No such image: nope:latest\n",
        1,
    )
    assert say("inspect -f '{{.Id}}' nope") == ("\n", "Error: No such object: nope\n", 1)
    assert say("inspect --type foo x") == ("", '"foo" is not a valid value for --type\n', 1)


def test_inspect_prints_indented_json(engine: FakeEngine, say: Say) -> None:
    """Four spaces, and what is not ASCII as it is."""
    say("create --name web -l 'x=<é>' busybox true")
    out, err, code = say("inspect web")
    assert out.startswith(f'[\n    {{\n        "Id": "{engine.containers.get("web").id}",\n')
    assert '                "x": "<é>"\n' in out
    assert out.endswith("\n    }\n]\n")
    assert (err, code) == ("", 0)
    assert say("inspect -f json web nope")[0].startswith('[{"Id":"')


def test_template_errors(say: Say) -> None:
    """Each verb has its own words and code for a template that is none, or fails."""
    say("create --name web busybox true")
    assert say("ps --format '{{.ID'") == (
        "",
        "failed to parse template: template: :1: unclosed action\n",
        1,
    )
    assert say("ps --format '{{.Nope}}'") == (
        "",
        (
            'failed to execute template: template: :1:2: executing "" at <.Nope>: can\'t evaluate '
            "field Nope in type *formatter.ContainerContext\n"
        ),
        1,
    )
    assert say("images --format '{{.Nope}}'") == (
        "",
        (
            'template parsing error: template: :1:2: executing "" at <.Nope>: can\'t evaluate '
            "field Nope in type *formatter.imageContext\n"
        ),
        1,
    )
    assert say("inspect -f '{{.Id' nope") == (
        "",
        "template parsing error: template: :1: unclosed action\n",
        64,
    )
    assert say("inspect -f 'pre{{.Nope}}' web") == (
        "\n",
        (
            'template parsing error: template: :1:5: executing "" at <.Nope>: map has no entry for '
            'key "Nope"\n'
        ),
        1,
    )
    assert say("version -f '{{.Nope}}'") == (
        "\n",
        (
            'template: version:1:2: executing "version" at <.Nope>: can\'t evaluate field Nope in '
            "type system.versionInfo\n"
        ),
        1,
    )
    assert say("ps --format '{{range .}}'") == (
        "",
        "failed to parse template: template: :1: unexpected EOF\n",
        1,
    )


def test_ps_warns_of_a_dropped_format(say: Say) -> None:
    """-q beside --format prints ids and docker's warning."""
    say("run -d --name web busybox sleep 100")
    out, err, code = say("ps -q --format '{{.Names}}'")
    assert len(out) == 13
    assert err == ("WARNING: Ignoring custom format, because both --format and --quiet are set.\n")
    assert code == 0


def test_logs_keep_their_streams(engine: FakeEngine, say: Say) -> None:
    """Each line goes to the stream that it was written to; -t puts nine digits before it."""
    say("create --name web busybox true")
    engine.containers.get("web").log = [
        FakeLogEntry(1_795_510_871_500_000_000, "stdout", b"out\n"),
        FakeLogEntry(1_795_510_871_600_000_000, "stderr", b"err\n"),
        FakeLogEntry(1_795_510_871_700_000_000, "stdout", b"end"),
    ]
    assert say("logs web") == ("out\nend", "err\n", 0)
    assert say("logs -t -n 1 web") == ("2026-11-24T09:01:11.700000000Z end", "", 0)
    assert say("logs --tail=-1 web") == ("out\nend", "err\n", 0)
    assert say("logs --tail x web") == ("out\nend", "err\n", 0)
    assert say("logs -n 0 web") == ("", "", 0)
    assert say("logs --since foo web") == (
        "",
        'invalid value for "since": failed to parse value as time or duration: "foo"\n',
        1,
    )


def test_logs_keep_their_order_on_one_pipe(
    engine: FakeEngine, say: Say, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """With 2>&1 a reader gets the lines of both streams as they were printed."""
    say("create --name web busybox true")
    engine.containers.get("web").log = [
        FakeLogEntry(1, "stdout", b"one\n"),
        FakeLogEntry(2, "stderr", b"two\n"),
        FakeLogEntry(3, "stdout", b"three"),
    ]
    with (tmp_path / "both").open("wb") as file:
        monkeypatch.setattr(sys, "stdout", standard_streams.patient(file.fileno()))
        monkeypatch.setattr(sys, "stderr", standard_streams.patient(file.fileno()))
        assert say("logs web")[2] == 0
    assert (tmp_path / "both").read_bytes() == b"one\ntwo\nthree"


def test_images_and_tags(engine: FakeEngine, say: Say) -> None:
    """Tag is silent; rmi says what it did, and what it could not."""
    assert say("tag busybox foo:1") == ("", "", 0)
    assert say("rmi foo:1 nope") == (
        "Untagged: foo:1\n",
        "Error response from daemon: No such image: nope:latest\n",
        1,
    )
    assert say("tag busybox Foo") == (
        "",
        (
            'Error parsing reference: "Foo" is not a valid repository/tag: invalid reference '
            "format: repository name (library/Foo) must be lowercase\n"
        ),
        1,
    )
    assert say("import /nope") == ("", "open /nope: no such file or directory\n", 1)
    gone = engine.images.get("busybox").id
    assert say("rmi busybox") == (f"Untagged: busybox:latest\nDeleted: {gone}\n", "", 0)


def test_import_prints_the_id(engine: FakeEngine, say: Say, tmp_path: Path) -> None:
    """Import hands over source, name, changes and message."""
    source = tmp_path / "x.tar"
    source.touch()
    out, err, code = say(f"import -c 'CMD [\"sh\"]' -c 'ENV A=1' -m hello {source} foo")
    assert (out, err, code) == (f"{engine.images.get('foo').id}\n", "", 0)
    assert engine.imports == [
        (source, "foo", "latest", ('CMD ["sh"]', "ENV A=1"), "hello"),
    ]


def test_version_without_an_engine(capfd: pytest.CaptureFixture[str]) -> None:
    """The client's part is shown also where no engine can be, then the reason."""

    def none() -> FakeEngine:
        raise Unsupported("no user namespaces here")

    assert shell.main(["version"], none) == 1
    out, err = capfd.readouterr()
    assert out.startswith("Client:\n Version:           ")
    assert "Server" not in out
    assert err == "no user namespaces here\n"


def test_info_is_in_dockers_layout(say: Say) -> None:
    """Docker's labels in docker's order, an empty line at the end."""
    out, _, code = say("info")
    assert out.startswith("Client:\n Version:    ")
    assert "\nServer:\n Containers: 0\n  Running: 0\n  Paused: 0\n  Stopped: 0\n Images: 2\n" in out
    assert " CPUs: 2\n Total Memory: 23.54GiB\n Name: vm\n" in out
    assert " Context:    default\n Debug Mode: false\n\nServer:\n" in out
    assert out.endswith("\n\n")
    assert code == 0


def test_info_tells_lists_and_switches_as_docker_does() -> None:
    """Plugins by their kind, those of a kind that has none left out; Go's words for yes and no."""
    lines = info_lines(
        {
            "Plugins": {"Volume": ["local"], "Network": ["bridge", "host"], "Authorization": None},
            "Swarm": {"LocalNodeState": "inactive"},
            "InitBinary": "some-init",
            "ExperimentalBuild": False,
            "RegistryConfig": {
                "InsecureRegistryCIDRs": ["127.0.0.0/8"],
                "IndexConfigs": {"open:5000": {"Secure": False}, "docker.io": {"Secure": True}},
            },
            "LiveRestoreEnabled": True,
        }
    )
    assert lines[lines.index("Server:") + 1 :] == [
        *(" Plugins:", "  Volume: local", "  Network: bridge host"),
        *(" Swarm: inactive", " Init Binary: some-init", " Experimental: false"),
        *(" Insecure Registries:", "  open:5000", "  127.0.0.0/8", " Live Restore Enabled: true"),
        "",
    ]


def test_reset_asks_for_force(engine: FakeEngine, say: Say) -> None:
    """Without --force nothing is removed."""
    assert say("system reset")[2] == 1
    assert engine.resets == 0
    assert say("system reset -f") == ("", "", 0)
    assert engine.resets == 1


def interrupt_after_each_write(monkeypatch: pytest.MonkeyPatch) -> None:
    """Send ourselves an interrupt whenever something was passed on."""
    write = shell._write

    def write_and_interrupt(*args: Any, **options: Any) -> None:
        write(*args, **options)
        os.kill(os.getpid(), signal.SIGINT)

    monkeypatch.setattr(shell, "_write", write_and_interrupt)


def test_interrupt_goes_to_the_program(engine: FakeEngine, monkeypatch: pytest.MonkeyPatch) -> None:
    """SIGINT while a program runs is the program's; the code is then 128 and the signal."""
    engine.programs[("wait",)] = Program((("stdout", b"."),))
    interrupt_after_each_write(monkeypatch)
    before = signal.getsignal(signal.SIGINT)  # ignored in what a shell runs in the background
    assert shell.main(["run", "--name", "web", "busybox", "wait"], lambda: engine) == 130
    assert engine.containers.get("web").foregrounds[0].signals == [signal.SIGINT]
    assert signal.getsignal(signal.SIGINT) is before


def test_third_interrupt_leaves(
    engine: FakeEngine,
    monkeypatch: pytest.MonkeyPatch,
    capfd: pytest.CaptureFixture[str],
) -> None:
    """A program that ignores interrupts does not keep the shell: the third one ends it."""
    engine.programs[("wait",)] = Program(tuple(("stdout", b".") for _ in range(5)))
    interrupt_after_each_write(monkeypatch)
    with pytest.raises(SystemExit) as leaving:
        shell.main(["run", "--name", "web", "busybox", "wait"], lambda: engine)
    assert leaving.value.code == 1
    watched = engine.containers.get("web").foregrounds[0]
    assert (watched.signals, watched.detached) == ([signal.SIGINT] * 2, True)
    assert "got 3 SIGTERM/SIGINTs, forcefully exiting" in capfd.readouterr().err


def test_hint_only_for_a_person(say: Say, monkeypatch: pytest.MonkeyPatch) -> None:
    """The next step is a further line, where stderr is a terminal."""
    assert "Did you mean" not in say("runn busybox")[1]
    monkeypatch.setattr(shell, "_is_terminal", lambda stream: True)
    assert say("runn busybox")[1].endswith("Did you mean run?\n")


def test_terminal_is_not_steered(
    engine: FakeEngine, say: Say, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Control characters of labels are shown, not obeyed, on a terminal; a pipe gets them as is."""
    assert shell.main(["create", "-l", "x=\x1b[2Jé", "busybox", "true"], lambda: engine) == 0
    line = "ps -a --format '{{.Label \"x\"}}'"
    assert say(line)[0].endswith("\x1b[2Jé\n")
    monkeypatch.setattr(shell, "_is_terminal", lambda stream: True)
    assert say(line)[0].endswith("\\x1b[2Jé\n")


def test_unknown_errors_stay_errors() -> None:
    """A defect is not dressed up as docker's error."""

    def broken() -> FakeEngine:
        raise RuntimeError("a defect")

    with pytest.raises(RuntimeError, match="a defect"):
        shell.main(["ps"], broken)


def test_removed_working_directory(
    say: Say, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A shell whose directory is gone still works."""
    gone = tmp_path / "gone"
    gone.mkdir()
    monkeypatch.chdir(gone)
    gone.rmdir()
    assert say("ps -q") == ("", "", 0)


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("--version >/dev/full", b"write /dev/stdout: no space left on device\n"),
        ("nope 2>/dev/full", b""),
    ],
)
def test_a_stream_that_takes_no_more(line: str, said: bytes) -> None:
    """A full disk is an error in docker's words, and no traceback."""
    whole = f'exec "{sys.executable}" -m ipycontainer {line}'
    result = subprocess.run(["sh", "-c", whole], capture_output=True, check=False)
    assert (result.returncode, result.stdout, result.stderr) == (1, b"", said)


@pytest.mark.parametrize("closed", ["<&-", ">&-", "2>&-", "<&- >&- 2>&-"])
def test_closed_standard_streams(closed: str) -> None:
    """A caller that closes a standard stream gets no traceback and no foreign file there."""
    line = f'exec "{sys.executable}" -m ipycontainer --version {closed}'
    result = subprocess.run(["sh", "-c", line], capture_output=True, check=False)
    assert result.returncode == 0
    assert result.stderr == b""
