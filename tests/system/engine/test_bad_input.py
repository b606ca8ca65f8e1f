"""Bad input: docker 26.1.5's words and exit code, and nothing left behind.

The words were taken from a docker 26.1.5 on the same image; only our name stands for docker's.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from subprocess import CompletedProcess

import pytest

from ipycontainer.engine.engine import Engine
from tests.archives import TarBuilder
from tests.system.engine.processes import eventually, gone, traces

pytestmark = pytest.mark.sampled

Shell = Callable[..., "CompletedProcess[str]"]

DAEMON = "Error response from daemon: "
RUN = f"ipycontainer: {DAEMON}"
SEE_RUN = "See 'ipycontainer run --help'.\n"
START = (
    "failed to create task for container: failed to create shim task: OCI runtime create failed: "
    "runc create failed: unable to start container process: "
)
EXEC = "OCI runtime exec failed: exec failed: unable to start container process: "
ONLY = "only [a-zA-Z0-9][a-zA-Z0-9_.-] are allowed"
NOT_FOUND = 'exec: "nope": executable file not found in $PATH: unknown'
NOT_EXECUTABLE = 'exec: "/etc/passwd": permission denied: unknown'
NO_DIRECTORY = (
    'chdir to cwd ("/nope") set in config.json failed: no such file or directory: unknown'
)
NO_USER = "unable to find user nobody2: no matching entries in passwd file"

# What is refused before there is a container: words, stderr, exit code.
REFUSED = {
    "run of an image that is missing": (
        ["run", "--pull", "never", "nope:1", "true"],
        f"{RUN}No such image: nope:1.\n{SEE_RUN}",
        125,
    ),
    "create of an image that is missing": (
        ["create", "--pull", "never", "nope:1", "true"],
        f"{DAEMON}No such image: nope:1\n",
        1,
    ),
    "run with a bad name": (
        ["run", "--name", "a b", "busybox", "true"],
        f"{RUN}Invalid container name (a b), {ONLY}.\n{SEE_RUN}",
        125,
    ),
    "create with a bad name": (
        ["create", "--name", "-", "busybox", "true"],
        f"{DAEMON}Invalid container name (-), {ONLY}\n",
        1,
    ),
    "run with a relative working directory": (
        ["run", "-w", "rel", "busybox", "true"],
        f"{RUN}the working directory 'rel' is invalid, it needs to be an absolute path.\n{SEE_RUN}",
        125,
    ),
    "create with a relative working directory": (
        ["create", "-w", "rel", "busybox", "true"],
        f"{DAEMON}the working directory 'rel' is invalid, it needs to be an absolute path\n",
        1,
    ),
    "run with an env file that is missing": (
        ["run", "--env-file", "nope.env", "busybox", "true"],
        f"ipycontainer: open nope.env: no such file or directory.\n{SEE_RUN}",
        125,
    ),
    "run with an env file that is a directory": (
        ["run", "--env-file", "/etc", "busybox", "true"],
        f"ipycontainer: read /etc: is a directory.\n{SEE_RUN}",
        125,
    ),
    "run with an env file below a file": (
        ["run", "--env-file", "/etc/passwd/x", "busybox", "true"],
        f"ipycontainer: open /etc/passwd/x: not a directory.\n{SEE_RUN}",
        125,
    ),
}

# Programs that cannot start: options and command, words, exit code of run, code and words of state.
UNSTARTABLE = {
    "command not found": (["busybox", "nope"], f"{START}{NOT_FOUND}", 127, 127),
    "path not found": (
        ["busybox", "/bin/nope"],
        f'{START}exec: "/bin/nope": stat /bin/nope: no such file or directory: unknown',
        127,
        127,
    ),
    "file not executable": (
        ["busybox", "/etc/passwd"],
        f"{START}{NOT_EXECUTABLE}",
        126,
        126,
    ),
    "unknown user": (["-u", "nobody2", "busybox", "true"], NO_USER, 125, 128),
    "unknown group": (
        ["-u", "root:nogroup2", "busybox", "true"],
        "unable to find group nogroup2: no matching entries in group file",
        125,
        128,
    ),
}

# Options and command of an exec that cannot start, what docker prints on stdout, exit code.
UNEXECUTABLE = {
    "command not found": (["up", "nope"], f"{EXEC}{NOT_FOUND}"),
    "file not executable": (["up", "/etc/passwd"], f"{EXEC}{NOT_EXECUTABLE}"),
    "unknown user": (["-u", "nobody2", "up", "true"], NO_USER),
    "relative working directory": (
        ["-w", "rel", "up", "true"],
        "OCI runtime exec failed: exec failed: Cwd must be an absolute path: unknown",
    ),
    "missing working directory": (
        ["-w", "/nope", "up", "true"],
        f"{EXEC}{NO_DIRECTORY}",
    ),
}

OUTSIDE = Path("/etc/hostname")  # a file outside that an archive tries to reach

# Archives that are none, or that lead outside, with docker's words.
BAD_ARCHIVES = {
    "no tar": (b"hello, this is no tar " * 100, "archive/tar: invalid tar header"),
    "too short": (b"hello", "unexpected EOF"),
    "cut in a file": (
        TarBuilder().file("file", bytes(100_000)).build()[:50_000],
        "unexpected EOF",
    ),
    "file through an absolute link": (
        TarBuilder().symlink("d", "/etc").file("d/escaped", b"x").build(),
        "open /d/escaped: no such file or directory",
    ),
    "file through a link upwards": (
        TarBuilder().symlink("d", "../../../etc").file("d/escaped", b"x").build(),
        "open /d/escaped: no such file or directory",
    ),
    "hard link to an absolute path": (
        TarBuilder().hardlink("copy", str(OUTSIDE)).build(),
        f"link {OUTSIDE} /copy: no such file or directory",
    ),
    "hard link upwards": (
        TarBuilder().hardlink("copy", f"../../../..{OUTSIDE}").build(),
        f"link {OUTSIDE} /copy: no such file or directory",
    ),
    "hard link through an absolute link": (
        TarBuilder().symlink("d", "/etc").hardlink("copy", "d/hostname").build(),
        "link /d/hostname /copy: no such file or directory",
    ),
}


def held(engine: Engine) -> list[str]:
    """Name what the image store holds: blobs, half-written ones too, and layers."""
    layout = engine.home.layout
    own = (layout / "oci-layout", layout / "index.json", layout / "index.lock")
    blobs = [path for path in layout.rglob("*") if path.is_file() and path not in own]
    return [str(path) for path in [*blobs, *engine.home.layers.iterdir()]]


def assert_nothing_left(engine: Engine) -> None:
    """See that no container is there, and no trace of one."""
    assert engine.containers.list(all=True) == []
    gone(lambda: traces(engine))


@pytest.mark.usefixtures("busybox_image")
@pytest.mark.parametrize("case", REFUSED)
def test_refused_before_there_is_a_container(engine: Engine, shell: Shell, case: str) -> None:
    """What cannot become a container is refused in docker's words and leaves nothing."""
    words, said, code = REFUSED[case]
    result = shell(*words)
    assert (result.stdout, result.stderr, result.returncode) == ("", said, code)
    assert_nothing_left(engine)


