"""The simulation behind the intervals, small: its answers are like those of the miniature, and the truth is covered."""

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from lift.scores.scores import by_method
from lift.scores.seed_variance import of_pairs
from tests.conftest import ROOT


@pytest.fixture
def simulation(monkeypatch):
    monkeypatch.syspath_prepend(ROOT / "perf")
    import intervals

    return intervals


@pytest.fixture
def benchmarks(simulation):
    return simulation.calibrate(simulation.CALIBRATION)


def test_simulated_answers_are_like_those_they_are_calibrated_to(simulation, benchmarks):
    """Means, and the variances that a comparison is made of, on many times the problems."""
    (methods,) = (place for place in by_method(pd.read_parquet(simulation.CALIBRATION)).values() if "sft" in place)
    names = [name for name in methods if name not in ("base", "guess")]
    larger = [simulation.replace(one, problems=4000) for one in benchmarks]
    made = simulation.simulate(np.random.default_rng(0), larger, np.zeros((5, 3)))
    for one, simulated in zip(benchmarks, made, strict=True):
        real = np.stack([methods[name][one.name].values for name in names])
        assert simulated.mean() == pytest.approx(real.mean(), abs=0.03)
        assert real.mean() == pytest.approx(one.mean(0, 0), abs=1e-6)
        chance = [of_pairs([scores], [1.0]).chance[0] * scores.shape[2] for scores in (simulated, real)]
        assert chance[0] == pytest.approx(chance[1], rel=0.25)


def test_a_gain_and_a_spread_are_what_they_are_said_to_be(simulation, benchmarks):
    spread = simulation.latent_spread(benchmarks, 1.0)
    shift = simulation.latent_gain(benchmarks, spread, 0.02)
    runs = stats.norm.rvs(size=20000, scale=spread, random_state=0)
    scores = np.mean([stats.norm.cdf(one.threshold + runs) for one in benchmarks], axis=0)
    assert scores.std() == pytest.approx(0.01, rel=0.03)
    better = np.mean([stats.norm.cdf(one.threshold + shift + runs) for one in benchmarks], axis=0)
    assert better.mean() - scores.mean() == pytest.approx(0.02, rel=1e-2)


@pytest.mark.parametrize("seeds, points, half", [(3, 0.0, 2.5), (5, 0.0, 1.6), (10, 0.0, 1.1), (3, 1.0, None)])
def test_intervals_cover_the_truth_and_are_as_wide_as_they_should_be(simulation, benchmarks, seeds, points, half):
    tally = simulation.differences(benchmarks, seeds, 5, points, 150)
    assert tally.mean("covers") >= 0.95 - 3 * max(tally.error("covers"), 0.01)
    assert tally.mean("covers_corrected") >= simulation.CORRECTED - 3 * max(tally.error("covers_corrected"), 0.002)
    if half:
        assert 100 * tally.mean("half") == pytest.approx(half, rel=0.1)


def test_equal_methods_are_seldom_marked(simulation, benchmarks):
    tally = simulation.any_marked(benchmarks, 10, 5, 0.0, 60)
    assert tally.mean("any") <= 0.05 + 3 * np.sqrt(0.05 * 0.95 / 60)


def test_other_comparisons_and_scores_cover_the_truth(simulation, benchmarks):
    rows = pd.DataFrame(simulation.kinds_table(benchmarks, 40))
    assert set(rows["what"]) >= {"contests - others", "one contest", "average - base", "score: one contest"}
    covers = rows["95% covers"].str.split().str[0].astype(float)
    assert covers.groupby(rows["what"]).mean().min() >= 95 - 3 * 100 * np.sqrt(0.05 * 0.95 / 240)
