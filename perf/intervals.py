"""How often the intervals hold the truth, how wide they are, and what they find: simulated experiments.

Answers are probit: a problem is solved where a normal number is above a threshold, the sum of what the problem, the
method on this problem, the seed on this problem and chance give, and of what a method gains and a run happens to be
better. The shares are those of a finished experiment, so that means, and variances over problems, methods and seeds,
are its own. The truth is then known exactly.

    python perf/intervals.py            # all tables: about half an hour on one core; --only NAME for one
    python perf/intervals.py --quick    # few experiments, to see that it runs; writes no result
"""

import argparse
import itertools
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pandas as pd
from measurement import report
from scipy import optimize, stats

from lift.scores import seed_variance
from lift.scores.comparisons import corrected
from lift.scores.intervals import LEVEL, bonferroni, difference, score_interval
from lift.scores.scores import by_method, read_problems

ROOT = Path(__file__).parent.parent
CALIBRATION = ROOT / "perf" / "calibration.parquet"  # the miniature of commit 15f532f: 860 problems, three seeds
COMPARISONS = 8  # that the intervals of claims are corrected for
CORRECTED = bonferroni(COMPARISONS)
GAIN = 0.02  # of the one method that is better, on average over benchmarks


@dataclass(frozen=True)
class Benchmark:
    """A benchmark's probit model. threshold: of a variable with variance 1, whose shares are of the problem, of the
    method on it and of the seed on it; the rest is chance. cells: parts of an answer that count by themselves."""

    name: str
    contest: bool
    problems: int
    cells: int
    threshold: float
    problem: float
    method: float
    seed: float

    @property
    def chance(self) -> float:
        """The share of chance."""
        return 1 - self.problem - self.method - self.seed

    def mean(self, shift: float, spread: float) -> float:
        """The true score with a shift of the variable and a spread of it from run to run."""
        return float(stats.norm.cdf((self.threshold + shift) / np.hypot(1, spread)))


def _correlation(threshold: float, covariance: float) -> float:
    """Of two normal numbers of which each is below the threshold or not, from the covariance of that."""
    mean = stats.norm.cdf(threshold)

    def gap(correlation: float) -> float:
        both = stats.multivariate_normal.cdf([threshold] * 2, cov=[[1, correlation], [correlation, 1]])
        return both - mean**2 - covariance

    return optimize.brentq(gap, 0.0, 0.999) if covariance > 0 else 0.0


def calibrated(name: str, metric: str, scores: np.ndarray) -> Benchmark:
    """The model with the mean and the variances of some scores, (methods, seeds, problems), by analysis of variance."""
    methods, seeds, problems = scores.shape
    mean = scores.mean()

    def mean_square(axes: tuple[int, ...], freedom: int) -> float:
        others = tuple({0, 1, 2} - set(axes))
        part = seed_variance.residuals(scores.mean(others, keepdims=True), axes)
        return float((part**2).sum() * np.prod([scores.shape[axis] for axis in others]) / freedom)

    rest = mean_square((0, 1, 2), (methods - 1) * (seeds - 1) * (problems - 1))
    by_method_and_problem = mean_square((0, 2), (methods - 1) * (problems - 1))
    by_seed_and_problem = mean_square((1, 2), (seeds - 1) * (problems - 1))
    by_problem = mean_square((2,), problems - 1)
    method = max(0.0, (by_method_and_problem - rest) / seeds)
    seed = max(0.0, (by_seed_and_problem - rest) / methods)
    problem = max(0.0, (by_problem - by_method_and_problem - by_seed_and_problem + rest) / (methods * seeds))
    cells = max(1, round((mean * (1 - mean) - problem - method - seed) / rest))
    threshold = float(stats.norm.ppf(mean))
    alone = _correlation(threshold, problem)
    shares = (alone, _correlation(threshold, problem + method) - alone, _correlation(threshold, problem + seed) - alone)
    return Benchmark(name, metric.startswith("pass@"), problems, cells, threshold, *shares)


def calibrate(path: Path) -> list[Benchmark]:
    """The benchmarks of a finished experiment, from its problem_scores.parquet."""
    places = by_method(read_problems(path)).values()
    found = [
        [scores for scores in methods.values() if all(one.trained for one in scores.values())] for methods in places
    ]
    trained = next(filter(None, found))  # of the first model
    return [
        calibrated(name, one.metric, np.stack([scores[name].values for scores in trained]))
        for name, one in trained[0].items()
    ]


