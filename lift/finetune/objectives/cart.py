"""CART: context-adaptive reweighting of the loss (Dream, arXiv 2508.15487)."""

import torch

from lift.finetune.objectives import Selection, plain_selection
from lift.models.forward_process import Batch, Draws, mask_response, masking_probability


def context_weights(visible: torch.Tensor, p: float) -> torch.Tensor:
    """(B, L) bool -> (B, L) float64: sum over visible m != n of 0.5 p (1 - p)^(|n - m| - 1)."""
    position = torch.arange(visible.shape[1], device=visible.device)
    distance = (position[:, None] - position).abs()
    kernel = 0.5 * p * (1 - p) ** (distance - 1).double()
    return visible.double() @ kernel.masked_fill(distance == 0, 0.0)


def select(model, batch: Batch, draws: Draws, *, p: float = 0.1) -> Selection:
    """Vanilla, each position weighted by how much visible context is near it."""
    level = masking_probability(draws.t)
    masked = mask_response(batch, level, draws.mask)
    visible = ~masked if batch.real is None else ~masked & batch.real
    noisy = batch.input_ids.masked_fill(masked, model.mask_id)
    return plain_selection(batch, noisy, masked, context_weights(visible, p) / level[:, None], level)
