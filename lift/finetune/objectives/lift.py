"""LIFT: what is learned follows when (arXiv 2605.22939). Easy tokens when most is masked, hard ones when little is."""

from collections.abc import Callable
from typing import Literal

import torch

from lift.finetune.objectives import Selection, scattered
from lift.models.forward_process import EPSILON, Batch, Draws, mask_response, masking_probability

COMPONENTS = ("random", "easy", "hard")
# Streams of random numbers: where in its range rho lies, the component under policy "random", and the ranking of tokens
# by the random component.
RHO, COMPONENT, ORDER = 1, 2, 4


def excess_level(level: torch.Tensor, uniforms: torch.Tensor, lower: float) -> torch.Tensor:
    """rho (B,), uniform in (lower, 1 - t'), or in (0, 1 - t') where that is empty."""
    upper = 1 - level
    low = torch.where(upper > lower, lower, 0.0)
    return low + (upper - low) * uniforms


def choose_component(
    level: torch.Tensor, uniforms: torch.Tensor, components: list[str], policy: str, random_weight: float
) -> torch.Tensor:
    """(B,) index into COMPONENTS: under "time" the one of largest weight at level t' (B,), under "random" any."""
    choices = torch.tensor([COMPONENTS.index(name) for name in components], device=level.device)
    if policy == "random":
        return choices[(uniforms * len(components)).long()]
    weights = torch.stack([random_weight * level * (1 - level), level, 1 - level])  # (3, B)
    return choices[weights[choices].argmax(0)]


def keep_highest(scores: torch.Tensor, masked: torch.Tensor, keep: torch.Tensor) -> torch.Tensor:
    """(B, L) bool: the `keep` (B,) masked positions of highest score in each row; of equals, the first."""
    order = scores.masked_fill(~masked, -torch.inf).argsort(dim=1, descending=True, stable=True)
    rank = order.argsort(dim=1)  # the inverse permutation
    return masked & (rank < keep[:, None])


def select(
    model,
    batch: Batch,
    draws: Draws,
    *,
    components: list[Literal["easy", "random", "hard"]] = ["easy", "random", "hard"],  # noqa: B006 (read, never written)
    policy: Literal["time", "random"] = "time",
    random_weight: float = 3.0,
    rho_lower: float = 0.1,
    time_scaling: bool = True,
    single_pass: bool = False,
    complementary: bool = False,
    scoring_dropout: bool = False,
) -> Selection:
    """Mask at level t' + rho, score what is masked, keep the share t' / (t' + rho) of it and reveal the rest.

    components, policy, random_weight (H): which component a sequence takes. rho_lower: 0.1 in the public release, 0 in
    the paper. time_scaling: divide by t'. single_pass: train on the sequence at t' + rho, with nothing revealed: one
    pass, with dropout, scores it and has the loss of what is kept. complementary: sequences of the random component
    train on a second view, in which the rest of the response is masked. scoring_dropout: score in training mode, as the
    public release does.
    """
    level = masking_probability(draws.t)
    rho = excess_level(level, draws.by_sequence(RHO), rho_lower)
    masked = mask_response(batch, level + rho, draws.mask)  # (B, L)
    noisy = batch.input_ids.masked_fill(masked, model.mask_id)
    count = masked.sum(1)
    keep = (count * level / (level + rho)).round().long().clamp(min=1)
    component = choose_component(level, draws.by_sequence(COMPONENT), components, policy, random_weight)

    scored = (component != COMPONENTS.index("random")) & (keep < count)  # nothing to choose where all is kept
    sign, order = torch.where(component == COMPONENTS.index("hard"), 1.0, -1.0), draws.by_token(ORDER)

    def choose(losses: torch.Tensor) -> torch.Tensor:
        scores = torch.where(scored[:, None], losses.to(order.dtype) * sign[:, None], order)
        return keep_highest(scores, masked, keep)

    if single_pass:
        kept = torch.where(scored[:, None], masked, keep_highest(order, masked, keep))
        return views(model, batch, kept, level, component, time_scaling, complementary, noisy, choose)
    losses = torch.zeros_like(order)
    if scored.any():
        was_training = model.training
        model.train(was_training and scoring_dropout)
        real = None if batch.real is None else batch.real[scored]
        found = model(noisy[scored], masked[scored], batch.input_ids[scored], real)
        model.train(was_training)
        losses = scattered(found.to(losses.dtype), masked & scored[:, None])
    return views(model, batch, choose(losses), level, component, time_scaling, complementary)


def views(
    model,
    batch: Batch,
    kept: torch.Tensor,
    level: torch.Tensor,
    component: torch.Tensor,
    time_scaling: bool = True,
    complementary: bool = False,
    noisy: torch.Tensor | None = None,
    choose: Callable[[torch.Tensor], torch.Tensor] | None = None,
) -> Selection:
    """What is trained on, once it is settled which positions (B, L) are kept: see `select`.

    noisy: the input, where it is not the sequence with the kept positions masked. choose: of the batch's sequences, as
    in Selection.
    """
    if noisy is None:
        noisy = batch.input_ids.masked_fill(kept, model.mask_id)
    rows = torch.arange(len(kept), device=kept.device)
    if complementary:
        second = (component == COMPONENTS.index("random")).nonzero()[:, 0]
        rest = batch.response[second] & ~kept[second]
        rows = torch.cat([rows, second])
        noisy = torch.cat([noisy, batch.input_ids[second].masked_fill(rest, model.mask_id)])
        kept = torch.cat([kept, rest])
        level = torch.cat([level, (1 - level[second]).clamp(min=EPSILON)])
    sequences, chosen = len(component), torch.bincount(component, minlength=len(COMPONENTS))
    scale = 1 / level if time_scaling else torch.ones_like(level)
    return Selection(
        noisy=noisy,
        clean=batch.input_ids[rows],
        kept=kept,
        weight=scale[:, None].expand(kept.shape),
        real=None if batch.real is None else batch.real[rows],
        level=level,
        denominator=batch.response.sum(),
        counts=dict(zip(COMPONENTS, chosen, strict=True)),
        choose=choose and (lambda losses: torch.cat([choose(losses[:sequences]), kept[sequences:]])),
    )
