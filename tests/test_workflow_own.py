"""A method, a benchmark, a metric and a model family of one's own: a file or a line each, an entry, and an answer."""

import json
import subprocess
import sys

import pytest

from lift import tidy
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
SUMS = '''
"""Sums of two numbers."""

GRADER = "number"
METRIC = "rounded"


def problems(*, size: int = 3):
    return [{"id": i, "prompt": f"compute {i + 1} + 2 .", "answer": str(i + 3)} for i in range(size)]
'''
CONFIG = SMOKE | {
    "seeds": [0, 1],
    "models": {"mine": SMOKE["models"]["tiny-llada"] | {"family": "mine"}},
    "methods": SMOKE["methods"] | {"coin": {"objective": "coin", "share": 0.25}},
    "benchmarks": {"mini-gsm": SMOKE["benchmarks"]["mini-gsm"], "sums": {"decoder": "greedy", "size": 4}},
}


@pytest.fixture(scope="module")
def checkout(tmp_path_factory):
    checkout = Checkout(tmp_path_factory.mktemp("own"), CONFIG)
    (checkout.folder / "lift/finetune/objectives/coin.py").write_text(COIN)
    (checkout.folder / "lift/data/benchmarks/sums.py").write_text(SUMS)
    scores = checkout.folder / "lift/scores/problem_scores.py"
    ours = 'METRICS = {"rounded": lambda grades, k: {"rounded": _accuracy(grades, k)["accuracy"].round()},'
    scores.write_text(scores.read_text().replace("METRICS = {", ours))
    families = checkout.folder / "lift/models/families.py"
    families.write_text(families.read_text() + 'FAMILIES["mine"] = FAMILIES["llada"]\n')
    result = checkout.run("--config", "only=coin")
    assert result.returncode == 0, result.stdout + result.stderr
    checkout.output = result.stdout
    return checkout


def test_only_it_and_the_reference_run_and_are_compared(checkout):
    assert {path.name for path in (checkout.results / "runs/mine").iterdir()} == {"sft", "coin"}
    _, _, differences = checkout.output.partition("Differences over the same problems")
    rows = [[cell.strip() for cell in line.split("|")] for line in differences.splitlines() if "| sft " in line]
    assert {(row[3], row[4]) for row in rows} == {("base", "sft"), ("coin", "sft")}  # method, reference


def test_what_it_counts_is_logged_and_its_draws_are_its_own(checkout):
    for seed in (0, 1):
        lines = (checkout.results / f"runs/mine/coin/seed{seed}/log.jsonl").read_text().splitlines()
        rows = [row for row in map(json.loads, lines) if "loss" in row]
        assert len(rows) == 2
        for row in rows:
            assert row["heads"] == row["masked_tokens"]
            assert 0.1 < row["heads"] / row["tosses"] < 0.4


def test_the_benchmark_and_the_metric_are_scored_and_explained(checkout):
    scores = tidy.read(checkout.results / "scores.csv")
    rows = scores[(scores["benchmark"] == "sums") & (scores["method"] == "coin")]
    assert {"rounded", "invalid_format", "truncated"} == set(rows["metric"])
    assert "sums (rounded, n=4)" in checkout.output
    command = [sys.executable, "-m", "lift", "explain", f"{CONFIG['experiment']}/main/mine/coin/sums"]
    found = subprocess.run(command, cwd=checkout.folder, capture_output=True, text=True)
    assert found.returncode == 0, found.stdout + found.stderr
    assert "metric rounded" in found.stdout


def test_the_family_is_that_of_the_checkpoint(checkout):
    config = json.loads((checkout.results / "models/mine/config.json").read_text())
    assert config["model_type"] == "mine"
