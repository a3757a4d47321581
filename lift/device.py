"""Which processor a stage runs on. Two jobs on one machine never share a GPU."""

import fcntl
import os
import re
import subprocess
import tempfile
import time
from pathlib import Path

from lift.errors import InputError

_held = []  # open lock files; the system lets go of them when the process ends, however it ends


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


def claim(device: str, folder: Path | None = None, poll: float = 5.0) -> str:
    """Take a GPU for as long as this process lives, and let CUDA see no other; "cpu" is returned as it is.

    Must come before CUDA is used. Waits while all GPUs are taken by other jobs. Raises InputError where there is none.
    """
    if device == "cpu":
        return device
    cards = visible_gpus()
    if not cards:
        raise InputError("device cuda: this machine has no NVIDIA GPU that can be used; set `device: cpu`.")
    folder = folder or Path(tempfile.gettempdir())
    while True:
        for card in cards:
            file = open(folder / f"lift-{card}.lock", "a")  # noqa: SIM115 (held until the process ends)
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                file.close()
                continue
            _held.append(file)
            os.environ["CUDA_VISIBLE_DEVICES"] = card
            return device
        time.sleep(poll)
