"""A device that is only pretended: torch's fake tensors, which have no values, on a backend registered from Python.

Run as a script, with FOLDER=FAMILY of checkpoints, since a registered backend stays. Each line that it prints is a
piece of work in which no tensor of the CPU met one of the device. What chooses by values cannot run so:
tests/test_gpu.py has that.
"""

import sys
from pathlib import Path

import torch
from torch._subclasses.fake_tensor import FakeTensorMode
from torch.utils.backend_registration import _setup_privateuseone_for_python_backend

from lift.finetune.objectives import lift
from lift.models import checkpoint
from lift.models.forward_process import Batch, Draws, mask_response, masking_probability

DEVICE = "pretended"
ROWS, LENGTH = 2, 12


def there(model):
    """The model, its weights pretended to lie on the device."""
    for module in model.modules():
        for kind in (module._parameters, module._buffers):
            for key, tensor in kind.items():
                if tensor is not None:
                    moved = torch.empty(tensor.shape, dtype=tensor.dtype, device=DEVICE)
                    kind[key] = torch.nn.Parameter(moved, False) if kind is module._parameters else moved
    return model


def passes(folder: Path, family: str) -> None:
    """Whole passes, the head, and passes at few positions."""
    model = checkpoint.load(folder, family=family)
    with FakeTensorMode(), torch.no_grad():
        there(model)
        ids = torch.zeros(ROWS, LENGTH, dtype=torch.long, device=DEVICE)
        places = torch.arange(4, 8, device=DEVICE).expand(ROWS, -1)
        for real in (None, torch.ones(ROWS, LENGTH, dtype=torch.bool, device=DEVICE)):
            assert model.head(model.hidden_states(ids, real)).device.type == DEVICE
            assert model.states_at(ids, places, real).device.type == DEVICE


def draws() -> None:
    """What LIFT draws, masks and keeps."""
    with FakeTensorMode():
        ids = torch.zeros(ROWS, LENGTH, dtype=torch.long, device=DEVICE)
        batch = Batch(ids, *(torch.full((ROWS,), n, device=DEVICE) for n in (3, LENGTH)))
        found = Draws.at(torch.zeros(ROWS, dtype=torch.long, device=DEVICE), LENGTH)
        level = masking_probability(found.t)
        rho = lift.excess_level(level, found.by_sequence(lift.RHO), 0.1)
        masked = mask_response(batch, level + rho, found.mask)
        kept = lift.keep_highest(found.by_token(lift.ORDER), masked, masked.sum(1))
        assert kept.device.type == DEVICE


def mix() -> None:
    """What all of this rests on: a mix is seen."""
    with FakeTensorMode():
        try:
            torch.zeros(3, device=DEVICE) + torch.zeros(3)
        except RuntimeError:
            return
    raise AssertionError("a mix of devices was not seen")


if __name__ == "__main__":
    _setup_privateuseone_for_python_backend(DEVICE)
    for name, work in {"mix": mix, "draws": draws}.items():
        work()
        print(name)
    for folder, family in (one.split("=") for one in sys.argv[1:]):
        passes(Path(folder), family)
        print(family)
