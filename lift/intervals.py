"""95% intervals of scores over problems and seeds, and pass@k."""

import math

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


def average_interval(parts: list[np.ndarray]) -> tuple[float, float, float]:
    """Mean and 95% interval of the plain average over several benchmarks, each (seeds, problems), with shared seeds.

    Problems add their variance benchmark by benchmark; seeds add that of the average from seed to seed, less what
    problems and chance explain of it. Degrees of freedom by Satterthwaite, as in `interval`.
    """
    count, seeds = len(parts), len(parts[0])
    mean = float(np.mean([part.mean() for part in parts]))
    problem_terms, explained = [], 0.0
    for part in parts:
        n = part.shape[1]
        spread = part.mean(0).var(ddof=1) if n > 1 else 0.25  # unknown from one problem: the largest there is
        problem_terms.append((spread / n / count**2, max(1, n - 1)))
        if seeds > 1 and n > 1:
            residual = part - part.mean(0) - part.mean(1)[:, None] + part.mean()
            explained += (residual**2).sum() / ((n - 1) * (seeds - 1)) / n / seeds / count**2
    terms = problem_terms
    if seeds > 1:
        between = np.mean([part.mean(1) for part in parts], axis=0).var(ddof=1) / seeds
        if between > explained:
            terms = [*problem_terms, (between, seeds - 1), (-explained, math.inf)]
    variance = sum(value for value, _ in terms)
    if variance <= 0:
        return mean, *wilson(mean, sum(part.shape[1] for part in parts))
    freedom = variance**2 / sum(value**2 / df for value, df in terms)
    half = stats.t.ppf((1 + LEVEL) / 2, freedom) * math.sqrt(variance)
    return mean, max(0.0, mean - half), min(1.0, mean + half)
