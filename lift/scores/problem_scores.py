"""The score of every problem by every metric, from grades; what all numbers with intervals are made of."""

import math
from collections.abc import Mapping
from pathlib import Path

import numpy as np
import pandas as pd

from lift import tidy
from lift.errors import InputError


def pass_at_k(correct: np.ndarray, samples: int, k: int) -> np.ndarray:
    """The chance that one of k answers is right, by problem, from the number of right ones among `samples`.

    The unbiased estimator 1 - C(n - c, k) / C(n, k) of Chen et al. 2021 (arXiv 2107.03374).
    """
    return np.array([1 - math.comb(samples - int(c), k) / math.comb(samples, k) for c in correct])


def _accuracy(grades: pd.DataFrame, k: int) -> dict[str, np.ndarray]:
    return {"accuracy": grades.groupby("id")["correct"].mean().to_numpy()}


def _cell_accuracy(grades: pd.DataFrame, k: int) -> dict[str, np.ndarray]:
    by_problem = grades.groupby("id")
    cells = by_problem[["correct_cells", "empty_cells"]].sum()
    scores = {"cell_accuracy": (cells["correct_cells"] / cells["empty_cells"]).to_numpy()} | _accuracy(grades, k)
    return scores | ({"valid_grid": by_problem["valid"].mean().to_numpy()} if "valid" in grades else {})


def _pass_at_k(grades: pd.DataFrame, k: int) -> dict[str, np.ndarray]:
    by_problem = grades.groupby("id")
    correct, samples = by_problem["correct"].sum().to_numpy(), int(by_problem.size().iloc[0])
    k = min(k, samples)  # guesses may be fewer
    others = {2**i for i in range(1, samples.bit_length())} | {samples}
    scores = {f"pass@{count}": pass_at_k(correct, samples, count) for count in (k, *sorted(others - {k, 1}))}
    return scores | {f"avg@{samples}": correct / samples}


# What a benchmark's METRIC may be: from grades and k the scores of every problem, in the order of their ids, the
# benchmark's own metric first.
METRICS = {"accuracy": _accuracy, "cell_accuracy": _cell_accuracy, "pass@k": _pass_at_k}


def problem_scores(grades: pd.DataFrame, metric: str, k: int) -> dict[str, np.ndarray]:
    """By metric, a score for every problem, in the order of their ids; the benchmark's own metric comes first.

    k: of the metric pass@k that counts. Raises InputError for a metric that is not known.
    """
    if metric not in METRICS:
        raise InputError(f"there is no metric {metric!r}; known are {', '.join(METRICS)}.")
    scores, by_problem = METRICS[metric](grades, k), grades.groupby("id")
    of_all = {"invalid_format": "invalid", "truncated": "truncated"}
    return scores | {name: by_problem[column].mean().to_numpy() for name, column in of_all.items()}


def problem_table(
    files: list[Path], plan: dict, steps: Mapping[tuple[str, str, int], int | None], runs: Mapping[str, str]
) -> pd.DataFrame:
    """A row a problem, seed and metric, from grades at MODEL/METHOD/seedK/DECODER/BENCHMARK.csv.

    steps: of the weights, by (model, method, seed); none for an untrained method. runs: by method without runs of its
    own, the one whose it decodes. Column run: the method whose runs a row is of. Column counts: whether it counts in
    tables and averages, being the benchmark's own metric by the first of its decoders of that answer length.
    """
    parts = []
    for path in files:
        model, method, seed, decoder, benchmark = *path.parts[-5:-1], path.stem
        task, grades, number = plan[benchmark], tidy.read(path), int(seed.removeprefix("seed"))
        length = task["decoders"][decoder]["gen_length"]
        where = {"model": model, "method": method, "run": runs.get(method, method), "seed": number}
        where["step"] = steps.get((model, method, number))
        where |= {"benchmark": benchmark, "decoder": decoder, "gen_length": length}
        ids = sorted(set(grades["id"]))
        first = decoder == next(name for name, one in task["decoders"].items() if one["gen_length"] == length)
        for place, (metric, values) in enumerate(problem_scores(grades, task["metric"], task["k"]).items()):
            counts = first and place == 0
            parts.append(pd.DataFrame(where | {"counts": counts, "metric": metric, "id": ids, "value": values}))
    return pd.concat(parts, ignore_index=True).astype({"step": "Int64"})
