"""A run that is told to end: it writes a checkpoint first, and the next one goes on from there to the same bytes."""

import signal
import sys
import time
from pathlib import Path

import torch
from safetensors.torch import load_file, save_file
from transformers import TrainerCallback

from lift.finetune.measures import over_processes

SAVE_SECONDS = 600  # a checkpoint at least so often, whatever the number of updates between evaluations
SHARE = 20  # but seldom enough that writing them takes a twentieth of the time
TOLD = 128 + signal.SIGTERM  # the exit code of a run that was told to end


class Interruption(TrainerCallback):
    """Ends training after the update at hand, with a checkpoint, once SIGTERM has come; also saves by the clock.

    A cluster sends it before a time limit, at a pre-emption and when a job is cancelled. All processes of a run do the
    same after the same update, whichever of them was told.
    """

    def __init__(self, trainer) -> None:
        self.trainer, self.told, self.ends = trainer, False, False
        self.saved, self.took = time.monotonic(), 0.0

    def __enter__(self):
        self.before = signal.signal(signal.SIGTERM, self.tell)
        return self

    def __exit__(self, *exception) -> None:
        signal.signal(signal.SIGTERM, self.before)

    def tell(self, number, frame) -> None:
        self.told = True

    def on_train_begin(self, args, state, control, **kwargs) -> None:
        self.trainer.go_on()
        self.saved = time.monotonic()

    def on_step_end(self, args, state, control, **kwargs):
        late = time.monotonic() - self.saved > max(SAVE_SECONDS, SHARE * self.took)
        told, late = over_processes(self.trainer.accelerator, torch.tensor([self.told, late])).any(0).tolist()
        self.ends = told and state.global_step < state.max_steps
        control.should_save |= late or self.ends
        control.should_training_stop |= self.ends
        return control

    def leave(self, first: bool) -> None:
        """End this process if it was told to, and did not finish."""
        if not self.ends:
            return
        if first:
            state = self.trainer.state
            said = f"told to end after update {state.global_step} of {state.max_steps}; the next attempt goes on there"
            print(said, file=sys.stderr, flush=True)
        raise SystemExit(TOLD)


def since_log(folder: str | Path, process: int) -> Path:
    """Where a process keeps what it has summed up since the last line of the log."""
    return Path(folder) / f"since_log-{process}.safetensors"


def keep(path: Path, tensors: dict[str, torch.Tensor]) -> None:
    """Write sums before the rest of a checkpoint."""
    path.parent.mkdir(parents=True, exist_ok=True)
    save_file({name: tensor.detach().cpu().contiguous() for name, tensor in tensors.items()}, path)


def kept(path: Path) -> dict[str, torch.Tensor]:
    """The sums of a checkpoint."""
    return load_file(path)
