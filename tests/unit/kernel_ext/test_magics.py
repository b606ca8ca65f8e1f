"""A line or a cell does what docker's words say, and gives back what a notebook can use."""

from __future__ import annotations

from typing import Any

import pandas as pd
import pytest
from IPython.core.error import UsageError
from IPython.core.interactiveshell import InteractiveShell

from ipycontainer.errors import ContainerError, EngineError, NoSuchContainer
from ipycontainer.model.image import History, Layer
from kernel_ext import display
from kernel_ext.magics import ContainerMagics
from kernel_ext.schemas import CONTAINERS
from tests.fakes import FakeChange, FakeContainer, FakeEngine, Program
from tests.unit.kernel_ext.conftest import Cells


def test_run_streams_and_returns_nothing(cells: Cells, capsys: pytest.CaptureFixture[str]) -> None:
    """A program in the foreground is shown on both streams; the cell has no value."""
    cells.engine.programs[("greet",)] = Program((("stdout", b"hello\n"), ("stderr", b"oops\n")))
    assert cells.run("%container run busybox greet") is None
    assert tuple(capsys.readouterr()) == ("hello\n", "oops\n")


def test_an_exit_code_is_an_error_in_one_line(
    cells: Cells, capsys: pytest.CaptureFixture[str]
) -> None:
    """A failing program ends the cell with an error that has the code."""
    cells.engine.programs[("false",)] = Program(exit_code=3)
    with pytest.raises(ContainerError) as caught:
        cells.run("%container run --name job busybox false")
    assert caught.value.exit_code == 3
    assert caught.value.container is cells.container("job")
    assert caught.value._render_traceback_()[0] == "job: exit code 3"
    assert "Traceback" not in capsys.readouterr().out


def test_no_raise_gives_the_code(cells: Cells) -> None:
    """With --no-raise the code is the value, 0 included."""
    cells.engine.programs[("false",)] = Program(exit_code=3)
    assert cells.run("code = %container --no-raise run busybox false\ncode") == 3
    assert cells.run("%container --no-raise run busybox true") == 0


def test_streams_go_into_variables(cells: Cells, capsys: pytest.CaptureFixture[str]) -> None:
    """--stdout and --stderr keep a stream as text, also when the program fails."""
    cells.engine.programs[("both",)] = Program((("stdout", b"o\n"), ("stderr", b"e\n")), 1)
    with pytest.raises(ContainerError):
        cells.run("%container --stdout out --stderr err run busybox both")
    assert cells.run("(out, err)") == ("o\n", "e\n")
    assert capsys.readouterr().err == ""


def test_kept_text_of_a_listing_is_dockers(cells: Cells) -> None:
    """--stdout keeps what the shell would print, for every verb."""
    cells.run("%container create --name web busybox")
    cells.run("%container --stdout text ps -a")
    assert cells.run("text").startswith("CONTAINER ID   IMAGE")


def test_kept_errors_are_said_once(cells: Cells, capsys: pytest.CaptureFixture[str]) -> None:
    """A failure goes into the variable as docker's text, and ends the cell all the same."""
    with pytest.raises(NoSuchContainer):
        cells.run("%container --stderr said rm one two")
    assert cells.run("said").count("No such container") == 2
    assert "one" not in capsys.readouterr().err


def test_a_cell_is_the_programs_input(cells: Cells, capsys: pytest.CaptureFixture[str]) -> None:
    """With a command, the body is standard input, verbatim, and -i is implied."""
    cells.engine.programs[("cat",)] = Program(echoes_stdin=True)
    cells.run("%%container run --name c busybox cat\nline $HOME {x}\n")
    assert capsys.readouterr().out == "line $HOME {x}\n"
    assert cells.container("c").record.config.open_stdin


def test_a_cell_may_continue_its_first_line(
    cells: Cells, capsys: pytest.CaptureFixture[str]
) -> None:
    """Options may stand on further lines, each ended by a backslash."""
    cells.engine.programs[("cat",)] = Program(echoes_stdin=True)
    cells.run("%%container run \\\n  --name c \\\n  busybox cat\nbody\n")
    assert capsys.readouterr().out == "body\n"
    assert cells.container("c").name == "c"


