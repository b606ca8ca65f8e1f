"""Lines of ordinary use about images, networks, volumes, limits and the engine itself.

Scenes as in lines.py, all run with `--full` only: most of their rules have tests of their own.
"""

# ruff: noqa: E501  a line is one line

from __future__ import annotations

__all__ = ["SCENES"]

SCENES: dict[str, tuple[str, ...]] = {
    "things: whom a container asks": (
        "network create app",
        "run --rm busybox cat /etc/resolv.conf",
        "run --rm --network app busybox cat /etc/resolv.conf",
        "run --rm --network host busybox cat /etc/resolv.conf",
        "run --rm --network none busybox cat /etc/resolv.conf",
        "run --rm --dns 9.9.9.9 --dns-search example.com --dns-option ndots:3 busybox cat /etc/resolv.conf",
        "run --rm --dns-search=. --network app busybox cat /etc/resolv.conf",
        "run --rm --dns 9.9.9.9 --network app busybox cat /etc/resolv.conf",
        "run --rm --network app --dns-option ndots:2 --dns-option timeout:1 busybox cat /etc/resolv.conf",
        "run --rm --network none --dns 1.1.1.1 busybox cat /etc/resolv.conf",
        "run -d --name one busybox sleep 100",
        "exec one cat /etc/resolv.conf",
        "network connect app one",
        "exec one cat /etc/resolv.conf",
        "run -d --name two busybox sleep 100",
        "exec two sh -c 'echo >> /etc/resolv.conf'",
        "network connect app two",
        "exec two grep -c 127.0.0.11 /etc/resolv.conf",
        "run --rm --hostname my.host.example busybox sh -c 'hostname; tail -1 /etc/hosts | cut -f2'",
        "run --rm --hostname my.host --domainname example busybox sh -c 'tail -1 /etc/hosts | cut -f2'",
        "rm -f one two",
        "network rm app",
    ),
    "things: images": (
        "tag busybox shop/front:stable",
        "image inspect -f '{{.GraphDriver.Name}} {{.RootFS.Type}} {{len .RootFS.Layers}}' shop/front:stable",
        "save shop/front:nope",
        "save shop",
        "rmi ''",
        "rmi -f ''",
        "run --rm --network none busybox readlink /etc/mtab",
        "run --rm --network none -v /etc busybox ls /etc",
        "rmi shop/front:stable",
    ),
    "things: volumes of directories": (
        "volume create -o type=none -o o=bind,ro -o device={tmp}/tree fixed",
        "run --rm --network none -v fixed:/b busybox sh -c 'cat /b/file; touch /b/x'",
        "network create -d nope bad",
        "volume rm fixed",
    ),
    "things: the engine": (
        "system df -v --format '{{range .Images}}{{.Repository}}{{end}}|{{json .BuildCache}}|{{len .Containers}}'",
        "system df -v --format '{{.Nope}}'",
        "create --name box --network none -l a=b busybox true",
        "system df -v --format '{{range .Containers}}{{.Names}} {{.Label \"a\"}} {{.Image}}{{end}}'",
        "info -f '{{len .ClientInfo.Plugins | le 0}}'",
        "version -f '{{.Server.Experimental}}'",
        "rm box",
    ),
}
