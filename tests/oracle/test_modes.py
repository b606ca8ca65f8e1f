"""Who can talk to whom, beside docker: every pair of modes, by TCP and UDP, IPv4 and IPv6.

The same containers stand in docker's network namespace and in ours, each with another machine that
a cable leads to. From each of them every address of every other is asked, and every published port
by every address of the machine; what a server says includes whom it sees. An answer that only one
of the engines gives is a difference: it stands below with its reason, or fails the test.
"""

from __future__ import annotations

import json
import re
import shlex
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from pathlib import Path
from subprocess import CompletedProcess

import pytest

from tests.oracle.conftest import daemon, users_engine

Command = Callable[..., "CompletedProcess[str]"]

# Of docker 26 only with these there are rules for IPv6; from 27 on they are its default.
OPTIONS = ("--experimental", "--ip6tables")
NETWORKS = {
    "inner": "--internal --ipv6 --subnet 10.80.1.0/24 --subnet fd80:1::/64",
    "quiet": "-o com.docker.network.bridge.enable_icc=false --ipv6 --subnet 10.80.2.0/24"
    " --subnet fd80:2::/64",
    "one": "--subnet 10.80.3.0/24",
    "two": "--subnet 10.80.4.0/24",
    "six": "--ipv6 --subnet 10.80.5.0/24 --subnet fd80:5::/64",
    "sixth": "--ipv6 --subnet 10.80.6.0/24 --subnet fd80:6::/64",
}
CONTAINERS = {
    "plain": "--network bridge",
    "nothing": "--network none",
    "hosted": "--network host",
    "web": "-p 8080:80 -p 8080:80/udp -p 127.0.0.1:8081:80 -p 127.0.0.1:8081:80/udp"
    " -p 10.77.0.1:8082:80 -p 10.77.0.1:8082:80/udp -p [::1]:8083:80 -p [::1]:8083:80/udp",
    "shared": "--network container:plain",
    "inner1": "--network inner",
    "inner2": "--network inner -p 8084:80 -p 8084:80/udp",
    "quiet1": "--network quiet",
    "quiet2": "--network quiet -p 8085:80 -p 8085:80/udp",
    "one1": "--network one",
    "one2": "--network one -p 8086:80 -p 8086:80/udp",
    "two1": "--network two",
    "both": "--network one --network two",
    "six1": "--network six",
    "six2": "--network six -p 8087:80 -p 8087:80/udp",
    "sixth": "--network sixth",
}
PUBLISHED = range(8080, 8088)
# The cable between the machine and another one.
NEAR, FAR = ("10.77.0.1", "fd77::1"), ("10.77.0.2", "fd77::2")

Answers = Mapping[tuple[str, str, str], str]

_PUBLISHING = "(web|one2|quiet2|six2)"
# Differences, as regular expressions.
DIFFERENT = {
    rf".* asks machine@\w+ 80.. by udp .*: docker nothing, ours {_PUBLISHING} sees machine@.*": (
        "docker's proxy answers datagrams by another address of the machine than was asked"
    ),
    rf"other machine asks {_PUBLISHING}@\w+ 80 by .*: docker .* sees other machine, ours nothing": (
        "docker 26 lets others go past the machine's address to a published port, 28 does not"
    ),
    rf"hosted asks machine@inner 80\d\d by .* ours {_PUBLISHING} sees machine@(?!inner).*": (
        "docker does not translate the machine's address on an internal network"
    ),
}
# Those of an ordinary user, whose bridges are in a network of the engine's, behind pasta.
DIFFERENT_FOR_A_USER = {
    r".* asks machine@(?!cable)\w+ \d+ by .*: docker .*, ours nothing": (
        "a bridge's own address is not the machine's"
    ),
    r"(?!hosted|other machine).* asks machine@\w+ 80 by .*: docker hosted sees .*, ours hosted sees"
    r" machine@cable": "pasta asks in the container's place: who is asked sees the machine",
    rf"(?!hosted|other machine).* asks machine@(?!cable)\w+ 80\d\d by .*: docker .*, ours"
    rf" {_PUBLISHING} sees machine@.*": (
        "a bridge's own address leads to the machine's, whatever of it a port is published at"
    ),
    rf"(?!hosted|other machine).* asks machine@cable 80\d\d by .*: docker .*, ours {_PUBLISHING}"
    r" sees machine@.*": "the proxy asks instead of its client, and answers datagrams, too",
    r"(hosted|other machine) asks (?!machine@)\S+ 80 by .*: docker .*, ours nothing": (
        "from outside there is no way to a container but its published ports"
    ),
    r"(hosted|other machine) asks machine@cable 80.*: docker (\w+) sees .*, ours \2 sees .*": (
        "the proxy asks instead of its client: a container sees its network's gateway"
    ),
}


@contextmanager
def another_machine(machine: int) -> Iterator[int]:
    """Lead a cable from a process's network to a fresh one; yield a process that is there."""
    far = subprocess.Popen(["unshare", "--net", "sh", "-c", "echo; exec sleep 1000"], stdout=-1)
    try:
        assert far.stdout is not None
        far.stdout.readline()
        for place, lines in (
            (machine, (f"link add cable type veth peer name cable netns {far.pid}",)),
            (machine, _addresses(NEAR)),
            (far.pid, _addresses(FAR)),
            (far.pid, tuple(f"route add default via {address}" for address in NEAR)),
        ):
            for line in lines:
                words = ["nsenter", f"--target={place}", "--net", "ip", *line.split()]
                subprocess.run(words, check=True, timeout=10)
        yield far.pid
    finally:
        far.kill()
        far.communicate()


