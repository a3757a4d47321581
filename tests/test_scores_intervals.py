"""Intervals and pass@k against brute force, scipy, statsmodels, and repeated sampling from a known model."""

import itertools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from scipy import stats
from statsmodels.stats.multitest import multipletests
from statsmodels.stats.proportion import proportion_confint

from lift.scores.intervals import difference, estimate, holm, score_interval, wilson
from lift.scores.problem_scores import pass_at_k
from lift.scores.seed_variance import of_pairs, of_single

scores = st.one_of(st.floats(0, 1), st.sampled_from([0.0, 1.0]))


def tables(seeds, problems, elements=scores):
    """Scores (seeds, problems)."""
    return st.tuples(seeds, problems).flatmap(lambda shape: arrays(float, shape, elements=elements))


def average_interval(parts):
    """Of one method by itself: nothing to pool its seeds with."""
    weights = [1 / len(parts)] * len(parts)
    return score_interval(parts, of_single([part[None] for part in parts], weights) if len(parts[0]) > 1 else None)[:3]


def interval(values):
    return average_interval([values])


def apart(parts, weights, level=0.95):
    """The difference of two methods by themselves: nothing to pool it with."""
    own = [np.stack([part, np.zeros_like(part)]) for part in parts]
    return difference(parts, weights, of_pairs(own, weights) if len(parts[0]) > 1 else None, level)


def by_problems_alone(values):
    """Variance of the mean by that of the problems' means."""
    means = values.mean(0)
    return means.var(ddof=1) / len(means)


@pytest.mark.parametrize("samples", range(1, 8))
def test_pass_at_k_is_the_share_of_subsets_with_a_right_answer(samples):
    for right, k in itertools.product(range(samples + 1), range(1, samples + 1)):
        answers = [1] * right + [0] * (samples - right)
        expected = np.mean([any(subset) for subset in itertools.combinations(answers, k)])
        assert pass_at_k(np.array([right]), samples, k) == pytest.approx([expected])


def test_pass_at_k_is_by_problem():
    assert pass_at_k(np.array([0, 4, 16]), 16, 1) == pytest.approx([0, 0.25, 1])
    assert pass_at_k(np.array([0, 1, 16]), 16, 16).tolist() == [0, 1, 1]


@pytest.mark.parametrize("right, n", [(0, 1), (1, 1), (0, 30), (30, 30), (1, 30), (13, 200), (199, 200)])
def test_wilson_is_scipys(right, n):
    expected = stats.binomtest(right, n).proportion_ci(method="wilson")
    assert wilson(right / n, n) == pytest.approx((expected.low, expected.high))


@pytest.mark.parametrize("right", [0, 1, 77, 200])
def test_one_seed_of_right_and_wrong_gives_wilsons_interval(right):
    values = np.zeros((1, 200))
    values[0, :right] = 1
    assert interval(values) == pytest.approx((right / 200, *wilson(right / 200, 200)))


def test_one_seed_of_shares_gives_the_t_interval_of_the_problems():
    """Nearly: Wilson's way keeps it between 0 and 1."""
    values = np.random.default_rng(0).uniform(0.2, 0.9, (1, 400))
    expected = stats.t.interval(0.95, 399, values.mean(), stats.sem(values[0]))
    assert interval(values) == pytest.approx((values.mean(), *expected), abs=1e-3)


@pytest.mark.parametrize("right", [3, 30])
def test_seeds_give_wilsons_interval_of_the_effective_number_of_problems(right):
    """The same answers with every seed: as many trials as problems. Statsmodels has Wilson's interval as well."""
    values = np.zeros((3, 4000))
    values[:, :right] = 1
    expected = proportion_confint(right, 4000, method="wilson")
    assert interval(values)[1:] == pytest.approx(expected, rel=5e-3)


@pytest.mark.parametrize("right", [0, 1])
def test_a_share_near_zero_whose_seeds_differ_is_no_wider_than_with_as_many_trials(right):
    """One run of three solved a problem or two: the few degrees of freedom of seeds say nothing about the trials."""
    values = np.zeros((3, 30))
    values[0, : 1 + right] = 1
    mean, low, high = interval(values)
    assert (low, high) == pytest.approx(wilson(mean, 30))
    assert high < wilson(2 / 30, 30)[1]