@pytest.mark.usefixtures("busybox_image")
@pytest.mark.parametrize(
    ("verb", "before", "after", "code"),
    [("run", RUN, f"\n{SEE_RUN}", 125), ("create", DAEMON, "\n", 1)],
    ids=["run", "create"],
)
def test_a_name_that_is_taken(
    engine: Engine, shell: Shell, verb: str, before: str, after: str, code: int
) -> None:
    """The second container of a name is refused, the first one stays as it was."""
    first = engine.containers.create("busybox", ["true"], name="web", network="none")
    standing = traces(engine)
    result = shell(verb, "--name", "web", "--network", "none", "busybox", "true")
    words = (
        f'Conflict. The container name "/web" is already in use by container "{first.id}". '
        "You have to remove (or rename) that container to be able to reuse that name."
    )
    said = f"{before}{words}{after}"
    assert (result.stdout, result.stderr, result.returncode) == ("", said, code)
    assert engine.containers.list(all=True) == [first]
    assert traces(engine) == standing


@pytest.mark.usefixtures("busybox_image")
@pytest.mark.parametrize("case", UNSTARTABLE)
def test_run_with_rm_leaves_nothing_of_a_program_that_cannot_start(
    engine: Engine, shell: Shell, case: str
) -> None:
    """`run --rm` tells why in docker's words, with docker's code, and the container is gone."""
    words, said, code, _ = UNSTARTABLE[case]
    result = shell("run", "--rm", "--network", "none", *words)
    assert (result.stdout, result.stderr, result.returncode) == ("", f"{RUN}{said}.\n", code)
    assert_nothing_left(engine)


