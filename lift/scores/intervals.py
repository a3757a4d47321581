"""Intervals of scores and of their differences over problems and seeds; docs/uncertainty.md has the model.

A method's scores are a list of benchmarks, each an array (seeds, problems); so are the paired differences of two.
"""

import math
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from scipy import stats

from lift.scores.seed_variance import SeedVariance

LEVEL = 0.95
_NOTHING = 1e-18  # a variance that is rounding


def wilson(mean: float, n: float, z: float | None = None) -> tuple[float, float]:
    """Wilson's score interval of a proportion over n independent trials (Wilson 1927); z: the quantile, of LEVEL."""
    z = stats.norm.ppf((1 + LEVEL) / 2) if z is None else z
    centre = (mean + z * z / (2 * n)) / (1 + z * z / n)
    half = z / (1 + z * z / n) * math.sqrt(mean * (1 - mean) / n + z * z / (4 * n * n))
    return max(0.0, centre - half), min(1.0, centre + half)


class Estimate(NamedTuple):
    """A weighted mean over benchmarks, its variance and its degrees of freedom, and how seeds were counted."""

    value: float
    variance: float
    freedom: float
    seeds: str = "-"


def problem_variance(part: np.ndarray, chance: float, bounds: tuple[float, float]) -> float:
    """Variance of a benchmark's mean by what differs from problem to problem; part: (seeds, problems).

    bounds: of one problem's value. Where one problem tells nothing of it, the largest possible variance is taken; where
    no problem differs, and none does by chance, that of Wilson's bound on the share of problems that might.
    """
    count, half = part.shape[1], (bounds[1] - bounds[0]) / 2
    if count == 1:
        return half**2
    variance = float(part.mean(0).var(ddof=1)) / count
    if variance < _NOTHING and chance < _NOTHING:
        z = stats.norm.ppf((1 + LEVEL) / 2)
        return float(half * z / (count + z * z)) ** 2
    return variance


def combined(
    terms: Sequence[tuple[float, float]], chance: float = 0.0, by_seed: float = 0.0, seed_freedom: float = math.inf
) -> tuple[float, float]:
    """Variance and degrees of freedom (Satterthwaite 1946) of what problems and what seeds give.

    terms: of problems, each with its degrees of freedom, chance included. by_seed: of seeds, chance included.
    """
    problems, squares = sum(term for term, _ in terms), sum(term**2 / freedom for term, freedom in terms)
    fewest = min(seed_freedom, problems**2 / squares if squares else math.inf)
    variance = max(0.0, problems - chance) + by_seed
    squares += by_seed**2 / seed_freedom
    return variance, max(fewest, variance**2 / squares) if squares else math.inf


def bonferroni(count: int) -> float:
    """The level of each of some intervals whose level together is LEVEL."""
    return 1 - (1 - LEVEL) / max(1, count)


def estimate(
    parts: Sequence[np.ndarray], weights: Sequence[float], seed: SeedVariance | None, bounds: tuple[float, float]
) -> Estimate:
    """Of scores or differences, each benchmark (seeds, problems), with shared seeds; bounds: of one problem's value.

    The variance has two parts: what differs from problem to problem over all seeds, and what differs from seed to seed
    (`seed`, of lift.scores.seed_variance; None with one seed, or where a seed is only one more sample). Of the first,
    chance is taken away, for the second holds it; both are zero at least, and the second no less than chance. The
    degrees of freedom are Satterthwaite's, and never fewer than the fewer of the two parts'.
    """
    chance = seed.chance if seed else (0.0,) * len(parts)
    terms = [
        (weight**2 * problem_variance(part, noise / weight**2, bounds), max(1, part.shape[1] - 1))
        for part, weight, noise in zip(parts, weights, chance, strict=True)
    ]
    value = math.fsum(weight * part.mean() for part, weight in zip(parts, weights, strict=True))
    if seed is None:
        return Estimate(value, *combined(terms))
    seeds, seed = len(parts[0]), seed.settled(parts, weights)
    by_seed = max(seed.value, sum(chance)) / seeds
    return Estimate(value, *combined(terms, sum(chance) / seeds, by_seed, seed.freedom), seed.describe())


def score_interval(parts: Sequence[np.ndarray], seed: SeedVariance | None) -> tuple[float, float, float, str]:
    """Mean and 95% interval of scores in [0, 1] by the plain average over benchmarks, and how seeds were counted.

    Wilson's interval, with as many trials as would give this variance (the effective sample size of Korn and Graubard
    1998) and Student's quantile: it stays between 0 and 1, and is Wilson's own for one answer a problem, right or
    wrong, and where nothing varies. Where fewer than five problems' worth is right, or wrong, there are no more trials
    than problems, and with as many it is Wilson's own too. With one seed it speaks of that run only.
    """
    count = len(parts) * min(part.shape[1] for part in parts)
    value, variance, freedom, seeds = estimate(parts, [1 / len(parts)] * len(parts), seed, (0.0, 1.0))
    value = min(1.0, max(0.0, value))
    right_or_wrong = len(parts) == 1 and len(parts[0]) == 1 and np.isin(parts[0], (0, 1)).all()
    constant = all(np.ptp(part) == 0 for part in parts)
    if right_or_wrong or (constant and (len(parts) == 1 or min(value, 1 - value) < 1e-9)):
        low, high = wilson(value, count)
    else:
        trials = max(1.0, _spread(parts) / variance)
        if count * min(value, 1 - value) < 5 and trials >= count:
            low, high = wilson(value, count)  # its trials are given, so that nothing about them is estimated
        else:
            low, high = wilson(value, trials, stats.t.ppf((1 + LEVEL) / 2, freedom))
    return value, min(value, low), max(value, high), seeds


def _spread(parts: Sequence[np.ndarray]) -> float:
    """Variance of one right or wrong answer with the mean of some scores.

    A benchmark with nothing right, or everything, counts with the share that its variance in `problem_variance` is of.
    """
    means = []
    for part in parts:
        mean, least = part.mean(), problem_variance(np.zeros_like(part), 0.0, (0.0, 1.0)) * part.shape[1]
        means.append(min(1 - least, max(least, mean)) if np.ptp(part) == 0 and part.shape[1] > 1 else mean)
    mean = float(np.mean(means))
    return mean * (1 - mean)


class Difference(NamedTuple):
    """A difference with its interval, the two-sided p-value of there being none, and how seeds were counted."""

    value: float
    low: float
    high: float
    p: float
    seeds: str = "-"


def difference(
    parts: Sequence[np.ndarray], weights: Sequence[float], seed: SeedVariance | None, level: float = LEVEL
) -> Difference:
    """A weighted sum of paired differences, each (seeds, problems): one method's score minus another's on one problem.

    Both methods answer the same problems, so that what a problem's difficulty adds to both cancels.
    """
    value, variance, freedom, seeds = estimate(parts, weights, seed, (-1.0, 1.0))
    error = math.sqrt(variance)
    half = stats.t.ppf((1 + level) / 2, freedom) * error
    return Difference(value, value - half, value + half, float(2 * stats.t.sf(abs(value) / error, freedom)), seeds)


def holm(p: np.ndarray) -> np.ndarray:
    """p-values corrected for all of them together (Holm 1979)."""
    order = np.argsort(p, kind="stable")
    factors = np.arange(len(p), 0, -1)
    corrected = np.empty(len(p))
    corrected[order] = np.minimum(1.0, np.maximum.accumulate(p[order] * factors))
    return corrected
