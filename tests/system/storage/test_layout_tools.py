"""The layout as other tools read it."""

from __future__ import annotations

import gzip
import json
import subprocess
from pathlib import Path

import pytest

from ipycontainer.images import tagging
from ipycontainer.images.archive_import import import_image
from ipycontainer.images.layout import Layout
from ipycontainer.model.image import ImageRecord
from ipycontainer.store.database import Store
from ipycontainer.store.home import Home


@pytest.fixture(params=["plain", "gzip"])
def image(
    request: pytest.FixtureRequest,
    bare_home: Home,
    store: Store,
    busybox_tar: Path,
    tmp_path: Path,
) -> ImageRecord:
    """The small image, imported from a plain and from a compressed archive."""
    content = busybox_tar.read_bytes()
    archive = tmp_path / "archive"
    archive.write_bytes(gzip.compress(content) if request.param == "gzip" else content)
    with open(archive, "rb") as source:
        record = import_image(
            bare_home, store, source, reference="small:1", changes=["ENV A=1", 'CMD ["sh"]']
        )
    tagging.tag(bare_home, store, "small:1", "ghcr.io/someone/else:V2")
    return record


def output(*words: str) -> str:
    """Run a tool, and return what it printed."""
    return subprocess.run(words, check=True, capture_output=True, text=True).stdout


@pytest.mark.parametrize("name", ["small:1", "ghcr.io/someone/else:V2"])
def test_skopeo_finds_an_image_by_its_name(bare_home: Home, image: ImageRecord, name: str) -> None:
    """`skopeo inspect oci:DIR:NAME`; copying checks every digest."""
    told = json.loads(output("skopeo", "inspect", f"oci:{bare_home.layout}:{name}"))

    assert told["Digest"] == image.manifest
    assert told["Env"] == ["A=1"]
    copy = f"docker-archive:{bare_home.root}/copy.tar:copy:1"
    output("skopeo", "copy", f"oci:{bare_home.layout}:{name}", copy)


def test_umoci_unpacks_what_we_unpacked(
    bare_home: Home, image: ImageRecord, tmp_path: Path
) -> None:
    """The same names, kinds, modes and contents."""
    output(
        *("umoci", "unpack", "--rootless", "--image"),
        f"{bare_home.layout}:small:1",
        f"{tmp_path}/out",
    )

    ours, theirs = bare_home.layer(image.layers[0].chain_id), tmp_path / "out" / "rootfs"
    listed = [
        output("sh", "-c", f"cd {tree} && find . -printf '%p %y %m %l\\n' | sort")
        for tree in (ours, theirs)
    ]
    assert listed[0] == listed[1]
    output("diff", "-r", "--no-dereference", str(ours), str(theirs))
    assert output("umoci", "ls", "--layout", str(bare_home.layout)).split() == [
        "small:1",  # docker.io/library/small: in docker's order of names
        "ghcr.io/someone/else:V2",
    ]


def test_other_tools_leave_the_layout_usable(
    bare_home: Home, store: Store, image: ImageRecord
) -> None:
    """A blob that they do not know of is what a sweep would remove too."""
    output("umoci", "gc", "--layout", str(bare_home.layout))

    assert Layout(bare_home).read_blob(image.id)
    assert tagging.remove(bare_home, store, "small:1") == [("Untagged", "small:1")]
