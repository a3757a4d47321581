"""What is measured while training: the held-out loss, and what the loss is made of, by masking level and frequency."""

import datasets
import numpy as np
import torch
from accelerate import Accelerator

from lift import noise
from lift.finetune.objectives import Selection
from lift.finetune.settings import Settings
from lift.finetune.stream import collate, common_width, to_device
from lift.models.forward_process import mask_response, masking_probability
from lift.models.predictor import MaskPredictor
from lift.statistics.bins import BINS, LEVEL_BINS, frequency_bin


def _level_bin(level: torch.Tensor, kept: torch.Tensor) -> torch.Tensor:
    """(N,) the bin of the masking level of each kept position."""
    return (level[kept.nonzero()[:, 0]] * LEVEL_BINS).long().clamp(max=LEVEL_BINS - 1)


def token_bins(corpus: datasets.Dataset, max_length: int, vocabulary: int, pad_id: int) -> torch.Tensor:
    """(vocabulary,) the bin of frequency of each token in the responses; the end token, which also pads, has one of its
    own, BINS."""
    counts = np.zeros(vocabulary, dtype=np.int64)
    for row in corpus:
        counts += np.bincount(row["input_ids"][row["prompt_length"] : max_length], minlength=vocabulary)
    bins = frequency_bin(counts, counts.sum())
    bins[pad_id] = BINS
    return torch.from_numpy(bins)


def count_kept(selection: Selection, kept: torch.Tensor, bins: torch.Tensor) -> torch.Tensor:
    """(LEVEL_BINS, BINS + 1): the tokens in the loss, at `kept` (R, L), by masking level and by `token_bins`."""
    place = _level_bin(selection.level, kept) * (BINS + 1) + bins[selection.clean[kept]]
    return torch.bincount(place, minlength=LEVEL_BINS * (BINS + 1)).view(LEVEL_BINS, BINS + 1).cpu()


def level_bins(level: torch.Tensor, losses: torch.Tensor, kept: torch.Tensor) -> torch.Tensor:
    """(2, LEVEL_BINS): sum and count of the losses (N,) of the kept positions (B, L), by their row's level (B,)."""
    index = _level_bin(level, kept)
    sums = torch.zeros(2, LEVEL_BINS, dtype=torch.float64, device=losses.device)
    sums[0].index_add_(0, index, losses.double())
    sums[1].index_add_(0, index, torch.ones_like(losses, dtype=torch.float64))
    return sums.cpu()


def bin_means(prefix: str, sums: torch.Tensor) -> dict[str, float]:
    """Mean cross-entropy by level, for the log; a bin without tokens is left out."""
    return {
        f"{prefix}_level_{i / LEVEL_BINS:.2f}": round((sums[0, i] / sums[1, i]).item(), 6)
        for i in range(LEVEL_BINS)
        if sums[1, i] > 0
    }


def over_processes(accelerator: Accelerator | None, tensor: torch.Tensor) -> torch.Tensor:
    """(P, ...) the tensors of all processes, on the CPU, equal on each of them."""
    if accelerator is None:
        return tensor[None].cpu()
    return accelerator.gather(tensor.to(accelerator.device)[None]).cpu()


@torch.no_grad()
def held_out_loss(
    model: MaskPredictor, held_out: datasets.Dataset, settings: Settings, accelerator: Accelerator | None = None
) -> tuple[float, torch.Tensor]:
    """The vanilla loss on the held-out examples, and its parts by level (2, LEVEL_BINS): the same for every method.

    Example i of n is masked at level (i + 0.5) / n, with a mask that never changes. The processes of `accelerator`
    share the examples.
    """
    sums = torch.zeros(2, 1 + LEVEL_BINS, dtype=torch.float64)  # loss and denominator, then those of each level
    examples, n, size = list(held_out), len(held_out), settings.micro_batch_size
    widest = common_width(examples, settings)
    order = range(n) if settings.score_padding else sorted(range(n), key=lambda i: -len(examples[i]["input_ids"]))
    parts = [order[start : start + size] for start in range(0, n, size)]
    for indices in parts if accelerator is None else parts[accelerator.process_index :: accelerator.num_processes]:
        chosen = [examples[i] for i in indices]
        width = widest if settings.score_padding else common_width(chosen, settings)
        batch = to_device(collate(chosen, model.pad_id, settings, width), model.device)
        t = torch.tensor([(i + 0.5) / n for i in indices], device=model.device)
        level = masking_probability(t)
        keys = torch.tensor([noise.key("held-out", i) for i in indices], device=model.device)
        masked = mask_response(batch, level, noise.uniform(keys, batch.input_ids.shape[1]))
        noisy = batch.input_ids.masked_fill(masked, model.mask_id)
        losses = model(noisy, masked, batch.input_ids, batch.real)
        sums[0, 0] += (losses / level[masked.nonzero()[:, 0]]).double().sum().cpu()
        sums[1, 0] += batch.response.sum().cpu()
        sums[:, 1:] += level_bins(level, losses, masked)
    sums = over_processes(accelerator, sums).sum(0)
    return (sums[0, 0] / sums[1, 0]).item(), sums[:, 1:]
