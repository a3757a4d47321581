"""What an experiment can find: the differences that it sees, and the seeds and problems that smaller ones take.

The variance of a comparison (lift.scores.intervals) is taken apart into what problems, seeds and chance give, and put
together again for other numbers of seeds and problems. Power is that of Student's test, by the noncentral t
distribution.
"""

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pandas as pd
from scipy import optimize, stats

from lift.config import configuration
from lift.config.layout import Layout
from lift.data import counts
from lift.data.benchmarks import describe
from lift.plan import planning
from lift.scores import claims as paper
from lift.scores.claims import Case, Claims
from lift.scores.comparisons import Comparison, prepare
from lift.scores.intervals import bonferroni, combined, problem_variance
from lift.scores.scores import Scores, by_method
from lift.tidy import HOURS

POWER = 0.8
TARGETS = (2.0, 1.0)  # points
MOST_SEEDS, MOST_PROBLEMS = 1000, 1000.0  # of problems: times those that there are


@dataclass(frozen=True)
class Design:
    """A comparison's sources of variance, by benchmark but for the seeds'.

    weights: of benchmarks. problems: their numbers. by_problem: variance over problems of the difference over all
    seeds; by_chance: of one run's answer to one problem. by_seed: of the weighted mean over benchmarks from run to run,
    chance apart. freedom: degrees of freedom that one more seed gives; seeds: how many there are.
    """

    weights: tuple[float, ...]
    problems: tuple[float, ...]
    by_problem: tuple[float, ...]
    by_chance: tuple[float, ...]
    by_seed: float
    freedom: float
    seeds: int

    def variance(self, seeds: int, times: float = 1.0) -> tuple[float, float]:
        """Variance and degrees of freedom with so many seeds, and `times` the problems, as in lift.scores.intervals."""
        columns = zip(self.weights, self.problems, self.by_problem, self.by_chance, strict=True)
        scaled = [(weight**2 / (count * times), count * times - 1, *rest) for weight, count, *rest in columns]
        # a benchmark with less than chance gives is taken to have none; the others then make the same sum
        problems = max(0.0, sum(share * problem for share, _, problem, _ in scaled))
        positive = sum(share * max(0.0, problem) for share, _, problem, _ in scaled)
        kept = problems / positive if positive else 0.0
        terms = [
            (share * (kept * max(0.0, problem) + noise / seeds), max(1.0, freedom))
            for share, freedom, problem, noise in scaled
        ]
        chance = sum(share * noise for share, _, _, noise in scaled)
        return combined(terms, chance / seeds, (self.by_seed + chance) / seeds, self.freedom * (seeds - 1))


def design(made: Comparison) -> Design | None:
    """The sources of variance of a comparison that was made; None where seeds tell nothing of it."""
    if made.seed is None:
        return None
    seeds, seed = len(made.parts[0]), made.seed.settled(made.parts, made.weights)
    problems, by_problem, by_chance = [], [], []
    for part, weight, chance in zip(made.parts, made.weights, seed.chance, strict=True):
        count, noise = part.shape[1], chance / weight**2
        problems.append(count)
        by_problem.append(count * (problem_variance(part, noise, (-1.0, 1.0)) - noise / seeds))
        by_chance.append(count * noise)
    by_seed, freedom = max(0.0, seed.value - sum(seed.chance)), seed.freedom / (seeds - 1)
    return Design(made.weights, tuple(problems), tuple(by_problem), tuple(by_chance), by_seed, freedom, seeds)


def power(delta: float, variance: float, freedom: float, level: float) -> float:
    """The chance that the interval at a level leaves out zero, where the difference is delta."""
    quantile, shift = stats.t.ppf((1 + level) / 2, freedom), delta / math.sqrt(variance)
    if freedom > 1e5:  # where scipy's noncentral t gives out, it is normal
        return float(stats.norm.sf(quantile - shift) + stats.norm.cdf(-quantile - shift))
    wrong_side = np.nan_to_num(stats.nct.cdf(-quantile, freedom, shift))  # NaN is scipy's where it is next to nothing
    return float(stats.nct.sf(quantile, freedom, shift) + wrong_side)


def detectable(variance: float, freedom: float, level: float, wanted: float = POWER) -> float:
    """The smallest difference that is found with this power."""
    if not variance:
        return 0.0
    most = 5 * math.sqrt(variance) * (1 + stats.t.ppf((1 + level) / 2, freedom))
    return optimize.brentq(lambda delta: power(delta, variance, freedom, level) - wanted, 0.0, most)


