"""Masks and selections: what must hold for every batch, level and draw."""

import functools

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from lift import noise
from lift.finetune.objectives import cart, gift, lift, vanilla
from lift.models.forward_process import Batch, Draws, mask_response, masking_probability
from tests.conftest import TINY

SELECTORS = {
    "vanilla": vanilla.select,
    "cart": cart.select,
    "gift": gift.select,
    "gift over the batch": functools.partial(gift.select, denominator="batch"),
    "lift": lift.select,
}


@st.composite
def batches(draw):
    """A batch of up to four sequences of 20 tokens, with prompts and padding of any length, and its draws."""
    rows = draw(st.lists(st.tuples(st.integers(1, 18), st.integers(1, 18)), min_size=1, max_size=4))
    prompt_length = torch.tensor([min(p, 19) for p, _ in rows])
    length = torch.tensor([min(p + r, 20) for p, r in rows])
    generator = torch.Generator().manual_seed(draw(st.integers(0, 999)))
    ids = torch.randint(0, 150, (len(rows), 20), generator=generator)
    position = torch.arange(20)
    ids = ids.masked_fill(position >= length[:, None], 158)
    batch = Batch(ids, prompt_length, length, score_padding=draw(st.booleans()))
    keys = torch.tensor([noise.key(draw(st.integers(0, 999)), i) for i in range(len(rows))])
    return batch, Draws.at(keys, 20)


@pytest.mark.parametrize("name", SELECTORS)
@settings(max_examples=25, deadline=None)
@given(case=batches())
def test_only_the_response_is_masked_and_scored(tiny_llada, name, case):
    batch, draws = case
    with torch.no_grad():
        selection = SELECTORS[name](tiny_llada, batch, draws)
    changed = selection.noisy != selection.clean
    assert not (changed & ~batch.response).any()
    assert not (selection.kept & ~batch.response).any()
    assert (selection.noisy[selection.kept] == tiny_llada.mask_id).all()
    assert torch.equal(changed, selection.kept)  # what is hidden is what is scored
    expected = {"gift": len(draws.t), "gift over the batch": selection.kept.sum()}
    assert selection.denominator == expected.get(name, batch.response.sum())
    weights = selection.weight[selection.kept]
    assert torch.isfinite(weights).all()
    assert (weights >= 0).all()


@settings(max_examples=25, deadline=None)
@given(case=batches(), components=st.sampled_from([["easy"], ["hard"], ["random"], ["easy", "random", "hard"]]))
def test_lift_keeps_the_right_share_of_a_superset(tiny_llada, case, components):
    batch, draws = case
    level = masking_probability(draws.t)
    rho = lift.excess_level(level, draws.by_sequence(lift.RHO), 0.1)
    assert (rho >= 0).all()
    assert (level + rho <= 1 + 1e-9).all()
    masked = mask_response(batch, level + rho, draws.mask)
    assert not (mask_response(batch, level, draws.mask) & ~masked).any()
    with torch.no_grad():
        selection = lift.select(tiny_llada, batch, draws, components=components)
    assert not (selection.kept & ~masked).any()
    count, kept = masked.sum(1), selection.kept.sum(1)
    assert torch.equal(kept, (count * level / (level + rho)).round().long().clamp(min=1).minimum(count))


@pytest.mark.parametrize("name", TINY)
@settings(max_examples=25, deadline=None)
@given(case=batches())
def test_easy_is_more_confident_than_hard(tiny_model, name, case):
    model, (batch, draws) = tiny_model(name), case
    level = masking_probability(draws.t)
    masked = mask_response(batch, level + lift.excess_level(level, draws.by_sequence(lift.RHO), 0.1), draws.mask)
    noisy = batch.input_ids.masked_fill(masked, model.mask_id)
    scores = torch.full(masked.shape, torch.nan)
    with torch.no_grad():
        kept = {name: lift.select(model, batch, draws, components=[name]).kept for name in ("easy", "hard")}
        log_p = model.logits(noisy, masked, batch.real).log_softmax(-1)
        scores[masked] = log_p.gather(1, batch.input_ids[masked][:, None])[:, 0]
    for row in range(len(masked)):
        for name, better in (("easy", 1), ("hard", -1)):
            inside = better * scores[row, kept[name][row]]
            outside = better * scores[row, masked[row] & ~kept[name][row]]
            if len(inside) and len(outside):
                assert inside.min() >= outside.max() - 1e-5 * scores[row].nan_to_num().abs().max()


def test_cart_weights_are_the_two_sided_geometric():
    generator = torch.Generator().manual_seed(0)
    visible = torch.rand(3, 17, generator=generator) < 0.5
    weights = cart.context_weights(visible, 0.1)
    for row in range(3):
        for n in range(17):
            naive = sum(0.5 * 0.1 * 0.9 ** (abs(n - m) - 1) for m in range(17) if m != n and visible[row, m])
            assert weights[row, n].item() == pytest.approx(naive)


@pytest.mark.parametrize(
    "t, component", [(0.1, "hard"), (0.32, "hard"), (0.34, "random"), (0.66, "random"), (0.68, "easy")]
)
def test_time_policy_of_lift_3(t, component):
    chosen = lift.choose_component(torch.tensor([t]), torch.zeros(1), ["easy", "random", "hard"], "time", 3.0)
    assert lift.COMPONENTS[chosen] == component


@pytest.mark.parametrize("h", [2.5, 5.0, 10.0])
def test_thresholds_are_one_over_h(h):
    t = torch.linspace(0.001, 0.999, 997)
    chosen = lift.choose_component(t, t, ["easy", "random", "hard"], "time", h)
    expected = torch.where(t < 1 / h, 2, torch.where(t > 1 - 1 / h, 1, 0))
    assert torch.equal(chosen, expected)


def test_random_policy_draws_every_component_alike():
    u = torch.linspace(0.0005, 0.9995, 1000)
    chosen = lift.choose_component(u, u, ["easy", "random", "hard"], "random", 3.0)
    assert (torch.bincount(chosen, minlength=3) - 333).abs().max() <= 1


@pytest.mark.parametrize("name", TINY)
def test_gift_masks_what_is_uncertain_more_often(tiny_model, name):
    model = tiny_model(name)
    ids = torch.arange(20)[None]
    batch = Batch(ids, torch.tensor([4]), torch.tensor([20]))
    level = torch.tensor([0.5])
    with torch.no_grad():
        levels = gift.token_levels(model, batch, level)
        log_p = model.logits(ids.masked_fill(batch.content, model.mask_id), batch.content).log_softmax(-1)
    entropy = -(log_p.exp() * log_p).sum(-1)
    assert torch.equal(levels[0, 4:].argsort(), entropy.argsort())
    assert (levels[0, :4] == 0).all()
