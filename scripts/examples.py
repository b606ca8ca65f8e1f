"""One line as an example for each verb of the founding list, and one for each of its options.

Data for scripts/reference.py. A line begins with the option that it is for; the first of a verb is
without one. tests/unit/scripts/test_reference.py has the grammar read all of them, and finds none
missing. `web`, `job` and `db` are containers, `host` is the image that is always there.
"""

from __future__ import annotations

__all__ = ["EXAMPLES", "examples"]

EXAMPLES: dict[str, str] = {
    "run": """
host python -c 'print(6 * 7)'
--add-host db.lab:10.0.0.9 host cat /etc/hosts
--annotation org.example.note=kept host true
-a stderr host python -c 'print("only errors are shown")'
--blkio-weight 300 host cp big copy
--blkio-weight-device /dev/sda:300 host cp big copy
--cap-add NET_ADMIN host ip link set lo down
--cap-drop ALL host chown 1 notes.txt
--cgroup-parent /lab host cat /proc/self/cgroup
--cgroupns host host cat /proc/self/cgroup
--cidfile web.id -d host sleep 60
--cpu-period 50000 --cpu-quota 25000 host python count.py
--cpu-quota 50000 host python count.py
--cpu-rt-period 1000000 --cpu-rt-runtime 950000 host chrt -f 1 true
--cpu-rt-runtime 950000 host chrt -f 1 true
-c 512 host python count.py
--cpus 0.5 host python count.py
--cpuset-cpus 0 host nproc
--cpuset-mems 0 host python count.py
-d --name web host python -m http.server
--detach-keys ctrl-x,q -it host bash
--device /dev/fuse host ls -l /dev/fuse
--device-cgroup-rule 'c 10:229 rwm' host true
--device-read-bps /dev/sda:1mb host cat big
--device-read-iops /dev/sda:100 host cat big
--device-write-bps /dev/sda:1mb host cp big copy
--device-write-iops /dev/sda:100 host cp big copy
--disable-content-trust host true
--dns 9.9.9.9 host cat /etc/resolv.conf
--dns-option ndots:1 host cat /etc/resolv.conf
--dns-search lab.example host cat /etc/resolv.conf
--domainname lab.example host cat /proc/sys/kernel/domainname
--entrypoint python host -c 'print("instead of the image own")'
-e COLOUR=blue host sh -c 'echo $COLOUR'
--env-file settings.env host env
--explain host true
--expose 8000 -P -d host python -m http.server
--group-add audio host id
--health-cmd 'test -e /tmp/ready' -d host sleep 60
--health-interval 5s --health-cmd 'test -e /tmp/ready' -d host sleep 60
--health-retries 2 --health-cmd 'test -e /tmp/ready' -d host sleep 60
--health-start-interval 1s --health-cmd 'test -e /tmp/ready' -d host sleep 60
--health-start-period 30s --health-cmd 'test -e /tmp/ready' -d host sleep 60
--health-timeout 2s --health-cmd 'test -e /tmp/ready' -d host sleep 60
-h box host hostname
--init host sleep 60
-i host wc -l
--ip 10.9.0.7 --network lab host ip address
--ip6 fd00::7 --network lab host ip address
--link-local-ip 169.254.7.7 --network lab host ip address
--ipc host host ipcs
--isolation default host true
--kernel-memory 64m host true
-l course=linux -d host sleep 60
--label-file labels.txt -d host sleep 60
--link db:database host cat /etc/hosts
--log-driver none -d host yes
--log-opt max-size=1m -d host yes
--mac-address 02:42:ac:11:00:07 host ip link
-m 64m host python hungry.py
--memory-reservation 32m host python hungry.py
--memory-swap 128m -m 64m host python hungry.py
--memory-swappiness 0 host python hungry.py
--mount type=bind,source=/srv/data,target=/data,readonly host ls /data
--name web -d host sleep 60
--network none host ip address
--network-alias www --network lab -d host sleep 60
--no-healthcheck -d host sleep 60
--oom-kill-disable -m 64m host python hungry.py
--oom-score-adj 500 host cat /proc/self/oom_score_adj
--pid host host ps -e
--pids-limit 20 host python crowd.py
--platform linux/amd64 debian:13 uname -m
--privileged host mount -t tmpfs none /mnt
-p 8080:8000 -d host python -m http.server
-P --expose 8000 -d host python -m http.server
--pull always debian:13 true
-q debian:13 true
--read-only host touch /etc/x
--restart on-failure:2 -d host python fragile.py
--rm host true
--runtime ipycontainer host true
--security-opt no-new-privileges host id
--shm-size 256m host df /dev/shm
--sig-proxy=false host sleep 5
--stop-signal INT -d host sleep 60
--stop-timeout 2 -d host sleep 60
--storage-opt size=1G host df /
--sysctl net.ipv4.ip_unprivileged_port_start=0 host true
--timeout 10s host python endless.py
--tmpfs /scratch:size=64m host df /scratch
-t -i host bash
--ulimit nofile=64 host sh -c 'ulimit -n'
-u 1000:1000 host id
--userns host host id
--uts host host hostname
-v /srv/data:/data:ro host ls /data
--volume-driver local -v lab:/data host ls /data
--volumes-from db host ls /data
-w /tmp host pwd
""",
    "attach": """
web
--detach-keys ctrl-x,q web
--no-stdin web
--sig-proxy=false web
""",
    "exec": """
web ls /tmp
-d web touch /tmp/seen
--detach-keys ctrl-x,q -it web sh
-e COLOUR=blue web env
--env-file settings.env web env
-i web wc -l
--privileged web mount -t tmpfs none /mnt
--timeout 10s web python endless.py
-t -i web bash
-u nobody web id
-w /etc web pwd
""",
    "start": """
web job
-a job
--detach-keys ctrl-x,q -ai job
-i -a job
""",
    "pause": "web",
    "unpause": "web",
    "stop": """
web job
-s INT web
-t 2 web
""",
    "kill": """
web
-s USR1 web
""",
    "wait": """
job
--timeout 1m job
""",
    "export": """
web --output web.tar
-o web.tar web
""",
    "rm": """
job
-f web
-l web/database
-v db
""",
    "cp": """
web:/etc/hosts .
-a web:/srv copy
-L web:/etc/localtime .
-q data.csv web:/tmp
""",
    "rename": "web www",
    "restart": """
web
-s INT web
-t 2 web
""",
    "logs": """
web
--details web
-f web
--since 10m web
-n 20 web
-t web
--until 2026-01-31T12:00:00Z web
""",
    "top": """
web -o pid,args
--watch web
""",
    "port": "web 8000/tcp",
    "stats": """
web job
-a
--format '{{.Name}} {{.CPUPerc}}'
--no-stream
--no-trunc
""",
    "diff": """
web
--content web
""",
}


def examples(verb: str) -> tuple[str, dict[str, str]]:
    """Return a verb's example, and those of its options by the flag that each begins with."""
    plain, *others = EXAMPLES[verb].strip().split("\n")
    lines = {other.split()[0].partition("=")[0]: f"{verb} {other}" for other in others}
    return f"{verb} {plain}", lines
