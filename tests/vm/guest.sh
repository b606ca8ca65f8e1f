#!/usr/bin/env bash
# The guest's side of the virtual machine room: prepare a stock Debian with cgroup v2 alone, and run
# pytest in it, as root and as an ordinary user with a delegated cgroup. Started by tests/vm/boot.
#
#   guest.sh TREE RESULTS ROOT_PYTHON USER USER_PYTHON [PYTEST-WORDS...]
#
# $IPYCONTAINER_VM_PARTS chooses among `root user undelegated systemd`, and is all of them by default;
# with PYTEST-WORDS it is the first two.
#
# The machine's own files are the guest's, read-only below overlays; what is written here is gone
# with the guest, but for RESULTS: a junit file for each user.
set -uo pipefail
tree=$1 results=$2 root_python=$3 user=$4 user_python=$5
shift 5
: >"$results/begun" # boot waits for it
parts=${IPYCONTAINER_VM_PARTS:-root user}
[[ $# -gt 0 || -n ${IPYCONTAINER_VM_PARTS:-} ]] || parts+=' undelegated systemd'
wanted() { [[ " $parts " == *" $1 "* ]]; }

modprobe -a overlay loop veth bridge nf_tables nft_chain_nat nft_masq sctp 2>/dev/null
# Homes want a file system that an overlay can write to, and rates of devices want a device.
truncate -s 1500M /run/disk
mkfs.ext4 -q -F -O ^has_journal -E lazy_itable_init=1,nodiscard /run/disk
mkdir -p /run/work
mount -o loop,nodev /run/disk /run/work
chmod 1777 /run/work

# What test_apparmor.py takes on; without a module in this kernel its tests say so.
mountpoint -q /sys/kernel/security || mount -t securityfs securityfs /sys/kernel/security
apparmor_parser --skip-cache --add "$tree/tests/vm/apparmor-profile" || echo 'no AppArmor in this kernel'

cgroup=/sys/fs/cgroup
for controller in cpu cpuset io memory pids; do
    echo "+$controller" >$cgroup/cgroup.subtree_control
done
# As systemd delegates: the directory and the files that make cgroups and move processes. What is
# started in it stands right there, as a notebook server does, and another beside it forks.
mkdir -p $cgroup/delegated $cgroup/elsewhere
chown "$user" $cgroup/delegated $cgroup/delegated/{cgroup.procs,cgroup.subtree_control,cgroup.threads}

uid=$(id -u "$user")
home=$(getent passwd "$user" | cut -d: -f6)
mkdir -p "/run/user/$uid"
chown "$user" "/run/user/$uid"
chmod 700 "/run/user/$uid"

common=(PATH=/usr/local/bin:/usr/bin:/bin:/usr/sbin:/sbin IPYCONTAINER_VM=1
    IPYCONTAINER_SEED="${IPYCONTAINER_SEED:-}" IPYCONTAINER_FULL="${IPYCONTAINER_FULL:-}"
    TMPDIR=/run/work ${IPYCONTAINER_VM_PATH:+PYTHONPATH=$IPYCONTAINER_VM_PATH})
words=(-q -p no:cacheprovider -o timeout=300 -m 'not slow')
files=(tests/vm)
while read -r file _; do
    [[ -n $file && $file != \#* ]] && files+=("$file")
done <"$tree/tests/vm/also.txt"
[[ $# -gt 0 ]] && files=("$@")

cd "$tree"
failed=0
if wanted root; then
    echo "── in the virtual machine as root"
    env -i HOME=/root "${common[@]}" "$root_python" -m pytest --junitxml "$results/root.xml" \
        "${words[@]}" -- "${files[@]}" || failed=1
fi
user_writes() { # the name of a part
    touch "$results/$1.xml"
    chown "$user" "$results/$1.xml"
}
run_as_user() { # the cgroup, then a command
    (
        echo $BASHPID >"$cgroup/$1/cgroup.procs"
        shift
        exec setpriv "--reuid=$user" "--regid=$user" --init-groups env -i "HOME=$home" "${common[@]}" \
            "XDG_RUNTIME_DIR=/run/user/$uid" "$@"
    )
}
run_below_systemd() {
    local code=0
    timeout 600 tests/vm/session.sh /run/work "$user" env "${common[@]}" "$@" </dev/null || code=$?
    cat /run/work/session.out
    return "$code"
}
if wanted user; then
    echo "── in the virtual machine as $user, in a delegated cgroup"
    user_writes user
    run_as_user delegated sh -c 'while :; do sleep 2; done' &
    run_as_user delegated "$user_python" -m pytest --junitxml "$results/user.xml" "${words[@]}" \
        -- "${files[@]}" || failed=1
    echo 1 >$cgroup/delegated/cgroup.kill
fi
if wanted undelegated; then
    echo "── in the virtual machine as $user, in a cgroup that is not delegated"
    user_writes undelegated
    echo 200 >/proc/$$/oom_score_adj # what this user may not take back
    run_as_user elsewhere "$user_python" -m pytest --junitxml "$results/undelegated.xml" "${words[@]}" \
        -- tests/vm/undelegated.py || failed=1
fi
if wanted systemd; then
    echo "── in the virtual machine as $user, logged in below systemd"
    user_writes systemd
    run_below_systemd "$user_python" -m pytest --junitxml "$results/systemd.xml" "${words[@]}" \
        -k 'below_systemd or quota or too_much or number_of' \
        -- tests/vm/below_systemd.py tests/system/engine/test_limits.py || failed=1
fi
echo "$failed" >"$results/code"
sync
