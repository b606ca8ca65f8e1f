"""Programs on terminals: what they see, what a person sees and types, and what others may do."""

from __future__ import annotations

import signal
import sys
from collections.abc import Callable
from functools import partial
from pathlib import Path

import pytest

from ipycontainer.engine.container import Container
from ipycontainer.engine.engine import Engine
from ipycontainer.model.window import Window
from tests.conftest import Shell
from tests.pseudo_terminal import ShellOnTerminal

OnTerminal = Callable[..., ShellOnTerminal]
NAMED = ("--network", "none", "--name", "box", "busybox")
PROMPT = b"# "

pytestmark = [pytest.mark.usefixtures("busybox_image"), pytest.mark.sampled]


@pytest.fixture
def on_terminal(home: Path) -> OnTerminal:
    """Start a command line on a terminal of its own, to be left by `with`."""
    return partial(ShellOnTerminal, home)


@pytest.fixture
def box(engine: Engine) -> Container:
    """A shell on a terminal, in the background."""
    created = engine.containers.run(
        "busybox", ["sh"], tty=True, stdin_open=True, detach=True, network="none", name="box"
    )
    assert isinstance(created, Container)
    return created


def read_all(container: Container, *command: str, window: Window | None = None) -> str:
    """Return what a command prints on a terminal of its own."""
    foreground = container.exec(command, tty=True, window=window or Window())
    printed = b"".join(data for _, data in foreground.chunks())
    foreground.wait()
    return printed.decode()


def test_program_sees_a_terminal_of_its_container(engine: Engine) -> None:
    """Its three streams are one terminal of its own devpts, which is also its console."""
    script = "tty; tty <&2; ls -l /dev/console | cut -c1-10; ls -1 /dev/pts; echo $TERM"
    result = engine.run("busybox", ["sh", "-c", script], tty=True, network="none")
    printed = result.stdout.decode().split("\r\n")
    assert printed == ["/dev/pts/0", "/dev/pts/0", "crw--w----", "0", "ptmx", "xterm", ""]
    assert result.stderr == b""
    assert result.container.logs() == result.stdout


def test_terminal_belongs_to_the_programs_user(engine: Engine) -> None:
    """Whoever the program runs as may open its terminal by name."""
    script = "echo by name > $(tty); echo by stream > /dev/stdout"
    result = engine.run("busybox", ["sh", "-c", script], tty=True, user="nobody", network="none")
    assert (result.stdout, result.exit_code) == (b"by name\r\nby stream\r\n", 0)


def test_terminal_that_is_none_is_refused(engine: Engine, tmp_path: Path) -> None:
    """A file that stands for /dev/ptmx is not written to: the start fails and says why."""
    (tmp_path / "ptmx").write_text("")
    volumes = {str(tmp_path / "ptmx"): {"bind": "/dev/pts/ptmx", "mode": "rw"}}
    with pytest.raises(Exception, match="not the multiplexer of a devpts"):
        engine.run("busybox", ["true"], tty=True, network="none", volumes=volumes)


def test_nothing_of_the_last_words_is_lost(engine: Engine) -> None:
    """What a program prints right before its end comes whole, from the first byte to the last."""
    result = engine.run("busybox", ["seq", "20000"], tty=True, network="none")
    assert result.stdout.split() == [b"%d" % number for number in range(1, 20001)]


def test_interactive_shell(on_terminal: OnTerminal, engine: Engine) -> None:
    """A person's keys reach the program, the window's size too, and its exit code comes back."""
    with on_terminal("run", "--rm", "-it", *NAMED, "sh") as terminal:
        terminal.expect(PROMPT)
        terminal.type(b"stty size\n")
        terminal.expect(b"30 100\r\n")
        terminal.resize(40, 120)
        terminal.type(b"stty size\n")
        terminal.expect(b"40 120\r\n")
        terminal.type(b"sh -c 'echo ready; sleep 100'\n")
        terminal.expect(b"ready\r\n")
        terminal.type(b"\x03")
        terminal.expect(b"^C")
        terminal.type(b"exit 3\n")
        assert terminal.end() == 3
    assert engine.containers.list(all=True) == []


