"""A method, a benchmark, a metric and a model family of one's own: a file or a line each, an entry, and an answer.

The experiment's names look like numbers, truths or missing values: in every file they are text.
"""

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
    "experiment": "1e5",
    "seeds": [0, 1],
    "models": {"null": SMOKE["models"]["tiny-llada"] | {"family": "mine"}},
    "corpora": {"007": {"source": "mini-traces", "size": 40, "held_out": 8}},
    "statistics": {"corpus": "007", "levels": [0.25, 0.84]},
    "training": SMOKE["training"] | {"corpus": "007"},
    "methods": {
        "NA": {"objective": "vanilla"},
        "true": {"objective": "coin", "share": 0.25},
        "lift3": {"objective": "lift"},
    },
    "decoders": {"16": SMOKE["decoders"]["greedy"], "17": SMOKE["decoders"]["sampled"]},
    "benchmarks": {
        "nan": {"source": "mini-gsm", "decoder": ["16"], "size": 4},
        "1e3": {"source": "mini-contest-a", "decoder": "17", "samples": 2, "size": 3},
        "sums": {"decoder": "16", "size": 4},
    },
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
    result = checkout.run("--config", "only=true")
    assert result.returncode == 0, result.stdout + result.stderr
    checkout.output = result.stdout
    return checkout


def test_only_it_and_the_reference_run_and_are_compared(checkout):
    assert {path.name for path in (checkout.results / "runs/null").iterdir()} == {"NA", "true"}
    _, _, differences = checkout.output.partition("Differences over the same problems")
    rows = [[cell.strip() for cell in line.split("|")] for line in differences.splitlines() if "| NA " in line]
    assert {(row[3], row[4]) for row in rows} == {("base", "NA"), ("true", "NA")}  # method, reference


def test_what_it_counts_is_logged_and_its_draws_are_its_own(checkout):
    for seed in (0, 1):
        lines = (checkout.results / f"runs/null/true/seed{seed}/log.jsonl").read_text().splitlines()
        rows = [row for row in map(json.loads, lines) if "loss" in row]
        assert len(rows) == 2
        for row in rows:
            assert row["heads"] == row["masked_tokens"]
            assert 0.1 < row["heads"] / row["tosses"] < 0.4


def test_the_benchmark_and_the_metric_are_scored_and_explained(checkout):
    scores = tidy.read(checkout.results / "scores.csv")
    rows = scores[(scores["benchmark"] == "sums") & (scores["method"] == "true")]
    assert {"rounded", "invalid_format", "truncated"} == set(rows["metric"])
    assert "sums (rounded, n=4)" in checkout.output
    command = [sys.executable, "-m", "lift", "explain", f"{CONFIG['experiment']}/main/null/true/sums"]
    found = subprocess.run(command, cwd=checkout.folder, capture_output=True, text=True)
    assert found.returncode == 0, found.stdout + found.stderr
    assert "metric rounded" in found.stdout


def test_the_family_is_that_of_the_checkpoint(checkout):
    config = json.loads((checkout.results / "models/null/config.json").read_text())
    assert config["model_type"] == "mine"


def test_every_row_has_its_name(checkout):
    main = tidy.read_text(checkout.results / "tables/main.csv")
    expected = [("none", "guess"), ("null", "base"), ("null", "NA"), ("null", "true")]
    rows = main[["model", "method"]].drop_duplicates()
    assert list(rows.itertuples(index=False, name=None)) == expected
    assert list(main["benchmark"].unique()) == ["nan", "1e3", "sums", "average"]
    assert "" not in main.drop(columns="verdict").to_numpy()
    decoders = tidy.read_text(checkout.results / "tables/decoders.csv")
    assert set(decoders["decoder"]) == {"16", "17"}
    cost = tidy.read_text(checkout.results / "figures/cost-null-48.csv")
    assert {"NA", "true"} <= set(cost["method"])
    comparisons = tidy.read(checkout.results / "comparisons.csv")
    assert set(comparisons["reference"]) == {"NA"}
    page = (checkout.results / "report.html").read_text()
    assert '"methods":["guess","base","NA","true"]' in page


def test_a_cell_is_explained_by_such_names(checkout):
    command = [sys.executable, "-m", "lift", "explain", "1e5/main/null/NA/nan"]
    result = subprocess.run(command, cwd=checkout.folder, capture_output=True, text=True, check=False)
    assert result.returncode == 0, result.stdout + result.stderr
    assert "grades/null/NA/seed{0,1}/16/nan.csv" in result.stdout


def test_the_base_is_decoded_once_a_sampling_seed_and_once_where_it_is_greedy(checkout):
    folder = checkout.results / "generations/null/base"
    answers = {str(path.relative_to(folder)) for path in folder.rglob("*.jsonl")}
    assert answers == {"seed0/16/nan.jsonl", "seed0/16/sums.jsonl", "seed0/17/1e3.jsonl", "seed1/17/1e3.jsonl"}
    texts = [(folder / f"seed{seed}/17/1e3.jsonl").read_text() for seed in (0, 1)]
    assert texts[0] != texts[1]
    scores = tidy.read(checkout.results / "scores.csv")
    base = scores[(scores["method"] == "base") & scores["metric"].isin(["accuracy", "pass@2", "mean"])]
    seeds = base.groupby("benchmark")["seed"].agg(list).to_dict()
    assert seeds == {"nan": ["-"], "1e3": ["0", "1", "all"], "average": ["all"]}
    by_seed = base[base["benchmark"] == "1e3"].set_index("seed")["value"]
    assert by_seed["all"] == pytest.approx((by_seed["0"] + by_seed["1"]) / 2)
    comparisons = tidy.read(checkout.results / "comparisons.csv")
    assert set(comparisons.loc[comparisons["method"] == "base", "seeds"]) == {2}


def test_an_explained_base_asks_for_no_answers_that_were_never_given(checkout):
    command = [sys.executable, "-m", "lift", "explain", "1e5/main/null/base/average"]
    result = subprocess.run(command, cwd=checkout.folder, capture_output=True, text=True, check=False)
    assert result.returncode == 0, result.stdout + result.stderr
    assert "missing" not in result.stdout
    assert "cannot be read" not in result.stdout
