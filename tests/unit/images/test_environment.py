"""What of a Python environment leads out of it, read from made-up site-packages directories."""

from __future__ import annotations

from pathlib import Path

import pytest

from ipycontainer.images.environment import PythonEnvironment, _places_beside


@pytest.fixture
def site(tmp_path: Path) -> Path:
    """An empty site-packages directory."""
    directory = tmp_path / "lib" / "site-packages"
    directory.mkdir(parents=True)
    return directory


def test_own_interpreter_is_described() -> None:
    """The running Python names its prefix and every directory that it imports from."""
    found = PythonEnvironment.of_this_process()
    assert found.prefix in found.trees
    assert found.variables["TZ"]
    assert all(path.startswith("/") for path in found.trees)


def test_path_line_of_an_editable_install_is_followed(site: Path, tmp_path: Path) -> None:
    """A .pth file's directories are shown, its code and comments are not run or read."""
    source = tmp_path / "source"
    source.mkdir()
    (site / "__editable__.demo-1.pth").write_text(f"# note\nimport os\n{source}\n/nowhere\n")
    assert _places_beside(str(site)) == (str(source),)


def test_mapping_of_a_finder_is_followed(site: Path, tmp_path: Path) -> None:
    """A finder maps packages to directories and single modules to files without their .py."""
    package, module = tmp_path / "source" / "demo", tmp_path / "source" / "single.py"
    package.mkdir(parents=True)
    module.touch()
    (site / "__editable___demo_1_finder.py").write_text(
        f"MAPPING = {{'demo': {str(package)!r}, 'single': {str(module)[:-3]!r}}}\n"
        "raise RuntimeError('never executed')\n"
    )
    assert _places_beside(str(site)) == (str(package), str(module))


def test_broken_finder_is_passed_over(site: Path) -> None:
    """A file that is no Python harms nothing."""
    (site / "__editable___demo_1_finder.py").write_text("MAPPING = {")
    assert _places_beside(str(site)) == ()


def test_package_that_is_a_symlink_is_followed(site: Path, tmp_path: Path) -> None:
    """A link that leaves site-packages shows its target; one that stays inside does not."""
    (tmp_path / "elsewhere").mkdir()
    (site / "demo").symlink_to("../../elsewhere")
    (site / "other").mkdir()
    (site / "alias").symlink_to("other")
    assert _places_beside(str(site)) == (str(tmp_path / "elsewhere"),)


def test_linked_files_show_the_wheel_they_come_from(site: Path, tmp_path: Path) -> None:
    """In uv's link mode the whole unpacked wheel in the cache is meant, not a single file."""
    wheel = tmp_path / "cache" / "abc"
    (wheel / "demo").mkdir(parents=True)
    (wheel / "demo" / "__init__.py").touch()
    (site / "demo").mkdir()
    (site / "demo" / "__init__.py").symlink_to(wheel / "demo" / "__init__.py")
    assert _places_beside(str(site)) == (str(wheel),)


def test_many_targets_in_one_place_become_that_place(site: Path, tmp_path: Path) -> None:
    """A hundred linked packages do not make a hundred overlays."""
    for number in range(20):
        (tmp_path / "cache" / str(number)).mkdir(parents=True)
        (site / f"p{number}").symlink_to(tmp_path / "cache" / str(number))
    assert _places_beside(str(site)) == (str(tmp_path / "cache"),)


def test_new_install_is_seen_without_a_restart(site: Path, tmp_path: Path) -> None:
    """What is remembered of a directory is forgotten when the directory changes."""
    assert _places_beside(str(site)) == ()
    (tmp_path / "source").mkdir()
    (site / "demo.pth").write_text(f"{tmp_path}/source\n")
    assert _places_beside(str(site)) == (f"{tmp_path}/source",)
