"""Whether the published differences point the way that the miniature's do, group of tasks by group of tasks.

snakemake --cores all --configfile config/study.yaml
python perf/predictions.py
"""

import argparse
from pathlib import Path

import pandas as pd
from measurement import report

from lift.scores import reported
from lift.scores.comparisons import plain_average, prepare
from lift.scores.intervals import Difference, bonferroni, difference
from lift.scores.scores import by_method, read_problems

ROOT = Path(__file__).parent.parent
MODEL = "GSAI-ML/LLaDA-8B-Instruct"
# Stated before the study was run: which published benchmarks stand for which tasks of the miniature.
GROUPS = {
    "what the corpus is like": (("gsm8k", "math500"), ("mini-gsm", "mini-math")),
    "what the corpus leaves out": (("countdown", "sudoku"), ("mini-countdown", "mini-sudoku")),
    "contests": (("aime24", "aime25"), ("mini-contest-a", "mini-contest-b")),
}
PAIRS = (("sft", "base"), ("lift3", "base"), ("lift3", "sft"))


def published_difference(published: pd.DataFrame, pair: tuple[str, str], benchmarks: tuple[str, ...]) -> float | None:
    """Points, the mean over answer lengths of each benchmark and then over benchmarks; None where one is not known."""
    rows = published[(published["model"] == MODEL) & published["benchmark"].isin(benchmarks)]
    means = rows.groupby(["benchmark", "method"])["value"].mean().unstack("method")
    if not set(pair) <= set(means.columns):
        return None
    gaps = (means[pair[0]] - means[pair[1]]).dropna()
    return float(gaps.mean()) if set(gaps.index) == set(benchmarks) else None


def sign(value: float) -> str:
    return "+" if value > 0 else "-" if value < 0 else "0"


def agreement(theirs: float, ours: Difference) -> str:
    """Whether our interval lies on the published side of zero; `open` where it holds zero, and its middle's sign."""
    if ours.low > 0 or ours.high < 0:
        return "yes" if sign(ours.value) == sign(theirs) else "no"
    return f"open ({sign(ours.value)})"


def rows(published: pd.DataFrame, scores: dict) -> list[dict]:
    """A row a pair of methods and group for which a difference is published. scores: of a model and length."""
    cases = [
        (pair, group, found, ours)
        for pair in PAIRS
        for group, (theirs, ours) in GROUPS.items()
        if (found := published_difference(published, pair, theirs)) is not None
    ]
    table = []
    for pair, group, theirs, ours in cases:
        seen = difference(*prepare(scores, *pair, plain_average(ours)), bonferroni(len(cases)))
        low, value, high = (100 * number for number in (seen.low, seen.value, seen.high))
        table.append(
            {"difference": " - ".join(pair), "group": group}
            | {"published": f"{theirs:+.1f}", "miniature": f"{value:+.1f} [{low:+.1f}, {high:+.1f}]"}
            | {"same sign": agreement(theirs, seen)}
        )
    return table


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--problems", type=Path, default=Path("results/study/problem_scores.parquet"))
    args = parser.parse_args()
    places = by_method(read_problems(args.problems))
    scores = next(methods for (model, _), methods in places.items() if model != "none")
    text = """
Points. Published: LLaDA-8B-Instruct in config/reported.csv, the mean over answer lengths, then over benchmarks, most of
one run each. Miniature: 95% intervals over all rows together. `open` where the interval holds zero, with the sign of
its middle. Which benchmarks stand for which tasks was stated before the run; more than a sign is not compared.
"""
    report(
        "predictions",
        "Signs of the published differences",
        rows(reported.read(ROOT / "config/reported.csv"), scores),
        text,
    )


if __name__ == "__main__":
    main()
