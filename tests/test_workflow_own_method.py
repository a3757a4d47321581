"""A method that draws random numbers of its own and counts something: one file and one entry, and an answer."""

import json

import pytest

from tests.checkout import SMOKE, Checkout

pytestmark = pytest.mark.dag

COIN = '''
"""Of what is masked, a coin says what is learnt."""

from lift.finetune.objectives import plain_selection
from lift.models.forward_process import mask_response, masking_probability

TOSS = 17


def select(model, batch, draws, *, share: float = 0.5):
    level = masking_probability(draws.t)
    masked = mask_response(batch, level, draws.mask)
    kept = masked & (draws.by_token(TOSS) < share)
    noisy = batch.input_ids.masked_fill(masked, model.mask_id)
    selection = plain_selection(batch, noisy, kept, (1 / level)[:, None].expand_as(draws.mask), level)
    selection.counts = {"heads": kept.sum(), "tosses": masked.sum()}
    return selection
'''
CONFIG = SMOKE | {
    "seeds": [0, 1],
    "models": {"tiny-llada": SMOKE["models"]["tiny-llada"]},
    "methods": SMOKE["methods"] | {"coin": {"objective": "coin", "share": 0.25}},
    "benchmarks": {"mini-gsm": SMOKE["benchmarks"]["mini-gsm"]},
}


@pytest.fixture(scope="module")
def checkout(tmp_path_factory):
    checkout = Checkout(tmp_path_factory.mktemp("own"), CONFIG)
    (checkout.folder / "lift/finetune/objectives/coin.py").write_text(COIN)
    result = checkout.run("--config", "only=coin")
    assert result.returncode == 0, result.stdout + result.stderr
    checkout.output = result.stdout
    return checkout


def test_only_it_and_the_reference_run_and_are_compared(checkout):
    assert {path.name for path in (checkout.results / "runs/tiny-llada").iterdir()} == {"sft", "coin"}
    _, _, differences = checkout.output.partition("Differences over the same problems")
    rows = [[cell.strip() for cell in line.split("|")] for line in differences.splitlines() if "| sft " in line]
    assert {(row[3], row[4]) for row in rows} == {("base", "sft"), ("coin", "sft")}  # method, reference


def test_what_it_counts_is_logged_and_its_draws_are_its_own(checkout):
    for seed in (0, 1):
        lines = (checkout.results / f"runs/tiny-llada/coin/seed{seed}/log.jsonl").read_text().splitlines()
        rows = [row for row in map(json.loads, lines) if "loss" in row]
        assert len(rows) == 2
        for row in rows:
            assert row["heads"] == row["masked_tokens"]
            assert 0.1 < row["heads"] / row["tosses"] < 0.4
