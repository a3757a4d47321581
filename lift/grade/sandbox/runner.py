"""Runs a program and tests on it in two sandboxed interpreters, and reads the verdict."""

import functools
import inspect
import json
import os
import secrets
import select
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterable
from contextlib import ExitStack
from dataclasses import dataclass

from lift.errors import InputError
from lift.grade.sandbox import bubblewrap, inside

_FILE_SIZE = 16 << 20
_OPEN_FILES = 64
_START = 60  # seconds for a sandbox to come up, on the busiest machine
_INSIDE = inspect.getsource(inside)


@dataclass(frozen=True)
class Verdict:
    """Whether all tests passed. reason: "" if so, else why not.

    That is "time limit"; "memory"; "network" or "process" where the program tried to use or to start one; "no result"
    where it ended itself, crashed or was killed; else the name of the exception's class, AssertionError for a wrong
    value.
    """

    passed: bool
    reason: str = ""


def run(
    program: str,
    tests: str,
    names: Iterable[str],
    *,
    seconds: int = 10,
    memory: int = 1 << 30,
    isolation: str = "bubblewrap",
) -> Verdict:
    """Whether the tests, in Python, run to their end. names: the program's functions that they call.

    seconds: CPU time of the program, and of the tests. memory: bytes of address space of each. isolation:
    "bubblewrap" or "process". Any number of threads may call this at a time. Raises InputError where the sandbox cannot
    be had; no other takes its place.
    """
    if isolation not in ("bubblewrap", "process"):
        raise InputError(f"sandbox is {isolation!r}; it can be bubblewrap or process.")
    program_job = {"role": "program", "code": program}
    tests_job = {"role": "tests", "code": tests, "names": list(names)}
    with ExitStack() as stack:
        report, report_end = _pipe(stack)
        errors = [stack.enter_context(tempfile.TemporaryFile()) for _ in range(2)]
        start = functools.partial(_start, stack, isolation, {"seconds": seconds, "memory": memory})
        with ExitStack() as ours:  # the ends that only the two may hold, lest neither sees that the other is gone
            calls, calls_end = _pipe(ours)
            values, values_end = _pipe(ours)
            processes = [
                start(program_job, calls, values_end, errors[0]),
                start(tests_job, values, calls_end, errors[1], report_end.fileno()),
            ]
        report_end.close()
        messages = _read(report.fileno(), 3 * seconds)
        if not messages:
            raise InputError(_fault(isolation, errors))
        if messages[1:] == [["passed"]]:
            return Verdict(True)
        reason = messages[1][1] if messages[1:] else "no result"
        if reason == "no result" and signal.SIGXCPU in map(_signal, processes):
            reason = "time limit"
        return Verdict(False, {"MemoryError": "memory"}.get(reason, reason))


def check(isolation: str = "bubblewrap") -> None:
    """Raises InputError, with what is wrong and what to do, where `run` could run nothing."""
    verdict = run("def double(x): return 2 * x", "assert double(2) == 4", ["double"], isolation=isolation)
    if not verdict.passed:
        raise InputError(f"The sandbox ({isolation}) fails a program of one line: {verdict.reason}.")


def _pipe(stack: ExitStack) -> list:
    read, write = os.pipe()
    return [stack.enter_context(open(end, mode, 0)) for end, mode in ((read, "rb"), (write, "wb"))]