@pytest.mark.parametrize("shape", [(1, 30), (3, 30), (3, 1)])
@pytest.mark.parametrize("value", [0.0, 0.4, 1.0])
def test_constant_scores_do_not_give_certainty(shape, value):
    mean, low, high = interval(np.full(shape, value))
    assert mean == pytest.approx(value)
    assert (low, high) == pytest.approx(wilson(value, shape[1]))
    assert high - low > 0.05


@settings(deadline=None, max_examples=80)
@given(tables(st.integers(1, 5), st.integers(1, 20)))
def test_interval_holds_the_mean_and_stays_within_bounds(values):
    mean, low, high = interval(values)
    assert mean == pytest.approx(values.mean())
    assert 0 <= low <= mean + 1e-9
    assert mean - 1e-9 <= high <= 1


@settings(deadline=None, max_examples=80)
@given(tables(st.integers(2, 5), st.integers(10, 40)))
def test_the_variance_is_never_less_than_that_of_the_problems_alone(values):
    found = estimate([values], [1.0], of_single([values[None]], [1.0]), (0.0, 1.0))
    assert found.variance >= by_problems_alone(values) * (1 - 1e-9)
    assert found.freedom >= len(values) - 1


def test_seeds_that_differ_widen_the_interval():
    rng = np.random.default_rng(0)
    same = 0.5 + 0.1 * rng.standard_normal(100) + 0.05 * rng.standard_normal((3, 100))
    apart = same + np.array([[-0.1], [0.0], [0.1]])
    _, low, high = interval(apart)
    _, expected_low, expected_high = interval(same)
    assert high - low > 3 * (expected_high - expected_low)


@pytest.mark.parametrize("seeds", [3, 10])
def test_chance_is_not_counted_twice(seeds):
    """Where seeds differ by chance alone, the variance is mostly that of the problems."""
    rng, ratios = np.random.default_rng(0), []
    for _ in range(100):
        values = right_or_wrong(rng, seeds, 200, 0.0)
        found = estimate([values], [1.0], of_single([values[None]], [1.0]), (0.0, 1.0))
        ratios.append(found.variance / by_problems_alone(values))
    assert 1 <= np.median(ratios) < 1.02
    assert np.mean(ratios) < 1.25


def test_interval_does_not_depend_on_the_order_of_seeds_and_problems():
    rng = np.random.default_rng(0)
    values = rng.uniform(size=(3, 20))
    shuffled = values[rng.permutation(3)][:, rng.permutation(20)]
    assert interval(shuffled) == pytest.approx(interval(values))


def normal(rng, seeds, problems, seed_effect, mean=0.5):
    """Scores of the two-way model: a mean, a problem's effect, a seed's effect, and chance."""
    by_problem, by_seed = 0.12 * rng.standard_normal(problems), seed_effect * rng.standard_normal((seeds, 1))
    return mean + by_problem + by_seed + 0.1 * rng.standard_normal((seeds, problems))


def right_or_wrong(rng, seeds, problems, seed_effect):
    """Answers that are right by the chance that problem and seed give; half of them are, on average."""
    chance = 0.5 + rng.uniform(-0.4, 0.4, problems) + seed_effect * rng.uniform(-1, 1, (seeds, 1))
    return (rng.random((seeds, problems)) < chance).astype(float)


@pytest.mark.parametrize("model", [normal, right_or_wrong])
@pytest.mark.parametrize(
    "seeds, problems, seed_effect", [(1, 200, 0.0), (3, 200, 0.0), (3, 200, 0.01), (3, 60, 0.04), (5, 100, 0.02)]
)
def test_interval_covers_the_true_mean(model, seeds, problems, seed_effect):
    rng = np.random.default_rng(0)
    found = [interval(model(rng, seeds, problems, seed_effect)) for _ in range(400)]
    assert 0.92 < np.mean([low <= 0.5 <= high for _, low, high in found]) < 0.995


@pytest.mark.parametrize("seeds, seed_effect", [(1, 0.0), (3, 0.0), (3, 0.02), (5, 0.02)])
def test_average_interval_covers_the_true_mean(seeds, seed_effect):
    """Three benchmarks of different size, decoded from the same few fine-tuned models."""
    rng, covered = np.random.default_rng(0), []
    for _ in range(400):
        shared = seed_effect * rng.standard_normal((seeds, 1))
        parts = [shared + normal(rng, seeds, n, 0.0, mean) for n, mean in ((200, 0.3), (60, 0.5), (30, 0.55))]
        _, low, high = average_interval(parts)
        covered.append(low <= 0.45 <= high)
    assert 0.92 < np.mean(covered) < 0.995