def seeds_needed(plan: Design, delta: float, level: float) -> int | None:
    """The fewest seeds that find delta with POWER on the same problems; None where no number does."""
    low, high = 1, MOST_SEEDS  # low is too few
    if detectable(*plan.variance(high), level) > delta:
        return None
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (low, middle) if detectable(*plan.variance(middle), level) <= delta else (middle, high)
    return high


def problems_needed(plan: Design, delta: float, level: float) -> float | None:
    """How many times the problems find delta with POWER and the same seeds; None where no number does."""

    def gap(log_times: float) -> float:
        return detectable(*plan.variance(plan.seeds, math.exp(log_times)), level) - delta

    least, most = math.log(2 / min(plan.problems)), math.log(MOST_PROBLEMS)
    if gap(most) > 0:
        return None
    return math.exp(least if gap(least) <= 0 else optimize.brentq(gap, least, most, xtol=1e-3))


# ---- an experiment, and another whose answers say how much things vary


def mean_design(designs: Sequence[Design]) -> Design:
    """The mean of comparisons on the same benchmarks."""
    first = designs[0]
    means = {
        name: tuple(np.mean([getattr(one, name) for one in designs], axis=0)) for name in ("by_problem", "by_chance")
    }
    by_seed, freedom = (float(np.mean([getattr(one, name) for one in designs])) for name in ("by_seed", "freedom"))
    return replace(first, **means, by_seed=by_seed, freedom=freedom)


def design_from(methods: Mapping[str, Mapping[str, Scores]], comparison: dict) -> tuple[Design, dict[str, str]]:
    """A comparison's sources of variance in some results, by their benchmarks (with metrics).

    Where a method is not among them, the mean over all that are: of two trained methods, or of one and the base.
    Raises KeyError where there is nothing of the kind.
    """
    first, second = comparison["method"], comparison["against"]
    trained = [name for name, scores in methods.items() if all(one.trained for one in scores.values())]
    if {first, second} <= methods.keys():
        pairs = [(first, second)]
    elif "base" in (first, second):
        pairs = [(name, "base") for name in trained if "base" in methods]
    else:
        pairs = [(one, other) for i, one in enumerate(trained) for other in trained[i + 1 :]]
    found = []
    for one, other in pairs:
        if methods[one].keys() == methods[other].keys():
            metrics = {name: scores.metric for name, scores in methods[one].items()}
            found.append((design(prepare(methods, one, other, paper.weights(comparison, metrics))), metrics))
    known = [(plan, metrics) for plan, metrics in found if plan is not None]
    if not known:
        raise KeyError("methods")
    alike = [plan for plan, metrics in known if metrics == known[0][1]]
    return mean_design(alike), known[0][1]


def carried_over(
    plan: Design, metrics: Mapping[str, str], sizes: Mapping[str, tuple[str, int]], comparison: dict, seeds: int
) -> Design:
    """The same variances on other benchmarks and seeds.

    metrics: of the plan's benchmarks. sizes: metric and number of problems of the others. A benchmark has the variances
    of its namesake, else the mean over those with its metric, else over all.
    """
    weights = paper.weights(comparison, {name: metric for name, (metric, _) in sizes.items()})
    columns = list(zip(metrics, plan.by_problem, plan.by_chance, strict=True))
    variances = []
    for name, (metric, _) in sizes.items():
        kind = metric.partition("@")[0]
        same = [row for row in columns if row[0] == name]
        same = same or [row for row in columns if metrics[row[0]].partition("@")[0] == kind] or columns
        variances.append(np.mean([row[1:] for row in same], axis=0))
    by_problem, by_chance = (tuple(map(float, column)) for column in zip(*variances, strict=True))
    problems = tuple(count for _, count in sizes.values())
    return Design(tuple(weights.values()), problems, by_problem, by_chance, plan.by_seed, plan.freedom, seeds)


def hours_of(config: dict, results: Path) -> Callable[[int, float], float]:
    """Hours of a resolved config with so many seeds, and times the problems, as lift.plan.planning estimates them."""
    known: dict[int, dict[str, float]] = {}

    def hours(seeds: float, times: float) -> float:
        if math.inf in (seeds, times):
            return math.inf
        if seeds not in known:
            made = planning.plan(config | {"seeds": list(range(seeds))}, results)
            known[seeds] = {row["stage"]: row["hours"] for row in made.stages()}
        return known[seeds]["total"] + (times - 1) * known[seeds]["decode"]

    return hours


