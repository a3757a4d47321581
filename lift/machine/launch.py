"""A stage in several processes, one a device."""

import os
import threading
import time

import torch
from torch.distributed import run
from torch.distributed.elastic.multiprocessing.api import SignalException
from torch.distributed.elastic.multiprocessing.errors import ChildFailedError

launched = torch.distributed.is_torchelastic_launched  # whether this process is one of several


def launch(processes: int, arguments: list[str]) -> None:
    """Run `python -m lift ARGUMENTS` in that many processes, which find each other through their environment.

    Ends them all when one fails or this one is told to end, and exits with a message then.
    """
    os.environ.setdefault("OMP_NUM_THREADS", "1")  # each sets its own number of threads; torch would warn
    # not `accelerate launch`, which calls the same launcher for GPUs, but on the CPU starts several only through MPI
    options = run.parse_args(["--standalone", f"--nproc-per-node={processes}", "--module", "lift", *arguments])
    try:
        run.run(options)
    except ChildFailedError as error:
        rank, failure = error.get_first_failure()
        reason = f"process {rank} of {processes} ended with exit code {failure.exitcode}; what it said stands above"
        raise SystemExit(f"error: {reason}.") from None
    except SignalException as error:
        raise SystemExit(128 + error.sigval) from None


def first() -> bool:
    """Whether this process is the first, or the only one: the one that writes."""
    return os.environ.get("RANK", "0") == "0"


def local_device(device: str) -> str:
    """The device of this process: with "cuda" the GPU that has its number."""
    return f"cuda:{os.environ['LOCAL_RANK']}" if device == "cuda" else device


def end_with_launcher(poll: float = 1.0) -> None:
    """End this process when the one that started it ends, even if that had no time to say so."""
    launcher = os.getppid()

    def watch() -> None:
        while os.getppid() == launcher:
            time.sleep(poll)
        os._exit(1)

    threading.Thread(target=watch, daemon=True).start()
