"""Why a start does each of its steps, and by which system calls: the words of `explain`.

Read by the engine only: nothing that a zygote forks loads it. Imports the steps.
"""

from __future__ import annotations

from collections.abc import Mapping

from ipycontainer.runtime import (
    cgroup_mounts,
    clock_steps,
    execve_steps,
    foreign_mounts,
    hooks,
    idmap_steps,
    mount_steps,
    namespace_donors,
    network_steps,
    path_steps,
    process_steps,
    root_steps,
    scheduling_steps,
    terminal_steps,
    tree_steps,
    volume_steps,
)
from ipycontainer.runtime import session_steps as session
from ipycontainer.runtime.steps import Step

__all__ = ["REASONS", "reason"]

# System calls, and the sentence.
REASONS: Mapping[type, tuple[str, str]] = {
    session.DieWithParent: (
        "prctl",
        "A container without its monitor would be nobody's: the kernel kills it then.",
    ),
    session.HideFromTracers: (
        "prctl",
        (
            "Programs that are inside already could else trace this process while it holds files "
            "of the machine."
        ),
    ),
    session.NewSessionKeyring: (
        "keyctl",
        "Keys that the kernel keeps for the user's session are none of the container's business.",
    ),
    session.SetOomScoreAdj: (
        "write",
        "Says whom the kernel kills first when memory runs out.",
    ),
    session.SetRlimit: (
        "prlimit",
        "Bounds what one process may take, open files for example.",
    ),
    session.JoinNamespace: (
        "setns",
        "The container was asked to share this view of the machine with another process.",
    ),
    session.JoinCgroup: (
        "write",
        "What the container uses is counted and limited by its cgroup, this process included.",
    ),
    session.AwaitParent: (
        "read",
        "Two processes work at the same time; here one needs what the other makes.",
    ),
    session.TellParent: (
        "write",
        "Device nodes are made: now the cgroup may forbid to make others.",
    ),
    session.BecomeRoot: (
        "setresuid, setresgid",
        "Root inside is an ordinary user outside: the id maps make it so.",
    ),
    session.UnshareCgroup: (
        "unshare",
        "The container sees its own cgroup as the root, not where it lies on the machine.",
    ),
    session.LoopbackUp: (
        "netlink",
        "A new network namespace has only lo, and it is down: 127.0.0.1 would not answer.",
    ),
    session.SetSysctl: (
        "write",
        "A kernel setting of the container's own namespaces; the machine's stays as it is.",
    ),
    session.SetHostname: (
        "sethostname",
        "The UTS namespace has a name of its own: by default the beginning of the id.",
    ),
    session.SetDomainname: ("setdomainname", "The NIS domain name that was asked for."),
    mount_steps.IsolateMounts: (
        "mount",
        (
            "From here on what is mounted is seen in here only: mounts of a shared tree would "
            "appear on the machine."
        ),
    ),
    mount_steps.BindRoot: (
        "open_tree, move_mount",
        "The new root must be a mount of its own: pivot_root takes nothing else.",
    ),
    mount_steps.MountOverlay: (
        "fsopen, fsconfig, fsmount, move_mount",
        (
            "The image's layers are read-only and shared; what the container changes goes into a "
            "directory of its own (copy-on-write)."
        ),
    ),
    idmap_steps.TakeMapped: (
        "recvmsg",
        (
            "Only root of the machine may show files with other owners: the parent has cloned and "
            "mapped them, and sends the mounts."
        ),
    ),
    clock_steps.UnshareTime: (
        "unshare, write, setns",
        "The clocks since the machine's start are its own, and ahead by what the bundle says.",
    ),
    tree_steps.TakeMounted: (
        "recvmsg, move_mount",
        (
            "The files are served by a process outside (fuse-overlayfs): the monitor has mounted "
            "them and sends the mount."
        ),
    ),
    mount_steps.MountFileSystem: (
        "fsopen, fsconfig, fsmount, move_mount",
        "A file system of the kernel's that programs expect at this place.",
    ),
    mount_steps.TakeTrees: (
        "open_tree, move_mount",
        "What every container has was mounted before anybody asked, and is moved in at once.",
    ),
    mount_steps.BindMount: (
        "open_tree, mount_setattr, move_mount",
        "Shows a file or directory of the machine inside.",
    ),
    cgroup_mounts.MountCgroups: (
        "open_tree, mount_setattr, move_mount",
        "Programs read their limits here: a JVM sizes its heap by them.",
    ),
    mount_steps.MakeReadOnly: (
        "mount_setattr",
        "--read-only: nothing below may be changed.",
    ),
    root_steps.PivotRoot: (
        "pivot_root, umount2",
        (
            "The tree becomes / and the machine's own is let go: unlike with chroot, there is no "
            "way back to it."
        ),
    ),
    namespace_donors.ShareShm: (
        "setns, open_tree, move_mount",
        "Who shares another container's IPC shares its shared memory too.",
    ),
    volume_steps.KeepShared: (
        "open_tree",
        (
            "Mounts made on the machine later shall appear inside, so a copy is taken before the "
            "container's mounts are cut off."
        ),
    ),
    volume_steps.MountImage: (
        "fsopen, fsconfig, fsmount, move_mount",
        "Shows the files of another image, read-only.",
    ),
    path_steps.MakeDevices: (
        "mknodat",
        "A container has a few harmless devices of its own, not the machine's /dev.",
    ),
    path_steps.BindDevices: (
        "open_tree, move_mount",
        "An ordinary user may make no device nodes, so the machine's harmless ones are shown.",
    ),
    path_steps.LinkDevices: ("symlinkat", "Programs look for /dev/stdin and /dev/fd."),
    path_steps.MaskPaths: (
        "open_tree, move_mount",
        "Files of /proc and /sys that tell of the machine, or change it, are covered.",
    ),
    path_steps.RestrictPaths: (
        "open_tree, mount_setattr, move_mount",
        "Kernel settings that have no namespace may be read inside, not written.",
    ),
    network_steps.ConfigureInterface: (
        "netlink",
        "The other end of a pair (veth) whose first end is on the bridge: the container's way out.",
    ),
    network_steps.OpenResolver: (
        "socket, netlink",
        (
            "On a network of users names of containers are answered here, whatever the program "
            "binds itself."
        ),
    ),
    process_steps.NewSession: (
        "setsid",
        "No terminal of the caller's: nothing can be typed into it from inside.",
    ),
    process_steps.CloseFds: (
        "close_range",
        "A descriptor left open could be a way out of the container (CVE-2024-21626).",
    ),
    process_steps.ConnectStdio: (
        "dup2",
        "What the program prints goes to its monitor, which keeps the log.",
    ),
    process_steps.ResolveUser: (
        "openat2, read",
        "Names of users mean what the image's own /etc/passwd says.",
    ),
    process_steps.MakeWorkdir: (
        "openat2, mkdirat",
        "The working directory is made where the image has none, as docker does.",
    ),
    process_steps.EnterWorkdir: ("chdir", "The program begins in its working directory."),
    process_steps.ResetSignals: (
        "rt_sigaction",
        "What this Python ignores, the program need not.",
    ),
    process_steps.FilterSystemCalls: (
        "seccomp",
        "The kernel refuses system calls that a container has no use for.",
    ),
    process_steps.LimitPrivileges: (
        "capset, prctl, setresuid",
        "The program keeps only the capabilities of a container, and becomes its user.",
    ),
    process_steps.SetAppArmor: (
        "write",
        "A profile of AppArmor limits the program further.",
    ),
    process_steps.Ready: (
        "write",
        "All is made: the monitor gets the times of all steps in one message.",
    ),
    terminal_steps.ConnectTerminal: (
        "openat, setsid, ioctl",
        "-t: a pseudo-terminal of the container's own; its other side goes to the monitor.",
    ),
    execve_steps.FindCommand: (
        "faccessat",
        "A name without / is looked up along PATH, inside the container.",
    ),
    execve_steps.CheckCommand: (
        "faccessat",
        "Asked as the user that the program will be, so that 126 and 127 come out right.",
    ),
    execve_steps.Execute: (
        "execve",
        "This process becomes the program: a container is a process, no more.",
    ),
    # what only bundles of other engines ask for
    hooks.RunHooks: (
        "execve",
        "The bundle names programs that prepare the container, or take note of it.",
    ),
    foreign_mounts.MountByName: ("mount", "The bundle names this file system."),
    foreign_mounts.Remount: ("mount_setattr", "The bundle changes what is mounted by now."),
    scheduling_steps.SetScheduler: ("sched_setattr", "Says which programs get a processor first."),
    scheduling_steps.SetIoPriority: ("ioprio_set", "Says whose reads and writes come first."),
    scheduling_steps.SetPersonality: (
        "personality",
        "A program of 32 bits asks which machine this is, and believes the answer.",
    ),
    scheduling_steps.SetMemoryPolicy: (
        "set_mempolicy",
        "Says from which of the machine's memories pages come.",
    ),
    scheduling_steps.SetAffinity: ("sched_setaffinity", "Says which processors are for it."),
    root_steps.TakeRoot: ("open", "There is no mount namespace: a directory has to do."),
    root_steps.ChangeRoot: (
        "chroot",
        "There is no mount namespace: names begin elsewhere at least.",
    ),
    root_steps.MoveRoot: ("move_mount, chroot", "An initial ramdisk cannot be pivoted away."),
    root_steps.PropagateRoot: (
        "mount_setattr",
        "The bundle says whether mounts that are made inside show up elsewhere.",
    ),
}

_KINDS = {
    "proc": "ps and top read /proc: this one shows the processes of this pid namespace only.",
    "sysfs": "/sys shows this network namespace's interfaces; it is read-only.",
    "tmpfs": "A file system in memory: /dev is made anew and empty, /dev/shm is shared memory.",
    "devpts": "Pseudo-terminals of the container's own.",
    "mqueue": "Message queues of this IPC namespace.",
    "cgroup2": "Programs read their limits here: a JVM sizes its heap by them.",
}
_FILES = "The engine writes this file for each start: names and addresses differ by container."


def reason(step: Step) -> tuple[str, str]:
    """Return the system calls of a step, and why it is done."""
    calls, why = REASONS[type(step)]
    if isinstance(step, mount_steps.MountFileSystem):
        why = _KINDS.get(step.kind, why)
    elif isinstance(step, mount_steps.BindMount) and step.target in (
        "/etc/hosts",
        "/etc/hostname",
        "/etc/resolv.conf",
    ):
        why = _FILES
    return calls, why
