"""Scores with 95% intervals from problem_scores.parquet: scores.csv, tidy.

A method has a row for each seed and one, with seed "all", over them; an untrained one has a single row with seed "-"
where nothing was drawn at random. A benchmark's own metric is the one that counts in the average over benchmarks.
Column step: of training, of the weights that were decoded with; "the base" where it is 0, "-" for an untrained method.
Column seed_variance: how what changes from seed to seed was estimated (docs/uncertainty.md).
"""

import json
from pathlib import Path

import pandas as pd

from lift.scores.scores import COLUMNS, read_problems, score_rows


def add_arguments(parser) -> None:
    parser.add_argument("--experiment", required=True)
    parser.add_argument("--problems", type=Path, required=True, help="problem_scores.parquet")
    parser.add_argument("--plan", type=json.loads, required=True, help="by benchmark: decoders with settings; as JSON")
    parser.add_argument("--output", type=Path, required=True, help="the .csv file")


def main(args) -> None:
    scores = pd.DataFrame(score_rows(read_problems(args.problems), args.plan))
    scores.insert(0, "experiment", args.experiment)
    order = ["model", "method", "benchmark", "gen_length", "decoder", "metric", "seed"]
    scores = scores[list(COLUMNS)].sort_values(order, kind="stable")
    scores.to_csv(args.output, index=False, float_format="%.6f")
