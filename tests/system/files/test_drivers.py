"""The same container with each of the storage drivers: what is done with its files gives the same.

Chosen by the configuration, as a user would. The whole core of the other files' tests, in few
containers.
"""

from __future__ import annotations

import io
import json
import os
import signal
import tarfile
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

import ipycontainer
from ipycontainer.engine.container import Container
from ipycontainer.engine.engine import Engine
from ipycontainer.errors import EngineError, InvalidArgument, Unsupported
from ipycontainer.storage.drivers import fuse
from tests.archives import TarBuilder
from tests.image_archives import image, write_archive

pytestmark = pytest.mark.sampled

DRIVERS = ("overlay2", "fuse-overlayfs", "vfs")
SETUP = (
    "mkdir /d; echo one > /d/f; ln /d/f /d/g; ln -s f /d/l; rm /etc/group; rm -r /var;"
    " mkdir -p /var/lib; chown 70:70 /d/f; chmod 4711 /d/f; mkfifo /d/p; touch -d 2001-01-01 /d/f;"
    " echo more >> /etc/passwd; mkdir /empty"
)
TOLD = [
    "A /d",
    "A /d/f",
    "A /d/g",
    "A /d/l",
    "A /d/p",
    "A /empty",
    "C /etc",
    "D /etc/group",
    "C /etc/passwd",
]


def configure(monkeypatch: pytest.MonkeyPatch, place: Path, driver: str) -> None:
    """Have the engine read a configuration that names the driver."""
    place.write_text(json.dumps({"storage-driver": driver}))
    monkeypatch.setenv("IPYCONTAINER_CONFIG", str(place))


@pytest.fixture(params=DRIVERS)
def driven(
    request: pytest.FixtureRequest, home: Path, busybox_tar: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Engine]:
    """An engine with one of the drivers and the small image."""
    configure(monkeypatch, home.parent / "config.json", request.param)
    with ipycontainer.connect(home) as engine:
        engine.images.import_(busybox_tar, repository="busybox", tag="latest")
        assert engine.info()["Driver"] == request.param
        assert engine.driver.reason == "storage-driver is configured"
        yield engine


def told(container: Container) -> list[str]:
    """Return what it changed, but for times and kin of /var, where the image has a file or two."""
    lines = (f"{change.kind} {change.path}" for change in container.changes())
    return [line for line in lines if "/var" not in line]


def export(container: Container) -> dict[str, tuple[object, ...]]:
    """Return all that an export tells of each file."""
    with tarfile.open(fileobj=io.BytesIO(b"".join(container.export()))) as archive:
        return {
            member.name: (
                member.type, member.mode, member.uid, member.gid, member.linkname, member.size,
                0 if member.isdir() else int(member.mtime),
            )
            for member in archive
        }  # fmt: skip


def test_files_are_told_kept_and_brought_back(driven: Engine) -> None:
    """diff, commit, checkpoint, rollback, branch, compare, and the room that it takes."""
    driven.run("busybox", ["sh", "-c", SETUP], network="none", name="box")
    box = driven.containers.get("box")
    assert box.attrs["GraphDriver"]["Name"] == driven.driver.name
    assert told(box) == TOLD
    before = export(box)
    assert before["d/f"][1:4] == (0o4711, 70, 70)
    assert "etc/group" not in before
    assert driven.written_bytes([box.id])[box.id] < 5_000

    image = box.commit("kept")
    seen = driven.run("kept", ["sh", "-c", "cat /d/f; ls /etc/group"], network="none", remove=True)
    assert (seen.stdout, seen.exit_code) == (b"one\n", 1)
    assert {f"{each.kind} {each.path}" for each in driven.compare("busybox", "kept")[0]} >= {
        "D /etc/group",
        "A /d/f",
    }
    driven.images.remove("kept")
    assert image.id not in [each.id for each in driven.images.list()]

    box.checkpoint("good")
    box.copy_in(b"wrecked", "/etc/passwd")
    box.copy_in(b"new", "/new")
    changes, text = driven.compare("box:good", "box", text=True)
    assert {(each.kind, each.path) for each in changes} >= {("A", "/new"), ("C", "/etc/passwd")}
    assert "+wrecked" in text
    box.rollback("good")
    assert export(box) == before
    assert told(box) == TOLD
    twin = box.branch("twin")
    assert export(twin) == before
    assert driven.compare("box", "twin")[0] == []
    assert "+more" in box.diff_content()[1]


