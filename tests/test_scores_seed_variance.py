"""What changes from seed to seed, pooled over methods: against statsmodels' analysis of variance, and sampling."""

import re

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats
from statsmodels.formula.api import ols
from statsmodels.stats.anova import anova_lm

from lift.scores.intervals import difference, estimate
from lift.scores.seed_variance import cochran, of_pairs, of_single, residuals
from tests.conftest import ROOT


def frame(scores):
    """(methods, seeds, problems) as a long table."""
    m, s, i = np.indices(scores.shape).reshape(3, -1)
    return pd.DataFrame({"m": m, "s": s, "i": i, "y": scores.ravel()})


@pytest.fixture
def scores():
    return np.random.default_rng(0).uniform(size=(4, 3, 6))


def test_pairs_have_twice_the_mean_squares_of_statsmodels(scores):
    found = of_pairs([scores], [1.0])
    means = frame(scores).groupby(["m", "s"], as_index=False)["y"].mean()
    two_way = anova_lm(ols("y ~ C(m) + C(s)", means).fit())
    assert found.value == pytest.approx(2 * two_way.loc["Residual", "mean_sq"])
    assert found.freedom == two_way.loc["Residual", "df"]
    three_way = anova_lm(ols("y ~ C(m)*C(s) + C(m)*C(i) + C(s)*C(i)", frame(scores)).fit())
    assert found.chance == pytest.approx([2 * three_way.loc["Residual", "mean_sq"] / 6])


def test_a_method_by_itself_has_the_mean_of_the_variances_over_seeds(scores):
    found = of_single([scores], [1.0])
    runs = scores.mean(2)
    assert found.value == pytest.approx(runs.var(axis=1, ddof=1).mean())
    by_method = [
        anova_lm(ols("y ~ C(s) + C(i)", frame(part[None])).fit()).loc["Residual", "mean_sq"] for part in scores
    ]
    assert found.chance == pytest.approx([np.mean(by_method) / 6])
    assert 2 <= found.freedom <= 8


def test_freedom_of_a_method_by_itself_falls_where_seeds_do_the_same_to_all():
    rng = np.random.default_rng(1)
    own, shared = rng.normal(size=(2, 6, 4))
    apart = own[..., None] + np.zeros((6, 4, 5))
    together = apart + 100 * shared[:1, :, None]
    assert of_single([together], [1.0]).freedom == pytest.approx(3, abs=0.1)
    assert of_single([apart], [1.0]).freedom > 8
    assert of_pairs([together], [1.0]).value == pytest.approx(of_pairs([apart], [1.0]).value)


def test_two_methods_have_their_own_variance(scores):
    pair = scores[:2]
    found = of_pairs([pair], [1.0])
    assert found.value == pytest.approx((pair[0] - pair[1]).mean(1).var(ddof=1))
    assert found.freedom == 2
    assert np.isnan(found.p)


def test_benchmarks_share_their_seeds(scores):
    """What runs gain on one benchmark and lose on another does not change their average."""
    effect = np.array([-1.0, 0.0, 1.0])[:, None] * np.array([1, -1, 2, 3])[:, None, None]
    both = of_pairs([scores + effect, scores - effect], [0.5, 0.5])
    assert both.value == pytest.approx(of_pairs([scores, scores], [0.5, 0.5]).value)
    assert of_pairs([scores + effect], [1.0]).value > 10 * both.value


@settings(deadline=None, max_examples=60)
@given(st.integers(2, 6), st.integers(2, 6), st.integers(2, 30), st.floats(0, 1), st.integers(0, 10**6))
def test_the_freedom_is_never_below_what_was_pooled(methods, seeds, problems, spread, start):
    rng = np.random.default_rng(start)
    scores = (rng.random((methods, seeds, problems)) + spread * rng.normal(size=(methods, seeds, 1)) < 0.5).astype(
        float
    )
    seed = of_pairs([scores], [1.0])
    part = scores[0] - scores[1]
    found = estimate([part], [1.0], seed, (-1.0, 1.0))
    assert found.freedom >= min(seed.settled([part], [1.0]).freedom, problems - 1)
    assert found.variance > 0


