"""Lines of careful users about images, networks, ports and volumes, drawn from unseen ones.

Scenes as in lines.py.
"""

# ruff: noqa: E501  a line is one line

from __future__ import annotations

__all__ = ["DIFFERENT", "SCENES"]

DIFFERENT: dict[str, str] = {}

_HEALTH = "import -c 'HEALTHCHECK {}' {{tmp}}/empty.tar hc:1"

SCENES: dict[str, tuple[str, ...]] = {
    "edges: images": (
        *(
            _HEALTH.format(words)
            for words in (
                "",
                "CMD",
                "FOO",
                "NONE x",
                "--interval=1us CMD true",
                "--interval=-5s CMD true",
                "--interval= CMD true",
                "--interval CMD true",
                "--interval=5s --interval=6s CMD true",
                "--retries=x CMD true",
                "--retries=-1 CMD true",
                "--retries=0 CMD true",
                "--foo=1s CMD true",
            )
        ),
        "import -c 'EXPOSE 80/tcp 90-91 $Z' {tmp}/empty.tar hc:2",
        "image inspect -f '{{json .Config.ExposedPorts}}' hc:2",
        "import {tmp}/empty.tar hc@sha256:1111111111111111111111111111111111111111111111111111111111111111",
        "history ''",
        "tag busybox child:3",
        "tag busybox child:4",
        "images 'child:[34]' --format '{{.Repository}}' -q",
        "images --filter reference='child:[3]' --format '{{.Tag}}'",
        "images --filter reference='child:[^3]' --format '{{.Tag}}'",
        "images --filter reference='['",
        "images '[a'",
        "images 'child:\\3' --format '{{.Tag}}'",
        "rmi child:3 child:4",
        "run -d --name r1 --network none busybox sleep 1000",
        "tag busybox other:1",
        "commit r1 kid:1",
        "tag busybox:latest spare:1",
        "rmi other:1 spare:1",
        "create --name c1 --network none kid:1",
        "commit c1 kid:2",
        "rm c1",
        "rmi kid:1",
        "images -f dangling=true -q",
        "images -a -f dangling=true --format '{{.Repository}}'",
        "images --format '{{.Repository}}:{{.Tag}}' -f since=busybox",
        "rmi kid:2",
        "rm -f r1",
        "container prune -f",
        "info -f '{{json .RegistryConfig.IndexConfigs}} {{.RegistryConfig.InsecureRegistryCIDRs}}'",
        "pull --disable-content-trust localhost:1/x",
        "push --disable-content-trust localhost:1/none",
    ),
    "edges: networks and ports": (
        "network ls -f 'name=['",
        "network ls -f 'name=[' -q",
        "volume ls -f 'name=*' -q",
        "network disconnect '' x",
        "network create --subnet 10.90.0.0/16 --ip-range 10.90.0.0/8 edge",
        "network create --subnet 10.90.0.0/16 edge",
        "run --rm --network edge --ip 0.0.0.0 busybox true",
        "run --rm --network edge --ip6 :: busybox true",
        "run --rm --network edge --link-local-ip bogus busybox true",
        "run --rm --network name=edge,link-local-ip=x busybox true",
        "run --rm --network name=edge,link-local-ip=169.254.2.2 --link-local-ip 169.254.2.3 busybox true",
        "run --rm --network name=edge,link-local-ip=169.254.2.2,ip=10.90.0.7 busybox sh -c 'ip -4 -o addr show eth0 | cut -c10-50'",
        "run --rm --link-local-ip 169.254.1.1 busybox sh -c 'ip -4 -o addr show eth0 | grep -c 169.254.1.1/16'",
        "run --rm --network none --link-local-ip 169.254.1.1 busybox true",
        "create --name ll --network edge --link-local-ip 169.254.3.3 --link-local-ip 169.254.3.4 --ip 10.90.0.9 busybox sleep 1000",
        "inspect ll -f '{{json .NetworkSettings.Networks.edge.IPAMConfig}}'",
        "start ll",
        "exec ll sh -c 'ip -4 -o addr show eth0 | grep -c 169.254'",
        "network create --subnet 10.91.0.0/16 edge2",
        "network connect --link-local-ip bad edge2 ll",
        "network connect --link-local-ip 169.254.9.9 edge2 ll",
        "exec ll sh -c 'ip -4 -o addr show eth1 | grep -c 169.254.9.9/16'",
        "inspect ll -f '{{json .NetworkSettings.Networks.edge2.IPAMConfig}}'",
        "rm -f ll",
        "network rm edge edge2",
        "run --name far -p 10.255.255.1:80:80 busybox true",
        "rm far",
        "create --name ul --network none --ulimit nofile=5:6 --restart on-failure:3 busybox true",
        "inspect ul -f '{{.HostConfig.NanoCpus}} {{json .HostConfig.Ulimits}} {{json .HostConfig.RestartPolicy}}'",
        "rm ul",
    ),
    "edges: volumes": (
        "volume ls --cluster",
        "volume ls --cluster -q",
        "volume create -o type=tmpfs -o device=tmpfs -o o=bogus=1,nodev bogus",
        "run --rm --network none -v bogus:/x busybox true",
        "volume create -o type=ext4 -o device=/dev/nonexist ext",
        "run --rm --network none -v ext:/x busybox true",
        "volume rm bogus ext",
        "run --rm --network none -v ::: busybox true",
        "run --rm --network none -v a:b:c:d: busybox true",
        "run --rm --network none -v data:/d:ro --tmpfs /d/t busybox true",
        "run --rm --network none -v data:/d:ro -v {tmp}/tree:/d/sub busybox true",
        "run --rm --network none -v data:/d:ro -v {tmp}/good:/d/f busybox true",
        "run --rm --network none -v {tmp}/tree/dangling:/l busybox true",
        "run --rm --network none -v {tmp}/good/x:/l busybox true",
        "run --name nad --network none -v {tmp}/good/x:/l busybox true",
        "ps -a -f name=nad --format '{{.Status}}'",
        "inspect nad -f '{{.State.ExitCode}}'",
        "create --name dg --network none -v {tmp}/tree/dangling:/x busybox true",
        "start dg",
        "inspect dg -f '{{.State.Status}} {{.State.ExitCode}} {{.State.Error}}'",
        "rm nad dg",
        "volume rm data",
    ),
}