def with_contests(benchmarks: Sequence[Benchmark], problems: int) -> list[Benchmark]:
    """The same with so many problems a contest."""
    return [replace(one, problems=problems) if one.contest else one for one in benchmarks]


def latent_spread(benchmarks: Sequence[Benchmark], points: float) -> float:
    """Standard deviation of a run's shift that moves its average score by so many points."""
    return points / 100 / np.mean([stats.norm.pdf(one.threshold) for one in benchmarks])


def latent_gain(benchmarks: Sequence[Benchmark], spread: float, gain: float) -> float:
    """The shift that moves the true average by a gain."""

    def gap(shift: float) -> float:
        return np.mean([one.mean(shift, spread) - one.mean(0, spread) for one in benchmarks]) - gain

    return optimize.brentq(gap, 0.0, 3.0)


def run_effects(rng: np.random.Generator, kind: str, spread: float, methods: int, seeds: int) -> np.ndarray:
    """(methods, seeds): shifts of the runs' variable, each with a standard deviation of `spread`.

    kind: every run by itself ("apart"); the first method's three times as far ("one further"); those of all others
    correlated by 0.8 ("one apart"); half of each variance the same for all methods ("shared").
    """
    own, shared = rng.standard_normal((methods, seeds)), rng.standard_normal((1, seeds))
    weight = np.zeros((methods, 1))
    if kind == "one apart":
        weight[1:] = 0.8
    if kind == "shared":
        weight[:] = 0.5
    effects = spread * (np.sqrt(weight) * shared + np.sqrt(1 - weight) * own)
    if kind == "one further":
        effects[0] *= 3
    return effects


def simulate(rng: np.random.Generator, benchmarks: Sequence[Benchmark], runs: np.ndarray) -> list[np.ndarray]:
    """Scores (methods, seeds, problems) a benchmark; runs: (methods, seeds), shifts of the variable."""
    methods, seeds = runs.shape

    def normal(*shape: int) -> np.ndarray:
        return rng.standard_normal(shape, dtype=np.float32)

    found = []
    for one in benchmarks:
        n = one.problems
        level = one.threshold + runs[..., None].astype(np.float32) + np.sqrt(one.problem) * normal(1, 1, n)
        level = level + np.sqrt(one.method) * normal(methods, 1, n) + np.sqrt(one.seed) * normal(1, seeds, n)
        scores = np.zeros((methods, seeds, n))
        for _ in range(one.cells):
            scores += level + np.sqrt(one.chance) * normal(methods, seeds, n) > 0
        found.append(scores / one.cells)
    return found


class Tally:
    """Shares over experiments, each the mean over comparisons of one, with the standard error of their mean."""

    def __init__(self):
        self.values: dict[str, list[float]] = {}

    def add(self, **values: float) -> None:
        for name, value in values.items():
            self.values.setdefault(name, []).append(float(value))

    def mean(self, name: str) -> float:
        return float(np.mean(self.values[name]))

    def error(self, name: str) -> float:
        return float(np.std(self.values[name]) / np.sqrt(len(self.values[name])))

    def percent(self, name: str, digits: int = 1) -> str:
        return f"{100 * self.mean(name):.{digits}f} ± {100 * self.error(name):.{digits}f}"


def plain(benchmarks: Sequence[Benchmark]) -> list[float]:
    """The weights of the plain average."""
    return [1 / len(benchmarks)] * len(benchmarks)


def differences(
    benchmarks: Sequence[Benchmark], seeds: int, methods: int, points: float, count: int, kind: str = "apart"
) -> Tally:
    """Of `count` experiments: all methods less the first, on average over benchmarks. The last has the GAIN.

    points: spread of a run's average score; kind: of `run_effects`.
    """
    rng, tally, weights = np.random.default_rng(0), Tally(), plain(benchmarks)
    spread = latent_spread(benchmarks, points)
    shifts, spreads = np.zeros(methods), np.full(methods, spread)
    shifts[-1] = latent_gain(benchmarks, spread, GAIN)
    if kind == "one further":
        spreads[0] *= 3
    true = [[one.mean(shift, each) for one in benchmarks] for shift, each in zip(shifts, spreads, strict=True)]
    truth = [np.mean(row) - np.mean(true[0]) for row in true]
    for _ in range(count):
        scores = simulate(rng, benchmarks, shifts[:, None] + run_effects(rng, kind, spread, methods, seeds))
        seed = seed_variance.of_pairs(scores, weights)
        single, strict, half, found = [], [], [], 0.0
        for method in range(1, methods):
            parts = [part[method] - part[0] for part in scores]
            low, high = difference(parts, weights, seed)[1:3]
            single.append(low <= truth[method] <= high)
            low, high = difference(parts, weights, seed, CORRECTED)[1:3]
            strict.append(low <= truth[method] <= high)
            half.append((high - low) / 2)
            found = float(low > 0)  # of the last, which is better
        means = {"covers": single, "covers_corrected": strict, "half": half}
        tally.add(**{name: np.mean(values) for name, values in means.items()}, finds=found, unequal=seed.unequal)
    return tally


