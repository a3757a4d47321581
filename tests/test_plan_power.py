"""What an experiment can find: against statsmodels, against sampling, and as a command."""

import math
import subprocess
import sys
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from statsmodels.stats.power import TTestPower

from lift.config import configuration
from lift.plan import planning, power
from lift.plan.power import Design
from lift.report import text
from lift.scores import claims
from lift.scores.comparisons import plain_average, prepare
from lift.scores.intervals import difference
from lift.scores.scores import by_method
from tests.conftest import ROOT
from tests.test_scores_comparisons import STATED, table

ONLY_SEEDS = Design((1.0,), (100,), (0.0,), (0.0,), 0.02**2, 1.0, 3)
MIXED = Design((0.5, 0.5), (200, 30), (0.01, 0.02), (0.05, 0.08), 0.01**2, 4.0, 3)


@pytest.mark.parametrize("seeds", [2, 4, 20])
def test_power_is_that_of_students_test_where_only_seeds_vary(seeds):
    for delta in (0.005, 0.01, 0.02):
        expected = TTestPower().power(delta / 0.02, seeds, 0.05, df=seeds - 1)
        assert power.power(delta, *ONLY_SEEDS.variance(seeds), 0.95) == pytest.approx(expected, abs=1e-6)


@pytest.mark.parametrize("seeds", [3, 10])
def test_the_smallest_difference_is_statsmodels(seeds):
    expected = TTestPower().solve_power(nobs=seeds, alpha=0.05, power=0.8)
    assert power.detectable(*ONLY_SEEDS.variance(seeds), 0.95) == pytest.approx(0.02 * expected, rel=1e-4)


def test_the_seeds_needed_are_statsmodels():
    needed = TTestPower().solve_power(effect_size=0.5, alpha=0.05, power=0.8)
    assert power.seeds_needed(ONLY_SEEDS, 0.01, 0.95) == math.ceil(needed)


def made(seeds=3, problems=80):
    every = table(sft=0.0, good=0.05, same=0.0, other=0.0)
    (methods,) = by_method(every).values()
    return prepare(methods, "good", "sft", plain_average(["task", "contest"]))


def test_put_together_again_the_variance_is_that_of_the_comparison():
    comparison = made()
    plan = power.design(comparison)
    variance, freedom = plan.variance(plan.seeds)
    found = difference(*comparison)
    half = power.stats.t.ppf(0.975, freedom) * math.sqrt(variance)
    assert half == pytest.approx((found.high - found.low) / 2)


def test_power_is_how_often_a_difference_is_found():
    """Students' differences with the degrees of freedom of the design."""
    variance, freedom = MIXED.variance(3)
    delta = power.detectable(variance, freedom, 0.99)
    rng = np.random.default_rng(0)
    errors = np.sqrt(variance * rng.chisquare(freedom, 40000) / freedom)
    found = delta + np.sqrt(variance) * rng.standard_normal(40000) > power.stats.t.ppf(0.995, freedom) * errors
    assert np.mean(found) == pytest.approx(0.8, abs=0.01)


def test_where_problems_add_less_than_chance_seeds_still_help():
    plan = replace(MIXED, by_problem=(-0.02, 0.001), by_seed=0.0)
    found = [power.detectable(*plan.variance(seeds), 0.99) for seeds in (3, 10, 100, 1000)]
    assert (np.diff(found) < 0).all()
    assert found[-1] < 0.005


@settings(deadline=None, max_examples=40)
@given(st.integers(2, 40), st.floats(0.5, 50), st.floats(0.9, 0.999))
def test_more_of_anything_finds_smaller_differences(seeds, times, level):
    here = power.detectable(*MIXED.variance(seeds, times), level)
    assert power.detectable(*MIXED.variance(seeds + 1, times), level) < here
    assert power.detectable(*MIXED.variance(seeds, 2 * times), level) < here
    assert power.detectable(*MIXED.variance(seeds, times), (1 + level) / 2) > here


