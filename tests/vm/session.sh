#!/usr/bin/env bash
# Run a command in a login session of a user below systemd, and return its exit code: systemd is
# process 1 of a pid namespace, with its bus and logind, and gives the user a systemd of their own.
#
#   session.sh DIRECTORY USER COMMAND...    DIRECTORY stays; all else below /run is the session's own
#
# Started in a virtual machine, whose files it changes below mounts of its own. The session has the
# environment that pam_systemd(8) gives.
set -euo pipefail
case ${1:-} in
--in-namespaces)
    # The cgroup that is its root must hold it alone, else it could let nothing be limited below.
    own=/sys/fs/cgroup/booted-$EPOCHSECONDS
    mkdir "$own"
    echo $$ >"$own/cgroup.procs"
    exec unshare --cgroup "$0" --inside "${@:2}"
    ;;
--inside) ;;
*)
    exec unshare --pid --fork --kill-child --mount --mount-proc --propagation private --uts --ipc \
        "$0" --in-namespaces "$@"
    ;;
esac
keep=$2 user=$3
shift 3

exec 9<"$keep"
busybox mount -t tmpfs -o mode=755 run /run  # libmount would note it in /run/mount, which it covers
mkdir -p "$keep" /run/lock /run/systemd/system
mount --no-canonicalize --bind /proc/self/fd/9 "$keep"
mount -t cgroup2 cgroup2 /sys/fs/cgroup
# Nothing starts but what the session needs.
for target in sysinit local-fs sockets timers; do
    wanted=/usr/lib/systemd/system/$target.target.wants
    [[ ! -d $wanted ]] || mount -t tmpfs tmpfs "$wanted"
done
mount -t tmpfs tmpfs /etc/systemd/system
printf '%s\n' 'account required pam_permit.so' 'session required pam_systemd.so' >/etc/pam.d/ipyc-session
echo 0123456789abcdef0123456789abcdef >/etc/machine-id

# Its own service is process 1's; the session is begun by a second one, when the bus is there.
output=$keep/session.out
words=(systemd-run --quiet --wait --pipe --collect -p "User=$user" -p PAMName=ipyc-session --same-dir "$@")
printf '#!/bin/bash\ncd %q && exec' "$PWD" >/run/session
printf ' %q' "${words[@]}" >>/run/session
chmod 755 /run/session
cat >/run/systemd/system/session.service <<UNIT
[Unit]
Wants=dbus.service systemd-logind.service
After=dbus.service systemd-logind.service
SuccessAction=exit-force
FailureAction=exit-force
[Service]
Type=oneshot
StandardOutput=file:$output
StandardError=inherit
ExecStart=/run/session
UNIT
: >"$output"
exec env -i container=ipyc "PATH=$PATH" /lib/systemd/systemd --unit=session.service --show-status=no \
    --log-level=warning
