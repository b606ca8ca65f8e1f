"""A look at all that a home has of the machine, held against what its rows say.

`untrue` names each thing that is there without a row, and each row that is not so: what a fault
must not leave. The rows are read from the file itself, not by the engine's statements.
"""

from __future__ import annotations

import fcntl
import json
import os
import re
import sqlite3
from collections.abc import Iterator
from contextlib import closing, suppress
from dataclasses import dataclass
from pathlib import Path

from ipycontainer.engine.engine import Engine
from ipycontainer.linux import procfs
from ipycontainer.network import bridges
from ipycontainer.network.place import holder_lock
from ipycontainer.store import liveness
from tests.system.engine.processes import alive, gone, processes_in_cgroups, thrown, zygotes
from tests.system.network.bridged import beside_bridges, links

__all__ = ["assert_true", "untrue"]

ALIVE = ("running", "paused", "restarting")
_OF_A_HOME = {
    *("containers", "layers", "oci", "cache", "trash", "volumes", "empty-dir", "empty-file"),
    *("state.db", "state.db-wal", "state.db-shm", "images.lock", "setup.lock", "zygote.log", "run"),
    *("reserve", "place", "scratch"),
}
_OF_A_CONTAINER = re.compile(
    r"maker|config\.json|start\.json|cgroup\.json|health\.json|hosts|hostname|resolv\.conf|"
    r"rootfs|upper\d+|work\d+|log|checkpoints|exchange|files|stopped"
)
_OF_A_CACHE = re.compile(
    r"again\.json|mountpoints|flat|host|boot|storage-driver\.json|seccomp-.*\.bpf|told-.*"
)


@dataclass(frozen=True, slots=True)
class _Row:
    id: str
    status: str
    pid: int
    ticks: int

    @property
    def lives(self) -> bool:
        return self.status in ALIVE


def assert_true(engine: Engine) -> None:
    """Wait until nothing is untrue; what goes by itself may take its time."""
    gone(lambda: untrue(engine))


def untrue(engine: Engine) -> list[str]:
    """Name what is left or not so, each with its kind first."""
    with closing(sqlite3.connect(engine.home.database)) as rows:
        rows.row_factory = sqlite3.Row
        found = [
            _Row(row["id"], row["status"], row["pid"], row["start_ticks"])
            for row in rows.execute("SELECT * FROM containers")
        ]
        return [
            *_rows(engine, rows, found),
            *_leases(rows, found),
            *_files(engine, rows, found),
            *_in_runtime(engine, found),
            *_locks(engine),
            *_processes(engine, found),
            *_cgroups(engine, found),
            *_interfaces(engine, rows),
            *_rules(engine, rows),
        ]


def _rows(engine: Engine, rows: sqlite3.Connection, found: list[_Row]) -> Iterator[str]:
    for (said,) in rows.execute("PRAGMA integrity_check"):
        if said != "ok":
            yield f"row: {said}"
    for row in rows.execute("PRAGMA foreign_key_check"):
        yield f"row of {row[0]} without its {row[2]}"
    for each in found:
        name, held = each.id[:12], liveness.holder(engine.home.lock(each.id))
        if each.status == "removing":
            yield f"row: {name} is being removed by nobody"
        if each.lives and held is None:
            yield f"row: {name} is {each.status} without a monitor"
        if each.status in ("running", "paused") and _ticks(each.pid) != each.ticks:
            yield f"row: {name} is {each.status}, its init is not"
        if not each.lives and held is not None:
            yield f"lock: {name} is {each.status}, process {held} has its lock"
        if not each.lives and each.pid:
            yield f"row: {name} is {each.status} and has the pid {each.pid}"


def _ticks(pid: int) -> int:
    try:
        return procfs.start_ticks(pid) if alive(pid) else -1
    except ProcessLookupError:
        return -1


