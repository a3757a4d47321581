"""Intervals of scores and of their differences over problems and seeds, and pass@k."""

import math
from typing import NamedTuple

import numpy as np
from scipy import stats

LEVEL = 0.95


def pass_at_k(correct: np.ndarray, samples: int, k: int) -> np.ndarray:
    """The chance that one of k answers is right, by problem, from the number of right ones among `samples`.

    The unbiased estimator 1 - C(n - c, k) / C(n, k) of Chen et al. 2021 (arXiv 2107.03374).
    """
    return np.array([1 - math.comb(samples - int(c), k) / math.comb(samples, k) for c in correct])


def wilson(mean: float, n: float) -> tuple[float, float]:
    """Wilson's score interval of a proportion over n independent trials (Wilson 1927)."""
    z = stats.norm.ppf((1 + LEVEL) / 2)
    centre = (mean + z * z / (2 * n)) / (1 + z * z / n)
    half = z / (1 + z * z / n) * math.sqrt(mean * (1 - mean) / n + z * z / (4 * n * n))
    return max(0.0, centre - half), min(1.0, centre + half)


def interval(values: np.ndarray) -> tuple[float, float, float]:
    """Mean and 95% interval of scores in [0, 1], one a seed and problem: (seeds, problems).

    Problems and seeds are both taken as drawn at random: a crossed two-way random-effects model, whose grand mean has
    the variance (MS_problems + MS_seeds - MS_error) / (problems * seeds), with Satterthwaite's degrees of freedom
    (Searle, Casella and McCulloch 1992, Variance Components, chapter 4). It is never taken below what the problems
    alone give. With one seed the interval speaks of that run only. Where the scores do not vary at all it is Wilson's.
    """
    seeds, problems = values.shape
    mean = float(values.mean())
    if seeds == 1 and np.isin(values, (0, 1)).all():
        return mean, *wilson(mean, problems)
    if values.min() == values.max() or problems == 1:
        return mean, *wilson(mean, problems)
    by_problem, by_seed = values.mean(0), values.mean(1)
    ms_problems = seeds * by_problem.var(ddof=1)
    if seeds == 1:
        variance, freedom = ms_problems / problems, problems - 1
    else:
        ms_seeds = problems * by_seed.var(ddof=1)
        residual = values - by_problem - by_seed[:, None] + mean
        error_freedom = (problems - 1) * (seeds - 1)
        ms_error = (residual**2).sum() / error_freedom
        total = ms_problems + ms_seeds - ms_error
        if total > ms_problems:
            squares = ms_problems**2 / (problems - 1) + ms_seeds**2 / (seeds - 1) + ms_error**2 / error_freedom
            freedom = total**2 / squares
        else:
            total, freedom = ms_problems, problems - 1
        variance = total / (problems * seeds)
    half = stats.t.ppf((1 + LEVEL) / 2, freedom) * math.sqrt(variance)
    return mean, max(0.0, mean - half), min(1.0, mean + half)


def _variance(parts: list[np.ndarray], weights: list[float], largest: float) -> tuple[float, float]:
    """Variance and degrees of freedom of a weighted sum of means, each of a (seeds, problems), with shared seeds.

    Problems add their variance part by part; seeds add that of the sum from seed to seed, less what problems and
    chance explain of it. Degrees of freedom by Satterthwaite, as in `interval`. largest: the variance that is taken
    where one problem tells nothing of it.
    """
    seeds = len(parts[0])
    problem_terms, explained = [], 0.0
    for part, weight in zip(parts, weights, strict=True):
        n = part.shape[1]
        spread = part.mean(0).var(ddof=1) if n > 1 else largest
        problem_terms.append((spread / n * weight**2, max(1, n - 1)))
        if seeds > 1 and n > 1:
            residual = part - part.mean(0) - part.mean(1)[:, None] + part.mean()
            explained += (residual**2).sum() / ((n - 1) * (seeds - 1)) / n / seeds * weight**2
    terms = problem_terms
    if seeds > 1:
        sums = sum(weight * part.mean(1) for part, weight in zip(parts, weights, strict=True))
        between = sums.var(ddof=1) / seeds
        if between > explained:
            terms = [*problem_terms, (between, seeds - 1), (-explained, math.inf)]
    variance = sum(value for value, _ in terms)
    if variance <= 0:
        return 0.0, math.inf
    return variance, variance**2 / sum(value**2 / df for value, df in terms)


def average_interval(parts: list[np.ndarray]) -> tuple[float, float, float]:
    """Mean and 95% interval of the plain average over several benchmarks, each (seeds, problems), with shared seeds."""
    mean = float(np.mean([part.mean() for part in parts]))
    variance, freedom = _variance(parts, [1 / len(parts)] * len(parts), largest=0.25)
    if not variance:
        return mean, *wilson(mean, sum(part.shape[1] for part in parts))
    half = stats.t.ppf((1 + LEVEL) / 2, freedom) * math.sqrt(variance)
    return mean, max(0.0, mean - half), min(1.0, mean + half)


class Difference(NamedTuple):
    """A difference with its interval, and the two-sided p-value of there being none."""

    value: float
    low: float
    high: float
    p: float


def difference(parts: list[np.ndarray], weights: list[float], level: float = LEVEL) -> Difference:
    """A weighted sum of paired differences, each (seeds, problems): one method's score minus another's on one problem.

    Both methods answer the same problems, so that what a problem's difficulty adds to both cancels; problems and seeds
    are drawn at random, as in `interval`. Where no problem differs, the interval is Wilson's bound on the share of
    problems that might.
    """
    value = float(sum(weight * part.mean() for part, weight in zip(parts, weights, strict=True)))
    variance, freedom = _variance(parts, weights, largest=1.0)
    if not variance:
        z = stats.norm.ppf((1 + level) / 2) ** 2
        half = sum(abs(weight) * z / (part.shape[1] + z) for part, weight in zip(parts, weights, strict=True))
        return Difference(value, value - half, value + half, 1.0 if value == 0 else 0.0)
    error = math.sqrt(variance)
    half = stats.t.ppf((1 + level) / 2, freedom) * error
    return Difference(value, value - half, value + half, float(2 * stats.t.sf(abs(value) / error, freedom)))


def holm(p: np.ndarray) -> np.ndarray:
    """p-values corrected for all of them together (Holm 1979)."""
    order = np.argsort(p, kind="stable")
    factors = np.arange(len(p), 0, -1)
    corrected = np.empty(len(p))
    corrected[order] = np.minimum(1.0, np.maximum.accumulate(p[order] * factors))
    return corrected
