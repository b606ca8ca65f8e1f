"""What the `host` image shows, decided from made-up facts."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

import pytest

from ipycontainer.images.environment import PythonEnvironment
from ipycontainer.images.host import Facts, HostLayout, decide, image_record
from ipycontainer.images.host_variables import ALIAS_DIRECTORY
from ipycontainer.images.machine import Entry, EtcEntry, Machine, MountPoint, Place
from ipycontainer.images.parting import LIMIT_ENTRIES

MACHINE = Machine(
    root_links=(("/bin", "usr/bin"), ("/lib", "usr/lib")),
    base_trees=("/usr", "/opt"),
    etc=(
        EtcEntry("/etc/ssl/certs", True, "/etc/ssl/certs"),
        EtcEntry("/etc/services", False, "/etc/services"),
        EtcEntry("/etc/localtime", False, "/usr/share/zoneinfo/UTC", "/usr/share/zoneinfo/UTC"),
    ),
    mounts=(),
    has_bash=True,
)
ENVIRONMENT = PythonEnvironment(
    executable="/home/ann/venv/bin/python",
    prefix="/home/ann/venv",
    base_prefix="/usr",
    homes=("/home/ann",),
    trees=("/home/ann/venv", "/usr"),
    variables={"LANG": "C.UTF-8", "TZ": "UTC"},
)


def layout(
    environment: PythonEnvironment = ENVIRONMENT,
    machine: Machine = MACHINE,
    cwd: str | None = "/home/ann/work",
    home: str = "/home/ann/.local/share/ipycontainer",
    places: tuple[Place, ...] = (),
    runtime: str = "/run/user/1000/ipyc-01234567",
    locked: tuple[str, ...] = (),
    held: Mapping[str, tuple[Entry, ...]] | None = None,
) -> HostLayout:
    """Decide with every path being a real directory unless `places` says otherwise."""
    paths = (*environment.trees, *environment.named_files)
    known = {path: Place(path, path, "dir") for path in paths}
    known[environment.executable] = Place(environment.executable, environment.executable, "file")
    known |= {place.path: place for place in places}
    return decide(
        Facts(
            environment=environment,
            machine=machine,
            places=known,
            cwd=None if cwd is None else known.get(cwd, Place(cwd, cwd, "dir")),
            engine_home=home,
            runtime_dir=runtime,
            locked=locked,
            look=lambda path: (held or {})[path],
        )
    )


def test_working_directory_is_shown_at_its_own_path() -> None:
    """A script finds the files beside the notebook, and starts among them."""
    found = layout()
    assert found.workdir == "/home/ann/work"
    assert "/home/ann/work" in found.trees
    assert found.warnings == ()


@pytest.mark.parametrize(
    "cwd", ["/", "/home/ann", "/home", "/home/ann/.local", "/home/ann/.local/share/ipycontainer/x"]
)
def test_working_directory_that_holds_too_much_gives_an_empty_one(cwd: str) -> None:
    """Neither the whole home nor the engine's own files are shown; one warning says so."""
    found = layout(cwd=cwd)
    assert found.workdir == "/work"
    assert found.directories["/work"] == 0o755
    assert cwd not in found.trees
    assert len(found.warnings) == 1
    assert "the container starts in an empty /work" in found.warnings[0]


def test_vanished_working_directory_gives_an_empty_one() -> None:
    """A kernel whose directory was deleted can still run a container."""
    assert layout(cwd=None).workdir == "/work"


def test_working_directory_below_a_shown_tree_needs_no_overlay_of_its_own() -> None:
    """Nested trees are folded into the one that already shows them."""
    found = layout(cwd="/opt/project")
    assert found.trees == ("/home/ann/venv", "/opt", "/usr")
    assert found.workdir == "/opt/project"


def test_tree_with_the_same_beginning_is_not_taken_for_a_child() -> None:
    """/opt2 does not lie in /opt, although its name begins so."""
    assert "/opt2" in layout(cwd="/opt2").trees