def _leases(rows: sqlite3.Connection, found: list[_Row]) -> Iterator[str]:
    living = {each.id for each in found if each.lives}
    for row in rows.execute("SELECT * FROM endpoints WHERE endpoint_id != ''"):
        if row["container_id"] not in living:
            yield f"lease: {row['ipv4']} of {row['container_id'][:12]}"
    for row in rows.execute("SELECT * FROM published_ports"):
        if row["container_id"] not in living:
            yield f"lease: port {row['host_port']} of {row['container_id'][:12]}"
    wanted = "SELECT config FROM containers WHERE id = ?"
    for row in rows.execute("SELECT * FROM endpoints"):
        (config,) = rows.execute(wanted, (row["container_id"],)).fetchone()
        if json.loads(row["wanted"]) not in json.loads(config).get("endpoints", []):
            yield f"row: a membership of {row['container_id'][:12]} that it does not want"


# ── files ────────────────────────────────────────────────────────────────────────────────────────


def _files(engine: Engine, rows: sqlite3.Connection, found: list[_Row]) -> Iterator[str]:
    home = engine.home
    kept = {each.id for each in found}
    yield from _differ("home", set(os.listdir(home.root)) - _OF_A_HOME, set())
    yield from _differ("directory", set(os.listdir(home.containers)), kept)
    for name in kept & set(os.listdir(home.containers)):
        inside = os.listdir(home.container(name))
        yield from (f"file: {name[:12]}/{x}" for x in inside if not _OF_A_CONTAINER.fullmatch(x))
        for at in ("checkpoints", "log"):
            with suppress(FileNotFoundError):
                hidden = [x for x in os.listdir(home.container(name) / at) if x.startswith(".")]
                yield from (f"file: {name[:12]}/{at}/{x}" for x in hidden)
    yield from (f"trash: {name}" for name in thrown(engine))
    for name in os.listdir(home.cache):
        if not _OF_A_CACHE.fullmatch(name) and not _rehearses(name):
            yield f"file: cache/{name}"
    yield from (f"file: {path}" for path in home.cache.glob("*/.*"))
    layers = {row[0].removeprefix("sha256:") for row in rows.execute("SELECT * FROM layers")}
    yield from _differ("layer", set(os.listdir(home.layers)), layers)
    blobs = {row["digest"] for row in rows.execute("SELECT * FROM image_blobs")}
    there = {f"sha256:{name}" for name in os.listdir(home.layout / "blobs/sha256")}
    yield from _differ("blob", there, blobs)
    yield from (f"file: ingest/{name}" for name in os.listdir(home.layout / "ingest"))
    tags = rows.execute(
        "SELECT count(*) FROM image_tags JOIN images ON id = image_id WHERE manifest != ''"
    )
    index = json.loads((home.layout / "index.json").read_text())["manifests"]
    names = [each for each in index if each.get("annotations")]
    if len(names) != tags.fetchone()[0]:
        yield f"file: index.json names {len(names)} tags"
    volumes = {row["name"] for row in rows.execute("SELECT * FROM volumes")}
    yield from _differ("volume", set(os.listdir(home.volumes)), volumes)
    for path in home.volumes.glob("*/*"):
        if path.name != "_data":
            yield f"file: {path}"


def _rehearses(name: str) -> bool:
    """Tell whether this is what a living spare monitor practises on."""
    return name.startswith("rehearsal-") and alive(int(name.partition("-")[2]))


def _differ(kind: str, there: set[str], said: set[str]) -> Iterator[str]:
    yield from (f"{kind}: {name} has no row" for name in sorted(there - said))
    yield from (f"row: {kind} {name} is not there" for name in sorted(said - there))


def _in_runtime(engine: Engine, found: list[_Row]) -> Iterator[str]:
    short = {each.id[:12]: each for each in found}
    for name in os.listdir(engine.home.runtime):
        if name in ("bell", "networks.lock") or name.startswith(("z-", "holder.")):
            continue  # a zygote and a holder stay for a minute
        if _rehearses(name):
            continue
        stem, _, suffix = name.partition(".")
        # a killed monitor's lock may stay as a file until the container goes
        if stem not in short or (suffix == "s" and not short[stem].lives):
            yield f"{'socket' if suffix == 's' else 'lock'}: {name}"


def _locks(engine: Engine) -> Iterator[str]:
    """Name the locks of the home that somebody still has."""
    home = engine.home
    for path in (home.images_lock, home.setup_lock, home.runtime / "networks.lock"):
        if path.exists():
            with open(path, "rb") as file:
                try:
                    fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
                except BlockingIOError:
                    yield f"lock: {path.name} is held"


