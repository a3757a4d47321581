"""Whether the miniature's base is worth fine-tuning: the aims of docs/miniature.md, read from a finished run.

snakemake --cores all --configfile config/base.yaml
python perf/base.py
"""

import argparse
from pathlib import Path

import pandas as pd
from measurement import report

from lift import tidy
from lift.report.text import points

TAUGHT = ("mini-gsm", "mini-math", "mini-contest-a", "mini-contest-b")
LEFT_OUT = ("mini-countdown", "mini-sudoku")
TASKS = (*TAUGHT, *LEFT_OUT)
LOWEST = "lowest-"  # before the names of the benchmarks of lowest levels
MOVED, SEEDS_DIFFER = 5.0, 3.0  # points of the average, at least and less than


def percent(row: pd.Series) -> str:
    return f"{100 * row['value']:.1f} [{100 * row['ci_low']:.1f}, {100 * row['ci_high']:.1f}]"


def miss(value: float, low: float, high: float) -> str:
    """`yes`, or how many points are missing; value and bounds in percent."""
    short = max(low - value, value - high, 0.0)
    return "yes" if short == 0 else f"no, by {short:.1f}"


def score_rows(scores: pd.DataFrame) -> list[dict]:
    """Rows on the base alone. scores: one row a method and benchmark, all seeds together, of the metric that counts."""
    base = scores[scores["method"] == "base"].set_index("benchmark")
    guess = scores[scores["method"] == "guess"].set_index("benchmark")
    rows = []
    for benchmark, row in base.iterrows():
        value = 100 * row["value"]
        if benchmark.startswith(LOWEST):
            aim, met = "lowest level: at least 80", miss(value, 80, 100)
        elif benchmark in TAUGHT:
            aim, met = "tested and taught: 10 to 50", miss(value, 10, 50)
        elif benchmark in LEFT_OUT:
            aim, met = "tested, left out of the corpus: 50 to 90", miss(value, 50, 90)
        else:
            continue
        rows.append({"what": f"base, {benchmark} ({row['metric']})", "measured": percent(row), "aim": aim, "met": met})
    for benchmark in base.index.intersection(TASKS):
        floor, low = 100 * guess.loc[benchmark, "value"], 100 * base.loc[benchmark, "ci_low"]
        rows.append(
            {
                "what": f"base's lower end, {benchmark}",
                "measured": f"{low:.1f}",
                "aim": f"above random answers: {floor:.1f}",
                "met": "yes" if low > floor else f"no, by {floor - low:.1f}",
            }
        )
    return rows


def moves(scores: pd.DataFrame) -> pd.DataFrame:
    """Points by which each seed's average over the tested benchmarks lies from the base's, a row a method.

    scores: a row a method, seed and benchmark, of the metric that counts; the base's over all its seeds.
    """
    table = 100 * scores.pivot_table(index=["method", "seed"], columns="benchmark", values="value")[list(TASKS)]
    base = table.loc["base"].mean()  # a row for what is drawn at random and one for the rest
    trained = table.drop(index=["base", "guess"], level="method", errors="ignore")
    return (trained.mean(axis=1) - base.mean()).unstack("seed")


def move_rows(moved: pd.DataFrame) -> list[dict]:
    """Rows on plain SFT: each rate, then the aims at the one that moves the average most."""
    mean, apart = moved.mean(axis=1), moved.max(axis=1) - moved.min(axis=1)
    rows = [
        {
            "what": f"{method} - base, average of the tested",
            "measured": f"{mean[method]:+.1f} (seeds: {', '.join(f'{value:+.1f}' for value in moved.loc[method])})",
            "aim": "-",
            "met": "-",
        }
        for method in moved.index
    ]
    best = mean.abs().idxmax()
    short = MOVED - abs(mean[best])
    rows.append(
        {
            "what": f"most: {best}",
            "measured": f"{mean[best]:+.1f}",
            "aim": f"{MOVED:g} or more, of either sign",
            "met": "yes" if short <= 0 else f"no, by {short:.1f}",
        }
    )
    over = apart[best] - SEEDS_DIFFER
    met = "yes" if over < 0 else f"no, by {over:.1f}"
    aim = f"less than {SEEDS_DIFFER:g}"
    return [*rows, {"what": f"seeds of {best} apart", "measured": f"{apart[best]:.1f}", "aim": aim, "met": met}]


def fade_rows(claims: pd.DataFrame) -> list[dict]:
    """Rows on how much faster rare words fade than frequent ones, from tables/claims.csv."""
    return [
        {"what": row["comparison"], "measured": points(*row[["difference", "ci_low", "ci_high"]]), "aim": "above 0"}
        | {"met": "yes" if row["verdict"] == "held" else "no"}
        for _, row in claims[claims["claim"] == "rare-tokens-fade"].iterrows()
    ]


def seeds_apart(scores: pd.DataFrame) -> tuple[pd.DataFrame, pd.DataFrame]:
    """The rows over all seeds, and those of each seed, which for the base are its rows over all.

    What is answered once has one row; its seed is "-", or 0 where it is sampled, as guesses are.
    """
    together = scores["seed"].isin(["all", "-"]) | scores["method"].eq("guess")
    return scores[together], scores[together == scores["method"].eq("base")]


def read(results: Path) -> tuple[pd.DataFrame, pd.DataFrame]:
    """The scores of a run in the metrics that count, and its claims."""
    metrics = tidy.read(results / "comparisons.csv")[["benchmark", "metric"]].drop_duplicates()
    scores = tidy.read(results / "scores.csv").merge(metrics, on=["benchmark", "metric"])
    return scores[scores["benchmark"] != "average"], tidy.read(results / "tables/claims.csv")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--results", type=Path, default=Path("results/base"))
    args = parser.parse_args()
    scores, claims = read(args.results)
    together, by_seed = seeds_apart(scores)
    rows = [*score_rows(together), *move_rows(moves(by_seed)), *fade_rows(claims)]
    text = """
Percent and points. Intervals of scores are at 95%, those of words at the level of the claims' table. Tested levels are
answered on validation problems. A miss is given by how many points.
"""
    report("base", "Whether the miniature's base is worth fine-tuning", rows, text)


if __name__ == "__main__":
    main()
