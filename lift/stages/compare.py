"""Compare every method with some references over the same problems: comparisons.csv.

Differences of scores, each with its 95% interval over problems and seeds, the p-value, the p-value corrected for all
comparisons with one reference of one model and answer length (Holm 1979), and better or worse where the corrected one
is below 0.05.
"""

from pathlib import Path

import pandas as pd

from lift.comparisons import compare


def add_arguments(parser) -> None:
    parser.add_argument("--problems", type=Path, required=True, help="problem_scores.parquet")
    parser.add_argument("--references", nargs="+", required=True, help="methods that the others are compared with")
    parser.add_argument("--leave-out", nargs="*", default=[], help="methods that are not compared")
    parser.add_argument("--output", type=Path, required=True, help="the .csv file")


def main(args) -> None:
    table = compare(pd.read_parquet(args.problems), args.references, args.leave_out)
    table.to_csv(args.output, index=False, float_format="%.6f")