@pytest.mark.usefixtures("busybox_image")
@pytest.mark.parametrize("case", UNSTARTABLE)
def test_run_leaves_a_created_container_of_a_program_that_cannot_start(
    engine: Engine, shell: Shell, case: str
) -> None:
    """Without --rm the container stays as Created with code and reason, only its directory."""
    words, said, code, kept = UNSTARTABLE[case]
    result = shell("run", "--network", "none", "--name", "failed", *words)
    assert (result.stdout, result.stderr, result.returncode) == ("", f"{RUN}{said}.\n", code)
    container = engine.containers.get("failed")
    state = container.attrs["State"]
    assert (state["Status"], state["ExitCode"], state["Error"]) == ("created", kept, said)
    eventually(lambda: traces(engine) == [f"directory {container.id}"])
    container.remove()
    assert_nothing_left(engine)


@pytest.mark.usefixtures("busybox_image")
def test_start_of_a_program_that_cannot_start(engine: Engine, shell: Shell) -> None:
    """`start` ends with 1 and docker's two lines; the container stays as Created."""
    container = engine.containers.create("busybox", ["nope"], name="failed", network="none")
    result = shell("start", "failed")
    said = f"{DAEMON}{START}{NOT_FOUND}\nError: failed to start containers: failed\n"
    assert (result.stdout, result.stderr, result.returncode) == ("", said, 1)
    assert container.status == "created"
    eventually(lambda: traces(engine) == [f"directory {container.id}"])


@pytest.mark.usefixtures("busybox_image")
@pytest.mark.parametrize("case", UNEXECUTABLE)
def test_exec_of_a_program_that_cannot_start(engine: Engine, shell: Shell, case: str) -> None:
    """`exec` tells why where the output would have been, ends with 126, and harms nothing."""
    container = engine.containers.run(
        "busybox", ["sleep", "1000"], name="up", network="none", detach=True
    )
    words, said = UNEXECUTABLE[case]
    result = shell("exec", *words)
    assert (result.stdout, result.stderr, result.returncode) == (f"{said}\n", "", 126)
    assert not isinstance(container, bytes)
    assert container.status == "running"
    assert container.exec_run(["echo", "here"]).output == b"here\n"


@pytest.mark.parametrize("case", BAD_ARCHIVES)
def test_an_archive_that_is_refused(
    engine: Engine, shell: Shell, tmp_path: Path, case: str
) -> None:
    """A bad archive is refused in docker's words; no image, layer or blob of it remains."""
    content, said = BAD_ARCHIVES[case]
    archive = tmp_path / "bad.tar"
    archive.write_bytes(content)
    result = shell("import", str(archive), "bad")
    assert (result.stdout, result.stderr, result.returncode) == ("", f"{DAEMON}{said}\n", 1)
    assert [image.tags for image in engine.images.list()] == [["host:latest"]]
    assert held(engine) == []
    assert not os.path.lexists("/etc/escaped")


def test_an_archive_that_is_not_there(shell: Shell) -> None:
    """A missing archive is the client's to tell."""
    result = shell("import", "nope.tar", "bad")
    said = "open nope.tar: no such file or directory\n"
    assert (result.stdout, result.stderr, result.returncode) == ("", said, 1)


def test_names_that_lead_upwards_stay_inside(engine: Engine, shell: Shell, tmp_path: Path) -> None:
    """`../x` and `/x` in an archive are /x of the image, as docker has it, and nothing outside."""
    content = TarBuilder().file("../up", b"1").file("a/../../../over", b"2").file("/abs", b"3")
    archive = tmp_path / "up.tar"
    archive.write_bytes(content.build())
    assert shell("import", str(archive), "up").returncode == 0
    (layer,) = engine.images.get("up").record.layers
    tree = engine.home.layer(layer.chain_id)
    assert sorted(os.listdir(tree)) == ["abs", "over", "up"]
    outside = [engine.home.layers / "up", engine.home.root / "over", Path("/abs"), Path("/up")]
    assert not any(os.path.lexists(path) for path in outside)