def test_window_change_is_told(on_terminal: OnTerminal) -> None:
    """A program that asked for it gets SIGWINCH."""
    script = "trap 'stty size' WINCH; echo ready; while :; do sleep 0.05; done"
    with on_terminal("run", "--rm", "-it", *NAMED, "sh", "-c", script) as terminal:
        terminal.expect(b"ready")
        terminal.resize(11, 22)
        terminal.expect(b"11 22")
        terminal.type(b"\x1c")  # ctrl-\ : SIGQUIT, which its shell does not survive by a trap
        terminal.expect(b"^\\")


def test_init_does_not_double_the_keys(on_terminal: OnTerminal) -> None:
    """With --init a Ctrl-C is one interrupt, not the terminal's and one passed on."""
    script = "n=0; trap 'n=$((n+1)); echo got $n' INT; echo ready; read a; read b; echo end $n"
    with on_terminal("run", "--rm", "-it", "--init", *NAMED, "sh", "-c", script) as terminal:
        terminal.expect(b"ready")
        terminal.type(b"\x03")
        terminal.expect(b"got 1")
        terminal.type(b"a\nb\n")
        terminal.expect(b"end 1")
        assert terminal.end() == 0


def test_detaching_and_coming_back(on_terminal: OnTerminal, box: Container) -> None:
    """The keys leave it running; attach says so with code 1, and the next one goes on there."""
    with on_terminal("attach", "box") as terminal:
        terminal.type(b"here=42\n")
        terminal.expect(PROMPT)
        terminal.type(b"\x10\x11")
        assert terminal.end() == 1
        assert terminal.seen.endswith(b"read escape sequence\r\n")
    with on_terminal("attach", "--detach-keys", "ctrl-x,x", "box") as terminal:
        terminal.expect(PROMPT)
        terminal.type(b"echo $here\n")
        terminal.expect(b"42")
        terminal.type(b"\x18x")
        assert terminal.end() == 1
    assert box.status == "running"
    with on_terminal("attach", "box") as terminal:
        terminal.type(b"exit 6\n")
        assert terminal.end() == 6


def test_run_and_start_leave_without_a_word(on_terminal: OnTerminal, engine: Engine) -> None:
    """As docker's: both end with 0 when the keys are typed."""
    with on_terminal("run", "-it", *NAMED, "sh") as terminal:
        terminal.expect(PROMPT)
        terminal.type(b"\x10\x11")
        assert terminal.end() == 0
        assert b"escape" not in terminal.seen
    engine.containers.get("box").kill()
    with on_terminal("start", "-ai", "box") as terminal:
        terminal.expect(PROMPT)
        terminal.type(b"\x10\x11")
        assert terminal.end() == 0
    assert engine.containers.get("box").status == "running"


@pytest.mark.parametrize(
    ("keys", "goes"), [(b"y\n", True), (b"n\n", False), (b"\x04", False), (b"\x03", False)]
)
def test_a_question_is_answered(
    on_terminal: OnTerminal, engine: Engine, keys: bytes, goes: bool
) -> None:
    """Only a yes removes; Ctrl-C and Ctrl-D are a no, in whatever moment, and end with 0."""
    engine.containers.create("busybox", ["true"], network="none")
    with on_terminal("container", "prune") as terminal:
        terminal.expect(b"[y/N] ")
        terminal.type(keys)
        assert terminal.end() == 0
        assert (b"reclaimed" in terminal.seen) == goes
        assert b"Traceback" not in terminal.seen
    assert len(engine.containers.list(all=True)) == (not goes)


