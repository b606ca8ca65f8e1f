"""Find out whether this machine can carry containers, by trying, and name what would mend it.

Used by `doctor` and %load_ext; scripts/demo runs this file by itself before anything is installed.
So it imports nothing but the standard library and keeps Python 3.8's syntax. `checks` starts a
fresh interpreter on probes.py beside it, which tries in children of its own: a kernel has threads,
may never fork, and would lose its own namespaces. `judge` is pure: from facts to checks.
"""

from __future__ import annotations

import contextlib
import errno
import importlib.util
import json
import os
import platform
import re
import subprocess
import sys
from dataclasses import asdict, dataclass
from importlib import metadata
from pathlib import Path
from typing import Any, List, Mapping, Optional, Sequence

__all__ = ["Check", "checks", "judge", "line", "main"]

# Overlay in user namespaces came with 5.11, mount_setattr(2) with 5.12.
NEEDED_KERNEL = (5, 12)
NEEDED_PYTHON = (3, 11)
DOCKER_OPTIONS = "--security-opt seccomp=unconfined --security-opt systempaths=unconfined"

# Package manager: how it installs, and what it calls uidmap, pasta, libseccomp, venv and ps.
_PACKAGES = {
    "apt-get": (
        "apt-get install -y",
        "uidmap",
        "passt",
        "libseccomp2",
        "python{}.{}-venv",
        "procps",
    ),
    "dnf": ("dnf install -y", "shadow-utils", "passt", "libseccomp", "python3", "procps-ng"),
    "zypper": ("zypper install -y", "shadow", "passt", "libseccomp2", "python311", "procps"),
    "pacman": ("pacman -S --noconfirm", "shadow", "passt", "libseccomp", "python", "procps-ng"),
    "apk": ("apk add", "shadow-subids", "passt", "libseccomp", "python3", "procps"),
}
# The controllers that limits are set by, and how an administrator lets a user have them.
_LIMITED_BY = ("cpu", "cpuset", "io", "memory", "pids")
_DELEGATE = (
    "printf '[Service]\\nDelegate=cpu cpuset io memory pids\\n' |"
    " sudo SYSTEMD_EDITOR=tee systemctl edit user@.service"
)
_KINDS = ("uidmap", "pasta", "seccomp", "venv", "ps")


@dataclass(frozen=True)
class Check:
    """One thing that the engine stands on.

    `remedy` is the one command or option that mends it, "" when `ok`. Without a `needed` one no
    container starts; without another something smaller is missing, which `detail` names.
    """

    name: str
    ok: bool
    detail: str
    remedy: str = ""
    needed: bool = True


def checks(home: Optional[str] = None, *, install: bool = False) -> List[Check]:
    """Try everything now, in a fresh interpreter, and return one check a thing (about 50 ms).

    `install` adds what scripts/demo needs beside: the interpreter's venv module.
    """
    if platform.system() != "Linux":
        return judge({"system": platform.system()})
    probes = str(Path(__file__).resolve().with_name("probes.py"))
    try:
        done = subprocess.run(
            [sys.executable or "python3", "-I", "-S", probes, home or _default_home()],
            input=b"",  # a bare chroot has no /dev/null
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            timeout=60,
            check=True,
        )
        facts = json.loads(done.stdout.decode())
    except (OSError, subprocess.SubprocessError, ValueError) as error:
        reason = getattr(error, "stderr", None) or str(error).encode()
        return [Check("probes", False, reason.decode(errors="replace").strip()[-300:])]
    if install:
        facts["venv"] = importlib.util.find_spec("ensurepip") is not None
    return judge(facts)


def line(home: Optional[str] = None, *, running: Optional[int] = None) -> str:
    """Return what %load_ext prints: version, kind of user, containers that run, what is missing.

    A good result is remembered for this boot, home and version; a bad one is tried again.
    """
    found = _remembered(home or _default_home())
    kind = "root" if os.geteuid() == 0 else "ordinary user"
    text = "ipycontainer {} ({})".format(_version(), kind)
    if running:
        text += ", {} container{} running".format(running, "" if running == 1 else "s")
    for check in found:
        if check.needed and not check.ok:
            remedy = "; mend it with: " + check.remedy if check.remedy else ""
            return "{}: no container can start here: {}{}".format(text, check.detail, remedy)
    lacking = [check.name for check in found if not check.ok]
    return text + (", without " + ", ".join(lacking) + " (see doctor)" if lacking else "")


