"""Which processors a stage runs on. Two jobs on one machine never share a GPU."""

import os
import random
import re
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import psutil

from lift.errors import InputError
from lift.machine.lock import taken


def visible_gpus() -> list[str]:
    """The ids of the NVIDIA GPUs that this process may use, in order; none where there is no driver."""
    try:
        listing = subprocess.run(["nvidia-smi", "-L"], capture_output=True, text=True, check=True).stdout
    except (OSError, subprocess.CalledProcessError):
        return []
    cards = re.findall(r"^GPU \d+: .*\(UUID: (GPU-[\w-]+)\)", listing, re.M)
    wanted = os.environ.get("CUDA_VISIBLE_DEVICES")
    if wanted is None:
        return cards
    chosen = []
    for name in filter(None, wanted.split(",")):
        matches = [cards[int(name)]] if name.isdigit() and int(name) < len(cards) else []
        chosen += matches or [card for card in cards if card.startswith(name)]
    return chosen


def shortage(count: int = 1) -> str | None:
    """What is said where a job's GPUs can never be had here; None where they can."""
    cards = visible_gpus()
    if not cards:
        return "device cuda: this machine has no NVIDIA GPU that can be used; set `device: cpu`, or use one that has."
    if len(cards) < count:
        return f"training.devices: a run takes {count} GPUs, but this machine has {len(cards)} that can be used."
    return None


def memory() -> dict[str, int]:
    """Bytes of memory of the NVIDIA GPUs, by id; empty where the driver does not tell."""
    query = ["nvidia-smi", "--query-gpu=uuid,memory.total", "--format=csv,noheader,nounits"]
    try:
        lines = subprocess.run(query, capture_output=True, text=True, check=True).stdout.splitlines()
        return {card.strip(): int(mebibytes) << 20 for card, mebibytes in (line.split(",") for line in lines)}
    except (OSError, subprocess.CalledProcessError, ValueError):
        return {}


def busy() -> dict[str, int]:
    """A process that computes on a GPU, by the GPU's id, where it is neither this one nor one that led to it.

    The driver may show processes of other containers; only those that can be seen from here count.
    """
    query = ["nvidia-smi", "--query-compute-apps=gpu_uuid,pid", "--format=csv,noheader"]
    try:
        lines = subprocess.run(query, capture_output=True, text=True, check=True).stdout.splitlines()
        found = {card.strip(): int(pid) for card, pid in (line.split(",") for line in lines)}
    except (OSError, subprocess.CalledProcessError, ValueError):
        return {}
    own = {os.getpid(), *(parent.pid for parent in psutil.Process().parents())}
    return {card: pid for card, pid in found.items() if pid not in own and psutil.pid_exists(pid)}


def main_memory() -> int:
    """Bytes of this machine's main memory."""
    return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")


def torch_fault() -> str | None:
    """Whether PyTorch can use the GPUs that the driver shows; asked in a process of its own, which sets up CUDA."""
    question = "import torch; print(torch.version.cuda, torch.cuda.is_available())"
    answer = subprocess.run([sys.executable, "-c", question], capture_output=True, text=True, check=False)
    built, usable = (answer.stdout.split() or ["None", "False"])[-2:]
    if usable == "True":
        return None
    how = f"built for CUDA {built}" if built != "None" else "built without CUDA"
    return (
        f"device cuda: the driver shows GPUs, but PyTorch here, {how}, cannot use them: install a newer driver, or a "
        "PyTorch for the driver that is there (https://pytorch.org/get-started/previous-versions)."
    )


def _lock(path: Path) -> int | None:
    """A lock file's descriptor, locked, or None where another process has the lock.

    It is never closed: the system lets go of the lock when the process ends, however it ends. Another user may have
    made the file, and may then only be read; a lock needs no more.
    """
    try:
        lock = os.open(path, os.O_RDONLY)
    except FileNotFoundError:
        lock = os.open(path, os.O_RDONLY | os.O_CREAT, 0o644)
    if not taken(lock, path, wait=False):
        os.close(lock)
        return None
    return lock


def claim(device: str, count: int = 1, folder: Path | None = None, poll: float = 5.0) -> str:
    """Take GPUs for as long as this process lives, and let CUDA see no others; "cpu" is returned as it is.

    Must come before CUDA is used. Waits while too few GPUs are free of others' locks and processes, and says so once.
    Raises InputError where there never are enough.
    """
    if device == "cpu":
        return device
    if fault := shortage(count):
        raise InputError(fault)
    cards = visible_gpus()
    folder = folder or Path(tempfile.gettempdir())
    said = False
    while True:
        locks, used = {}, busy()
        for card in cards:
            lock = None if card in used else _lock(folder / f"lift-{card}.lock")
            if lock is None:
                continue
            locks[card] = lock
            if len(locks) == count:
                os.environ["CUDA_VISIBLE_DEVICES"] = ",".join(locks)
                return device
        for lock in locks.values():  # all or none, or two jobs could wait for each other
            os.close(lock)
        if not said:
            others = [f"{card} by process {pid}" for card, pid in used.items() if card in cards]
            reason = f"; used by others: {', '.join(others)}" if others else ""
            print(f"waiting for {count} of the GPUs {', '.join(cards)}{reason}", file=sys.stderr, flush=True)
            said = True
        time.sleep(poll * random.uniform(0.5, 1.5))