def test_a_running_one_is_seen_as_it_is(driven: Engine) -> None:
    """Cp both ways, exec, diff, export, checkpoint and rollback while the program runs."""
    box = driven.containers.run(
        "busybox", ["sleep", "1000"], network="none", detach=True, stop_signal="SIGKILL"
    )
    box.exec_run(["sh", "-c", SETUP])
    assert told(box) == TOLD
    box.copy_in(b"put", "/put")
    assert box.exec_run(["cat", "/put"]).output == b"put"
    box.exec_run(["sh", "-c", "echo fresh > /fresh"])
    assert box.copy_out("/fresh") == b"fresh\n"
    assert "A /fresh" in told(box)
    assert export(box)["d/f"][1:4] == (0o4711, 70, 70)
    box.checkpoint("good")
    box.exec_run(["sh", "-c", "rm -r /d /etc; echo wreck > /fresh"])
    assert box.rollback("good") is True
    assert box.exec_run(["cat", "/fresh", "/d/f"]).output == b"fresh\none\n"
    box.stop(timeout=0)
    box.start()
    assert box.exec_run(["cat", "/put"]).output == b"put"
    box.remove(force=True)


def test_mounts_stand_in_it(driven: Engine, tmp_path: Path) -> None:
    """Volumes take what the image has in their place; binds, images and a closed root."""
    tmp_path.chmod(0o755)
    (tmp_path / "own").write_text("own\n")
    script = "cat /volume/passwd /bound/own; ls /shown/bin/busybox; touch /x"
    done = driven.run(
        "busybox",
        ["sh", "-c", script],
        network="none",
        read_only=True,
        volumes=[f"{tmp_path}:/bound", "data:/etc"],
        mounts=[{"Type": "image", "Source": "busybox", "Target": "/shown"}],
        name="box",
    )
    assert b"Read-only file system" in done.stderr, done.stderr
    assert b"/shown/bin/busybox" in done.stdout
    volume = driven.volumes.get("data")
    done = driven.run("busybox", ["ls", "/v"], network="none", remove=True, volumes=["data:/v"])
    assert b"passwd" in done.stdout
    driven.containers.get("box").remove()
    volume.remove()


def test_one_whose_monitor_was_killed_is_repaired(driven: Engine, home: Path) -> None:
    """What it wrote is there, it starts again, and its removal leaves nothing."""
    box = driven.containers.run(
        "busybox", ["sleep", "1000"], network="none", detach=True, stop_signal="SIGKILL"
    )
    box.exec_run(["sh", "-c", "echo kept > /kept"])
    with open(f"/proc/{box.attrs['State']['Pid']}/status", encoding="ascii") as file:
        parent = next(int(line.split()[1]) for line in file if line.startswith("PPid:"))
    os.kill(parent, signal.SIGKILL)
    deadline = time.monotonic() + 20
    while box.status == "running" and time.monotonic() < deadline:
        time.sleep(0.05)
    assert box.status == "exited"
    box.start()
    assert box.exec_run(["cat", "/kept"]).output == b"kept\n"
    box.remove(force=True)
    assert list((home / "containers").iterdir()) == []


def test_this_machine_is_never_copied(driven: Engine) -> None:
    """`host` is had by overlays of either kind, and refused where it would be copied."""
    if driven.driver.name == "vfs":
        with pytest.raises(Unsupported, match="an image of this machine"):
            driven.containers.create("host", ["true"])
        assert driven.containers.list(all=True) == []
        return
    done = driven.run("host", ["python", "-c", "open('/usr/made', 'w')"], network="none", name="on")
    if done.exit_code == 0:  # an ordinary user may not write into what root owns
        assert "A /usr/made" in {
            f"{e.kind} {e.path}" for e in driven.containers.get("on").changes()
        }
    done = driven.run("host", ["python", "-c", "print(6 * 7)"], network="none", remove=True)
    assert done.stdout == b"42\n"


def test_the_first_that_works_is_taken(engine: Engine) -> None:
    """Tried once a boot and kept in the home; `info` says what was chosen, and why."""
    status = dict(engine.info()["DriverStatus"])
    assert (engine.info()["Driver"], status["Chosen because"]) == (
        "overlay2",
        "the first that was tried, and it works",
    )
    kept = json.loads((engine.home.cache / "storage-driver.json").read_bytes())
    assert kept["found"] == {"overlay2": ""}


