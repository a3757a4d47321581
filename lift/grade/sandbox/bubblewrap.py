"""The command that isolates an interpreter by bubblewrap, and the filter of its system calls."""

import functools
import os
import platform
import shutil
import struct
import sys
import sysconfig
from pathlib import Path

from lift.errors import InputError

SCRATCH = 64 << 20  # bytes of the folder in memory
INSTEAD = "`sandbox: process` in the config does without; it limits time and memory, but hides no files and no network."

# System calls by number on x86-64 and ARM64: new processes and namespaces, memory that no limit counts, and parts of
# the kernel that no answer needs. Sockets are refused too, but for those within the process.
_SOCKET = (41, 198)
_REFUSED = {
    "fork": (57, None),
    "vfork": (58, None),
    "clone": (56, 220),
    "clone3": (435, 435),
    "unshare": (272, 97),
    "setns": (308, 268),
    "memfd_create": (319, 279),
    "memfd_secret": (447, 447),
    "shmget": (29, 194),
    "semget": (64, 190),
    "msgget": (68, 186),
    "mq_open": (240, 180),
    "ptrace": (101, 117),
    "process_vm_readv": (310, 270),
    "process_vm_writev": (311, 271),
    "add_key": (248, 217),
    "request_key": (249, 218),
    "keyctl": (250, 219),
    "bpf": (321, 280),
    "perf_event_open": (298, 241),
    "userfaultfd": (323, 282),
    "io_uring_setup": (425, 425),
}


def command() -> list[str]:
    """The command up to the filter of system calls."""
    executable = shutil.which("bwrap")
    if not executable:
        raise InputError(
            "Code answers are run in bubblewrap, and there is no `bwrap` here: install bubblewrap (Linux only; "
            f"`apt install bubblewrap`). Or {INSTEAD}"
        )
    options = [executable, "--die-with-parent", "--new-session", "--unshare-ipc", "--unshare-pid", "--unshare-net"]
    options += ["--unshare-uts", "--unshare-cgroup-try"]
    # Root can give the program a user id of its own only outside a user namespace, which would have room for one.
    options += ["--cap-add", "CAP_SETUID", "--cap-add", "CAP_SETGID"] if os.geteuid() == 0 else ["--unshare-user"]
    options += ["--perms", "1777", "--size", str(SCRATCH), "--tmpfs", "/tmp"]
    devices = [("--dev-bind", f"/dev/{name}") for name in ("null", "zero", "random", "urandom")]
    for option, path in [("--ro-bind", path) for path in _visible()] + devices:
        for parent in list(Path(path).parents)[-2::-1]:  # which would else be open to root only
            options += ["--perms", "0755", "--dir", str(parent)]
        options += [option, path, path]
    return [*options, "--remount-ro", "/", "--chdir", "/tmp"]


@functools.cache
def _visible() -> tuple[str, ...]:
    """Files and folders that a sandbox shows: what the interpreter and its packages load."""
    system = ["/usr", "/bin", "/sbin", "/lib", "/lib32", "/lib64", "/nix/store"]
    system += ["/etc/ld.so.cache", "/etc/alternatives"]  # where these find each other
    own = [sys.base_prefix, os.path.realpath(sys.base_prefix), sys.base_exec_prefix, *package_folders()]
    visible = []
    for path in [*system, *own, os.path.realpath(sys.executable)]:
        if os.path.exists(path) and not any(Path(path).is_relative_to(other) for other in visible):
            visible.append(path)
    return tuple(visible)


def package_folders() -> list[str]:
    """Where the packages of this environment lie."""
    return list(dict.fromkeys(sysconfig.get_path(name) for name in ("purelib", "platlib")))


@functools.cache
def call_filter() -> bytes:
    """A seccomp program, in classic BPF, that refuses the calls in _REFUSED and sockets beyond the process."""
    machines = {"x86_64": (0, 0xC000003E), "aarch64": (1, 0xC00000B7)}
    if platform.machine() not in machines:
        raise InputError(
            f"Code answers are run in bubblewrap on x86-64 and ARM64 only, this is {platform.machine()}. {INSTEAD}"
        )
    column, architecture = machines[platform.machine()]
    load, equal, at_least, give = 0x20, 0x15, 0x35, 0x06
    kill, refuse, allow = 0x80000000, 0x00050001, 0x7FFF0000
    steps = [(load, 0, 0, 4), (equal, 1, 0, architecture), (give, 0, 0, kill)]
    steps += [(load, 0, 0, 0), (at_least, 0, 1, 0x40000000), (give, 0, 0, kill)]  # calls of other ABIs
    for numbers in _REFUSED.values():
        if numbers[column] is not None:
            steps += [(equal, 0, 1, numbers[column]), (give, 0, 0, refuse)]
    steps += [(equal, 0, 3, _SOCKET[column]), (load, 0, 0, 16), (equal, 1, 0, 1), (give, 0, 0, refuse)]  # 1: AF_UNIX
    return b"".join(struct.pack("HBBI", *step) for step in [*steps, (give, 0, 0, allow)])
