"""Events beside docker's: the same deeds give the same events, with the same attributes."""

from __future__ import annotations

import re
import shlex
import time
from collections.abc import Callable
from itertools import groupby
from pathlib import Path
from subprocess import CompletedProcess

import pytest

Command = Callable[..., "CompletedProcess[str]"]

DEEDS = """
run -d --network none --name e1 -l a=1 busybox sleep 100
exec -d e1 true
exec e1 true
exec e1 sh -c 'exit 3'
exec e1 nope
exec -u nope e1 true
top e1
rename e1 e2
pause e2
unpause e2
update --memory 64m --memory-swap 64m e2
update --restart on-failure e2
kill -s USR1 e2
restart -t 0 e2
stop -t 0 e2
start e2
cp {tmp}/file e2:/x
cp e2:/x {tmp}/out
commit e2 made:1
export -o {tmp}/tree.tar e2
rm -f e2
run --rm --network none --name e3 busybox echo hi
run --rm -t --network none --name e4 busybox echo hi
create --network none --name e5 busybox nope
start e5
rm e5
rmi made:1
volume create vv1
volume rm vv1
""".strip()
NETWORK_DEEDS = """
network create n1
network create --internal n2
network create n2
network rm n1
network prune -f
""".strip()
LIVES = """
run --rm --network none --name l1 busybox true
run --rm --network host --name l2 busybox nope
network create l3
run -d --name l4 busybox sleep 100
network connect l3 l4
kill l4
start l4
network disconnect l3 l4
rm -f l4
create --network l3 --name l5 busybox nope
network connect bridge l5
start l5
network disconnect l3 l5
rm l5
run --rm -p 127.0.0.1:65001:80 -p 127.0.0.1:65001:81 --name l6 busybox true
run --rm --network container:l7 --name l8 busybox true
network rm l3
""".strip()
VOLUMES = """
run --network none --name v1 -v vol1:/a -v /tmp:/b -v /anon --tmpfs /t busybox true
run --rm --network none --name v2 -v vol1:/a:ro --mount src=vol2,dst=/m/d,ro busybox true
run --rm --name v3 -v vol1:/a busybox nope
create --network none --name v4 -v vol1:/a busybox sleep 100
start v4
run --rm -p 127.0.0.1:65002:80 -p 127.0.0.1:65002:81 -v vol1:/a --name v5 busybox true
restart -t 0 v4
cp {tmp}/file v4:/a/x
cp v4:/a/x {tmp}/out
cp v4:/nope {tmp}/out
cp {tmp}/file v4:/nope/x
stop -t 0 v4
cp {tmp}/file v4:/a/x
cp v4:/a/x {tmp}/out
run --rm --network none --name v6 --volumes-from v4 busybox true
rm -v v4
rm -v v1
volume rm vol1
volume rm vol2
""".strip()
SETTLED_SECONDS = 0.5  # docker tells of an end a moment after its client knows
TYPES = ("-f", "type=container", "-f", "type=volume")


def told(
    run: Command, tmp_path: Path, deeds: str = DEEDS, types: tuple[str, ...] = TYPES
) -> tuple[list[str], str]:
    """Do the deeds; return what was told of them, and since when."""
    time.sleep(1.1)  # docker's own times of events are compared in whole seconds
    since = f"{time.time():.9f}"
    for line in deeds.splitlines():
        run(*shlex.split(line.replace("{tmp}", str(tmp_path))))
    time.sleep(SETTLED_SECONDS)
    form = "{{.Type}} {{.Action}} {{json .Actor.Attributes}}"
    until = f"{time.time():.9f}"
    out = run("events", *types, "--since", since, "--until", until, "--format", form).stdout
    out = re.sub(r"[0-9a-f]{64}", "<id>", out)
    return re.sub(r'("execDuration":)"\d+"', r"\1<s>", out).splitlines(), since


@pytest.mark.sampled
def test_deeds_are_told_as_docker_tells_them(
    docker: Command, ours: Command, busybox_tar: Path, tmp_path: Path
) -> None:
    """Every verb's events, those of `exec`, `attach`, `top` and `cp` among them."""
    (tmp_path / "file").write_text("text")
    ours("import", str(busybox_tar), "busybox:latest")
    theirs, _ = told(docker, tmp_path)
    own, since = told(ours, tmp_path)
    assert sorted(own) == sorted(theirs)  # docker's `stop` and `die` come in either order

    filters = {
        "event=exec_die": 3,
        "event=die": 4,
        "container=e2": 1,
        "label=a=1": 1,
        "label=a=2": 0,
        "type=volume": 2,
        "event=exec_create": 5,
    }
    until = f"{time.time():.9f}"
    for words, least in filters.items():
        found = ours("events", "--since", since, "--until", until, "-f", words).stdout
        lines = found.splitlines()
        assert len(lines) >= least if least else not lines, words


@pytest.mark.sampled
def test_networks_are_told_as_docker_tells_them(
    docker: Command, ours: Command, busybox_tar: Path, tmp_path: Path
) -> None:
    """Networks made, removed and pruned; those that are there from the first are nobody's deed."""
    ours("import", str(busybox_tar), "busybox:latest")
    types = ("-f", "type=network")
    theirs, _ = told(docker, tmp_path, NETWORK_DEEDS, types)
    own, _ = told(ours, tmp_path, NETWORK_DEEDS, types)
    assert own == theirs


