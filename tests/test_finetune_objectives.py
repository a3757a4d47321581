"""Objectives against values of the public release, and against what defines them."""

import json
from dataclasses import replace

import pytest
import torch

from lift import registry
from lift.finetune.objectives import cart, gift, lift, loss_sum, vanilla
from lift.models.forward_process import EPSILON, Batch
from tests.conftest import GOLDEN
from tests.draws import GivenDraws

LOSSES = json.loads((GOLDEN / "objectives.json").read_text())
PAD = 158


@pytest.fixture(scope="module")
def case(golden):
    """The golden batch and its draws."""
    g = golden("objectives")
    content = g["clean"] != PAD
    length = torch.where(content, torch.arange(1, 41), 0).amax(1)
    batch = Batch(g["clean"], g["prompt_length"], length)
    t = (g["t_prime"] - EPSILON) / (1 - EPSILON)
    rho = (g["rho"] - 0.1) / (1 - g["t_prime"] - 0.1)  # the place in the range from 0.1
    own = {lift.RHO: rho, lift.COMPONENT: torch.zeros(4), lift.ORDER: g["random_scores"]}
    draws = GivenDraws(t, g["uniforms"], streams=own)
    return g, batch, draws


def value(model, selection):
    with torch.no_grad():
        return (loss_sum(model, selection)[0] / selection.denominator).item()


def rows(batch, draws, i):
    pick = slice(i, i + 1)
    one = Batch(batch.input_ids[pick], batch.prompt_length[pick], batch.length[pick])
    return one, draws.row(i)


@pytest.mark.parametrize("name, module", [("vanilla", vanilla), ("cart", cart)])
def test_vanilla_and_cart(case, tiny_llada, tiny_llada_shifted, name, module):
    g, batch, draws = case
    selection = module.select(tiny_llada, batch, draws)
    assert torch.equal(selection.noisy, g["noisy_vanilla"])
    assert value(tiny_llada, selection) == pytest.approx(LOSSES[name], rel=1e-5)
    assert value(tiny_llada_shifted, selection) == pytest.approx(LOSSES[f"{name}_shifted"], rel=1e-5)


def test_gift_over_the_batch(case, tiny_llada):
    g, batch, draws = case
    selection = gift.select(tiny_llada, batch, draws, beta_mean="batch", denominator="batch")
    assert torch.equal(selection.kept, g["gift_mask"])
    torch.testing.assert_close((1 / selection.weight)[batch.content].float(), g["gift_t_i"][batch.content])
    assert value(tiny_llada, selection) == pytest.approx(LOSSES["gift"], rel=1e-5)


@pytest.mark.parametrize("i", range(4))
def test_gift_by_sequence(case, tiny_llada, tiny_llada_shifted, i):
    g, batch, draws = case
    one, one_draws = rows(batch, draws, i)
    level = (1 - EPSILON) * one_draws.t + EPSILON
    levels = gift.token_levels(tiny_llada, one, level)
    torch.testing.assert_close(levels[one.content], g[f"gift_t_i_row{i}"][one.content])
    selection = gift.select(tiny_llada, one, one_draws)
    assert value(tiny_llada, selection) == pytest.approx(LOSSES[f"gift_row{i}"], rel=1e-5)
    if i == 1:
        selection = gift.select(tiny_llada_shifted, one, one_draws)
        assert value(tiny_llada_shifted, selection) == pytest.approx(LOSSES["gift_row1_shifted"], rel=1e-5)


def test_gift_divides_by_each_sequences_own_number_masked(case, tiny_llada):
    """The release's micro-batches of 1, whose losses are averaged; a denominator over the batch is another loss."""
    _, batch, draws = case
    mean = sum(LOSSES[f"gift_row{i}"] for i in range(4)) / 4
    assert value(tiny_llada, gift.select(tiny_llada, batch, draws)) == pytest.approx(mean, rel=1e-5)
    whole = value(tiny_llada, gift.select(tiny_llada, batch, draws, denominator="batch"))
    assert whole < 0.7 * mean


@pytest.mark.parametrize("denominator, share", [("sequence", 2 / 3), ("batch", 0.1)])
def test_gift_at_low_levels_by_denominator(denominator, share):
    """How much of the weight sequences below t = 0.1 carry, where all tokens are equally uncertain."""

    class Uniform:
        mask_id, chunk, training = 9, 10**6, False
        eval = train = lambda self, *_: self
        hidden_states = lambda self, ids, real: ids[..., None].float()  # noqa: E731
        head = lambda self, states: torch.zeros(len(states), 8)  # noqa: E731

    torch.manual_seed(0)
    count, length = 4000, 400
    batch = Batch(torch.zeros(count, length, dtype=torch.long), torch.zeros(count), torch.full((count,), length))
    t = (torch.arange(count) + 0.5) / count
    draws = GivenDraws(t, torch.rand(count, length))
    selection = gift.select(Uniform(), batch, draws, denominator=denominator)
    weight = (selection.weight * selection.kept).sum(1)
    assert (weight[t < 0.1].sum() / weight.sum()).item() == pytest.approx(share, abs=0.03)