def test_a_cell_without_command_is_a_script(cells: Cells) -> None:
    """Python for `host`, the image's shell elsewhere; a file, with nothing on standard input."""
    cells.run("%%container run --name py host\nprint(1)\n")
    config = cells.container("py").record.config
    assert config.command == ("python", "/cell.py")
    assert config.files == {"/cell.py": "print(1)\n"}
    assert not config.open_stdin
    cells.run("%%container run --name sh busybox\necho 1\n")
    config = cells.container("sh").record.config
    assert config.command == ("sh", "/cell.sh")
    assert config.files == {"/cell.sh": "echo 1\n"}


def test_just_python_is_a_script_too(cells: Cells) -> None:
    """`host python` with a body is a file; python with arguments gets the body as input."""
    cells.run("%%container run --name a host python\nprint(1)\n")
    assert cells.container("a").record.config.command == ("python", "/cell.py")
    cells.run("%%container run --name b host python -\nprint(1)\n")
    config = cells.container("b").record.config
    assert config.command == ("python", "-")
    assert config.open_stdin


def test_a_script_may_run_in_the_background(cells: Cells) -> None:
    """-d goes with a script; a body that is input needs somebody who reads it now."""
    cells.run("%%container run -d --name bg host\nprint(1)\n")
    assert cells.container("bg").record.config.files
    with pytest.raises(EngineError, match="foreground"):
        cells.run("%%container run -d busybox cat\nx\n")


def test_a_body_for_a_verb_that_reads_none_is_refused(cells: Cells) -> None:
    """A body that nobody would read is an error, not ignored."""
    with pytest.raises(UsageError, match="%container ps"):
        cells.run("%%container ps\nx\n")


def test_exec_takes_a_body(cells: Cells) -> None:
    """Exec gives the body to its command; without one it is the image's shell's script."""
    cells.run("%container run -d --name web busybox sleep 60")
    cells.run("%%container exec web cat\nx\n")
    cells.run("%%container exec web\necho $HOME\n")
    calls = [call for call in cells.container("web").calls if call[0] == "exec"]
    assert [(call[1], call[-1]) for call in calls] == [
        (("cat",), b"x\n"),
        (("sh", "-c", "echo $HOME\n"), None),
    ]