@pytest.mark.sampled
def test_containers_come_and_go_as_docker_tells_it(
    docker: Command, ours: Command, busybox_tar: Path, tmp_path: Path
) -> None:
    """Each start and end has its networks, at the same place among a container's own events.

    Also of those that do not start. Of several networks docker tells in any order.
    """
    ours("import", str(busybox_tar), "busybox:latest")
    types = ("-f", "type=container", "-f", "type=network")
    seen = []
    for run in (docker, ours):
        lines, _ = told(run, tmp_path, LIVES, types)
        seen.append([sorted(group) for _, group in groupby(lines, key=_joined_action)])
    assert seen[1] == seen[0]
    twice = [group for group in seen[0] if len(group) == 2 and group[0] == group[1]]
    assert any("disconnect" in group[0] for group in twice)  # of one that is left while it runs
    assert sum(len(group) for group in seen[0]) > 40


@pytest.mark.sampled
def test_volumes_come_and_go_as_docker_tells_it(
    docker: Command, ours: Command, busybox_tar: Path, tmp_path: Path
) -> None:
    """With a start and an end, with one that fails, and with each request of a copy."""
    (tmp_path / "file").write_text("text")
    ours("import", str(busybox_tar), "busybox:latest")
    types = (*TYPES, "-f", "type=network")
    seen = []
    for run in (docker, ours):
        lines, _ = told(run, tmp_path, VOLUMES, types)
        lines = [line for line in lines if not _comes_in_any_order(line)]
        seen.append([sorted(group) for _, group in groupby(lines, key=_joined_action)])
    assert seen[1] == seen[0]
    mounted = [line for group in seen[0] for line in group if line.startswith("volume mount")]
    assert len(mounted) > 15
    assert any(
        '"destination":"/m/d"' in each and '"read/write":"false"' in each for each in mounted
    )


def _joined_action(line: str) -> str:
    """Return what stands in any order beside others of its kind: what a container is on, or has."""
    return " ".join(line.split(" ", 2)[:2]) if line.startswith(("network ", "volume ")) else line


def _comes_in_any_order(line: str) -> bool:
    """Tell whether docker tells of it before or after `die`, as it happens: `stop`."""
    return line.startswith("container stop")


@pytest.mark.sampled
def test_the_forms_of_an_event(docker: Command, ours: Command, busybox_tar: Path) -> None:
    """The line, the JSON and a template of one event are docker's, times and ids masked."""
    ours("import", str(busybox_tar), "busybox:latest")
    forms = ((), ("--format", "json"), ("--format", "{{.Status}} {{.From}} {{.Scope}} {{.Time}}"))
    for form in forms:
        shown = []
        for run in (docker, ours):
            time.sleep(1.1)
            since = f"{time.time():.9f}"
            run("create", "--network", "none", "--name", "one", "-l", "k=v", "busybox", "true")
            run("rm", "one")
            words = ("--since", since, "--until", f"{time.time():.9f}", "-f", "event=create")
            out = run("events", *words, "-f", "type=container", *form).stdout
            out = re.sub(r"[0-9a-f]{64}", "<id>", out)
            out = re.sub(r"\d{4}-\d\d-\d\dT[\d:.]+(Z|[+-]\d\d:\d\d)", "<time>", out)
            shown.append(re.sub(r"\d{10,19}", "<n>", out))
        assert shown[0] == shown[1]
        assert shown[0]


def until_health(run: Command, status: str) -> None:
    """Wait until a check has come to this."""
    deadline = time.monotonic() + 20
    while run("inspect", "-f", "{{.State.Health.Status}}", "hh").stdout != f"{status}\n":
        assert time.monotonic() < deadline
        time.sleep(0.1)
    time.sleep(SETTLED_SECONDS)


@pytest.mark.sampled
def test_checks_of_health_are_told_as_programs(
    docker: Command, ours: Command, busybox_tar: Path
) -> None:
    """Each check is an exec, with its line and its code; a new status stands after it."""
    ours("import", str(busybox_tar), "busybox:latest")
    check = ("--health-cmd", "test -e /well", "--health-interval", "1s", "--health-retries", "1")
    seen = []
    for run in (docker, ours):
        time.sleep(1.1)
        since = f"{time.time():.9f}"
        run("run", "-d", "--network", "none", "--name", "hh", *check, "busybox", "sleep", "100")
        until_health(run, "unhealthy")
        run("exec", "hh", "touch", "/well")
        until_health(run, "healthy")
        run("rm", "-f", "hh")
        form = "{{.Action}} {{json .Actor.Attributes}}"
        words = ("--since", since, "--until", f"{time.time():.9f}", "-f", "container=hh")
        out = re.sub(r"[0-9a-f]{64}", "<id>", run("events", *words, "--format", form).stdout)
        lines = [line for line in out.splitlines() if line.startswith(("exec_", "health_"))]
        lines = [re.sub(r'("execDuration":)"\d+",', "", line) for line in lines]
        seen.append(lines)
    kinds = [sorted(set(lines)) for lines in seen]
    assert kinds[0] == kinds[1]
    for lines in seen:
        told = [line.startswith("health_status: unhealthy") for line in lines]
        before = lines[: told.index(True)][-1]
        assert before.startswith("exec_die {")
        assert '"exitCode":"1"' in before
