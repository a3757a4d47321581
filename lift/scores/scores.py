"""Scores over problems and seeds, with intervals, from those of problems."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

from lift.errors import InputError
from lift.scores import seed_variance
from lift.scores.decoded_step import say
from lift.scores.intervals import score_interval
from lift.scores.seed_variance import SeedVariance

COLUMNS = (
    *("experiment", "model", "method", "seed", "step", "benchmark", "decoder", "gen_length", "steps", "metric"),
    *("n", "seeds", "value", "ci_low", "ci_high", "seed_variance"),
)
PROBLEM_COLUMNS = (
    *("model", "method", "run", "seed", "step", "benchmark", "decoder", "gen_length"),
    *("counts", "metric", "id", "value"),
)


@dataclass(frozen=True)
class Scores:
    """A method's scores on one benchmark: values (seeds, problems), with the numbers of the seeds and problems.

    steps: of training, of the weights by seed; None for an untrained method. run: the method whose runs these are of.
    """

    values: np.ndarray
    seeds: tuple[int, ...]
    problems: tuple[int, ...]
    decoder: str
    metric: str
    steps: tuple[int | None, ...]
    run: str

    @property
    def untrained(self) -> bool:
        """Whether there is no training run behind it: a base model, or guesses."""
        return all(step is None for step in self.steps)

    @property
    def trained(self) -> bool:
        """Whether the weights are other than the base's, so that a seed is one of training."""
        return any(self.steps)

    def like(self, other: "Scores") -> bool:
        """Whether the same seeds answered the same problems."""
        return self.seeds == other.seeds and self.problems == other.problems


def read_problems(path: Path) -> pd.DataFrame:
    """problem_scores.parquet. Raises InputError where it is another version's."""
    try:
        table = pd.read_parquet(path)
    except ValueError as error:
        raise InputError(f"{path} is no Parquet file: {error}") from None
    missing = [name for name in PROBLEM_COLUMNS if name not in table]
    if missing:
        raise InputError(f"{path} lacks {', '.join(missing)}: an older version made it; run snakemake there again.")
    if table.empty:
        raise InputError(f"{path} holds no scores.")
    if table.duplicated([name for name in PROBLEM_COLUMNS if name not in ("run", "step", "counts", "value")]).any():
        raise InputError(f"{path} has the score of a problem twice.")
    return table


def _scores(part: pd.DataFrame) -> Scores:
    """Of the rows of one method, benchmark, decoder and metric. Raises InputError where seeds lack a problem."""
    wide = part.pivot(index="seed", columns="id", values="value").sort_index()
    if wide.isna().any(axis=None):
        model, method, benchmark = part[["model", "method", "benchmark"]].iloc[0]
        raise InputError(f"{model}, {method}: some seeds lack the score of a problem of {benchmark}.")
    steps = part.groupby("seed")["step"].first().reindex(wide.index)
    steps = tuple(None if pd.isna(step) else int(step) for step in steps)
    decoder, metric, run = part[["decoder", "metric", "run"]].iloc[0]
    return Scores(wide.to_numpy(), tuple(wide.index), tuple(wide.columns), decoder, metric, steps, run)


def by_method(problems: pd.DataFrame) -> dict[tuple[str, int], dict[str, dict[str, Scores]]]:
    """The scores that count, by (model, answer length), method and benchmark; from problem_scores.parquet."""
    found: dict[tuple[str, int], dict[str, dict[str, Scores]]] = {}
    keys = ["model", "gen_length", "method", "benchmark"]
    for (model, length, method, benchmark), part in problems[problems["counts"]].groupby(keys, sort=False):
        found.setdefault((model, int(length)), {}).setdefault(method, {})[benchmark] = _scores(part)
    return found


def step_of(scores: Mapping[str, Scores]) -> str:
    """The steps of a method's weights, as text; from its scores by benchmark."""
    return say(max((one.steps for one in scores.values()), key=len))