def judge(facts: Mapping[str, Any]) -> List[Check]:
    """Turn what the probes found into checks, each with its remedy. Pure."""
    if facts["system"] != "Linux":
        where = {"Windows": "WSL2: run `wsl --install`, and start Jupyter inside it"}
        return [
            Check(
                "kernel",
                False,
                "containers are made of Linux, this is {}".format(facts["system"]),
                where.get(facts["system"], "a Linux machine, or one in a virtual machine"),
            )
        ]
    sudo = "" if facts["euid"] == 0 else "sudo "
    found = [_judge_python(facts, sudo), _judge_kernel(facts), _judge_namespaces(facts)]
    found += [_judge_proc(facts), _judge_overlay(facts, sudo)]
    found.append(_judge_seccomp(facts, sudo))
    found += [_judge_cgroups(facts), _judge_network(facts, sudo), _judge_apparmor(facts)]
    if facts["rootless"]:
        found += [_judge_mapping(facts, sudo), _judge_pasta(facts, sudo), _judge_tun(facts, sudo)]
    found += _judge_database(facts)
    found.append(_judge_ps(facts, sudo))
    if "venv" in facts:
        detail = "is there" if facts["venv"] else "cannot be made without ensurepip"
        remedy = "" if facts["venv"] else _install("venv", facts, sudo)
        found.insert(1, Check("venv", facts["venv"], detail, remedy))
    return found


def _judge_python(facts: Mapping[str, Any], sudo: str) -> Check:
    version = tuple(facts["python"])
    ok = version[:2] >= NEEDED_PYTHON
    wanted = "{}.{}".format(*NEEDED_PYTHON)
    remedy = (
        "" if ok else "{}apt-get install -y python{} python{}-venv".format(sudo, wanted, wanted)
    )
    return Check("python", ok, "{}.{}.{}, {} is needed".format(*version, wanted), remedy)


def _judge_kernel(facts: Mapping[str, Any]) -> Check:
    release = facts["release"]
    number = tuple(int(part) for part in re.findall(r"\d+", release)[:2])
    ok = number >= NEEDED_KERNEL
    remedy = "" if ok else "a kernel of {}.{} or later".format(*NEEDED_KERNEL)
    if not ok and "microsoft" in release.lower():
        remedy = "WSL2: run `wsl --set-version <distribution> 2` in Windows"
    return Check("kernel", ok, release, remedy)


def _judge_namespaces(facts: Mapping[str, Any]) -> Check:
    step, code = facts["chain"]
    if not code:
        how = "in a user namespace" if facts["rootless"] else "as root"
        return Check("namespaces", True, "all kinds can be made " + how)
    remedy = "a machine, or an administrator, that allows user namespaces"
    if facts["chrooted"]:
        remedy = "systemd-nspawn -D DIRECTORY, in the place of chroot DIRECTORY"
    elif facts["inside"]:
        remedy = "docker run " + DOCKER_OPTIONS
    elif facts["apparmor_restrict_unprivileged_userns"] == "1":
        remedy = "sudo sysctl -w kernel.apparmor_restrict_unprivileged_userns=0"
    elif facts["unprivileged_userns_clone"] == "0":
        remedy = "sudo sysctl -w kernel.unprivileged_userns_clone=1"
    elif facts["max_user_namespaces"] == "0":
        remedy = "sudo sysctl -w user.max_user_namespaces=16384"
    return Check("namespaces", False, "{} is refused: {}".format(step, _words(code)), remedy)


def _judge_proc(facts: Mapping[str, Any]) -> Check:
    if facts["chain"][1]:
        return Check("proc", True, "not tried, since namespaces are refused")
    if not facts["proc"]:
        return Check("proc", True, "a fresh /proc can be mounted")
    remedy = "docker run " + DOCKER_OPTIONS if facts["inside"] else "umount what covers /proc here"
    detail = "a fresh /proc is refused: {}".format(_words(facts["proc"]))
    return Check("proc", False, detail, remedy)