def benchmark_sizes(config: dict, results: Path) -> dict[int, dict[str, tuple[str, int]]]:
    """Metric and number of problems of the benchmarks, by the lengths that they are answered at."""
    found: dict[int, dict[str, tuple[str, int]]] = {}
    for name, entry in config["benchmarks"].items():
        metric = describe(entry["source"], configuration.benchmark_settings(entry))["metric"]
        count, _ = counts.problems(name, configuration.benchmark_settings(entry), Layout(results).problems(name))
        for decoder in configuration.benchmark_decoders(config, name).values():
            found.setdefault(decoder["gen_length"], {})[name] = (metric, count)
    return dict(sorted(found.items()))


def _cases(claims: Claims, config: dict, sizes: dict[int, dict[str, tuple[str, int]]]) -> list[Case]:
    """The comparisons of the claims that an experiment will be able to make; sizes: of `benchmark_sizes`."""
    metrics = {length: {name: metric for name, (metric, _) in known.items()} for length, known in sizes.items()}
    methods, levels = {"base", *config["methods"]}, config["statistics"]["levels"]
    found = []
    for claim, entry in claims.claims.items():
        for comparison in entry["comparisons"]:
            if "statistic" in comparison:
                measured = all(any(abs(level - comparison[key]) < 1e-6 for level in levels) for key in ("from", "to"))
                found += [Case(claim, comparison, model, "-") for model in config["models"] if measured]
            elif {comparison["method"], comparison["against"]} <= methods:
                made = [length for length in metrics if _weighted(comparison, metrics[length])]
                found += [Case(claim, comparison, model, length) for model in config["models"] for length in made]
    return found


def _weighted(comparison: dict, metrics: dict[str, str]) -> bool:
    """Whether there are the benchmarks that a comparison is over."""
    try:
        return bool(paper.weights(comparison, metrics))
    except KeyError:
        return False


def table(claims: Claims, config: dict, results: Path, problems: pd.DataFrame) -> pd.DataFrame:
    """For each comparison of two methods, what an experiment finds, and what it takes to find TARGETS.

    config: resolved. results: of this experiment, whatever of it is there. problems: problem_scores.parquet of these
    results or of others, whose variances count; of another model or length where they have no such one. Infinite: no
    number is enough. NaN: they hold no such comparison with two seeds or more.
    """
    scores, by_length = by_method(problems), benchmark_sizes(config, results)
    cases, seeds, hours = _cases(claims, config, by_length), len(config["seeds"]), hours_of(config, results)
    level, targets = bonferroni(len(cases)), [(f"{n:g} point{'s' if n > 1 else ''}", n / 100) for n in TARGETS]
    kinds = [
        f"{of}{kind} for {target}" for target, _ in targets for kind in ("seeds", "problems") for of in ("", HOURS)
    ]
    columns, rows = ["claim", "comparison", "model", "length", "method", "reference", "seeds", "n", "finds", *kinds], []
    for case in cases:
        if "statistic" in case.comparison:
            continue
        place = min(scores, key=lambda place: (place[0] != case.model, place[1] != case.length))
        sizes = by_length[case.length]
        row = {"claim": case.claim, "comparison": paper.name_of(case.comparison), "model": case.model}
        row |= {"method": case.comparison["method"], "reference": case.comparison["against"]}
        row |= {"length": case.length, "seeds": seeds, "n": sum(count for _, count in sizes.values())}
        rows.append(row)
        try:
            plan = carried_over(*design_from(scores[place], case.comparison), sizes, case.comparison, seeds)
        except KeyError:
            continue
        if seeds > 1:
            row["finds"] = detectable(*plan.variance(seeds), level)
        for target, points in targets:
            needed = seeds_needed(plan, points, level) or math.inf
            row |= {f"seeds for {target}": needed, f"{HOURS}seeds for {target}": hours(needed, 1.0)}
            if seeds > 1:
                times = problems_needed(plan, points, level) or math.inf
                row |= {
                    f"problems for {target}": times * row["n"] if times == math.inf else math.ceil(times * row["n"])
                }
                row |= {f"{HOURS}problems for {target}": hours(seeds, times)}
    return pd.DataFrame(rows, columns=columns)
