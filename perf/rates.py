"""The learning rate of each method of the miniature: the best of three on validation problems, by one rule for all.

snakemake --cores all --configfile config/tuning.yaml
python perf/rates.py
"""

import argparse
from pathlib import Path

import pandas as pd
import yaml
from base import moves, read, seeds_apart
from measurement import RESULTS, report

from lift.config import configuration

AT = "-at-"  # in the names of config/tuning.yaml, between a method and its rate


def averages(points: pd.DataFrame, rates: dict[str, float]) -> pd.DataFrame:
    """method, rate, mean, a column a seed: the average's distance from the base's in points, a row a method and rate.

    points: a row a method of config/tuning.yaml, a column a seed. Raises ValueError for a name without its rate.
    """
    rows = []
    for name, seeds in points.iterrows():
        method, at, _ = name.partition(AT)
        if not at:
            raise ValueError(f"{name}: a method of the tuning is named METHOD{AT}RATE")
        rows.append({"method": method, "rate": rates[name], "mean": seeds.mean()} | seeds.to_dict())
    return pd.DataFrame(rows)


def choose(table: pd.DataFrame) -> dict[str, float]:
    """The rate with the best mean, by method; the lower of two that are equal."""
    ordered = table.sort_values(["mean", "rate"], ascending=[False, True], kind="stable")
    return ordered.groupby("method", sort=False)["rate"].first().to_dict()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--results", type=Path, default=Path("results/tuning"))
    args = parser.parse_args()
    config = yaml.safe_load((args.results / "config.yaml").read_text())
    _, by_seed = seeds_apart(read(args.results)[0])
    points = moves(by_seed)
    rates = {name: configuration.method_training(config, name)["learning_rate"] for name in config["methods"]}
    table = averages(points.loc[list(config["methods"])], rates)
    chosen = choose(table)
    rows = [
        {
            "method": row["method"],
            "rate": f"{row['rate']:g}",
            **{f"seed {seed}": f"{row[seed]:+.1f}" for seed in points.columns},
            "mean": f"{row['mean']:+.1f}",
            "chosen": "yes" if row["rate"] == chosen[row["method"]] else "",
        }
        for _, row in table.iterrows()
    ]
    text = """
Points between a method's average over the tested benchmarks and the base's, on validation problems, which no test
holds. Chosen is the rate with the best mean over the seeds, the lower of two that are equal.
"""
    report("rates", "The learning rate of each method", rows, text)
    pd.DataFrame(rows).to_csv(RESULTS / "rates.csv", index=False)


if __name__ == "__main__":
    main()