def test_what_does_not_work_is_passed_over(
    home: Path, monkeypatch: pytest.MonkeyPatch, busybox_tar: Path
) -> None:
    """A home whose probe says that overlays fail has copies; one that is forced says why not."""
    with ipycontainer.connect(home) as engine:
        engine.images.import_(busybox_tar, repository="busybox", tag="latest")
        engine.driver  # noqa: B018 - it is tried
        file = engine.home.cache / "storage-driver.json"
        kept = json.loads(file.read_bytes())
        kept["found"] = {"overlay2": "invalid argument", "fuse-overlayfs": "is not installed"}
        file.write_text(json.dumps(kept))
    with ipycontainer.connect(home) as engine:
        assert dict(engine.info()["DriverStatus"])["Chosen because"] == (
            "overlay2: invalid argument; fuse-overlayfs: is not installed"
        )
        assert engine.run("busybox", ["echo", "1"], network="none", remove=True).stdout == b"1\n"
    configure(monkeypatch, home.parent / "config.json", "overlay2")
    with (
        ipycontainer.connect(home) as engine,
        pytest.raises(Unsupported, match="storage driver overlay2: invalid argument"),
    ):
        engine.containers.create("busybox")
    configure(monkeypatch, home.parent / "config.json", "zfs")
    with (
        ipycontainer.connect(home) as engine,
        pytest.raises(InvalidArgument, match="unknown storage-driver 'zfs'"),
    ):
        engine.containers.create("busybox")


def test_a_container_keeps_the_driver_that_made_it(
    home: Path, monkeypatch: pytest.MonkeyPatch, busybox_tar: Path
) -> None:
    """Another configuration is for new containers."""
    configure(monkeypatch, home.parent / "config.json", "vfs")
    with ipycontainer.connect(home) as engine:
        engine.images.import_(busybox_tar, repository="busybox", tag="latest")
        engine.run("busybox", ["touch", "/made"], network="none", name="old")
    configure(monkeypatch, home.parent / "config.json", "overlay2")
    with ipycontainer.connect(home) as engine:
        engine.run("busybox", ["touch", "/other"], network="none", name="new")
        old, new = (engine.containers.get(name) for name in ("old", "new"))
        assert (told(old), told(new)) == (["A /made"], ["A /other"])
        changes, _ = engine.compare("old", "new")
        assert {f"{each.kind} {each.path}" for each in changes} == {"A /other", "D /made"}
        old.start()
        old.wait()


def test_a_server_that_dies_is_an_error_and_no_wait(
    home: Path, monkeypatch: pytest.MonkeyPatch, busybox_tar: Path
) -> None:
    """A fuse-overlayfs that cannot begin makes a start fail, and the container is there still."""
    configure(monkeypatch, home.parent / "config.json", "fuse-overlayfs")
    with ipycontainer.connect(home) as engine:
        engine.images.import_(busybox_tar, repository="busybox", tag="latest")
        box = engine.containers.create("busybox", ["true"], network="none")
        (upper,) = (overlay.upper for overlay in box.record.overlays)
        os.rename(upper, f"{upper}.away")
        with pytest.raises(EngineError, match="not connected"):
            box.start()
        os.rename(f"{upper}.away", upper)
        box.start()
        assert box.wait()["StatusCode"] == 0
    assert fuse.PROGRAM == "fuse-overlayfs"


def test_as_many_layers_as_an_image_may_have(
    driven: Engine, busybox_tar: Path, tmp_path: Path
) -> None:
    """Their names are three times what one mount's options hold; deletions count in each."""
    uncompressed = busybox_tar.read_bytes()
    steps = [
        TarBuilder().file(f"f{number}", b"x").file(f".wh.f{number - 1}").build()
        for number in range(124)
    ]
    archive = write_archive(tmp_path / "many.tar", [(image([uncompressed, *steps]), ["many:1"])])
    driven.images.load(archive.read_bytes())
    assert len(driven.images.get("many:1").record.layers) == 125
    done = driven.run("many:1", ["sh", "-c", "ls -d /f*; touch /own"], network="none", name="box")
    assert done.stdout == b"/f123\n", done.stderr
    box = driven.containers.get("box")
    assert told(box) == ["A /own"]
    assert [name for name in export(box) if name.startswith("f")] == ["f123"]
