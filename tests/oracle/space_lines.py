"""Lines about room on disk: sizes, `system df`, what is pruned, and links that are taken away."""

# ruff: noqa: E501  a line is one line

from __future__ import annotations

__all__ = ["DIFFERENT", "SCENES"]

_FILL = "dd if=/dev/zero of=/x bs=1000 count=12345 2>/dev/null"

SCENES: dict[str, tuple[str, ...]] = {
    "sizes": (
        "system df",
        f"run --name big --network none busybox sh -c '{_FILL}'",
        "run -d --name up --network none busybox sleep 1000",
        "run --name vol --network none -v named:/v busybox sh -c 'dd if=/dev/zero of=/v/x bs=1000 count=700 2>/dev/null'",
        "ps -as",
        "ps -s",
        "ps -aqs",
        "ps -s --format 'table {{.Names}}'",
        "ps -a --format '{{.Names}} {{.Size}}'",
        "ps -as --format '{{json .Size}}'",
        "ps -a --format '{{json .Size}}'",
        "inspect --size -f '{{.SizeRw}} {{.SizeRootFs}}' big up",
        "container inspect -s -f '{{.SizeRw}} {{.SizeRootFs}}' big",
        "inspect -s -f '{{.Size}}' busybox",
        "inspect -s -f '{{.Name}}' named",
        "inspect -s -f '{{.Name}}' nope",
        "inspect -s -f '{{.SizeRw}}' --type image big",
        "system df",
        "commit big made:1",
        "system df",
        "system df -v",
        "system df --format json",
        "system df --format '{{json .}}'",
        "system df --format '{{.Type}} {{.TotalCount}} {{.Active}} {{.Size}} {{.Reclaimable}}'",
        "system df --format 'table {{.Type}}\t{{.Size}}'",
        "system df --format '{{.Nope}}'",
        "system df nope",
        "system df --nope",
        "rm -f up",
        "system prune -f --filter label=none",
        "system prune -f --filter label!=none",
        "volume rm named",
        "rmi made:1",
    ),
    "system prune": (
        "system prune",
        "system prune -a",
        "system prune --volumes",
        "system prune -a --volumes --filter label=x --filter label=a",
        "system prune -f --volumes --filter until=24h",
        "system prune -f --filter foo=bar",
        "system prune -f --filter until=24h",
        "system prune foo",
        "system prune --foo",
        "network create --label a=b one",
        "run --name gone --network none busybox true",
        "volume create kept",
        "system prune -f --filter label=a=b",
        "network create one",
        "create --name anon --network none -v /v busybox true",
        "system prune -f --volumes",
        "volume ls -q",
        "volume rm kept",
    ),
    "network prune": (
        "network create one",
        "network prune",
        "network prune -f --filter until=1h",
        "network prune -f --filter label=a",
        "network prune -f --filter foo=1h",
        "network prune -f --filter label!=a",
        "network prune x",
    ),
    "links that go": (
        "run -d --name one busybox sleep 1000",
        "run -d --name two --link one:al --link one busybox sleep 1000",
        "rm --link nolink",
        "rm --link a/b",
        "rm --link two",
        "rm --link /two/none",
        "rm --link two/al",
        "rm -l two/al",
        "inspect -f '{{json .HostConfig.Links}}' two",
        "exec two cat /etc/hosts",
        "rm -fl two/al nope/x",
        "rm -f one two",
    ),
}

DIFFERENT: dict[str, str] = {}
