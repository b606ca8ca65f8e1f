# What a program sees and may do inside a container, one fact a line: `topic fact`. For busybox's sh.
say() { topic=$1; while IFS= read -r line; do echo "$topic $line"; done; }

grep -E '^(Uid|Gid|Groups|Cap|NoNewPrivs|Seccomp|Speculation|Cpus_allowed:|Mems_allowed:|SigIgn|SigBlk|SigCgt)' \
    /proc/self/status | say status
grep -E '^NS' /proc/self/status | sed 's/[0-9]\{1,\}/n/g' | say status
umask | say umask
pwd | say cwd
env | grep -v '^_=' | sort | say env
sed '1d; s/  */ /g' /proc/self/limits | say limit
cat /proc/self/oom_score_adj | say oom
cut -d' ' -f4-7 /proc/1/stat | say session
cat /proc/1/comm /proc/self/loginuid 2>&1 | say process

# mounts: where, what and how; the sources, and overlay's own options, are each engine's matter
while read -r _ target type options _; do
    echo "$target $type $(echo "$options" | tr , '\n' | grep -Ev '^(lowerdir|upperdir|workdir|uuid|index|metacopy|xino|redirect_dir|userxattr|nfs_export|volatile)' | sort | tr '\n' ,)"
done < /proc/mounts | sort | say mount
for path in /proc/acpi /proc/asound /proc/interrupts /proc/kcore /proc/keys /proc/latency_stats \
    /proc/sched_debug /proc/scsi /proc/timer_list /proc/timer_stats /sys/firmware \
    /sys/devices/virtual/powercap /proc/bus /proc/fs /proc/irq /proc/sys /proc/sysrq-trigger; do
    if [ ! -e $path ]; then echo "$path absent"; continue; fi
    if [ -d $path ]; then echo "$path directory with $(ls $path 2>&1 | wc -l)"; continue; fi
    echo "$path file of $(head -c 100000 $path 2> /dev/null | wc -c | sed 's/[1-9][0-9]*/some/')"
done | say hidden
for path in / /etc /etc/hosts /dev /dev/shm /dev/mqueue /tmp /proc/sys/net/ipv4/ip_forward \
    /proc/sys/kernel/hostname /proc/sysrq-trigger /sys/kernel /sys/fs/cgroup/memory/memory.limit_in_bytes \
    /sys/fs/cgroup /sys/fs/cgroup/memory; do
    [ -w $path ] && echo "$path writable" || echo "$path closed"
done | say access
for node in $(find /dev -type c -o -type b -o -type l -o -type p | sort); do
    stat -c '%n %F %a %u:%g %t:%T' $node
done | say device
ls -ld /dev /dev/pts /dev/shm /dev/mqueue 2>&1 | sed 's/  */ /g' | cut -d' ' -f1,3,4,9 | say directory
for node in c:1:3 c:1:11 c:4:0 b:7:0 c:10:229; do
    IFS=: read -r kind major minor <<- END
	$node
	END
    rm -f /tmp/node
    if mknod /tmp/node $kind $major $minor 2> /dev/null; then
        head -c 0 /tmp/node > /dev/null 2>&1 && echo "$node opens" || echo "$node is made"
    else
        echo "$node is refused"
    fi
done | say mknod
[ -e /sys/fs/cgroup/devices/devices.list ] && sort /sys/fs/cgroup/devices/devices.list | say rule
for kind in cgroup ipc mnt net pid time user uts; do
    [ "$(readlink /proc/self/ns/$kind)" = "$(echo "$NAMESPACES" | grep "^$kind:")" ] &&
        echo "$kind shared" || echo "$kind own"
done | say namespace
sed 's/[0-9a-f]\{64\}/ID/; s#/ipyc-[0-9a-f]\{8\}/#/docker/#' /proc/self/cgroup | say cgroup
for name in net/ipv4/ip_unprivileged_port_start net/ipv4/ping_group_range net/ipv4/ip_forward \
    kernel/msgmax kernel/domainname kernel/shmmax fs/mqueue/msg_max; do
    echo "$name $(cat /proc/sys/$name 2>&1)"
done | say sysctl
for file in /etc/hosts /etc/hostname /etc/resolv.conf; do
    stat -c '%n %a %u:%g' $file
done | say file
sed "s/$(hostname)/HOSTNAME/" /etc/hosts | say hosts
