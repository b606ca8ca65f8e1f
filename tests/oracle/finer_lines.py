"""What a careful reader tries next: the order of checks, what a refusal leaves, states met twice.

Scenes as in lines.py.
"""

# ruff: noqa: E501  a line is one line

from __future__ import annotations

_PLUGIN = "docker's client takes its daemon's 404 of a plugin for a missing image, and pulls that"

DIFFERENT: dict[str, str] = {
    "run --rm --network none --volume-driver nope -v a1:/x busybox true": _PLUGIN,
    "create --network none --mount type=volume,volume-driver=nope,src=a2,dst=/x busybox true": _PLUGIN,
}

SCENES: dict[str, tuple[str, ...]] = {
    "finer: after the image is looked for": (
        "create -v /a:b localhost:1/nope true",
        "create -v rel/x:/y localhost:1/nope true",
        "create -v /a:/b:zz localhost:1/nope true",
        "create -v /tmp:/ localhost:1/nope true",
        "create -v /tmp:/a -v /etc:/a localhost:1/nope true",
        "create --storage-opt foo=bar localhost:1/nope true",
        "create --storage-opt foo localhost:1/nope true",
        "create --runtime nope localhost:1/nope true",
        "create --tmpfs rel localhost:1/nope true",
        "create --mount type=volume,dst=rel localhost:1/nope true",
        "create --mount type=volume,src=a/b,dst=/x localhost:1/nope true",
        "create --runtime nope -m 1k busybox true",
        "create --storage-opt foo=bar -m 1k busybox true",
        "create -v /a:/b:zz -m 1k busybox true",
        "create -v /a:/b:zz --name _ busybox true",
        "create -v /a:/b:zz busybox",
        "create --name taken --network none busybox true",
        "create -v /a:/b:zz --name taken busybox true",
        "create -v /tmp:/a -v /etc:/a --name taken busybox true",
        "run --rm --network none --volume-driver nope -v a1:/x busybox true",
        "create --network none --mount type=volume,volume-driver=nope,src=a2,dst=/x busybox true",
        "rm taken",
        "volume ls -q",
    ),
    "finer: volumes that a refusal leaves": (
        "create -v d5:/x -v d6:/x busybox true",
        "create -v d7:/x -v /tmp:/x busybox true",
        "create -v /tmp:/x -v d8:/x busybox true",
        "create --mount type=volume,src=d9,dst=/x -v d10:/x busybox true",
        "create -v d11:/x/ --tmpfs /x busybox true",
        "create -v d12:/x --mount type=tmpfs,dst=/x busybox true",
        "create -v d13:/x -v /a:/b:zz busybox true",
        "create --mount type=volume,src=d14,dst=/x --mount type=volume,src=a/b,dst=/y busybox true",
        "volume ls -q",
        "volume ls --format '{{.Name}}'",
        "ps -aq",
        "network create n10",
        "network create n9",
        "network create n09",
        "network ls --format '{{.Name}}'",
    ),
    "finer: what cannot be beside another network": (
        "network create nn",
        "create --name hs --network host busybox sleep 100",
        "run -d --name hr --network host busybox sleep 100",
        "create --name ns --network none busybox sleep 100",
        "run -d --name nr --network none busybox sleep 100",
        "create --name gs --network container:nr busybox sleep 100",
        "run -d --name gr --network container:nr busybox sleep 100",
        *(
            f"network connect {net} {name}"
            for name in ("hs", "hr", "ns", "nr", "gr")
            for net in ("nn", "host", "none", "bridge")
        ),
        "network connect host gs",
        "network connect nope gr",
        "network disconnect nn hs",
        "network disconnect nn nr",
        "rm -f hs hr gs gr ns nr",
    ),
    "finer: bounded logs, what swarms have, ids that several begin with": (
        "run --name lo --log-opt max-size=1k --log-opt max-file=2 --network none busybox sh -c 'for i in $(seq 1 100); do echo line number $i; done'",
        "logs lo",
        "run --name l4 --log-opt max-size=1k --log-opt max-file=1 --network none busybox sh -c 'seq 1 100'",
        "logs l4",
        "logs --until 0 lo",
        "logs --until 00 lo",
        "logs -n 2 --since 0 --until 0 l4",
        "inspect --type node lo",
        "inspect --type service lo l4",
        "inspect --type task -f '{{.ID}}' lo",
        "inspect --type secret lo",
        "inspect --type config lo",
        "inspect --type plugin lo l4",
        "start --checkpoint cp1 lo",
        "start --checkpoint-dir=/x lo",
        "rm lo l4",
        "container prune -f",
        "network prune -f",
        "volume prune -f",
        "image prune -f",
        "system prune -f",
        "events --since 1h --until 0s --filter scope=swarm",
        *("create --network none busybox true" for _ in range(17)),  # so that two begin alike
        "ps -a --filter id= --format '{{.Names}}'",
    ),
    "finer: real time, tags, files that are directories": (
        "run -d --name rt --network none busybox sleep 500",
        "update --cpu-rt-runtime 1000 rt",
        "update --cpu-rt-runtime 2000 --cpu-rt-period 100000 rt",
        "update --cpu-rt-runtime 200000 --cpu-rt-period 100000 rt",
        "inspect -f '{{.HostConfig.CpuRealtimeRuntime}} {{.HostConfig.CpuRealtimePeriod}}' rt",
        "tag busybox bb:2",
        "image inspect -f '{{.Metadata.LastTagTime.IsZero}}' bb:2",
        "rmi bb:2",
        "commit rt",
        "images -q --filter dangling=true",
        "export -o {tmp}/tree rt",
        "save -o {tmp}/tree busybox",
        "save -o {tmp}/tree/ busybox",
        "save -o {tmp}/tree nope",
        "save -o /dev/null busybox",
        "cp rt:/ {tmp}/whole",
        "rm -f rt",
    ),
}
