"""Methods compared over the same problems: differences with intervals and corrected p-values."""

import itertools
from dataclasses import dataclass

import numpy as np
import pandas as pd

from lift.decoded_step import say
from lift.intervals import LEVEL, difference, holm

COLUMNS = (
    *("model", "gen_length", "method", "reference", "benchmark", "decoder", "metric", "n", "seeds"),
    *("step", "reference_step", "difference", "ci_low", "ci_high", "p", "p_corrected", "verdict"),
)


@dataclass(frozen=True)
class Scores:
    """A method's scores on one benchmark: values (seeds, problems), with the numbers of the seeds and problems.

    steps: of training, of the weights by seed; None for an untrained method.
    """

    values: np.ndarray
    seeds: tuple[int, ...]
    problems: tuple[int, ...]
    decoder: str
    metric: str
    steps: tuple[int | None, ...]


def by_method(problems: pd.DataFrame) -> dict[tuple[str, int], dict[str, dict[str, Scores]]]:
    """The scores that count, by (model, answer length), method and benchmark; from problem_scores.parquet."""
    found: dict[tuple[str, int], dict[str, dict[str, Scores]]] = {}
    keys = ["model", "gen_length", "method", "benchmark"]
    for (model, length, method, benchmark), part in problems[problems["counts"]].groupby(keys, sort=False):
        wide = part.pivot(index="seed", columns="id", values="value").sort_index()
        decoder, metric = part[["decoder", "metric"]].iloc[0]
        steps = part.groupby("seed")["step"].first().reindex(wide.index)
        steps = tuple(None if pd.isna(step) else int(step) for step in steps)
        scores = Scores(wide.to_numpy(), tuple(wide.index), tuple(wide.columns), decoder, metric, steps)
        found.setdefault((model, int(length)), {}).setdefault(method, {})[benchmark] = scores
    return found


def paired(first: Scores, second: Scores) -> np.ndarray:
    """(seeds, problems): the first's score minus the second's on the same problem, seed by seed.

    What was answered once, such as by the untrained model, is compared with every seed of the other.
    """
    if first.problems != second.problems:
        raise ValueError("Methods that answered different problems cannot be paired.")
    if 1 not in (len(first.seeds), len(second.seeds)) and first.seeds != second.seeds:
        raise ValueError(f"Methods with the seeds {first.seeds} and {second.seeds} cannot be paired.")
    return first.values - second.values


def step_of(scores: dict[str, Scores]) -> str:
    """The steps of a method's weights, as text; from its scores by benchmark."""
    return say(max((one.steps for one in scores.values()), key=len))


def compare(problems: pd.DataFrame, references: list[str], leave_out: list[str]) -> pd.DataFrame:
    """Every method against each reference, on each benchmark and on average, with COLUMNS.

    p-values are corrected for all comparisons with one reference of one model and answer length together; better or
    worse is only what is so by the corrected one, at 1 - LEVEL. leave_out: methods that are not compared.
    """
    tables = []
    for ((model, length), methods), reference in itertools.product(by_method(problems).items(), references):
        rows, of_reference = [], methods.get(reference, {})
        for method, scores in methods.items():
            shared = [name for name in scores if name in of_reference]
            if method == reference or method in leave_out or not shared:
                continue
            differences = {name: paired(scores[name], of_reference[name]) for name in shared}
            groups = {name: [part] for name, part in differences.items()}
            if set(shared) == set(of_reference):
                groups["average"] = list(differences.values())
            for name, parts in groups.items():
                value, low, high, p = difference(parts, [1 / len(parts)] * len(parts))
                one = scores.get(name)
                rows.append(
                    {"model": model, "gen_length": length, "method": method, "reference": reference}
                    | {"benchmark": name, "decoder": one.decoder if one else "-"}
                    | {"metric": one.metric if one else "mean"}
                    | {"n": sum(part.shape[1] for part in parts), "seeds": len(parts[0])}
                    | {"step": step_of(scores), "reference_step": step_of(of_reference)}
                    | {"difference": value, "ci_low": low, "ci_high": high, "p": p}
                )
        if rows:
            table = pd.DataFrame(rows)
            table["p_corrected"] = holm(table["p"].to_numpy())
            sure = table["p_corrected"] < 1 - LEVEL
            table["verdict"] = np.where(sure, np.where(table["difference"] > 0, "better", "worse"), "")
            tables.append(table)
    return pd.concat(tables, ignore_index=True) if tables else pd.DataFrame(columns=list(COLUMNS))