def _judge_overlay(facts: Mapping[str, Any], sudo: str) -> Check:
    where, code = facts["overlay"]["path"], facts["overlay"]["errno"]
    if facts["chain"][1]:
        return Check("overlay", True, "not tried, since namespaces are refused")
    if not code:
        return Check("overlay", True, "works on the file system of {}".format(where))
    detail = "overlay on the file system of {} fails: {}".format(where, _words(code))
    if code == errno.ENODEV:
        return Check("overlay", False, detail, "sudo modprobe overlay")
    if facts["overlay"]["closed"]:
        remedy = "{}chown {} {}".format(sudo, facts["euid"], where)
        return Check("overlay", False, "{} cannot be written to".format(where), remedy)
    elsewhere = facts["overlay"]["elsewhere"]
    if elsewhere:
        return Check("overlay", False, detail, "export IPYCONTAINER_HOME=" + elsewhere)
    if facts["inside"]:
        return Check("overlay", False, detail, "docker run -v ipycontainer:" + facts["home"])
    return Check("overlay", False, detail, "export IPYCONTAINER_HOME=<a directory on ext4 or xfs>")


def _judge_seccomp(facts: Mapping[str, Any], sudo: str) -> Check:
    ok = facts["seccomp"]
    detail = "libseccomp is there" if ok else "libseccomp is missing, nothing runs unfiltered"
    return Check("seccomp", ok, detail, "" if ok else _install("seccomp", facts, sudo))


def _judge_cgroups(facts: Mapping[str, Any]) -> Check:
    version, writable = facts["cgroup"]["version"], facts["cgroup"]["writable"]
    missing = [name for name in _LIMITED_BY if name not in facts["cgroup"]["controllers"]]
    if writable and (version != "v2" or not missing):
        return Check("cgroups", True, version + ", each container gets its own", needed=False)
    if writable:
        detail = "{}, without {}: what they limit is not limited".format(
            version, ", ".join(missing)
        )
        remedy = _DELEGATE if facts["euid"] else "a kernel that is booted with these controllers"
        return Check("cgroups", False, detail, remedy, needed=False)
    remedy = "systemd-run --user --scope -p Delegate=yes jupyter lab"
    if version != "v2":
        remedy = "boot with systemd.unified_cgroup_hierarchy=1, or run as root"
    if facts["inside"]:
        remedy = "docker run --privileged --cgroupns private"
    detail = "{}, not writable: containers get no limits or accounting".format(version)
    return Check("cgroups", False, detail, remedy, needed=False)


def _judge_network(facts: Mapping[str, Any], sudo: str) -> Check:
    if facts["chain"][1]:
        return Check("network", True, "not tried, since namespaces are refused", needed=False)
    part, code = facts["network"]
    if not code:
        return Check("network", True, "veth, bridges and nf_tables are there", needed=False)
    detail = "{} cannot be had: {}: only `--network none` and `host`".format(part, _words(code))
    remedy = "docker run --privileged" if facts["inside"] else sudo + "modprobe " + part
    return Check("network", False, detail, remedy, needed=False)


def _judge_apparmor(facts: Mapping[str, Any]) -> Check:
    detail = "not in this kernel, or off: no profile can be given"
    if facts["apparmor"]:
        detail = "profiles that are loaded can be given, by --security-opt apparmor=NAME"
    return Check("apparmor", True, detail, needed=False)


def _judge_mapping(facts: Mapping[str, Any], sudo: str) -> Check:
    mapping = facts["mapping"]
    if not mapping["error"]:
        return Check("newuidmap", True, "containers have many user ids", needed=False)
    remedy = _install("uidmap", facts, sudo)
    if mapping["programs"]:
        ranges = "--add-subuids 100000-165535 --add-subgids 100000-165535"
        remedy = "{}usermod {} {}".format(sudo, ranges, facts["user"])
    detail = "{}: containers have one user id, their root".format(mapping["error"])
    return Check("newuidmap", False, detail, remedy, needed=False)


def _judge_pasta(facts: Mapping[str, Any], sudo: str) -> Check:
    if facts["pasta"]:
        detail = "{}: containers reach the world through it".format(facts["pasta"])
        return Check("pasta", True, detail, needed=False)
    detail = "not installed: containers reach each other, and nothing outside"
    return Check("pasta", False, detail, _install("pasta", facts, sudo), needed=False)


