"""Training objectives, one file each: what of a batch is masked, what is kept for the loss, and with which weight.

An objective is a function `select(model, batch, draws, **settings) -> Selection` without gradient; its keyword-only
arguments are the settings that a config may name. What follows is the same for all: `loss_sum` over the selection,
divided by the `denominator` of the global batch, so that nothing depends on how a batch is cut.
"""

from collections.abc import Callable
from dataclasses import dataclass, field

import torch

from lift.models.forward_process import Batch
from lift.models.predictor import MaskPredictor


@dataclass
class Selection:
    """What one batch trains on. Rows may outnumber the batch's, where an objective takes two views of a sequence.

    noisy, clean (R, L) tokens; kept (R, L) bool: positions in the loss; weight (R, L): of each kept position's
    cross-entropy; real (R, L) bool or None: what is attended to; level (R,): share of the response that stays masked;
    denominator: scalar; counts: whole numbers to be summed between two lines of the log, by the name that they have
    there, the same names in every batch. choose: (R, L) losses, zero but at `kept` -> (R, L) bool: which of `kept` stay
    in the loss; None where all do.
    """

    noisy: torch.Tensor
    clean: torch.Tensor
    kept: torch.Tensor
    weight: torch.Tensor
    real: torch.Tensor | None
    level: torch.Tensor
    denominator: torch.Tensor
    counts: dict[str, torch.Tensor] = field(default_factory=dict)
    choose: Callable[[torch.Tensor], torch.Tensor] | None = None


def loss_sum(model: MaskPredictor, selection: Selection) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    """The weighted sum of the loss, a scalar; the unweighted cross-entropies (N,) in it, and their positions (R, L)."""
    s, kept = selection, selection.kept
    losses = model(s.noisy, kept, s.clean, s.real)
    if s.choose is not None:
        kept = s.choose(scattered(losses.detach(), s.kept))
        losses = losses[kept[s.kept]]
    return (losses * s.weight[kept].to(losses.dtype)).sum(), losses.detach(), kept


def scattered(losses: torch.Tensor, where: torch.Tensor) -> torch.Tensor:
    """(N,) losses at the N positions of `where` (R, L) -> (R, L), zero elsewhere."""
    return losses.new_zeros(where.shape).masked_scatter(where, losses)


def plain_selection(batch: Batch, noisy, kept, weight, level) -> Selection:
    """A selection with one view a sequence over the published denominator, all response positions."""
    return Selection(noisy, batch.input_ids, kept, weight, batch.real, level, batch.response.sum())
