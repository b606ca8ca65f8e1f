"""Changes that the kernel itself wrote into an upper directory, beside what docker 26.1.5 told."""

from __future__ import annotations

import io
import os

import pytest

from ipycontainer.images.archive_import import import_image
from ipycontainer.storage import snapshots
from ipycontainer.storage.changes import changes
from ipycontainer.store.database import Store
from ipycontainer.store.home import Home
from tests.archives import TarBuilder
from tests.system.storage.conftest import Inside

ID = "c" * 64


@pytest.fixture
def layers(bare_home: Home, store: Store) -> tuple[str, ...]:
    """The layer of a small root file system."""
    archive = (
        TarBuilder()
        .directory("bin")
        .file("bin/busybox", b"#!", mode=0o755)
        .symlink("bin/ls", "busybox")
        .symlink("bin/sh", "busybox")
        .directory("etc")
        .file("etc/group", b"root:x:0:")
        .file("etc/passwd", b"root:x:0:0::/root:/bin/sh")
        .directory("root", mode=0o700)
        .directory("tmp", mode=0o1777)
        .directory("var/lib")
        .build()
    )
    image = import_image(bare_home, store, io.BytesIO(archive))
    return tuple(layer.chain_id for layer in image.layers)


@pytest.mark.parametrize(
    ("script", "told"),
    [
        ("touch test", ["A /test"]),
        ("touch etc/x", ["C /etc", "A /etc/x"]),
        (
            "mkdir -p a/b/c; touch a/b/c/f z",
            ["A /a", "A /a/b", "A /a/b/c", "A /a/b/c/f", "A /z"],
        ),
        ("rm -r var", ["D /var"]),
        (
            "rm etc/group; echo x>>etc/passwd; mkdir d; echo 1 > d/f; touch new",
            ["A /d", "A /d/f", "C /etc", "D /etc/group", "C /etc/passwd", "A /new"],
        ),
        ("rm -r var; mkdir -p var/lib/x", ["C /var", "C /var/lib", "A /var/lib/x"]),
        ("chmod 700 root", []),
        (
            "rm etc/passwd; mkdir etc/passwd; touch etc/passwd/x",
            ["C /etc", "C /etc/passwd", "A /etc/passwd/x"],
        ),
        ("touch etc/passwd", ["C /etc", "C /etc/passwd"]),
        ("rm -r etc; touch etc", ["C /etc"]),
        ("rm -r etc; mkdir etc", ["C /etc", "D /etc/group", "D /etc/passwd"]),
        ("mkfifo p; ln -s a etc/l", ["C /etc", "A /etc/l", "A /p"]),
        ("mv var var2", ["D /var", "A /var2", "A /var2/lib"]),
        ("cp bin/busybox b2; rm bin/ls", ["A /b2", "C /bin", "D /bin/ls"]),
        ("mkdir etc/n; rmdir etc/n", []),
        ("touch tmp/x", ["C /tmp", "A /tmp/x"]),
        ("rm -rf root; mkdir -m 700 root", []),
        ("mv etc/passwd etc/p2; mv etc/p2 etc/passwd", []),
        ("chmod 700 .", []),
        ("ln etc/passwd etc/pl", ["C /etc", "A /etc/pl"]),
        ("chmod 700 bin/busybox", ["C /bin", "C /bin/busybox"]),
    ],
)
def test_a_script_changes_what_docker_says_it_changes(
    bare_home: Home, layers: tuple[str, ...], inside: Inside, script: str, told: list[str]
) -> None:
    """Each was run in a docker container on the same tree; names in byte order here."""
    (overlay,) = snapshots.prepare(bare_home, ID, layers)

    inside(overlay, script)

    found = changes((overlay,), bare_home.rootless)
    assert [f"{change.kind} {change.path}" for change in found] == told
    snapshots.discard(bare_home, ID)
    assert os.listdir(bare_home.containers) == []


def test_whiteouts_of_a_layer_hide_what_lies_below(
    bare_home: Home, store: Store, inside: Inside
) -> None:
    """Unpacked, they are what the kernel takes for its own."""
    lower = TarBuilder().file("d/old", b"1").file("gone", b"1").file("kept", b"1").build()
    upper = TarBuilder().file("d/.wh..wh..opq").file("d/new").file(".wh.gone").build()
    chain = [
        import_image(bare_home, store, io.BytesIO(archive)).layers[0].chain_id
        for archive in (lower, upper)
    ]
    (overlay,) = snapshots.prepare(bare_home, ID, chain)

    inside(
        overlay,
        'test "$(find d kept | sort | tr "\\n" " ")" = "d d/new kept " && ! test -e gone',
    )


def test_a_container_may_nest_as_deep_as_it_likes(
    bare_home: Home, layers: tuple[str, ...], inside: Inside
) -> None:
    """Deeper than any path reaches; it goes all the same."""
    (overlay,) = snapshots.prepare(bare_home, ID, layers)
    inside(
        overlay,
        "i=0; while [ $i -lt 40 ]; do d=" + "n" * 200 + "; mkdir $d; cd -P $d; i=$((i+1)); done",
    )

    snapshots.discard(bare_home, ID)

    assert os.listdir(bare_home.containers) == os.listdir(bare_home.trash) == []