def _judge_tun(facts: Mapping[str, Any], sudo: str) -> Check:
    if facts["tun"]:
        return Check("tun", True, "/dev/net/tun can be opened", needed=False)
    detail = "/dev/net/tun cannot be opened: networks do not lead out of the machine"
    remedy = "docker run --device /dev/net/tun" if facts["inside"] else sudo + "modprobe tun"
    return Check("tun", False, detail, remedy, needed=False)


def _judge_database(facts: Mapping[str, Any]) -> List[Check]:
    """Return nothing of a home that is as it should be: there may be none yet."""
    error, unnamed = facts["database"]["error"], facts["database"]["unnamed"]
    remedy = "ipycontainer system reset --force"
    if error:
        detail = "the database of {} cannot be read ({}): restore it from a backup, or give it up"
        return [Check("home", False, detail.format(facts["home"], error), remedy)]
    if unnamed:
        detail = "containers run that the database of {} does not name: {}"
        names = ", ".join(unnamed)
        return [Check("home", False, detail.format(facts["home"], names), remedy, needed=False)]
    return []


def _judge_ps(facts: Mapping[str, Any], sudo: str) -> Check:
    needed = "venv" in facts  # the notebook that scripts/demo runs asks `top`
    if facts["ps"]:
        return Check("ps", True, facts["ps"], needed=needed)
    detail = "not installed: `top` has nobody to ask"
    return Check("ps", False, detail, _install("ps", facts, sudo), needed=needed)


def _install(kind: str, facts: Mapping[str, Any], sudo: str) -> str:
    command, *names = _PACKAGES[facts["packages"] or "apt-get"]
    name = names[_KINDS.index(kind)].format(*facts["python"])
    return "{}{} {}".format(sudo, command, name)


def _words(code: int) -> str:
    return "{} ({})".format(errno.errorcode.get(code, str(code)), os.strerror(code))


def _default_home() -> str:
    """Return where the home is or would be; the same rules as in store.home."""
    named = os.environ.get("IPYCONTAINER_HOME")
    if named:
        return named
    if os.geteuid() == 0:
        return "/var/lib/ipycontainer"
    data = os.environ.get("XDG_DATA_HOME", "")
    base = data if data.startswith("/") else os.path.expanduser("~/.local/share")
    return os.path.join(base, "ipycontainer")


def _version() -> str:
    try:
        return metadata.version("ipycontainer")
    except metadata.PackageNotFoundError:  # a clone that is not installed
        return "(not installed)"


def _remembered(home: str) -> List[Check]:
    """Return the checks, from the file of this boot where they all were good enough."""
    file, key = _memory(home), [_boot(), _version(), os.geteuid(), home]
    if file is not None:
        try:
            known = json.loads(file.read_text())
            if known["key"] == key:
                return [Check(**check) for check in known["checks"]]
        except (OSError, ValueError, KeyError, TypeError):
            pass
    found = checks(home)
    if file is not None and all(check.ok for check in found if check.needed):
        with contextlib.suppress(OSError):
            partial = file.with_name("{}.{}".format(file.name, os.getpid()))
            partial.write_text(json.dumps({"key": key, "checks": [asdict(c) for c in found]}))
            partial.replace(file)
    return found


def _memory(home: str) -> Optional[Path]:
    """Return the file that remembers: in the home's cache, else in a directory of this boot.

    None where neither exists, since looking makes no home.
    """
    if os.path.isdir(os.path.join(home, "cache")):
        return Path(home, "cache", "doctor.json")
    runtime = "/run" if os.geteuid() == 0 else os.environ.get("XDG_RUNTIME_DIR", "")
    # One file for all homes that do not exist yet: the key in it says for which it was written.
    return Path(runtime, "ipyc-doctor.json") if os.path.isdir(runtime) else None


def _boot() -> str:
    try:
        return Path("/proc/sys/kernel/random/boot_id").read_text().strip()
    except OSError:
        return ""


def main(arguments: Sequence[str]) -> int:
    """Print the checks as text, or with --json as JSON; 1 where no container can start."""
    found = checks(install="--install" in arguments)
    if "--json" in arguments:
        print(json.dumps([asdict(check) for check in found], indent=2))
    else:
        for check in found:
            mark = "ok     " if check.ok else "missing" if check.needed else "limited"
            print("{} {}: {}".format(mark, check.name, check.detail))
            if check.remedy:
                print("        mend it with: " + check.remedy)
    return 0 if all(check.ok for check in found if check.needed) else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
