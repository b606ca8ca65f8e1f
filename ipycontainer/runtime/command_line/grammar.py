"""The words of the OCI command line: runc's commands with runc's options.

argparse, since this process forks containers: click would stay in them. A wrong use ends with 1, as
runc's does, not with argparse's 2.
"""

from __future__ import annotations

import argparse
import sys
from typing import Any, NoReturn

from ipycontainer.model.booleans import NO, YES

__all__ = ["parse"]

NO_COMMAND = 3  # what runc's library ends with


class _Parser(argparse.ArgumentParser):
    def __init__(self, **options: Any) -> None:
        super().__init__(allow_abbrev=False, **options)

    def error(self, message: str) -> NoReturn:
        self.print_usage(sys.stderr)
        code = NO_COMMAND if message.startswith("argument COMMAND: invalid choice") else 1
        self.exit(code, f"Incorrect Usage: {message}\n")

    def add_argument(self, *names: Any, **words: Any) -> argparse.Action:
        """Add an argument; an option is read with one dash and with two, as Go reads them."""
        action = super().add_argument(*names, **words)
        others = [f"-{name}" if name[:2] != "--" else name[1:] for name in names if name[0] == "-"]
        if others:
            words |= {"dest": action.dest, "help": argparse.SUPPRESS}
            super().add_argument(*others, **words)
        return action

    def _get_option_tuples(self, option_string: str) -> list[Any]:
        """Find no option by the beginning of its name: `allow_abbrev` spares those of one dash."""
        return []

    def add_flag(self, *names: str, help: str | None = None) -> None:  # noqa: A002  argparse's word
        """Add an option that is on or off, which may be said behind an equals sign, as in Go."""
        dest = names[-1].lstrip("-").replace("-", "_")
        self.add_argument(*names, dest=dest, action="store_true", help=help)
        for value, words in ((True, YES), (False, NO)):
            self.add_argument(
                *(f"{name}={word}" for name in names for word in words),
                dest=dest,
                action="store_const",
                const=value,
                default=False,
                help=argparse.SUPPRESS,
            )


def parse(argv: list[str] | None) -> argparse.Namespace:
    """Return the options of a command line; `command` names what to do. Exits on a wrong use."""
    parser = _Parser(prog="python -m ipycontainer.runtime", description=__doc__)
    parser.add_argument("--root", default="", help="directory of the containers' state")
    parser.add_argument("--log", default="", help="file for errors and warnings")
    parser.add_argument("--log-format", default="text", choices=("text", "json"))
    parser.add_flag("--debug", help="tell the log what is asked")
    parser.add_flag("--systemd-cgroup", help="refused: not supported")
    parser.add_argument("--rootless", default="auto", help="accepted: it is found out")
    parser.add_flag("-v", "--version", help="print the version")
    commands = parser.add_subparsers(dest="command", metavar="COMMAND", parser_class=_Parser)
    for add in (_creation, _lifecycle, _exec, _listing, _update, _description):
        add(commands)
    return parser.parse_args(argv)


def _add(commands: Any, name: str, text: str, *, takes_id: bool = True) -> _Parser:
    parser: _Parser = commands.add_parser(name, help=text, description=text)
    if takes_id:
        parser.add_argument("id", metavar="ID")
    return parser


def _creation(commands: Any) -> None:
    create = _add(commands, "create", "make a container that waits for start")
    run = _add(commands, "run", "create and start a container, and wait for it")
    for each in (create, run):
        each.add_argument("-b", "--bundle", default=".", help="directory of config.json")
        each.add_argument("--console-socket", default="", help="who gets the terminal's master")
        each.add_argument("--pid-file", default="", help="file that gets init's pid")
        each.add_flag("--no-pivot", help="move the root, do not pivot")
        each.add_flag("--no-new-keyring", help="keep the session's keys")
        each.add_argument("--preserve-fds", type=int, default=0, metavar="N")
    run.add_flag("-d", "--detach", help="do not wait for the program")
    run.add_flag("--keep", help="do not delete it when it has ended")
    run.add_flag("--no-subreaper", help="do not reap its orphans")


def _lifecycle(commands: Any) -> None:
    _add(commands, "start", "start the program of a created container")
    kill = _add(commands, "kill", "send a signal to a container's init")
    kill.add_flag("-a", "--all", help="to all of its processes")
    kill.add_argument("signal", nargs="?", default="SIGTERM", metavar="SIGNAL")
    _add(commands, "pause", "stop all processes of a container where they stand")
    _add(commands, "resume", "let the processes of a paused container go on")
    delete = _add(commands, "delete", "remove what a stopped container left")
    delete.add_flag("-f", "--force", help="kill it first if it runs")


def _exec(commands: Any) -> None:
    parser = _add(commands, "exec", "run a further program in a container")
    parser.add_argument("arguments", nargs=argparse.REMAINDER, metavar="COMMAND")
    for name in ("console-socket", "cwd", "pid-file", "process-label", "apparmor"):
        parser.add_argument(f"--{name}", default="")
    parser.add_argument("-e", "--env", action="append", default=[])
    parser.add_flag("-t", "--tty", help="give it a terminal")
    parser.add_argument("-u", "--user", default="", metavar="UID[:GID]")
    parser.add_argument("-g", "--additional-gids", action="append", type=int, default=[])
    parser.add_argument("-p", "--process", default="", help="file with the process as JSON")
    parser.add_flag("-d", "--detach", help="do not wait for it")
    parser.add_flag("--no-new-privs")
    parser.add_argument("-c", "--cap", action="append", default=[], metavar="CAP_NAME")
    parser.add_argument("--preserve-fds", type=int, default=0, metavar="N")
    parser.add_argument("--cgroup", action="append", default=[], metavar="[CONTROLLER:]PATH")
    parser.add_flag("--ignore-paused")


def _listing(commands: Any) -> None:
    _add(commands, "state", "print a container's state as JSON")
    listing = _add(commands, "list", "list containers", takes_id=False)
    listing.add_argument("-f", "--format", default="table", help="table or json")
    listing.add_flag("-q", "--quiet", help="ids only")
    ps = _add(commands, "ps", "print a container's processes")
    ps.add_argument("-f", "--format", default="table", help="table or json")
    ps.add_argument("arguments", nargs=argparse.REMAINDER, metavar="PS OPTIONS")


def _update(commands: Any) -> None:
    parser = _add(commands, "update", "change a container's limits")
    parser.add_argument("-r", "--resources", default="", help="file with linux.resources, - stdin")
    for name in (
        *("blkio-weight", "cpu-period", "cpu-quota", "cpu-burst", "cpu-share", "cpu-rt-period"),
        *("cpu-rt-runtime", "cpu-idle", "cpuset-cpus", "cpuset-mems", "kernel-memory"),
        *("kernel-memory-tcp", "memory", "memory-reservation", "memory-swap", "pids-limit"),
        *("l3-cache-schema", "mem-bw-schema"),
    ):
        parser.add_argument(f"--{name}", default="")


def _description(commands: Any) -> None:
    spec = _add(commands, "spec", "write a first config.json", takes_id=False)
    spec.add_argument("-b", "--bundle", default="", help="directory to write it into")
    spec.add_flag("--rootless", help="one that an ordinary user can run")
    _add(commands, "features", "print what this runtime can do", takes_id=False)
    _add(commands, "help", "print this text", takes_id=False)
