"""Training objectives, one file each: what of a batch is masked, what is kept for the loss, and with which weight.

An objective is a function `select(model, batch, draws, **settings) -> Selection` without gradient; its keyword-only
arguments are the settings that a config may name. What follows is the same for all: `loss_sum` over the selection,
divided by the `denominator` of the global batch, so that nothing depends on how a batch is cut.
"""

from dataclasses import dataclass

import torch

from lift.forward_process import Batch
from lift.models import MaskPredictor

COMPONENTS = ("random", "easy", "hard")  # of LIFT


@dataclass
class Selection:
    """What one batch trains on. Rows may outnumber the batch's, where an objective takes two views of a sequence.

    noisy, clean (R, L) tokens; kept (R, L) bool: positions in the loss; weight (R, L): of each kept position's
    cross-entropy; real (R, L) bool or None: what is attended to; level (R,): share of the response that stays masked;
    denominator: scalar; component (R,): index into COMPONENTS, -1 where the objective has none.
    """

    noisy: torch.Tensor
    clean: torch.Tensor
    kept: torch.Tensor
    weight: torch.Tensor
    real: torch.Tensor | None
    level: torch.Tensor
    denominator: torch.Tensor
    component: torch.Tensor


def loss_sum(model: MaskPredictor, selection: Selection) -> tuple[torch.Tensor, torch.Tensor]:
    """The weighted sum of the loss, a scalar, and the unweighted cross-entropies (N,) of the kept positions."""
    s = selection
    losses = model(s.noisy, s.kept, s.clean, s.real)
    return (losses * s.weight[s.kept].to(losses.dtype)).sum(), losses.detach()


def plain_selection(batch: Batch, noisy, kept, weight, level) -> Selection:
    """A selection with one view a sequence over the published denominator, all response positions."""
    component = torch.full_like(batch.prompt_length, -1)
    denominator = batch.response.sum()
    return Selection(noisy, batch.input_ids, kept, weight, batch.real, level, denominator, component)
