"""Lines that speak with registries: one that is open, and one that wants a password.

`{open}` and `{locked}` are their hosts, `{repo}` is a repository in the open one that only one of
both engines uses. A line that begins with `<TEXT ` has that text and a line's end on stdin.
"""

from __future__ import annotations

__all__ = ["DIFFERENT", "LINES"]

_SIZE = "the size of a manifest: docker makes one of its own kind of each image, ours pushes OCI's"
_NO_SEARCH = "search is refused by name"
_ABSENT = "sha256:1111111111111111111111111111111111111111111111111111111111111111"

DIFFERENT: dict[str, str] = {
    "push {repo}:v1": _SIZE,
    "push {repo}:v2": _SIZE,
    "push -a {repo}": _SIZE,
    "push --disable-content-trust {repo}:v1": _SIZE,
    "push {locked}/priv:1": _SIZE,
    "search busybox": _NO_SEARCH,
}

LINES: tuple[str, ...] = (
    "tag busybox {repo}:v1",
    "tag busybox {repo}:v2",
    "push {repo}:v1",
    "push {repo}:v2",
    "push -q {repo}:v2",
    "push {repo}",
    "push {repo}/nosuch:v1",
    "push -a {repo}",
    "push -a {repo}:v1",
    "push --disable-content-trust {repo}:v1",
    "push {repo}@{absent}",
    "push a b",
    "image inspect {repo}:v1 --format '{{len .RepoDigests}}'",
    "images --digests {repo}:v1 --format '{{.Repository}} {{.Tag}} {{len .Digest}}'",
    "rmi {repo}:v1 {repo}:v2",
    "pull {repo}:v1",
    "pull {repo}:v1",
    "pull -q {repo}:v2",
    "pull -a {repo}",
    "pull -a -q {repo}",
    "pull -a {repo}:v1",
    "pull {repo}",
    "pull {repo}:v3",
    "pull {repo}/nosuch",
    "pull --platform linux/amd64 {repo}:v1",
    "pull --platform linux/arm64 {repo}:v1",
    "pull --platform windows {repo}:v1",
    "pull {repo}@{absent}",
    "pull {repo}:v1@{absent}",
    "images --digests --format '{{.Repository}} {{.Tag}}' -f reference='{repo}@sha256*'",
    "rmi {repo}:v1 {repo}:v2",
    "run --rm --network none {repo}:v1 echo pulled",
    "run --rm --network none --pull always {repo}:v1 echo again",
    "run --rm --network none --pull always -q {repo}:v1 echo again",
    "run --rm --network none --pull never {repo}:v9 echo again",
    "create --name fromreg --network none {repo}:v2 true",
    "rm fromreg",
    "run --rm --network none {repo}:v9 true",
    "create {repo}/none true",
    "search busybox",
    "login -u tester -p secret {locked}",
    "login -u tester -p wrong {locked}",
    "login {locked}",
    "<secret login -u tester --password-stdin {locked}",
    "<wrong login -u tester --password-stdin {locked}",
    "<secret login --password-stdin {locked}",
    "<nobody login -p x {locked}",
    "login -u tester {locked}",
    "tag busybox {locked}/priv:1",
    "push {locked}/priv:1",
    "logout {locked}",
    "logout {locked}",
    "login {locked}",
    "push {locked}/priv:1x",
    "pull {locked}/priv:1",
    "run --rm {locked}/priv:2 true",
    "login -u x -p y {open}",
    "logout {open}",
    "logout",
    "rmi {repo}:v1 {repo}:v2 {locked}/priv:1",
)
LINES = tuple(line.replace("{absent}", _ABSENT) for line in LINES)
