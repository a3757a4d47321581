"""A stage in several processes, one a device: of a training run together, of other work each for its share."""

import os
import signal
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psutil
import torch
from torch.distributed import run
from torch.distributed.elastic.multiprocessing.api import SignalException
from torch.distributed.elastic.multiprocessing.errors import ChildFailedError

from lift.machine.device import claim, visible_gpus
from lift.machine.lock import alone

_LAUNCHER = "LIFT_LAUNCHER"  # the process that started this one, by its number
launched = torch.distributed.is_torchelastic_launched  # whether this process is one of several


def launch(processes: int, arguments: list[str]) -> None:
    """Run `python -m lift ARGUMENTS` in that many processes, which find each other through their environment.

    Ends them all when one fails, and exits with a message then. SIGTERM is handed on to them, which may take their time
    to end; other signals end them.
    """

    def hand_on(number, frame) -> None:
        children = psutil.Process().children()
        for child in children:
            child.send_signal(number)
        if not children:  # none has started, or all have ended
            raise SystemExit(128 + number)

    # torch sets the others, and leaves them so
    before = {one: signal.getsignal(one) for one in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP, signal.SIGQUIT)}
    signal.signal(signal.SIGTERM, hand_on)
    os.environ[_LAUNCHER] = str(os.getpid())
    os.environ.setdefault("OMP_NUM_THREADS", "1")  # each sets its own number of threads; torch would warn
    # not `accelerate launch`, which calls the same launcher for GPUs, but on the CPU starts several only through MPI
    kept = "--signals-to-handle=SIGINT,SIGHUP,SIGQUIT"  # at SIGTERM too it would give them 30 seconds, and no more
    options = run.parse_args(["--standalone", f"--nproc-per-node={processes}", kept, "--module", "lift", *arguments])
    try:
        run.run(options)
    except ChildFailedError as error:
        rank, failure = error.get_first_failure()
        if failure.exitcode in (-signal.SIGTERM, 128 + signal.SIGTERM):
            raise SystemExit(128 + signal.SIGTERM) from None
        reason = f"process {rank} of {processes} ended with exit code {failure.exitcode}; what it said stands above"
        raise SystemExit(f"error: {reason}.") from None
    except SignalException as error:
        raise SystemExit(128 + error.sigval) from None
    finally:
        for one, handler in before.items():
            signal.signal(one, handler)


def add_arguments(parser) -> None:
    """What a stage takes whose work several processes may share."""
    parser.add_argument("--threads", type=int, default=1, help="of each process, no more than the config says")
    parser.add_argument("--gpus", type=int, help="that `shards` may take; all that there are if left out")


def share() -> tuple[int, int]:
    """The number of this process, counted from 0, and how many share the work: (0, 1) where it is the only one."""
    return (int(os.environ["RANK"]), int(os.environ["WORLD_SIZE"])) if launched() else (0, 1)


def first() -> bool:
    """Whether this process is the first, or the only one: the one that writes."""
    return share()[0] == 0


@contextmanager
def alone_with_processes(folder: Path) -> Iterator[None]:
    """Wait until no other job works in the folder. One of several processes of a job ends with its launcher."""
    if launched():
        end_with_launcher()
        yield
    else:
        with alone(folder):
            yield


def in_shards(shards: int, device: str, gpus: int | None) -> int:
    """Run this command in processes that share its work, each with a device of its own; returns how many they were.

    That is as many as there are shards, or GPUs that may be taken where these are fewer; gpus None: all. Where it is
    one, or where this process is one of them, nothing is started.
    """
    if launched():
        return share()[1]
    if device == "cuda":
        found = len(visible_gpus())
        shards = max(1, min(shards, found, found if gpus is None else gpus))
    if shards > 1:
        claim(device, shards)
        print(f"{shards} processes share the work", flush=True)
        launch(shards, sys.argv[1:])
    return shards


def own_device(device: str) -> None:
    """Claim a device for this process, or take the one that its launcher claimed for it. Once: CUDA sees no other."""
    if not launched():
        claim(device)
    elif device == "cuda":
        os.environ["CUDA_VISIBLE_DEVICES"] = visible_gpus()[int(os.environ["LOCAL_RANK"])]


def local_device(device: str) -> str:
    """The device of this process: with "cuda" the GPU that has its number."""
    return f"cuda:{os.environ['LOCAL_RANK']}" if device == "cuda" else device


def end_with_launcher(poll: float = 1.0) -> None:
    """End this process when the one that started it ends, even if that had no time to say so."""
    launcher = int(os.environ[_LAUNCHER])

    def watch() -> None:
        while os.getppid() == launcher:
            time.sleep(poll)
        os._exit(1)

    threading.Thread(target=watch, daemon=True).start()