def _addresses(pair: tuple[str, str]) -> tuple[str, ...]:
    four, six = pair
    return (
        f"addr add {four}/24 dev cable",
        f"addr add {six}/64 dev cable nodad",
        "link set lo up",
        "link set cable up",
    )


def _answers(run: Command, first: str = "plain") -> Answers:
    """Start all containers, and return what each is told: by asker, protocol and whom it asks."""

    def say(line: str) -> str:
        result = run(*shlex.split(line))
        assert result.returncode == 0, f"{line}: {result.stderr}"
        return result.stdout.strip()

    pids = {}
    with ExitStack() as stack:
        for name in sorted(CONTAINERS, key=lambda name: name != first):
            options = CONTAINERS[name]
            if name == "nothing":  # the default bridge stands already, and is the first
                for network, pools in NETWORKS.items():
                    say(f"network create {pools} {network}")
            say(f"run -d --name {name} {options} busybox sleep 1000")
            pids[name] = int(say(f"inspect -f '{{{{.State.Pid}}}}' {name}"))
            if name == "hosted":  # before a port is published at an end of the cable
                pids["other machine"] = stack.enter_context(another_machine(pids[name]))
        return _ask(pids, _names(say))


def _names(say: Callable[[str], str]) -> Mapping[str, str]:
    """Return whose each address is, and on which network."""
    names = dict.fromkeys(NEAR, "machine@cable") | dict.fromkeys(FAR, "other machine")
    for name in CONTAINERS:
        networks = json.loads(say(f"inspect -f '{{{{json .NetworkSettings.Networks}}}}' {name}"))
        for network, found in networks.items():
            for address in (found["IPAddress"], found["GlobalIPv6Address"]):
                names[address] = f"{name}@{network}"
    for network in ("bridge", *NETWORKS):
        for pool in json.loads(say(f"network inspect -f '{{{{json .IPAM.Config}}}}' {network}")):
            names[_gateway(pool)] = f"machine@{network}"
    names.pop("", None)
    return names


def _gateway(pool: Mapping[str, str]) -> str:
    return pool.get("Gateway") or re.sub(r"[0-9]*/.*", "1", pool["Subnet"])


def _ask(pids: Mapping[str, int], names: Mapping[str, str]) -> Answers:
    """Ask everybody of everybody, and put names for addresses."""
    places = {name: f"/proc/{pid}/ns/net" for name, pid in pids.items()}
    labels, questions = [], []
    targets = {**names, "127.0.0.1": "itself", "::1": "itself"}
    for asker, place in places.items():
        for address, name in targets.items():
            ports = (80, *PUBLISHED) if name.startswith("machine@") else (80,)
            if name == "itself" and asker == "hosted":
                ports = (80, *PUBLISHED)
            for port in ports:
                for protocol in ("tcp", "udp"):
                    version = "IPv6" if ":" in address else "IPv4"
                    labels.append((asker, f"{protocol} {version}", f"{name} {port}"))
                    questions.append((place, protocol, address, port))
    servers = {place: name for name, place in places.items() if name != "shared"}
    plan = json.dumps({"servers": servers, "questions": questions})
    result = subprocess.run(
        [sys.executable, "-m", "tests.oracle.reach"],
        cwd=Path(__file__).parents[2],
        input=plan,
        stdout=subprocess.PIPE,
        text=True,
        check=True,
        timeout=60,
    )
    answers = {}
    for label, said in zip(labels, json.loads(result.stdout), strict=True):
        server, _, seen = said.partition(" ")
        answers[label] = f"{server} sees {targets.get(seen, seen)}" if said else "nothing"
    return answers


@pytest.fixture(scope="module")
def dockers(busybox_tar: Path) -> Answers:
    """What everybody is told in docker's world."""
    with daemon(busybox_tar, *OPTIONS) as docker:
        answers = _answers(docker)
        docker("rm", "-f", *CONTAINERS)
    talking = [said for said in answers.values() if said != "nothing"]
    assert len(talking) > 500, "hardly anybody talks: the questions are wrong"
    return answers


def test_everybody_talks_to_whom_docker_lets_them(
    dockers: Answers, ours: Command, busybox_tar: Path
) -> None:
    """Each question has the same answer, or the same silence, in docker's world and in ours."""
    assert ours("import", str(busybox_tar), "busybox:latest").returncode == 0
    _compare(dockers, _answers(ours), DIFFERENT)


def test_an_ordinary_users_containers_talk_to_whom_roots_docker_lets_them(
    dockers: Answers, busybox_tar: Path
) -> None:
    """The same of an ordinary user's engine beside the docker of root."""
    with users_engine(busybox_tar) as run:
        _compare(dockers, _answers(run, first="hosted"), DIFFERENT_FOR_A_USER)


def _compare(theirs: Answers, own: Answers, accepted: Mapping[str, str]) -> None:
    """Fail for a difference that has no reason, and for a reason without a difference."""
    assert own.keys() == theirs.keys()
    different = {
        f"{asker} asks {whom} by {how}: docker {theirs[asker, how, whom]}, ours {said}"
        for (asker, how, whom), said in own.items()
        if said != theirs[asker, how, whom]
    }
    explained = {
        line: pattern for line in different for pattern in accepted if re.fullmatch(pattern, line)
    }
    unexplained = sorted(different - explained.keys())
    assert not unexplained, "\n".join(unexplained)
    assert set(explained.values()) == set(accepted), "a reason has nothing to explain"