@pytest.mark.parametrize("entry", ["/", "/home/ann", "/home", "/home/ann/.local/share", "/etc/x"])
def test_search_path_entry_that_holds_too_much_is_left_out_with_a_warning(entry: str) -> None:
    """An entry of sys.path never opens the home, the engine's files or /etc."""
    found = layout(replace(ENVIRONMENT, trees=(*ENVIRONMENT.trees, entry), python_path=(entry,)))
    assert entry not in found.trees
    assert [line.split()[0] for line in found.warnings] == [entry]
    assert not any(line.startswith("PYTHONPATH=") for line in found.config.env)


def test_parents_are_empty_and_open() -> None:
    """An environment below a 0700 home works inside: its parents are made anew, 0755."""
    found = layout(
        replace(ENVIRONMENT, trees=("/root/.pyenv/versions/3.12", "/usr"), homes=("/root",))
    )
    assert "/root/.pyenv/versions/3.12" in found.trees
    assert found.directories["/root/.pyenv"] == 0o755
    assert found.directories["/root"] == 0o755


def test_root_home_is_closed_when_nothing_below_it_is_shown() -> None:
    """Without a reason to open it, /root has docker's mode."""
    assert layout().directories["/root"] == 0o700


def test_sticky_temporary_directory_stays_sticky_above_a_tree() -> None:
    """A tree below /tmp does not take /tmp's mode away."""
    assert layout(cwd="/tmp/project").directories["/tmp"] == 0o1777


def test_tree_behind_a_symlink_is_reached_by_both_names() -> None:
    """The real directory is shown, and the link on the way to it is made again."""
    place = Place(
        "/home/ann/venv", "/data/venv", "dir", links=(("/home/ann/venv", "../../data/venv"),)
    )
    found = layout(places=(place,))
    assert "/data/venv" in found.trees
    assert found.links["/home/ann/venv"] == "../../data/venv"
    assert "/home/ann/venv" not in found.directories


def test_link_inside_a_shown_tree_is_not_made_again() -> None:
    """What a lower directory already holds does not belong into the skeleton."""
    place = Place("/home/ann/venv", "/opt/v1", "dir", links=(("/opt/current", "v1"),))
    assert "/opt/current" not in layout(places=(place,)).links


def test_layout_of_the_root_is_copied() -> None:
    """A merged /usr is linked as here; separate /bin and /lib become trees."""
    assert layout().links["/bin"] == "usr/bin"
    old = replace(MACHINE, root_links=(), base_trees=("/usr", "/opt", "/bin", "/lib"))
    found = layout(machine=old)
    assert {"/bin", "/lib"} <= set(found.trees)
    assert "/bin" not in found.links


def test_mounts_below_a_shown_tree_are_shown_too() -> None:
    """A lower directory ends at mount points, so a directory there becomes a tree, a file a bind.

    A tree below such a mount point is folded into that one.
    """
    mounts = (
        MountPoint("/opt/data", True),
        MountPoint("/usr/lib/libcuda.so.1", False),
        MountPoint("/srv/elsewhere", True),
    )
    environment = replace(ENVIRONMENT, trees=(*ENVIRONMENT.trees, "/opt/data/packages"))
    found = layout(environment, machine=replace(MACHINE, mounts=mounts))
    assert "/opt/data" in found.trees
    assert "/opt/data/packages" not in found.trees
    assert "/srv/elsewhere" not in found.trees
    assert ("/usr/lib/libcuda.so.1", "/usr/lib/libcuda.so.1") in found.binds
    assert "/usr/lib/libcuda.so.1" not in found.contents


def test_tree_with_a_locked_mount_is_shown_piece_by_piece() -> None:
    """Its directory belongs to the skeleton; what lies beside the mount point is there still."""
    held = {
        "/opt": (
            Entry("/opt/data", True),
            Entry("/opt/tool", True),
            Entry("/opt/README", False),
            Entry("/opt/current", False, "tool"),
        )
    }
    machine = replace(MACHINE, mounts=(MountPoint("/opt/data", True),))
    found = layout(machine=machine, locked=("/opt/data",), held=held)
    assert {"/opt/data", "/opt/tool", "/usr"} <= set(found.trees)
    assert "/opt" not in found.trees
    assert "/opt" in found.roots
    assert found.directories["/opt"] == 0o755
    assert ("/opt/README", "/opt/README") in found.binds
    assert found.contents["/opt/README"] == b""
    assert found.links["/opt/current"] == "tool"


