"""GPUs: found through the driver's own tool, one job each, free again when a job ends. The driver is a stand-in."""

import contextlib
import errno
import fcntl
import os
import select
import subprocess
import sys
import time

import pytest

from lift.errors import InputError
from lift.machine import device, lock
from tests.conftest import ROOT

LISTING = """\
GPU 0: NVIDIA H100 80GB HBM3 (UUID: GPU-aaaa-1111)
GPU 1: NVIDIA H100 80GB HBM3 (UUID: GPU-bbbb-2222)
"""
JOB = """
import os, sys, time
from pathlib import Path
from lift.machine import device
device.claim("cuda", int(sys.argv[2]), Path(sys.argv[1]), poll=0.05)
print(os.environ["CUDA_VISIBLE_DEVICES"], flush=True)
time.sleep(60)
"""


@pytest.fixture
def driver(tmp_path, monkeypatch):
    """A machine with two cards."""
    tool = tmp_path / "nvidia-smi"
    tool.write_text(f"#!/bin/sh\ncat <<'END'\n{LISTING}END\n")
    tool.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:/usr/bin:/bin")
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)
    return monkeypatch


@pytest.mark.parametrize(
    "visible, cards",
    [
        (None, ["GPU-aaaa-1111", "GPU-bbbb-2222"]),
        ("1", ["GPU-bbbb-2222"]),
        ("1,0", ["GPU-bbbb-2222", "GPU-aaaa-1111"]),
        ("GPU-bbbb", ["GPU-bbbb-2222"]),
        ("", []),
        ("7", []),
    ],
)
def test_what_a_job_may_use(driver, visible, cards):
    if visible is not None:
        driver.setenv("CUDA_VISIBLE_DEVICES", visible)
    assert device.visible_gpus() == cards


def test_two_jobs_never_share_a_card(driver, tmp_path):
    def start(count=1):
        command = [sys.executable, "-c", JOB, str(tmp_path), str(count)]
        return subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True)

    jobs = [start(), start()]
    try:
        taken = {job.stdout.readline().strip() for job in jobs}
        assert taken == {"GPU-aaaa-1111", "GPU-bbbb-2222"}
        jobs.append(start())
        time.sleep(1.0)
        assert jobs[2].poll() is None  # waits
        jobs[0].kill()  # a job that dies lets go
        assert jobs[2].stdout.readline().strip() in taken
        jobs += [start(2), start(2)]
        time.sleep(1.0)
        assert {job.poll() for job in jobs[3:]} == {None}
        for job in jobs[1:3]:
            job.kill()
        ready, _, _ = select.select([job.stdout for job in jobs[3:]], [], [], 30)
        assert ready[0].readline().strip() == "GPU-aaaa-1111,GPU-bbbb-2222"  # one of the two has both
        assert not select.select([job.stdout for job in jobs[3:] if job.stdout is not ready[0]], [], [], 0.5)[0]
    finally:
        for job in jobs:
            job.kill()
            job.wait()


def test_a_lock_file_of_another_user_is_only_read(tmp_path):
    path = tmp_path / "lift-GPU.lock"
    for _ in range(2):  # made, then found
        held = device._lock(path)
        assert fcntl.fcntl(held, fcntl.F_GETFL) & os.O_ACCMODE == os.O_RDONLY
        assert device._lock(path) is None
        os.close(held)


@pytest.fixture
def stranger():
    """A process that is not ours: it has no parent here."""
    start = "import subprocess; print(subprocess.Popen(['sleep', '60'], stdout=subprocess.DEVNULL).pid)"
    pid = int(subprocess.check_output([sys.executable, "-c", start]))
    yield pid
    with contextlib.suppress(ProcessLookupError):
        os.kill(pid, 9)


def computing(tmp_path, **cards):
    """Let the driver's tool show processes on the cards "a" and "b"."""
    uuids = {"a": "GPU-aaaa-1111", "b": "GPU-bbbb-2222"}
    lines = "".join(f"{uuids[card]}, {pid}\n" for card, pid in cards.items())
    (tmp_path / "apps").write_text(lines)
    query = f"case \"$1\" in --query-compute-apps=*) cat {tmp_path}/apps;; *) cat <<'END'\n{LISTING}END\nesac\n"
    (tmp_path / "nvidia-smi").write_text(f"#!/bin/sh\n{query}")


def test_a_card_that_anothers_process_uses_is_left_alone(driver, tmp_path, stranger):
    computing(tmp_path, a=stranger)
    device.claim("cuda", 1, tmp_path)
    assert os.environ.pop("CUDA_VISIBLE_DEVICES") == "GPU-bbbb-2222"


def test_own_processes_and_those_of_nobody_do_not_count(driver, tmp_path):
    """The one that starts the stage may use the card; a process of another container cannot be seen."""
    computing(tmp_path, a=os.getppid(), b=2**30)
    assert device.busy() == {}
    computing(tmp_path, a=os.getpid())
    assert device.busy() == {}


def test_it_waits_for_a_busy_card_and_says_so(driver, tmp_path, stranger):
    computing(tmp_path, a=stranger, b=stranger)
    command = [sys.executable, "-c", JOB, str(tmp_path), "2"]
    job = subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    try:
        said = job.stderr.readline()
        assert "waiting for 2 of the GPUs GPU-aaaa-1111, GPU-bbbb-2222" in said
        assert f"used by others: GPU-aaaa-1111 by process {stranger}" in said
        assert not select.select([job.stdout], [], [], 0.5)[0]
        os.kill(stranger, 9)
        assert job.stdout.readline().strip() == "GPU-aaaa-1111,GPU-bbbb-2222"
    finally:
        job.kill()
        job.wait()


def test_a_file_system_without_locks_is_named_and_used(driver, tmp_path, capsys):
    """flock fails there with ENOLCK or ENOTSUP; a GPU is claimed and a folder worked in all the same."""

    def no_locks(file, operation):
        raise OSError(errno.ENOLCK, os.strerror(errno.ENOLCK))

    driver.setattr(fcntl, "flock", no_locks)
    device.claim("cuda", 1, tmp_path)
    assert os.environ.pop("CUDA_VISIBLE_DEVICES") == "GPU-aaaa-1111"
    with lock.alone(tmp_path / "run"):
        pass
    said = capsys.readouterr().err
    assert f"{tmp_path}/run-lock: this file system knows no locks (No locks available)" in said
    assert "sure that no job of it still runs" in said


def test_without_a_card_it_says_so(monkeypatch, tmp_path):
    monkeypatch.setenv("PATH", str(tmp_path))
    assert device.visible_gpus() == []
    assert device.claim("cpu") == "cpu"
    with pytest.raises(InputError, match="no NVIDIA GPU that can be used; set `device: cpu`"):
        device.claim("cuda")


def test_more_cards_than_there_are(driver, tmp_path):
    with pytest.raises(InputError, match=r"a run takes 3 GPUs, but this machine has 2"):
        device.claim("cuda", 3, tmp_path)