def test_the_example_by_hand_is_right():
    """Of docs/uncertainty.md."""
    page = (ROOT / "docs/uncertainty.md").read_text().partition("## By hand")[2]
    lines = [line for line in page.splitlines() if re.fullmatch(r"[ ABC]*([01]{8}[ ABC]*){3}", line)]
    scores = np.array([[[int(c) for c in word] for word in re.findall("[01]{8}", line)] for line in lines])
    scores = scores.transpose(1, 0, 2)  # (methods, seeds, problems)
    assert scores.sum(2).tolist() == [[8, 7, 4], [5, 5, 6], [6, 4, 6]]
    seed, part = of_pairs([scores], [1.0]), scores[0] - scores[1]
    result = difference([part], [1.0], seed)
    found = estimate([part], [1.0], seed, (-1.0, 1.0))
    problems = part.mean(0).var(ddof=1) / 8
    for value in (f"B = 5/64 = {seed.value:.4f}", f"C = {seed.chance[0]:.4f}", f"by 8, of {problems:.4f}"):
        assert value in page
    for value in (f"= {found.variance:.4f} ", f"= {found.freedom:.1f} ", f"p = {seed.p:.2f}"):
        assert value in page
    assert f"by 12.5 points, from {100 * result.low:.1f} to {100 * result.high:+.1f}" in page


# ---- equal variances


def by_sampling(methods, seeds, spreads, count=4000):
    rng = np.random.default_rng(0)
    tables = np.array(spreads)[:, None] * rng.standard_normal((count, methods, seeds))
    return np.array([cochran(residuals(table, (0, 1))) for table in tables])


@pytest.mark.parametrize("methods, seeds", [(3, 3), (5, 3), (5, 10), (20, 5)])
def test_equal_variances_are_seldom_called_unequal(methods, seeds):
    p = by_sampling(methods, seeds, [1.0] * methods)
    for level in (0.01, 0.05):
        assert np.mean(p < level) <= level + 3 * np.sqrt(level / len(p))
    assert np.mean(p < 0.05) > 0.03  # Bonferroni's bound is close


def test_one_method_that_spreads_far_is_seen():
    assert np.mean(by_sampling(5, 10, [1, 1, 1, 1, 4], 300) < 0.05) > 0.9


def test_a_methods_share_of_all_residuals_is_beta():
    rng = np.random.default_rng(0)
    tables = rng.standard_normal((20000, 5, 4))
    squares = (residuals(tables, (1, 2)) ** 2).sum(2)
    share = squares[:, 0] / squares.sum(1) * 5 / 4
    assert stats.kstest(share, stats.beta(3 / 2, 9 / 2).cdf).pvalue > 0.01


def test_a_single_changed_answer_is_not_called_unequal():
    scores = np.zeros((5, 3, 30))
    scores[:, :, :10] = 1
    scores[2, 1, 4] = 0
    assert not of_pairs([scores], [1.0]).unequal
    assert cochran(residuals(scores.mean(2), (0, 1))) < 1e-6


def test_where_variances_differ_a_comparison_has_its_own_drawn_to_the_pooled():
    rng = np.random.default_rng(0)
    spread = np.array([0.3, *[0.01] * 5])[:, None, None]
    scores = 0.5 + spread * rng.normal(size=(6, 10, 1)) + 0.01 * rng.normal(size=(6, 10, 40))
    seed = of_pairs([scores], [1.0])
    assert seed.unequal
    assert "unequal" in seed.describe()
    wild, calm = (scores[first] - scores[first + 1] for first in (0, 2))
    far, near = (seed.settled([part], [1.0]) for part in (wild, calm))
    own = wild.mean(1).var(ddof=1)
    assert seed.value < far.value < own
    assert calm.mean(1).var(ddof=1) < near.value < seed.value
    assert far.freedom == 11
    assert estimate([wild], [1.0], seed, (-1, 1)).variance > 3 * estimate([calm], [1.0], seed, (-1, 1)).variance
