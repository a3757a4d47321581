"""What changes from seed to seed, pooled over the fine-tuned methods of a model; docs/uncertainty.md has the model."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from scipy import stats

ALPHA = 0.05  # below it, variances are taken to be unequal
PRIOR_FREEDOM = 2.0  # degrees of freedom that the pooled variance then counts for


class SeedVariance(NamedTuple):
    """Variance of one run's weighted mean over benchmarks around what its method has over all seeds.

    value: a mean square, chance included. chance: by benchmark, what chance alone gives of it: of answers that change
    from seed to seed, problem by problem. freedom: degrees of freedom. methods: how many were pooled. p: of equal
    variances over methods, NaN for fewer than three methods or seeds.
    """

    value: float
    chance: tuple[float, ...]
    freedom: float
    methods: int
    p: float

    @property
    def unequal(self) -> bool:
        """Whether the methods' variances differ, by Cochran's test."""
        return self.p < ALPHA

    def settled(self, parts: Sequence[np.ndarray], weights: Sequence[float]) -> "SeedVariance":
        """What counts for one comparison, (seeds, problems) each benchmark.

        The pooled variance; where the methods' are unequal, its own, drawn towards the pooled one.
        """
        if not self.unequal:
            return self
        own = run_means(parts, weights)  # (S,)
        freedom = PRIOR_FREEDOM + len(own) - 1
        value = (PRIOR_FREEDOM * self.value + (len(own) - 1) * own.var(ddof=1)) / freedom
        return self._replace(value=float(value), freedom=freedom)

    def describe(self) -> str:
        """How it was estimated, as text."""
        if self.methods == 1:
            return "own"
        if self.unequal:
            return f"own, drawn to that of {self.methods} methods (unequal, p = {self.p:.3f})"
        return f"pooled over {self.methods} methods"


def run_means(benchmarks: Sequence[np.ndarray], weights: Sequence[float]) -> np.ndarray:
    """The weighted mean of every run, such as (methods, seeds) from a (methods, seeds, problems) each benchmark."""
    return sum(weight * scores.mean(-1) for weight, scores in zip(weights, benchmarks, strict=True))


def residuals(scores: np.ndarray, axes: Sequence[int]) -> np.ndarray:
    """Scores less what each of some axes explains by itself and with the others: their highest interaction."""
    for axis in axes:
        scores = scores - scores.mean(axis, keepdims=True)
    return scores


def of_pairs(benchmarks: Sequence[np.ndarray], weights: Sequence[float]) -> SeedVariance:
    """Of the difference of two methods, seed by seed: twice the (method x seed) mean square of a two-way table.

    benchmarks: (methods, seeds, problems) each, at least two methods and seeds. What a seed does to all methods alike
    cancels in a difference, and so do answers that change with the seed for all methods alike.
    """
    means = run_means(benchmarks, weights)
    methods, seeds = means.shape
    freedom = (methods - 1) * (seeds - 1)
    interaction = residuals(means, (0, 1))
    chance = _chance(benchmarks, weights, (0, 1, 2), freedom)
    value = float(2 * (interaction**2).sum() / freedom)
    p = p_of_equal_variances(interaction, sum(chance))
    return SeedVariance(value, tuple(2 * one for one in chance), freedom, methods, p)


def of_single(benchmarks: Sequence[np.ndarray], weights: Sequence[float]) -> SeedVariance:
    """Of a method by itself, or less what has no seeds of training: the mean over methods of the variance over seeds.

    benchmarks: (methods, seeds, problems) each, at least two seeds. Seeds may do something to all methods alike: the
    mean square of seeds and that of (method x seed) both count, with Satterthwaite's degrees of freedom (1946), which
    are seeds - 1 at least.
    """
    means = run_means(benchmarks, weights)
    methods, seeds = means.shape
    shared = methods * means.mean(0).var(ddof=1)
    interaction = residuals(means, (0, 1))
    squares = (interaction**2).sum() / (seeds - 1)  # of methods - 1 rows
    value, freedom = (shared + squares) / methods, float(seeds - 1)
    if methods > 1 and value:
        terms = shared**2 + squares**2 / (methods - 1)
        freedom = (shared + squares) ** 2 * (seeds - 1) / terms
    chance = _chance(benchmarks, weights, (1, 2), methods * (seeds - 1))
    p = p_of_equal_variances(interaction, sum(chance))
    return SeedVariance(float(value), chance, freedom, methods, p)


def _chance(
    benchmarks: Sequence[np.ndarray], weights: Sequence[float], axes: Sequence[int], freedom: float
) -> tuple[float, ...]:
    """By benchmark, the variance of one run's weighted mean by chance: what is left beside some axes, by n.

    freedom: degrees of freedom of what is left of one problem.
    """
    found = []
    for scores, weight in zip(benchmarks, weights, strict=True):
        count = scores.shape[2]
        square = (residuals(scores, axes) ** 2).sum() / (freedom * (count - 1)) if count > 1 else 0.0
        found.append(float(weight**2 * square / count))
    return tuple(found)


def p_of_equal_variances(interaction: np.ndarray, chance: float) -> float:
    """p-value of methods' seeds spreading alike: that of `cochran`, and that the widest is more than chance.

    chance: variance of one run by chance. Where answers hardly change, Cochran's test alone would call a single changed
    answer unequal. The widest is held against chance by a chi-square test with Bonferroni's bound over methods.
    """
    methods, seeds = interaction.shape
    p = cochran(interaction)
    if np.isnan(p) or not chance:
        return p
    widest = (interaction**2).sum(1).max() / chance * methods / (methods - 1)
    return max(p, float(min(1.0, methods * stats.chi2.sf(widest, seeds - 1))))


def cochran(interaction: np.ndarray) -> float:
    """p-value of equal variances over methods, from the (method x seed) residuals (methods, seeds) of a two-way table.

    Cochran's test (1941) asks whether the largest variance is too large a share of all, with Bonferroni's bound over
    methods. In a two-way table a method's share, times M / (M - 1), is Beta((S - 1) / 2, (M - 2) (S - 1) / 2). NaN
    for fewer than three methods, whose residuals are equal by construction, and for two seeds, which tell too little.
    """
    methods, seeds = interaction.shape
    squares = (interaction**2).sum(1)
    if methods < 3 or seeds < 3 or not squares.sum():
        return float("nan")
    largest = min(1.0, squares.max() / squares.sum() * methods / (methods - 1))
    return float(min(1.0, methods * stats.beta.sf(largest, (seeds - 1) / 2, (methods - 2) * (seeds - 1) / 2)))