def test_average_weighs_benchmarks_alike():
    rng = np.random.default_rng(0)
    large, small = normal(rng, 3, 200, 0.0, 0.3), normal(rng, 3, 20, 0.0, 0.6)
    assert average_interval([large, small])[0] == pytest.approx((large.mean() + small.mean()) / 2)


def test_seeds_that_are_good_at_everything_widen_the_average():
    """Seed effects add up over benchmarks where they are shared, and cancel where they are opposite."""
    rng = np.random.default_rng(0)
    parts = [normal(rng, 3, 100, 0.0) for _ in range(2)]
    effect = np.array([[-0.1], [0.0], [0.1]])
    widths = [
        high - low
        for _, low, high in (average_interval([parts[0] + effect, parts[1] + sign * effect]) for sign in (1, -1))
    ]
    assert widths[0] > 3 * widths[1]


@settings(deadline=None, max_examples=60)
@given(st.data(), st.integers(1, 4))
def test_average_interval_holds_the_mean_and_stays_within_bounds(data, seeds):
    table = tables(st.just(seeds), st.integers(2, 12))
    parts = data.draw(st.lists(table, min_size=1, max_size=4))
    mean, low, high = average_interval(parts)
    assert mean == pytest.approx(np.mean([part.mean() for part in parts]))
    assert 0 <= low <= mean + 1e-9
    assert mean - 1e-9 <= high <= 1


@pytest.mark.parametrize("value", [0.0, 1.0])
def test_average_of_constant_scores_does_not_give_certainty(value):
    mean, low, high = average_interval([np.full((3, 40), value), np.full((3, 20), value)])
    assert mean == value
    assert high - low > 0.02


@pytest.mark.parametrize("value", [0.0, 1.0])
@pytest.mark.parametrize("sizes", [[30] * 6, [30, 1000]])
def test_nothing_or_everything_solved_is_as_sure_as_the_smallest_benchmark(value, sizes):
    """All that is not seen may lie in it."""
    mean, low, high = average_interval([np.full((1, n), value) for n in sizes])
    assert mean == pytest.approx(value, abs=1e-12)
    least = wilson(0.0, 30)[1] / len(sizes)
    assert high - low == pytest.approx(least, rel=0.12)


def test_one_right_answer_more_moves_the_limits_a_little():
    parts = [np.zeros((3, 30)) for _ in range(6)]
    limits = []
    for right in range(4):
        parts[0][:, :right] = 1
        limits.append(average_interval(parts)[2])
    assert (np.diff(limits) > 0).all()
    assert (np.diff(limits) < 0.02).all()


@pytest.mark.parametrize("of, level", [((0.05, 1), 0.94), ((0.3, 3), 0.94)])
def test_rare_right_answers_are_covered(of, level):
    """avg@16 of 30 problems, of which most are never solved."""
    rng, covered = np.random.default_rng(0), []
    for _ in range(300):
        chance = rng.beta(*of, 30)
        _, low, high = interval(rng.binomial(16, chance, (3, 30)) / 16)
        covered.append(low <= of[0] / sum(of) <= high)
    assert np.mean(covered) >= level - 2 * np.sqrt(0.05 * 0.95 / 300)


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize("seeds", [1, 3])
def test_a_benchmark_of_one_problem_does_not_spoil_the_average(seeds):
    rng = np.random.default_rng(0)
    parts = [normal(rng, seeds, 50, 0.0), normal(rng, seeds, 1, 0.0)]
    mean, low, high = average_interval(parts)
    assert 0 <= low < mean < high <= 1


def test_a_difference_of_one_seed_is_the_paired_t_test():
    rng = np.random.default_rng(0)
    first, second = rng.uniform(size=(2, 40))
    result = apart([(first - second)[None]], [1.0])
    expected = stats.ttest_rel(first, second)
    assert result.p == pytest.approx(expected.pvalue)
    assert result[1:3] == pytest.approx(tuple(expected.confidence_interval(0.95)))


def test_what_both_find_hard_cancels():
    """Problems of very different difficulty: paired, 5 points are seen though each score's interval is wide."""
    rng = np.random.default_rng(0)
    hard = rng.uniform(0, 0.9, 100)
    first, second = (hard + gain + rng.normal(0, 0.02, (3, 100)) for gain in (0.05, 0.0))
    result = apart([first - second], [1.0])
    assert result.low > 0.04
    assert result.high < 0.06
    assert interval(first)[2] - interval(first)[1] > 0.1