def _start(stack: ExitStack, isolation: str, limits: dict, job: dict, stdin, stdout, stderr, report: int = -1):
    """A sandboxed interpreter with a job; it is ended, and its scratch folder removed, when the stack unwinds."""
    uid = _spare_uid() if os.geteuid() == 0 else None
    job = job | limits | {"file_size": _FILE_SIZE, "open_files": _OPEN_FILES, "report": report, "uid": uid}
    job |= {"packages": bubblewrap.package_folders(), "isolated": isolation == "bubblewrap"}
    job_file = _file_with(stack, json.dumps(job).encode())
    keep = [job_file] + [report] * (report >= 0)
    # -s -P -S -B: no folders of the user's, no .pth files, nothing written; the environment below is ours.
    command = [os.path.realpath(sys.executable), "-s", "-P", "-S", "-B", "-c", _INSIDE, str(job_file)]
    if isolation == "bubblewrap":
        wrapper = bubblewrap.command()
        keep.append(_file_with(stack, bubblewrap.call_filter()))
        command = [*wrapper, "--seccomp", str(keep[-1]), "--", *command]
        scratch = "/tmp"
    else:
        scratch = stack.enter_context(tempfile.TemporaryDirectory(prefix="lift-", ignore_cleanup_errors=True))
        if uid is not None:
            os.chown(scratch, uid, uid)
    process = subprocess.Popen(
        command,
        stdin=stdin,
        stdout=stdout,
        stderr=stderr,
        pass_fds=keep,
        cwd="/" if isolation == "bubblewrap" else scratch,
        env=_environment(scratch),
        start_new_session=True,
    )
    stack.callback(process.wait)
    stack.callback(process.kill)
    return process


def _file_with(stack: ExitStack, content: bytes) -> int:
    file = stack.enter_context(tempfile.TemporaryFile())  # noqa: SIM115
    file.write(content)
    file.seek(0)
    return file.fileno()


def _environment(scratch: str) -> dict[str, str]:
    """The same order of sets in every run; no threads in NumPy, which would fail to start."""
    single = dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"), "1")
    return {"HOME": scratch, "TMPDIR": scratch, "PATH": "/usr/bin:/bin", "PYTHONHASHSEED": "0"} | single


def _spare_uid() -> int:
    """A user id that no one has, in the upper part of those that root can give here."""
    try:
        with open("/proc/self/uid_map") as lines:
            top = max(int(first) + int(count) for first, _, count in map(str.split, lines))
    except FileNotFoundError:
        top = 2**31
    if top < 20_000:
        raise InputError(
            "Code answers need a user id of their own, and root has none to give here; run lift as a user."
        )
    return min(top, 2**31) - 10 - secrets.randbelow(10_000)


def _read(report: int, seconds: float) -> list[list[str]]:
    """What the tests report: ["up"] as soon as both sandboxes are, then ["passed"] or ["failed", why].

    Where that does not come in time, it is the time limit; where all ends without it, it is missing.
    """
    poll = select.poll()
    poll.register(report, select.POLLIN)
    data, deadline = b"", time.monotonic() + _START
    while data.count(b"\n") < 2 and len(data) < 4096:
        left = deadline - time.monotonic()
        if left <= 0 or not poll.poll(left * 1000):
            data += b'["failed", "time limit"]\n' if data else b""
            break
        chunk = os.read(report, 4096)
        if not chunk:
            break
        deadline = deadline if data else time.monotonic() + seconds
        data += chunk
    return [json.loads(line) for line in data.splitlines()]


def _signal(process: subprocess.Popen) -> int:
    """The signal that ended a process, which is about to end; bubblewrap tells it as the shell does."""
    try:
        code = process.wait(1)
    except subprocess.TimeoutExpired:
        return 0
    return -code if code < 0 else code - 128


def _fault(isolation: str, errors: list) -> str:
    for file in errors:
        file.seek(0)
    texts = [file.read(100_000).decode(errors="replace").strip() for file in errors]
    said = next((text.splitlines()[-1] for text in texts if text), "it did not start")
    if isolation == "process":
        return f"A process with limits cannot be started to run code answers: {said}."
    return (
        f"Code answers are run in bubblewrap, which does not work here: {said}. It must be version 0.7 or newer and "
        f"allowed to create user namespaces (kernel.unprivileged_userns_clone, "
        f"kernel.apparmor_restrict_unprivileged_userns; in a container, its seccomp profile). {bubblewrap.INSTEAD}"
    )
