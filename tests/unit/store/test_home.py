"""Finding, making and probing a home."""

from __future__ import annotations

import os
import shutil
import stat
from pathlib import Path

import pytest

from ipycontainer.errors import NotFound, ResourceError, Unsupported
from ipycontainer.store import places
from ipycontainer.store.home import HOME_VARIABLE, Home, open_home


def test_a_home_is_the_owners_alone(bare_home: Home) -> None:
    """Nobody else may even pass through: set-id programs of images lie below."""
    for path in (bare_home.root, bare_home.containers, bare_home.layers, bare_home.runtime):
        assert stat.S_IMODE(path.stat().st_mode) == 0o700
    assert bare_home.bell.exists()
    assert stat.S_IMODE(bare_home.empty_file.stat().st_mode) == 0


def test_all_processes_of_a_home_use_one_runtime_directory(
    bare_home: Home, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """The first choice stands, whatever environment the next process has: locks must meet."""
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(tmp_path))

    assert open_home(bare_home.root).runtime == bare_home.runtime


def test_a_runtime_directory_that_others_may_enter_is_not_used(bare_home: Home) -> None:
    """A directory of that name which is not ours alone could hold somebody else's socket."""
    bare_home.runtime.chmod(0o755)
    try:
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(places, "_runtime_candidates", lambda _: iter([bare_home.runtime]))
            with pytest.raises(ResourceError, match="no runtime directory"):
                open_home(bare_home.root)
    finally:
        bare_home.runtime.chmod(0o700)


def test_socket_paths_fit_into_an_address(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where $XDG_RUNTIME_DIR is too long, the runtime directory goes to /tmp."""
    deep = tmp_path / ("x" * 90)
    deep.mkdir()
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(deep))

    home = open_home(tmp_path / "home")

    assert len(os.fsencode(home.socket("f" * 64))) <= 107
    assert len(os.fsencode(home.zygote_socket("12345678"))) <= 107
    shutil.rmtree(home.runtime)


def test_the_environment_names_the_home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """An argument comes first, then $IPYCONTAINER_HOME; two homes have two hashes."""
    monkeypatch.setenv(HOME_VARIABLE, str(tmp_path / "named"))

    named, other = open_home(), open_home(tmp_path / "other")

    assert named.root == tmp_path / "named"
    assert other.root == tmp_path / "other"
    assert named.hash8 != other.hash8
    for home in (named, other):
        shutil.rmtree(home.runtime)


def test_somebody_elses_home_is_refused(bare_home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    """Root with a user's $IPYCONTAINER_HOME would leave files there that the user cannot remove."""
    me = os.geteuid()
    monkeypatch.setattr(os, "geteuid", lambda: me + 1)

    with pytest.raises(ResourceError, match="belongs to another user"):
        open_home(bare_home.root)


def test_looking_for_a_home_makes_none(tmp_path: Path) -> None:
    """Without `create` nothing is left behind."""
    with pytest.raises(NotFound):
        open_home(tmp_path / "none", create=False)

    assert list(tmp_path.iterdir()) == []


def test_a_named_home_on_a_network_file_system_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The hint is the command to type, with a place that would do."""
    monkeypatch.setattr(
        places, "file_system", lambda path: "nfs4" if tmp_path in (path, *path.parents) else "ext4"
    )

    with pytest.raises(Unsupported, match="nfs4") as caught:
        open_home(tmp_path / "home")

    assert caught.value.hint.startswith(f"export {HOME_VARIABLE}=/")
    assert list(tmp_path.iterdir()) == []


def test_a_default_home_on_a_network_file_system_moves(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It moves to a local directory by itself, the same one each time, and says so."""
    local = tmp_path / "local"
    monkeypatch.delenv(HOME_VARIABLE, raising=False)
    monkeypatch.setattr(places, "default_root", lambda: tmp_path / "net" / "home")
    monkeypatch.setattr(places, "local_root", lambda _: local)
    monkeypatch.setattr(places, "file_system", lambda path: "9p" if "net" in path.parts else "ext4")

    first, second = open_home(), open_home()

    assert first.root == second.root == local
    assert (
        first.note == f"home is {local}: {tmp_path}/net/home is on 9p, which cannot hold containers"
    )
    assert not (tmp_path / "net").exists()
    shutil.rmtree(first.runtime)


def test_the_file_system_is_found_for_a_path_that_does_not_exist_yet() -> None:
    """The nearest mount above decides."""
    assert places.file_system(Path("/proc/none/such")) == "proc"


def test_a_home_crosses_to_another_process_as_json(bare_home: Home) -> None:
    """The other process must not look for it again: its environment is another."""
    assert Home.from_json(bare_home.to_json()) == bare_home
