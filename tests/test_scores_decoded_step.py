"""A row whose weights are the untouched base's says so, wherever it stands."""

import json

import pandas as pd
import pytest

from lift.report import tables
from lift.report.figures import scores as figure
from lift.report.figures.style import method_marks
from lift.report.page import cells
from lift.scores import claims
from lift.scores.comparisons import compare
from lift.scores.decoded_step import decoded_step, say
from lift.scores.problem_scores import problem_table
from lift.scores.run_records import decoded_steps
from lift.scores.scores import score_rows
from tests.test_scores import OWN, PLAN, write

METHODS = ["base", "sft", "gift"]
STEPS = {("m", "gift", 0): 0, ("m", "gift", 1): 0, ("m", "sft", 0): 90, ("m", "sft", 1): 0, ("m", "base", 0): None}
SAID = {"gift": "the base", "sft": "90; the base in 1 of 2 seeds", "base": "-"}


@pytest.mark.parametrize(
    "steps, text",
    [
        ([], "-"),
        ([None], "-"),
        ([120], "120"),
        ([120, 120, 120], "120"),
        ([90, 120, 30], "30 to 120"),
        ([0], "the base"),
        ([0, 0, 0], "the base"),
        ([0, 90, 120], "90 to 120; the base in 1 of 3 seeds"),
    ],
)
def test_steps_are_said(steps, text):
    assert say(steps) == text


def test_the_step_is_that_of_the_run_record(tmp_path):
    assert decoded_step(None) is None
    assert decoded_step(tmp_path / "best") is None
    (tmp_path / "run.json").write_text(json.dumps({"best_step": 0, "steps": 120}))
    assert decoded_step(tmp_path / "best") == 0
    assert decoded_step(tmp_path / "last") == 120


def test_steps_come_from_the_records_of_decoding(tmp_path):
    folder = tmp_path / "generations/m/gift/seed1"
    folder.mkdir(parents=True)
    (folder / "run.json").write_text(json.dumps({"weights": "abc", "step": 0}))
    other = tmp_path / "runs/m/gift/seed1"
    other.mkdir(parents=True)
    (other / "run.json").write_text(json.dumps({"steps": 120, "best_step": 0}))
    assert decoded_steps([folder / "run.json", other / "run.json"]) == {("m", "gift", 1): 0}


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """scores.csv and problem scores of a method whose seeds are the base's, and of one of which one is."""
    files = []
    for method, seeds in (("base", [0]), ("sft", [0, 1]), ("gift", [0, 1])):
        for seed in seeds:
            where = (tmp_path_factory.getbasetemp() / "steps", "m", method, seed)
            files += [
                write(*where, "greedy", "gsm8k", [1, 0, 1, seed]),
                write(*where, "greedy", "sudoku", [1, 0], correct_cells=[4, 2], empty_cells=4, valid=[1, 1]),
                write(*where, "sampled", "aime24", [0, 0, 1, 0], samples=2),
            ]
    problems = problem_table(files, PLAN, STEPS, {})
    return pd.DataFrame(score_rows(problems, PLAN)).assign(experiment="e"), problems


def test_every_table_says_so(made):
    scores, problems = made
    comparisons = compare(problems, ["gift"], [])
    decoders = {name: list(plan["decoders"]) for name, plan in PLAN.items()}
    costs = [
        {"stage": "decode", "model": "m", "method": method, "seed": "0", "benchmark": "gsm8k", "decoder": "greedy"}
        | {"answers": 4, "nfe": 16, "tokens": 80, "seconds": 2.0}
        for method in METHODS
    ]
    published = pd.DataFrame(
        [
            {"value": 70.0, "model": "hub/m", "method": method, "benchmark": "gsm8k", "length": 32}
            | {"metric": "accuracy", "source": "a paper"}
            for method in METHODS
        ]
    )
    sources = {name: name for name in PLAN}
    own = tables.own_scores(scores, OWN)
    found = {
        "main": tables.main_table(scores, OWN, METHODS, comparisons),
        "pass_at_k": tables.pass_table(scores, METHODS),
        "format": tables.format_table(scores, OWN, METHODS),
        "decoders": tables.decoder_table(scores, pd.DataFrame(costs), OWN, decoders, METHODS),
        "reported": tables.reported_table(own, published, {"m": "hub/m"}, sources, METHODS),
        "comparisons": tables.comparison_table(comparisons, METHODS, list(OWN)),
    }
    for name, table in found.items():
        said = table.groupby("method")["step"].unique().map(list).to_dict()
        assert said == {method: [SAID[method]] for method in said}, name
        assert said, name
    assert set(found["comparisons"]["reference step"]) == {"the base"}


def test_claims_and_figures_say_so(made):
    scores, problems = made
    comparison = {"method": "sft", "against": "gift", "expect": "above"}
    claim = {"says": "x", "where": "y", "comparisons": [comparison, comparison | {"against": "base"}]}
    stated = claims.Claims({"a": claim})
    notes = claims.decide(stated, claims.cases(stated, problems, {}))["note"].tolist()
    assert notes[0] == "sft is 90; the base in 1 of 2 seeds; gift is the base"
    data = figure.data(scores[scores["seed"].isin(["all", "-"])], OWN, METHODS)
    labels = [label.get_text() for label in figure.draw(data, method_marks(METHODS, [])).axes[0].get_yticklabels()]
    assert labels == ["base", "sft (the base)", "gift (the base)"]


def test_the_page_shows_the_column(made):
    scores, _ = made
    none = pd.DataFrame(columns=["model", "method", "benchmark", "gen_length", "verdict"])
    index = {"runs": [], "benchmarks": {}, "methods": METHODS, "models": ["m"]}
    made = cells.main_table(tables.main_table(scores, OWN, METHODS, none), None, index, {})
    shown = pd.DataFrame(made["rows"], columns=made["columns"])
    assert dict(zip(shown["method"], shown["step"], strict=True)) == SAID
