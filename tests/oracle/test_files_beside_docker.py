"""The same script in docker's container and in ours leaves the same files behind."""

from __future__ import annotations

import tarfile
from collections.abc import Callable
from pathlib import Path
from subprocess import CompletedProcess

import pytest

Command = Callable[..., "CompletedProcess[str]"]

SCRIPT = """
mkdir -p /a/b; echo one > /a/one; ln /a/one /a/two; ln -s ../one /a/b/link; mkfifo /a/pipe
chmod 4755 /a/one; chmod 1777 /a/b; chown 70:70 /a/b; rm /etc/group; rm -r /var/lib
mkdir /var/lib; touch /var/lib/new; mv /root /moved; echo more >> /etc/passwd; mknod /a/null c 1 3
ln -s / /a/top; touch "/a/odd name"; dd if=/dev/zero of=/a/zeros bs=1024 count=300 2>/dev/null
"""


def tree(path: Path) -> dict[str, tuple[object, ...]]:
    """Return the entries of an archive: type, mode, owner, size, link."""
    with tarfile.open(path) as archive:
        found: dict[str, tuple[object, ...]] = {}
        for member in archive:
            name = member.name.removeprefix("./").rstrip("/")
            if name in ("", "."):
                continue
            found[name] = (
                member.type,
                oct(member.mode),
                member.uid,
                member.gid,
                member.size,
                "" if member.islnk() else member.linkname,
                (member.devmajor, member.devminor) if member.ischr() else None,
            )
        return found


@pytest.mark.parametrize("how", ["export", "commit"])
def test_files_after_a_script(
    docker: Command, shell: Command, busybox_tar: Path, tmp_path: Path, how: str
) -> None:
    """Exported as they are, or from a container of the image that was committed."""
    shell("import", str(busybox_tar), "busybox:latest")
    trees = []
    for name, run in (("theirs", docker), ("ours", shell)):
        run("run", "--name", "box", "--network", "none", "busybox", "sh", "-c", SCRIPT)
        exported = "box"
        if how == "commit":
            run("commit", "box", "made:files")
            run("create", "--name", "again", "--network", "none", "made:files", "true")
            exported = "again"
        done = run("export", "-o", str(tmp_path / name), exported)
        assert done.returncode == 0, done.stderr
        trees.append(tree(tmp_path / name))
        run("rm", "-f", "box", "again")
        run("rmi", "made:files")
    theirs, ours = trees
    assert ours == theirs
