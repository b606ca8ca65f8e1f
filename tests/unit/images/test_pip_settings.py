"""pip's settings travel without the secrets in them."""

from __future__ import annotations

from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st

from ipycontainer.images.pip_settings import carried, without_credentials


def test_later_file_wins_and_variables_win_over_files(tmp_path: Path) -> None:
    """The order is pip's: user file, file of the environment, variable."""
    user, site = tmp_path / "home" / ".config" / "pip", tmp_path / "prefix"
    user.mkdir(parents=True)
    site.mkdir()
    (user / "pip.conf").write_text("[global]\nindex-url = https://u:p@a/\ntimeout = 5\n")
    (site / "pip.conf").write_text("[install]\nindex-url = https://tok@b/\nproxy = http://p\n")
    environ = {"HOME": str(tmp_path / "home"), "PIP_PROXY": "http://me:pw@proxy:3128"}
    found = carried(environ, str(site))
    assert found["PIP_INDEX_URL"] == "https://b/"
    assert found["PIP_TIMEOUT"] == "5"
    assert found["PIP_PROXY"] == "http://proxy:3128"


def test_several_indexes_stay_several(tmp_path: Path) -> None:
    """A value of many lines becomes the list in one line that a variable holds."""
    (tmp_path / "pip.conf").write_text(
        "[global]\nextra-index-url =\n    https://a@x/s\n    https://y/s\n"
    )
    found = carried({"HOME": "/nonexistent", "XDG_CONFIG_DIRS": "/nonexistent"}, str(tmp_path))
    assert found["PIP_EXTRA_INDEX_URL"] == "https://x/s https://y/s"


def test_no_file_is_read_when_pip_reads_none(tmp_path: Path) -> None:
    """PIP_CONFIG_FILE=/dev/null turns pip's files off, and so ours."""
    (tmp_path / "pip.conf").write_text("[global]\nindex-url = https://a/\n")
    assert carried({"PIP_CONFIG_FILE": "/dev/null"}, str(tmp_path)) == {}


def test_key_and_password_settings_are_left_out(tmp_path: Path) -> None:
    """A client certificate is a key: it stays outside."""
    (tmp_path / "pip.conf").write_text("[global]\nclient-cert = /k.pem\nkeyring-provider = x\n")
    found = carried({"HOME": "/nonexistent", "XDG_CONFIG_DIRS": "/nonexistent"}, str(tmp_path))
    assert "PIP_CLIENT_CERT" not in found
    assert "PIP_KEYRING_PROVIDER" not in found


def test_proxies_keep_their_spelling() -> None:
    """Programs look for one of two spellings; both go through."""
    environ = {"https_proxy": "http://a:b@p", "NO_PROXY": "x,y", "PIP_CONFIG_FILE": "/dev/null"}
    assert carried(environ, "/nonexistent") == {"https_proxy": "http://p", "NO_PROXY": "x,y"}


@given(
    user=st.text(st.characters(min_codepoint=33, max_codepoint=126, exclude_characters="/")),
    host=st.from_regex(r"[a-z]{1,9}(:[0-9]{2,4})?", fullmatch=True),
)
def test_nothing_before_the_host_survives(user: str, host: str) -> None:
    """Whatever a password is made of, only scheme and host remain."""
    assert without_credentials(f"https://{user}@{host}/simple") == f"https://{host}/simple"
