"""GIFT: uncertain tokens are masked more often (arXiv 2509.20863)."""

from typing import Literal

import torch

from lift.finetune.objectives import Selection, plain_selection
from lift.models.forward_process import Batch, Draws, masking_probability


def _entropy(model, states: torch.Tensor) -> torch.Tensor:
    """(N, H) states -> (N,) entropies of what they predict, in nats."""
    log_p = model.head(states).log_softmax(-1)
    return -log_p.exp().mul_(log_p).sum(-1)


def token_levels(model, batch: Batch, level: torch.Tensor, beta_mean: str = "sequence") -> torch.Tensor:
    """(B, L) level of each content position: 1 - (1 - t')^(beta_n / mean beta), beta the square root of the entropy.

    The entropy is the model's with the whole content masked. The mean is over the sequence, or over the micro-batch
    ("batch") as in the public release.
    """
    content = batch.content
    was_training = model.training
    model.eval()
    states = model.hidden_states(batch.input_ids.masked_fill(content, model.mask_id), batch.real)[content]
    entropy = torch.cat([_entropy(model, part) for part in states.split(model.chunk)])
    model.train(was_training)
    beta = torch.zeros(content.shape, dtype=entropy.dtype, device=entropy.device)
    beta[content] = entropy.clamp(min=0).sqrt()
    if beta_mean == "batch":
        mean = beta.sum() / content.sum()
    else:
        mean = beta.sum(1, keepdim=True) / content.sum(1, keepdim=True).clamp(min=1)
    exponent = beta / mean.clamp(min=torch.finfo(beta.dtype).tiny)
    return torch.where(content, 1 - (1 - level[:, None]) ** exponent, 0.0)


def select(
    model,
    batch: Batch,
    draws: Draws,
    *,
    beta_mean: Literal["sequence", "batch"] = "sequence",
    denominator: Literal["sequence", "batch"] = "sequence",
) -> Selection:
    """Mask content by its own level t_n; the loss is CE_n / t_n over the number of masked positions.

    denominator: that of each sequence, whose losses are then averaged (the public release at its published micro-batch
    of 1), or of the whole global batch. By "sequence" a sequence counts about 1 / t: those below t = 0.1 carry two
    thirds of the loss, by "batch" a tenth.
    """
    level = masking_probability(draws.t)
    levels = token_levels(model, batch, level, beta_mean)
    masked = batch.content & (draws.mask < levels)
    noisy = batch.input_ids.masked_fill(masked, model.mask_id)
    selection = plain_selection(batch, noisy, masked, 1 / levels.clamp(min=1e-12), level)
    count = masked.sum(1)
    if denominator == "sequence":
        selection.weight = selection.weight / count.clamp(min=1)[:, None]
        selection.denominator = torch.tensor(len(count), device=count.device)  # nothing masked: a loss of 0
    else:
        selection.denominator = count.sum()
    return selection
