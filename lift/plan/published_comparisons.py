"""What the differences of published scores can carry: each is one run on n problems, and which ones is not known."""

import itertools
import math

import pandas as pd
from scipy import stats

from lift.config import configuration
from lift.data import counts
from lift.errors import InputError
from lift.scores.intervals import LEVEL, wilson

ORDER = ("base", "sft", "cart", "gift", "lift2", "lift3")  # each method is compared with those before it


def newcombe(first: float, second: float, n: int) -> tuple[float, float]:
    """Interval of the difference of two proportions over n independent trials each (Newcombe 1998, method 10)."""
    (low1, high1), (low2, high2) = wilson(first, n), wilson(second, n)
    difference = first - second
    return (
        difference - math.hypot(first - low1, high2 - second),
        difference + math.hypot(high1 - first, second - low2),
    )


def bonett_price(only_first: int, only_second: int, n: int) -> tuple[float, float]:
    """Interval of a paired difference of proportions from the problems that only one of both solves (Bonett and Price
    2012)."""
    first, second = (only_first + 1) / (n + 2), (only_second + 1) / (n + 2)
    half = stats.norm.ppf((1 + LEVEL) / 2) * math.sqrt((first + second - (first - second) ** 2) / (n + 2))
    return first - second - half, first - second + half


def sizes(configs: list[dict]) -> dict[str, int]:
    """The number of problems of each benchmark, by its source, in some resolved configs."""
    found = {}
    for config in configs:
        for entry in config["benchmarks"].values():
            settings = configuration.benchmark_settings(entry)
            if settings.get("rows"):
                found[entry["source"]] = counts.settled_problems(settings)
    return found


def compare(published: pd.DataFrame, problems: dict[str, int]) -> pd.DataFrame:
    """Each method minus each before it in ORDER, of the same source, model, benchmark, length and metric; in points.

    published: of lift.scores.reported.read. problems: of `sizes`. low, high: with the problems drawn anew for each
    method. best_low, best_high, best_p: if as few problems as possible differ, and all in the same direction; the
    p-value is McNemar's exact one.
    """
    rows = []
    keys = ["source", "model", "benchmark", "length", "metric"]
    stated = published[(published["model"] != "") & published["method"].isin(ORDER)]
    for (source, model, benchmark, length, metric), part in stated.groupby(keys, sort=False, dropna=False):
        values = part.set_index("method")["value"]
        for before, method in itertools.combinations([name for name in ORDER if name in values], 2):
            if benchmark not in problems:
                raise InputError(f"The published numbers name the benchmark {benchmark}, whose size is not known.")
            n = problems[benchmark]
            solved = [round(values[name] * n / 100) for name in (method, before)]
            more = solved[0] - solved[1]
            only = (max(0, more), max(0, -more))
            low, high = newcombe(solved[0] / n, solved[1] / n, n)
            best_low, best_high = bonett_price(*only, n)
            row = {"model": model, "benchmark": benchmark, "length": length, "metric": metric, "n": n}
            row |= {"method": method, "reference": before, "solved": solved[0], "by_reference": solved[1]}
            row |= {"difference": 100 * more / n, "low": 100 * low, "high": 100 * high}
            row |= {"best_low": 100 * best_low, "best_high": 100 * best_high}
            row |= {"best_p": float(stats.binomtest(only[0], sum(only)).pvalue) if more else 1.0, "source": source}
            rows.append(row)
    if not rows:
        raise InputError(
            "No two methods among the published numbers have the same source, model, benchmark and length."
        )
    return pd.DataFrame(rows)


def page(table: pd.DataFrame) -> str:
    """docs/published.md, from `compare`."""
    apart, best = table["low"] * table["high"] > 0, table["best_low"] * table["best_high"] > 0
    shown = pd.DataFrame(
        {
            "benchmark": table["benchmark"],
            "length": ["not stated" if pd.isna(length) else f"{length:.0f}" for length in table["length"]],
            "methods": table["method"] + " - " + table["reference"],
            "solved": [
                f"{a} and {b} of {n}"
                for a, b, n in zip(table["solved"], table["by_reference"], table["n"], strict=True)
            ],
            "difference": table["difference"].map("{:+.1f}".format),
            "unpaired": _intervals(table["low"], table["high"]),
            "at best paired": _intervals(table["best_low"], table["best_high"]),
            "p at best": table["best_p"].map(lambda p: "< 0.001" if p < 0.0005 else f"{p:.3f}"),
            "leaves out zero": ["yes" if a else "at best" if b else "no" for a, b in zip(apart, best, strict=True)],
            "source": table["source"],
        }
    )
    if table["model"].nunique() > 1:
        shown.insert(0, "model", table["model"])
    of_paper = table["method"] == "lift3"
    counts = [(part & rows).sum() for rows in (table["n"] > 0, of_paper) for part in (apart, best & ~apart)]
    return f"""# What the published differences can carry

Made by `python -m lift published` from [config/reported.csv](../config/reported.csv) and the sizes of the benchmarks.
{", ".join(table["model"].unique())}, in points, with 95% intervals.

Each published score is one run, and which problems it solved is not published. So a difference has two intervals.
*Unpaired*: as if each method had met its own n problems (Newcombe 1998, method 10). *At best paired*: as if the two
had disagreed on as few problems as the scores allow, all in one direction (Bonett and Price 2012; the p-value is
McNemar's exact one). Methods that find the same problems hard lie between the two. Neither holds what another seed of
training or sampling would change, and none is corrected for the number of comparisons: both are too narrow for that.
The cells of a Sudoku are taken as if whole puzzles were right or wrong, which is the widest that they can be.

| | differences | leave out zero | only at best |
|---|---|---|---|
| all | {len(table)} | {counts[0]} | {counts[1]} |
| of LIFT-3 | {of_paper.sum()} | {counts[2]} | {counts[3]} |

{shown.to_markdown(index=False, disable_numparse=True)}

pass@16 on 30 problems moves by 3.3 points with a single problem. Five problems of 30 against two are three more; if no
problem was lost, that is what a fair coin gives one time in four. The numbers of [config/reported.csv](
../config/reported.csv) that stand alone (no other method of the same source, length and metric) are not here.
"""


def _intervals(low: pd.Series, high: pd.Series) -> list[str]:
    return [f"[{one:+.1f}, {other:+.1f}]" for one, other in zip(low, high, strict=True)]
