"""Scores with 95% intervals from problem_scores.parquet: scores.csv, tidy.

A method has a row for each seed and one, with seed "all", over them; an untrained one has a single row with seed "-"
where nothing was drawn at random. A benchmark's own metric is the one that counts in the average over benchmarks.
Column step: of training, of the weights that were decoded with; "the base" where it is 0, "-" for an untrained method.
Column seed_variance: how what changes from seed to seed was estimated (docs/uncertainty.md).
"""

from pathlib import Path

import pandas as pd

from lift.scores.scores import COLUMNS, read_problems, score_rows


def main(experiment, args) -> list[Path]:
    layout = experiment.layout
    scores = pd.DataFrame(score_rows(read_problems(layout.problem_scores), experiment.scoring()["benchmarks"]))
    scores.insert(0, "experiment", experiment.config["experiment"])
    order = ["model", "method", "benchmark", "gen_length", "decoder", "metric", "seed"]
    scores = scores[list(COLUMNS)].sort_values(order, kind="stable")
    scores.to_csv(layout.scores, index=False, float_format="%.6f")
    return [layout.scores]