@pytest.mark.parametrize("seeds, seed_effect", [(1, 0.0), (3, 0.0), (3, 0.05)])
def test_a_difference_covers_the_truth_and_finds_nothing_where_nothing_is(seeds, seed_effect):
    rng = np.random.default_rng(1)
    covered = found = 0
    for _ in range(250):
        parts = [
            rng.normal(0, 0.3, (1, n)) + rng.normal(0, seed_effect, (seeds, 1)) + rng.normal(0, 0.2, (seeds, n))
            for n in (60, 30)
        ]
        result = apart(parts, [0.5, 0.5])
        covered += result.low <= 0 <= result.high
        found += result.p < 0.05
        assert (result.p < 0.05) == (not result.low <= 0 <= result.high)
    assert covered >= 0.92 * 250
    assert found <= 0.08 * 250


def test_a_contrast_of_benchmarks_is_the_difference_of_their_differences():
    rng = np.random.default_rng(2)
    contests, others = rng.normal(0.1, 0.1, (3, 30)), rng.normal(0.02, 0.1, (3, 200))
    result = apart([contests, others], [1.0, -1.0])
    assert result.value == pytest.approx(contests.mean() - others.mean())
    assert result.low < result.value < result.high


@pytest.mark.parametrize("seeds", [1, 3])
def test_no_difference_on_any_problem_is_no_certainty(seeds):
    """The limits are about Wilson's bound on the share of problems that might differ."""
    result = apart([np.zeros((seeds, 30))], [1.0])
    assert (result.value, result.p) == (0.0, 1.0)
    assert result.high == pytest.approx(wilson(0.0, 30)[1], rel=0.06)
    assert result.low == -result.high
    wider = apart([np.zeros((seeds, 30))], [1.0], level=0.99)
    assert wider.high > result.high


def test_one_task_without_a_difference_still_counts_in_an_average():
    rng = np.random.default_rng(0)
    task = rng.normal(0, 0.1, (3, 200))
    alone = apart([task], [0.5])
    both = apart([task, np.zeros((3, 30))], [0.5, 0.5])
    assert both.high - both.low > 1.5 * (alone.high - alone.low)


def test_who_by_luck_does_not_differ_has_the_chance_of_the_others():
    """Two methods with the same answers to 30 problems, among methods whose answers change from seed to seed."""
    rng = np.random.default_rng(0)
    scores = (rng.random((5, 3, 30)) < 0.3).astype(float)
    scores[1] = scores[0]
    result = difference([scores[1] - scores[0]], [1.0], of_pairs([scores], [1.0]))
    assert result.value == 0
    chance = np.sqrt(2 * 0.3 * 0.7 / 30 / 3)
    assert result.high == pytest.approx(stats.t.ppf(0.975, 8) * chance, rel=0.35)


def test_by_itself_a_difference_of_seeds_is_the_t_test_over_seeds():
    """Where problems do not matter: the paired t-test of the runs' means, and with all methods the same mean square."""
    rng = np.random.default_rng(3)
    runs = rng.normal(0, 0.05, (2, 4, 1)) + rng.normal(0, 1e-4, (2, 4, 50))
    result = apart([runs[0] - runs[1]], [1.0])
    expected = stats.ttest_rel(*runs.mean(2))
    assert result.p == pytest.approx(expected.pvalue, rel=1e-3)
    assert result[1:3] == pytest.approx(tuple(expected.confidence_interval(0.95)), rel=1e-3)


def test_holm_is_the_step_down_of_bonferroni():
    assert holm(np.array([0.01, 0.04, 0.03, 0.005])) == pytest.approx([0.03, 0.06, 0.06, 0.02])
    assert holm(np.array([0.5, 0.9])) == pytest.approx([1.0, 1.0])


@settings(max_examples=15)  # theirs is slow
@given(st.lists(st.floats(0, 1), min_size=1, max_size=20))
def test_holm_is_statsmodels(p):
    assert holm(np.array(p)) == pytest.approx(multipletests(p, method="holm")[1])


@given(st.lists(st.floats(0, 1), min_size=1, max_size=20))
def test_corrected_p_values_keep_their_order_and_are_never_smaller(p):
    p = np.array(p)
    corrected = holm(p)
    assert (corrected >= p).all()
    assert (corrected <= np.minimum(1, len(p) * p) + 1e-12).all()
    assert (np.diff(corrected[np.argsort(p, kind="stable")]) >= 0).all()