def _cells(tally: Tally) -> dict[str, str]:
    return {
        "95% covers": tally.percent("covers"),
        "99.4% covers": tally.percent("covers_corrected", 2),
        "half-width": f"{100 * tally.mean('half'):.2f}",
        "finds 2 points": tally.percent("finds", 0),
    }


def coverage_table(benchmarks: Sequence[Benchmark], count: int) -> list[dict]:
    """Seeds, spread, methods and sizes of contests, crossed."""
    rows = []
    for seeds, points, methods, contest in itertools.product((3, 5, 10), (0.0, 1.0), (5, 20), (30, 100)):
        tally = differences(with_contests(benchmarks, contest), seeds, methods, points, count)
        row = {"seeds": seeds, "spread of runs": f"{points:g}", "methods": methods, "contests": contest}
        rows.append(row | _cells(tally))
    return rows


def unlike_table(benchmarks: Sequence[Benchmark], count: int) -> list[dict]:
    """Runs that do not spread as the model has it."""
    rows = []
    for kind, seeds, methods in itertools.product(("one further", "one apart", "shared"), (3, 5, 10), (5, 20)):
        tally = differences(benchmarks, seeds, methods, 1.0, count, kind)
        rows.append({"runs": kind, "seeds": seeds, "methods": methods} | _cells(tally))
        rows[-1]["called unequal"] = tally.percent("unequal", 0)
    return rows


def kinds_table(benchmarks: Sequence[Benchmark], count: int) -> list[dict]:
    """Five equal methods and a base without seeds of training: other comparisons, and scores."""
    contest = [i for i, one in enumerate(benchmarks) if one.contest]
    others = [i for i, one in enumerate(benchmarks) if not one.contest]
    over = [1 / len(contest) if i in contest else -1 / len(others) for i in range(len(benchmarks))]
    rows = []
    for seeds in (3, 5, 10):
        for points in (0.0, 1.0):
            rng, spread = np.random.default_rng(1), latent_spread(benchmarks, points)
            truth = [one.mean(0, spread) for one in benchmarks]
            kinds = {name: Tally() for name in ("contests - others", "one task", "one contest", "average - base")}
            kinds |= {name: Tally() for name in ("score: average", "score: one task", "score: one contest")}
            for _ in range(count):
                runs = run_effects(rng, "shared", spread, 5, seeds)
                every = simulate(rng, benchmarks, np.concatenate([np.zeros((1, seeds)), runs]))
                scores, base = [part[1:] for part in every], [part[0] for part in every]
                for i in others:  # greedy: answered once
                    base[i] = np.broadcast_to(base[i][:1], base[i].shape)
                single = {"one task": others[0], "one contest": contest[0]}
                cases = {"contests - others": (range(len(benchmarks)), over)}
                cases |= {name: ([i], [1.0]) for name, i in single.items()}
                for name, (places, weights) in cases.items():
                    seed = seed_variance.of_pairs([scores[i] for i in places], weights)
                    parts = [scores[i][1] - scores[i][0] for i in places]
                    _count(kinds[name], [difference(parts, weights, seed, level) for level in (LEVEL, CORRECTED)], 0.0)
                gaps = [part - own for part, own in zip(scores, base, strict=True)]
                seed = seed_variance.of_single(gaps, plain(benchmarks))
                found = [
                    difference([gap[0] for gap in gaps], plain(benchmarks), seed, level) for level in (LEVEL, CORRECTED)
                ]
                of_base = np.mean([one.mean(0, 0) for one in benchmarks])
                _count(kinds["average - base"], found, np.mean(truth) - of_base)
                for name, places in {"average": range(len(benchmarks)), **{n: [i] for n, i in single.items()}}.items():
                    parts = [scores[i] for i in places]
                    seed = seed_variance.of_single(parts, [1 / len(parts)] * len(parts))
                    _, low, high, _ = score_interval([part[0] for part in parts], seed)
                    right = np.mean([truth[i] for i in places])
                    kinds[f"score: {name}"].add(covers=low <= right <= high, half=(high - low) / 2)
            for name, tally in kinds.items():
                strict = tally.percent("strict", 2) if "strict" in tally.values else "-"
                rows.append(
                    {
                        "seeds": seeds,
                        "spread of runs": f"{points:g}",
                        "what": name,
                        "95% covers": tally.percent("covers"),
                    }
                    | {"99.4% covers": strict, "half-width at 95%": f"{100 * tally.mean('half'):.2f}"}
                )
    return rows


