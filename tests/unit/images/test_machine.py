"""Looking at a file tree: links, mount points, and names that must not be seen."""

from __future__ import annotations

import os
from pathlib import Path

from ipycontainer.images.machine import Machine, _mount_points, find_secrets, resolve


def test_every_link_on_the_way_is_noted(tmp_path: Path) -> None:
    """A path over two links gives both, and where it ends."""
    (tmp_path / "real" / "inner").mkdir(parents=True)
    (tmp_path / "one").symlink_to("real")
    (tmp_path / "two").symlink_to(tmp_path / "one" / "inner")
    found = resolve(f"{tmp_path}/two")
    assert found.real == f"{tmp_path}/real/inner"
    assert found.kind == "dir"
    assert dict(found.links) == {
        f"{tmp_path}/two": f"{tmp_path}/one/inner",
        f"{tmp_path}/one": "real",
    }


def test_same_link_twice_is_no_loop(tmp_path: Path) -> None:
    """A link may lie on the way more than once."""
    (tmp_path / "dir").mkdir()
    (tmp_path / "a").symlink_to("dir")
    (tmp_path / "b").symlink_to("a/../a")
    assert resolve(f"{tmp_path}/b/../a").real == f"{tmp_path}/dir"


def test_loop_of_links_is_missing(tmp_path: Path) -> None:
    """Links that lead round in a circle end, as path_resolution(7) has it."""
    (tmp_path / "a").symlink_to("b")
    (tmp_path / "b").symlink_to("a")
    assert resolve(f"{tmp_path}/a").kind == "missing"


def test_agrees_with_the_library(tmp_path: Path) -> None:
    """Where the path exists, the end is the one that os.path.realpath finds."""
    (tmp_path / "d" / "e").mkdir(parents=True)
    (tmp_path / "d" / "up").symlink_to("..")
    path = f"{tmp_path}/d/up/d/e/../up/./d"
    assert resolve(path).real == os.path.realpath(path)


def test_secrets_are_found_three_directories_deep(tmp_path: Path) -> None:
    """Keys, tokens and their directories are named; ordinary files are not."""
    for name in ("a/.ssh", "a/b/.docker", "node_modules/x"):
        (tmp_path / name).mkdir(parents=True)
    for name in (".netrc", "a/id_ed25519", "a/id_ed25519.pub", "a/b/pip.conf", "data.csv"):
        (tmp_path / name).touch()
    (tmp_path / "a/b/.docker/config.json").touch()
    (tmp_path / "a/config.json").touch()
    found = find_secrets([str(tmp_path)])
    assert set(found.files) == {
        f"{tmp_path}/a/b/.docker/config.json",
        *(f"{tmp_path}/{name}" for name in (".netrc", "a/id_ed25519", "a/b/pip.conf")),
    }
    assert found.directories == (f"{tmp_path}/a/.ssh",)
    assert found.cut == ()


def test_secrets_of_a_project_are_found_beside_it_alone(tmp_path: Path) -> None:
    """Of keys and git's settings only those that hold what is secret; none shown on purpose."""
    project, other = tmp_path / "project", tmp_path / "other"
    certificate = "-----BEGIN CERTIFICATE-----\n"
    key = "-----BEGIN PRIVATE KEY-----\n"
    remote = "[remote]\n\turl = https://{}example.invalid/x.git\n"
    secret = {
        ".env": "A=1",
        "sub/.env.local": "A=1",
        "credentials.json": "{}",
        "secrets.toml": "",
        "key.pem": key,
        "both.pem": certificate + key,
        "server.key": key,
        "sub/.git/config": remote.format("me:hunter2@"),
    }
    plain = {
        "chain.pem": certificate,
        "data.csv": "",
        "environment.yml": "",
        "my_secrets.txt": "",
        ".git/config": remote.format("") + "\turl = ssh://git@example.invalid/x.git\n",
    }
    for place in (project, other):
        for name, content in {**secret, **plain}.items():
            (place / name).parent.mkdir(parents=True, exist_ok=True)
            (place / name).write_text(content)
    (project / "pipe" / ".git").mkdir(parents=True)
    os.mkfifo(project / "pipe" / ".git" / "config")
    found = find_secrets([str(project), str(other)], str(project))
    assert set(found.of_project) == {f"{project}/{name}" for name in secret}
    assert set(found.files) == set(found.of_project)
    shown = find_secrets([str(project)], str(project), {f"{project}/.env"})
    assert set(shown.files) == set(found.files) - {f"{project}/.env"}
    assert set(find_secrets([str(tmp_path)], str(project / "sub")).files) >= set(found.files)


def test_registry_passwords_are_found(tmp_path: Path) -> None:
    """Docker keeps them in a file whose name alone says nothing."""
    (tmp_path / ".docker").mkdir()
    (tmp_path / ".docker" / "config.json").touch()
    assert find_secrets([str(tmp_path)]).files == (f"{tmp_path}/.docker/config.json",)


def test_secret_behind_a_link_is_covered_where_it_is(tmp_path: Path) -> None:
    """A link is no way around the cover; what lies outside the trees is not there anyway."""
    shown, hidden = tmp_path / "shown", tmp_path / "hidden"
    shown.mkdir()
    hidden.mkdir()
    (shown / "token").touch()
    (hidden / "netrc").touch()
    (shown / ".pypirc").symlink_to("token")
    (shown / ".netrc").symlink_to(hidden / "netrc")
    assert find_secrets([str(shown)]).files == (f"{shown}/token",)


def test_large_tree_is_named(tmp_path: Path) -> None:
    """Where the walk stops early the tree is reported, never passed over in silence."""
    for number in range(9000):
        os.symlink("x", tmp_path / str(number))
    assert find_secrets([str(tmp_path)]).cut == (str(tmp_path),)


def test_mount_points_are_unescaped_and_pseudo_ones_told_apart() -> None:
    r"""The kernel writes a blank as \040 (proc_pid_mountinfo(5))."""
    text = (
        "22 1 8:1 / / rw - ext4 /dev/sda1 rw\n"
        "23 22 0:5 / /opt/my\\040data rw shared:1 - xfs /dev/sdb rw\n"
        "24 22 0:6 / /opt/proc rw - proc proc rw\n"
    )
    found = {point.path: point.pseudo for point in _mount_points(text)}
    assert found == {"/opt/my data": False, "/opt/proc": True}


def test_this_machine_has_a_usr() -> None:
    """The facts of the machine that runs the test make sense."""
    machine = Machine.look()
    assert "/usr" in machine.base_trees
    assert all(not target.startswith("/etc") for _, target in machine.root_links)
