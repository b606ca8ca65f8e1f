"""Which compiled filter a bundle gets, and that compiling leaves this process as it is."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from ipycontainer.errors import InvalidArgument
from ipycontainer.model.oci import ANNOTATION_SECCOMP, Linux, Process, Spec
from ipycontainer.runtime import defaults, filters

DEFAULT = b"default0"
PROFILE = {
    "defaultAction": "SCMP_ACT_ALLOW",
    "syscalls": [{"names": ["mkdir"], "action": "SCMP_ACT_ERRNO"}],
}


def spec(asked: str, caps: tuple[str, ...] = defaults.CAPABILITIES, **linux: object) -> Spec:
    """Return a bundle that asks for a filter."""
    process = Process(("true",), capabilities=defaults.capabilities(caps))
    return Spec(process, linux=Linux(**linux), annotations={ANNOTATION_SECCOMP: asked})  # type: ignore[arg-type]


def test_most_containers_take_the_filter_that_is_there(tmp_path: Path) -> None:
    """The default one needs nothing compiled; no word is no filter."""
    assert filters.program_of(spec("default"), DEFAULT, tmp_path) == DEFAULT
    assert filters.program_of(spec(""), DEFAULT, tmp_path) is None
    assert list(tmp_path.iterdir()) == []


def test_another_is_compiled_by_a_child_and_kept(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """By its digest, or by the capabilities; the second time it is read."""
    monkeypatch.setattr(filters, "_programs", {})
    before = "pyseccomp" in sys.modules
    own = filters.program_of(spec("d1gest", seccomp=PROFILE), DEFAULT, tmp_path)
    other = filters.program_of(spec("capabilities", ("CAP_SYS_ADMIN",)), DEFAULT, tmp_path)
    assert own is not None
    assert other is not None
    assert len(own) % 8 == len(other) % 8 == 0
    assert ("pyseccomp" in sys.modules) == before
    assert len(list(tmp_path.iterdir())) == 2

    monkeypatch.setattr(filters, "_programs", {})
    monkeypatch.setattr(filters, "_apart", None)
    assert filters.program_of(spec("d1gest", seccomp=PROFILE), DEFAULT, tmp_path) == own


def test_what_the_child_says_is_raised_here(tmp_path: Path) -> None:
    """A profile that is none is refused with its own words."""
    wrong = {**PROFILE, "architectures": ["SCMP_ARCH_FOO"]}
    with pytest.raises(InvalidArgument, match="unknown seccomp architecture SCMP_ARCH_FOO"):
        filters.program_of(spec("other", seccomp=wrong), DEFAULT, tmp_path)
