"""What the reference pages of docker's container verbs say, tried line by line.

Scenes as in lines.py.
"""

# ruff: noqa: E501  a line is one line

from __future__ import annotations

DIFFERENT: dict[str, str] = {}

SCENES: dict[str, tuple[str, ...]] = {
    "manual: what is executed": (
        "run -d --name box --network none --init busybox sleep 1000",
        "inspect -f '{{json .ExecIDs}}' box",
        "exec box nosuch",
        "exec box true",
        "inspect -f '{{json .ExecIDs}}' box",
        "exec -d box sleep 500",
        "inspect -f '{{json .ExecIDs}}' box",
        "exec box ps -o args",
        "exec box cat /proc/1/comm",
        "restart -t 0 box",
        "inspect -f '{{json .ExecIDs}}' box",
        "exec -d box sleep 500",
        "stop -t 0 box",
        "inspect -f '{{json .ExecIDs}}' box",
    ),
    "manual: paths as they were typed": (
        "create --name b1 --network none -v /var/../var/:/x/ -v nv:/y/ -v nw:/z//./w:ro -v /v/ busybox true",
        "inspect -f '{{json .Config.Volumes}} {{len .Mounts}}' b1",
        'inspect -f \'{{range .HostConfig.Binds}}{{if eq . "nv:/y/" "nw:/z//./w:ro" "/var/../var/:/x/"}}yes{{else}}{{.}}{{end}} {{end}}\' b1',
        "create --name b2 --network none --mount type=bind,src=/var/,dst=/x/ --tmpfs /t/:size=1m busybox true",
        "inspect -f '{{json .HostConfig.Mounts}} {{json .Mounts}} {{json .HostConfig.Tmpfs}}' b2",
        "create --name b3 --network none --mount type=volume,src=nz,dst=/x/. busybox true",
        "inspect -f '{{json .HostConfig.Mounts}}' b3",
        "create --name b4 --network none --mount type=tmpfs,dst=/x//y busybox true",
        "inspect -f '{{json .HostConfig.Mounts}} {{json .Mounts}}' b4",
        "create --name b5 --network none -v rel busybox true",
        "inspect -f '{{json .Config.Volumes}}' b5",
        "commit b1 made:1",
        "inspect -f '{{json .Config.Volumes}}' made:1",
    ),
    "manual: whose volumes go": (
        "run -d --name b1 --network none -v /v busybox sleep 1000",
        "rm -f b1",
        "system df --format '{{.Type}} {{.TotalCount}}'",
        "run -d --name b2 --network none -v /v busybox sleep 1000",
        "rm -fv b2",
        "system df --format '{{.Type}} {{.TotalCount}}'",
        "run -d --rm --name b3 --network none -v /v busybox sleep 1000",
        "rm -f b3",
        "system df --format '{{.Type}} {{.TotalCount}}'",
        "run -d --name b4 --network none -v /v busybox sleep 1000",
        "stop -t 0 b4",
        "inspect -f '{{ge .State.FinishedAt .State.StartedAt}}' b4",
        "start b4",
        "inspect -f '{{lt .State.FinishedAt .State.StartedAt}} {{slice .State.FinishedAt 0 2}}' b4",
        "restart -t 0 b4",
        "inspect -f '{{lt .State.FinishedAt .State.StartedAt}} {{slice .State.FinishedAt 0 2}}' b4",
        "stop -t 0 b4",
        "rm b4",
        "system df --format '{{.Type}} {{.TotalCount}}'",
    ),
    "manual: words of top and commit": (
        "create --name box --network none --entrypoint sh busybox -c 'sleep 1000'",
        "start box",
        "top box 'o pid,user,args'",
        "top box '-o pid' '-o user'",
        "commit -m said box made:1",
        "history --no-trunc --format '{{.CreatedBy}}|{{.Comment}}' made:1",
        "commit -c 'CMD echo' -c 'ENTRYPOINT []' box made:2",
        "history --no-trunc --format '{{.CreatedBy}}|{{.Comment}}' made:2",
    ),
    "manual: swap without a bound, told to one that runs": (
        "run -d --name box --network none -m 64m busybox sleep 1000",
        "update -m 128m --memory-swap -1 box",
        "inspect -f '{{.HostConfig.Memory}} {{.HostConfig.MemorySwap}}' box",
        "update --memory-swap -1 box",
        "update -m 256m --memory-swap -1 box",
        "inspect -f '{{.HostConfig.Memory}} {{.HostConfig.MemorySwap}}' box",
        "stop -t 0 box",
        "update -m 256m --memory-swap -1 box",
        "start box",
        "inspect -f '{{.HostConfig.Memory}} {{.HostConfig.MemorySwap}}' box",
    ),
}