def pooled(
    methods: Mapping[str, Mapping[str, Scores]],
    compared: Sequence[Mapping[str, Scores]],
    weights: Sequence[float],
    less: Mapping[str, Scores] | None = None,
) -> SeedVariance | None:
    """What changes from seed to seed of one trained method's weighted mean, or of the difference of two.

    compared: the one or two, by the same benchmarks. It is pooled over them and all other trained methods that have the
    same benchmarks, seeds and problems, a row a training run. less: an untrained method whose scores are taken away.
    None where one seed tells nothing of it, or what is compared is not trained.
    """
    first = compared[0]
    if not all(one.trained and len(one.seeds) > 1 for scores in compared for one in scores.values()):
        return None
    rows = {next(iter(scores.values())).run: scores for scores in compared}
    if len(rows) < len(compared):
        rows = dict(enumerate(compared))  # two checkpoints of one run: no other pair is like it
    else:
        for scores in methods.values():
            if all(name in scores and scores[name].trained and scores[name].like(first[name]) for name in first):
                rows.setdefault(next(iter(scores.values())).run, scores)
    benchmarks = [np.stack([scores[name].values for scores in rows.values()]) for name in first]  # (methods, S, n)
    if len(compared) == 2:
        return seed_variance.of_pairs(benchmarks, weights)
    if less:
        benchmarks = [scores - less[name].values for name, scores in zip(first, benchmarks, strict=True)]
    return seed_variance.of_single(benchmarks, weights)


def score_rows(problems: pd.DataFrame, plan: dict) -> list[dict]:
    """Rows of scores.csv, from problem_scores.parquet.

    The average over benchmarks is one of each answer length; of a benchmark's decoders of that length the first counts.
    A method that does not answer all of them, such as guessing, has none. What was answered once, since nothing is
    drawn at random, counts for every seed.
    """
    rows = []
    for (model, benchmark, decoder, metric), group in problems.groupby(
        ["model", "benchmark", "decoder", "metric"], sort=False
    ):
        methods = {method: {benchmark: _scores(part)} for method, part in group.groupby("method", sort=False)}
        settings = plan[benchmark]["decoders"][decoder]
        common = {"model": model, "benchmark": benchmark, "decoder": decoder, "gen_length": settings["gen_length"]}
        common |= {"steps": settings["steps"] or 0, "metric": metric}
        for method, scores in methods.items():
            one = scores[benchmark]
            groups = {str(seed): (one.values[[i]], one.steps[i : i + 1]) for i, seed in enumerate(one.seeds)}
            if not settings["drawn"] and one.untrained:
                groups = {"-": (one.values, one.steps)}
            if len(groups) > 1:
                groups["all"] = (one.values, one.steps)
            for seed, (values, steps) in groups.items():
                variance = pooled(methods, [scores], [1.0]) if seed == "all" else None
                row = {"method": method, "seed": seed, "step": say(list(steps))}
                rows.append(common | row | _interval([values], variance))
    for (model, length), methods in by_method(problems).items():
        wanted = {name for name, task in plan.items() if length in {d["gen_length"] for d in task["decoders"].values()}}
        for method, scores in methods.items():
            if scores.keys() != wanted:
                continue
            seeds = max((one.seeds for one in scores.values()), key=len)
            parts = [np.broadcast_to(one.values, (len(seeds), one.values.shape[1])) for one in scores.values()]
            untrained = all(one.untrained for one in scores.values())
            seed = "all" if len(seeds) > 1 else "-" if untrained else str(seeds[0])
            variance = pooled(methods, [scores], [1 / len(parts)] * len(parts))
            rows.append(
                {"model": model, "method": method, "benchmark": "average", "seed": seed, "step": step_of(scores)}
                | {"decoder": "-", "gen_length": length, "steps": 0, "metric": "mean"}
                | _interval(parts, variance)
            )
    return rows


def _interval(parts: list[np.ndarray], variance: SeedVariance | None) -> dict:
    value, low, high, said = score_interval(parts, variance)
    counts = {"n": sum(part.shape[1] for part in parts), "seeds": len(parts[0])}
    return counts | {"value": value, "ci_low": low, "ci_high": high, "seed_variance": said}