def test_the_seeds_and_problems_needed_just_suffice():
    plan = replace(MIXED, by_seed=1e-6)
    seeds = power.seeds_needed(plan, 0.05, 0.99)
    assert power.detectable(*plan.variance(seeds), 0.99) <= 0.05 < power.detectable(*plan.variance(seeds - 1), 0.99)
    times = power.problems_needed(plan, 0.02, 0.99)
    assert power.detectable(*plan.variance(3, times), 0.99) == pytest.approx(0.02, rel=1e-2)


def test_what_seeds_or_problems_limit_no_number_of_the_other_helps():
    assert power.problems_needed(MIXED, 0.005, 0.99) is None
    assert power.seeds_needed(replace(MIXED, by_problem=(10.0, 10.0)), 0.02, 0.99) is None


def test_benchmarks_take_the_variances_of_their_namesakes_or_their_metric():
    plan = replace(MIXED, by_problem=(0.01, 0.02))
    sizes = {"task": ("accuracy", 50), "new": ("pass@k", 40), "cells": ("cell_accuracy", 10)}
    metrics = {"task": "accuracy", "contest": "pass@16"}
    carried = power.carried_over(plan, metrics, sizes, {"method": "a", "against": "b"}, 5)
    assert carried.by_problem == pytest.approx((0.01, 0.02, 0.015))
    assert (carried.problems, carried.seeds) == ((50, 40, 10), 5)
    assert carried.weights == pytest.approx((1 / 3,) * 3)


@pytest.fixture(scope="module")
def config():
    return configuration.load_config(ROOT / "config/study.yaml")


@pytest.fixture(scope="module")
def kept():
    return pd.read_parquet(ROOT / "docs/study/problem_scores.parquet")


def test_a_finished_run_finds_what_its_intervals_leave_room_for(config, kept, tmp_path):
    """About 1.2 times the half-width of the claim's interval: what the quantile and 80% come to."""
    found = power.table(STATED, config, tmp_path, kept).set_index("comparison")
    cases = claims.cases(STATED, kept, {})
    level = 1 - 0.05 / len([case for case in cases if case.made or "statistic" in case.comparison])
    for case in cases:
        if case.made:
            result = case.at(level)
            least = found.loc[claims.name_of(case.comparison), "finds"]
            assert 1.05 < least / ((result.high - result.low) / 2) < 1.4


def test_it_costs_what_the_plan_says(config, kept, tmp_path):
    found = power.table(STATED, config, tmp_path, kept)
    row = found[np.isfinite(found["seeds for 2 points"])].iloc[0]
    seeds, hours = row["seeds for 2 points"], row["hours of seeds for 2 points"]
    stages = planning.plan(config | {"seeds": list(range(int(seeds)))}, tmp_path).stages()
    assert hours == pytest.approx(stages[-1]["hours"])


def test_it_corrects_for_what_can_be_compared(config, kept, tmp_path):
    """Without contests, three levels of the statistics or a method, the others have less to correct for."""
    contests = {name: entry for name, entry in config["benchmarks"].items() if "contest" not in name}
    fewer = power.table(STATED, config | {"benchmarks": contests}, tmp_path, kept)
    assert "lift3 - sft, contests - others" not in set(fewer["comparison"])
    assert len(fewer) == len(power.table(STATED, config, tmp_path, kept)) - 1


def test_one_seed_tells_nothing_of_seeds(config, kept, tmp_path):
    found = power.table(STATED, config, tmp_path, kept[kept["seed"] == 0])
    assert found["finds"].isna().all()
    assert set(text.shown("power", found)["finds (points)"]) == {"-"}


def test_the_command_says_whose_variances_it_takes(tmp_path):
    command = [sys.executable, "-m", "lift", "power", "--config", ROOT / "config/paper.yaml"]
    made = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True)
    assert made.returncode == 0, made.stderr
    assert "docs/study/problem_scores.parquet" in made.stdout
    assert "lift3 - sft, contests - others" in made.stdout
    assert "GPU-hours" in made.stdout
    assert subprocess.run([*command, "--output", tmp_path], cwd=tmp_path).returncode == 0
    assert sorted(file.name for file in tmp_path.iterdir()) == ["power.csv", "power.md", "power.tex"]
    nothing = subprocess.run([*command, "--from", tmp_path], cwd=tmp_path, capture_output=True, text=True)
    assert nothing.returncode == 2
    assert "problem_scores.parquet is missing" in nothing.stderr