def test_full_tree_with_a_locked_mount_can_only_be_read() -> None:
    """It is bound with all that is in it; nothing of it is an overlay beside."""
    many = (Entry(f"/opt/{number}", False) for number in range(LIMIT_ENTRIES))
    held = {"/opt": (Entry("/opt/data", True), *many)}
    machine = replace(MACHINE, mounts=(MountPoint("/opt/data", True),))
    found = layout(machine=machine, locked=("/opt/data",), held=held)
    assert ("/opt", "/opt") in found.binds
    assert found.directories["/opt"] == 0o755
    assert not any(tree.startswith("/opt") for tree in found.trees)
    assert "/opt holds what is mounted, and can only be read" in found.warnings


def test_settings_of_the_machine_are_bound_read_only_on_prepared_places() -> None:
    """Each bind finds a file or directory in the skeleton, so that it leaves nothing in `diff`."""
    found = layout()
    assert ("/etc/services", "/etc/services") in found.binds
    assert found.contents["/etc/services"] == b""
    assert found.directories["/etc/ssl/certs"] == 0o755
    assert found.links["/etc/localtime"] == "/usr/share/zoneinfo/UTC"


def test_link_in_etc_to_something_hidden_is_bound_instead() -> None:
    """A certificate directory that is a link into /etc/pki is shown under its own name."""
    machine = replace(
        MACHINE, etc=(EtcEntry("/etc/ssl/certs", True, "/etc/pki/certs", "../pki/certs"),)
    )
    found = layout(machine=machine)
    assert ("/etc/pki/certs", "/etc/ssl/certs") in found.binds
    assert found.directories["/etc/ssl/certs"] == 0o755


def test_accounts_of_the_machine_stay_outside() -> None:
    """The files passwd and group are the image's own."""
    assert layout().contents["/etc/passwd"].count(b"\n") == 2


def test_certificate_named_by_a_variable_is_visible() -> None:
    """A bundle outside the shown trees is bound at its own path."""
    bundle = "/home/ann/ca.pem"
    environment = replace(ENVIRONMENT, named_files=(bundle,))
    found = layout(environment, places=(Place(bundle, bundle, "file"),))
    assert (bundle, bundle) in found.binds
    assert found.contents[bundle] == b""


def test_variables_put_the_environment_first() -> None:
    """`python` is the kernel's, output streams, plots need no screen."""
    env = layout().config.env
    assert "PYTHONUNBUFFERED=1" in env
    assert "MPLBACKEND=Agg" in env
    assert next(line for line in env if line.startswith("PATH=")).startswith(
        "PATH=/home/ann/venv/bin:/usr/local/sbin:"
    )


def test_interpreter_without_the_name_python_gets_an_alias() -> None:
    """Debian's Python is only called python3; inside, `python` is it as well."""
    found = layout(replace(ENVIRONMENT, executable="/usr/bin/python3.13", named_python=False))
    assert found.links[f"{ALIAS_DIRECTORY}/python"] == "/usr/bin/python3.13"
    assert any(line.startswith(f"PATH={ALIAS_DIRECTORY}:") for line in found.config.env)


def test_user_packages_are_found_although_home_is_another() -> None:
    """Inside, $HOME is /root; PYTHONUSERBASE still leads to the user's packages."""
    found = layout(replace(ENVIRONMENT, user_base="/home/ann/.local"))
    assert "PYTHONUSERBASE=/home/ann/.local" in found.config.env


def test_runtime_directory_below_a_shown_tree_is_covered() -> None:
    """The engine's sockets are never within reach of a container."""
    hidden = "/srv/run/ipyc-01234567"
    assert layout(cwd="/srv", runtime=hidden).covered == (hidden,)
    assert layout(cwd="/srv").covered == ()


def test_image_is_the_same_in_every_kernel() -> None:
    """The record has a fixed id and the tag host:latest."""
    assert image_record() == image_record()
    assert image_record().tags == ("host:latest",)