@pytest.mark.parametrize(
    "name, settings",
    [
        ("easy", {"components": ["easy"]}),
        ("hard", {"components": ["hard"]}),
        ("easy_single_pass", {"components": ["easy"], "single_pass": True}),
        ("hard_single_pass", {"components": ["hard"], "single_pass": True}),
        ("easy_no_time_scaling", {"components": ["easy"], "time_scaling": False}),
    ],
)
def test_lift(case, tiny_llada, name, settings):
    g, batch, draws = case
    selection = lift.select(tiny_llada, batch, draws, **settings)
    assert torch.equal(loss_sum(tiny_llada, selection)[2], g[f"kept_{name}"])
    if settings.get("single_pass"):
        assert torch.equal(selection.noisy, g["noisy_lift"])
    assert value(tiny_llada, selection) == pytest.approx(LOSSES[name], rel=1e-5)


@pytest.mark.parametrize("components", [["easy", "random", "hard"], ["hard"]])
def test_a_single_pass_is_one_pass(case, tiny_llada, components):
    """It keeps and weights what two passes would, with the gradient of what is kept alone."""
    _, batch, draws = case
    passes = []
    handle = tiny_llada.register_forward_hook(lambda model, given, losses: passes.append(given[0]))
    settings = {"components": components, "complementary": True}
    two, one = (lift.select(tiny_llada, batch, draws, **settings, single_pass=single) for single in (False, True))
    scoring = len(passes)
    _, losses, kept = loss_sum(tiny_llada, one)
    handle.remove()
    assert (scoring, len(passes)) == (1, 2)  # of two passes the scoring one; of one the one with the loss
    assert torch.equal(kept, two.kept)
    assert not (kept & ~one.kept).any()
    assert one.counts == two.counts
    assert sum(one.counts.values()) == len(batch.input_ids)  # a sequence of two views once
    tiny_llada.network.requires_grad_(True)
    every = tiny_llada(one.noisy, kept, one.clean, one.real)
    weighted = (every * one.weight[kept].to(every.dtype)).sum()
    assert torch.equal(losses, every.detach())
    head = tiny_llada.network.lm_head.weight
    (ours,), (plain,) = (torch.autograd.grad(loss, head) for loss in (loss_sum(tiny_llada, one)[0], weighted))
    tiny_llada.network.requires_grad_(False)
    torch.testing.assert_close(ours, plain)


def release_cut(g, mask_id):
    """What the release names as random choice: each row cut from an unsorted top-k of the row that keeps most."""
    masked = g["noisy_lift"] == mask_id
    keep = (masked.sum(1) * g["t_prime"] / (g["t_prime"] + g["rho"])).round().long()
    unsorted = g["random_scores"].masked_fill(~masked, -1.0).topk(int(keep.max()), dim=1, sorted=False).indices
    cut = torch.arange(unsorted.shape[1]) < keep[:, None]
    return torch.zeros_like(masked).scatter_(1, unsorted, cut), keep


def test_lift_random(case, tiny_llada):
    """In the release only the row that keeps most is chosen by score; we choose every row so."""
    g, batch, draws = case
    selection = lift.select(tiny_llada, batch, draws, components=["random"])
    named, keep = release_cut(g, tiny_llada.mask_id)
    assert torch.equal(named & (g["noisy_lift"] == tiny_llada.mask_id), g["kept_random"])
    assert torch.equal(selection.kept.sum(1), keep)
    assert torch.equal(selection.kept[keep.argmax()], g["kept_random"][keep.argmax()])


def test_lift_random_loss(case, tiny_llada):
    """Both views over the release's choice; its second view leaves out all that its unsorted top-k named."""
    g, batch, _ = case
    component = torch.zeros(4, dtype=torch.long)
    first = lift.views(tiny_llada, batch, g["kept_random"], g["t_prime"], component)
    loss = value(tiny_llada, first)
    assert loss == pytest.approx(LOSSES["random"], rel=1e-5)

    named, _ = release_cut(g, tiny_llada.mask_id)
    both = lift.views(tiny_llada, batch, named, g["t_prime"], component, complementary=True)
    rows = {name: getattr(both, name)[4:] for name in ("noisy", "clean", "kept", "weight", "level")}
    loss += value(tiny_llada, replace(both, **rows))
    assert loss == pytest.approx(LOSSES["random_complementary"], rel=1e-5)


@pytest.mark.parametrize("name, components", [("lift2", ["easy", "hard"]), ("lift3", ["easy", "random", "hard"])])
def test_component_by_level(golden, name, components):
    g = golden("objectives")
    grid = g["component_grid"]
    chosen = lift.choose_component(grid, torch.zeros_like(grid), components, "time", 3.0)
    assert torch.equal(chosen, g[f"component_time_{name}"])


def test_settings_are_declared():
    assert set(registry.settings("objective")) == {"vanilla", "cart", "gift", "lift"}
    assert registry.settings("objective")["lift"]["random_weight"] == 3.0


@pytest.mark.parametrize("t, name", [(0.4997, "easy"), (0.4994, "hard")])
def test_the_component_follows_the_level_that_is_masked(case, tiny_llada, t, name):
    """t' = 0.999 t + 0.001 decides, as in the release: at t = 0.4997 it is above a half."""
    _, batch, draws = case
    draws = replace(draws, t=torch.full((4,), t))
    selection = lift.select(tiny_llada, batch, draws, components=["easy", "hard"])
    assert selection.counts == dict.fromkeys(lift.COMPONENTS, 0) | {name: 4}