@pytest.mark.parametrize("words", [(), ("-u", "me")])
def test_a_login_that_is_left(on_terminal: OnTerminal, words: tuple[str, ...]) -> None:
    """Ctrl-D says that the input has ended, Ctrl-C ends the shell; the keys are seen again."""
    for keys, code in ((b"\x04", 1), (b"\x03", -signal.SIGINT)):
        with on_terminal("login", *words, "localhost:1") as terminal:
            terminal.expect(b"word: " if words else b"name: ")
            terminal.type(keys)
            assert terminal.end() == code
            assert (b"error while reading input: EOF" in terminal.seen) == (code == 1)


def test_terminal_is_as_before_afterwards(on_terminal: OnTerminal, home: Path) -> None:
    """A shell that had raw keys gives the terminal back as it was, whatever the program's end."""
    script = (
        f"before=$(stty -g); {sys.executable} -m ipycontainer "
        "run --rm -it --network none busybox sh -c 'exit 5'; "
        'echo code $?; [ "$before" = "$(stty -g)" ] && echo same'
    )
    terminal = ShellOnTerminal(home, program=("sh", "-c", script))
    with terminal:
        terminal.expect(b"code 5")
        terminal.expect(b"same")
        assert terminal.end() == 0


def test_exec_has_a_terminal_of_its_own(on_terminal: OnTerminal, box: Container) -> None:
    """It is another one than the container's, whose console stays; its code comes back."""
    with on_terminal("exec", "-it", "box", "sh") as terminal:
        terminal.expect(PROMPT)
        terminal.type(b"tty; stty size; ls -l /dev/console\n")
        terminal.expect(b"/dev/pts/1\r\n30 100\r\n")
        terminal.expect(b"136,   0")
        terminal.resize(12, 34)
        terminal.type(b"stty size\n")
        terminal.expect(b"12 34")
        terminal.type(b"exit 9\n")
        assert terminal.end() == 9


def test_exec_goes_on_without_its_client(on_terminal: OnTerminal, box: Container) -> None:
    """Whoever leaves by the keys, or is killed, leaves a program that prints on and ends well."""
    script = "trap '' HUP; echo ready; read a; seq 50000; touch /{}"
    for name, leave in (("keys", b"\x10\x11"), ("killed", b"")):
        with on_terminal("exec", "-it", "box", "sh", "-c", script.format(name)) as terminal:
            terminal.expect(b"ready")
            terminal.type(b"\n" + leave)
            if leave:
                assert terminal.end() == 1
            else:
                terminal.expect(b"1\r\n")
        read_all(box, "sh", "-c", f"until [ -e /{name} ]; do sleep 0.05; done")


def test_a_flood_waits_for_its_reader(box: Container) -> None:
    """`yes` on a terminal of its own can be read for a while, and killed; nobody fills memory."""
    foreground = box.exec(["yes"], tty=True)
    size = 0
    for _, data in foreground.chunks():
        size += len(data)
        if size > 1_000_000:
            break
    foreground.signal(signal.SIGKILL)
    assert foreground.wait() == 137


def test_several_watch_one_terminal(box: Container) -> None:
    """Each of them sees everything, and each may type."""
    watchers = [box.attached(b"echo one$((1+%d))\n" % number) for number in range(3)]
    box.exec_run(["sh", "-c", "sleep 0.3"])
    box.kill()
    printed = [b"".join(data for _, data in watcher.chunks()) for watcher in watchers]
    assert [watcher.wait() for watcher in watchers] == [137] * 3
    for text in printed[:1]:
        assert all(b"one%d\r\n" % number in text for number in (1, 2, 3))


def test_pipe_is_no_terminal(shell: Shell, box: Container) -> None:
    """Keys from a pipe are refused before anything is made; output alone may go anywhere."""
    for line in (("run", "-it", "busybox", "sh"), ("exec", "-it", "box", "sh"), ("attach", "box")):
        result = shell(*line)
        assert (result.returncode, result.stdout) == (1, "")
        assert result.stderr == "the input device is not a TTY\n"
    assert [found.name for found in box.engine.containers.list(all=True)] == ["box"]
    assert shell("exec", "-t", "box", "tty").stdout == "/dev/pts/1\n"
