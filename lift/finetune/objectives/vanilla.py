"""Vanilla supervised fine-tuning of a masked diffusion model (LLaDA, arXiv 2502.09992, algorithm 2)."""

from lift.finetune.objectives import Selection, plain_selection
from lift.models.forward_process import Batch, Draws, mask_response, masking_probability


def select(model, batch: Batch, draws: Draws) -> Selection:
    """Mask the response with probability t'; the loss is the sum of CE_n / t'."""
    level = masking_probability(draws.t)
    masked = mask_response(batch, level, draws.mask)
    noisy = batch.input_ids.masked_fill(masked, model.mask_id)
    return plain_selection(batch, noisy, masked, (1 / level)[:, None].expand_as(draws.mask), level)
