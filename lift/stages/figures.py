"""Figures from scores, costs, statistics and training logs: each as PNG and PDF, and as CSV what it shows."""

import json
from pathlib import Path

import pandas as pd

from lift import tidy
from lift.report.figures.every import every
from lift.report.figures.style import save
from lift.report.tables import pooled


def add_arguments(parser) -> None:
    parser.add_argument("--scores", type=Path, required=True, help="scores.csv")
    parser.add_argument("--costs", type=Path, required=True, help="costs.csv")
    parser.add_argument("--statistics", type=Path, nargs="+", required=True, help=".parquet files")
    parser.add_argument("--logs", type=Path, nargs="+", required=True, help="log.jsonl of the fine-tuning runs")
    parser.add_argument("--metrics", type=json.loads, required=True, help="by benchmark, its own metric; as JSON")
    parser.add_argument("--decoders", type=json.loads, required=True, help="by benchmark, their names; as JSON")
    parser.add_argument("--methods", nargs="+", required=True, help="in the order of the legend")
    parser.add_argument("--ablations", nargs="*", default=[], help="further methods, for the scores only")
    parser.add_argument("--output", type=Path, required=True, help="folder for the figures")


def read_log(path: Path) -> list[dict]:
    """The entries of runs/MODEL/METHOD/seedK/log.jsonl."""
    model, method, seed = path.parts[-4:-1]
    entries = [json.loads(line) for line in path.read_text().splitlines()]
    return [{"model": model, "method": method, "seed": seed, **entry} for entry in entries]


def main(args) -> None:
    logs = pd.DataFrame([entry for path in args.logs for entry in read_log(path)])
    statistics = {path.stem: pd.read_parquet(path) for path in args.statistics}
    scores, costs = pooled(tidy.read(args.scores)), tidy.read(args.costs)
    drawn = every(scores, costs, logs, statistics, args.metrics, args.decoders, args.methods, args.ablations)
    for name, figure, table in drawn:
        save(figure, table, args.output / name)
