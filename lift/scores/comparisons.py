"""Methods compared over the same problems: differences with intervals and corrected p-values."""

import itertools
from collections.abc import Mapping, Sequence
from typing import NamedTuple

import numpy as np
import pandas as pd

from lift.errors import InputError
from lift.scores.intervals import LEVEL, difference, holm
from lift.scores.scores import Scores, by_method, pooled, step_of
from lift.scores.seed_variance import SeedVariance

COLUMNS = (
    *("model", "gen_length", "method", "reference", "benchmark", "decoder", "metric", "n", "seeds"),
    *("step", "reference_step", "difference", "ci_low", "ci_high", "seed_variance", "p", "p_corrected", "verdict"),
)
# Of the 5% by which any mark may be an error: averages are asked first, and single benchmarks get the rest.
SHARE = {"average": 0.8, "benchmark": 0.2}


class Comparison(NamedTuple):
    """Two methods on some benchmarks: paired differences, (seeds, problems) each, and what varies from seed to seed."""

    parts: tuple[np.ndarray, ...]
    weights: tuple[float, ...]
    seed: SeedVariance | None

    @property
    def problems(self) -> int:
        """The number of problems, over all benchmarks."""
        return sum(part.shape[1] for part in self.parts)


def prepare(
    methods: Mapping[str, Mapping[str, Scores]], first: str, second: str, weights: Mapping[str, float]
) -> Comparison:
    """The first method minus the second on the same problem, seed by seed, benchmarks weighted.

    methods: those of a model and answer length. What an untrained method answered once is compared with every seed of
    the other.
    """
    one, other = ({name: methods[method][name] for name in weights} for method in (first, second))
    parts = []
    for name in weights:
        pair, where = (one[name], other[name]), f"{first} and {second} on {name}"
        if pair[0].problems != pair[1].problems:
            raise InputError(f"{where}: Methods that answered different problems cannot be paired.")
        seeds, once = [scores.seeds for scores in pair], any(len(s.seeds) == 1 and not s.trained for s in pair)
        if seeds[0] != seeds[1] and not once:
            raise InputError(f"{where}: Methods with the seeds {seeds[0]} and {seeds[1]} cannot be paired.")
        parts.append(pair[0].values - pair[1].values)
    seeds = max(map(len, parts))
    parts = [np.broadcast_to(part, (seeds, part.shape[1])) for part in parts]
    values = tuple(weights.values())
    trained = [all(scores.trained for scores in method.values()) for method in (one, other)]
    if all(trained):
        seed = pooled(methods, [one, other], values)
    elif any(trained):
        first, less = (one, other) if trained[0] else (other, one)
        seed = pooled(methods, [first], values, less)
    else:
        seed = None
    return Comparison(tuple(parts), values, seed)


def plain_average(benchmarks: Sequence[str]) -> dict[str, float]:
    """The weights of benchmarks that all count alike."""
    return dict.fromkeys(benchmarks, 1 / len(benchmarks))


def compare(problems: pd.DataFrame, references: list[str], leave_out: list[str]) -> pd.DataFrame:
    """Every method against each reference, on each benchmark and on average, with COLUMNS.

    Averages are one family, single benchmarks another: each family's p-values, of one reference, model and answer
    length, are corrected by Holm's method and divided by its SHARE. Better or worse is only what is so by the corrected
    one, at 1 - LEVEL, so that the chance of any wrong mark is 5% at most. leave_out: methods that are not compared.
    """
    tables, places = [], by_method(problems)
    for reference in references:
        if not any(reference in methods for methods in places.values()):
            raise InputError(f"There are no scores of the reference {reference}.")
    for ((model, length), methods), reference in itertools.product(places.items(), references):
        rows, of_reference = [], methods.get(reference, {})
        every = {name for scores in methods.values() for name in scores}
        for method, scores in methods.items():
            shared = [name for name in scores if name in of_reference]
            if method == reference or method in leave_out or not shared:
                continue
            groups = {name: {name: 1.0} for name in shared}
            if set(shared) == every:
                groups["average"] = plain_average(shared)
            for name, weights in groups.items():
                comparison = prepare(methods, method, reference, weights)
                value, low, high, p, seeds = difference(*comparison)
                one = scores.get(name)
                rows.append(
                    {"model": model, "gen_length": length, "method": method, "reference": reference}
                    | {"benchmark": name, "decoder": one.decoder if one else "-"}
                    | {"metric": one.metric if one else "mean"}
                    | {"n": comparison.problems, "seeds": len(comparison.parts[0])}
                    | {"step": step_of(scores), "reference_step": step_of(of_reference)}
                    | {"difference": value, "ci_low": low, "ci_high": high, "seed_variance": seeds, "p": p}
                )
        if rows:
            table = pd.DataFrame(rows)
            table["p_corrected"] = corrected(table["p"], table["benchmark"] == "average")
            sure = table["p_corrected"] < 1 - LEVEL
            table["verdict"] = np.where(sure, np.where(table["difference"] > 0, "better", "worse"), "")
            tables.append(table)
    return pd.concat(tables, ignore_index=True) if tables else pd.DataFrame(columns=list(COLUMNS))


def corrected(p: pd.Series, average: pd.Series) -> pd.Series:
    """p-values corrected by Holm's method in each of the two families, and divided by the family's share."""
    found = p.copy()
    for family, share in ((average, SHARE["average"]), (~average, SHARE["benchmark"])):
        found[family] = np.minimum(1.0, holm(p[family].to_numpy()) / share)
    return found