def _count(tally: Tally, found: Sequence, truth: float) -> None:
    covers, strict = (one.low <= truth <= one.high for one in found)
    tally.add(covers=covers, strict=strict, half=(found[0].high - found[0].low) / 2)


def any_marked(benchmarks: Sequence[Benchmark], methods: int, seeds: int, points: float, count: int) -> Tally:
    """Equal methods, each compared with the first on every benchmark and on average: how often any is marked."""
    rng, tally, spread = np.random.default_rng(2), Tally(), latent_spread(benchmarks, points)
    groups = [(range(len(benchmarks)), plain(benchmarks))] + [([i], [1.0]) for i in range(len(benchmarks))]
    average = pd.Series([len(places) > 1 for places, _ in groups for _ in range(1, methods)])
    for _ in range(count):
        scores = simulate(rng, benchmarks, run_effects(rng, "apart", spread, methods, seeds))
        p = []
        for places, weights in groups:
            seed = seed_variance.of_pairs([scores[i] for i in places], weights)
            for method in range(1, methods):
                p.append(difference([scores[i][method] - scores[i][0] for i in places], weights, seed).p)
        marked = corrected(pd.Series(p), average) < 1 - LEVEL
        tally.add(any=marked.any(), average=marked[average].any(), single=marked[~average].any())
    return tally


def marks_table(benchmarks: Sequence[Benchmark], count: int) -> list[dict]:
    rows = []
    for points in (0.0, 1.0):
        tally = any_marked(benchmarks, 30, 10, points, count)
        row = {"methods": 30, "seeds": 10, "spread of runs": f"{points:g}", "any marked": tally.percent("any")}
        rows.append(row | {"an average": tally.percent("average"), "a benchmark": tally.percent("single")})
    return rows


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--problems", type=Path, default=CALIBRATION, help="problem_scores.parquet of an experiment")
    parser.add_argument("--count", type=int, default=2000, help="experiments a row")
    parser.add_argument("--only", nargs="+", choices=TABLES, default=TABLES, metavar="NAME", help=", ".join(TABLES))
    parser.add_argument("--quick", action="store_true", help="few experiments, to see that it runs; writes no result")
    args = parser.parse_args()
    benchmarks, count = calibrate(args.problems), 20 if args.quick else args.count
    sizes = f"{count} experiments a row, of {sum(one.problems for one in benchmarks)} problems where contests have 30"
    common = f"""{sizes}; ± is the standard error of the simulation. Spread of runs: the standard deviation, in points,
        of a run's average score, chance apart. 99.4% is 95% for {COMPARISONS} comparisons together. Half-widths in
        points."""
    for name in args.only:
        title, table, text = TABLES[name]
        report(name, title, table(benchmarks, count), f"{text} {common}", save=not args.quick)


TABLES = {
    "intervals": (
        "Coverage, width and power of the intervals of a difference",
        coverage_table,
        """All methods less the first, averaged over the benchmarks; the last is two points better, the others are
        equal. Half-widths are those at 99.4%, and so is what is found.""",
    ),
    "intervals-unlike": (
        "The same where runs do not spread as the model has it",
        unlike_table,
        """Of the first method, which all others are compared with. One further: its runs spread three times as far. One
        apart: seeds do nearly the same to all others (a correlation of 0.8), as to variants of one method. Shared: half
        of what a seed does, it does to all methods, which the model allows for. Called unequal: how often the test of
        equal variances says so. A spread of one point where nothing else is said.""",
    ),
    "intervals-kinds": (
        "Coverage of other comparisons and of scores",
        kinds_table,
        """Five equal methods, and a base without seeds of training, which answers the contests once a seed and the rest
        once. Half of what a seed does to a run, it does to all methods.""",
    ),
    "intervals-marks": (
        "How often equal methods are called better or worse",
        marks_table,
        "Thirty equal methods, each compared with the first on every benchmark and on average.",
    ),
}


if __name__ == "__main__":
    main()
