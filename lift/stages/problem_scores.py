"""Score every problem by every metric: problem_scores.parquet; and costs.csv, what differs from run to run.

All intervals, comparisons and claims are made of problem_scores.parquet: a row a problem, seed and metric.
"""

import json
from pathlib import Path

import pandas as pd

from lift.scores.problem_scores import problem_table
from lift.scores.run_records import cost_rows, decoded_steps


def add_arguments(parser) -> None:
    parser.add_argument("--grades", type=Path, nargs="+", required=True, help=".csv files of grades")
    parser.add_argument(
        "--plan", type=json.loads, required=True, help="by benchmark: decoders with settings, metric; as JSON"
    )
    parser.add_argument(
        "--runs",
        type=json.loads,
        default={},
        help="by method without runs of its own, the one whose it decodes; as JSON",
    )
    parser.add_argument("--records", type=Path, nargs="+", required=True, help="run.json of decoding and training")
    parser.add_argument("--output", type=Path, required=True, help="folder for these files")


def main(args) -> None:
    problems = problem_table(args.grades, args.plan, decoded_steps(args.records), args.runs)
    problems.to_parquet(args.output / "problem_scores.parquet", index=False)
    pd.DataFrame(cost_rows(args.records)).to_csv(args.output / "costs.csv", index=False)
