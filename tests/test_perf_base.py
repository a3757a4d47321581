"""How the aims of the miniature's base are read from scores."""

import pandas as pd
import pytest

from tests.conftest import ROOT


@pytest.fixture
def base(monkeypatch):
    monkeypatch.syspath_prepend(ROOT / "perf")
    import base

    return base


def scores_of(values: dict[tuple[str, str], dict[str, float]]) -> pd.DataFrame:
    """A row a (method, seed) and benchmark; every interval reaches 0.05 to both sides."""
    return pd.DataFrame(
        {"method": method, "seed": seed, "benchmark": benchmark, "metric": "accuracy", "value": value}
        | {"ci_low": value - 0.05, "ci_high": value + 0.05}
        for (method, seed), scores in values.items()
        for benchmark, value in scores.items()
    )


def test_what_the_base_misses_is_said_in_points(base):
    tested = dict.fromkeys(base.TASKS, 0.3) | {"mini-sudoku": 0.72, "mini-countdown": 0.455, "mini-math": 0.5}
    table = base.score_rows(
        scores_of({("base", "all"): tested | {"lowest-gsm": 0.79}, ("guess", "-"): dict.fromkeys(base.TASKS, 0.26)})
    )
    met = {row["what"]: row["met"] for row in table}
    assert met["base, lowest-gsm (accuracy)"] == "no, by 1.0"
    assert met["base, mini-sudoku (accuracy)"] == met["base, mini-math (accuracy)"] == "yes"
    assert met["base, mini-countdown (accuracy)"] == "no, by 4.5"
    assert met["base's lower end, mini-sudoku"] == "yes"
    assert met["base's lower end, mini-gsm"] == "no, by 1.0"
    assert len(table) == 7 + 6


def test_moves_are_of_the_tested_benchmarks_alone(base):
    low = dict.fromkeys(base.TASKS, 0.3)
    up = low | {"mini-math": 0.6}
    moved = base.moves(
        scores_of(
            {
                ("base", "all"): {"mini-contest-a": 0.3, "mini-contest-b": 0.3},
                ("base", "-"): {name: 0.3 for name in base.TASKS if "contest" not in name} | {"lowest-gsm": 0.9},
                ("slow", "0"): low | {"lowest-gsm": 0.1},
                ("slow", "1"): low | {"lowest-gsm": 0.1},
                ("sft", "0"): up | {"lowest-gsm": 0.1},
                ("sft", "1"): up | {"mini-gsm": 0.5, "lowest-gsm": 0.1},
            }
        )
    )
    rows = {row["what"]: row for row in base.move_rows(moved)}
    assert moved.loc["slow"].tolist() == pytest.approx([0, 0])
    assert moved.loc["sft"].tolist() == pytest.approx([5, 5 + 20 / 6])
    assert rows["most: sft"]["met"] == "yes"
    assert rows["seeds of sft apart"]["met"] == "no, by 0.3"


def test_a_fall_counts_as_a_move(base):
    moved = pd.DataFrame({"0": [-7.0, 1.0], "1": [-6.0, 1.0]}, index=["sft", "slow"])
    assert [row["met"] for row in base.move_rows(moved)] == ["-", "-", "yes", "yes"]


def test_fading_is_met_where_the_interval_leaves_out_zero(base):
    claims = pd.DataFrame(
        {"claim": ["rare-tokens-fade"] * 2 + ["other"], "comparison": list("abc")}
        | {"difference": [0.141, 0.01, None], "ci_low": [0.057, -0.01, None], "ci_high": [0.225, 0.03, None]}
        | {"verdict": ["held", "undecided", "held"]}
    )
    assert [(row["what"], row["met"]) for row in base.fade_rows(claims)] == [("a", "yes"), ("b", "no")]


def test_each_method_is_read_by_seed_and_the_base_over_all(base):
    values = {("base", "0"): 0.1, ("base", "all"): 0.2, ("sft", "0"): 0.3, ("sft", "all"): 0.4, ("guess", "0"): 0.5}
    together, by_seed = base.seeds_apart(scores_of({key: {"mini-contest-a": value} for key, value in values.items()}))
    assert together["value"].tolist() == [0.2, 0.4, 0.5]
    assert by_seed["value"].tolist() == [0.2, 0.3]