# ── what the kernel has ──────────────────────────────────────────────────────────────────────────


def _processes(engine: Engine, found: list[_Row]) -> Iterator[str]:
    """Name processes of the home that descend from nobody known, and who sees its mounts."""
    place = str(engine.home.root)
    monitors = {liveness.holder(engine.home.lock(each.id)) for each in found if each.lives}
    known = {*zygotes(engine), *monitors, *(each.pid for each in found if each.lives)}
    known.add(liveness.holder(holder_lock(engine.home)))
    parents = _parents()
    for pid in parents:
        above = pid
        while above in parents and above not in known:
            above = parents[above]
        if above in known or pid == os.getpid():
            continue
        try:
            command = Path(f"/proc/{pid}/cmdline").read_bytes().decode(errors="replace")
            mounts = Path(f"/proc/{pid}/mountinfo").read_text(errors="replace")
        except OSError:
            continue
        if place in command and "supervise.boot" in command:
            yield f"process: {pid} {Path(f'/proc/{pid}/comm').read_text().strip()}"
        if f"{place}/" in mounts:
            yield f"mount: seen by process {pid}"
    if place in Path("/proc/self/mountinfo").read_text():
        yield "mount: in this namespace"


def _parents() -> dict[int, int]:
    found = {}
    for name in os.listdir("/proc"):
        with suppress(OSError, ValueError):
            stat = Path(f"/proc/{name}/stat").read_text()
            found[int(name)] = int(stat.rsplit(")", 1)[1].split()[1])
    return found


def _cgroups(engine: Engine, found: list[_Row]) -> Iterator[str]:
    living = {each.id for each in found if each.lives}
    for path in processes_in_cgroups(engine):
        name = Path(path).name
        if name not in living and not _rehearses(name):
            yield f"cgroup: {path}"


def _interfaces(engine: Engine, rows: sqlite3.Connection) -> Iterator[str]:
    """Hold veth pairs against places on networks, bridges against networks."""
    there = set(links(engine))
    ports = {row["port"] for row in rows.execute("SELECT * FROM endpoints WHERE port != ''")}
    yield from _differ("veth", {name for name in there if name[0] == "v"}, ports)
    bridged = {name for name in there if name[0] != "v"}
    yield from (f"bridge: {name}" for name in sorted(bridged - _bridges(engine)))


def _bridges(engine: Engine) -> set[str]:
    return {
        bridges.interface_name(engine.home.hash8, network.record)
        for network in engine.networks.list()
        if network.record.config.driver == "bridge"
    }


def _rules(engine: Engine, rows: sqlite3.Connection) -> Iterator[str]:
    """Hold the elements of the home's table against networks and published ports."""
    listed = beside_bridges(engine, "/usr/sbin/nft", "-j", "list", "ruleset")
    table = f"ipyc-{engine.home.hash8}"
    sets = {}
    for each in json.loads(listed or '{"nftables": []}')["nftables"]:
        made = each.get("set") or each.get("map")
        if made and made["table"] == table:
            sets[made["name"]] = made.get("elem", [])
    known = _bridges(engine)
    yield from (f"rule: bridge {x}" for x in sets.get("bridges", ()) if x not in known)
    networks = rows.execute("SELECT config FROM networks").fetchall()
    pools = [pool for (raw,) in networks for pool in json.loads(raw).get("pools", ())]
    for name in ("nets4", "nets6", "masq4", "masq6"):
        version = ":" if name[-1] == "6" else "."
        if len(sets.get(name, ())) > sum(version in pool["subnet"] for pool in pools):
            yield f"rule: {name} has {sets[name]}"
    ports = rows.execute("SELECT * FROM published_ports").fetchall()
    for version, mark in (("4", "."), ("6", ":")):
        sent = [*sets.get(f"any{version}", ()), *sets.get(f"one{version}", ())]
        said = [row for row in ports if mark in row["address"] and mark in row["target"]]
        if len(sent) != (len(said) if os.geteuid() == 0 else 0):
            yield f"rule: ports {sent}, rows {[tuple(row) for row in said]}"