def test_a_warning_is_said_once_a_session(
    cells: Cells, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is the same below every cell; another one is said, too."""
    monkeypatch.setattr(display, "_warned", set())
    for said in ("no cgroup here", "no cgroup here", "another"):
        monkeypatch.setattr(FakeContainer, "told", (said,), raising=False)
        cells.run("%container run -d busybox true")
    told = capsys.readouterr().err
    assert told.count("no cgroup here") == 1
    assert told.count("another") == 1


def test_run_d_returns_the_container(cells: Cells) -> None:
    """A detached container is a value with the engine's verbs on it."""
    web = cells.run("web = %container run -d --name web busybox sleep 60\nweb")
    assert web is cells.container("web")
    assert web.status == "running"


def test_ps_is_a_frame(cells: Cells) -> None:
    """`df = %container ps` just works, and its ids go back into a line."""
    cells.run("%container run -d --name web busybox sleep 60")
    cells.run("%container create --name idle busybox")
    frame = cells.run("df = %container ps -a\ndf")
    assert isinstance(frame, pd.DataFrame)
    assert frame.name.tolist() == ["idle", "web"]
    assert list(frame.columns) == list(CONTAINERS)
    cells.run("%container rm -f {df}")
    assert len(cells.run("%container ps -a")) == 0


def test_quiet_and_templates_are_lists(cells: Cells) -> None:
    """Ps -q gives ids, --format lines."""
    cells.run("%container create --name idle busybox")
    ids = cells.run("%container ps -aq")
    assert ids == [cells.container("idle").short_id]
    assert type(ids) is list
    assert cells.run('%container ps -a --format "{{.Names}}: {{.Image}}"') == ["idle: busybox"]
    assert cells.run("%container ps -a --format {{.Names}}") == ["idle"]


def test_images_and_diff_are_frames(cells: Cells) -> None:
    """The other listings are frames of their own columns."""
    assert cells.run("%container images").repository.tolist() == ["busybox", "host"]
    cells.run("%container create --name c busybox")
    cells.container("c").differences = [FakeChange("A", "/new", size=5, size_delta=5)]
    assert cells.run("%container diff c").path.tolist() == ["/new"]


def test_inspect_is_json(cells: Cells) -> None:
    """Inspect gives docker's objects, as dicts and as a tree."""
    cells.run("%container create --name c busybox")
    found = cells.run("%container inspect c")
    assert found[0]["Name"] == "/c"
    bundle = cells.forms(found)
    assert bundle["application/json"][0]["Name"] == "/c"
    assert bundle["text/plain"].startswith("[\n    {\n")
    assert cells.run("%container inspect -f {{.Name}} c") == ["/c"]


def test_version_and_info_are_json(cells: Cells) -> None:
    """The engine's facts are dicts in docker's shape, with docker's text beside."""
    version = cells.run("%container version")
    assert version["Server"]["ApiVersion"] == "1.45"
    bundle = cells.forms(version)
    assert "application/json" in bundle
    assert bundle["text/plain"].startswith("Client:\n")
    assert cells.run("%container info")["Images"] == 2


def test_wait_gives_codes(cells: Cells) -> None:
    """Wait returns numbers."""
    cells.engine.programs[("bad",)] = Program(exit_code=4)
    cells.run("%container run -d --name a busybox bad")
    cells.run("%container run -d --name b busybox true")
    assert cells.run("%container wait a b") == [4, 0]


def test_names_of_what_was_done_are_said(cells: Cells, capsys: pytest.CaptureFixture[str]) -> None:
    """Verbs that change something print the names as typed, and have no value."""
    cells.run("%container create --name a busybox;")
    assert cells.run("%container rm a") is None
    assert capsys.readouterr().out == "a\n"


def test_some_of_several_may_fail(cells: Cells, capsys: pytest.CaptureFixture[str]) -> None:
    """The others are done and said; the failure ends the cell."""
    cells.run("%container create --name a busybox;")
    with pytest.raises(NoSuchContainer, match="No such container: x"):
        cells.run("%container rm x a")
    assert "a\n" in capsys.readouterr().out
    assert cells.engine.containers.everything == []


def test_forgiven_errors_do_not_end_the_cell(
    cells: Cells, capsys: pytest.CaptureFixture[str]
) -> None:
    """Rm -f of what is not there says so, as docker does, and goes on."""
    cells.run("%container rm -f nothing")
    assert "No such container: nothing" in capsys.readouterr().err


def test_a_semicolon_silences(cells: Cells, capsys: pytest.CaptureFixture[str]) -> None:
    """A trailing semicolon leaves neither value nor line."""
    assert cells.run("%container ps -a;") is None
    assert cells.run("%container create --name a busybox ;") is None
    assert cells.run("%container rm a;") is None
    assert capsys.readouterr().out == ""


def test_variables_of_a_function_are_seen(cells: Cells) -> None:
    """Inside a function, its own variables count."""
    text = """
def make(who):
    get_ipython().run_line_magic("container", "create --name {who} busybox")
make("local")
"""
    cells.run(text)
    assert cells.container("local").name == "local"


def test_values_and_templates_share_a_line(cells: Cells) -> None:
    """A Python value and a Go template may stand in one line."""
    cells.run("who = 'web'")
    cells.run("%container create --name $who busybox")
    assert cells.run("%container inspect -f '{{.Name}}' {who}") == ["/web"]


def test_errors_are_catchable_by_type(cells: Cells) -> None:
    """An engine's error is an exception like any other to the user's code."""
    text = """
from ipycontainer.errors import NoSuchContainer
try:
    get_ipython().run_line_magic("container", "start nobody")
except NoSuchContainer as error:
    caught = error.message
caught
"""
    assert cells.run(text) == "No such container: nobody"


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("frobnicate", "'frobnicate' is not"),
        ("run --publsh 1 busybox", "unknown flag: --publsh"),
        ("run", "requires at least 1 argument"),
        ("run {nobody}", "name 'nobody' is not defined"),
        ("ps | grep x", "pipe"),
        ("run 'x", "no closing '"),
    ],
)
def test_wrong_lines_are_one_line(
    cells: Cells, line: str, message: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """A wrong line is answered in docker's or our words, without a traceback."""
    with pytest.raises((EngineError, UsageError), match=message):
        cells.run(f"%container {line}")
    shown = "".join(capsys.readouterr())
    assert "Traceback" not in shown
    assert message.split()[0].strip("'") in shown


def test_logs_are_shown_and_kept(cells: Cells, capsys: pytest.CaptureFixture[str]) -> None:
    """Logs writes each line to its stream, or into a variable."""
    cells.engine.programs[("talk",)] = Program((("stdout", b"a\n"), ("stderr", b"b\n")))
    cells.run("%container run -d --name t busybox talk")
    capsys.readouterr()
    cells.run("%container logs t")
    assert tuple(capsys.readouterr()) == ("a\n", "b\n")
    cells.run("%container --stdout text logs t")
    assert cells.run("text") == "a\n"


def test_a_cell_that_starts_nothing_connects_to_nothing(shell: InteractiveShell) -> None:
    """A wrong line, and help, need no engine: no home is made for them."""

    def refuse() -> FakeEngine:
        raise AssertionError("an engine was made")

    shell.register_magics(ContainerMagics(shell, refuse))
    cells = Cells(shell, FakeEngine())
    cells.run("%container --help")
    with pytest.raises(EngineError):
        cells.run("%container run --nope x")


def test_an_interrupt_of_a_waiting_verb_is_one_line(cells: Cells) -> None:
    """Giving up a verb that waits shows one line, and is a KeyboardInterrupt still."""
    cells.run("%container run -d --name web busybox sleep 60")

    def pressed(timeout: float | None = None) -> dict[str, Any]:
        raise KeyboardInterrupt

    cells.container("web").wait = pressed  # type: ignore[method-assign]
    with pytest.raises(KeyboardInterrupt) as caught:
        cells.run("%container wait web")
    assert len(caught.value._render_traceback_()) == 1  # type: ignore[attr-defined]


def test_interactive_without_a_body_has_an_empty_input(cells: Cells) -> None:
    """A line with -i has nothing to give: the program's input ends at once, nothing hangs."""
    cells.run("%container run -i --name c busybox cat")
    assert cells.container("c").calls == [("start_attached", b"", True, True)]


def test_no_trunc_shows_whole_ids(cells: Cells) -> None:
    """--no-trunc has its meaning in a page as well."""
    cells.run("%container create --name c busybox")
    whole = cells.container("c").id
    assert f">{whole}<" not in cells.run("%container ps -a")._repr_html_()
    assert f">{whole}<" in cells.run("%container ps -a --no-trunc")._repr_html_()


def test_history_tells_layers_and_their_files(cells: Cells) -> None:
    """Steps that made no layer have no number, and no files."""
    facts = (History(1, "ADD x"), History(2, "CMD sh", empty_layer=True), History(3, "RUN y"))
    layers = tuple(Layer(digits, digits, 10) for digits in ("sha256:a", "sha256:bcd"))
    cells.engine.images.add("made", history=facts, layers=layers)
    steps = cells.run("%container history made")
    assert steps.layer.tolist() == [1, pd.NA, 0]
    assert steps.files.tolist() == [10, 0, 8]
    assert len(cells.run("%container history -q made")) == 3


def test_a_start_is_explained_before_and_after(cells: Cells) -> None:
    """With --explain run makes no container and has no times; explain has both, and its picture."""
    planned = cells.run("%container run --explain --name web busybox true")
    assert cells.engine.containers.everything == []
    assert list(planned.step) == ["execute true"]
    assert planned.duration_ns.isna().all()
    cells.run("%container run -d --name web busybox true")
    done = cells.run("%container explain web")
    assert list(done.ahead) == [True, False, False]
    assert done.duration_ns.sum() == 630_000
    assert 'src="data:image/svg+xml' in cells.forms(done)["text/html"]
